"""Containers that get layers after they are made: torch runs them, the targets' own would not."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

HEAD = "import torch\nimport torch.nn as nn\nfrom collections import OrderedDict\n"
GROWN = {
    "empty, by name": "self.s = nn.Sequential()\n        self.s.add_module('a', nn.Linear(3, 3))\n        self.s.add_module('b', nn.Tanh())",
    "a local, by name": "s = nn.Sequential()\n        s.add_module('a', nn.Linear(3, 3))\n        self.s = s",
    "derived, by name": "self.s = Derived()",
    "derived, by attribute": "self.s = Attributes()",
    "appended": "self.s = nn.Sequential()\n        self.s.append(nn.Linear(3, 3))\n        self.s.append(nn.Tanh())",
    "not empty, by name": "self.s = nn.Sequential(nn.ReLU())\n        self.s.add_module('a', nn.Linear(3, 3))",
    "not empty, by attribute": "self.s = nn.Sequential(nn.ReLU())\n        self.s.last = nn.Linear(3, 3)",
    "of a list, by name": "layers = [nn.Linear(3, 3), nn.ReLU()]\n        s = nn.Sequential(*layers)\n        s.add_module('a', nn.Linear(3, 3))\n        self.s = s",
    "by index": "self.s = nn.Sequential(nn.Linear(3, 3), nn.Tanh())\n        self.s[0] = nn.Linear(3, 3, bias=False)",
    "named": "self.s = nn.Sequential(OrderedDict([('a', nn.Linear(3, 3)), ('b', nn.Tanh())]))",
}
MODEL = (
    HEAD + "class Derived(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n"
    "        self.add_module('a', nn.Linear(3, 3))\n        self.add_module('b', nn.Tanh())\n"
    "class Attributes(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n"
    "        self.a = nn.Linear(3, 3)\n        self.b = nn.Tanh()\n"
    "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {lines}\n"
    "    def forward(self, x):\n        return self.s(x)\n"
)


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("name", GROWN)
def test_what_is_added_later_runs(name: str, target: str, tmp_path: Path, pool: Workers) -> None:
    (tmp_path / "m.py").write_text(MODEL.format(lines=GROWN[name]))
    verdict = verify(Case(name, tmp_path / "m.py", "Net()", ("2x3",)), target, pool, load(), seeds=1)
    assert verdict.holds, text_of(verdict)


def test_what_the_port_would_not_run_is_refused() -> None:
    lines = "nets = [nn.Sequential(nn.ReLU())]\n        nets[0].add_module('a', nn.Linear(3, 3))"
    port = port_text(MODEL.format(lines=lines), "torch", "mindspore")
    assert [d.code for d in port.diagnostics if d.severity == "error"] == ["CM202"]


DICTIONARY = """from torch import nn
class Block(nn.ModuleDict):
    def __init__(self):
        super().__init__({"z": nn.Conv2d(3, 3, 1)})
        for i in range(2):
            self.add_module("layer%d" % i, nn.Conv2d(3, 3, 1))
        self.last = nn.LeakyReLU()
        self["first"] = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        for name, layer in self.items():
            x = layer(x) + len(name)
        return x, len(self) * x, x * ("last" in self)
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_a_dictionary_has_what_is_added_by_name_and_as_an_attribute(
    target: str, tmp_path: Path, pool: Workers
) -> None:
    """DenseNet's blocks are such dictionaries: their ports gave none of the layers that add_module added."""
    (tmp_path / "m.py").write_text(DICTIONARY)
    verdict = verify(Case("dict", tmp_path / "m.py", "Block()", ("2x3x4x4",)), target, pool, load(), seeds=1)
    assert verdict.holds, text_of(verdict)


PARTS = """import torch
import torch.nn as nn
from collections import OrderedDict
class Net(nn.Module):
    def __init__(self, parts, given):
        super().__init__()
        self.lm = nn.Linear(4, 3, bias=False)
        self.d = nn.ModuleDict(dict(table=nn.Embedding(3, 4), norm=nn.BatchNorm1d(4)))
        self.e = nn.ModuleDict({{"table": nn.Embedding(3, 4)}})
        self.s = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 4, bias=False))
        self.o = nn.Sequential(OrderedDict([("table", nn.Embedding(3, 4))]))
        self.l = nn.ModuleList([nn.Embedding(3, 4), nn.Embedding(3, 4)])
        self.parts = parts
        {line}
"""


