"""The seed cases of the two frameworks' difference pages, run: values, not only shapes.

Each is written as torch writes it (layer, function) and as MindSpore does (padding by side, and 'same'
or 'valid' where that is what the page claims), and each spelling is verified against the others'.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

pytestmark = pytest.mark.frameworks

TORCH = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
MINDSPORE = "from mindspore import nn\n\n\n"
LAYER = (
    "class Net({base}):\n    def __init__(self):\n        super().__init__()\n        self.layer = {call}\n\n"
)
FORWARD = "    def {forward}(self, x):\n        return self.layer(x)\n"
FUNCTION = (
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.weight = nn.Parameter(torch.randn{shape})\n\n"
    "    def forward(self, x):\n        return {call}\n"
)

# name: input, output, {spelling: call}; function: weight's shape and the call
SEEDS = {
    "1": ("1x3x16x50", (1, 64, 15, 45), {
        "layer": "nn.ConvTranspose2d(3, 64, 4, padding=(2, 4), bias=False)",
        "positional": "nn.ConvTranspose2d(3, 64, 4, 1, (2, 4), 0, 1, False)",
        "function": ((3, 64, 4, 4), "F.conv_transpose2d(x, self.weight, padding=(2, 4))"),
        "pad": "nn.Conv2dTranspose(3, 64, 4, pad_mode='pad', padding=(2, 2, 4, 4))",
    }),
    "2": ("1x3x16x50", (1, 64, 48, 150), {
        "layer": "nn.ConvTranspose2d(3, 64, 5, stride=3, padding=2, output_padding=2, bias=False)",
        "function": ((3, 64, 5, 5), "F.conv_transpose2d(x, self.weight, None, 3, 2, 2)"),
        "pad": "nn.Conv2dTranspose(3, 64, 5, stride=3, pad_mode='pad', padding=(2, 0, 2, 0))",
        "auto": "nn.Conv2dTranspose(3, 64, 5, stride=3, pad_mode='same')",
    }),
    "3": ("1x3x16x50", (1, 64, 50, 152), {
        "layer": "nn.ConvTranspose2d(3, 64, 5, stride=3, bias=False)",
        "function": ((3, 64, 5, 5), "F.conv_transpose2d(x, self.weight, None, 3)"),
        "pad": "nn.Conv2dTranspose(3, 64, 5, stride=3, pad_mode='pad', padding=0)",
        "auto": "nn.Conv2dTranspose(3, 64, 5, stride=3, pad_mode='valid')",
    }),
    "4": ("1x3x48x48", (1, 32, 96, 96), {
        "layer": "nn.ConvTranspose2d(3, 32, 3, 2, 1, 1, bias=False)",
        "function": ((3, 32, 3, 3), "F.conv_transpose2d(x, self.weight, stride=2, padding=1, output_padding=1)"),
        "pad": "nn.Conv2dTranspose(3, 32, 3, 2, 'pad', (1, 0, 1, 0))",
        "auto": "nn.Conv2dTranspose(3, 32, 3, 2)",
    }),
    "4 with bias": ("1x3x48x48", (1, 32, 96, 96), {
        "layer": "nn.ConvTranspose2d(3, 32, 3, 2, 1, 1)",
        "pad": "nn.Conv2dTranspose(3, 32, 3, 2, 'pad', (1, 0, 1, 0), has_bias=True)",
    }),
    "5 k4": ("1x3x50", (1, 64, 53), {
        "layer": "nn.ConvTranspose1d(3, 64, 4, bias=False)",
        "function": ((3, 64, 4), "F.conv_transpose1d(x, self.weight)"),
        "pad": "nn.Conv1dTranspose(3, 64, 4, pad_mode='pad')",
        "auto": "nn.Conv1dTranspose(3, 64, 4, pad_mode='valid')",
    }),
    "5 k5s3p2": ("1x3x50", (1, 64, 150), {
        "layer": "nn.ConvTranspose1d(3, 64, 5, stride=3, padding=2, output_padding=2, bias=False)",
        "function": ((3, 64, 5), "F.conv_transpose1d(x, self.weight, stride=3, padding=2, output_padding=2)"),
        "auto": "nn.Conv1dTranspose(3, 64, 5, stride=3, pad_mode='same')",
    }),
    "5 k5s3": ("1x3x50", (1, 64, 152), {
        "layer": "nn.ConvTranspose1d(3, 64, 5, stride=3, bias=False)",
        "function": ((3, 64, 5), "F.conv_transpose1d(x, self.weight, stride=3)"),
        "pad": "nn.Conv1dTranspose(3, 64, 5, stride=3, pad_mode='pad')",
        "auto": "nn.Conv1dTranspose(3, 64, 5, stride=3, pad_mode='valid')",
    }),
    "6 CASE_1": ("1x1x5x5", (1, 1, 15, 15), {
        "layer": "nn.ConvTranspose2d(1, 1, 3, 3, bias=False)",
        "function": ((1, 1, 3, 3), "F.conv_transpose2d(x, self.weight, stride=3)"),
        "pad": "nn.Conv2dTranspose(1, 1, 3, 3, 'pad', 0)",
        "auto": "nn.Conv2dTranspose(1, 1, 3, 3, 'valid')",
    }),
    "6 CASE_2": ("1x1x4x6", (1, 1, 8, 12), {
        "layer": "nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1, bias=False)",
        "function": ((1, 1, 3, 3), "F.conv_transpose2d(x, self.weight, None, 2, 1, 1)"),
        "pad": "nn.Conv2dTranspose(1, 1, 3, 2, 'pad', (1, 0, 1, 0))",
    }),
    "7 batch": ("16x3x32x32", (16, 64, 63, 63), {
        "layer": "nn.ConvTranspose2d(3, 64, 3, stride=2, padding=1)",
        "pad": "nn.Conv2dTranspose(3, 64, 3, 2, 'pad', 1, has_bias=True)",
    }),
    "7": ("1x3x64x64", (1, 64, 127, 127), {
        "layer": "nn.ConvTranspose2d(3, 64, 3, stride=2, padding=1)",
        "pad": "nn.Conv2dTranspose(3, 64, 3, 2, 'pad', 1, has_bias=True)",
    }),
}  # fmt: skip


def source_of(spelling: str, call: str | tuple[tuple[int, ...], str]) -> tuple[str, str]:
    """Give the framework of a spelling and a model file with it."""
    if isinstance(call, tuple):
        return "torch", TORCH + FUNCTION.format(shape=call[0], call=call[1])
    if spelling in ("pad", "auto"):
        return "mindspore", MINDSPORE + (LAYER + FORWARD).format(
            base="nn.Cell", call=call, forward="construct"
        )
    return "torch", TORCH + (LAYER + FORWARD).format(base="nn.Module", call=call, forward="forward")


RUNS = [
    (name, spelling, target)
    for name, (_, _, calls) in SEEDS.items()
    for spelling in calls
    for target in (("torch",) if spelling in ("pad", "auto") else ("mindspore", "megengine"))
]


@pytest.mark.parametrize("name,spelling,target", RUNS)
def test_holds(name: str, spelling: str, target: str, pool: Workers, tmp_path: Path) -> None:
    spec, _, calls = SEEDS[name]
    _, text = source_of(spelling, calls[spelling])
    file = tmp_path / "net.py"
    file.write_text(text)
    verdict = verify(Case(name, file, "Net()", (spec,)), target, pool, load(), seeds=2)
    assert verdict.holds, text_of(verdict)
    assert not verdict.counts.get("refused")


# What the pages say is the same and is not: 'same' is shifted. All others of a seed are equal.
DIFFERENT = {("2", "auto"), ("4", "auto"), ("5 k5s3p2", "auto")}


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize("ones", [False, True], ids=["random", "ones"])
def test_all_ways_of_writing_agree(name: str, ones: bool, pool: Workers, tmp_path: Path) -> None:
    spec, shape, calls = SEEDS[name]
    stream = np.random.RandomState(0)
    x = stream.standard_normal([int(n) for n in spec.split("x")]).astype(np.float32)
    wanted: np.ndarray | None = None
    weights: list[np.ndarray] = []
    for spelling, call in calls.items():
        framework, text = source_of(spelling, call)
        file = tmp_path / f"{spelling}.py"
        file.write_text(text)
        loaded = pool[framework].ask("load", path=str(file), entry="Net()")
        state = pool[framework].ask("get_state", model=loaded["model"])
        if not weights:
            weights = [stream.standard_normal(v.shape).astype(np.float32) for v in state.values()]
        if ones:
            x, weights = np.ones_like(x), [np.ones_like(w) for w in weights]
        moved = {k: w.reshape(v.shape) for (k, v), w in zip(state.items(), weights)}
        pool[framework].ask("set_state", model=loaded["model"], arrays=moved)
        answer = pool[framework].ask(
            "run", model=loaded["model"], inputs=[x], lists=[None], train=False, cotangents=None,
            dtype="float32", noise_seed=0,
        )  # fmt: skip
        (result,) = answer["outputs"]
        assert result.shape == shape
        if wanted is None:
            wanted = result
        error = float(np.abs(result - wanted).max())
        if (name, spelling) in DIFFERENT:
            assert error > 0.1 * float(np.abs(wanted).max()), "the page would be right after all"
        else:
            assert error < 2e-6 * float(np.abs(wanted).max())
