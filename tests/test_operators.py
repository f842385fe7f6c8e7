"""Operators that mean another thing on the tensors of a framework."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

FORWARD = "import torch\nimport torch.nn as nn\nclass Net(nn.Module):\n    def forward(self, x, y):\n        {line}\n"


@pytest.mark.parametrize(
    "target,line,written",
    [
        ("megengine", "return (x + y) % 2.0", "return remainder(x + y, 2.0)"),
        ("megengine", "return 2 % x", "return remainder(2, x)"),
        ("megengine", "return x.shape[0] % 2", "return x.shape[0] % 2"),
        ("megengine", "return '%s' % x", "return '%s' % x"),
        ("mindspore", "return x % y", "return x % y"),
        ("mindspore", "return ~x", "return invert(x)"),
        ("mindspore", "return ~(x > y)", "return ~(x > y)"),
        ("mindspore", "m = x > 0; return ~m & (y > 0)", "return ~m & (y > 0)"),
        ("megengine", "return ~(x > y)", "return ~(x > y)"),
    ],
)
def test_operators(target: str, line: str, written: str) -> None:
    assert written in port_text(FORWARD.format(line=line.replace("; ", "\n        ")), "torch", target).after


def test_an_augmented_remainder_is_refused() -> None:
    port = port_text(FORWARD.format(line="z = x * 2\n        z %= y\n        return z"), "torch", "megengine")
    assert "CM202" in [d.code for d in port.diagnostics]


def test_megengines_own_is_not_taken_for_torchs() -> None:
    text = "import megengine\nimport megengine.functional as F\ndef f(x: megengine.Tensor):\n    return F.relu(x % 2)\n"
    assert "CM202" in [d.code for d in port_text(text, "megengine", "torch").diagnostics]


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_values(target: str, tmp_path: Path, pool: Workers) -> None:
    line = "i = (x * 4).to(torch.int32)\n        y = y.detach()\n        return x % y, x % -0.7, 2.0 % y + x, (~i if {int} else i), ~(x > y), i % 3"
    (tmp_path / "m.py").write_text(FORWARD.format(line=line.format(int=target == "mindspore")))
    case = Case("operators", tmp_path / "m.py", "Net()", ("3x5", "3x5"))
    verdict = verify(case, target, pool, load(), seeds=2)
    assert all(c.holds for _, c in verdict.comparisons if c.kind == "forward") and not verdict.problem, (
        text_of(verdict)
    )
