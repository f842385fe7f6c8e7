"""Small models with the idioms of well-known ones, run whole in the frameworks."""

from __future__ import annotations

from pathlib import Path

import pytest
from dialects import port_text

from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

HEAD = "import numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
# title: the class's __init__, its forward, inputs
MODELS = {
    "a norm of weights chosen by an argument": (
        "norm = nn.utils.weight_norm if not spectral else nn.utils.spectral_norm; self.c = norm(nn.Conv2d(3, 4, 3))",
        "return self.c(x)",
        "2x3x6x6",
    ),
    "a table's weight tied by its name in a dictionary of modules": (
        "self.parts = nn.ModuleDict(dict(table=nn.Embedding(9, 4), norm=nn.LayerNorm(4))); "
        "self.head = nn.Linear(4, 9, bias=False); self.parts.table.weight = self.head.weight",
        "return self.head(self.parts.norm(self.parts.table(x)))",
        "2x5:int64:0..8",
    ),
    "buffers that forward fills keep their number format": (
        "self.register_buffer('places', torch.zeros(2, dtype=torch.int32))",
        "self.places.fill_(1); return x[:, self.places] * (2 if self.places.dtype == torch.int32 else 3)",
        "2x3x4",
    ),
    "a number format that the model keeps": (
        "self.kind = torch.float32; self.c = nn.Conv2d(3, 4, 3)",
        "h = self.c(x.type(self.kind)); return h.to(self.kind)",
        "2x3x6x6",
    ),
    "arrays as tensors, by what takes a size too": (
        "self.a = np.linspace(0, 1, 4)",
        "return x + torch.Tensor(self.a * 2 - 1) + torch.FloatTensor(self.a / 3) * torch.Tensor([n / 2 for n in range(4)])",
        "2x3x4",
    ),
    "weights of classes that are a number or a list": (
        "self.a = shares(0.25); self.b = shares([1, 2, 3, 2])",
        "return x * self.b - self.a.sum() * x",
        "2x3x4",
    ),
    "noise that a method draws": (
        "self.scale = nn.Parameter(torch.ones(1))",
        "n = x.new_empty(2, 1, 4).normal_(); return x + self.scale * n",
        "2x3x4",
    ),
    "a parameter that may be absent is trained where it is not": (
        "if spectral:\n            self.register_parameter('bias', None)\n"
        "        else:\n            self.bias = nn.Parameter(torch.ones(4))",
        "return x if self.bias is None else x + self.bias",
        "2x3x4",
    ),
    "a masked convolution that derives from its layer": (
        "self.c = Masked(3, 4, 3)",
        "return self.c(x)",
        "2x3x5x5",
    ),
    "a convolution with standardised weights, that calls the function with what its layer keeps": (
        "self.c = Standard(4, 6, (3, 2), 2, padding=1, groups=2)\n        if spectral:\n"
        "            self.c = Standard(4, 6, 3, padding='same', bias=False)",
        "return self.c(x)",
        "2x4x6x6",
    ),
    "rows of a table that are padding": (
        "self.t = nn.Embedding(7, 4, padding_idx=2); self.t.weight.data.normal_()",
        "return self.t(x) * (self.t.padding_idx + 1)",
        "3x5:int64:0..7",
    ),
    "a mask that is written part by part": (
        "m = torch.zeros(1, 6, 6); n = 0\n        for rows in (slice(0, 2), slice(2, -1), slice(-1, None)):\n"
        "            for columns in (slice(0, 3), slice(3, None)):\n                m[:, rows, columns] = n\n"
        "                n += 1\n        self.register_buffer('m', m)",
        "return x + self.m",
        "2x1x6x6",
    ),
    "a list that becomes a container under its own name": (
        "self.parts = []\n        for n in (1, 2):\n            self.parts.append(nn.Sequential(nn.Conv1d(3, n, 1)))\n"
        "        self.parts = nn.ModuleList(self.parts)",
        "return torch.cat([p(x) for p in self.parts], 1)",
        "2x3x4",
    ),
    "sizes by numbers, and values by a list": (
        "self.w = nn.Parameter(torch.Tensor(1, 3, 1).fill_(2)); self.register_buffer('v', torch.Tensor([1.0, 2.0]))",
        "return x * self.w + self.v.sum() + torch.zeros(*x.shape)",
        "2x3x4",
    ),
    "NumPy's numbers on both sides of a tensor, and as arguments": (
        "self.scale = 1 / np.sqrt(4); self.n = np.prod([2, 3]); self.w = nn.Parameter(torch.ones(4)); "
        "nn.init.uniform_(self.w, -np.sqrt(6), np.sqrt(6))",
        "k = np.sqrt(0.5); x = self.n * x * self.scale + np.sqrt(2) * x * np.pi; x *= np.log(3); "
        "x = F.leaky_relu(x, np.float32(0.1)) / np.sqrt(x.size(-1)); return (k * x) * self.w",
        "2x3x4",
    ),
    "a buffer that counts, and one that a base class keeps": (
        "self.register_buffer('steps', torch.zeros(1, dtype=torch.long)); self.register_buffer('mean', torch.zeros(4)); "
        "self.w = nn.Parameter(torch.ones(4))",
        "y = x * self.w\n        if self.training:\n            self.steps += 1\n            self.mean *= 0.9\n"
        "        return y + self.mean + self.steps",
        "2x3x4",
    ),
    "a list of modules that grows at its start": (
        "self.parts = nn.ModuleList([nn.Conv1d(3, 3, 1)]); self.parts.insert(0, nn.ReLU()); self.parts += [nn.Tanh()]",
        "for part in self.parts: x = part(x)\n        return x",
        "2x3x4",
    ),
    "tensors beside the state": (
        "self.steps = torch.tensor([8.0, 16.0]); self.c = nn.Conv1d(3, 2, 1)",
        "return self.c(x) * self.steps[1]",
        "2x3x4",
    ),
    "parts of a container run by a loop over itself": (
        "self.c = Row(nn.Conv1d(3, 4, 1), nn.ReLU(), nn.Conv1d(4, 2, 1))",
        "return self.c(x, 2).view(2, -1)",
        "2x3x4",
    ),
}
TEXT = (
    HEAD + "class Row(nn.Sequential):\n    def forward(self, x, times):\n        for part in self:\n"
    "            x = part(x)\n        return x * times\n"
    "class Net(nn.Module):\n    def __init__(self, spectral=False):\n        super().__init__()\n        {made}\n"
    "    def forward(self, x):\n        {run}\n"
)
DERIVED = (
    "class Standard(nn.Conv2d):\n    def forward(self, x):\n        w = self.weight\n"
    "        w = w - w.mean(dim=(1, 2, 3), keepdim=True)\n"
    "        w = w / (w.view(w.size(0), -1).std(dim=1).view(-1, 1, 1, 1) + 1e-5)\n"
    "        return F.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)\n"
    "class Masked(nn.Conv2d):\n    def __init__(self, i, o, k):\n        super().__init__(i, o, k)\n"
    "        self.register_buffer('mask', torch.ones(o, i, k, k))\n        self.mask[:, :, k // 2 + 1 :] = 0\n"
    "        self.mask[:, :, k // 2, k // 2 :] = 0\n    def forward(self, x):\n"
    "        return F.conv2d(x, self.weight * self.mask, self.bias)\n"
    "def shares(alpha):\n    if isinstance(alpha, (float, int)):\n        return torch.Tensor([alpha, 1 - alpha])\n"
    "    if isinstance(alpha, list):\n        return torch.Tensor(alpha)\n"
)


