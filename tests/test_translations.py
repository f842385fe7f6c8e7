"""The translations themselves: one row is every spelling of one call, and gives six directions."""

from __future__ import annotations

import itertools

import pytest
from dialects import FRAMEWORKS, normal, port_call

# A row lists the spelling in each framework. A missing framework has no plain call for it.
EXACT = {
    "pair padding": dict(
        torch="nn.ConvTranspose2d(c, 2 * c, (3, 5), stride=2, padding=(1, 2), bias=False)",
        mindspore="nn.Conv2dTranspose(c, 2 * c, (3, 5), stride=2, pad_mode='pad', padding=(1, 1, 2, 2))",
        megengine="M.ConvTranspose2d(c, 2 * c, (3, 5), stride=2, padding=(1, 2), bias=False)",
    ),
    "scalar padding": dict(
        torch="nn.Conv2d(3, c, 3, padding=1)",
        mindspore="nn.Conv2d(3, c, 3, pad_mode='pad', padding=1, has_bias=True)",
        megengine="M.Conv2d(3, c, 3, padding=1)",
    ),
    "no padding": dict(
        torch="nn.Conv2d(3, c, 3, bias=False)",
        mindspore="nn.Conv2d(3, c, 3, pad_mode='valid')",
        megengine="M.Conv2d(3, c, 3, bias=False)",
    ),
    "unknown integer padding": dict(
        torch="nn.Conv2d(3, c, k, padding=p)",
        mindspore="nn.Conv2d(3, c, k, pad_mode='pad', padding=p, has_bias=True)",
        megengine="M.Conv2d(3, c, k, padding=p)",
    ),
    "groups and dilation": dict(
        torch="nn.Conv2d(c, c, 3, padding=2, dilation=2, groups=c, bias=False)",
        mindspore="nn.Conv2d(c, c, 3, pad_mode='pad', padding=2, dilation=2, group=c)",
        megengine="M.Conv2d(c, c, 3, padding=2, dilation=2, groups=c, bias=False)",
    ),
    "output padding within padding": dict(
        torch="nn.ConvTranspose2d(c, 8, 3, stride=2, padding=1, output_padding=1, bias=False)",
        mindspore="nn.Conv2dTranspose(c, 8, 3, stride=2, pad_mode='pad', padding=(1, 0, 1, 0))",
        megengine="M.ConvTranspose2d(c, 8, 3, stride=2, padding=1, output_padding=1, bias=False)",
    ),
    "output padding in 3-D": dict(
        torch="nn.ConvTranspose3d(c, 8, 3, stride=2, padding=1, output_padding=1, bias=False)",
        mindspore="nn.Conv3dTranspose(c, 8, 3, stride=2, pad_mode='pad', padding=(1, 0, 1, 0, 1, 0))",
        megengine="M.ConvTranspose3d(c, 8, 3, stride=2, padding=1, output_padding=1, bias=False)",
    ),
    "1-D": dict(
        torch="nn.Conv1d(c, 8, 3, padding=1)",
        mindspore="nn.Conv1d(c, 8, 3, pad_mode='pad', padding=1, has_bias=True)",
        megengine="M.Conv1d(c, 8, 3, padding=1)",
    ),
    "1-D transposed": dict(
        torch="nn.ConvTranspose1d(c, 8, 16, stride=8, padding=4)",
        mindspore="nn.Conv1dTranspose(c, 8, 16, stride=8, pad_mode='pad', padding=4, has_bias=True)",
    ),
    "batch norm": dict(
        torch="nn.BatchNorm2d(c, momentum=0.2)",
        mindspore="nn.BatchNorm2d(c, momentum=0.8)",
        megengine="M.BatchNorm2d(c, momentum=0.8)",
    ),
    "batch norm defaults": dict(
        torch="nn.BatchNorm2d(c)", mindspore="nn.BatchNorm2d(c)", megengine="M.BatchNorm2d(c)"
    ),
    "leaky relu": dict(
        torch="nn.LeakyReLU(negative_slope=0.2)",
        mindspore="nn.LeakyReLU()",
        megengine="M.LeakyReLU(negative_slope=0.2)",
    ),
    "leaky relu default": dict(
        torch="nn.LeakyReLU()", mindspore="nn.LeakyReLU(alpha=0.01)", megengine="M.LeakyReLU()"
    ),
    "linear": dict(
        torch="nn.Linear(c, 5)", mindspore="nn.Dense(c, 5)", megengine="M.Linear(c, 5)"
    ),
    "linear without bias": dict(
        torch="nn.Linear(c, 5, bias=False)",
        mindspore="nn.Dense(c, 5, has_bias=False)",
        megengine="M.Linear(c, 5, bias=False)",
    ),
    "dropout": dict(
        torch="nn.Dropout(p=0.2)", mindspore="nn.Dropout(p=0.2)", megengine="M.Dropout(drop_prob=0.2)"
    ),
    "max pool": dict(
        torch="nn.MaxPool2d(2)",
        mindspore="nn.MaxPool2d(2, stride=2)",
        megengine="M.MaxPool2d(2)",
    ),
    "cat": dict(
        torch="torch.cat([x, x], dim=1)",
        mindspore="ops.cat([x, x], axis=1)",
        megengine="F.concat([x, x], axis=1)",
    ),
    "function of a convolution": dict(
        torch="F.conv2d(x, w, stride=2, padding=1)",
        mindspore="ops.conv2d(x, w, stride=2, pad_mode='pad', padding=1)",
        megengine="F.conv2d(x, w, stride=2, padding=1)",
    ),
}  # fmt: skip
DIRECTIONS = list(itertools.permutations(FRAMEWORKS, 2))


