"""What annotations say of values."""

from __future__ import annotations

import ast

from convmap.rules import Framework
from convmap.source.kinds import NUMBERS
from convmap.source.names import Names
from convmap.source.passing import Passing
from convmap.source.structure import Others


class Annotations(Passing):
    """Reads annotations; what they say of unknown types is nothing."""

    def __init__(self, names: Names, framework: Framework, others: Others | None) -> None:
        super().__init__(names, framework, others)
        self._types = dict(framework.types)

    def _annotation_kind(self, node: ast.expr | None) -> str:
        """Give what an annotation says: a kind, "unknown" for any other, "" where there is none."""
        if node is None:
            return ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.replace(" ", "")
            if text in NUMBERS | {"str"}:
                return text
            return "tensor" if text in (self.framework.tensor_class, "Tensor") else "unknown"
        if isinstance(node, ast.Name) and node.id in NUMBERS | {"str"}:
            return node.id
        qualified = self.names.qualified(node)
        if qualified == self.framework.tensor_class or (qualified and self._types.get(qualified) == "tensor"):
            return "tensor"
        if qualified == self.framework.module_class:
            return "module"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._either([node.left, node.right])
        if not isinstance(node, ast.Subscript):
            return "unknown"
        outer = ast.unparse(node.value).rpartition(".")[2]
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer in ("Optional", "Union"):
            return self._either(inner)
        if outer in ("Callable", "Type", "type"):
            makes = self.names.qualified(inner[-1]) == self.framework.module_class
            return "module class" if makes else "unknown"
        if outer in ("List", "list", "Sequence", "Tuple", "tuple"):
            kinds = {self._annotation_kind(n) for n in inner if not _is_ellipsis(n)}
            return {"int": "ints", "tensor": "tensors"}.get("".join(kinds), "unknown")
        return "unknown"

    def _either(self, nodes: list[ast.expr]) -> str:
        """Join the kinds of a union, None aside: a use of None's attributes fails in any framework."""
        some = [n for n in nodes if not (isinstance(n, ast.Constant) and n.value is None)]
        kinds = {self._annotation_kind(n) for n in some}
        return (
            kinds.pop()
            if kinds in ({"tensor"}, {"ints"}, {"tensors"}, {"module"}, {"module class"})
            else "unknown"
        )


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
