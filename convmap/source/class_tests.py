"""What tests in the code say of an object's class: ``isinstance``, comparisons of it and of its name."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable
from typing import Any

from convmap.rules import Framework
from convmap.source.names import Names

# What a test makes of a class's name: ``name.find("Conv") != -1``, ``"Conv" in name``, ``name == "Conv2d"``.
_METHODS: dict[str, Callable[[str, str], bool]] = {
    "find": lambda name, part: part in name,
    "startswith": lambda name, part: name.startswith(part),
    "endswith": lambda name, part: name.endswith(part),
}
Asked = tuple[ast.expr, str, Callable[[str, str], bool]]


class ClassTests:
    """Answers for one file."""

    def __init__(self, names: Names, framework: Framework) -> None:
        self.names, self.framework = names, framework

    def is_of_layers(self, name: ast.Attribute) -> bool:
        """Tell whether a class's name (see object_of_name) is compared with names of the source's layers."""
        uses: list[ast.expr] = [name]
        made = self.names.parent.get(name)
        if isinstance(made, ast.Assign) and isinstance(made.targets[0], ast.Name):
            bound = made.targets[0]
            scope = self.names.scope_of[bound]
            uses = [
                n
                for n in self.names.references
                if isinstance(n, ast.Name) and n.id == bound.id and self.names.scope_of[n].find(n.id) is scope
            ]
        return any(map(self._is_compared, uses))

    def _is_compared(self, use: ast.expr) -> bool:
        test: ast.AST | None = use
        for _ in range(3):  # name, name.find, name.find("Conv"), name.find("Conv") != -1
            test = self.names.parent.get(test) if test is not None else None
            asked = _asked(test) if isinstance(test, ast.expr) else None
            if asked is not None and asked[0] is use:
                return any(asked[2](api.rpartition(".")[2], asked[1]) for api in self.framework.layer_apis)
        return False

    def classes(self, node: ast.Name) -> list[str]:
        """Name the classes that a test around a use of a name says its object is one of."""
        if node.id not in self.tested:
            return []
        at: ast.AST | None = node
        while at is not None:
            outer = self.names.parent.get(at)
            tests: list[ast.expr] = []
            if (
                isinstance(outer, ast.If)
                and at in outer.body
                or isinstance(outer, ast.IfExp)
                and at is outer.body
            ):
                tests = [outer.test]
            elif isinstance(outer, ast.BoolOp) and isinstance(outer.op, ast.And):
                tests = outer.values[: outer.values.index(at)]  # type: ignore[arg-type]
            for test in tests:
                both = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)
                for part in test.values if both else [test]:  # type: ignore[attr-defined]
                    found = self._classes_of(part, node)
                    if found:
                        return found
            at = outer
        return []

    def _classes_of(self, test: ast.expr, node: ast.Name) -> list[str]:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
            each = [self._classes_of(part, node) for part in test.values]
            return [name for found in each for name in found] if all(each) else []
        if isinstance(test, ast.Call) and getattr(test.func, "id", "") == "isinstance":
            if len(test.args) == 2 and getattr(test.args[0], "id", "") == node.id:
                classes = test.args[1]
                each_of = classes.elts if isinstance(classes, ast.Tuple) else [classes]
                return [q for q in map(self.names.qualified, each_of) if q]
        return self._classes_compared(test, node) or self._classes_named(test, node)

    def _classes_compared(self, test: ast.expr, node: ast.Name) -> list[str]:
        """Name the classes that ``type(x) is C``, ``== C`` or ``in (C, D)`` lets through."""
        if not (isinstance(test, ast.Compare) and len(test.ops) == 1):
            return []
        if self._whose(test.left, object_of_class) != node.id:
            return []
        op, right = test.ops[0], test.comparators[0]
        several = isinstance(op, ast.In) and isinstance(right, (ast.Tuple, ast.List, ast.Set))
        if not several and not isinstance(op, (ast.Is, ast.Eq)):
            return []
        classes = right.elts if several else [right]  # type: ignore[attr-defined]
        return [q for q in map(self.names.qualified, classes) if q]

    def _classes_named(self, test: ast.expr, node: ast.Name) -> list[str]:
        """Name the source's layers that a comparison of a class's name lets through."""
        asked = _asked(test)
        if asked is None or self._whose(asked[0], object_of_name) != node.id:
            return []
        return [api for api in self.framework.layer_apis if asked[2](api.rpartition(".")[2], asked[1])]

    def _whose(self, node: ast.expr, of: Callable[[ast.expr], ast.expr | None]) -> str:
        """Give the x of ``type(x)`` or ``type(x).__name__``, as ``of`` finds it, at once or by a name for it."""
        if isinstance(node, ast.Name):
            scope = self.names.scope_of[node].find(node.id)
            bound = scope.bound[node.id] if scope else []
            made = self.names.parent.get(bound[0]) if len(bound) == 1 else None
            if not isinstance(made, ast.Assign) or isinstance(made.value, ast.Name):
                return ""
            return self._whose(made.value, of)
        whose = of(node)
        return whose.id if isinstance(whose, ast.Name) else ""

    @functools.cached_property
    def tested(self) -> set[str]:
        """Every name of an object whose class the file asks for."""
        asked = [c.args[0] for c in self.names.calls if getattr(c.func, "id", "") == "isinstance" and c.args]
        spelled: Iterable[Any] = (
            n.value for n in self.names.references if type(n) is ast.Attribute and n.attr == "__class__"
        )
        typed = (
            c.args[0] for c in self.names.calls if getattr(c.func, "id", "") == "type" and len(c.args) == 1
        )
        return {node.id for node in (*asked, *spelled, *typed) if isinstance(node, ast.Name)}


def object_of_name(node: ast.expr) -> ast.expr | None:
    """Give the x of ``x.__class__.__name__`` or ``type(x).__name__``; None for anything else."""
    if not (isinstance(node, ast.Attribute) and node.attr == "__name__"):
        return None
    return object_of_class(node.value)


def object_of_class(node: ast.expr) -> ast.expr | None:
    """Give the x of ``x.__class__`` or ``type(x)``; None for anything else."""
    if isinstance(node, ast.Attribute) and node.attr == "__class__":
        return node.value
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "type" and len(node.args) == 1:
        return node.args[0]
    return None


def _asked(test: ast.expr) -> Asked | None:
    """Give what a test compares, the text that it compares it with, and how."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, op, right = test.left, test.ops[0], test.comparators[0]
        if isinstance(op, ast.In) and _text(left) is not None:
            return right, str(_text(left)), lambda name, part: part in name
        if isinstance(op, ast.Eq) and _text(right) is not None:
            return left, str(_text(right)), lambda name, part: name == part
        if isinstance(left, ast.Call) and _is_found(op, right):
            return _method(left, ("find",))
    return _method(test, ("startswith", "endswith")) if isinstance(test, ast.Call) else None


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _is_found(op: ast.cmpop, right: ast.expr) -> bool:
    """``!= -1``, ``> -1`` or ``>= 0``."""
    given = ast.unparse(right)
    return (isinstance(op, (ast.NotEq, ast.Gt)) and given == "-1") or (
        isinstance(op, ast.GtE) and given == "0"
    )


def _method(call: ast.Call, methods: tuple[str, ...]) -> Asked | None:
    func = call.func
    if not (isinstance(func, ast.Attribute) and func.attr in methods and len(call.args) == 1):
        return None
    part = _text(call.args[0])
    return None if part is None else (func.value, part, _METHODS[func.attr])
