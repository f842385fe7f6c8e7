"""Indices that are tensors: MindSpore drops the gradient at negative numbers, so they are written through a shim."""

from __future__ import annotations

import pytest
from dialects import port_text

HEAD = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("place", torch.arange(4))
        self.register_buffer("relative", torch.arange(4) - 2)

    def forward(self, x, index):
        values, places = x.topk(2)
        mask = x > 0
        return """

SHIM = [
    "x[index]",
    "x[:, index]",
    "x[index.long().view(-1), :, 1]",
    "x[index - 1]",
    "x[self.relative]",
    "x[self.place - 1]",
    "x[torch.tensor([-1, 2])]",
    "x[torch.arange(-2, 2)]",
    "x[torch.arange(4), index]",
    "x[~index]",
]
PLAIN = [
    "x[mask]",
    "x[x > 0]",
    "x[~(x > 0)]",
    "x[mask & (x < 2)]",
    "x[places]",
    "x[:, places.view(-1) + 1]",
    "x[self.place]",
    "x[torch.arange(4) * 2 // 3]",
    "x[index % 3]",
    "x[torch.tensor([1, 2]), :, torch.zeros(2).long()]",
    "x[x.argmax(1)]",
    "x[x.sort(1)[1]]",
    "x[-1]",
    "x[[-1, 0]]",
    "x[1:, None]",
]


@pytest.mark.parametrize("text", SHIM)
def test_what_may_hold_negative_numbers_goes_through_the_shim(text: str) -> None:
    assert "indexed(x)[" in port_text(HEAD + text + "\n", "torch", "mindspore").after
    assert "indexed(" not in port_text(HEAD + text + "\n", "torch", "megengine").after


@pytest.mark.parametrize("text", PLAIN)
def test_what_holds_none_stays(text: str) -> None:
    assert "indexed(" not in port_text(HEAD + text + "\n", "torch", "mindspore").after


@pytest.mark.parametrize(
    "change",
    ["places[mask] = -1", "places -= 1", "places.sub_(1)", "places = places - 1", "self.place[0] = -1"],
)
def test_what_is_changed_may_hold_some(change: str) -> None:
    text = HEAD.replace("return ", f"places = x.argmax(1)\n        {change}\n        return ")
    tensor = "self.place" if "self" in change else "places"
    assert "indexed(x)[" in port_text(text + f"x[{tensor}]\n", "torch", "mindspore").after


def test_what_is_set_stays() -> None:
    text = HEAD.replace("return ", "x = x * 2\n        x[index] = 1\n        return ") + "x\n"
    assert "indexed(" not in port_text(text, "torch", "mindspore").after


def test_where_the_tensor_is_not_known_it_is_said() -> None:
    text = HEAD.replace("return ", "other = self.table()\n        return ") + "other[x.long()], other[0]\n"
    found = port_text(text, "torch", "mindspore")
    assert [d.code for d in found.diagnostics if d.severity == "warning"] == [
        "CM107"
    ] and "indexed" not in found.after


def test_a_class_in_an_annotation_is_no_index() -> None:
    text = "import torch\nfrom typing import List\n\n\ndef f(x: torch.Tensor) -> List[torch.Tensor]:\n    return [x]\n"
    assert not [d for d in port_text(text, "torch", "mindspore").diagnostics if d.severity == "warning"]
