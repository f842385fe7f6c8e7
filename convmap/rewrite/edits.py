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


class Edits:
    """The edits of one document. Of two on one span the later wins."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.by_span: dict[Span, str] = {}

    def replace(self, span: Span, text: str) -> None:
        self.by_span[span] = text

    def references(self) -> set[str]:
        """Give every target name that the final text will hold."""
        found: set[str] = set()

        def spell(name: str) -> str:
            found.add(name)
            return ""

        self.render((0, len(self.document.data)), spell)
        return found

    def render(self, span: Span, spell: Callable[[str], str]) -> str:
        return self._render(span, sorted(self.by_span), spell, None)

    def render_parts(
        self, span: Span, cuts: list[int], spell: Callable[[str], str]
    ) -> list[tuple[str, bool]]:
        """Give a span's text in parts that end at the ``cuts`` (none within an edit), and which have edits."""
        out: list[tuple[str, bool]] = []
        held: list[str] = []
        changed = False
        ends = iter([cut for cut in sorted(cuts) if span[0] < cut < span[1]])
        end = next(ends, span[1])
        for (start, stop), text in self._pieces(span, sorted(self.by_span), spell, None):
            while end <= start < span[1]:  # an edit before went beyond it, or ends there
                if end == start and held:
                    out.append(("".join(held), changed))
                    held, changed = [], False
                end = next(ends, span[1])
            if text is not None:
                held.append(text)
                changed = True
                continue
            while end < stop:
                held.append(self.document.text((start, end)))
                out.append(("".join(held), changed))
                held, changed, start = [], False, end
                end = next(ends, span[1])
            held.append(self.document.text((start, stop)))
        return [*out, ("".join(held), changed)]

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
            # In this order what an edit holds follows it, up to the first that starts behind it.
            end, nested = edit[1], [edit]
            for other in inside[number + 1 :]:
                if other[0] > end:
                    break
                if other[1] <= end:
                    nested.append(other)
            out.append(((at, edit[0]), None))
            out.append((edit, self._resolve(self.by_span[edit], nested, spell, edit)))
            at = edit[1]
        out.append(((at, span[1]), None))
        return out

    def _resolve(self, text: str, spans: list[Span], spell: Callable[[str], str], edit: Span) -> str:
        def one(match: re.Match[str]) -> str:
            if match.group(3):
                return spell(match.group(3))
            inner = (int(match.group(1)), int(match.group(2)))
            return self._render(inner, spans, spell, edit)

        return _MARK.sub(one, text)
