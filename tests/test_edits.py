"""Edits of a file in parts: together they are the whole, and a part that does not parse is found."""

from __future__ import annotations

import ast

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
    parts = parsing.changed(DOCUMENT, pieces)
    assert all(any(new in part for part in parts) for _, new in pieces if new)
    whole = "".join(DOCUMENT.text(span) if new is None else new for span, new in pieces)
    assert all(part in whole for part in parts) and bool(parts) == bool(edited)


def test_what_is_parsed_starts_with_a_statement() -> None:
    edits = Edits(DOCUMENT)
    edits.replace(DOCUMENT.span(DOCUMENT.tree.body[2]), "def g(): pass")
    parts = parsing.changed(DOCUMENT, edits.pieces(str))
    assert parts == ["@decorated\r\ndef g(): pass  # of it\r\n\r\n\r\n"]


@pytest.mark.parametrize("broken", ["(", '"""', "x +", "\\"])
def test_a_port_that_does_not_parse_is_never_given(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is parsed by itself: two that are broken may make a whole that is not."""
    monkeypatch.setattr(port, "write_call", lambda *_: broken)
    rules = load()
    source = Document(b"from torch import nn\na = nn.Conv2d(1, 2, 3)\nb = nn.Conv2d(1, 2, 3)\n", "model.py")
    with pytest.raises(SourceError, match=r"model\.py: internal: the port would not parse"):
        port.port_document(source, rules.framework("torch"), rules.framework("mindspore"))
