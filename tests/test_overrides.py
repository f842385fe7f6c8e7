"""Methods of every module that a class replaces, what ``super()`` calls, and arguments that mean nothing."""

from __future__ import annotations

import pytest
from dialects import port_text

HEAD = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
"""


def port(lines: str, target: str = "mindspore") -> tuple[str, list[str]]:
    found = port_text(HEAD + lines, "torch", target)
    return found.after, [d.code for d in found.diagnostics if d.severity == "error"]


@pytest.mark.parametrize(
    "signature",
    ["self, mode=True", "self, mode: bool = True"],
)
def test_a_train_of_its_own_is_called_by_parents(signature: str) -> None:
    after, errors = port(
        f"    def train({signature}):\n        super().train(mode)\n        self.norm.eval()\n        return self\n"
    )
    assert (
        f"    @asked_by_parents\n    def set_train({signature}):\n        super().set_train(mode)\n" in after
    )
    assert "class asked_by_parents:" in after and not errors


def test_calls_of_it_take_its_new_name() -> None:
    after, errors = port(
        "    def train(self, mode=True):\n        return super().train(mode)\n\n"
        "    def freeze(self):\n        self.train(False)\n        self.eval()\n"
    )
    assert after.count("self.set_train(False)") == 2 and not errors


@pytest.mark.parametrize(
    "lines,target",
    [
        ("    def train(self, mode=True):\n        self.norm.eval()\n", "megengine"),
        ("    def train(self, mode):\n        self.norm.eval()\n", "mindspore"),
        ("    def train(self, mode=False):\n        self.norm.eval()\n", "mindspore"),
        ("    def eval(self):\n        return self\n", "mindspore"),
        ("    def apply(self, fn):\n        return self\n", "megengine"),
        ("    def parameters(self):\n        return []\n", "mindspore"),
    ],
)
def test_another_method_of_its_own_is_reported(lines: str, target: str) -> None:
    after, errors = port(lines, target)
    assert errors == ["CM111"] and lines.splitlines()[0] in after


@pytest.mark.parametrize(
    "line,expected",
    [
        ("super().eval()", "super().set_train(False)"),
        ("super(Net, self).train()", "super(Net, self).set_train()"),
        ("super().register_buffer('b', f)", "super().register_buffer('b', f)"),
        ("super().children()", "super().cells()"),
    ],
)
def test_super_calls_are_ported(line: str, expected: str) -> None:
    after, errors = port(f"        {line}\n")
    assert f"        {expected}\n" in after and not errors


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_super_is_not_handed_to_a_function(target: str) -> None:
    after, errors = port("        n = list(super().named_parameters())\n", target)
    assert errors == ["CM202"] and "super().named_parameters()" in after


@pytest.mark.parametrize("target,module", [("mindspore", "nn"), ("megengine", "M")])
def test_arguments_that_mean_nothing_go_but_not_what_they_do(target: str, module: str) -> None:
    for given in ("54, unused=1", "f", "f, a=f.b, c=(1, 2)", "*f", ""):
        after, errors = port(f"        self.i = nn.Identity({given})\n", target)
        assert f"self.i = {module}.Identity()\n" in after and not errors, given
    for given in ("f()", "a=f()", "*f()", "1, *f(), b=2"):
        after, errors = port(f"        self.i = nn.Identity({given})\n", target)
        assert f"nn.Identity({given})" in after and errors == ["CM201"], given


def test_a_fill_of_a_whole_number_takes_the_tensors_format() -> None:
    lines = "    def forward(self, x):\n        return x.masked_fill(x > 0, {value})\n"
    for value in ("0.0", "float('-inf')", "-1e9"):
        assert f"ops.masked_fill(x, x > 0, {value})" in port(lines.format(value=value))[0]
    for value in ("0", "-100", "x.shape[0]"):
        assert f"return masked_fill(x, x > 0, {value})" in port(lines.format(value=value))[0]
