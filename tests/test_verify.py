"""Verifying: planted mistakes are found at their layer, ports by hand, packages, trained weights, training."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convmap.cli import main
from convmap.curves import Curve
from convmap.inputs import Case, read_manifest
from convmap.page import page_of
from convmap.porting import Request, port_file
from convmap.rules import load
from convmap.sides import Workers
from convmap.source.document import Document
from convmap.source.locate import Locator
from convmap.training import train
from convmap.verdicts import text_of
from convmap.verify import verify

EXAMPLES = Path(__file__).parent.parent / "examples"
CASES = {case.name: case for case in read_manifest(EXAMPLES / "models.toml")}


# Where a layer is made -----------------------------------------------------------------------------------

MODEL = """import torch.nn as nn
class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3)
class Net(Block):
    def __init__(self):
        super().__init__(4)
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 1),
            Block(4),
        )
        self.many = nn.ModuleList([Block(4) for _ in range(3)])
        self.pair = nn.ModuleList([nn.ReLU(), nn.Tanh()])
"""
CLASSES = {"": "m.Net", "body": "torch.nn.Sequential", "body.0": "torch.nn.Conv2d", "body.1": "m.Block",
           "many": "torch.nn.ModuleList", "many.2": "m.Block", "pair": "torch.nn.ModuleList"}  # fmt: skip


@pytest.mark.parametrize(
    "path,line,text",
    [
        ("body.0", 10, "nn.Conv2d(3, 4, 1)"),
        ("body.1", 11, "Block(4)"),
        ("body.1.conv", 5, "nn.Conv2d(c, c, 3)"),
        ("conv", 5, "nn.Conv2d(c, c, 3)"),
        ("many.2.conv", 5, "nn.Conv2d(c, c, 3)"),
        ("pair.1", 14, "nn.Tanh()"),
        ("many.2", 13, "nn.ModuleList([Block(4) for _ in range(3)])"),
        ("none", 0, ""),
    ],
)
def test_a_path_leads_to_its_call(path: str, line: int, text: str) -> None:
    place = Locator(Document(MODEL.encode()), CLASSES).place(path)
    assert (place.line, place.text) == (line, text) if place and line else place is None


# Losses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "port,holds",
    [
        ((1.0, 0.9, 0.8), True),
        ((1.0 + 4e-7, 0.9, 0.8), True),
        ((1.0, 0.9, 0.81), False),
        ((1.0, 0.9001, 0.8), False),
    ],
)
def test_losses_may_differ_by_the_sources_own_rounding_so_far(port: tuple[float, ...], holds: bool) -> None:
    curve = Curve("sgd", (1.0 + 1e-7, 0.9, 0.8), port, (1.0, 0.9, 0.8))
    assert curve.holds is holds


# In the frameworks ---------------------------------------------------------------------------------------

# What the port says, what it says instead, and the layer that is off; or the tensor that has no place.
MISTAKES = {
    "dcgan-generator": [
        (
            "nn.Conv2dTranspose(ngf * 2, ngf, 4, 2, 'pad', 1)",
            "nn.Conv2dTranspose(ngf * 2, ngf, 4, 2, 'pad', (0, 2, 1, 1))",
            "main.9",
        ),
        ("nn.BatchNorm2d(ngf * 4)", "nn.BatchNorm2d(ngf * 4, eps=0.1)", "main.4"),
        ("TorchTanh(),", "nn.Sigmoid(),", "main.13"),
    ],
    "cyclegan-generator": [
        (
            "kernel_size=3, stride=2, pad_mode='pad', padding=1",
            "kernel_size=3, stride=2, pad_mode='pad', padding=(0, 1, 0, 1)",
            "model.4",
        ),
        (
            "kernel_size=7, pad_mode='valid', padding=0, has_bias=True)]",
            "kernel_size=7, pad_mode='valid', padding=0, has_bias=False)]",
            "model.20.bias",
        ),
        ("int(ngf * mult / 2), affine=True)", "int(ngf * mult / 2), affine=True, eps=0.1)", "model.14"),
    ],
    "unet-generator": [
        (
            "stride=2, pad_mode='pad', padding=1, has_bias=not norm)",
            "stride=2, pad_mode='pad', padding=(0, 2, 1, 1), has_bias=not norm)",
            "inc.conv",
        ),
        (
            "nn.Conv2d(channels, channels, 1, pad_mode='valid', has_bias=True)",
            "nn.Conv2d(channels, channels, 1, pad_mode='valid')",
            "attention.value.bias",
        ),
        ("align_corners=False),", "align_corners=True),", "outc.0"),
    ],
    "unet3d": [
        (
            "(3, 3, 3), pad_mode='pad', padding=1)",
            "(3, 3, 3), pad_mode='pad', padding=(0, 2, 1, 1, 1, 1))",
            "enc1.step2",
        ),
        ("kernel_size=1, pad_mode='valid', has_bias=True)", "kernel_size=1, pad_mode='valid')", "head.bias"),
        ("TorchGroupNorm(groups, out_channels)", "TorchGroupNorm(1, out_channels)", "enc1.norm1"),
    ],
    "vae": [
        ("3, 2, 'pad', (1, 0, 1, 0), has_bias=True)", "3, 2, 'pad', (0, 1, 0, 1), has_bias=True)", "final.0"),
        (
            "nn.Dense(latent_dim, hidden[-1] * self.start**2)",
            "nn.Dense(latent_dim, hidden[-1] * self.start**2, has_bias=False)",
            "decoder_input.bias",
        ),
        ("TorchLayerNorm(flat)", "TorchLayerNorm(flat, eps=0.1)", "encoder.norm"),
    ],
    "vocoder-generator": [
        (
            "dilation=1, pad_mode='pad', padding=get_padding(kernel_size, 1)",
            "dilation=2, pad_mode='pad', padding=get_padding(kernel_size, 2)",
            "resblocks.0.convs2.0",
        ),
        (
            "nn.Conv1d(width, 1, 7, 1, pad_mode='pad', padding=3, has_bias=True)",
            "nn.Conv1d(width, 1, 7, 1, pad_mode='pad', padding=3)",
            "conv_post.bias",
        ),
    ],
    "vocoder-discriminator": [
        ("41, 2, group=4", "41, 2, group=2, dilation=1", "convs.1.weight"),
        (
            "nn.Conv1d(width * 4, width * 4, 5, 1, pad_mode='pad', padding=2",
            "nn.Conv1d(width * 4, width * 4, 5, 1, pad_mode='pad', padding=4, dilation=2",
            "convs.3",
        ),
    ],
}


def mistakes() -> list[tuple[str, str, str, str]]:
    return [(name, *row) for name, rows in MISTAKES.items() for row in rows]


@pytest.mark.frameworks
@pytest.mark.parametrize("name,right,wrong,path", mistakes())
def test_a_planted_mistake_is_found_at_its_layer(
    name: str, right: str, wrong: str, path: str, tmp_path: Path, pool: Workers
) -> None:
    port = port_file(Request("mindspore", "torch"), CASES[name].file)
    assert port is not None and port.after.count(right) == 1, f"{right} is no longer in the port once"
    by_hand = tmp_path / "by_hand.py"
    by_hand.write_text(port.after.replace(right, wrong))
    verdict = verify(replace(CASES[name], ported=by_hand), "mindspore", pool, load(), seeds=1)
    assert not verdict.holds
    if verdict.problem:
        assert f"weights don't match: {path} " in verdict.problem
        return
    assert verdict.walk is not None and verdict.walk.first is not None
    assert verdict.walk.first.path == path and verdict.walk.first.own, text_of(verdict)
    assert f"the first layer that is off is {path} (" in text_of(verdict)
    assert verdict.walk.source_place and verdict.walk.target_place and verdict.walk.target_place.line
    if "Conv" in verdict.walk.first.source_class:
        # The third witness holds each framework to the input that it had.
        assert "NumPy core: torch agrees" in str(verdict.walk), str(verdict.walk)
        assert "mindspore is off" in str(verdict.walk) or "mindspore has the shape" in str(verdict.walk)


class Page(html.parser.HTMLParser):
    """Reads a page: its tags must close as they open."""

    VOID = {"meta", "br", "rect", "link"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        assert not any(name in ("src", "href") for name, _ in attrs), "the page loads something"

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.frameworks
def test_a_difference_outside_of_layers_and_the_page(tmp_path: Path, pool: Workers) -> None:
    file, by_hand, page = tmp_path / "m.py", tmp_path / "by_hand.py", tmp_path / "r.html"
    file.write_text(
        "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = nn.Conv2d(2, 2, 1)\n        self.b = nn.Conv2d(2, 2, 1)\n"
        "    def forward(self, x):\n        return self.b(self.a(x) * 2)\n"
    )
    port = port_file(Request("mindspore", "torch"), file)
    assert port is not None
    by_hand.write_text(port.after.replace("* 2)", "* 3)"))
    case = Case("<m>", file, "Net()", ("2x2x4x4",), by_hand)
    verdict = verify(case, "mindspore", pool, load(), seeds=1)
    assert verdict.walk is not None and verdict.walk.first is not None and not verdict.walk.first.own
    assert "what b (Conv2d) takes is off already" in text_of(verdict)
    page.write_text(page_of([verdict]))
    reader = Page()
    reader.feed(page.read_text())
    words = "".join(reader.words)
    assert not reader.open and "<m>" in words and "不等价" in words and "* 3" in words


@pytest.mark.frameworks
def test_a_package_is_verified_with_its_relative_imports(tmp_path: Path, pool: Workers, capsys: Any) -> None:
    folder = tmp_path / "nets" / "parts"
    folder.mkdir(parents=True)
    (tmp_path / "nets" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("from .base import Base\n")
    (folder / "base.py").write_text(
        "import torch.nn as nn\nclass Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.norm = nn.LayerNorm(4)\n    def forward(self, x):\n        return self.norm(x)\n"
    )
    (tmp_path / "nets" / "model.py").write_text(
        "import torch.nn as nn\nfrom .parts import Base\nclass Net(Base):\n    def __init__(self):\n"
        "        super().__init__()\n        self.fc = nn.Linear(4, 3)\n"
        "    def forward(self, x):\n        return self.fc(super().forward(x))\n"
    )
    case = Case("package", tmp_path / "nets" / "model.py", "Net()", ("2x4",))
    for target in ("mindspore", "megengine"):
        verdict = verify(case, target, pool, load(), seeds=2)
        assert verdict.holds, text_of(verdict)


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_trained_weights_and_training(target: str, tmp_path: Path, pool: Workers) -> None:
    case = CASES["dcgan-discriminator"]
    model = pool["torch"].ask("load", path=str(case.file), entry=case.entry)["model"]
    stream = np.random.RandomState(1)
    state = pool["torch"].ask("get_state", model=model)
    state = {
        k: v + 0.02 * stream.rand(*v.shape).astype(v.dtype) if v.dtype.kind == "f" else v
        for k, v in state.items()
    }
    np.savez(tmp_path / "d.npz", **state)
    trained = replace(case, weights=tmp_path / "d.npz")
    verdict = verify(trained, target, pool, load(), seeds=2)
    assert verdict.holds, text_of(verdict)
    for curve in train(trained, target, pool, load(), 20, 0):
        assert curve.holds and len(curve.port) == 20 and curve.source[0] != curve.source[-1], curve
    state.pop(next(iter(state)))
    np.savez(tmp_path / "d.npz", **state)
    assert "is not in the file" in verify(trained, target, pool, load(), seeds=1).problem


@pytest.mark.frameworks
def test_the_command_writes_json_and_a_page(tmp_path: Path, capsys: Any) -> None:
    case = CASES["dcgan-discriminator"]
    arguments = [
        "verify",
        str(case.file),
        "--to",
        "mindspore",
        "--entry",
        case.entry,
        "--input",
        *case.inputs,
    ]
    options = [
        "--seeds",
        "1",
        "--steps",
        "2",
        "--json",
        str(tmp_path / "v.json"),
        "--report",
        str(tmp_path / "r.html"),
    ]
    assert main([*arguments, *options]) == 0
    assert re.search(r"adam +2 steps, worst", capsys.readouterr().out)
    assert json.loads((tmp_path / "v.json").read_text())[0]["training"][0]["optimizer"] == "sgd"
    assert "</html>" in (tmp_path / "r.html").read_text()


LISTS = """import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        for _ in range(2):
            self.downs.append(nn.Linear(3, 3))
            self.ups.append(nn.Linear(3, 3))

    def forward(self, x):
        for layer in [*self.downs, *self.ups]:
            x = layer(x)
        return x
