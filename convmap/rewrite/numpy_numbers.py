"""Numbers of NumPy's that meet tensors: made Python's where the target takes them in another way."""

from __future__ import annotations

import ast

from convmap.rewrite.base import FilePort, Use
from convmap.rewrite.edits import reference
from convmap.source.inference import mark


class NumPyNumbers(FilePort):
    """Looks at operators and at the arguments of calls that were ported."""

    def _numpy_numbers(self) -> None:
        here = dict(self.source.numpy_numbers)
        shims = {place: shim for place, shim in self.target.numpy_numbers if place not in here}
        if not shims or self.mixed or not self._imports_numpy():
            return
        for operation in self.names.operations:
            if "left" in shims:
                self._beside_tensor(operation.left, operation.right, shims["left"])
            if "right" in shims:
                self._beside_tensor(operation.right, operation.left, shims["right"])
        for change in self.names.changes:
            if isinstance(change, ast.AugAssign) and "right" in shims:
                self._beside_tensor(change.value, change.target, shims["right"])
        if "arguments" in shims:
            for call in self.names.calls:
                if call not in self.ported:
                    continue
                for node in (*call.args, *(k.value for k in call.keywords)):
                    if self.inference.kind(node) == "numpy":
                        self._make_plain(node, shims["arguments"])

    def _imports_numpy(self) -> bool:
        found = (item.qualified for items in self.names.imports.values() for item in items)
        return any(qualified.split(".")[0] == "numpy" for qualified in found)

    def _beside_tensor(self, node: ast.expr, other: ast.expr, shim: str) -> None:
        if self.inference.kind(node) != "numpy":
            return
        kind = self.inference.object_kind(other)
        within = self.inference.is_module_class(self.inference.enclosing(node, ast.ClassDef))
        if kind == "tensor" or (kind == "unknown" and within):
            self._make_plain(node, shim)

    def _make_plain(self, node: ast.expr, shim: str) -> None:
        span = self.document.span(node)
        inner = self.edits.by_span.get(span, mark(span))
        self.edits.replace(span, f"{reference(shim)}({inner})")
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, "numpy", shim, "shim"))