@pytest.mark.parametrize("source,target", DIRECTIONS, ids=["-".join(d) for d in DIRECTIONS])
@pytest.mark.parametrize("row", EXACT.values(), ids=EXACT)
def test_exact(row: dict[str, str], source: str, target: str) -> None:
    if source not in row:
        return
    text, port = port_call(row[source], source, target)
    if target in row:
        assert normal(text) == normal(row[target])
        assert port.counts["refused"] == port.counts["shim"] == 0, port.diagnostics
    else:
        assert port.counts["shim"] == 1 and not port.counts["refused"]


# Every spelling, not only the normal form: all must mean the same.
SPELLINGS = [
    ("torch", "nn.ConvTranspose2d(c, 8, 4, 2, 1, 0, 1, True, 1)",
     "mindspore", "nn.Conv2dTranspose(c, 8, 4, 2, 'pad', 1, has_bias=True, dilation=1)"),
    ("torch", "nn.ConvTranspose2d(c, 8, 4, 2, 1, 0, 2)",
     "megengine", "M.ConvTranspose2d(c, 8, 4, 2, 1, 0, groups=2)"),
    ("torch", "nn.Conv2d(3, c, 3, 1, 1)", "mindspore", "nn.Conv2d(3, c, 3, 1, 'pad', 1, has_bias=True)"),
    ("torch", "nn.Conv2d(3, c, 3, padding='same')",
     "megengine", "M.Conv2d(3, c, 3, padding=1)"),
    ("torch", "nn.Linear(c, 5, False)", "mindspore", "nn.Dense(c, 5, has_bias=False)"),
    ("torch", "nn.Dropout(0.2)", "mindspore", "nn.Dropout(p=0.2)"),
    ("torch", "nn.BatchNorm2d(c, 1e-5, 0.1)", "mindspore", "nn.BatchNorm2d(c, 1e-5)"),
    ("torch", "x.size(0)", "mindspore", "x.shape[0]"),
    ("torch", "x.permute(0, 2, 1)", "megengine", "x.transpose(0, 2, 1)"),
    ("torch", "x.mean(dim=1, keepdim=True)", "mindspore", "ops.mean(x, axis=1, keep_dims=True)"),
    ("torch", "torch.flatten(x, 1)", "mindspore", "ops.flatten(x, start_dim=1)"),
    ("mindspore", "nn.Conv2dTranspose(c, 8, 4, 2, 'same')",
     "torch", "nn.ConvTranspose2d(c, 8, 4, 2, 1, bias=False)"),
    ("mindspore", "nn.Conv2dTranspose(c, 8, 2, 3, 'valid')",
     "torch", "nn.ConvTranspose2d(c, 8, 2, 3, output_padding=1, bias=False)"),
    ("mindspore", "nn.Conv2d(c, 8, 3)", "torch", "nn.Conv2d(c, 8, 3, padding=1, bias=False)"),
    ("mindspore", "nn.Conv2d(c, 8, 4)", "torch", "nn.Conv2d(c, 8, 4, padding='same', bias=False)"),
    ("torch", "nn.ConvTranspose2d(c, 8, u)", "mindspore", "nn.Conv2dTranspose(c, 8, u, pad_mode='pad', has_bias=True)"),
]  # fmt: skip


@pytest.mark.parametrize("source,call,target,expected", SPELLINGS)
def test_spelling(source: str, call: str, target: str, expected: str) -> None:
    text, port = port_call(call, source, target)
    assert normal(text) == normal(expected)
    assert not port.needs_review, port.diagnostics