"""


@pytest.mark.frameworks
def test_parameters_of_appended_cells_have_names_of_their_own(tmp_path: Path, pool: Workers) -> None:
    # MindSpore gave both lists' cells the names 0.weight: training was refused and checkpoints lost half.
    (tmp_path / "m.py").write_text(LISTS)
    port = port_file(Request("mindspore", "torch"), tmp_path / "m.py")
    assert port is not None and port.after.count("self.update_parameters_name()\n") == 1
    case = Case("lists", tmp_path / "m.py", "Net()", ("2x3",))
    assert all(curve.holds for curve in train(case, "mindspore", pool, load(), 2, 0))
    state = {n: np.ones((3, 3) if n.endswith("weight") else 3, np.float32) * i
             for i, n in enumerate(f"{a}.{b}.{c}" for a in ("downs", "ups") for b in "01" for c in ("weight", "bias"))}  # fmt: skip
    np.savez(tmp_path / "w.npz", **state)
    arguments = [
        "weights",
        str(tmp_path / "m.py"),
        str(tmp_path / "w.npz"),
        "--entry",
        "Net()",
        "--to",
        "mindspore",
    ]
    assert main([*arguments, "-o", str(tmp_path / "w.ckpt")]) == 0


PARTLY = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
    def forward(self, x):
        return self.norm(x)
    def load(self, state):
        self.load_state_dict(state)
    def forward_of_another(self, x):
        return {call}
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_what_is_not_ported_counts_only_where_it_runs(target: str, tmp_path: Path, pool: Workers) -> None:
    file = tmp_path / "m.py"
    file.write_text(PARTLY.format(call="x"))
    verdict = verify(Case("partly", file, "Net()", ("2x3x4x4",)), target, pool, load(), seeds=1)
    assert verdict.holds and len(verdict.unported) == 1, text_of(verdict)
    assert "not ported: " in text_of(verdict) and "load_state_dict" in text_of(verdict)
    assert "load_state_dict" in page_of([verdict])
    call = "nn.functional.no_such_function(x)"
    file.write_text(PARTLY.format(call=call))  # torch is imported for it where it is called
    verdict = verify(Case("partly", file, "Net()", ("2x3x4x4",)), target, pool, load(), seeds=1)
    assert verdict.holds and len(verdict.unported) == 2 and "no_such_function" in text_of(verdict)
    for text in (
        PARTLY.format(call="x").replace("return self.norm(x)", "return nn.functional.rrelu(x)"),
        PARTLY.format(call="x") + "    kept = nn.RReLU\n",  # importing the file needs it
    ):
        file.write_text(text)
        verdict = verify(Case("partly", file, "Net()", ("2x3x4x4",)), target, pool, load(), seeds=1)
        assert not verdict.holds and "No module named 'torch'" in verdict.problem, text_of(verdict)


SHORT_NAMES = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self, norm=nn.BatchNorm2d):
        super().__init__()
        self.bn = norm(3)
        for m in self.modules():
            if isinstance(m, Net) and m.bn.weight is not None:
                nn.init.constant_(m.bn.weight, 0.5)
                nn.init.constant_(m.bn.bias, 0.25)
    def forward(self, x):
        return self.bn(x)
"""