def text_of_model(title: str) -> str:
    made, run, _ = MODELS[title]
    return (TEXT + DERIVED).format(made=made.replace("; ", "\n        "), run=run.replace("; ", "\n        "))


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("title", MODELS)
def test_an_idiom_holds(title: str, target: str, tmp_path: Path, pool: Workers) -> None:
    (tmp_path / "m.py").write_text(text_of_model(title))
    for entry in ("Net()", "Net(True)") if "spectral" in MODELS[title][0] else ("Net()",):
        case = Case(title, tmp_path / "m.py", entry, (MODELS[title][2],))
        verdict = verify(case, target, pool, load(), seeds=1)
        assert verdict.holds, text_of(verdict)


def test_what_megengine_does_not_let_be_set_is_refused() -> None:
    made = "self.c = nn.Conv1d(3, 4, 1)\n        for p in self.c.parameters(): p.requires_grad = False"
    for target, codes in (("mindspore", set()), ("megengine", {"CM102"})):
        port = port_text(TEXT.format(made=made, run="return self.c(x)"), "torch", target)
        assert {d.code for d in port.diagnostics if d.severity != "note"} == codes


@pytest.mark.frameworks
def test_norms_that_are_frozen_and_trained_again(tmp_path: Path, pool: Workers) -> None:
    """MindSpore's norms don't say whether they were made to train: asked once, it is remembered."""
    made = (
        "self.n = nn.BatchNorm1d(3); self.m = nn.BatchNorm1d(3, affine=False); self.c = nn.Conv1d(3, 2, 1); "
        "for p in self.parameters(): p.requires_grad = False; "
        "for p in self.n.parameters(): p.requires_grad_(True); self.c.bias.requires_grad_()"
    ).replace("; ", "\n        ")
    text = TEXT.format(made=made, run="return self.c(self.m(self.n(x)))")
    (tmp_path / "m.py").write_text(text)
    verdict = verify(
        Case("frozen", tmp_path / "m.py", "Net()", ("4x3x5",)), "mindspore", pool, load(), seeds=1
    )
    assert verdict.holds and not verdict.unported, text_of(verdict)
    gradients = [c.name for _, c in verdict.comparisons if c.kind == "weight gradient"]
    assert sorted(set(gradients)) == ["c.bias", "n.bias", "n.weight"]


@pytest.mark.frameworks
@pytest.mark.parametrize(
    "frozen",
    [
        "self.n.weight.requires_grad = False",
        "self.n.bias.requires_grad_(False); self.n.weight.requires_grad_(False)",
        "for p in (self.n.weight, self.n.bias): p.requires_grad = False",
        "self.n.weight.requires_grad = False; self.n = copy.deepcopy(self.n)",
        "for m in self.modules():\n            if isinstance(m, nn.BatchNorm1d): m.weight.requires_grad = False",
    ],
)
def test_norms_that_are_frozen_by_name(frozen: str, tmp_path: Path, pool: Workers) -> None:
    """What is frozen through the layer itself is trained again with all parameters."""
    made = "; ".join(
        ["self.n = nn.BatchNorm1d(3)", frozen, "for p in self.parameters(): p.requires_grad = True"]
    ).replace("; ", "\n        ")
    text = "import copy\n" + TEXT.format(made=made, run="return self.n(x)")
    (tmp_path / "m.py").write_text(text)
    verdict = verify(
        Case("frozen", tmp_path / "m.py", "Net()", ("4x3x5",)), "mindspore", pool, load(), seeds=1
    )
    assert verdict.holds and not verdict.unported, text_of(verdict)
    gradients = [c.name for _, c in verdict.comparisons if c.kind == "weight gradient"]
    assert sorted(set(gradients)) == ["n.bias", "n.weight"]
