"""What names hold: by all their assignments, the loops and functions that bind them, and their uses."""

from __future__ import annotations

import ast

from convmap.rules import Framework
from convmap.source.class_tests import ClassTests
from convmap.source.kinds import ANY_NUMBER, NUMBERS, NUMERIC, PARTS, join
from convmap.source.names import FUNCTIONS, Names, Scope
from convmap.source.results import Results
from convmap.source.structure import Others, called

_OF_LISTS = {"append", "extend", "insert", "pop", "items", "keys", "get", "update"}


class Bound(Results):
    """Answers for names, parameters and parts of what is unpacked."""

    def __init__(self, names: Names, framework: Framework, others: Others | None) -> None:
        super().__init__(names, framework, others)
        self.tests = ClassTests(names, framework)
        self._cyclic = False  # an answer given meanwhile may change in the next round
        self._by_name: dict[tuple[Scope, str], str] = {}  # what all bindings of a name have in common
        # of them, those that are so wherever they are read
        self._settled_names: dict[tuple[Scope, str], str] = {}
        self._given: dict[ast.arg, list[ast.expr]] = {}  # what calls pass for each parameter
        self._operands: dict[str, list[ast.BinOp]] = {}
        for operation in names.operations:
            if isinstance(operation.op, NUMERIC):
                for side in (operation.left, operation.right):
                    if isinstance(side, ast.Name):
                        self._operands.setdefault(side.id, []).append(operation)

    def _name_kind(self, node: ast.Name) -> str:
        scope = self.names.scope_of[node].find(node.id)
        if scope is None:
            return "unknown"
        found = self._by_name.get((scope, node.id), "")
        if not found:
            found = join(self._bound_kinds(node.id, scope))
            if not self._cyclic:
                self._by_name[scope, node.id] = found
        # act=True, and then: act if isinstance(act, nn.Module) else ...
        if found in ("unknown", *NUMBERS, "number", "str") and self._tested_as_module(node):
            return "module"
        tested = node.id in self.tests.tested  # if isinstance(x, int): 1 - x says nothing of x elsewhere
        if found == "unknown" and not tested and self._used_as_number(node.id, scope):
            return "number"
        if not self._cyclic and not tested:
            self._settled_names[scope, node.id] = found
        return found

    def _bound_kinds(self, name: str, scope: Scope) -> list[str]:
        """Give the kind of each binding; of ``norm=None``, which is rebound to a class, that is None."""
        binders = scope.bound[name]
        kinds = [self._bound_kind(b, name, scope) for b in binders]
        # x -= 1 leaves a tensor one; of what is unknown it tells that it is a number.
        if "tensor" in kinds and not ANY_NUMBER.isdisjoint(kinds):
            kinds = [
                "same" if isinstance(self.names.parent.get(by), ast.AugAssign) and k in ANY_NUMBER else k
                for k, by in zip(kinds, binders)
            ]
        if "module class" in kinds:
            for i, by in enumerate(binders):
                default = self._default(by) if isinstance(by, ast.arg) else None
                if kinds[i] == "unknown" and isinstance(default, ast.Constant) and default.value is None:
                    kinds[i] = "none"
        return kinds

    def _bound_kind(self, by: ast.AST, name: str, scope: Scope) -> str:
        if isinstance(by, ast.arg):
            return self._parameter_kind(by, scope)
        parent = self.names.parent.get(by)
        value = self._assigned(by)
        if value is not None:
            return self.kind(value)
        if isinstance(parent, ast.AugAssign):
            return join([self.kind(parent.value)]) if isinstance(parent.op, NUMERIC) else "same"
        if isinstance(parent, (ast.For, ast.comprehension)) and parent.target is by:
            return self._element_kind(parent.iter)
        if isinstance(parent, (ast.Tuple, ast.List)):
            return self._unpacked_kind(parent, parent.elts.index(by))  # type: ignore[arg-type]
        return "unknown"

    def _whole(self, target: ast.AST) -> ast.expr | None:
        """Give what an assignment gives a tuple of names, which may be a part of another: (a, b), c = x, y."""
        outer = self.names.parent.get(target)
        if isinstance(outer, ast.Assign):
            return outer.value
        if not isinstance(outer, (ast.Tuple, ast.List)):
            return None
        given, at = self._whole(outer), outer.elts.index(target)  # type: ignore[arg-type]
        whole = isinstance(given, (ast.Tuple, ast.List)) and len(given.elts) == len(outer.elts)
        starred = any(isinstance(e, ast.Starred) for e in (*outer.elts, *getattr(given, "elts", ())))
        return given.elts[at] if whole and not starred else None  # type: ignore[union-attr]

    def _unpacked_kind(self, target: ast.Tuple | ast.List, index: int) -> str:
        outer = self.names.parent.get(target)
        given = self._whole(target)
        if given is not None:
            if isinstance(given, (ast.Tuple, ast.List)) and index < len(given.elts):
                return self.kind(given.elts[index])
            whole = self.kind(given)
            if whole.startswith("returns:"):
                parts = whole[8:].split(",")
                return parts[index] if index < len(parts) else "unknown"
            return PARTS.get(whole, "unknown")
        source: ast.expr | None = None
        if isinstance(outer, (ast.For, ast.comprehension)) and outer.target is target:
            source = outer.iter
        elif isinstance(outer, ast.Tuple):
            # for i, (a, b) in enumerate(zip(x, y))
            loop = self.names.parent.get(outer)
            if isinstance(loop, (ast.For, ast.comprehension)) and called(loop.iter) == "enumerate":
                source = loop.iter.args[0]  # type: ignore[attr-defined]
        if source is None:
            return "unknown"
        if isinstance(source, (ast.List, ast.Tuple)):
            rows = [e for e in source.elts if isinstance(e, (ast.Tuple, ast.List)) and index < len(e.elts)]
            return (
                join([self.kind(r.elts[index]) for r in rows]) if len(rows) == len(source.elts) else "unknown"
            )
        if called(source) == "enumerate":
            return "int" if index == 0 else self._element_kind(source.args[0])  # type: ignore[attr-defined]
        if called(source) == "zip" and index < len(source.args):  # type: ignore[attr-defined]
            return self._element_kind(source.args[index])  # type: ignore[attr-defined]
        pairs, _, kinds = self.kind(source).partition(":")
        return kinds.split(",")[index] if pairs == "pairs" and index < 2 else "unknown"

    def _element_kind(self, source: ast.expr) -> str:
        if called(source) == "range":
            return "int"
        if called(source) in ("reversed", "sorted", "list", "tuple") and source.args:  # type: ignore[attr-defined]
            return self._element_kind(source.args[0])  # type: ignore[attr-defined]
        if isinstance(source, (ast.Tuple, ast.List)):
            return join([self.kind(e) for e in source.elts])
        if isinstance(source, ast.Name) and source.id == "self":
            owner = self.enclosing(source, ast.ClassDef)
            bases = [self.names.qualified(b) for b in getattr(owner, "bases", ())]
            found = [b for base in bases for b in self.framework.by_api.get(base or "", ())]
            return "module" if any(b.operator.kind == "container" for b in found) else "unknown"
        if isinstance(source, ast.Name):
            scope = self.names.scope_of[source].find(source.id)
            if scope is not None and len(scope.bound[source.id]) == 1:
                by = scope.bound[source.id][0]
                value = self._assigned(by)
                if value is None and isinstance(by, ast.arg):
                    value = self._default(by)
                if isinstance(value, (ast.Tuple, ast.List)):
                    return self._element_kind(value)
        kind = self.kind(source)
        return PARTS.get(kind, "unknown")

    def _parameter_kind(self, arg: ast.arg, scope: Scope) -> str:
        annotated = self._annotation_kind(arg.annotation)
        default = self._default(arg)
        if default is None and self._is_applied(arg, scope.node):
            return "module"
        if annotated == "unknown" and default is not None and self.kind(default) == "module class":
            return "module class"  # Type[nn.Module], Callable: it says nothing else
        if annotated:
            return annotated
        function = scope.node
        owner = self.names.parent.get(function)
        if arg not in self._given:
            self._given[arg] = self._passed(arg, function, owner)
        passed = self._given[arg]
        if isinstance(function, FUNCTIONS) and self.is_module_class(owner):
            if function.name == self.framework.forward and default is None and arg.arg != "self":
                return "unknown" if self._used_as_list(arg.arg, scope) else "tensor"
        kinds = [self.kind(p) for p in passed]
        if default is not None:
            kinds.append(self.kind(default))
        return join([k for k in kinds if k != "none"]) if kinds else "unknown"

    def _tested_as_module(self, node: ast.Name) -> bool:
        classes = self.tests.classes(node)
        return bool(classes) and all(
            any(b.operator.kind == "layer" for b in self.framework.by_api.get(c, ()))
            or c == self.framework.module_class
            for c in classes
        )

    def _used_as_number(self, name: str, scope: Scope) -> bool:
        for other in self._operands.get(name, ()):
            if self.names.scope_of[other].find(name) is not scope:
                continue
            for side, beside in ((other.left, other.right), (other.right, other.left)):
                if isinstance(side, ast.Name) and side.id == name:
                    if self.kind(beside) not in ("tensor", "array", "str", "unknown", "same"):
                        return True
            outer = self._outer(other)
            names = isinstance(other.left, ast.Name) and isinstance(other.right, ast.Name)
            if names and other.left.id == name:  # type: ignore[attr-defined]
                if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.FloorDiv):
                    return True
        return False

    def _used_as_list(self, name: str, scope: Scope) -> bool:
        """Tell whether a name's methods are asked that lists and dictionaries have, and no tensor."""
        uses = [self.names.parent.get(mention) for mention in self.mentions(scope, name)]
        return any(isinstance(use, ast.Attribute) and use.attr in _OF_LISTS for use in uses)
