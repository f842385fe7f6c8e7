"""What a user installs: the wheel ports a file outside the checkout; the examples in docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import convmap

ROOT = Path(__file__).parent.parent


def test_the_wheel_ports_a_file_outside_the_checkout(tmp_path: Path) -> None:
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("convmap-*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", str(wheel))
    (tmp_path / "net.py").write_bytes((ROOT / "examples" / "dcgan.py").read_bytes())
    run(python, "-m", "convmap", "port", "net.py", "--to", "mindspore")
    assert "nn.Conv2dTranspose(" in (tmp_path / "net_mindspore.py").read_text()
    installed = run(python, "-m", "pip", "list", "--format=freeze").stdout.lower()
    assert "numpy" not in installed and "torch" not in installed, "porting needs libcst alone"


MODULES = [
    m.name
    for m in pkgutil.walk_packages(convmap.__path__, "convmap.")
    if not m.name.endswith(
        ("_side", ".side", ".worker", "__main__")
    )  # these run in a framework's interpreter
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
