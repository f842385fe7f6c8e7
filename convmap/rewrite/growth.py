"""Containers that get children after they are made: torch runs them, others may not."""

from __future__ import annotations

import ast

from convmap.errors import Refusal
from convmap.rewrite import imports
from convmap.rewrite.substitutes import Substitutes
from convmap.source.names import FUNCTIONS


class Growth(Substitutes):
    """Looks at what adds children to modules."""

    def _child(self, statement: ast.Assign | ast.AnnAssign) -> None:
        """Look at ``self.body.last = Layer()``: a container of the source runs it, the target's may not."""
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            if not isinstance(target, ast.Attribute) or getattr(target.value, "id", "") == "self":
                continue
            if self.inference.kind(statement.value) == self.inference.kind(target.value) == "module":
                try:
                    self._grows_alike(target.value)
                except Refusal as refusal:
                    self._refuse(target, f"{self.source.module_class}.__setattr__", refusal)

    def _grows_alike(self, receiver: ast.expr) -> bool:
        """Tell whether what a child is added to is a container whose port takes the same call.

        False: it is a module of the user's, which runs its children itself. Raises Refusal where that is
        open, or where the container was made with layers and its port runs no others.
        """
        advice = "make the container where it is grown, or pass the layer with the others"
        owner = self.inference.enclosing(receiver, ast.ClassDef)
        if getattr(receiver, "id", "") == "self" and isinstance(owner, ast.ClassDef):
            return self._is_container_class(owner)
        values: list[ast.expr] = []
        if isinstance(receiver, ast.Attribute) and getattr(receiver.value, "id", "") == "self":
            values = self.inference.attribute_values(owner, receiver.attr)
        elif isinstance(receiver, ast.Name):
            scope = self.names.scope_of[receiver].find(receiver.id)
            made = [self.names.parent.get(by) for by in scope.bound[receiver.id]] if scope else []
            values = [m.value for m in made if isinstance(m, ast.Assign)]
            values = values if len(values) == len(made) else []
        found: set[bool | None] = set()
        for value in values:
            api = self.names.qualified(value.func) if isinstance(value, ast.Call) else None
            if any(b.operator.grows for b in self.source.by_api.get(api or "", ())):
                assert isinstance(value, ast.Call)
                if (value.args or value.keywords) and not self._grows_later(value):
                    raise Refusal("CM202", "the port of a container runs only what it was made with", advice)
                found.add(True)
            else:
                made_here = self.inference.classes.get(getattr(getattr(value, "func", None), "id", ""))
                if made_here is None or not self.inference.is_module_class(made_here):
                    found.add(None)
                else:
                    found.add(self._is_container_class(made_here))
        if len(found) != 1 or None in found:
            raise Refusal(
                "CM202", "what the layer is added to may be a container, which then does not run it", advice
            )
        return bool(found.pop())

    def _is_container_class(self, node: ast.ClassDef) -> bool:
        for base in node.bases:
            api = self.names.qualified(base)
            if any(b.operator.grows for b in self.source.by_api.get(api or "", ())):
                return True
            inner = self.inference.classes.get(getattr(base, "id", ""))
            if inner is not None and inner is not node and self._is_container_class(inner):
                return True
        return False

    def _grown(self, node: ast.ClassDef) -> None:
        """Add what the target needs behind an ``__init__`` of a class that appends to lists of modules."""
        starts = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == "__init__"]
        if not starts:
            return
        grows = any(
            isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Attribute)
            and self.inference.enclosing(call, ast.ClassDef) is node
            and self.inference.kind(call.func.value) in ("modules", "module")
            for name in self.source.growing
            for call in self.inference.calls.get(name, ())
        )
        first = starts[0].body[0]
        if grows and first.lineno != starts[0].lineno and self.inference.is_module_class(node):
            end = self.document.span(starts[0])[1]
            at = imports.line_end(self.document, end)
            start = self.document.offset(first.lineno, 0)
            indent = self.document.text((start, start + first.col_offset))
            ends = self.document.newline
            before = "" if self.document.data[at - 1 : at] in (b"\n", b"\r") else ends
            self.edits.replace((at, at), f"{before}{indent}{self.target.after_growth}{ends}")
