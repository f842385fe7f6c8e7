"""The rule table in the real frameworks: each row through source and target, forward and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convmap import verify
from convmap.inputs import Case
from convmap.rules import load
from convmap.verdicts import Verdict, text_of

pytestmark = pytest.mark.frameworks
IMAGE, LINE, VOLUME, FLAT = "2x4x9x8", "2x4x11", "2x4x5x6x7", "3x6"

LAYERS = [
    ("nn.BatchNorm1d(4)", LINE), ("nn.BatchNorm1d(6)", FLAT), ("nn.BatchNorm2d(4, 1e-3, 0.3)", IMAGE),
    ("nn.BatchNorm3d(4)", VOLUME), ("nn.BatchNorm2d(4, affine=False)", IMAGE),
    ("nn.InstanceNorm1d(4)", LINE), ("nn.InstanceNorm2d(4, affine=True)", IMAGE),
    ("nn.InstanceNorm3d(4, eps=1e-3)", VOLUME), ("nn.GroupNorm(2, 4)", IMAGE),
    ("nn.GroupNorm(2, 4, affine=False)", VOLUME), ("nn.LayerNorm(8)", IMAGE),
    ("nn.LayerNorm((9, 8), eps=1e-3)", IMAGE), ("nn.LayerNorm([8], elementwise_affine=False)", IMAGE),
    ("nn.ReLU()", IMAGE), ("nn.ReLU6()", IMAGE), ("nn.LeakyReLU()", IMAGE), ("nn.LeakyReLU(0.3)", IMAGE),
    ("nn.PReLU()", IMAGE), ("nn.PReLU(4, 0.1)", IMAGE), ("nn.PReLU(6)", FLAT), ("nn.ELU()", IMAGE),
    ("nn.ELU(0.5)", IMAGE), ("nn.GELU()", IMAGE), ("nn.SiLU()", IMAGE), ("nn.Sigmoid()", IMAGE),
    ("nn.Tanh()", IMAGE), ("nn.Softmax(1)", IMAGE), ("nn.Softmax(dim=-1)", IMAGE),
    ("nn.Linear(6, 5)", FLAT), ("nn.Linear(8, 5, bias=False)", IMAGE), ("nn.Dropout(0.4)", IMAGE),
    ("nn.Flatten()", IMAGE), ("nn.Flatten(2)", IMAGE), ("nn.Identity()", IMAGE),
    ("nn.MaxPool1d(3)", LINE), ("nn.MaxPool2d(2)", IMAGE), ("nn.MaxPool2d(3, 2, 1)", IMAGE),
    ("nn.MaxPool2d((2, 3), stride=(1, 2))", IMAGE), ("nn.MaxPool3d(2, stride=1)", VOLUME),
    ("nn.AvgPool1d(4, 2, padding=2)", LINE), ("nn.AvgPool2d(2)", IMAGE), ("nn.AvgPool2d(3, 2, 1)", IMAGE),
    ("nn.AvgPool3d(2)", VOLUME), ("nn.AvgPool3d(3, 2, padding=1)", VOLUME),
    ("nn.MaxPool3d(3, 2, padding=1)", VOLUME), ("nn.MaxPool1d(3, 2, 1)", LINE), ("nn.AdaptiveAvgPool1d(3)", LINE), ("nn.AdaptiveAvgPool2d(1)", IMAGE),
    ("nn.AdaptiveAvgPool2d((3, 5))", IMAGE), ("nn.AdaptiveAvgPool3d(2)", VOLUME),
    ("nn.Upsample(scale_factor=2)", IMAGE), ("nn.Upsample(size=(5, 20), mode='nearest')", IMAGE),
    ("nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)", IMAGE),
    ("nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)", IMAGE),
    ("nn.PixelShuffle(2)", IMAGE), ("nn.ReflectionPad1d(2)", LINE), ("nn.ReflectionPad2d((1, 2, 3, 0))", IMAGE),
    ("nn.ReplicationPad2d(2)", IMAGE), ("nn.ZeroPad2d((1, 0, 2, 1))", IMAGE),
    ("nn.ConstantPad2d(1, 0.5)", IMAGE),
    ("nn.Conv2d(4, 6, 3, padding=1, padding_mode='reflect')", IMAGE),
    ("nn.Conv2d(4, 6, 4, padding='same')", IMAGE), ("nn.Conv1d(4, 6, 3, padding=2, padding_mode='circular')", LINE),
    ("nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), padding_mode='replicate')", IMAGE),
]  # fmt: skip

FUNCTIONS = [
    ("torch.cat([x, x * 2], dim=1)", IMAGE), ("torch.stack((x, -x), 1)", IMAGE),
    ("torch.split(x, 3, dim=1)", IMAGE), ("x.split([1, 3], 1)", IMAGE), ("torch.chunk(x, 3, dim=1)", IMAGE),
    ("x.view(x.size(0), -1)", IMAGE), ("x.reshape((2, 8, -1))", IMAGE), ("x.permute(0, 2, 3, 1)", IMAGE),
    ("x.transpose(1, 2)", IMAGE), ("torch.transpose(x, -1, 1)", IMAGE), ("torch.flatten(x, 1)", IMAGE),
    ("x.flatten(1, 2)", IMAGE), ("torch.flatten(x)", IMAGE), ("x.unsqueeze(1).squeeze(1)", IMAGE),
    ("x.squeeze(1)", IMAGE), ("x.mean()", IMAGE), ("x.mean(dim=(2, 3), keepdim=True)", IMAGE),
    ("torch.sum(x, dim=1)", IMAGE), ("x.sum(-1, keepdim=True)", IMAGE), ("torch.matmul(x, x.transpose(2, 3))", IMAGE),
    ("x @ x.transpose(-1, -2)", IMAGE), ("torch.exp(0.1 * x)", IMAGE), ("x.abs().sqrt()", IMAGE),
    ("torch.square(x)", IMAGE), ("x.pow(2)", IMAGE), ("torch.clamp(x, -0.5, 0.7)", IMAGE),
    ("x.clamp(min=0.1)", IMAGE), ("x + torch.randn_like(x)", IMAGE), ("x + torch.zeros_like(x)", IMAGE),
    ("x * torch.ones(1, 4, 1, 1)", IMAGE), ("x + torch.randn(2, 4, 9, 8)", IMAGE),
    ("F.pad(x, (1, 2))", IMAGE), ("F.pad(x, (1, -1, 2, 0))", IMAGE), ("F.pad(x, (1, 2, 3, 4), mode='reflect')", IMAGE),
    ("F.pad(x, (1, 1), 'constant', 2.0)", IMAGE), ("F.interpolate(x, scale_factor=2)", IMAGE),
    ("F.interpolate(x, size=(4, 12), mode='bilinear', align_corners=False)", IMAGE),
    ("F.pixel_shuffle(x, 2)", IMAGE), ("F.max_pool2d(x, 2)", IMAGE), ("F.avg_pool2d(x, 3, 2, 1)", IMAGE),
    ("F.adaptive_avg_pool2d(x, 2)", IMAGE), ("F.relu(x)", IMAGE), ("torch.relu(x)", IMAGE),
    ("F.leaky_relu(x, 0.1)", IMAGE), ("F.elu(x)", IMAGE), ("F.gelu(x)", IMAGE), ("F.silu(x)", IMAGE),
    ("torch.sigmoid(x)", IMAGE), ("x.sigmoid()", IMAGE), ("torch.tanh(x)", IMAGE), ("F.softmax(x, dim=1)", IMAGE),
    ("x.softmax(-1)", IMAGE), ("F.dropout(x, 0.3, self.training)", IMAGE), ("F.mse_loss(x, x * 0.5)", IMAGE),
    ("F.l1_loss(x, x * 0.5, reduction='sum')", IMAGE), ("x.contiguous().view(-1, 8)", IMAGE),
    ("x * x.dim() + x.numel()", IMAGE), ("F.conv2d(x, self.w, stride=2, padding=1)", IMAGE),
    ("F.conv2d(x, self.w, self.b, padding=1)", IMAGE),
    ("F.conv_transpose2d(x, self.t, self.b, 2, 1, 1)", IMAGE),
    ("F.conv_transpose2d(x, self.g, None, 3, 1, 2, groups=2, dilation=2)", IMAGE),
]  # fmt: skip

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\nclass Net(nn.Module):\n"


def random_convolutions(count: int, seed: int) -> list[tuple[str, str]]:
    """Draw legal convolutions over 1-3 axes, plain and transposed, edges included."""
    stream = np.random.RandomState(seed)
    out = []
    for number in range(count):
        axes = 1 + number % 3
        transposed = number % 2 == 0
        groups = int(stream.choice([1, 1, 2, 4]))
        pick = lambda low, high: [int(n) for n in stream.randint(low, high + 1, axes)]  # noqa: E731
        kernel, stride = pick(1, 4), pick(1, 3)
        dilation = pick(1, 2)
        padding = [int(stream.randint(0, d * (k - 1) + 1)) for k, d in zip(kernel, dilation)]
        text = f"4, 4, {tuple(kernel)}, stride={tuple(stride)}, padding={tuple(padding)}, groups={groups}"
        text += f", dilation={tuple(dilation)}, bias={bool(stream.randint(2))}"
        if transposed:
            extra = [int(stream.randint(0, max(s, d))) for s, d in zip(stride, dilation)]
            text = f"nn.ConvTranspose{axes}d({text}, output_padding={tuple(extra)})"
        else:
            text = f"nn.Conv{axes}d({text})"
        size = "x".join(str(n) for n in pick(7, 9))
        out.append((text, f"2x4x{size}"))
    return out


def check(body: str, spec: str, target: str, pool: verify.Workers, folder: Path) -> Verdict:
    file = folder / "net.py"
    file.write_text(HEAD + body)
    verdict = verify.verify(Case(body, file, "Net()", (spec,)), target, pool, load(), seeds=4, known=True)
    assert not verdict.problem and verdict.comparisons, text_of(verdict)
    assert verdict.holds, text_of(verdict)
    return verdict


def layer_body(layer: str) -> str:
    return (
        "    def __init__(self):\n        super().__init__()\n"
        f"        self.layer = {layer}\n\n"
        "    def forward(self, x):\n        return self.layer(x)\n"
    )


TARGETS = ["mindspore", "megengine"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layer,spec", LAYERS)
def test_layer(layer: str, spec: str, target: str, pool: verify.Workers, tmp_path: Path) -> None:
    check(layer_body(layer), spec, target, pool, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layer,spec", random_convolutions(60, seed=7))
def test_random_convolution(layer: str, spec: str, target: str, pool: verify.Workers, tmp_path: Path) -> None:
    check(layer_body(layer), spec, target, pool, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("expression,spec", FUNCTIONS)
def test_function(expression: str, spec: str, target: str, pool: verify.Workers, tmp_path: Path) -> None:
    body = (
        "    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(torch.randn(4, 4, 3, 3))\n"
        "        self.t = nn.Parameter(torch.randn(4, 4, 3, 3))\n"
        "        self.g = nn.Parameter(torch.randn(4, 2, 3, 3))\n"
        "        self.b = nn.Parameter(torch.randn(4))\n\n"
        f"    def forward(self, x):\n        return {expression}\n"
    )
    check(body, spec, target, pool, tmp_path)