@pytest.mark.parametrize(
    "line,written",
    [
        ("self.d.table.weight = self.lm.weight", "self.d.table.embedding_table = self.lm.weight"),
        ("self.d['norm'].weight = self.lm.weight", "self.d['norm'].gamma = self.lm.weight"),
        ("self.e['table'].weight = self.lm.weight", "self.e['table'].embedding_table = self.lm.weight"),
        ("self.s[0].weight = self.s[-1].weight", "self.s[0].embedding_table = self.s[-1].weight"),
        ("self.o.table.weight = self.lm.weight", "self.o.table.embedding_table = self.lm.weight"),
        ("self.l[1].weight = self.lm.weight", "self.l[1].embedding_table = self.lm.weight"),
        ("n = self.d.table.weight.numel()", "n = self.d.table.embedding_table.numel()"),
        # it is not what it was made of any more
        ("self.l.append(nn.Linear(4, 3)); self.l[-1].weight = self.lm.weight", None),
        ("self.s[0] = nn.Linear(4, 3); self.s[0].weight = self.lm.weight", None),
        ("self.d.table = nn.Linear(4, 3); self.d.table.weight = self.lm.weight", None),
        ("self.l += [nn.Linear(4, 3)]; self.l[-1].weight = self.lm.weight", None),
        # of which class it is can't be read: another attribute would be set, and nothing use it
        ("self.parts.head.weight = self.lm.weight", None),
        ("given.weight = nn.Parameter(torch.ones(3))", None),
        ("given.weight = torch.ones(3)", None),
        # no layer's
        ("given.weight = 3", "given.weight = 3"),
    ],
)
def test_the_weight_of_a_part_of_a_container(line: str, written: str | None) -> None:
    port = port_text(PARTS.format(line=line.replace("; ", "\n        ")), "torch", "mindspore")
    codes = {d.code for d in port.diagnostics if d.severity != "note"}
    assert "CM201" in codes if written is None else not codes
    assert written is None or written in port.after


@pytest.mark.parametrize(
    "given,codes",
    [
        ("torch.ones(4)", set()),
        ("torch.ones(4), requires_grad=True", set()),
        ("torch.ones(4), requires_grad=False", {"CM102"}),
        ("torch.ones(4), False", {"CM102"}),
        ("torch.ones(4), requires_grad=parts", {"CM102"}),
    ],
)
def test_a_norm_is_given_a_weight_that_is_not_trained(given: str, codes: set[str]) -> None:
    """MindSpore's norm would look like one made without weights, and never be trained again."""
    line = f"self.d['norm'].weight = nn.Parameter({given})"
    port = port_text(PARTS.format(line=line), "torch", "mindspore")
    assert {d.code for d in port.diagnostics if d.severity != "note"} == codes


CLASSES = """import torch.nn as nn
class Base(nn.Module):
    def helper(self, x):
        return x
class Kin(Base):
    def forward(self, x):
        return x
class Net(nn.Module):
    def __init__(self, given):
        {lines}
    def forward(self, x):
        return x
"""


@pytest.mark.parametrize(
    "lines,line",
    [
        ("self.sizes = [1, 2]; super().__init__()", 10),
        ("self.names = {'a': 1}; super(Net, self).__init__()", 10),
        ("self.width = 64; self.kind = given; super().__init__(); self.sizes = [1, 2]", 0),
        ("super().__init__(); self.part = Base()", 2),
        ("super().__init__(); self.part = Kin()", 0),
    ],
)
def test_what_megengine_s_modules_do_not_take(lines: str, line: int) -> None:
    text = CLASSES.format(lines=lines.replace("; ", "\n        "))
    for target, lines_found in (("megengine", [line] if line else []), ("mindspore", [])):
        found = port_text(text, "torch", target).diagnostics
        assert [d.line for d in found if d.severity != "note"] == lines_found
