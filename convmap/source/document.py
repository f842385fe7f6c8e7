"""A source file as bytes with a syntax tree: every position is a byte offset into the file.

Positions of ``ast`` are in UTF-8 bytes, so the text is held as UTF-8 and encoded back at the end;
line endings and everything outside an edit stay as they were.
"""

from __future__ import annotations

import ast
import codecs
import io
import tokenize
from itertools import accumulate
from pathlib import Path

from convmap.errors import SourceError

Span = tuple[int, int]


class Document:
    """One file. Raises SourceError, with line and reason, where it can't be decoded or parsed."""

    def __init__(self, raw: bytes, path: str = "<text>") -> None:
        self.path = path
        try:
            self.encoding = tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
            self.bom = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
            text = raw[len(self.bom) :].decode("utf-8" if self.bom else self.encoding)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise SourceError(f"{path}: can't be decoded: {error}") from None
        self.data = text.encode("utf-8")
        try:
            self.tree = ast.parse(text, filename=path)
        except (SyntaxError, ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None) or 1
            reason = getattr(error, "msg", None) or str(error) or type(error).__name__
            raise SourceError(f"{path}:{line}: can't be parsed: {reason}") from None
        self._lines = list(accumulate(map(len, self.data.splitlines(keepends=True)), initial=0))
        self.newline = "\r\n" if b"\r\n" in self.data else "\n"

    @classmethod
    def read(cls, path: Path) -> "Document":
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: can't be read: {error.strerror}") from None
        return cls(raw, str(path))

    def offset(self, line: int, column: int) -> int:
        return self._lines[line - 1] + column

    def span(self, node: ast.AST) -> Span:
        """Give the byte offsets of a node (without parentheses around it)."""
        start = self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end = self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return start, end

    def text(self, span: Span) -> str:
        return self.data[span[0] : span[1]].decode("utf-8")

    def encode(self, text: str) -> bytes:
        """Give the bytes of a changed text in the file's own encoding."""
        try:
            return self.bom + text.encode("utf-8" if self.bom else self.encoding)
        except UnicodeEncodeError as error:
            raise SourceError(f"{self.path}: the port can't be encoded: {error}") from None
