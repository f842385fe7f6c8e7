"""Comparisons of number formats: a framework whose formats are NumPy's takes texts and NumPy's kinds for equal."""

from __future__ import annotations

import ast
import functools

from convmap.errors import Refusal
from convmap.model import Binding
from convmap.rewrite.base import FilePort, Use
from convmap.rewrite.edits import reference
from convmap.source.inference import mark

_SAME = {ast.Is: "==", ast.IsNot: "!="}
_EQUAL = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
_SEVERAL = (ast.Tuple, ast.List, ast.Set)


class Formats(FilePort):
    """Writes ``x.dtype == "float32"`` with the target's own format, and ``is`` as ``==`` where that is meant."""

    def _compared_formats(self, test: ast.Compare) -> None:
        if self.mixed or len(test.ops) != 1 or self.source.numpy_formats == self.target.numpy_formats:
            return
        left, op, right = test.left, test.ops[0], test.comparators[0]
        if self.target.numpy_formats:
            if type(op) not in _SAME or isinstance(right, ast.Constant):  # x is None, most often
                return
            if "dtype" in (self.inference.kind(left), self.inference.kind(right)):
                texts = (self.edits.by_span.get(s, mark(s)) for s in map(self.document.span, (left, right)))
                self._write(test, f" {_SAME[type(op)]} ".join(texts))
            return
        if not isinstance(op, _EQUAL):
            return
        several = isinstance(right, _SEVERAL) and isinstance(op, (ast.In, ast.NotIn))
        parts: list[ast.expr] = list(right.elts) if several else [right]  # type: ignore[attr-defined]
        for one, others in ((left, parts), (right, [left])):
            for other in others:
                self._spell(one, other)

    def _spell(self, format: ast.expr, other: ast.expr) -> None:
        """Write what a tensor's format is compared with as the target's own."""
        word = self.named_format(other)
        if word is None or not self._is_format(format, other):
            return
        written, api = self.written_format(word), self._format_of_tensors
        if written is None:
            reason = f"{word!r} has no counterpart among {self.target.name}'s number formats"
            self._refuse(other, api, Refusal("CM201", reason, "compare with the target's own format"))
            return
        code = written.write or reference(written.api)
        self._write(other, code)
        self._forget(other, code)
        self.port.uses.append(Use(other.lineno, api, written.api or written.write, "exact"))

    def _is_format(self, node: ast.expr, other: ast.expr) -> bool:
        """Tell whether an expression is a tensor's format; say where it can't be told."""
        if self.inference.kind(node) == "dtype":
            return True
        if isinstance(node, ast.Attribute) and self._format_of_tensors.endswith(f".{node.attr}"):
            if self.inference.kind(node.value) in ("unknown", "tensor"):  # and not an array
                whose = ast.unparse(node.value)
                message = f"whether {whose} is a tensor can't be told, so {ast.unparse(other)} stays"
                advice = "annotate it, or compare with the target's own format"
                self._say("CM107", "warning", other, message, advice)
        return False

    @functools.cached_property
    def _format_of_tensors(self) -> str:
        """Name the attribute that is a tensor's number format."""
        return next(b.api for b in self.source.bindings if b.operator.name == "dtype_of" and b.api)

    def named_format(self, node: ast.expr) -> str | None:
        """Give the word of a number format that a text or a name of NumPy's is."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        package, _, word = (self.names.qualified(node) or "").partition(".")
        return word if package == "numpy" else None

    def written_format(self, word: str) -> Binding | None:
        """Give how the target says a number format that the source's word stands for."""
        format = dict(self.source.dtype_words).get(word)
        return next((b for b in self.target.bindings if b.operator.name == format and not b.read_only), None)

    def _keyed_formats(self, table: ast.Dict) -> None:
        """Report a table by formats where the target's are no key of it: they have another hash."""
        if self.mixed or self.source.numpy_formats or not self.target.numpy_formats:
            return
        for key in table.keys:
            if key is not None and self.inference.kind(key) == "dtype":
                reason = f"a tensor's dtype finds no {ast.unparse(key)} in a table in {self.target.name}"
                advice = "compare formats one by one"
                self._refuse(table, self.names.qualified(key) or "", Refusal("CM102", reason, advice))
                return
