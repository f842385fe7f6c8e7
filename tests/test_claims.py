"""What MegEngine's page of mapped APIs says, run: the table, its record, and the page that lists what is off."""

from __future__ import annotations

from pathlib import Path

import pytest

from convmap import claims
from convmap.docs import pages
from convmap.docs.words import Words
from convmap.errors import ConvmapError, RuleError
from convmap.rules import load
from convmap.sides import workers

KNOWN = {
    ("torch.var", "f(x)"): "values",
    ("torch.split", "f(x, 3, 1)"): "shape",
    ("torch.transpose", "f(x, 1, 2)"): "raises",
    ("torch.nn.functional.avg_pool2d", "f(x, 3, 2, 1)"): "values",
    ("torch.nn.functional.avg_pool2d", "f(x, 2)"): "agrees",
    ("torch.sort", "f(x)[0]"): "agrees",
}


def test_facts_that_were_measured_before() -> None:
    """shared/FACTS.md names these as silent traps, and the others as equal."""
    found = {(o.api, o.call): o.verdict for o in claims.recorded()}
    assert {key: found[key] for key in KNOWN} == KNOWN


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_lists_each_call_that_is_off(language: str) -> None:
    page = pages.official_page(Words(language))
    off = [o for o in claims.recorded() if o.verdict != claims.AGREES]
    assert off and all(f"`{o.call}`" in page and f"`{o.other}`" in page for o in off)


def test_a_row_of_another_form_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mapped_megengine.toml").write_text('[inputs]\n[rows]\nfunction = [["torch.abs"]]\n')
    monkeypatch.setattr(claims, "rules_folder", lambda: tmp_path)
    with pytest.raises(RuleError, match="mapped_megengine.toml: function"):
        claims.claims()


def test_a_record_of_other_rows_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mapped_megengine.toml").write_text('[inputs]\n[rows]\nfunction = [["a", "b", "f(x)"]]\n')
    monkeypatch.setattr(claims, "rules_folder", lambda: tmp_path)
    with pytest.raises(ConvmapError, match="record them again"):
        claims.recorded()


@pytest.mark.frameworks
def test_calls_run_as_recorded() -> None:
    every = list(zip(claims.claims(), claims.recorded()))[::9]
    with workers() as pool:
        found = [(claim.name, claims.run(claim, pool, load()).verdict) for claim, _ in every]
    assert found == [(claim.name, outcome.verdict) for claim, outcome in every]
