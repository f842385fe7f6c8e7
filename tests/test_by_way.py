"""Between MindSpore and MegEngine: the port to torch is verified, and stands for the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from convmap.by_way import needs_way, verify_by_way
from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of

MINDSPORE = """from mindspore import nn, ops


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, pad_mode="pad", padding=1, has_bias=True)
        self.norm = nn.BatchNorm2d(4, momentum=0.8)
        self.sum = ops.ReduceSum(keep_dims=True)

    def construct(self, x):
        x = ops.relu(self.norm(self.conv(x)))
        return x / (self.sum(x, (2, 3)) + 1), x.max(axis=1)
"""
MEGENGINE = """import numpy as np
import megengine
import megengine.functional as F
import megengine.module as M


class Net(M.Module):
    def __init__(self):
        super().__init__()
        self.conv = M.ConvBnRelu2d(3, 4, 3, padding=1, groups=1)
        self.shift = megengine.tensor(np.arange(4)).reshape(1, 4, 1, 1)
        M.init.msra_normal_(self.conv.conv.weight, mode="fan_out")

    def forward(self, x):
        x = self.conv(x) + self.shift
        return F.normalize(x, axis=1), F.topk(x.reshape(x.shape[0], -1), 3, descending=True)[0]
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("text,target", [(MINDSPORE, "megengine"), (MEGENGINE, "mindspore")])
def test_a_model_is_verified_by_way_of_torch(text: str, target: str, pool: Workers, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(text)
    case = Case("net", file, "Net()", ("2x3x5x6",))
    assert needs_way(case, target, load()) and not needs_way(case, "torch", load())
    verdict = verify_by_way(case, target, pool, load(), seeds=2)
    assert verdict.holds and verdict.by_way == "judged by the port to torch, which holds", text_of(verdict)


@pytest.mark.frameworks
def test_a_port_by_hand_that_is_wrong_does_not_hold(pool: Workers, tmp_path: Path) -> None:
    from convmap.porting import Request, port_file

    file, ported = tmp_path / "net.py", tmp_path / "ported.py"
    file.write_text(MINDSPORE)
    port = port_file(Request("megengine", "mindspore"), file)
    assert port is not None
    ported.write_text(port.after.replace("+ 1)", "+ 1.001)"))
    verdict = verify_by_way(
        Case("net", file, "Net()", ("2x3x5x6",), ported), "megengine", pool, load(), seeds=2
    )
    assert not verdict.holds and not verdict.problem


@pytest.mark.frameworks
def test_where_the_port_to_torch_does_not_hold_nothing_is_judged(pool: Workers, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(MINDSPORE.replace("ops.relu(", "ops.foo("))
    verdict = verify_by_way(Case("net", file, "Net()", ("2x3x5x6",)), "megengine", pool, load(), seeds=2)
    assert "the port to torch, which would judge, is not verified" in verdict.problem


def test_trained_weights_are_told_to_take_two_steps(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(MINDSPORE)
    case = Case("net", file, "Net()", ("2x3x5x6",), weights=tmp_path / "w.ckpt")
    assert "two steps" in verify_by_way(case, "megengine", None, load()).problem  # type: ignore[arg-type]
