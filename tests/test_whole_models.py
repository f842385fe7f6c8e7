"""Whole files in the idioms people use, run in the real frameworks: ported without a finding, and equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from convmap.inputs import Case
from convmap.porting import Request, port_file
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

pytestmark = pytest.mark.frameworks
SOURCES = Path(__file__).parent / "sources"
# file: input, and what stays to be said about it
MODELS = {
    "torch_passed_classes.py": ("2x4x8x8", set()),
    "torch_buffers.py": ("2x8x6", set()),
    "torch_in_place.py": ("2x4x8x8", set()),
    "torch_sequence.py": ("2x4x6", set()),
}


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("name", MODELS)
def test_model(name: str, target: str, pool: Workers) -> None:
    spec, findings = MODELS[name]
    port = port_file(Request(target, "torch"), SOURCES / name)
    assert port is not None and not port.counts["refused"]
    assert {d.code for d in port.diagnostics if d.severity != "note"} == findings
    verdict = verify(Case(name, SOURCES / name, "Net()", (spec,)), target, pool, load(), seeds=4)
    assert verdict.holds and verdict.comparisons, text_of(verdict)
