"""The examples port without a hand edit and hold in the real frameworks, forward and backward."""

from __future__ import annotations

from pathlib import Path

import pytest

from convmap import verify
from convmap.inputs import read_manifest
from convmap.rules import load
from convmap.verdicts import text_of

MANIFEST = Path(__file__).parent.parent / "examples" / "models.toml"
CASES = {case.name: case for case in read_manifest(MANIFEST)}
pytestmark = pytest.mark.frameworks


# The loss's gradients all have one sign, and both targets sum the gradient of a batch norm's bias one
# by one where torch sums pairwise; a convolution's bias before one has no gradient but rounding.
# Measured: at most 2.7 of the bound.
SUMMED = "vae-loss"


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("name", [n for n in CASES if n != SUMMED])
def test_holds(name: str, target: str, pool: verify.Workers) -> None:
    verdict = verify.verify(CASES[name], target, pool, load())
    assert verdict.holds, text_of(verdict)
    kinds = {c.kind for _, c in verdict.comparisons}
    assert {"forward", "input gradient", "weight gradient"} <= kinds
    assert {m for m, _ in verdict.comparisons} == {"eval", "train"}


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_loss_holds_but_for_summed_gradients(target: str, pool: verify.Workers) -> None:
    verdict = verify.verify(CASES[SUMMED], target, pool, load())
    assert not verdict.problem and verdict.comparisons
    for _, comparison in verdict.comparisons:
        if not comparison.holds:
            assert comparison.kind == "weight gradient" and comparison.multiple < 4, comparison


FAULTS = {
    "padding": ("pad_mode='pad', padding=(1, 0, 1, 0)", "pad_mode='pad', padding=(0, 1, 0, 1)"),
    "documented output padding": ("padding=(1, 0, 1, 0)", "padding=1, output_padding=1"),
    "momentum": ("nn.BatchNorm2d(h_dim, momentum=0.95)", "nn.BatchNorm2d(h_dim, momentum=0.05)"),
    "slope": ("nn.LeakyReLU(alpha=0.01)", "nn.LeakyReLU()"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_found(fault: str, pool: verify.Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = FAULTS[fault]
    real = verify.port_document

    def broken(*args, **kwargs):  # type: ignore[no-untyped-def]
        port = real(*args, **kwargs)
        assert before.encode() in port.data, f"{before} is no longer in the port"
        port.data = port.data.replace(before.encode(), after.encode())
        return port

    monkeypatch.setattr(verify, "port_document", broken)
    verdict = verify.verify(CASES["vae"], "mindspore", pool, load(), seeds=1)
    assert not verdict.holds
    assert not verdict.problem and any(c.problem for _, c in verdict.comparisons)
