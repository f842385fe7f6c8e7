"""Parses what a port changed: expressions by themselves, all else with the statement at the top of the file."""

from __future__ import annotations

import ast
import bisect
import functools
import keyword
import symtable
from collections.abc import Collection, Mapping, Sequence

from convmap.errors import SourceError
from convmap.source.document import Document, Span

_READ = (type(None), ast.Load)
Piece = tuple[Span, str | None]  # a span of the source, and its new text (None: as it is)


def check(document: Document, pieces: Sequence[Piece], free: Collection[Span], added: str, text: str) -> None:
    """Raise SourceError where a changed statement, or what is ``added`` to the file, does not parse.

    One by one: of two that are broken the first may open what the second closes. A statement parses as
    before where its edits are names for names, or in ``free`` spans expressions or nothing (see Edits).
    """
    doubtful = {span for span, new in pieces if new is not None and not _is_sure(document, span, new, free)}
    for part in [added, *changed(document, pieces, doubtful)]:
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


def takes_any(node: ast.expr, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Tell whether every text that ``is_expression`` parses where this expression is."""
    at: ast.AST | None = node
    parent = parents.get(node)
    if isinstance(parent, (ast.Starred, ast.Dict)):
        return False  # *a or b, {**a or b}
    while isinstance(at, ast.expr):
        if type(getattr(at, "ctx", None)) not in _READ or isinstance(at, ast.JoinedStr):
            return False  # what is assigned to; before Python 3.12 without its quotes, backslashes, comments
        at = parents.get(at)
    return not isinstance(at, ast.pattern)


@functools.lru_cache(4096)
def is_expression(text: str) -> bool:
    """Tell whether a text can stand where expressions do, with operators around it, and no brackets.

    What is no term, goes over lines or ends in a comment, a number or a conditional is not told to be one.
    """
    try:
        # In two thirds of ast's time. Commas, conditionals and lambdas don't parse there either.
        symtable.symtable(f"_ if _ ** {text}._ else _", "", "eval")
        return True
    except (SyntaxError, RecursionError):
        return False


def _is_sure(document: Document, span: Span, new: str, free: Collection[Span]) -> bool:
    if span in free:
        return is_expression(new) if new else document.data[span[1] - 1 : span[1]] in (b"\r", b"\n")
    return _is_name(new) and _is_name(document.text(span))


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def changed(document: Document, pieces: Sequence[Piece], edits: Collection[Span]) -> list[str]:
    """Give the new text of what has the edits, cut where statements at the top of the file start."""
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
            if (start, stop) in edits:
                edited.add(region)
            continue
        while start < stop:
            end = min(stop, cuts[region + 1])
            texts.setdefault(region, []).append(document.text((start, end)))
            start, region = end, region + 1
    return ["".join(texts[region]) for region in sorted(edited)]