# Shims: the plain call would be wrong, or what it needs is not known before run time.
SHIMS = [
    ("torch", "mindspore", "nn.ConvTranspose2d(c, 8, 3, stride=3, padding=1, output_padding=2)"),
    ("torch", "mindspore", "nn.Conv2d(c, 8, 3, padding=u)"),
    ("torch", "mindspore", "nn.Conv2d(c, 8, 3, padding=1, padding_mode='reflect')"),
    ("torch", "mindspore", "nn.ConvTranspose1d(c, 8, 3, stride=2, padding=1, output_padding=1)"),
    ("torch", "mindspore", "nn.ConvTranspose2d(c, 8, 3, stride=2, padding=p, output_padding=1)"),
    ("torch", "megengine", "nn.ConvTranspose1d(c, 8, 3)"),
    ("torch", "megengine", "nn.ConvTranspose2d(c, 8, 3, 2, 1, (0, 1))"),
    ("torch", "megengine", "nn.ConvTranspose2d(c, 8, 3, 2, 1, 1, groups=2)"),
    ("torch", "megengine", "nn.ConvTranspose2d(c, 8, 3, 2, 1, 1, groups=k)"),
    ("torch", "megengine", "nn.ConvTranspose3d(c, 8, 3, groups=2)"),
    ("torch", "megengine", "nn.Conv1d(c, 8, 3, groups=2)"),
    ("torch", "megengine", "F.conv_transpose2d(x, w, None, 2, 1, 1)"),
    ("torch", "mindspore", "F.conv_transpose2d(x, w, None, 2, 1, 1)"),
    ("mindspore", "torch", "nn.Conv2d(c, 8, 3, stride=2)"),
    ("mindspore", "megengine", "nn.Conv2d(c, 8, 3, stride=2)"),
    ("mindspore", "torch", "nn.Conv2d(c, 8, 3, pad_mode='pad', padding=(1, 0, 1, 0))"),
    ("mindspore", "torch", "nn.Conv2dTranspose(c, 8, 3, stride=2)"),
    ("mindspore", "megengine", "nn.Conv2dTranspose(c, 8, u)"),
    ("mindspore", "megengine", "nn.Conv1dTranspose(c, 8, 3, stride=2)"),
]  # fmt: skip


@pytest.mark.parametrize("source,target,call", SHIMS)
def test_shim(source: str, target: str, call: str) -> None:
    text, port = port_call(call, source, target)
    assert port.counts["shim"] == 1 and not port.counts["refused"], port.diagnostics
    name = text.partition("(")[0]
    assert f"class {name}(" in port.after or f"def {name}(" in port.after


REFUSED = [
    ("torch", "mindspore", "nn.Conv2d(c, 8, 3, dtype=torch.float64)", "dtype"),
    ("torch", "mindspore", "nn.RReLU(c, 8)", "not in the rules"),
    ("mindspore", "torch", "nn.Conv2dTranspose(c, 8, 3, 2, 'pad', 1, 1)", "zeros where"),
    ("torch", "mindspore", "nn.BatchNorm2d(c, momentum=None)", "momentum=None"),
    ("torch", "mindspore", "nn.Conv2d(c, 8, 3, paddin=1)", "no parameter 'paddin'"),
]  # fmt: skip


@pytest.mark.parametrize("source,target,call,reason", REFUSED)
def test_refused(source: str, target: str, call: str, reason: str) -> None:
    text, port = port_call(call, source, target)
    assert normal(text) == normal(call), "a refused call stays as it is"
    assert port.counts["refused"] >= 1 and port.needs_review
    assert any(reason in d.message for d in port.diagnostics), port.diagnostics


@pytest.mark.parametrize("row", EXACT.values(), ids=EXACT)
@pytest.mark.parametrize("source,target", DIRECTIONS, ids=["-".join(d) for d in DIRECTIONS])
def test_there_and_back(row: dict[str, str], source: str, target: str) -> None:
    if source not in row or target not in row:
        return
    text, _ = port_call(row[source], source, target)
    back, _ = port_call(text, target, source)
    assert normal(back) == normal(row[source])


OLDER = [  # MindSpore 2.0.0 initialises with 'normal' and 'zeros': torch's distributions are written out
    ("nn.Conv2d(3, c, (3, 5), groups=k)",
     "nn.Conv2d(3, c, (3, 5), group=k, pad_mode='valid', has_bias=True, "
     "weight_init=initializer.HeUniform(5 ** 0.5), bias_init=initializer.Uniform((3 // k * 3 * 5) ** -0.5))"),
    ("nn.ConvTranspose2d(c, 2 * c, 4, 2, 1, bias=False)",
     "nn.Conv2dTranspose(c, 2 * c, 4, 2, 'pad', 1, weight_init=initializer.HeUniform(5 ** 0.5))"),
    ("nn.Linear(c, 4)",
     "nn.Dense(c, 4, weight_init=initializer.HeUniform(5 ** 0.5), bias_init=initializer.Uniform(c ** -0.5))"),
]  # fmt: skip


@pytest.mark.parametrize("call,expected", OLDER)
def test_initialisers_are_written_for_an_older_target(call: str, expected: str) -> None:
    text, port = port_call(call, "torch", "mindspore", "2.0.0")
    assert normal(text) == normal(expected)
    assert not port.needs_review, port.diagnostics


def test_a_version_without_the_call_is_refused() -> None:
    text, port = port_call("nn.ConvTranspose3d(c, 4, 3)", "torch", "mindspore", "1.0.0")
    assert port.counts["refused"] == 1 and "1.0.0" in port.diagnostics[-1].message
