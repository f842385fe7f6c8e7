"""MindSpore's own idioms, ported to torch: what only MindSpore code writes, and where torch means another thing."""

from __future__ import annotations

import pytest
from dialects import port_text

HEAD = """import mindspore
import mindspore.common.initializer as init
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common import dtype as mstype
from mindspore.common.tensor import Tensor as T
from mindspore.ops import functional as F
from mindspore.ops import operations as P


"""
CELL = """class Net(nn.Cell):
    def __init__(self, dim, given, other: nn.Cell):
        super().__init__()
{made}

    def construct(self, x: Tensor, y: Tensor):
{run}
"""


def ported(made: str = "pass", run: str = "return x") -> tuple[str, list[str]]:
    lines = (text.replace("\n", "\n        ") for text in (made, run))
    text = HEAD + CELL.format(made=f"        {next(lines)}", run=f"        {next(lines)}")
    port = port_text(text, "mindspore", "torch")
    return port.after, [d.code for d in port.diagnostics if d.severity != "note" and d.code != "CM106"]


# One line of MindSpore, and what it is in torch.
SAME = [
    ("return F.transpose(x, (0, 2, 1))", "return x.permute((0, 2, 1))"),
    ("return x.transpose(0, 2, 1)", "return x.permute(0, 2, 1)"),
    ("return x.transpose(1, 2)", "return torch.transpose(x, 1, 2)"),
    ("return x.astype(mstype.float16)", "return x.to(torch.float16)"),
    ("return x.astype('float32')", "return x.to(torch.float32)"),
    ("return (x > 0).astype(mindspore.int32)", "return (x > 0).to(torch.int32)"),
    ("return x.astype(y.dtype)", "return x.to(y.dtype)"),
    ("return ops.expand_dims(x, 1)", "return torch.unsqueeze(x, 1)"),
    ("return ops.zeros(3, mstype.float32)", "return torch.zeros(3, dtype=torch.float32)"),
    ("return ops.broadcast_to(x, (3, -1))", "return x.expand((3, -1))"),
    ("return ops.clip_by_value(x, 0, 1)", "return torch.clamp(x, 0, 1)"),
    ("return T(2.0) * x", "return torch.tensor(2.0) * x"),
    ("return T(y) * x", "return tensor_of(y) * x"),
    ("return x.flatten(start_dim=2)", "return torch.flatten(x, start_dim=2)"),
    ("return x.flatten(1, 2)", "return torch.flatten(x, 1, 2)"),
    # By its name an axis gives values, by its place values and indices.
    ("return x.max(axis=1)", "return torch.max(x, 1).values"),
    ("return x.max(1)", "return torch.max(x, 1)"),
    ("return x.max(axis=(1, 2))", "return torch.amax(x, dim=(1, 2))"),
    ("return x.min()", "return torch.amin(x)"),
    ("return x.std(1)", "return torch.std(x, 1, correction=0)"),
    ("return ops.var(x, 1, 1)", "return torch.var(x, 1)"),
    ("return x.sort(1, True)", "return sort_narrow(x, 1, True)"),
    ("return x.argmin(1)", "return torch.argmin(x, 1).to(torch.int32)"),
    ("return x.size", "return x.numel()"),
    ("return x.squeeze()", "return torch.squeeze(x)"),
    ("return x.clip(0, 1)", "return torch.clamp(x, 0, 1)"),
    ("return ops.select(x > 0, x, 0.0)", "return torch.where(x > 0, x, 0.0)"),
    ("return ops.gather(x, y, 1)", "return take_along(x, y, 1)"),
    ("return x.gather(1, y)", "return torch.gather(x, 1, y.long())"),
    ("return x.view_as(y)", "return x.reshape_as(y)"),
    ("return ops.Sub()(x, y)", "return Sub()(x, y)"),
    # MindSpore passes a gradient through a cast to whole numbers; torch stops it, and the shim raises.
    ("return (x * 4).astype(mindspore.int32)", "return cast(x * 4, torch.int32)"),
    ("return ops.cast(x, mstype.bool_)", "return cast(x, torch.bool)"),
    ("return (x > 0).int()", "return (x > 0).to(dtype=torch.int32)"),
]


@pytest.mark.parametrize("line,expected", SAME)
def test_a_line_of_construct(line: str, expected: str) -> None:
    after, codes = ported(run=line)
    assert expected in after and not codes


