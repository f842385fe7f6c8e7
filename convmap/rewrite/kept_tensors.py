"""Tensors that a module keeps as attributes: where frameworks take them for state, or torch would leave them behind."""

from __future__ import annotations

import ast

from convmap.rewrite.base import Use
from convmap.rewrite.lists import Lists
from convmap.source.filling import filled
from convmap.source.inference import mark
from convmap.source.kinds import sure
from convmap.source.names import FUNCTIONS


class KeptTensors(Lists):
    """Registers such a tensor, so that it is in the state and moves with the module."""

    def _keeps_tensor(self, assignment: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        """Write ``self.mask = F.zeros(3)`` of an ``__init__`` as a buffer, where it is set once."""
        statement = dict(self.target.keeping_tensors).get(self.source.keeps_tensors)
        if statement is None:
            return
        target = assignment.targets[0] if isinstance(assignment, ast.Assign) else None
        if not isinstance(target, ast.Attribute) or getattr(target.value, "id", "") != "self":
            return
        owner = self.inference.enclosing(target, ast.ClassDef)
        method = self.inference.enclosing(target, FUNCTIONS)
        if not self.inference.is_module_class(owner) or getattr(method, "name", "") != "__init__":
            return
        once = len(self.inference.attributes.get((owner, target.attr), ())) == 1  # type: ignore[arg-type]
        if self._is_early(target) or not self._is_free(owner, target.attr):
            return
        if not once or len(assignment.targets) != 1 or not self._is_new(assignment.value):  # type: ignore[union-attr]
            return
        name, value = target.attr, mark(self.document.span(assignment.value))  # type: ignore[arg-type]
        text = statement.replace("{name}", repr(name)).replace("{value}", value)
        self.edits.replace(self.document.span(assignment), text)
        api, keeps = f"{self.source.module_class}.{name}", statement.partition("(")[0].rpartition(".")[2]
        self.port.uses.append(Use(target.lineno, api, f"{self.target.module_class}.{keeps}", "exact"))

    def _is_free(self, owner: ast.AST | None, name: str) -> bool:
        """Tell whether nothing else of a class or of what it derives from has a name: a buffer of it raises there."""
        if not isinstance(owner, ast.ClassDef) or name in self.inference.methods(owner):
            return False
        if self.inference.class_values(owner, name):
            return False
        for base in owner.bases:
            found = self.inference.classes.get(getattr(base, "id", ""))
            if found is not None and found is not owner:
                if (found, name) in self.inference.attributes or not self._is_free(found, name):
                    return False
            elif self.names.qualified(base) != self.source.module_class:
                return False
        return True

    def _is_new(self, value: ast.expr | None, depth: int = 0) -> bool:
        """Tell whether a value is a tensor that is made here, and no parameter; or None otherwise."""
        if isinstance(value, ast.IfExp):
            sides = [v for v in (value.body, value.orelse) if not _is_none(v)]
            return bool(sides) and all(self._is_new(v, depth) for v in sides)
        if isinstance(value, ast.Name) and not depth:
            scope = self.names.scope_of[value].find(value.id)
            given = [self._given(by) for by in scope.bound[value.id]] if scope is not None else [None]
            left = [v for v in given if v is None or not _is_none(v)]
            return bool(left) and all(self._is_new(v, 1) for v in left)
        if value is None or sure(self.inference.kind(value)) != "tensor":
            return False
        if not isinstance(value, ast.Call):
            return isinstance(value, (ast.BinOp, ast.Compare))
        receiver = value.func.value if isinstance(value.func, ast.Attribute) else None
        chained = isinstance(receiver, ast.Call) and self._is_new(receiver, depth)  # F.ones(3).reshape(1, 3)
        return chained or filled(self.inference, self.aliasing, value) == "new"

    def _given(self, by: ast.AST) -> ast.expr | None:
        """Give what a plain assignment gives a name; None for any other way of binding it."""
        parent = self.names.parent.get(by)
        plain = isinstance(parent, ast.Assign) and by in parent.targets
        return parent.value if plain else None  # type: ignore[union-attr]


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
