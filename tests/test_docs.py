"""The site: what its pages say, that its links lead somewhere, and that a browser can use it."""

from __future__ import annotations

import functools
import http.server
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convmap import coverage
from convmap.backends import environments
from convmap.cli import main
from convmap.diagnostics import codes
from convmap.docs import pages, site
from convmap.docs.facts import pairs
from convmap.docs.pictures import errors, full_output
from convmap.docs.words import LANGUAGES, Words, _table
from convmap.errors import ConvmapError
from convmap.examples import examples
from convmap.rules import load


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("docs") / "site"
    counts = site.build(output, lambda line: None)
    assert counts["pages"] > 2000 and counts["links"] > 10000
    return output


def transposed(api: str, target: str) -> Any:
    rules = load()
    found = pairs(rules, "conv_transpose", rules.framework("torch"), rules.framework(target))
    return next(pair for pair in found if pair.mine.api == api)


def test_both_languages_have_all_words() -> None:
    english, chinese = (_table()[language] for language in LANGUAGES)
    assert set(chinese) - {"pages", "operators"} == set(english)
    assert set(chinese["pages"]) | {"CM101"} == set(codes())
    assert set(chinese["operators"]) <= set(load().operators)


@pytest.mark.parametrize(
    "parameter,other,differences",
    [
        ("in_channels", "in_channels", []),
        ("groups", "group", ["renamed", "position"]),
        ("bias", "has_bias", ["renamed", "default", "position"]),
        ("output_padding", "pad_mode, padding", ["renamed", "adapter_symmetric_crop", "adapter_sides_crop"]),
        ("padding_mode", "", ["only_default"]),
    ],
)
def test_parameters(parameter: str, other: str, differences: list[str]) -> None:
    pair = transposed("torch.nn.ConvTranspose2d", "mindspore")
    row = next(row for row in pair.rows if row.name == parameter)
    assert (row.other, [key for key, _ in row.differences]) == (other, differences)


def test_a_parameter_in_another_place_is_said() -> None:
    pair = transposed("torch.nn.ConvTranspose2d", "megengine")
    row = next(row for row in pair.rows if row.name == "groups")
    assert row.differences == (("position", ("7", "8")),)


def test_the_pictures_values() -> None:
    assert full_output(np.array([1.0, 2, 3]), np.array([1.0, 10, 100]), 2).tolist() == [
        1,
        10,
        102,
        20,
        203,
        30,
        300,
    ]
    image, share = errors(size=5)
    assert share == pytest.approx(19 / 100) and image.count("<rect") == 100  # the last row and column


def test_a_page_has_what_the_official_ones_have(built: Path) -> None:
    text = (built / "en" / "torch-mindspore" / "conv_transpose.html").read_text()
    for part in (
        "Signatures",
        "Output size",
        "Initialisation",
        "Weights",
        "Measured divergences",
        "of the bound",
    ):
        assert part in text, part
    assert "output_padding" in text and "i o 1 k" in text
    assert "转置卷积" in (built / "zh" / "torch-megengine" / "conv_transpose.html").read_text()


@pytest.mark.parametrize(
    "source,target,call,port",
    [
        ("torch", "mindspore", "torch.cat((x, y))", "ops.cat((x, y))"),
        ("mindspore", "torch", "ops.cat((x, y))", "torch.cat((x, y))"),
        ("megengine", "torch", "F.concat((x, y))", "torch.cat((x, y))"),
    ],
)
def test_examples_stand_in_their_own_framework(source: str, target: str, call: str, port: str) -> None:
    rules = load()
    evidence = {(source, target): coverage.read_evidence(target, source)}
    frameworks = (rules.framework(source), rules.framework(target))
    text = pages.operator_page(rules, "cat", *frameworks, Words("en"), evidence)
    assert f"| `{call}` | `{port}` |" in text


def test_what_was_not_run_is_not_proven() -> None:
    for row in coverage.table("mindspore"):
        assert row.cases or row.status not in coverage.PROVEN, row.api