@pytest.mark.frameworks
def test_a_norm_that_is_passed_on_has_torchs_names(tmp_path: Path, pool: Workers) -> None:
    """ResNet fills ``m.bn3.weight`` of a class that it is given."""
    (tmp_path / "m.py").write_text(SHORT_NAMES)
    case = Case("norm", tmp_path / "m.py", "Net()", ("2x3x4x4",))
    verdict = verify(case, "mindspore", pool, load(), seeds=1)
    assert verdict.holds, text_of(verdict)


SIZES = """import math
import torch.nn as nn
class Net(nn.Module):
    def __init__(self, width=4, pad=None):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=pad or "same")
        self.up = nn.ConvTranspose2d(width, 3, 3, padding=1, output_padding=1, stride=2, dilation=2)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.constant_(m.weight, 1 / (m.kernel_size[0] * m.kernel_size[1] * m.out_channels + m.in_channels))
    def forward(self, x):
        return self.up(self.conv(x))
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_the_sizes_of_a_convolution_are_told(target: str, tmp_path: Path, pool: Workers) -> None:
    """RegNet counts fans by them; the shims of MegEngine had none."""
    (tmp_path / "m.py").write_text(SIZES)
    verdict = verify(Case("sizes", tmp_path / "m.py", "Net()", ("2x3x6x6",)), target, pool, load(), seeds=1)
    assert verdict.holds, text_of(verdict)


GROWN = """import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        y = torch.exp(0.1 * x)
        return y * y * y, self.conv(x)
