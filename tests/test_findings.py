"""Findings: every code's page, what silences one, and the forms they are written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sarif_pydantic
from dialects import port_text
from pydantic import BaseModel

from convmap.cli import main
from convmap.diagnostics import Code, codes
from convmap.silence import by_comments

WITH_EXAMPLE = {code: page for code, page in codes().items() if page.example}


@pytest.mark.parametrize("code,page", WITH_EXAMPLE.items(), ids=WITH_EXAMPLE)
def test_the_example_of_a_code_gives_it(code: str, page: Code) -> None:
    port = port_text(page.example, page.source, page.target)
    found, _ = by_comments(port.diagnostics, port.before, "m.py")
    assert code in [d.code for d in found]


def test_codes_without_an_example_are_those_that_no_file_alone_can_give() -> None:
    assert set(codes()) - set(WITH_EXAMPLE) == {"CM106", "CM203", "CM900"}


REFUSED = "import torch\nx = torch.lobpcg(1){comment}\n"


@pytest.mark.parametrize(
    "comment,left",
    [
        ("", ["CM101"]),
        ("  # convmap: ignore[CM101]", []),
        ("  # convmap: ignore[CM202, CM101]", []),
        ("  # convmap: ignore", []),
        ("  # convmap: ignore[CM202]", ["CM101", "CM302"]),
    ],
)
def test_ignore_comments(comment: str, left: list[str], tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "m.py").write_text(REFUSED.format(comment=comment))
    status = main(["port", str(tmp_path / "m.py"), "--to", "mindspore", "--check", "--format", "json"])
    found = json.loads(capsys.readouterr().out)["files"][0]["diagnostics"]
    assert sorted(d["code"] for d in found if d["code"] != "CM301") == left
    assert status == (1 if "CM101" in left else 0)


def test_a_baseline_knows_a_line_wherever_it_moves_and_no_second_one(tmp_path: Path, capsys: Any) -> None:
    file, known = tmp_path / "m.py", tmp_path / "known.json"
    file.write_text(REFUSED.format(comment=""))
    common = ["port", str(file), "--to", "mindspore", "--check"]
    assert main([*common, "--write-baseline", str(known)]) == 1
    file.write_text("# moved down\n" + REFUSED.format(comment=""))
    assert main([*common, "--baseline", str(known)]) == 0
    assert "1 finding(s) silenced by the baseline" in capsys.readouterr().out
    file.write_text(REFUSED.format(comment="") + "x = torch.lobpcg(1)\n")
    assert main([*common, "--baseline", str(known)]) == 1
    known.write_text("[]")
    assert main([*common, "--baseline", str(known)]) == 2
    assert "not a baseline" in capsys.readouterr().err


def unknown_fields(model: BaseModel) -> list[str]:
    """Name what SARIF's object model has no field for, at any depth."""
    found = list(model.model_extra or {})
    for name in type(model).model_fields:
        value = getattr(model, name)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, BaseModel):
                found += unknown_fields(inner)
    return [f for f in found if f != "$schema"]


def test_sarif(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "m.py").write_text("# \xe9\n" + REFUSED.format(comment=""))
    (tmp_path / "bad.py").write_text("import torch\ndef f(:\n")
    assert main(["port", str(tmp_path), "--to", "mindspore", "--check", "--format", "sarif"]) == 2
    text = capsys.readouterr().out
    parsed = sarif_pydantic.Sarif.model_validate_json(text)
    # In SARIF 2.1.0 (3.14.27, 3.20.21), but not in the library's model of it.
    assert unknown_fields(parsed) == ["columnKind", "toolExecutionNotifications"]
    run = json.loads(text)["runs"][0]
    (error,) = [r for r in run["results"] if r["ruleId"] == "CM101"]
    assert run["tool"]["driver"]["rules"][error["ruleIndex"]]["id"] == "CM101"
    assert error["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 3,
        "startColumn": 5,
        "endLine": 3,
        "endColumn": 20,
    }
    assert not run["invocations"][0]["executionSuccessful"]


def test_statistics_count_codes_and_refused_apis(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "m.py").write_text("import torch\nx = torch.lobpcg(1)\ny = torch.lobpcg(2)\n")
    main(["port", str(tmp_path / "m.py"), "--to", "mindspore", "--check", "--statistics", "-q"])
    out = capsys.readouterr().out
    assert "     2  CM101  this API" in out and "     2  refused  torch.lobpcg" in out


@pytest.mark.parametrize(
    "name,words",
    [
        ("CM202", ["no call of the target is provably the same", "Example:"]),
        ("cm202", ["CM202"]),
        (
            "torch.nn.ConvTranspose2d",
            [
                "-> mindspore 2.10.0, call: mindspore.nn.Conv2dTranspose",
                "groups -> group: renamed; position 7 → 9",
                "quirk",
            ],
        ),
        (
            "mindspore.nn.BatchNorm2d",
            ["torch.nn.BatchNorm2d", "momentum -> momentum: default 0.9 → 0.1; one minus the value"],
        ),
        ("torch.optim.Adam", ["is not ported", "What to do: write the training loop in the target"]),
    ],
)
def test_explain(name: str, words: list[str], capsys: Any) -> None:
    assert main(["explain", name]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in words), out


@pytest.mark.parametrize("name,near", [("torch.nn.Conv2D", "torch.nn.Conv2d"), ("CM999", "no code")])
def test_explain_of_nothing_names_what_is_near(name: str, near: str, capsys: Any) -> None:
    assert main(["explain", name]) == 2
    assert near in capsys.readouterr().err
