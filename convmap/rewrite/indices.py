"""Indices that are tensors: of negative numbers in them MindSpore drops the gradient, without a word."""

from __future__ import annotations

import ast
import functools
from typing import Any

from convmap.model import UNKNOWN
from convmap.rewrite.base import FilePort, Use
from convmap.rewrite.edits import reference
from convmap.source.inference import mark

# Operators, by what their result says of signs: never negative; the second of several; as what they are given.
_COUNTS = {
    "argmax", "argmin", "argsort", "nonzero", "one_hot", "equal", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "logical_not", "logical_and", "logical_or", "logical_xor", "isnan", "isfinite", "isinf", "zeros",
    "zeros_like", "ones", "ones_like", "all_of", "any_of", "argmax_narrow", "argmin_narrow", "argsort_narrow", "rand",
}  # fmt: skip
_SECOND = {"topk", "sort", "max_along", "min_along", "topk_narrow", "sort_narrow", "topk_last"}
_SAME = {
    "reshape", "reshape_as", "flatten", "unsqueeze", "squeeze", "squeeze_all", "contiguous", "clone", "detach", "cast",
    "cast_like", "to", "to_device", "permute", "swap_axes", "transpose_2d", "expand", "expand_as", "repeat", "tile",
    "repeat_interleave", "flip", "roll", "narrow", "select", "as_tensor", "tensor", "tensor_narrow", "floor", "round",
    "abs", "stack", "cat",
}  # fmt: skip


class Indices(FilePort):
    """Writes x[i] through a shim where i may hold negative numbers."""

    def _index(self, node: ast.Subscript) -> None:
        """Look at one subscript that is read; the tensors in it are taken for numbers or for a mask."""
        whole = self.inference.object_kind(node.value)
        if self.mixed or not isinstance(node.ctx, ast.Load) or whole not in ("tensor", "unknown"):
            return
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        given = [p for p in parts if self.names.qualified(p) is None]  # Optional[torch.Tensor] is no index
        tensors = [p for p in given if self.inference.kind(p) == "tensor"]
        if all(self._is_not_negative(p) for p in tensors):
            return
        if whole == "unknown":
            message = f"whether {ast.unparse(node.value)} is a tensor can't be told; if it is, negative numbers in its index have no gradient in {self.target.name}"
            self._say("CM107", "warning", node, message, "annotate it, or check the index by hand")
            return
        span, shim = self.document.span(node.value), self.target.tensor_index
        inner = self.edits.by_span.get(span, mark(span))
        self.edits.replace(span, f"{reference(shim)}({inner})")
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, f"{self.source.tensor_class}.__getitem__", shim, "shim"))

    def _is_not_negative(self, node: ast.AST | None, depth: int = 0) -> bool:
        """Tell whether a tensor's numbers are sure not to be negative, or truths."""
        if node is None or depth > 8:
            return False
        if isinstance(node, ast.expr) and _no_negatives(self.inference.known(node)):
            return True
        if isinstance(node, ast.Compare):
            return True
        if isinstance(node, ast.UnaryOp):  # ~ of whole numbers is negative
            return isinstance(node.op, ast.Invert) and isinstance(node.operand, ast.Compare)
        if isinstance(node, ast.BinOp):
            return self._result_is_not_negative(node, depth + 1)
        if isinstance(node, ast.Subscript):
            second = bool(self._operator_of(node.value) & _SECOND) and self.inference.known(node.slice) == 1
            return second or self._is_not_negative(node.value, depth + 1)
        if isinstance(node, ast.Call):
            return self._call_is_not_negative(node, depth + 1)
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            owner = self.inference.enclosing(node, ast.ClassDef)
            given = self.inference.attribute_values(owner, node.attr) if own else []
            sure = bool(given) and all(self._is_not_negative(v, depth + 1) for v in given)
            return sure and not self._is_changed(node)
        if isinstance(node, ast.Name):
            scope = self.names.scope_of[node].find(node.id)
            bound = scope.bound[node.id] if scope is not None else []
            sure = bool(bound) and all(self._is_given_none(by, depth + 1) for by in bound)
            return sure and not self._is_changed(node)
        return False

    def _is_changed(self, node: ast.Name | ast.Attribute) -> bool:
        """Tell whether the file changes a tensor of this name in place: ``i[mask] = -1``, ``i -= 1``, ``i.sub_(1)``."""
        return ast.unparse(node) in self._changed

    @functools.cached_property
    def _changed(self) -> set[str]:
        targets = [s.value for s in self.names.subscripts if not isinstance(s.ctx, ast.Load)]
        targets += [change.target for change in self.names.changes if isinstance(change, ast.AugAssign)]
        funcs = (call.func for call in self.names.calls if isinstance(call.func, ast.Attribute))
        targets += [f.value for f in funcs if f.attr in self.source.in_place]
        return {ast.unparse(t) for t in targets}

    def _result_is_not_negative(self, node: ast.BinOp, depth: int) -> bool:
        if isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Add, ast.Mult, ast.FloorDiv)):
            return self._is_not_negative(node.left, depth) and self._is_not_negative(node.right, depth)
        divisor = self.inference.known(node.right)
        return isinstance(node.op, ast.Mod) and isinstance(divisor, int) and divisor > 0

    def _call_is_not_negative(self, call: ast.Call, depth: int) -> bool:
        operators = self._operator_of(call)
        if operators and operators <= _COUNTS:
            return True
        given: list[Any] = [*call.args, *(k.value for k in call.keywords)]
        if operators and operators <= {"arange", "randint"}:
            return all(
                isinstance(self.inference.known(a), int) and self.inference.known(a) >= 0 for a in given[:-1]
            )
        if operators and operators <= _SAME:
            receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
            method = self.names.qualified(call.func) is None
            first = receiver if method else next(iter(call.args), None)
            several = first.elts if isinstance(first, (ast.List, ast.Tuple)) else [first]
            return all(self._is_not_negative(part, depth) for part in several)
        return False

    def _is_given_none(self, by: ast.AST, depth: int) -> bool:
        """Tell whether one binding of a name gives no negative numbers."""
        parent = self.names.parent.get(by)
        if isinstance(parent, ast.Tuple) and len(parent.elts) == 2 and parent.elts[1] is by:
            outer = self.names.parent.get(parent)
            return isinstance(outer, ast.Assign) and bool(self._operator_of(outer.value) & _SECOND)
        plain = isinstance(parent, ast.Assign) and by in parent.targets
        return plain and self._is_not_negative(parent.value, depth)  # type: ignore[union-attr]

    def _operator_of(self, node: ast.AST) -> set[str]:
        """Name the operators that a call may be of."""
        if not isinstance(node, ast.Call):
            return set()
        api = self.names.qualified(node.func)
        if api is None and isinstance(node.func, ast.Attribute):
            if self.inference.kind(node.func.value) != "tensor":
                return set()
            api = f"{self.source.tensor_class}.{node.func.attr}"
        return {b.operator.name for b in self.source.by_api.get(api or "", ())}


def _no_negatives(known: Any) -> bool:
    """Tell whether a known value is a number that is not negative, or holds such numbers alone."""
    if isinstance(known, (list, tuple)):
        return bool(known) and all(map(_no_negatives, known))
    return known is not UNKNOWN and isinstance(known, (int, float)) and known >= 0
