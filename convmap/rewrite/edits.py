"""Edits on byte spans, nested ones included, and the marks they are written with.

Text of an edit may hold marks: the text of another span with its own edits (``mark``), or a name of
the target framework whose spelling depends on the imports (``reference``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from convmap.source.document import Document, Span

_MARK = re.compile("\0S([0-9]+),([0-9]+)\0|\0R([^\0]+)\0")


def reference(qualified: str) -> str:
    """Stand for a target name, spelled when the imports are decided."""
    return f"\0R{qualified}\0"


def references_in(text: str) -> list[str]:
    return [m.group(3) for m in _MARK.finditer(text) if m.group(3)]


def spans_in(text: str) -> list[Span]:
    return [(int(m.group(1)), int(m.group(2))) for m in _MARK.finditer(text) if m.group(1)]


def _is_word(byte: bytes) -> bool:
    return byte.isalnum() or byte in (b"_", b"'", b'"') or byte >= b"\x80"


class Edits:
    """The edits of one document. Of two on one span the later wins."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.by_span: dict[Span, str] = {}
        # Of expressions, where others may stand as well, and of lines that may go.
        self.free: set[Span] = set()
        self._resolved: dict[Span, tuple[str, str]] = {}  # of whole edits: what they were, and their text

    def replace(self, span: Span, text: str, free: bool = False) -> None:
        """Write a text for a span; ``free``: any expression, or for a whole line nothing, parses there."""
        self.by_span[span] = text
        (self.free.add if free else self.free.discard)(span)

    def references(self) -> set[str]:
        """Give every target name that the final text will hold."""
        found: set[str] = set()
        self._resolved.clear()
        for span, text in self.pieces(reference):
            if text is not None:
                self._resolved[span] = (self.by_span[span], text)
                found.update(references_in(text))
        return found

    def render(self, span: Span, spell: Callable[[str], str]) -> str:
        return self._render(span, sorted(self.by_span), spell, None)

    def pieces(self, spell: Callable[[str], str]) -> list[tuple[Span, str | None]]:
        """Give the document as its edits, with their new text, and what is between them (None), in order."""
        spans = sorted(self.by_span)
        return self._pieces((0, len(self.document.data)), spans, spell, None)

    def _render(self, span: Span, spans: list[Span], spell: Callable[[str], str], skip: Span | None) -> str:
        pieces = self._pieces(span, spans, spell, skip)
        return "".join(self.document.text(where) if text is None else text for where, text in pieces)

    def _pieces(
        self, span: Span, spans: list[Span], spell: Callable[[str], str], skip: Span | None
    ) -> list[tuple[Span, str | None]]:
        """Give the edits of a span and what is between them (None: as it is), in order."""
        out: list[tuple[Span, str | None]] = []
        at = span[0]
        first, last = span
        inside = [s for s in spans if first <= s[0] and s[1] <= last and s != skip]
        inside.sort(key=lambda s: (s[0], -s[1]))
        for number, edit in enumerate(inside):
            if edit[0] < at:
                continue
            known = self._resolved.get(edit) if skip is None else None
            if known is not None and known[0] is self.by_span[edit]:
                out.append(((at, edit[0]), None))
                out.append((edit, self._apart(edit, _MARK.sub(lambda m: spell(m.group(3)), known[1]))))
                at = edit[1]
                continue
            # In this order what an edit holds follows it, up to the first that starts behind it.
            end, nested = edit[1], [edit]
            for other in inside[number + 1 :]:
                if other[0] > end:
                    break
                if other[1] <= end:
                    nested.append(other)
            out.append(((at, edit[0]), None))
            out.append((edit, self._apart(edit, self._resolve(self.by_span[edit], nested, spell, edit))))
            at = edit[1]
        out.append(((at, span[1]), None))
        return out

    def _apart(self, span: Span, text: str) -> str:
        """Keep words apart that brackets or a sign kept apart: ``return(x) % y``."""
        if text:
            before, after = (
                self.document.data[span[0] - 1 : span[0]],
                self.document.data[span[1] : span[1] + 1],
            )
            if before and _is_word(before) and _is_word(text[:1].encode()):
                text = f" {text}"
            if after and _is_word(after) and _is_word(text[-1:].encode()):
                text = f"{text} "
        return text

    def _resolve(self, text: str, spans: list[Span], spell: Callable[[str], str], edit: Span) -> str:
        def one(match: re.Match[str]) -> str:
            if match.group(3):
                return spell(match.group(3))
            inner = (int(match.group(1)), int(match.group(2)))
            return self._render(inner, spans, spell, edit)

        return _MARK.sub(one, text)
