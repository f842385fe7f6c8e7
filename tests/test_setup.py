"""What a file that uses a framework sets first: MegEngine's arithmetic on views of broadcast tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers, workers
from convmap.verdicts import text_of
from convmap.verify import verify

((NAME, VALUE),) = load().framework("megengine").setup
LINE = f"{NAME} = {VALUE}"
HEAD = '"""Doc."""\nfrom __future__ import annotations\nimport math\nimport torch\nimport os\n'


def test_it_stands_behind_the_imports_and_before_the_shims() -> None:
    text = port_text(f"{HEAD}\n\ndef f(x):\n    return torch.norm(x) + math.pi\n", "torch", "megengine").after
    at = text.index(LINE)
    assert text.count(LINE) == 1 and text.index("import os") < at < text.index("def norm")
    assert "import megengine\n" in text[:at]


def test_a_file_that_is_half_ported_has_it_once() -> None:
    once = port_text(
        f"{HEAD}\n\ndef f(x):\n    return torch.lobpcg(torch.zeros(3))\n", "torch", "megengine"
    ).after
    again = port_text(once + "\n\ny = torch.zeros(3)\n", "torch", "megengine").after
    assert once.count(LINE) == again.count(LINE) == 1


def test_a_file_without_a_use_has_none() -> None:
    assert NAME not in port_text("import math\n\nx = math.pi\n", "torch", "megengine").after
    assert NAME not in port_text(f"{HEAD}\nx = torch.zeros(3)\n", "torch", "mindspore").after


@pytest.mark.parametrize("target", ["torch", "mindspore"])
def test_it_goes_with_its_framework_and_other_comments_stay(target: str) -> None:
    text = (
        "import megengine\nimport megengine.functional as F\n\n{line}\n\n\ndef f(x):\n    return F.relu(x)\n"
    )
    plain = port_text(text.format(line=LINE), "megengine", target).after
    assert "megengine" not in plain and "garbage" not in plain and "\n\n\n\n" not in plain
    mine = port_text(text.format(line=f"{NAME} = True  # of mine"), "megengine", target).after
    assert "megengine" not in mine and "\n# of mine\n" in mine


MODELS = {
    "sums of expanded parameters": ("v + w", "v = self.w.expand(4, 6, 3); w = self.w + self.u"),
    "differences of parts of what is expanded": ("x[:, 1:] * (v[:, 1:] - v[:, :-1])", "v = self.w.expand(4, 6, 3)"),
    "a function of what is expanded": ("x * torch.sigmoid(v)", "v = self.u.expand(4, 6, 3)"),
    "a sum over the first axis of what is scaled": ("(x * self.u).sum(0)", ""),
}  # fmt: skip
NET = (
    "import torch\nimport torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.w = nn.Parameter(torch.randn(6, 3))\n"
    "        self.u = nn.Parameter(torch.randn(3))\n    def forward(self, x):\n        {first}\n"
    "        return {given}\n"
)


def text_of_model(title: str) -> str:
    given, first = MODELS[title]
    return NET.format(given=given, first=first.replace("; ", "\n        ") or "pass")


@pytest.mark.frameworks
@pytest.mark.parametrize("title", MODELS)
def test_broadcast_tensors_hold_with_it(title: str, tmp_path: Path, pool: Workers) -> None:
    (tmp_path / "m.py").write_text(text_of_model(title))
    case = Case(title, tmp_path / "m.py", "Net()", ("4x6x3",))
    verdict = verify(case, "megengine", pool, load(), seeds=1)
    assert verdict.holds, text_of(verdict)


@pytest.mark.frameworks
def test_and_not_without(tmp_path: Path) -> None:
    """Strictly: should a later MegEngine be right without it, the rule is to go."""
    text = text_of_model("sums of expanded parameters")
    ported = port_text(text, "torch", "megengine").after
    assert LINE in ported
    (tmp_path / "m.py").write_text(text)
    (tmp_path / "p.py").write_text(ported.replace(LINE, ""))
    case = Case("without", tmp_path / "m.py", "Net()", ("4x6x3",), tmp_path / "p.py")
    with workers() as fresh:  # what is in memory, and so in the result, is not the right values by chance
        assert not verify(case, "megengine", fresh, load(), seeds=1).holds
