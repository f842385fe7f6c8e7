"""MegEngine's own idioms, ported to torch: what only MegEngine code writes, and where torch means another thing."""

from __future__ import annotations

import pytest
from dialects import port_text

HEAD = """import numpy as np
import megengine
import megengine.functional as F
import megengine.module as M
from megengine import Parameter


class Net(M.Module):
    def __init__(self, dim, norm=None):
        super().__init__()
"""
TAIL = "\n\n    def forward(self, x):\n        return x\n"

SAME = [
    # MegEngine leaves padding out of the mean unless it is told otherwise.
    ("self.p = M.AvgPool2d(3, 2, 1)", "self.p = nn.AvgPool2d(3, 2, 1, count_include_pad=False)"),
    (
        "self.p = M.AvgPool2d(3, 2, 1, mode='average')",
        "self.p = nn.AvgPool2d(3, 2, 1)",
    ),
    ("self.p = M.AdaptiveAvgPool2d(1)", "self.p = nn.AdaptiveAvgPool2d(1)"),
    ("self.n = M.LayerNorm(dim)", "self.n = nn.LayerNorm(dim"),
    ("norm = M.BatchNorm2d\nself.n = norm(4, momentum=0.8)", "norm = MegEngineBatchNorm2d"),
    (
        "self.w = Parameter(np.ones((1, 2), dtype='float32'))",
        "self.w = parameter_of(np.ones((1, 2), dtype='float32'))",
    ),
    ("self.w = Parameter(F.ones((2,)))\nself.w[0] = 2", "self.w.data[0] = 2"),
    # A tensor that is an attribute is in MegEngine's state; a parameter is one already.
    ("self.m = F.zeros((3,))", "self.register_buffer('m', torch.zeros((3,)))"),
    ("self.m = F.ones(3).reshape(1, 3) if dim else None", "self.register_buffer('m', torch.ones"),
    ("m = None\nif dim:\n    m = F.ones(3) * 2\nself.m = m", "self.register_buffer('m', m)"),
    ("self.m = F.zeros((3,))\nself.m = F.ones((3,))", "self.m = torch.zeros((3,))"),
    ("m = Parameter(F.ones((2,)))\nself.m = m", "self.m = m"),
    ("self.m = megengine.tensor([1, 2])", "self.register_buffer('m', tensor_narrow([1, 2]))"),
    ("self.m = np.stack([np.arange(2), np.arange(2)]).transpose(1, 0)", "self.m = np.stack("),
    ("self.m = F.zeros((3,), dtype=np.int32)", "torch.zeros((3,), dtype=torch.int32)"),
    ("self.m = F.arange(dim)", "torch.arange(dim, dtype=torch.float32)"),
    ("self.m = F.argmax(dim, axis=1).size", "self.m = torch.argmax(dim, 1).to(torch.int32).numel()"),
    # Of a number, too; F.maximum of two tensors is torch's.
    ("self.m = F.maximum(dim, 0)", "maximum_or_number(dim, 0)"),
    ("self.m = F.maximum(F.ones(2), F.zeros(2))", "torch.maximum(torch.ones(2), torch.zeros(2))"),
    ("self.m = F.expand_dims(dim, (0, 2))", "unsqueeze_axes(dim, (0, 2))"),
    ("self.m = F.mod(dim, 2)", "mod(dim, 2)"),
    ("self.m = F.mod(dim, 2.0)", "torch.fmod(dim, 2.0)"),
    ("self.m = F.nn.max_pool2d(dim, 2)", "self.register_buffer('m', F.max_pool2d(dim, 2))"),
]


@pytest.mark.parametrize("lines,expected", SAME)
def test_a_line_of_init(lines: str, expected: str) -> None:
    port = port_text(HEAD + "        " + lines.replace("\n", "\n        ") + TAIL, "megengine", "torch")
    assert expected in port.after
    assert not [d for d in port.diagnostics if d.severity != "note" and d.code != "CM106"]


LAYOUT = "self.c = M.Conv2d(4, 4, 3, groups=2)\n        "


@pytest.mark.parametrize(
    "line,code",
    [
        (f"{LAYOUT}M.init.normal_(self.c.weight, 0, 1.0 / self.c.weight.shape[1])", "CM201"),
        (f"{LAYOUT}print(self.c.weight.reshape(-1))", "CM201"),
        (f"{LAYOUT}print([p.shape for p in self.parameters()])", "CM201"),
        ("self.p = M.AdaptiveAvgPool2d(3)", "CM204"),
        ("M.init.msra_normal_(dim, mode='fan_out')", "CM201"),
        # It changes its first tensor; a reduction without its name is ignored (both measured).
        ("self.m = F.scatter(dim, 0, dim, dim)", "CM110"),
        ("self.m = F.nn.square_loss(dim, dim, 'none')", "CM104"),
        ("self.m = M.LSTM(3, 4)", "CM110"),
        ("self.m = F.mod(dim, dim)", "CM201"),
    ],
)
def test_what_differs_is_refused(line: str, code: str) -> None:
    port = port_text(HEAD + "        " + line + TAIL, "megengine", "torch")
    assert code in [d.code for d in port.diagnostics]


