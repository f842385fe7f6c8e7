"""Whole files: what must not be touched, what stays byte for byte, imports, and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dialects import port_text

from convmap.cli import main
from convmap.porting import Request, port_files
from convmap.rewrite.port import Port, port_inferred
from convmap.source.inference import Inference

EXAMPLES = Path(__file__).parent.parent / "examples"

UNTOUCHED = {
    "another library": "import nn\nx = nn.Conv2d(3, 4, 3)\n",
    "a shadowed import": "import torch.nn as nn\ndef f(nn):\n    return nn.Conv2d(3, 4, 3)\n",
    "a class of the same name": "class Conv2d:\n    pass\nx = Conv2d(3, 4, 3)\n",
    "a string": "s = 'torch.nn.Conv2d(3, 4, 3)'\n",
    "a rebound name": "import torch.nn as nn\nnn = make()\nx = nn.Conv2d(3, 4, 3)\n",
    "a method of a string": "import torch\ndef f(s):\n    return ' '.join(s).split(',')\n",
    "starred arguments of no layer": "import os\nf = g(*a, **k)\n",
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_untouched(text: str) -> None:
    port = port_text(text, "torch", "mindspore")
    assert port.after == text
    assert not port.uses


def test_inplace_on_a_shared_tensor_is_refused() -> None:
    text = (
        "import torch.nn as nn\nclass B(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.act = nn.ReLU(inplace=True)\n    def forward(self, x):\n        return x + self.act(x)\n"
    )
    port = port_text(text, "torch", "mindspore")
    assert [d.code for d in port.diagnostics if d.severity == "error"] == ["CM210"]
    assert "nn.ReLU(inplace=True)" in port.after


def test_comments_and_layout_stay() -> None:
    text = (
        "from torch import nn\n\nlayer = nn.ConvTranspose2d(\n    8,  # in\n    4,  # out\n"
        "    kernel_size=3,\n    stride=2,  # doubles\n    padding=1,\n    output_padding=1,  # exact\n"
        "    bias=False,  # none\n)\n"
    )
    port = port_text(text, "torch", "mindspore")
    for comment in ("# in", "# out", "# doubles", "# exact", "# none"):
        assert port.after.count(comment) == 1
    assert "padding=(1, 0, 1, 0)" in port.after and "output_padding" not in port.after


@pytest.mark.parametrize("encoding,newline", [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("latin-1", "\n")])
def test_bytes_outside_edits_stay(encoding: str, newline: str, tmp_path: Path) -> None:
    lines = ["# -*- coding: latin-1 -*-" if encoding == "latin-1" else "# text", "import torch.nn as nn",
             "s = 'h\xe9'\t# tab", "layer = nn.Linear(3, 4)  # \xe9", ""]  # fmt: skip
    file = tmp_path / "m.py"
    file.write_bytes(newline.join(lines).encode(encoding))
    assert main(["port", str(file), "--to", "mindspore"]) == 0
    lines[1], lines[3] = "from mindspore import nn", "layer = nn.Dense(3, 4)  # \xe9"
    assert (tmp_path / "m_mindspore.py").read_bytes() == newline.join(lines).encode(encoding)


def test_an_import_stays_while_it_is_used() -> None:
    text = "import os, torch\nimport torch.nn as nn\na = nn.Linear(3, 4)\nb = torch.jit.trace(a)\n"
    port = port_text(text, "torch", "mindspore")
    assert "import os, torch\n" in port.after and "import torch.nn" not in port.after
    assert port.needs_review


def test_taken_names_are_respected() -> None:
    text = "import torch\nops = 3\ny = torch.exp(torch.zeros(2)) * ops\n"
    port = port_text(text, "torch", "mindspore")
    assert "import mindspore.ops as mindspore_ops" in port.after
    assert "mindspore_ops.exp(" in port.after


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_examples_port_whole_and_idempotently(file: Path, target: str) -> None:
    port = port_text(file.read_text(), "torch", target)
    assert not port.needs_review and port.counts["refused"] == 0
    assert "torch." not in "".join(line for line in port.after.splitlines() if "import" in line)
    again = port_text(port.after, "torch", target)
    assert again.after == port.after


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "convmap", *args], cwd=cwd, capture_output=True, text=True)


def test_bad_file_is_reported_and_the_others_are_ported(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("import torch.nn as nn\nx = nn.ReLU()\n")
    (tmp_path / "bad.py").write_text("import torch\ndef f(:\n")
    done = run("port", ".", "--to", "mindspore", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "bad.py:2" in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "out" / "good.py").exists() and not (tmp_path / "out" / "bad.py").exists()


def test_a_mistake_of_convmap_in_one_file_keeps_no_other_from_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(inference: Inference, *rest: Any) -> Port:
        if inference.document.path.endswith("bad.py"):
            raise TypeError("of all things")
        return port_inferred(inference, *rest)

    monkeypatch.setattr("convmap.porting.port_inferred", fail)
    for name in ("bad.py", "good.py"):
        (tmp_path / name).write_text("import torch.nn as nn\nx = nn.ReLU()\n")
    files = [(tmp_path / name, tmp_path) for name in ("bad.py", "good.py")]
    bad, good = port_files(Request("mindspore"), files)
    assert "bad.py: internal error (TypeError: of all things, test_port_files.py:" in bad.problem
    assert bad.port is None and good.port is not None and not good.problem


def test_numbers_known_by_kind_only_are_not_run_in_the_proof(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "import torch.nn as nn\ndef up(c, k: int):\n    return nn.ConvTranspose2d(c, c, k, 2, 1)\n"
    )
    done = run("port", "m.py", "--to", "mindspore", "-o", "out.py", cwd=tmp_path)
    assert done.returncode == 0 and "(1 not literal, not run)" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "args,message",
    [
        (["port", "none.py", "--to", "mindspore"], "none.py: no such file"),
        (["port", "m.py", "--to", "mindspor"], "did you mean mindspore?"),
        (["port", "m.py", "--to", "mindspore", "--target-version", "2.7"], "mindspore==X.Y.Z"),
        (["verify", "m.py", "--to", "mindspore"], "--entry and --input"),
    ],
)
def test_usage_errors(args: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("import torch.nn as nn\nx = nn.ReLU()\n")
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.py"]


def test_check_and_diff_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("import torch\nx = torch.lobpcg(1)\n")
    for option in ("--check", "--diff"):
        done = run("port", "m.py", "--to", "mindspore", option, cwd=tmp_path)
        assert done.returncode == 1 and "m.py:2:5 CM101" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["m.py"]


def test_json(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("import torch.nn as nn\nx = nn.ConvTranspose2d(3, 4, 3, 2, 1, 1)\n")
    done = run("port", "m.py", "--to", "mindspore", "--format", "json", cwd=tmp_path)
    found = json.loads(done.stdout)["files"][0]
    assert done.returncode == 0 and found["counts"]["exact"] == 1
    assert any("1 literal" in line for line in found["proven"])


def test_porting_imports_no_framework_and_no_numpy(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("raise SystemExit('was run')\nimport torch.nn as nn\nx = nn.ReLU()\n")
    code = (
        "import sys; from pathlib import Path; from convmap.porting import Request, port_file\n"
        "port_file(Request('mindspore'), Path('m.py'))\n"
        "print([m for m in ('numpy', 'torch', 'mindspore', 'megengine') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_documented_output_padding_is_lossy_and_only_on_request(tmp_path: Path) -> None:
    text = "import torch.nn as nn\nx = nn.ConvTranspose2d(3, 4, 3, 2, 1, 1)\ny = nn.ConvTranspose2d(3, 4, 4, 2, 1)\n"
    (tmp_path / "m.py").write_text(text)
    done = run("port", "m.py", "--to", "mindspore", "--output-padding", "documented", cwd=tmp_path)
    assert done.returncode == 1 and "m.py:2:5 CM203" in done.stdout and "1 exact, 1 lossy" in done.stdout
    assert "nn.Pad(((0, 0), (0, 0), (0, 1), (0, 1)))" in (tmp_path / "m_mindspore.py").read_text()
    exact = run("port", "m.py", "--to", "mindspore", cwd=tmp_path)
    assert exact.returncode == 0 and "nn.Pad" not in (tmp_path / "m_mindspore.py").read_text()


@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_a_shim_never_takes_a_name_of_the_file_or_of_python(target: str) -> None:
    source = (
        "import torch\nimport torch.nn as nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n"
        "        std = x.std(dim=1)\n        n = round(2.5)\n        y, where = x.max(1)\n"
        "        return torch.where(std > n, std, y)\n"
    )
    after = port_text(source, "torch", target).after
    assert "std = std_shim(x" in after and "def std_shim(" in after
    assert "n = round(2.5)" in after and "def round(" not in after
    assert "def where(" not in after and "max_along(x, 1)" in after


@pytest.mark.parametrize(
    "annotation,written",
    [
        ("Tuple[int, int]", "ops.zeros(shape)"),
        ("list[int]", "ops.zeros(shape)"),
        ("int", "ops.zeros((shape,))"),
        ("Sequence", "ops.zeros(shape)"),  # it takes both
        ("Union[int, Tuple[int, int]]", "ops.zeros(shape)"),
    ],
)
def test_an_annotated_parameter_of_forward_is_no_tensor(annotation: str, written: str) -> None:
    text = (
        "import torch\nfrom typing import *\nclass N(torch.nn.Module):\n"
        f"    def forward(self, shape: {annotation}):\n        return torch.zeros(shape)\n"
    )
    assert written in port_text(text, "torch", "mindspore").after


NET = (
    "import torch\nimport torch.nn as nn\nfrom other import make, f\n\n\nclass N(nn.Module):\n"
    "    def __init__(self, norm: type = nn.LayerNorm, token=True):\n        super().__init__()\n"
    "        self.token = nn.Parameter(torch.zeros(1, 1, 4)) if token else None\n"
    "        self.norm = norm(4)\n        self.part = make()\n\n    def forward(self, x):\n        {line}\n"
)


@pytest.mark.parametrize(
    "line,written",
    [
        # Only a tensor has permute, unsqueeze ...: what it is called on is one, and what that was made of.
        ("y = f(x); return y.permute(1, 0)", "y.transpose(1, 0)"),
        ("return f(x).reshape(2, 3).unsqueeze(0)", "F.expand_dims(f(x).reshape(2, 3), 0)"),
        ("y = f(x); z = y.transpose(0, 1); return z, y.unsqueeze(0)", "F.swapaxes(y, 0, 1)"),
        ("return f(x).softmax(dim=-1)", "F.softmax(f(x), axis=[-1])"),
        # None has no methods in any framework.
        ("return self.token.transpose(0, 1)", "F.swapaxes(self.token, 0, 1)"),
        # An annotation that says less than the default.
        ("return self.norm(x).transpose(0, 1)", "F.swapaxes(self.norm(x), 0, 1)"),
        # Nothing is shown: another value of the name, a layer of that name, a function, arrays too.
        ("y = f(x).unsqueeze(0); y = f(x); return y.transpose(0, 1)", "y.transpose(0, 1)"),
        ("return self.part.softmax(x)", "self.part.softmax(x)"),
        ("return f.softmax(1)", "f.softmax(1)"),
        ("return f(x).transpose(0, 1)", "f(x).transpose(0, 1)"),
    ],
)
def test_what_is_shown_to_be_a_tensor(line: str, written: str) -> None:
    text = NET.format(line=line.replace("; ", "\n        "))
    port = port_text(text, "torch", "megengine")
    assert written in port.after
    stays = written in text and not written.startswith("f.")
    assert ("CM107" in {d.code for d in port.diagnostics}) == stays


def test_comments_within_a_chain_of_methods_stay() -> None:
    text = (
        "import torch\ndef f(x: torch.Tensor, s):\n    return (\n        (x + 1)  # why\n        # more\n"
        "        .div(s)\n        # last\n        .clamp(0, 255)\n    )\n"
    )
    port = port_text(text, "torch", "mindspore")
    assert [line.partition("#")[2] for line in port.after.splitlines() if "#" in line] == [
        " why",
        " more",
        " last",
    ]
    assert port.counts["exact"] == 3 and "ops.clamp(ops.div(x + 1  # why\n" in port.after


def test_a_dash_is_standard_output(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    file = tmp_path / "m.py"
    file.write_bytes(b"import torch.nn as nn\r\na = nn.Linear(3, 4)\r\n")
    assert main(["port", str(file), "--to", "mindspore", "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == b"from mindspore import nn\r\na = nn.Dense(3, 4)\r\n" and b"1 exact" in err
    file.write_bytes(b"x = 1\n")
    assert main(["port", str(file), "--to", "mindspore", "-o", "-"]) == 0
    assert capfdbinary.readouterr()[0] == b"x = 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]


@pytest.mark.parametrize("more", [["--diff"], ["--check"], ["folder"]])
def test_a_dash_takes_one_file_and_its_port(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.py"
    file.write_bytes(b"import torch\n")
    paths = [str(tmp_path)] if more == ["folder"] else [str(file), *more]
    assert main(["port", *paths, "--to", "mindspore", "-o", "-"]) == 2
    assert "standard output" in capsys.readouterr().err
