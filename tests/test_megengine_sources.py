"""MegEngine's own idioms, ported to torch: what only MegEngine code writes, and where torch means another thing."""

from __future__ import annotations

import pytest
from dialects import port_text

HEAD = """import numpy as np
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
    ("self.m = F.nn.max_pool2d(dim, 2)", "self.m = F.max_pool2d(dim, 2)"),
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
        ("M.init.msra_normal_(dim, mode='fan_out')", "CM110"),
    ],
)
def test_what_differs_is_refused(line: str, code: str) -> None:
    port = port_text(HEAD + "        " + line + TAIL, "megengine", "torch")
    assert code in [d.code for d in port.diagnostics]
