"""Small before/after cases, what must not be touched first: before_after.toml is the list."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import tomllib
from dialects import port_text

from convmap.rules import load

LIST = tomllib.loads((Path(__file__).parent / "before_after.toml").read_text(encoding="utf-8"))
PRELUDE = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
IMPORTS = (ast.Import, ast.ImportFrom)


def own_part(text: str, count: int, target: str) -> str:
    """Give the last statements of a file: what the case wrote, behind imports, set-up and shims."""
    setup = tuple(name for name, _ in load().framework(target).setup)
    body = [n for n in ast.parse(text).body if not isinstance(n, IMPORTS)]
    body = [n for n in body if not (setup and ast.unparse(n).startswith(setup))]
    nodes = body[len(body) - count :]
    first = min([nodes[0].lineno, *(d.lineno for d in getattr(nodes[0], "decorator_list", ()))])
    return "\n".join(text.splitlines()[first - 1 :])


def test_there_are_enough() -> None:
    assert len(LIST["untouched"]) + len(LIST["case"]) >= 150


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("text", LIST["untouched"])
def test_untouched(text: str, target: str) -> None:
    port = port_text(text + "\n", "torch", target)
    assert port.after == text + "\n" and not port.uses


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("case", LIST["case"], ids=lambda c: c["before"][:60])
def test_case(case: dict[str, Any], target: str) -> None:
    port = port_text(PRELUDE + case["before"] + "\n", "torch", target)
    count = sum(not isinstance(n, IMPORTS) for n in ast.parse(case["before"]).body)
    assert own_part(port.after, count, target) == case[target]
    found = {d.code for d in port.diagnostics if d.severity != "note"}
    assert found == set(case.get(f"{target}_findings", ()))
