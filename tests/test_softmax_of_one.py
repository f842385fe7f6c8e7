"""MindSpore: a softmax along an axis of one element, met first, spoils the gradients of later ones along this axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dialects import port_text

from convmap.inputs import Case, Inputs
from convmap.points import apart
from convmap.ported import make_pair
from convmap.rules import load
from convmap.sides import workers
from convmap.verify import load_sides

NET = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        {}\n"
PLAIN = NET.format("return F.softmax(x, 1)")
SHIMMED = {
    "a file with infinite masks": NET.format(
        "x = x.masked_fill(x > 9, float('-inf'))\n        return F.softmax(x, 1)"
    ),
    "attention": NET.format("x = x.transpose(1, 2)\n        return F.scaled_dot_product_attention(x, x, x)"),
}


def spoilt(text: str, folder: Path) -> bool:
    """Tell whether a gradient of several elements is wrong in a process that has seen one element first."""
    file = folder / "m.py"
    file.write_text(text)
    case = Case("m", file, "Net()", ("2x3x4",))
    stream = np.random.RandomState(0)
    first, second = (stream.standard_normal(shape).astype(np.float32) for shape in ((2, 1, 4), (2, 3, 4)))
    if "transpose" in text:  # attention sums over its second axis, the places
        first, second = (stream.standard_normal(s).astype(np.float32) for s in ((2, 4, 1), (2, 4, 3)))
    with workers() as pool:
        sides, _ = load_sides(case, make_pair(load(), file, "mindspore", folder), pool)
        sides.both(Inputs((first,), (None,)), "eval", 0)
        runs = sides.both(Inputs((second,), (None,)), "eval", 0)
    assert runs
    return any(apart(*pair) for pair in runs.values())


def test_ports_say_it_of_plain_calls() -> None:
    notes = [d.message for d in port_text(PLAIN, "torch", "mindspore").diagnostics if d.code == "CM206"]
    assert any("first gradient of a softmax" in note for note in notes)


@pytest.mark.frameworks
def test_plain_calls_are_spoilt(tmp_path: Path) -> None:
    """Strictly: should a later MindSpore be right, the quirk is to go."""
    assert spoilt(PLAIN, tmp_path)


@pytest.mark.frameworks
@pytest.mark.parametrize("title", SHIMMED)
def test_shims_are_not(title: str, tmp_path: Path) -> None:
    assert "softmax_of_finite" in port_text(SHIMMED[title], "torch", "mindspore").after
    assert not spoilt(SHIMMED[title], tmp_path)
