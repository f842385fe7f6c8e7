"""The rule table in the real frameworks: each row through source and target, forward and gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import Verdict, text_of
from convmap.verify import verify

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
    ("nn.MaxPool2d(3, 2, 1, ceil_mode=True)", IMAGE), ("nn.MaxPool2d(2, 3, ceil_mode=True)", IMAGE),
    ("nn.MaxPool1d(4, 3, 2, ceil_mode=True)", LINE), ("nn.AvgPool2d(3, 2, 1, ceil_mode=True)", IMAGE),
    ("nn.AvgPool2d(3, 2, 1, count_include_pad=False)", IMAGE),
    ("nn.AvgPool2d(3, 2, 1, True, False)", IMAGE), ("nn.AvgPool2d(2, 3, ceil_mode=True)", IMAGE),
    ("nn.LSTM(6, 4)", "3x2x6"), ("nn.LSTM(6, 4, 1, False, True)", "2x3x6"), ("nn.LSTM(6, 4)", "3x6"),
    ("nn.GRU(6, 4)", "3x2x6"), ("nn.GRU(6, 4, num_layers=2, bidirectional=True)", "3x2x6"),
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
    ("nn.Dropout2d(0.4)", IMAGE), ("nn.Softplus()", IMAGE), ("nn.LogSoftmax(dim=1)", IMAGE), ("nn.Hardtanh()", IMAGE),
    ("nn.Hardtanh(-0.5, 2.0)", IMAGE), ("nn.Hardsigmoid()", IMAGE), ("nn.Hardswish()", IMAGE), ("nn.Mish()", IMAGE),
    ("nn.AdaptiveMaxPool2d((3, 5))", IMAGE), ("nn.AdaptiveMaxPool2d(1)", IMAGE), ("nn.AdaptiveMaxPool1d(4)", LINE),
    ("nn.PixelUnshuffle(2)", "2x4x6x8"), ("nn.Embedding(10, 6)", "2x5:int64:0..10"),
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
    ("F.interpolate(x, scale_factor=1.7)", IMAGE), ("F.interpolate(x, scale_factor=1.7, mode='bilinear')", IMAGE),
    ("F.interpolate(x, scale_factor=0.6, mode='bilinear', recompute_scale_factor=True)", IMAGE),
    ("F.interpolate(x, size=(5, 3), mode='bicubic')", IMAGE), ("F.interpolate(x, scale_factor=2, mode='bicubic', align_corners=True)", IMAGE),
    ("F.interpolate(x, size=(5, 3), mode='area')", IMAGE), ("F.interpolate(x, size=(5, 13), mode='nearest-exact')", IMAGE),
    ("F.interpolate(x, size=7, mode='linear')", LINE), ("F.interpolate(x, scale_factor=2, mode='trilinear')", VOLUME),
    ("F.interpolate(x, size=(1, 1), mode='bilinear', align_corners=True)", IMAGE),
    ("F.max_pool2d(x, 3, 2, 1, ceil_mode=True)", IMAGE), ("F.avg_pool2d(x, 3, 2, 1, True, False)", IMAGE),
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

ANY = IMAGE
OPERATORS = [
    *((f"torch.{f}(x)", ANY) for f in ("sin", "cos", "tan", "expm1", "neg", "sign", "atan")),
    ("torch.floor(x) + torch.ceil(2 * x) + torch.round(x * 3)", ANY), ("torch.round(torch.tensor([0.5, 1.5, -2.5]))", ANY),
    ("torch.rsqrt(x * x + 1)", ANY), ("y * torch.rsqrt(x * x + 1) + 2 * torch.reciprocal(x * x + 1)", ANY),
    ("torch.log2(x * x + 1) + torch.log1p(x * x)", ANY), ("torch.erf(x)", ANY),
    ("torch.isnan(x).float() + torch.isfinite(x).float() + torch.isinf(x).float()", ANY),
    ("torch.add(x, y) + torch.sub(x, 2.0) * torch.mul(x, y)", ANY), ("torch.div(x, y * y + 1)", ANY),
    ("torch.maximum(x, y) - torch.minimum(x, y)", ANY), ("torch.max(x, y) + torch.min(y, x)", ANY),
    ("(x > y).float() + torch.ge(x, y).float() + x.eq(y).float() + torch.ne(x, 0.0).float()", ANY),
    ("torch.logical_and(x > 0, y > 0).float() + torch.logical_or(x > 0, y > 0).float() + torch.logical_not(x > 0).float()", ANY),
    ("F.log_softmax(x, dim=1) + x.log_softmax(-1)", ANY), ("F.softplus(x)", ANY), ("F.glu(x, 1)", ANY), ("F.glu(x)", ANY),
    ("x.max() + torch.min(x)", ANY), ("torch.max(x, 1)[0]", ANY), ("x.max(dim=2, keepdim=True)[0]", ANY),
    ("torch.max(x, dim=1).values + x.min(1).values", ANY), ("torch.max(x, 1)[1]", ANY), ("x.amax(dim=(2, 3))", ANY),
    ("torch.amin(x, 1, keepdim=True)", ANY), ("x.argmax(1)", ANY), ("torch.argmin(x, dim=-1)", ANY), ("torch.argmax(x)", ANY),
    ("(x > 0).all(1)", ANY), ("torch.any(x > 2, dim=1, keepdim=True)", ANY), ("(x > -100).all()", ANY),
    ("x.std()", ANY), ("torch.var(x, dim=1)", ANY), ("x.var(1, unbiased=False)", ANY), ("x.std(dim=(2, 3), keepdim=True)", ANY),
    ("torch.norm(x)", ANY), ("x.norm(dim=1)", ANY), ("x.norm(p=1, dim=(1, 2))", ANY), ("torch.norm(x, 2, -1, True)", ANY),
    ("F.normalize(x)", ANY), ("F.normalize(x, p=2, dim=-1)", ANY), ("torch.logsumexp(x, 1)", ANY), ("x.cumsum(1)", ANY),
    ("torch.cumsum(x, dim=-1)", ANY), ("(0.5 * x).prod(1)", ANY), ("x.topk(3, dim=-1)[0]", ANY), ("torch.topk(x, 2, dim=1)[1]", ANY),
    ("torch.topk(x, 2, largest=False).values", ANY), ("torch.sort(x, dim=1)[0]", ANY), ("x.sort(-1, descending=True)[1]", ANY),
    ("torch.argsort(x, -1)", ANY),
    ("x + torch.full((1, 4, 1, 1), 0.5)", ANY), ("torch.full_like(x, 2.0)", ANY), ("x * torch.arange(8)", ANY),
    ("x * torch.arange(0, 8, dtype=torch.float32)", ANY), ("x + torch.arange(8, 0, -1, device=x.device)", ANY),
    ("x + torch.linspace(-1, 1, 8)", ANY), ("x @ torch.eye(8)", ANY), ("x * torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)", ANY),
    ("x + torch.rand(2, 4, 9, 8)", ANY), ("x + torch.rand_like(x)", ANY), ("x.new_zeros(2, 3) + x.new_ones((2, 3))", ANY),
    ("x.new_full((2,), 3.0)", ANY), ("(x > 0).to(torch.float32)", ANY), ("(x > 0).to(x.dtype) + x.to(x.device)", ANY),
    ("x.long().float() + x.int().to(dtype=torch.float)", ANY), ("(x > 0).type_as(x)", ANY), ("x.clone() * 2", ANY),
    ("x.to(y)", ANY), ("torch.zeros(2, 3, dtype=torch.float32, device=x.device) + torch.ones_like(x[:, :3, 0, 0], dtype=torch.float)", ANY),
    ("x * torch.zeros(1, dtype=x.dtype)", ANY), ("x if torch.is_tensor(x) else y", ANY), ("x if not torch.jit.is_scripting() else y", ANY),
    ("torch.where(x > 0, x, y)", ANY), ("torch.where(x > 0, x, 0.0)", ANY), ("torch.where(x[:, :1] > 0, x, -x)", ANY),
    ("x.masked_fill(x > 0, -1.0)", ANY), ("x.masked_fill(x[:1] > 0, float('-inf')).softmax(-1)", ANY),
    ("torch.gather(x, 1, (y > 0).long())", ANY), ("x.gather(-1, (y > 0).long())", ANY),
    ("torch.index_select(x, 1, torch.tensor([0, 2]))", ANY), ("torch.flip(x, [2, 3])", ANY), ("x.flip(1)", ANY), ("x.flip((0, -1))", ANY),
    ("torch.roll(x, 2, 1)", ANY), ("torch.roll(x, shifts=(1, -3), dims=(2, 3))", ANY), ("torch.roll(x, 5)", ANY),
    ("x.unbind(1)[2] + torch.unbind(x, dim=1)[0]", ANY), ("x.repeat(1, 2, 1, 1)", ANY), ("x.repeat(2, 1, 1, 1, 3)", ANY),
    ("x.tile((2, 1))", ANY), ("x[:, :1].expand(-1, 5, -1, -1)", ANY), ("x[:, :1].expand(2, 6, 9, 8)", ANY), ("x[:, :1].expand_as(x)", ANY),
    ("x[:1].expand(3, 2, 4, 9, 8)[0] if False else x[0, 0].expand(3, 9, 8)", ANY), ("x.reshape_as(y)", ANY), ("x.view_as(y)", ANY),
    ("x.repeat_interleave(2, dim=1)", ANY), ("torch.repeat_interleave(x, 3, -1)", ANY),
    ("torch.meshgrid(x[0, 0, 0], y[0, 0, :, 0], indexing='ij')[0]", ANY), ("torch.meshgrid(x[0, 0, 0], y[0, 0, :, 0])[1]", ANY),
    ("torch.meshgrid(x[0, 0, 0], y[0, 0, :, 0], indexing='xy')[1]", ANY), ("torch.tril(x)", ANY), ("torch.triu(x, diagonal=1)", ANY),
    ("F.one_hot((y[:, 0, 0] > 0).long(), 3)", ANY), ("torch.bmm(x[:, 0], y[:, 1].transpose(1, 2))", ANY),
    ("torch.outer(x[0, 0, 0], y[0, 0, :, 0])", ANY), ("x[0, 0].t() @ y[0, 0]", ANY), ("x.narrow(1, 1, 2)", ANY), ("x.select(-1, 3)", ANY),
    ("F.unfold(x, 3, padding=1, stride=2)", ANY), ("F.unfold(x, (2, 3), dilation=2)", ANY), ("torch.movedim(x, 1, -1)", ANY),
    ("x.movedim((1, 2), (-1, 0))", ANY), ("torch.einsum('nchw,nkhw->nck', x, y)", ANY), ("torch.einsum('nchw,cd->ndhw', x, y[0, :, :3, 0])", ANY),
    ("torch.einsum('nchw->nc', x)", ANY), ("F.pixel_unshuffle(x[:, :, :8], 2)", ANY),
    ("F.grid_sample(x, torch.tanh(y[:, :2].permute(0, 2, 3, 1)), align_corners=False)", ANY),
    ("F.cross_entropy(x, (y[:, 0] > 0).long())", ANY), ("F.cross_entropy(x, (y[:, 0] > 0).long(), reduction='sum', label_smoothing=0.1)", ANY),
    ("F.cross_entropy(x, (y[:, 0] > 0).long(), ignore_index=1)", ANY), ("nn.CrossEntropyLoss(reduction='none')(x, (y[:, 0] > 0).long())", ANY),
    ("F.binary_cross_entropy(torch.sigmoid(x), torch.sigmoid(y))", ANY), ("nn.BCELoss(reduction='sum')(torch.sigmoid(x), torch.sigmoid(y))", ANY),
    ("F.binary_cross_entropy_with_logits(x, torch.sigmoid(y))", ANY), ("nn.BCEWithLogitsLoss()(x, torch.sigmoid(y))", ANY),
    ("F.smooth_l1_loss(x, y)", ANY), ("F.smooth_l1_loss(x, y, beta=0.5, reduction='sum')", ANY), ("nn.SmoothL1Loss()(x, y)", ANY),
    ("nn.MSELoss()(x, y) + nn.L1Loss(reduction='sum')(x, y)", ANY),
    ("F.scaled_dot_product_attention(x, y, x)", ANY), ("F.scaled_dot_product_attention(x, y, x, is_causal=True)", ANY),
    ("F.scaled_dot_product_attention(x, y, x, attn_mask=(y @ x.transpose(-1, -2)) > 0)", ANY),
    ("F.scaled_dot_product_attention(x, y, x, attn_mask=y @ x.transpose(-1, -2), scale=0.3)", ANY),
    ("F.layer_norm(x, (8,))", ANY), ("F.layer_norm(x, (9, 8), y[0, 0], y[0, 1], 1e-3)", ANY), ("F.group_norm(x, 2)", ANY),
    ("F.group_norm(x, 4, y[0, :, 0, 0], y[0, :, 1, 1])", ANY), ("F.hardsigmoid(x) + F.hardswish(x) + F.mish(x) + F.relu6(x)", ANY),
    ("F.adaptive_max_pool2d(x, 3)", ANY), ("x.unflatten(1, (2, 2))", ANY), ("torch.unflatten(x, -1, (2, -1))", ANY),
    ("x[0, 0].T @ y[0, 0]", ANY), ("x * torch.as_tensor([2.0])", ANY), ("x * x.data + y.detach()", ANY),
]  # fmt: skip
# What a target has nothing exact for: the port leaves it and says so.
LEFT = {
    ("torch.erf(x)", "megengine"), ("F.grid_sample(x, torch.tanh(y[:, :2].permute(0, 2, 3, 1)), align_corners=False)", "megengine"),
}  # fmt: skip

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


def check(body: str, spec: str, target: str, pool: Workers, folder: Path, inputs: int = 1) -> Verdict:
    file = folder / "net.py"
    file.write_text(HEAD + body)
    verdict = verify(Case(body, file, "Net()", (spec,) * inputs), target, pool, load(), seeds=4, known=True)
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
def test_layer(layer: str, spec: str, target: str, pool: Workers, tmp_path: Path) -> None:
    check(layer_body(layer), spec, target, pool, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layer,spec", random_convolutions(60, seed=7))
def test_random_convolution(layer: str, spec: str, target: str, pool: Workers, tmp_path: Path) -> None:
    check(layer_body(layer), spec, target, pool, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("expression,spec", FUNCTIONS)
def test_function(expression: str, spec: str, target: str, pool: Workers, tmp_path: Path) -> None:
    body = (
        "    def __init__(self):\n        super().__init__()\n"
        "        self.w = nn.Parameter(torch.randn(4, 4, 3, 3))\n"
        "        self.t = nn.Parameter(torch.randn(4, 4, 3, 3))\n"
        "        self.g = nn.Parameter(torch.randn(4, 2, 3, 3))\n"
        "        self.b = nn.Parameter(torch.randn(4))\n\n"
        f"    def forward(self, x):\n        return {expression}\n"
    )
    check(body, spec, target, pool, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("expression,spec", OPERATORS)
def test_operator(expression: str, spec: str, target: str, pool: Workers, tmp_path: Path) -> None:
    body = f"    def forward(self, x, y):\n        return {expression}, x * y\n"  # something to differentiate
    if (expression, target) in LEFT:
        port = port_text(HEAD + body, "torch", target)
        name = expression.partition("(")[0]
        assert port.counts["refused"] and name in port.after
        return
    check(body, spec, target, pool, tmp_path, inputs=2)
