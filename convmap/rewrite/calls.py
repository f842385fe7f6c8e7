"""Writes a plan over a call: keeps order, spacing, line breaks and comments of its arguments."""

from __future__ import annotations

import ast
import re

from convmap.model import Binding, Plan, Value, Write
from convmap.rewrite.edits import reference
from convmap.source.document import Document, Span
from convmap.source.inference import mark


def argument_nodes(call: ast.Call) -> list[ast.expr | ast.keyword]:
    """Give positional and keyword arguments in the order of the text."""
    nodes: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    return sorted(nodes, key=lambda n: (n.lineno, n.col_offset))


def _argument_span(document: Document, node: ast.expr | ast.keyword) -> Span:
    """Give an argument's span with the parentheses written around its value."""
    start, end = document.span(node)
    data = document.data
    while True:
        before, after = _skip_back(data, start), _skip_on(data, end)
        if (
            data[before - 1 : before] == b"("
            and data[after : after + 1] == b")"
            and _grouping(data, before - 1)
        ):
            start, end = before - 1, after + 1
        else:
            return start, end


def _skip_back(data: bytes, at: int) -> int:
    while data[at - 1 : at].isspace():
        at -= 1
    return at


def _skip_on(data: bytes, at: int) -> int:
    while data[at : at + 1].isspace():
        at += 1
    return at


def _grouping(data: bytes, at: int) -> bool:
    """Tell a grouping parenthesis from a call's own: after a name or a bracket it is a call's."""
    before = data[_skip_back(data, at) - 1 : _skip_back(data, at)]
    return before in (b"(", b",", b"=", b"*")


def write_call(
    document: Document,
    call: ast.Call,
    plan: Plan,
    positions: dict[str, tuple[int, ...]],
    callee: str,
    receiver_given: bool,
    lead: Value | None = None,
    tuples: bool = False,
) -> str:
    """Give the text of the call in the target: ``callee`` and the argument list.

    ``positions`` says which argument of the source (by index in the text, the receiver not counted)
    filled which source parameter. ``tuples``: lists of numbers become tuples where axes are meant.
    """
    nodes = argument_nodes(call)
    spans = [_argument_span(document, n) for n in nodes]
    close = document.span(call)[1] - 1
    opening = _opening(document, call)
    params = [p for p in plan.binding.params if p.kind != "kwargs"]
    if receiver_given:
        params = params[1:]
    named = {p.name for p in params}
    writes = [w for w in plan.writes if w.param.name in named]
    anchored: dict[int, list[Write]] = {}
    tail: list[Write] = []
    for write in writes:
        # A parameter of the same name keeps its own place; any other takes its source's.
        names = [n for n in write.sources if n == write.param.name]
        if not names:
            kin = {w.param.name for w in writes if w.sources == write.sources}
            names = [n for n in write.sources if n in kin] or list(write.sources)
        places = [i for name in names for i in positions.get(name, ())]
        if places:
            anchored.setdefault(min(places), []).append(write)
        else:
            tail.append(write)
    pieces: list[tuple[str, int]] = []  # text and the source argument whose separator follows
    index, positional = 0, True
    if lead is not None:
        # The object of a method becomes the first argument of a function.
        writes = [w for w in writes if w.param is not params[0]]
        tail = [w for w in tail if w.param is not params[0]]
        anchored = {i: [w for w in found if w.param is not params[0]] for i, found in anchored.items()}
        pieces.append((lead.code, -1))
        index = 1
    plain = [p for p in params if p.kind == "plain"]
    order = [(i, w) for i in sorted(anchored) for w in anchored[i]] + [(-1, w) for w in tail]
    for place, write in order:
        if write.param.kind == "args":
            for number, item in enumerate(write.value.items):
                pieces.append((item.code, place + number if place >= 0 else -1))
            continue
        stays = (
            positional
            and write.param.kind == "plain"
            and index < len(plain)
            and plain[index] is write.param
            and place >= 0
            and not isinstance(nodes[place], ast.keyword)
        )
        positional = positional and stays
        index += 1
        text = _value_text(document, write.value, nodes, spans, place, tuples and _counts_axes(plan, write))
        pieces.append((text if stays else f"{write.param.name}={text}", place))
    return f"{callee}{_list(document, pieces, spans, opening, close)}"


def _value_text(
    document: Document,
    value: Value,
    nodes: list[ast.expr | ast.keyword],
    spans: list[Span],
    place: int,
    tuples: bool,
) -> str:
    if tuples and _has_numbers(value):
        for node in nodes:
            inner = node.value if isinstance(node, ast.keyword) else node
            if isinstance(inner, ast.List) and value.code == mark(document.span(inner)):
                start, end = document.span(inner)
                behind = document.text((document.span(inner.elts[-1])[1], end - 1))
                single = len(inner.elts) == 1 and "," not in re.sub(r"#[^\r\n]*", "", behind)
                comma = "," if single else ""
                return f"({mark((start + 1, end - 1))}{comma})"
    if place >= 0:
        node = nodes[place]
        inner = node.value if isinstance(node, ast.keyword) else node
        if value.code == mark(document.span(inner)):
            if isinstance(node, ast.keyword):
                return mark(_argument_span(document, inner))
            return mark(spans[place])
    return value.code


