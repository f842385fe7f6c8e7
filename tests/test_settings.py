"""Settings of layers that are made: torch reads them at every call, other frameworks once or by another meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

# The shim that sets them when the file runs finds out of which class the layer is.
SET = {
    "isinstance": "for m in model.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.{set}",
    "type is": "for m in model.modules():\n        if type(m) is nn.BatchNorm2d:\n            m.{set}",
    "type in": "for m in model.modules():\n        if type(m) in (nn.BatchNorm2d, nn.BatchNorm1d):\n            m.{set}",
    "a name for the type": "for m in model.modules():\n        t = type(m)\n        if t == nn.BatchNorm2d:\n            m.{set}",
    "__class__": "for m in model.modules():\n        if m.__class__ is nn.BatchNorm2d:\n            m.{set}",
    "its name": "for m in model.modules():\n        if m.__class__.__name__ == 'BatchNorm2d':\n            m.{set}",
    "hasattr": "for m in model.modules():\n        if hasattr(m, 'eps'):\n            m.{set}",
    "a part of what is given": "model.layers[0].bn.{set}",
    "what is given": "model.{set}",
    "a part by its number": "model[3].{set}",
}


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("text", SET.values(), ids=SET)
def test_what_a_shim_can_set_is_set_and_the_rest_reported(text: str, target: str) -> None:
    file = f"import torch.nn as nn\n\n\ndef f(model):\n    {text}\n"
    port = port_text(file.format(set="eps = 1e-3"), "torch", target)
    assert not [d for d in port.diagnostics if d.severity != "note"]
    assert port.after.rstrip().endswith(", 'eps', 1e-3)") and "set_setting(" in port.after
    port = port_text(file.format(set="track_running_stats = False"), "torch", target)
    found = [d.line for d in port.diagnostics if d.code == "CM102"]
    assert found == [4 + len(text.splitlines())]


@pytest.mark.parametrize(
    "text,codes",
    [
        ("setattr(model, 'eps', 1e-3)", []),
        ("setattr(model, 'stride', 2)", ["CM102"]),
        ("setattr(model, 'size', 2)", []),
        ("model.a.eps = model.b.eps = 1e-3", ["CM102", "CM102"]),
        ("model.a.eps, n = 1e-3, 2", ["CM102"]),
        ("model.conv.stride = (1, 1)", ["CM102"]),
        ("model[3].ceil_mode = True", ["CM102"]),
    ],
)
def test_forms(text: str, codes: list[str]) -> None:
    port = port_text(f"import torch.nn as nn\n\n\ndef f(model):\n    {text}\n", "torch", "mindspore")
    assert [d.code for d in port.diagnostics if d.severity != "note"] == codes


@pytest.mark.parametrize("target", ["torch", "mindspore"])
def test_a_momentum_of_another_meaning_is_not_set_as_torchs(target: str) -> None:
    text = "import megengine.module as M\n\n\ndef f(model):\n    model.bn.momentum = 0.9\n    M.ReLU()\n"
    port = port_text(text, "megengine", target)
    assert "model.bn.momentum = 0.9" in port.after
    assert [(d.code, d.line) for d in port.diagnostics if d.severity != "note"] == [("CM102", 5)]


OWN = {
    "of itself": "class Own(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.stride = 2",
    "of a class of the file": "class Config:\n    pass\n\n\ndef f():\n    c = Config()\n    c.stride = 2",
    "of a module of the file": "class Own(nn.Module):\n    pass\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.own = Own()\n        self.own.stride = 2",
}


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_settings_of_the_files_own_classes_are_theirs(text: str) -> None:
    port = port_text(f"import torch.nn as nn\n\n\n{text}\n", "torch", "mindspore")
    assert "CM102" not in [d.code for d in port.diagnostics]


NET = """import torch
import torch.nn as nn
class Own(nn.BatchNorm2d):
    pass
class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.eps = 0.5
    def forward(self, x):
        return x * self.eps
class View(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape
    def forward(self, x):
        return x.reshape(x.shape[0], *self.shape)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.Sequential(nn.Conv2d(3, 4, 3), {norm}, nn.Dropout(0.5), Plain())
        for m in self.modules():
            m.eps = 0.3
            if hasattr(m, "momentum"):
                m.momentum = 0.7
            setattr(m, "p", 0.25)
    def forward(self, x):
        return self.parts(x)
"""
NORMS = [
    "nn.BatchNorm2d(4)", "Own(4)", "nn.GroupNorm(2, 4)", "nn.InstanceNorm2d(4)", "nn.LayerNorm([4, 4, 4])",
    "View(1, 4, 4, 4), nn.BatchNorm3d(1), View(4, 4, 4)",
    "View(4, 16), nn.BatchNorm1d(4), View(4, 4, 4)",
]  # fmt: skip


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("norm", NORMS)
def test_settings_hold(norm: str, target: str, tmp_path: Path, pool: Workers) -> None:
    (tmp_path / "m.py").write_text(NET.format(norm=norm))
    verdict = verify(Case(norm, tmp_path / "m.py", "Net()", ("2x3x6x6",)), target, pool, load(), seeds=1)
    assert verdict.holds and not verdict.unported, text_of(verdict)


@pytest.mark.frameworks
def test_a_setting_that_a_layer_can_not_be_given_raises(tmp_path: Path, pool: Workers) -> None:
    text = NET.replace("m.momentum = 0.7", "m.momentum = None").format(norm="nn.BatchNorm2d(4)")
    (tmp_path / "m.py").write_text(text)
    case = Case("None", tmp_path / "m.py", "Net()", ("2x3x6x6",))
    for target in ("mindspore", "megengine"):
        verdict = verify(case, target, pool, load(), seeds=1)
        assert not verdict.holds and "momentum can't be set to None" in text_of(verdict)
