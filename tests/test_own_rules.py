"""Rules of a user's own: examples/rules, which CONTRIBUTING.md explains."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convmap import folders
from convmap.cli import main
from convmap.rules import load
from convmap.stubs import stub

RULES = Path(__file__).parent.parent / "examples" / "rules"
MODEL = (
    "import torch.nn as nn\nfrom my_layers import Scale\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.scale = Scale(8, start=0.5)\n        self.act = nn.Softsign()\n"
)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(folders.VARIABLE, "")
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def ported(model: Path, target: str) -> str:
    main(["port", str(model), "--to", target, "--rules", str(RULES), "-q"])
    return model.with_name(f"model_{target}.py").read_text()


def test_another_library(model: Path) -> None:
    text = ported(model, "mindspore")
    assert "self.scale = my_layers_ms.Scale(8, init_value=0.5)" in text
    assert "import my_layers_ms" in text and "from my_layers" not in text
    assert "self.act = nn.Softsign()" in text


def test_what_a_target_lacks_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ported(model, "megengine")
    assert "from my_layers import Scale" in text and "self.scale = Scale(8, start=0.5)" in text
    assert "CM202" in capsys.readouterr().out
    assert "class Softsign(M.Module):" in text


def test_without_them_nothing_is_known(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["port", str(model), "--to", "mindspore", "--check"]) == 1
    assert "torch.nn.Softsign is not in the rules" in capsys.readouterr().out


def test_check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.VARIABLE, "")
    assert main(["rules", "check", str(RULES)]) == 0
    said = "2 operators, bindings: 1 of megengine, 2 of mindspore, 2 of torch"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "file,old,new,said",
    [
        ("torch/softsign.toml", 'op = "softsign"', 'op = "softsing"', "no operator 'softsing'; softsign?"),
        (
            "torch/softsign.toml",
            "signature =",
            "signatur =",
            "unknown key 'signatur'; did you mean 'signature'",
        ),
        ("megengine/softsign.toml", '"Softsign"', '"SoftSign"', "no shim of this name"),
        ("torch/softsign.toml", "[[binding]]", "[[binding]", "softsign.toml: "),
    ],
)
def test_a_wrong_file_is_named(
    file: str, old: str, new: str, said: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(folders.VARIABLE, "")
    for path in RULES.rglob("*.*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(RULES)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())
    wrong = tmp_path / file
    wrong.write_text(wrong.read_text().replace(old, new, 1))
    assert main(["rules", "check", str(tmp_path)]) in (1, 2)
    out = "".join(capsys.readouterr())
    assert said in out and wrong.name in out


def test_a_folder_that_is_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.VARIABLE, "")
    assert main(["port", "x.py", "--to", "mindspore", "--rules", "nowhere"]) == 2
    assert "nowhere: no folder of rules" in capsys.readouterr().err


def test_a_stub_is_a_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = load()
    targets = [rules.framework("mindspore"), rules.framework("megengine")]
    signature = "size, *, scale=1.0, device=None, out=None"
    made = stub("torch.nn.NewLayer", "layer", signature, rules.framework("torch"), targets)
    for name, text in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv(folders.VARIABLE, str(tmp_path))
    (binding,) = load().framework("torch").by_api["torch.nn.NewLayer"]
    assert [p.name for p in binding.params] == ["size", "scale", "device"]
    assert [s.name for s in binding.operator.slots] == ["size", "scale"]


@pytest.mark.frameworks
def test_new_asks_the_framework(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.VARIABLE, "")
    assert main(["rules", "new", "torch.nn.CosineSimilarity"]) == 0
    assert 'slots = ["dim=1", "eps=1e-08"]' in capsys.readouterr().out
    assert main(["rules", "new", "torch.nn.NoSuchLayer"]) == 2


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_a_port_by_own_rules_holds(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(folders.VARIABLE, "")
    model = tmp_path / "model.py"
    model.write_text(
        "import torch.nn as nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.act = nn.Softsign()\n\n    def forward(self, x):\n        return self.act(x)\n"
    )
    command = ["verify", str(model), "--to", target, "--rules", str(RULES), "--seeds", "2"]
    assert main([*command, "--entry", "Net()", "--input", "2x3x4"]) == 0


def test_an_installed_package_brings_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "my_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my_rules\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[convmap.rules]\nmine = my_rules.tables\n")
    os.makedirs(tmp_path / "my_rules")
    (tmp_path / "my_rules" / "tables").symlink_to(RULES)
    monkeypatch.syspath_prepend(str(tmp_path))
    folders._installed.cache_clear()
    try:
        assert "my_layers.Scale" in load().framework("torch").by_api
    finally:
        monkeypatch.undo()
        folders._installed.cache_clear()
