"""Questions for the class of a layer: MindSpore and MegEngine have a class of their own and a shim's for some."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

QUESTIONS = [
    "type(m) is nn.Linear", "type(m) == nn.Conv2d", "type(m) in (nn.Linear, nn.BatchNorm2d)", "t is nn.GELU",
    "type(m) in [nn.GELU, Own]", "m.__class__ is nn.LayerNorm", "nn.Linear == type(m)", "type(m) is not nn.Linear",
    "type(m) != Own", "type(m) not in {nn.Linear, nn.Conv2d}", "isinstance(m, NORMS)", "isinstance(m, (Own, NORMS))",
    "type(m) in NORMS", "type(m) in TABLE", "isinstance(m, nn.LayerNorm)", "isinstance(m, nn.Linear)",
    "is_a(m, nn.Linear)", "is_a(m, (nn.GELU, nn.Linear))", "is_a(m, Own)", "is_a(m, str)", "is_one(m, nn.GELU)",
    "is_one(m, Own)", "type(m) is type(self.parts[0])", "isinstance(m, Own) and not type(m) == nn.Linear",
    "issubclass(type(m), nn.Linear)", "isinstance(m, _BatchNorm)", "isinstance(m, (_ConvNd, nn.LayerNorm))",
    "isinstance(m, nn.modules.batchnorm._NormBase)", "isinstance(m, nn.GroupNorm)", "type(m) is type(self.more[1])",
    "is_kind(type(m))", "is_kind(nn.Linear)", "is_kind(m)", "other(m)", "type(m) == nn.Sequential", "type(m) is nn.ModuleList", "isinstance(m, nn.ModuleList)",
]  # fmt: skip
FILE = """import torch.nn as nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
NORMS = (nn.BatchNorm2d, nn.LayerNorm)
TABLE = {{nn.Linear: 1, nn.GELU: 2}}
class Own(nn.Linear):
    pass
def is_a(m, classes):
    return isinstance(m, classes)
def is_one(m, kind):
    return type(m) == kind
def is_kind(kind):
    return kind is nn.Linear or kind in (nn.GELU, nn.Conv2d)
def other(m):
    name, kind = m.__class__.__name__, type(m)
    return nn.LayerNorm != kind
def make(layer, *args):
    return layer(*args)
class Net(nn.Module):
    def __init__(self, act=nn.GELU):
        super().__init__()
        self.parts = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(5, 4), nn.GELU(), Own(4, 3))
        self.more = nn.Sequential(act(), make(nn.Linear, 3, 2), make(nn.LayerNorm, 2), nn.LayerNorm(2))
        self.list = nn.ModuleList([nn.Linear(2, 2)])
        self.answers = [self.ask(m) for m in self.modules()]
    def ask(self, m):
        t = type(m)
        return {question}
    def forward(self, x):
        places = [n + 1 for n, answer in enumerate(self.answers) if answer]
        return self.more(self.parts(x)) * (1 + sum(places))
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answers_are_torchs(question: str, target: str, tmp_path: Path, pool: Workers) -> None:
    (tmp_path / "m.py").write_text(FILE.format(question=question))
    case = Case(question, tmp_path / "m.py", "Net()", ("2x3x4x5",))
    verdict = verify(case, target, pool, load(), seeds=1, modes=("train",))
    assert verdict.holds or verdict.known, text_of(verdict)


@pytest.mark.parametrize(
    "test,written",
    [
        ("type(m) is nn.Linear", "type(m) is nn.Dense"),
        ("nn.Linear != type(m)", "type(m) != nn.Dense"),
        ("type(m) in (nn.Linear, int)", "type(m) in (nn.Dense, int)"),
        ("type(m) is int", "type(m) is int"),
        ("kind is nn.Linear", "kind is TorchLinear"),
        ("nn.Linear in (kind, type(m))", "TorchLinear in (kind, type(m))"),
        ("isinstance(m, kind)", "isinstance(m, kind)"),
        ("isinstance(m, str)", "isinstance(m, str)"),
    ],
)
def test_what_is_made_in_one_way_is_compared_with_it_alone(test: str, written: str) -> None:
    port = port_text(f"import torch.nn as nn\ndef f(m, kind):\n    return {test}\n", "torch", "mindspore")
    assert port.after.rstrip().endswith(f"return {written}")


def test_a_class_as_a_key_is_reported() -> None:
    port = port_text("import torch.nn as nn\nHOOKS = {nn.Linear: print}\n", "torch", "mindspore")
    assert [(d.code, d.line) for d in port.diagnostics if d.severity != "note"] == [("CM103", 2)]
