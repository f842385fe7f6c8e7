"""Operators on tensors that mean another thing in the target."""

from __future__ import annotations

import ast

from convmap.errors import Refusal
from convmap.rewrite.base import FilePort, Use
from convmap.rewrite.edits import reference
from convmap.source.inference import mark

SYMBOLS = {ast.Mod: "%", ast.Invert: "~", ast.MatMult: "@"}
_LOGICAL = (ast.BitAnd, ast.BitOr, ast.BitXor)


class Operators(FilePort):
    """Writes them as functions where an operand is a tensor."""

    def _operator(self, node: ast.BinOp | ast.UnaryOp) -> None:
        symbol = SYMBOLS.get(type(node.op))
        if symbol is None:
            return
        here, there = dict(self.source.operators), dict(self.target.operators)
        if f"operator.{symbol}" in self.source.same:
            self.port.uses.append(Use(node.lineno, f"operator.{symbol}", symbol, "exact"))
        if self.mixed or here.get(symbol) == there.get(symbol):
            return
        operands = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.operand]
        kinds = [self.inference.kind(o) for o in operands]
        if "tensor" not in kinds or "str" in kinds or all(map(self._is_bool, operands)):
            return
        api = f"{self.source.tensor_class} {symbol}"
        if symbol in here:
            reason = f"{symbol} of tensors means another thing in {self.target.name}"
            self._refuse(node, api, Refusal("CM202", reason, "write it with a function"))
            return
        shim = there[symbol]
        parts = ", ".join(mark(self.document.span(o)) for o in operands)
        self._write(node, f"{reference(shim)}({parts})")
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, api, shim, "shim"))

    def _is_bool(self, node: ast.expr) -> bool:
        """Tell whether a tensor is one of bools, by what it is made of."""
        if isinstance(node, ast.BinOp):
            return isinstance(node.op, _LOGICAL) and self._is_bool(node.left) and self._is_bool(node.right)
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.op, ast.Invert) and self._is_bool(node.operand)
        if isinstance(node, ast.Name):
            scope = self.names.scope_of[node].find(node.id)
            made = [self.names.parent.get(by) for by in scope.bound[node.id]] if scope else []
            values = [m.value for m in made if isinstance(m, ast.Assign)]
            return len(values) == len(made) == 1 and self._is_bool(values[0])
        return isinstance(node, ast.Compare)