def _counts_axes(plan: Plan, write: Write) -> bool:
    """Tell whether an argument is of a layer or over spatial axes, or must be a tuple, and is no data."""
    binding = plan.binding
    carried = (m for m in binding.maps if m.adapter == "tuple")
    of_axes = binding.operator.kind == "layer" or binding.dims is not None
    return of_axes or any(write.param.name == name for m in carried for _, name in m.roles)


def _has_numbers(value: Value) -> bool:
    kinds = {v.kind or type(v.known).__name__ for v in value.items}
    return bool(kinds & {"int", "number"}) and not kinds & {"tensor", "tuple", "list", "str"}


def _opening(document: Document, call: ast.Call) -> int:
    """Find the parenthesis that opens the argument list."""
    at = document.span(call.func)[1]
    while document.data[at : at + 1] != b"(":
        # Between the callee and its list stand only spaces, comments and closing parentheses.
        if document.data[at : at + 1] == b"#":
            while document.data[at : at + 1] not in (b"\n", b""):
                at += 1
        at += 1
    return at


def _list(
    document: Document, pieces: list[tuple[str, int]], spans: list[Span], opening: int, close: int
) -> str:
    """Join the pieces with the separators of the source, so that layout and comments stay."""
    if not spans:
        return f"({', '.join(text for text, _ in pieces)})"
    head = document.text((opening, spans[0][0]))
    separators = [document.text((a[1], b[0])) for a, b in zip(spans, spans[1:])]
    foot = document.text((spans[-1][1], close + 1))
    if not pieces:
        comments = [c for s in [head, *separators, foot] for c in re.findall(r"#[^\r\n]*", s)]
        if not comments:
            return "()"
        indent = _newline_of(head) or _newline_of(foot) or document.newline
        return "(" + "".join(f"{indent}{c}" for c in comments) + f"{indent})"
    usual = next((s for s in separators if "\n" in s and "#" not in s), None)
    if usual is None:
        layout = next((_newline_of(s) for s in separators if "\n" in s), None)
        usual = f",{layout}" if layout else ", "
    out, dropped = [head], []
    kept = [place for _, place in pieces if place >= 0]
    first = min(kept) if kept else len(spans)
    dropped = [c for s in separators[:first] for c in re.findall(r"#[^\r\n]*", s)]
    for comment in dropped:
        out.append(f"{comment}{_newline_of(separators[0]) or document.newline}")
    for number, (text, place) in enumerate(pieces):
        out.append(text)
        following = pieces[number + 1][1] if number + 1 < len(pieces) else None
        if following is None:
            # Behind an added argument the comments of what was left out are written already.
            gone = separators[place:] if 0 <= place < len(spans) - 1 else []
            out.append(_closing(gone, foot, document))
        elif following == place:
            out.append(", ")
        elif following < 0 or place < 0:
            if following is not None and following < 0 and 0 <= place < len(spans) - 1:
                # What follows in the source is left out: its comments stay here.
                out.append(_merged(separators[place:], usual))
            else:
                out.append(usual if place >= 0 or following < 0 else ", ")
        elif following > place:
            out.append(_merged(separators[place:following], separators[following - 1]))
        else:
            out.append(", ")
    return "".join(out)


def _newline_of(text: str) -> str:
    """Give the last line break of a separator with the indentation behind it."""
    match = re.search(r"(\r\n|\r|\n)([ \t]*)$", text)
    return match.group() if match else ""


def _merged(separators: list[str], usual: str) -> str:
    """Join the separators around arguments that are left out; no comment gets lost."""
    if len(separators) == 1:
        return separators[0]
    comments = [re.findall(r"#[^\r\n]*", s) for s in separators]
    if not any(comments):
        return usual if "#" not in usual else separators[-1]
    breaks = next((_newline_of(s) for s in reversed(separators) if _newline_of(s)), "\n")
    first = separators[0].rstrip(" \t\r\n") if comments[0] else ","
    rest = [c for found in comments[1:] for c in found]
    return first + "".join(f"{breaks}{c}" for c in rest) + breaks


def _closing(gone: list[str], foot: str, document: Document) -> str:
    comments = [c for s in gone for c in re.findall(r"#[^\r\n]*", s)]
    if not comments:
        return foot
    breaks = next((_newline_of(s) for s in gone if _newline_of(s)), document.newline)
    end = _newline_of(foot[:-1]) or breaks
    own = [c for c in re.findall(r"#[^\r\n]*", foot)]
    return "," + "".join(f"{breaks}{c}" for c in comments + own) + end + ")"


def fill_template(binding: Binding, values: dict[str, Value]) -> str:
    """Write a binding that is not a call: ``{name}`` is an argument, ``@a.b@`` a target name."""

    def argument(match: re.Match[str]) -> str:
        name, how = match.group(1), match.group(2)
        value = values[name]
        return value.wrapped() if how else value.code

    text = re.sub(r"\{(\w+)(!)?\}", argument, binding.write)
    return re.sub(r"@([\w.]+)@", lambda m: reference(m.group(1)), text)