MADE = [
    ("self.n = nn.LayerNorm((dim,))", "self.n = nn.LayerNorm((dim,), eps=1e-07)"),
    ("self.n = nn.GELU()", "self.n = nn.GELU(approximate='tanh')"),
    ("self.p = P.BatchMatMul(transpose_b=True)", "self.p = BatchMatMul(transpose_b=True)"),
    ("self.p = nn.MaxPool2d(3, 2, 'same')", "self.p = SidesMaxPool2d(3, 2, 'same')"),
    (
        "self.c = nn.Conv2d(3, 4, 3, weight_init='normal')",
        "self.c = MindSporeConv2d(3, 4, 3, weight_init='normal', pad_mode='pad', padding=1)",
    ),
    # torch's parameter shares the memory of a tensor; MindSpore's copies it.
    ("self.w = Parameter(ops.zeros((2,)))", "self.w = nn.Parameter(torch.zeros((2,)))"),
    ("t = ops.zeros((2,))\nself.w = Parameter(t)\nself.v = Parameter(t)", "self.w = parameter_of(t)"),
    ("self.w = Parameter(given)", "self.w = parameter_of(given)"),
    ("self.w = Parameter(Tensor(np.ones(2)), name='w')", "self.w = nn.Parameter(tensor_of(np.ones(2)))"),
    (
        "self.w = Parameter(ops.zeros((2,)))\nself.w = init.initializer('ones', (2,))",
        "set_data(self.w, initializer('ones', (2,)))",
    ),
    (
        "self.n = nn.LayerNorm((dim,))\nself.n.gamma = ops.zeros((dim,))",
        "set_data(self.n.weight, torch.zeros((dim,)))",
    ),
    ("given.attn.weight.set_data(ops.zeros((2,)))", "set_data(given.attn.weight, torch.zeros((2,)))"),
    # torch moves buffers with a module; MindSpore's tensors are in no checkpoint.
    ("self.t = Tensor([1.0])", "self.register_buffer('t', torch.tensor([1.0]), persistent=False)"),
    ("self.t = ops.zeros((2,)) if dim else None", ", persistent=False)"),
    ("self.t = Tensor([1.0])\nself.t = self.t + 1", "self.t = torch.tensor([1.0])"),
    # torch takes no change of a parameter itself.
    ("self.w = Parameter(ops.zeros((2,)))\nself.w[0] = 1", "self.w.data[0] = 1"),
    ("self.n = nn.LayerNorm((dim,))\nself.n.gamma[1:] = 0", "self.n.weight.data[1:] = 0"),
    # SequentialCell takes a list too.
    ("self.s = nn.SequentialCell([nn.ReLU()])", "self.s = nn.Sequential(*[nn.ReLU()])"),
    ("self.s = nn.SequentialCell(nn.ReLU(), other)", "self.s = nn.Sequential(nn.ReLU(), other)"),
    ("self.s = nn.SequentialCell(other)", "self.s = nn.Sequential(other)"),
    ("self.s = nn.SequentialCell(given)", "self.s = MindSporeSequential(given)"),
    ("self.d = nn.Dropout\nself.a = self.d(0.9)", "self.d = MindSporeDropout"),  # what is kept comes first
    ("for _, c in self.cells_and_names():\n    print(c)", "for _, c in self.named_modules():"),
]


@pytest.mark.parametrize("lines,expected", MADE)
def test_a_line_of_init(lines: str, expected: str) -> None:
    after, codes = ported(made=lines)
    assert expected in after and not codes


REFUSED = [
    # Without a dtype MindSpore cuts the value to a whole number.
    ("pass", "return ops.full((2,), 0.5)", "CM204"),
    ("self.z = nn.ZeroPad2d(-1)", "return self.z(x)", "CM204"),
    ("self.d = nn.Dense(2, 3, activation='relu')", "return self.d(x)", "CM202"),
    ("self.p = nn.Pad(((0, 0), (1, 1)), mode='REFLECT')", "return self.p(x)", "CM204"),
    ("self.p = nn.Pad(((0, 0), (1, 1)), mode=given)", "return self.p(x)", "CM204"),
    ("pass", "return ops.interpolate(x, scale_factor=1.7, mode='bilinear')", "CM204"),
    ("pass", "return ops.logsigmoid(x)", "CM110"),
    ("pass", "return mindspore.mint.cat([x, x])", "CM110"),
    ("pass", "return x.norm(2)", "CM104"),
    # An attribute whose form was not measured.
    ("self.c = nn.Conv2d(3, 4, 3)", "return self.c.padding", "CM102"),
]


@pytest.mark.parametrize("made,run,code", REFUSED)
def test_what_mindspore_itself_computes_otherwise_is_refused(made: str, run: str, code: str) -> None:
    assert code in ported(made, run)[1]


def test_a_cast_that_may_lose_a_gradient_is_noted() -> None:
    text = "import mindspore\ndef f(x: mindspore.Tensor):\n    return x.int(), (x > 0).int()\n"
    port = port_text(text, "mindspore", "torch")
    assert [(d.code, d.severity) for d in port.diagnostics] == [("CM205", "note")]


def test_a_cast_whose_format_is_known_at_run_time_is_noted() -> None:
    text = "import mindspore\ndef f(x: mindspore.Tensor, kind):\n    return x.astype(kind)\n"
    port = port_text(text, "mindspore", "torch")
    assert "return cast(x, kind)" in port.after
    assert [d.severity for d in port.diagnostics if d.code == "CM204"] == ["note"]


def test_inner_parts_of_a_layer_that_a_class_derives_from_are_reported() -> None:
    text = (
        "from mindspore import nn\nclass Norm(nn.LayerNorm):\n    def construct(self, x):\n"
        "        y, _, _ = self.layer_norm(x, self.gamma, self.beta)\n        return y\n"
    )
    port = port_text(text, "mindspore", "torch")
    assert "self.layer_norm is not set in the class" in str(port.diagnostics)


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_a_parameter_that_shares_its_memory_in_torch_is_refused(target: str) -> None:
    text = (
        "import torch\nimport torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        t = torch.zeros(3)\n        self.a = nn.Parameter(t)\n"
        "        self.b = nn.Parameter(t)\n        u = torch.ones(3)\n        self.c = nn.Parameter(u)\n"
    )
    port = port_text(text, "torch", target)
    assert [d.line for d in port.diagnostics if d.code == "CM202"] == [7, 8]
    assert "Parameter(u)" in port.after


def test_parameters_that_layers_are_given_together_are_renamed() -> None:
    text = (
        "import torch\nimport torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.a, self.b = nn.LayerNorm(3), nn.LayerNorm(3)\n"
        "        self.a.weight = self.b.weight = nn.Parameter(torch.ones(3))\n"
        "        self.a.bias, self.b.bias = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))\n"
    )
    after = port_text(text, "torch", "mindspore").after
    assert "self.a.gamma = self.b.gamma = " in after and "self.a.beta, self.b.beta = " in after
