"""What an expression is, as its methods are ported by it: seen where MegEngine's have other names."""

from __future__ import annotations

import pytest
from dialects import port_text

MODULE = """import numpy as np
import torch
import torch.nn as nn
class Parts(nn.Sequential):
    def forward(self, x, y):
        for layer in self:
            x = layer(x)
        return x.view(y, y)
class Norm(nn.GroupNorm):
    def forward(self, x):
        return super().forward(x).type(x.dtype)
class Conv(nn.Module):
    default_act = nn.SiLU()
    def __init__(self, act=True):
        super().__init__()
        self.act = self.default_act if act is True else act if isinstance(act, nn.Module) else nn.Identity()
    def forward(self, x):
        return self.act(x)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.shift = Conv(act=False), np.stack([np.arange(3)]).transpose(1, 0)
        self.parts, self.attend = Parts(nn.Conv2d(3, 3, 1)), nn.MultiheadAttention(4, 2)
    def forward(self, x, given=None, rest=None):
        {lines}
"""


@pytest.mark.parametrize(
    "lines,written",
    [
        ("return given.view(-1)", "return given.reshape(-1)"),
        ("return given.view(*x.shape)", "return given.reshape(*x.shape)"),
        ("_, i = (-x).max(1); i = i.view(rest)", "i = i.reshape(rest)"),
        ("v, i = torch.max(x, 1); v = v.view(rest)", "v = v.reshape(rest)"),
        ("v = torch.max(x, x); v = v.view(rest)", "v = v.reshape(rest)"),
        ("x -= 1; return x.view(rest)", "return x.reshape(rest)"),
        ("x /= 2; return x.view(rest)", "return x.reshape(rest)"),
        ("x /= 3 / 2; return x.view(rest)", "return x.reshape(rest)"),
        ("x *= np.sqrt(2); return x.view(rest)", "return x.reshape(rest)"),
        ("return x.view(rest.size(0), rest.size(1))", "return x.reshape(rest.shape[0], rest.shape[1])"),
        ("return self.parts(x, 3).view(rest)", "return self.parts(x, 3).reshape(rest)"),
        ("(a, b), c = x.chunk(2), rest; return a.view(rest)", "return a.reshape(rest)"),
        ("rest = rest.view(1, 2, 3); return rest.view(given)", "return rest.reshape(given)"),
        ("rest = torch.relu(x); if given: return rest.view(given)", "return rest.reshape(given)"),
        (
            "rest = (torch.relu(x) if given else x) if given is None else rest; if given:\n            rest = x"
            "\n        elif rest:\n            rest = x * 2\n        else:\n            raise ValueError\n"
            "        return rest.view(given)",
            "return rest.reshape(given)",
        ),
        (
            "rest = x; if given:\n            rest = x * 2\n        return rest.view(given)",
            "return rest.reshape(given)",
        ),
        ("return self.conv(x).view(rest)", "return self.conv(x).reshape(rest)"),
        ("self.shift[:, 0].transpose(0); return x.view(rest)", "self.shift[:, 0].transpose(0)"),
        ("return self.attend(x, x, x)[0].view(rest)", "return self.attend(x, x, x)[0].reshape(rest)"),
    ],
)
def test_a_tensor_is_seen(lines: str, written: str) -> None:
    port = port_text(MODULE.format(lines=lines.replace("; ", "\n        ")), "torch", "megengine")
    assert written in port.after and "return x.reshape(y, y)" in port.after
    assert "super().forward(x).astype(x.dtype)" in port.after


@pytest.mark.parametrize(
    "lines",
    [
        "return given.view(rest)",
        "return given.type(x.dtype)",
        "return rest.float()",
        "g = given.pop(); return g.to(x.dtype)",
        "return rest.mean(given)",
        "return (rest - given).view(given)",
        "return rest.erfinv()",
        "rest = torch.relu(x); rest = given(rest); return rest.view(given)",
        "rest = torch.relu(x)\n        if (rest := given(rest)):\n            return rest.view(given)",
        "rest = torch.relu(x)\n        with given(rest) as rest:\n            return rest.view(given)",
        "rest = x\n        if (rest := given(x)):\n            rest = x\n        return rest.view(given)",
        "if given:\n            rest = x\n        return rest.view(given)",
        "if given:\n            rest = x\n        else:\n            rest = given()\n        return rest.view(given)",
        "if given:\n            rest = x\n        else:\n            return x\n        rest, _ = given\n        return rest.view(given)",
        "rest = torch.relu(x); for i in given: rest = given(rest.view(given))",
        "(a, b), *c = x.chunk(2), rest; return a.view(given)",
        "return self.attend(x, x, x)[given].view(rest)",
    ],
)
def test_what_may_be_a_tensor_is_said(lines: str) -> None:
    port = port_text(MODULE.format(lines=lines.replace("; ", "\n        ")), "torch", "megengine")
    assert "CM107" in {d.code for d in port.diagnostics}


def test_a_method_of_the_files_own_classes_is_theirs() -> None:
    text = "import torch.nn as nn\nclass A(nn.Module):\n    def erfinv(self):\n        return 1\n    def g(self, a):\n        return a.erfinv()\n"
    assert not [d for d in port_text(text, "torch", "megengine").diagnostics if d.severity != "note"]


def test_a_list_that_forward_takes_is_none() -> None:
    text = "import torch.nn as nn\nclass A(nn.Module):\n    def forward(self, x, hs):\n        return x + hs.pop()\n"
    assert not [d for d in port_text(text, "torch", "megengine").diagnostics if d.severity != "note"]
