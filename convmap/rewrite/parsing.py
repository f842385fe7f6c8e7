"""Parses what a port changed: each statement at the top of the file that holds an edit, and what comes in."""

from __future__ import annotations

import ast
import bisect
import symtable
from collections.abc import Sequence

from convmap.errors import SourceError
from convmap.source.document import Document, Span

Piece = tuple[Span, str | None]  # a span of the source, and its new text (None: as it is)


def check(document: Document, pieces: Sequence[Piece], added: str, text: str) -> None:
    """Raise SourceError where a changed statement, or what is ``added`` to the file, does not parse.

    One by one: of two that are broken the first may open what the second closes.
    """
    for part in [added, *changed(document, pieces)]:
        try:
            symtable.symtable(part, document.path, "exec")  # parses in two thirds of ast's time
            continue
        except (SyntaxError, RecursionError):
            pass  # it asks more than that the text parses
        try:
            ast.parse(part)
        except SyntaxError as error:
            line = text[: text.index(part)].count("\n") + (error.lineno or 1)
            raise SourceError(
                f"{document.path}: internal: the port would not parse (line {line}: {error.msg});"
                " nothing was written"
            ) from None


def changed(document: Document, pieces: Sequence[Piece]) -> list[str]:
    """Give the new text of what has edits, cut where statements at the top of the file start."""
    firsts = [
        (getattr(n, "decorator_list", None) or [n])[0].lineno for n in document.tree.body if not n.col_offset
    ]
    cuts = [0, *(document.offset(line, 0) for line in firsts), len(document.data) + 1]
    texts: dict[int, list[str]] = {}
    edited: set[int] = set()
    for (start, stop), new in pieces:
        region = bisect.bisect_right(cuts, start) - 1
        if new is not None:
            texts.setdefault(region, []).append(new)
            edited.add(region)
            continue
        while start < stop:
            end = min(stop, cuts[region + 1])
            texts.setdefault(region, []).append(document.text((start, end)))
            start, region = end, region + 1
    return ["".join(texts[region]) for region in sorted(edited)]