"""


@pytest.mark.frameworks
@pytest.mark.parametrize("written,word", [("ops.exp(", "recorded"), ("1.0001 * ops.exp(", "DOES NOT HOLD")])
def test_recorded_errors_are_followed_through_the_model(
    written: str, word: str, tmp_path: Path, pool: Workers
) -> None:
    # MindSpore's exp is 5e-6 off, relative: more than rounding, and less than a mistake of 1e-4.
    source, port = tmp_path / "m.py", tmp_path / "by_hand.py"
    source.write_text(GROWN)
    ported = port_file(Request("mindspore"), source)
    assert ported is not None and ported.after.count("ops.exp(") == 1
    port.write_text(ported.after.replace("ops.exp(", written))
    case = Case("grown", source, "Net()", ("2x3x8x8",), port)
    verdict = verify(case, "mindspore", pool, load(), seeds=4)
    assert not verdict.holds and word in text_of(verdict)
    assert verdict.known is (word == "recorded")
    assert ("exp, and with it" in page_of([verdict])) is verdict.known


DEEP = (
    "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.layers = nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())"
    " for _ in range(3)])\n    def forward(self, x):\n        return self.layers(x)\n"
)


@pytest.mark.frameworks
@pytest.mark.parametrize("written,right", [("M.BatchNorm2d(4)", True), ("M.BatchNorm2d(4, eps=1e-3)", False)])
def test_an_error_of_whole_channels_hides_no_mistake(
    written: str, right: bool, tmp_path: Path, pool: Workers
) -> None:
    # MegEngine's batch statistics are off for a channel at once, and more so the more values it has.
    source, port = tmp_path / "m.py", tmp_path / "by_hand.py"
    source.write_text(DEEP)
    ported = port_file(Request("megengine"), source)
    assert ported is not None and ported.after.count("M.BatchNorm2d(4)") == 1
    port.write_text(ported.after.replace("M.BatchNorm2d(4)", written))
    verdict = verify(Case("deep", source, "Net()", ("2x4x96x96",), port), "megengine", pool, load(), seeds=1)
    assert (verdict.holds or verdict.known) is right, text_of(verdict)
