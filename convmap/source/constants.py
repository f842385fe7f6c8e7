"""Values that a file shows without running it: literals, arithmetic on them, module constants."""

from __future__ import annotations

import ast
from typing import Any

from convmap.model import UNKNOWN, Named
from convmap.source.structure import Structure

_PURE_CALLS = {"int", "len", "round", "max", "min", "abs", "float", "bool", "tuple", "str", "sum"}


class Constants(Structure):
    """Folds what is known of an expression."""

    def pure(self, node: ast.expr) -> bool:
        """Tell whether evaluating an expression twice gives the same value and no effect."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, (ast.Name, ast.Constant)):
            return True
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                if not (isinstance(part.func, ast.Name) and part.func.id in _PURE_CALLS):
                    return False
            elif isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
                return False
        return True

    def known(self, node: ast.expr) -> Any:
        """Fold literals, integer arithmetic on them, and module constants assigned once."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self.known(e) for e in node.elts]
            return UNKNOWN if any(i is UNKNOWN for i in items) else tuple(items)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
            inner = self.known(node.operand)
            if inner is UNKNOWN:
                return UNKNOWN
            return (not inner) if isinstance(node.op, ast.Not) else _try(lambda: -inner)
        if isinstance(node, ast.BinOp):
            left, right = self.known(node.left), self.known(node.right)
            if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
                return UNKNOWN
            return _try(lambda: _fold(node.op, left, right))
        if isinstance(node, (ast.Name, ast.Attribute)):
            named = self._named(node)
            if named is not None:
                return named
        if isinstance(node, ast.Name) and node not in self._busy:
            return self._known_name(node)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "float" and len(node.args) == 1:
            text = self.known(node.args[0])
            return float(text) if text in ("inf", "-inf") else UNKNOWN
        return UNKNOWN

    def _named(self, node: ast.expr) -> Named | None:
        """Give what an imported name stands for, where it is a name that every framework has."""
        qualified = self.names.qualified(node)
        for binding in self.framework.by_api.get(qualified, ()) if qualified else ():
            if binding.operator.kind == "class" and binding.operator.returns == "dtype":
                return Named(binding.operator.name)
        return None

    def _known_name(self, node: ast.Name) -> Any:
        scope = self.names.scope_of[node].find(node.id)
        if scope is None or len(scope.bound[node.id]) != 1 or not isinstance(scope.node, ast.Module):
            return UNKNOWN
        value = self._assigned(scope.bound[node.id][0])
        if value is None:
            return UNKNOWN
        self._busy.add(node)
        try:
            return self.known(value)
        finally:
            self._busy.discard(node)

    def _assigned(self, target: ast.AST) -> ast.expr | None:
        """Give the expression a plain ``name = expression`` assigns."""
        parent = self.names.parent.get(target)
        if isinstance(parent, ast.Assign) and target in parent.targets:
            return parent.value
        if isinstance(parent, (ast.AnnAssign, ast.NamedExpr)) and parent.target is target:
            return parent.value
        return None


def _fold(op: ast.operator, a: Any, b: Any) -> Any:
    table = {ast.Add: a.__add__, ast.Sub: a.__sub__, ast.Mult: a.__mul__, ast.FloorDiv: a.__floordiv__,
             ast.Mod: a.__mod__, ast.Div: a.__truediv__}  # fmt: skip
    if type(op) not in table or (isinstance(op, ast.Mult) and abs(a) * abs(b) > 10**12):
        return UNKNOWN
    result = table[type(op)](b)
    return UNKNOWN if result is NotImplemented else result


def _try(compute: Any) -> Any:
    try:
        return compute()
    except (ArithmeticError, TypeError, ValueError):
        return UNKNOWN