@pytest.mark.parametrize("more", [[], ["--record"]])
def test_a_pattern_that_fits_nothing_is_said(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", "--to", "mindspore", "--api", "torch.nothing", *more]) == 2
    assert "like 'torch.nothing'" in capsys.readouterr().err


def test_every_pair_has_pages(built: Path) -> None:
    there = {path.name for path in (built / "en").iterdir() if "-" in path.name}
    assert len(there) == 6


def test_the_command_line_is_the_parsers_own() -> None:
    text = pages.cli_page(Words("en"))
    assert "## convmap rules new" in text and "--output-padding {exact,documented}" in text


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#x">b</a><a href="https://elsewhere/">c</a>')
    with pytest.raises(ConvmapError, match="'b.html#x' leads nowhere"):
        site.check_links(tmp_path)
    (tmp_path / "b.html").write_text("")
    assert site.check_links(tmp_path) == 1


def test_an_example_that_does_not_hold_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = coverage.read_evidence("mindspore")
    recorded["examples"]["nn.ReLU()"]["verdict"] = "differs"
    read = coverage.read_evidence
    monkeypatch.setattr(
        coverage, "read_evidence", lambda t, s="torch": recorded if t == "mindspore" else read(t, s)
    )
    with pytest.raises(ConvmapError, match=r"'nn.ReLU\(\)' does not hold"):
        site.build(tmp_path)


def test_a_record_of_another_port_is_a_draft(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = coverage.read_evidence("mindspore")
    recorded["examples"]["torch.sin(x)"]["digest"] = "0" * 12
    monkeypatch.setattr(coverage, "read_evidence", lambda target, source: recorded)
    row = next(row for row in coverage.table("mindspore") if row.api == "torch.sin")
    assert row.status == "draft" and row.problems == ["torch.sin(x)"]


def _commands(language: str) -> list[str]:
    guide = Path(site.__file__).parent / "guides" / language / "tutorial.md"
    blocks = re.findall(r"(?ms)^```\n(.*?)^```$", guide.read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.frameworks
def test_examples_that_run_otherwise_than_recorded_stop_the_build() -> None:
    chosen = [e for e in examples() if e.name in ("nn.ReLU()", "nn.ReLU(inplace=True)", "nn.Sigmoid()")]
    recorded = coverage.read_evidence("mindspore")
    made = site.run_again("torch", "mindspore", recorded, chosen)["examples"]
    assert {name: row["verdict"] for name, row in made.items()} == {
        "nn.ReLU()": "holds",
        "nn.ReLU(inplace=True)": "refused",
        "nn.Sigmoid()": "known",
    }
    recorded["examples"]["nn.ReLU()"]["verdict"] = "differs"
    with pytest.raises(ConvmapError, match=r"nn.ReLU\(\): holds, recorded as differs"):
        site.run_again("torch", "mindspore", recorded, chosen)


@pytest.mark.frameworks
def test_the_tutorials_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = _commands("en")
    examples = Path(__file__).parent.parent / "examples"
    (tmp_path / "examples").mkdir()
    shutil.copy(examples / "dcgan.py", tmp_path / "examples")
    torch = next(e.interpreter for e in environments.discover() if e.framework == "torch")
    make = (
        "import sys, torch; sys.path.insert(0, 'examples'); from dcgan import Generator;"
        " torch.save(Generator(100, 4).state_dict(), 'generator.pth')"
    )
    subprocess.run([str(torch), "-c", make], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    narrow = [command.replace("Generator(100)", "Generator(100, 4)") for command in commands]  # not for hours
    run = [shlex.split(command)[1:] for command in narrow if "backends install" not in command]
    assert len(run) == 4
    assert commands == _commands("zh")
    for arguments in run:
        assert main(arguments) == 0, arguments
    assert {"generator.ckpt", "report.html"} <= {path.name for path in tmp_path.iterdir()}


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def address(built: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: the site is not opened in a browser")
def test_in_a_browser(address: str) -> None:
    from playwright.sync_api import sync_playwright

    problems: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        for language, word in (("en", "ConvTranspose2d"), ("zh", "ConvTranspose2d"), ("zh", "转置卷积")):
            page.goto(f"{address}/{language}/index.html")
            page.fill("input.md-search__input", word)
            page.wait_for_selector(".md-search-result__article h1", timeout=20000)
            titles = page.locator(".md-search-result__article h1").all_inner_texts()
            assert any("ConvTranspose2d" in title for title in titles), titles
        page.goto(f"{address}/en/torch-mindspore/conv_transpose.html")
        page.click("#convmap-language")
        page.wait_for_url("**/zh/torch-mindspore/conv_transpose.html")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for name in (
                "en/index",
                "zh/matrix",
                "en/torch-mindspore/conv_transpose",
                "en/cli",
                "zh/pictures",
            ):
                page.goto(f"{address}/{name}.html")
                wide = page.evaluate(
                    "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                )
                assert not wide, (name, width)
        browser.close()
    assert not problems