LISTS = [
    ("self.a = [M.ReLU() for _ in range(3)]", "self.a = nn.ModuleList([nn.ReLU() for _ in range(3)])"),
    ("self.a = (M.ReLU(), M.ReLU())", "self.a = nn.ModuleList((nn.ReLU(), nn.ReLU()))"),
    ('self.a = {"b": M.ReLU()}', 'self.a = nn.ModuleDict({"b": nn.ReLU()})'),
    ("self.a = []\nself.a.append(M.ReLU())", "self.a = nn.ModuleList([])\n        self.a.append(nn.ReLU())"),
    ("b = []\nb.append(M.ReLU())\nself.a = b", "self.a = nn.ModuleList(b)"),
    (
        "self.a = list(M.ReLU() for _ in range(2))",
        "self.a = nn.ModuleList(list(nn.ReLU() for _ in range(2)))",
    ),
    ("self.a = list(range(dim))", "self.a = list(range(dim))"),
    (
        "def make():\n    b = []\n    b.append(M.ReLU())\n    return b\nself.a = make()",
        "self.a = nn.ModuleList(make())",
    ),
    ("b, self.a = dim, [M.ReLU()]", "b, self.a = dim, nn.ModuleList([nn.ReLU()])"),
    # Not a list of modules, or one until a layer takes its name.
    ("self.a = []\nself.a.append(dim)", "self.a = []\n"),
    ("self.a = [M.ReLU()]\nself.a = M.Sequential(*self.a)", "self.a = [nn.ReLU()]\n"),
]


@pytest.mark.parametrize("lines,expected", LISTS)
def test_lists_of_modules_are_parts(lines: str, expected: str) -> None:
    port = port_text(HEAD + "        " + lines.replace("\n", "\n        ") + TAIL, "megengine", "torch")
    assert expected in port.after
    assert not [d for d in port.diagnostics if d.severity == "error"]


@pytest.mark.parametrize(
    "lines", ["self.a = M.ReLU(), M.ReLU()", "b = [M.ReLU()]\nself.a = b\nb.append(M.ReLU())"]
)
def test_lists_that_can_not_become_containers_are_reported(lines: str) -> None:
    port = port_text(HEAD + "        " + lines.replace("\n", "\n        ") + TAIL, "megengine", "torch")
    assert [d.code for d in port.diagnostics if d.severity == "error"] == ["CM202"]


def test_modules_that_torch_does_not_see_are_not_shown_to_megengine() -> None:
    text = "import torch.nn as nn\nclass N(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    found = port_text(text + "        self.teacher = [nn.ReLU()]\n", "torch", "megengine")
    assert [d.code for d in found.diagnostics if d.severity == "error"] == ["CM202"]


def test_a_layer_that_is_derived_from_reads_its_settings() -> None:
    text = HEAD.split("class Net")[0] + "class Drop(M.Dropout):\n    def forward(self, x):\n"
    port = port_text(
        text + "        return x if self.training else x * self.drop_prob\n", "megengine", "torch"
    )
    assert "class Drop(MegEngineDropout):" in port.after and "x * self.p\n" in port.after
    assert not [d for d in port.diagnostics if d.severity == "error"]


@pytest.mark.parametrize(
    "head",
    [
        "class Net(M.Module):\n    m = None\n",
        "class Net(M.Module):\n    def m(self):\n        return 1\n\n",
        "class Base(M.Module):\n    def __init__(self):\n        super().__init__()\n        self.m = 1\n\n\nclass Net(Base):\n",
        "class Net(M.Conv2d):\n",
    ],
)
def test_a_name_that_is_taken_is_no_buffer(head: str) -> None:
    """register_buffer raises where the class has the attribute already."""
    text = (
        HEAD.split("class Net")[0]
        + head
        + "    def __init__(self, dim):\n        super().__init__(1, 1, 1)\n"
    )
    port = port_text(text + "        self.m = F.zeros((3,))" + TAIL, "megengine", "torch")
    assert "self.m = torch.zeros((3,))" in port.after


def test_a_function_is_not_what_a_method_of_its_name_calls() -> None:
    text = (
        "def transpose(t, order):\n    return t.transpose(order)\n\n\n" + HEAD.split("import megengine\n")[1]
    )
    body = "        self.w = Parameter(F.ones((2, 2)))\n\n    def forward(self, x):\n"
    last = "        return transpose(x.transpose(1, 0), (1, 0))\n"
    port = port_text("import megengine\n" + text + body + last, "megengine", "torch")
    assert "return t.permute(order)" in port.after


def test_modules_go_in_the_order_of_their_framework() -> None:
    lines = "for m in self.modules():\n            print(m, list(self.children()), next(self.parameters()))"
    port = port_text(HEAD + "        " + lines + TAIL, "megengine", "torch")
    assert "in sorted_modules(self):" in port.after and "next(sorted_parameters(self))" in port.after
    back = (
        "import torch.nn as nn\nclass N(nn.Module):\n    def f(self):\n        return list(self.children())\n"
    )
    assert "list(children(self))" in port_text(back, "torch", "megengine").after


def test_initialisers_by_fan_take_the_layer() -> None:
    lines = "self.c = M.Conv2d(4, 8, 3, groups=2)\n        M.init.msra_normal_(self.c.weight, mode='fan_out')"
    port = port_text(HEAD + "        " + lines + TAIL, "megengine", "torch")
    assert "msra_normal_(self.c.weight, mode='fan_out', layer=self.c)" in port.after
    assert not [d for d in port.diagnostics if d.severity == "error"]
