"""Settings of layers that are made: torch reads them at every call, other frameworks once or by another meaning."""

from __future__ import annotations

import pytest
from dialects import port_text

SET = {
    "isinstance": "for m in model.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.momentum = 0.03",
    "type is": "for m in model.modules():\n        if type(m) is nn.BatchNorm2d:\n            m.eps = 0.03",
    "type in": "for m in model.modules():\n        if type(m) in (nn.BatchNorm2d, nn.BatchNorm1d):\n            m.eps = 1e-3",
    "a name for the type": "for m in model.modules():\n        t = type(m)\n        if t == nn.BatchNorm2d:\n            m.eps = 1e-3",
    "__class__": "for m in model.modules():\n        if m.__class__ is nn.Dropout:\n            m.p = 0.3",
    "its name": "for m in model.modules():\n        if m.__class__.__name__ == 'BatchNorm2d':\n            m.momentum = 0.1",
    "hasattr": "for m in model.modules():\n        if hasattr(m, 'momentum'):\n            m.momentum = 0.1",
    "setattr": "for m in model.children():\n        setattr(m, 'eps', 1e-3)",
    "a part of what is given": "model.layers[0].conv.stride = (1, 1)",
    "what is given": "model.eps = 1e-3",
    "a pool by its number": "model[3].ceil_mode = True",
}


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("text", SET.values(), ids=SET)
def test_a_setting_of_a_layer_that_is_made_is_reported(text: str, target: str) -> None:
    port = port_text(f"import torch.nn as nn\n\n\ndef f(model):\n    {text}\n", "torch", target)
    found = [d.line for d in port.diagnostics if d.code == "CM102"]
    assert found == [4 + len(text.splitlines())]


OWN = {
    "of itself": "class Own(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.eps = 1e-3",
    "of a class of the file": "class Config:\n    pass\n\n\ndef f():\n    c = Config()\n    c.stride = 2",
    "of a module of the file": "class Own(nn.Module):\n    pass\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.own = Own()\n        self.own.eps = 1e-3",
}


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_settings_of_the_files_own_classes_are_theirs(text: str) -> None:
    port = port_text(f"import torch.nn as nn\n\n\n{text}\n", "torch", "mindspore")
    assert "CM102" not in [d.code for d in port.diagnostics]
