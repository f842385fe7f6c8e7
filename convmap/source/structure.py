"""What stands where in a file: classes and their bases, attributes, returns, and the uses of names."""

from __future__ import annotations

import ast
import functools
import sys
from dataclasses import dataclass
from typing import Any, Protocol

from convmap.rules import Framework
from convmap.source.names import FUNCTIONS, Names, Scope


@dataclass(frozen=True)
class Fact:
    """What a class or function is to other files: its kind, and the kind that calling it gives.

    Calling a module class makes a module; ``returns`` is then what calling that module gives.
    """

    kind: str  # "module class", "class", "unknown class" (it may be either) or "function"
    returns: str


class Others(Protocol):
    """The other modules of a project."""

    def fact(self, qualified: str) -> Fact | None: ...

    def owns(self, qualified: str, which: str | int) -> bool: ...


class Structure:
    """Answers about one file; of other files it knows what ``others`` tell."""

    def __init__(self, names: Names, framework: Framework, others: Others | None) -> None:
        self.names = names
        self.framework = framework
        self.others = others
        self._busy: set[Any] = set()
        self._mentions: dict[str, dict[Scope | None, list[ast.Name]]] = {}  # uses of a name by scope
        self._returns: dict[ast.AST, list[ast.expr | None]] = {}
        self._methods: dict[ast.ClassDef, dict[str, ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self._class_of: dict[Scope, ast.AST | None] = {}  # the innermost class around
        self.classes = {n.name: n for n in names.definitions if isinstance(n, ast.ClassDef)}
        self.calls: dict[str, list[ast.Call]] = {}
        self.attributes: dict[tuple[ast.ClassDef, str], list[ast.expr]] = {}
        self.buffers: set[tuple[ast.ClassDef, str]] = set()
        for call in names.calls:
            func = call.func
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            self.calls.setdefault(name, []).append(call)
            self._named_attribute(call)
        for returned in names.returns:
            function = self.enclosing(returned, FUNCTIONS)
            if function is not None:
                self._returns.setdefault(function, []).append(returned.value)
        for assignment in names.assignments:
            if assignment.value is not None:
                one = isinstance(assignment, ast.AnnAssign)
                for target in [assignment.target] if one else assignment.targets:  # type: ignore[union-attr]
                    self._attribute(target, assignment.value)

    def _attribute(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
            for i, item in enumerate(target.elts):
                if i < len(values):
                    self._attribute(item, values[i])
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            owner = self.enclosing(target, ast.ClassDef)
            if target.value.id == "self" and isinstance(owner, ast.ClassDef):
                self.attributes.setdefault((owner, target.attr), []).append(value)

    def _named_attribute(self, call: ast.Call) -> None:
        """Note what ``self.register_buffer("name", value)`` and the like set."""
        func = call.func
        if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)):
            return
        found = self.framework.by_api.get(f"{self.framework.module_class}.{func.attr}", ())
        owner = self.enclosing(call, ast.ClassDef) if func.value.id == "self" and found else None
        if not isinstance(owner, ast.ClassDef):
            return
        for binding in found:
            if binding.operator.kind not in ("attribute", "buffer"):
                continue
            name, value = (p.name for p in binding.params[1:3])
            given = dict(zip((name, value), call.args)) | {k.arg: k.value for k in call.keywords}
            if isinstance(given.get(name), ast.Constant) and value in given:
                key = (owner, str(given[name].value))  # type: ignore[attr-defined]
                self.attributes.setdefault(key, []).append(given[value])
                if binding.operator.kind == "buffer":
                    self.buffers.add(key)

    def attribute_values(self, owner: ast.AST | None, name: str) -> list[ast.expr]:
        """Give what a class assigns to ``self.name``; where it does not, what its base in this file does."""
        seen: list[ast.AST] = []
        while isinstance(owner, ast.ClassDef) and owner not in seen:
            seen.append(owner)
            if (owner, name) in self.attributes:
                return self.attributes[owner, name]
            bases = [self.classes.get(getattr(base, "id", "")) for base in owner.bases]
            owner = next((base for base in bases if base is not None), None)
        return []

    def class_values(self, owner: ast.AST | None, name: str) -> list[ast.expr]:
        """Give what a class's body assigns to a name: its kind, for classes that derive from it may give another value."""
        body = owner.body if isinstance(owner, ast.ClassDef) else []
        assigned = (s for s in body if isinstance(s, ast.Assign) and getattr(s.targets[0], "id", "") == name)
        return [statement.value for statement in assigned]

    def returned_values(self, function: ast.AST) -> list[ast.expr | None]:
        """Give what the return statements of a function give."""
        return self._returns.get(function, [])

    def enclosing(self, node: ast.AST, kinds: Any) -> ast.AST | None:
        """Give the innermost node of some types that a node is inside of."""
        at = self.names.parent.get(node)
        while at is not None and not isinstance(at, kinds):
            at = self.names.parent.get(at)
        return at

    def class_around(self, name: ast.Name) -> ast.AST | None:
        """Give the innermost class that a name is read in, by the scopes around it."""
        first = self.names.scope_of[name]
        scope: Scope | None = first
        if first not in self._class_of:
            while scope is not None and not isinstance(scope.node, ast.ClassDef):
                scope = scope.parent
            self._class_of[first] = scope.node if scope is not None else None
        return self._class_of[first]

    def methods(self, owner: ast.ClassDef) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """Give what a class defines itself, by name; of two of one name the first."""
        if owner not in self._methods:
            found = [item for item in owner.body if isinstance(item, FUNCTIONS)]
            self._methods[owner] = {item.name: item for item in reversed(found)}
        return self._methods[owner]

    def is_module_class(self, node: ast.AST | None) -> bool:
        """Tell whether a class derives from the framework's module class, through this file."""
        if not isinstance(node, ast.ClassDef) or node in self._busy:
            return False
        self._busy.add(node)
        try:
            for base in node.bases:
                qualified = self.names.qualified(base)
                if qualified == self.framework.module_class:
                    return True
                found = self.framework.by_api.get(qualified, ()) if qualified else ()
                if any(b.operator.kind in ("layer", "container") for b in found):
                    return True
                elsewhere = self._elsewhere(qualified)
                if elsewhere is not None and elsewhere.kind == "module class":
                    return True
                if isinstance(base, ast.Name) and self.is_module_class(self.classes.get(base.id)):
                    return True
            return False
        finally:
            self._busy.discard(node)

    def unknown_base(self, node: ast.ClassDef) -> ast.expr | None:
        """Give a base of a class that may or may not be a module, by what can be read."""
        for base in node.bases:
            qualified = self.names.qualified(base)
            if qualified is None:
                known = isinstance(base, ast.Name) and (base.id in self.classes or base.id == "object")
                if known and isinstance(base, ast.Name) and base.id in self.classes:
                    inner = self.unknown_base(self.classes[base.id])
                    if inner is not None:
                        return base
                if not known and not isinstance(base, ast.Subscript):
                    return base
            elif qualified.split(".")[0] not in sys.stdlib_module_names | {self.framework.package}:
                elsewhere = self._elsewhere(qualified)
                if elsewhere is None or elsewhere.kind == "unknown class":
                    return base
        return None

    def _elsewhere(self, qualified: str | None) -> Fact | None:
        if qualified is None or self.others is None:
            return None
        return self.others.fact(qualified)

    @functools.cached_property
    def _spelled(self) -> dict[str, list[ast.Name]]:
        found: dict[str, list[ast.Name]] = {}
        for node in self.names.references:
            if type(node) is ast.Name:
                found.setdefault(node.id, []).append(node)
        return found

    def mentions(self, scope: Scope, name: str) -> list[ast.Name]:
        """Give every use of a local name, in the order of the text."""
        by_scope = self._mentions.get(name)
        if by_scope is None:
            by_scope = self._mentions[name] = {}
            scope_of = self.names.scope_of
            for node in self._spelled.get(name, ()):
                by_scope.setdefault(scope_of[node].find(name), []).append(node)
        return by_scope.get(scope, [])

    def uses(self, arg: ast.arg) -> list[ast.Name]:
        """Give every use of a function's parameter."""
        function, found = self.names.parent[self.names.parent[arg]], []
        for node in self._spelled.get(arg.arg, ()):
            scope = self.names.scope_of[node].find(arg.arg)
            if scope is not None and scope.node is function:
                found.append(node)
        return found

    def block_of(self, statement: ast.stmt) -> list[Any]:
        """Give the statements that one stands among, itself included."""
        parent = self.names.parent.get(statement)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(parent, field, None)
            if isinstance(block, list) and statement in block:
                return block
        return []

    def _outer(self, node: ast.AST) -> ast.AST | None:
        return self.names.parent.get(node)


def called(node: ast.AST) -> str:
    """Name the plain function that a call calls; "" for anything else."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
