"""What the uses of an object show of it: methods that only tensors have, or only modules."""

from __future__ import annotations

import ast
import sys
from abc import ABC, abstractmethod
from typing import Any

from convmap.rules import Framework
from convmap.source.annotations import Annotations
from convmap.source.kinds import sure
from convmap.source.names import FUNCTIONS, Names, Scope
from convmap.source.structure import Others

_COMPOUND = (
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)


class Shown(Annotations, ABC):
    """Infers from uses where the kind of an expression says nothing."""

    def __init__(self, names: Names, framework: Framework, others: Others | None) -> None:
        super().__init__(names, framework, others)
        self._shown: dict[tuple[Scope, str], list[ast.Name]] = {}  # uses that show a tensor
        self._tensor_from = dict(framework.tensor_only_from)
        self.own_methods = {n.name for n in names.definitions if not isinstance(n, ast.ClassDef)}

    @abstractmethod
    def kind(self, node: ast.expr | None) -> str:
        """Give tensor, tensors, module, modules, int, float, bool, number, str, tuple or unknown."""

    def object_kind(self, node: ast.expr | None) -> str:
        """Give the kind of an expression that is used as an object, so it is not None."""
        found = sure(self.kind(node))
        if found not in ("unknown", "number") or node is None:
            return found
        shown = self._shows_tensor(node)
        if not shown and isinstance(node, ast.Name):
            shown = self._shown_nearby(node) or self._assigned_before(node)
        # What x - y gives of names that nothing is known of is called a number, and numbers are no objects.
        return "tensor" if shown else "module" if self._shows_module(node) else "unknown"

    def _shows_module(self, node: ast.expr) -> bool:
        """Tell whether a method is called here that only modules have."""
        outer = self.names.parent.get(node)
        if not isinstance(outer, ast.Attribute) or outer.attr not in self.framework.module_only:
            return False
        called = getattr(self.names.parent.get(outer), "func", None) is outer
        own = getattr(node, "id", "") == "self" or outer.attr in self.own_methods
        return called and not own and self.names.qualified(node) is None and not self._is_definition(node)

    def _shown_nearby(self, node: ast.Name) -> bool:
        """Tell whether the same value of a name is shown to be a tensor elsewhere in its block."""
        scope = self.names.scope_of[node]
        if node.id not in scope.bound or node.id in scope.outward:
            return False
        shown = self._shown.get((scope, node.id))
        mentions = self.mentions(scope, node.id)
        if shown is None:
            shown = [m for m in mentions if isinstance(m.ctx, ast.Load) and self._shows_tensor(m)]
            self._shown[scope, node.id] = shown
        statement = self.enclosing(node, ast.stmt) if shown else None
        if not isinstance(statement, ast.stmt) or isinstance(statement, _COMPOUND):
            return False
        block = self.block_of(statement)
        if statement not in block:
            return False
        stores = [m.lineno for m in mentions if not isinstance(m.ctx, ast.Load)]
        first, last = block[0].lineno, block[-1].end_lineno
        for other in block:
            # What runs before the next assignment, its value included, is of the same value.
            if any(other.lineno <= line <= other.end_lineno for line in stores):
                if other.lineno < statement.lineno:
                    first = other.end_lineno + 1
                else:
                    last = other.end_lineno
                    break
        return any(first <= m.lineno <= last for m in shown)

    def _assigned_before(self, node: ast.Name) -> bool:
        """Tell whether a name was given a tensor last, on the way here that all runs take."""
        scope = self.names.scope_of[node]
        if len(scope.bound.get(node.id, ())) < 2 or node.id in scope.outward:
            return False  # given once: its kind says all
        stores = [m for m in self.mentions(scope, node.id) if not isinstance(m.ctx, ast.Load)]
        if any(self.names.scope_of[m] is not scope for m in stores):  # nonlocal
            return False
        statement = self.enclosing(node, ast.stmt)
        while isinstance(statement, ast.stmt) and stores:
            block = self.block_of(statement)
            given = self._given_in(block[: block.index(statement)] if block else [], stores)
            if given != "nothing":
                return given == "tensor"
            outer = self.names.parent.get(statement)
            statement = outer if isinstance(outer, (ast.If, ast.With)) else None
            if statement is not None and _in_header(statement, stores):
                return False
        return False

    def _given_in(self, block: list[Any], stores: list[ast.Name]) -> str:
        """Say what statements give a name last, in the runs that go on behind them: tensor, other or nothing."""
        sometimes = False
        for earlier in reversed(block):
            found = [m for m in stores if earlier.lineno <= m.lineno <= earlier.end_lineno]
            if isinstance(earlier, (ast.Raise, ast.Return, ast.Continue, ast.Break)):
                return "end"
            if not found:
                continue
            given = {"other"}
            if isinstance(earlier, ast.Assign) and earlier.targets == found:
                given = {"tensor" if sure(self.kind(earlier.value)) == "tensor" else "other"}
            elif isinstance(earlier, ast.If) and not _in_header(earlier, stores):
                ways = self._given_in(earlier.body, stores), self._given_in(earlier.orelse, stores)
                given = {*ways} - {"end"} or {"end"}
            if given == {"nothing", "tensor"}:
                sometimes = True
            elif given != {"nothing"}:
                return given.pop() if len(given) == 1 else "other"
        return "other" if sometimes else "nothing"

    def _shows_tensor(self, node: ast.expr) -> bool:
        """Tell whether a method is called here that only tensors have."""
        outer = self.names.parent.get(node)
        call = self.names.parent.get(outer) if outer is not None else None
        if not (isinstance(outer, ast.Attribute) and outer.value is node):
            return False
        if not (isinstance(call, ast.Call) and call.func is outer):
            return False
        if getattr(node, "id", "") == "self" or self.names.qualified(node) is not None:
            return False
        if outer.attr in self.own_methods or self._is_definition(node):
            return False
        if outer.attr in self.framework.tensor_only or outer.attr in self.framework.in_place:
            return True
        if len(call.args) >= self._tensor_from.get(outer.attr, sys.maxsize):
            return True
        if outer.attr in self.framework.tensor_only_of_sizes and any(map(_is_size, call.args)):
            return True
        known = self.framework.by_api.get(f"{self.framework.tensor_class}.{outer.attr}", ())
        if any(b.operator.returns == "tensor" for b in known) and self._shows_tensor(call):
            return True  # x.reshape(2, 3).permute(1, 0)
        given = [*call.args, *(k.value for k in call.keywords)]
        named = outer.attr in self.framework.tensor_only_of_constants
        named = named or (bool(given) and outer.attr in self.framework.tensor_only_given)
        return named and all(map(_is_constant, given))

    def _is_definition(self, node: ast.expr) -> bool:
        """Tell whether a name stands for a function or class of the file, or for an import."""
        if not isinstance(node, ast.Name):
            return False
        scope = self.names.scope_of[node].find(node.id)
        kinds = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)
        return scope is None or any(isinstance(by, kinds) for by in scope.bound[node.id])


def _in_header(statement: ast.If | ast.With, stores: list[ast.Name]) -> bool:
    """Tell whether ``if (x := f()):`` or ``with f() as x:`` gives a name what it is in the block."""
    parts = [statement.test] if isinstance(statement, ast.If) else statement.items
    return any(inner in stores for part in parts for inner in ast.walk(part))


def _is_size(node: ast.expr) -> bool:
    """Tell whether an argument is a number, or several in a row: ``-1``, ``*shape``."""
    node = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(node, ast.Starred) or (isinstance(node, ast.Constant) and type(node.value) is int)


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant)
