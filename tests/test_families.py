"""Small models of well-known families, in the idioms they are written in: ported whole, and equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from convmap.inputs import Case
from convmap.porting import Request, port_file
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

FILE = Path(__file__).parent / "sources" / "torch_families.py"
MODELS = {
    "MobileNet()": ["2x3x16x16"],
    "Shuffle()": ["2x8x6x6"],
    "CBAM()": ["2x8x8x8"],
    "LayerNorm2d(8)": ["2x8x4x4"],
    "ConvNeXtBlock()": ["2x8x8x8"],
    "ViT()": ["2x3x16x16"],
    "Swin()": ["2x8x8x8"],
    "DenseNet()": ["2x3x8x8"],
    "Bottle2neck()": ["2x8x6x6"],
    "ASPP()": ["2x4x8x8"],
    "FPN()": ["2x3x8x8"],
    "TimeUNet()": ["2x3x8x8", "2"],
    "CRNN()": ["2x1x8x12"],
    "VectorQuantizer()": ["2x3x4x4"],
}
# What does not hold, and what is said of it; a change for the better shows here.
KNOWN = {
    ("CRNN()", "mindspore"): "known: exp, and with it sigmoid, elu, softplus, glu, log_softmax",
    ("MobileNet()", "megengine"): "a weight of 5 axes is a grouped or a 3-d one here: its fans can't be told",
}


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_the_file_is_ported_without_a_finding(target: str) -> None:
    port = port_file(Request(target, "torch"), FILE)
    assert port is not None and not port.needs_review, port.diagnostics


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("entry", MODELS)
def test_model(entry: str, target: str, pool: Workers) -> None:
    verdict = verify(Case(entry, FILE, entry, tuple(MODELS[entry])), target, pool, load(), seeds=2)
    known = KNOWN.get((entry, target))
    assert verdict.holds is (known is None) and (known or "") in text_of(verdict), text_of(verdict)
