"""Optimizers of the frameworks, mapped: Adam's epsilon has two conventions."""

from __future__ import annotations

from pathlib import Path

import pytest

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.training import train

MODEL = (
    "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.fc = nn.Linear(4, 3)\n    def forward(self, x):\n        return self.fc(x) * {scale}\n"
)


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_adam_of_small_gradients(target: str, tmp_path: Path, pool: Workers) -> None:
    # With gradients near epsilon, a misplaced epsilon changes the steps themselves.
    (tmp_path / "m.py").write_text(MODEL.format(scale="1e-6"))
    case = Case("small", tmp_path / "m.py", "Net()", ("8x4",))
    for curve in train(case, target, pool, load(), 8, 0):
        assert curve.holds, curve
