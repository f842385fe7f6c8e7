"""Edits of a file in parts: together they are the whole, and a part that does not parse is found."""

from __future__ import annotations

import ast
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmap.errors import SourceError
from convmap.rewrite import parsing, port
from convmap.rewrite.edits import Edits, reference
from convmap.rules import load
from convmap.source.document import Document
from convmap.source.inference import mark

SOURCE = """import torch
from torch import nn


@decorated
def f(x):
    return nn.ReLU()(x)  # of it


a = nn.ReLU(); b = nn.ReLU()
text = \"\"\"
c = 3
\"\"\"
if a:
    d = nn.ReLU()
else:
    d = nn.ReLU()
""".replace("\n", "\r\n")  # fmt: skip
DOCUMENT = Document(SOURCE.encode())
SPANS = sorted({DOCUMENT.span(n) for n in ast.walk(DOCUMENT.tree) if hasattr(n, "lineno")})


@given(st.sets(st.sampled_from(SPANS)))
def test_pieces_are_the_whole(edited: set[tuple[int, int]]) -> None:
    edits = Edits(DOCUMENT)
    for span in edited:
        edits.replace(span, f"<{span}>")
    pieces = edits.pieces(str)
    text = "".join(DOCUMENT.text(span) if new is None else new for span, new in pieces)
    assert text == edits.render((0, len(SOURCE)), str)
    assert all("<" not in DOCUMENT.text(span) for span, new in pieces if new is None)


def test_what_names_come_is_asked_before_they_are_spelled() -> None:
    edits = Edits(DOCUMENT)
    call = DOCUMENT.tree.body[3].value  # type: ignore[attr-defined]
    edits.replace(DOCUMENT.span(call), f"{reference('m.A')}({mark(DOCUMENT.span(call.func))})")
    edits.replace(DOCUMENT.span(call.func), reference("m.B"))
    assert edits.references() == {"m.A", "m.B"}
    assert [new for _, new in edits.pieces(str.lower) if new is not None] == ["m.a(m.b)"]
    edits.replace(DOCUMENT.span(call), "other")
    assert [new for _, new in edits.pieces(str) if new is not None] == ["other"]


@given(st.sets(st.sampled_from(SPANS)))
def test_what_is_parsed_holds_every_edit(edited: set[tuple[int, int]]) -> None:
    edits = Edits(DOCUMENT)
    for span in edited:
        edits.replace(span, f"<{span}>")
    pieces = edits.pieces(str)
    parts = parsing.changed(DOCUMENT, pieces, edited)
    assert all(any(new in part for part in parts) for _, new in pieces if new)
    whole = "".join(DOCUMENT.text(span) if new is None else new for span, new in pieces)
    assert all(part in whole for part in parts) and bool(parts) == bool(edited)


def test_what_is_parsed_starts_with_a_statement() -> None:
    edits = Edits(DOCUMENT)
    edits.replace(DOCUMENT.span(DOCUMENT.tree.body[2]), "def g(): pass")
    parts = parsing.changed(DOCUMENT, edits.pieces(str), edits.by_span)
    assert parts == ["@decorated\r\ndef g(): pass  # of it\r\n\r\n\r\n"]


EXPRESSIONS = Document(b"""
@a.b
def f(x: int = 1, *args: a.b[c], **kwargs) -> a[b]:
    with a.b as c, open(x):
        for i in[a, b]:
            yield from(a)
    x, *y = a, *b, {**c, 1: d}, [*a], {x for x in a if b if(c)}
    y[a:b, ...], z.a = a.b, (a and(b))if c else-d
    a += b[1:-2](x, *y, k=z, **w).c(f"{a!r:{b}} {c.d}" "text")
    assert a < b <= c, not a
    raise a.b from(a)
    lambda a, b=c: (a := b)
    return-a if(b)else(c)
class A(a.b, metaclass=c): d: a = b; del a.b, c[1]
match a.b:
    case a.c | a.d(x, y=a.e) if(x): global g
while not(a): print(*a, sep='')
""")
NODES = [n for n in ast.walk(EXPRESSIONS.tree) if isinstance(n, ast.expr)]
PARENTS = {child: n for n in ast.walk(EXPRESSIONS.tree) for child in ast.iter_child_nodes(n)}
TEXTS = [
    "a", "1", "1.5", "a.b", "a.b(c, *d)", "-a", "a + b", "a ** b", "a or b", "not a", "a < b", "a if b else c", "lambda: a",
    "a, b", "a, b=c", "a=b", "*a", "**a", "(a\n)", "a\nb", "a\n b", "a # b", "'a'", "'", '"', "f'{a}'", "[a][b]", "{**a}",
    "a := b", "(a := b)", "yield a", "await a", "a b", "a; b", "a:", "a as b", "a[b:c]", "b:c", "(", ")", "", "if", "None", "\\",
    "a for a in b", "(a for a in b)",
]  # fmt: skip


@pytest.mark.parametrize("text", [t for t in TEXTS if parsing.is_expression(t)])
def test_what_is_not_parsed_parses(text: str) -> None:
    """An expression is parsed by itself where any may stand; the statement it is in then parses as well."""
    for node in NODES:
        edits = Edits(EXPRESSIONS)
        edits.replace(EXPRESSIONS.span(node), text, parsing.takes_any(node, PARENTS))
        whole = edits.render((0, len(EXPRESSIONS.data)), str)
        if edits.free:
            ast.parse(whole)
        with contextlib.suppress(SourceError):
            parsing.check(EXPRESSIONS, edits.pieces(str), edits.free, "", whole)
            ast.parse(whole)


def test_most_expressions_are_parsed_by_themselves() -> None:
    assert all(map(parsing.is_expression, ["a", "1.5", "a.b(c, *d)", "-a", "(a\n)", "'a'", "[a][b]", "None"]))
    assert not any(
        map(parsing.is_expression, ["a, b", "a\nb", "a # b", "a if b else c", "lambda: a", "", "'"])
    )
    taken = [ast.unparse(n) for n in NODES if parsing.takes_any(n, PARENTS)]
    assert {"a.b", "not a", "b[1:-2](x, *y, k=z, **w)", "a < b <= c"} <= {*taken}
    assert len(taken) > len(NODES) / 2


@pytest.mark.parametrize("source,text,ported", [
    ("return(x)", "f(x)", "return f(x)"),
    ("for i in[a, b]: pass", "c", "for i in c: pass"),
    ("x if(y)else z", "y", "x if y else z"),
])  # fmt: skip
def test_words_are_kept_apart(source: str, text: str, ported: str) -> None:
    document = Document(source.encode())
    edits = Edits(document)
    start, end = (min(source.find(c) for c in pair if c in source) for pair in ("([", ")]"))
    edits.replace((start, end + 1), text)
    assert edits.render((0, len(source)), str) == ported


@pytest.mark.parametrize("broken", ["(", '"""', "x +", "\\"])
def test_a_port_that_does_not_parse_is_never_given(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is parsed by itself: two that are broken may make a whole that is not."""
    monkeypatch.setattr(port, "write_call", lambda *_: broken)
    rules = load()
    source = Document(b"from torch import nn\na = nn.Conv2d(1, 2, 3)\nb = nn.Conv2d(1, 2, 3)\n", "model.py")
    with pytest.raises(SourceError, match=r"model\.py: internal: the port would not parse"):
        port.port_document(source, rules.framework("torch"), rules.framework("mindspore"))
