"""Edits of a file in parts: together they are the whole, and a part that does not parse is found."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convmap.errors import SourceError
from convmap.rewrite import port
from convmap.rewrite.edits import Edits
from convmap.rules import load
from convmap.source.document import Document

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
STARTS = [
    DOCUMENT.offset((getattr(n, "decorator_list", None) or [n])[0].lineno, 0)
    for n in DOCUMENT.tree.body
    if n.col_offset == 0
]
SPANS = sorted({DOCUMENT.span(n) for n in ast.walk(DOCUMENT.tree) if hasattr(n, "lineno")})


@given(st.sets(st.sampled_from(SPANS)), st.integers(0, len(SOURCE)))
def test_parts_are_the_whole(edited: set[tuple[int, int]], start: int) -> None:
    edits = Edits(DOCUMENT)
    for span in edited:
        if span[0] >= start:
            edits.replace(span, f"<{span}>")
    span = (start, len(SOURCE))
    parts = edits.render_parts(span, STARTS, str)
    assert "".join(text for text, _ in parts) == edits.render(span, str)
    unchanged = [text for text, changed in parts if not changed]
    assert all("<" not in text for text in unchanged)
    assert (len(unchanged) < len(parts)) == bool(edits.by_span)


def test_parts_end_where_statements_start() -> None:
    edits = Edits(DOCUMENT)
    edits.replace(DOCUMENT.span(DOCUMENT.tree.body[2]), "def g(): pass")
    parts = edits.render_parts((0, len(SOURCE)), STARTS, str)
    assert [changed for _, changed in parts] == [False, False, True, False, False, False]
    assert parts[2][0] == "@decorated\r\ndef g(): pass  # of it\r\n\r\n\r\n"
    assert parts[3][0] == "a = nn.ReLU(); b = nn.ReLU()\r\n"


@pytest.mark.parametrize("broken", ["(", '"""', "x +", "\\"])
def test_a_port_that_does_not_parse_is_never_given(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is parsed by itself: two that are broken may make a whole that is not."""
    monkeypatch.setattr(port, "write_call", lambda *_: broken)
    rules = load()
    source = Document(b"from torch import nn\na = nn.Conv2d(1, 2, 3)\nb = nn.Conv2d(1, 2, 3)\n", "model.py")
    with pytest.raises(SourceError, match=r"model\.py: internal: the port would not parse"):
        port.port_document(source, rules.framework("torch"), rules.framework("mindspore"))
