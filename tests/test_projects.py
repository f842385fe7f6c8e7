"""Folders and notebooks: what files mean to each other, processes, the cache, and what is copied."""

from __future__ import annotations

import ast
import gc
import json
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from convmap import cache
from convmap.cli import main
from convmap.porting import Request, port_files
from convmap.rewrite.port import port_document
from convmap.rules import load
from convmap.source.document import Document

FILES = {
    "pkg/__init__.py": "from .base import Base, Conv2d\nfrom .net import Net\n",
    "pkg/base.py": (
        "import torch\nfrom torch import nn\nfrom torch.nn import Conv2d, functional as F\n\n\n"
        "class Base(nn.Module):\n    def __init__(self, c):\n        super().__init__()\n"
        "        self.conv = Conv2d(c, c, 3, padding=1)\n\n    def forward(self, x):\n"
        "        return F.relu(self.conv(x))\n\n\n"
        "def scale(x: torch.Tensor) -> torch.Tensor:\n    return x * 2\n"
    ),
    "pkg/net.py": (
        "from .base import Base, Conv2d, F, scale\nfrom . import base\n\n\nclass Net(Base):\n"
        "    def __init__(self, c):\n        super().__init__(c)\n        self.other = Conv2d(c, c, 1)\n"
        "        self.third = base.nn.Conv2d(c, c, 1)\n\n    def forward(self, x):\n"
        "        x = scale(super().forward(x))\n        return F.gelu(self.other(x)).flatten(1)\n"
    ),
    "pkg/stars.py": (
        "from torch.nn import *\nfrom .base import *\n\n\nclass Head(Base):\n    def __init__(self, c):\n"
        "        super().__init__(c)\n        self.fc = Linear(c, c)\n\n    def forward(self, x):\n"
        "        return F.relu(self.fc(x))\n"
    ),
    "pkg/plain.py": "import math\n\n\ndef forward(x):\n    return math.sqrt(x)\n",
    "pkg/words.txt": "data of the package\n",
    "pkg/.hidden/x.py": "import torch\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pkg"


def test_re_exports_bases_and_results_are_followed_through_the_package(package: Path) -> None:
    assert main(["port", "pkg", "--to", "mindspore", "-o", "out"]) == 1  # CM106, see below
    net = Path("out/net.py").read_text()
    assert (
        "from .base import Base, scale\n" in net and "Conv2d(c, c, 1, pad_mode='valid', has_bias=True)" in net
    )
    assert "self.third = nn.Conv2d(" in net
    assert "def construct(self, x):" in net and "super().construct(x)" in net
    assert "ops.flatten(" in net or ".flatten(" in net  # scale() gives a tensor, and so does the layer
    assert "torch" not in net + Path("out/stars.py").read_text()
    assert "self.fc = nn.Dense(c, c)" in Path("out/stars.py").read_text()


def test_an_import_stays_where_another_file_takes_it_from(package: Path, capsys: Any) -> None:
    # __init__ hands Conv2d on, and who takes it from there is not in the run.
    main(["port", "pkg", "--to", "mindspore", "-o", "out"])
    assert "from .base import Base, Conv2d\n" in Path("out/__init__.py").read_text()
    assert "from torch.nn import Conv2d\n" in Path("out/base.py").read_text()
    assert "CM106" in capsys.readouterr().out


def test_what_needs_no_change_is_copied_and_hidden_things_are_not(package: Path) -> None:
    main(["port", "pkg", "--to", "mindspore", "-o", "pkg/out"])
    main(["port", "pkg", "--to", "mindspore", "-o", "pkg/out"])
    found = sorted(str(p.relative_to("pkg/out")) for p in Path("pkg/out").rglob("*") if p.is_file())
    assert found == ["__init__.py", "base.py", "net.py", "plain.py", "stars.py", "words.txt"]
    assert Path("pkg/out/plain.py").read_text() == FILES["pkg/plain.py"]


def test_a_folder_is_not_ported_beside_its_sources(package: Path, capsys: Any) -> None:
    assert main(["port", "pkg", "--to", "mindspore"]) == 2
    assert "needs -o FOLDER" in capsys.readouterr().err


def test_files_share_their_shims_so_that_isinstance_knows_them(package: Path) -> None:
    (package / "sub").mkdir()
    (package / "sub" / "make.py").write_text("import torch.nn as nn\nnorm = nn.LayerNorm(4)\n")
    (package / "init.py").write_text(
        "import torch.nn as nn\ndef f(m):\n    return isinstance(m, nn.LayerNorm)\n"
    )
    main(["port", "pkg", "--to", "mindspore", "--in-place"])
    assert "from ..convmap_shims import TorchLayerNorm\n" in (package / "sub" / "make.py").read_text()
    asks = (package / "init.py").read_text()
    assert "from .convmap_shims import TorchLayerNorm\n" in asks and "isinstance(m, TorchLayerNorm)" in asks
    assert (package / "convmap_shims.py").read_text().count("class TorchLayerNorm(") == 1
    # Later files add theirs, and take none away.
    (package / "more.py").write_text("import torch.nn as nn\nnorm = nn.GroupNorm(2, 4)\n")
    main(["port", "pkg", "--to", "mindspore", "--in-place"])
    text = (package / "convmap_shims.py").read_text()
    assert "class TorchLayerNorm(" in text and "class TorchGroupNorm(" in text


def outputs(folder: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


def test_processes_and_the_cache_give_the_same(package: Path) -> None:
    common = ["port", "pkg", "--to", "megengine"]
    main([*common, "-o", "one", "--no-cache"])
    main([*common, "-o", "two", "--no-cache", "-j", "2"])
    main([*common, "-o", "three"])
    main([*common, "-o", "four"])
    assert outputs("one") == outputs("two") == outputs("three") == outputs("four")


def test_the_cache_holds_until_a_file_that_was_looked_at_changes(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits: list[bool] = []
    real = cache.Cache.get
    monkeypatch.setattr(
        cache.Cache, "get", lambda *a: (lambda found: (hits.append(found is not None), found)[1])(real(*a))
    )
    common = ["port", "pkg", "--to", "mindspore", "-o", "out"]

    def run() -> int:
        hits.clear()
        main(common)
        return sum(hits[:5])  # of the first pass

    assert run() == 0
    assert run() == 5
    (package / "plain.py").write_text("import math\n")  # no other file looks at it
    assert run() == 4
    base = (package / "base.py").read_text()
    (package / "base.py").write_text(base.replace("class Base(nn.Module)", "class Base(object)"))
    assert run() == 1  # plain.py alone
    assert "def forward(self, x):" in Path("out/net.py").read_text()


def test_a_module_that_is_not_there_does_not_lead_into_itself(package: Path, capsys: Any) -> None:
    """from .pse import pse, where pse is compiled and lies beside the file."""
    (package / "pse").mkdir()
    (package / "pse" / "__init__.py").write_text(
        "import torch\nfrom .pse import pse  # noqa\nx = torch.ones(2)\n"
    )
    (package / "use.py").write_text(
        "import torch\nfrom .pse import pse\n\n\ndef f(x):\n    return pse(torch.relu(x))\n"
    )
    main(["port", str(package), "--to", "mindspore", "--check"])
    assert "internal error" not in "".join(capsys.readouterr())


def test_circles_of_imports_end(package: Path) -> None:
    (package / "a.py").write_text("from .b import f, C\nimport torch\nclass D(C):\n    pass\n")
    (package / "b.py").write_text("from .a import f, D\nclass C(D):\n    pass\n")
    start = time.process_time()
    found = {
        p.file.name: p for p in port_files(Request("mindspore"), [(f, package) for f in package.glob("*.py")])
    }
    assert time.process_time() - start < 20 and not any(p.problem for p in found.values())


def cell(text: str, kind: str = "code") -> dict[str, Any]:
    extra = {"outputs": [{"output_type": "stream"}], "execution_count": 3} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True), **extra}


def test_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cells = [
        cell("# PyTorch", "markdown"),
        cell("%matplotlib inline\n!pip install torch\nimport torch.nn as nn"),
        cell("%%bash\nls torch"),
        cell("%%time\nlayer = nn.Conv2d(3, 4, 3)  # kept\nfiles = !ls\n"),
        cell("nn.Conv2d?"),
        cell("import torch\ny = torch.lobpcg(1)"),
    ]
    book = {"cells": cells, "metadata": {"kernelspec": {"name": "k"}}, "nbformat": 4, "nbformat_minor": 5}
    Path("n.ipynb").write_text(json.dumps(book))
    assert main(["port", "n.ipynb", "--to", "mindspore"]) == 1
    ported = json.loads(Path("n_mindspore.ipynb").read_text())
    texts = ["".join(c["source"]) for c in ported["cells"]]
    assert texts[0] == "# PyTorch" and texts[2] == "%%bash\nls torch" and texts[4] == "nn.Conv2d?"
    assert texts[1] == "%matplotlib inline\n!pip install torch\nfrom mindspore import nn"
    assert texts[3] == (
        "%%time\nlayer = nn.Conv2d(3, 4, 3, pad_mode='valid', has_bias=True)  # kept\nfiles = !ls\n"
    )
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in ported["cells"] if "outputs" in c)
    assert ported["metadata"] == book["metadata"]
    assert "n.ipynb#cell6:2:5 CM101" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{}", "no json", json.dumps({"cells": [cell("def f(:")]})])
def test_a_bad_notebook_is_an_error(text: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "n.ipynb").write_text(text)
    assert main(["port", str(tmp_path / "n.ipynb"), "--from", "torch", "--to", "mindspore"]) == 2
    assert "n.ipynb" in capsys.readouterr().err


def test_a_star_that_may_bring_anything_is_left_and_said(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "m.py").write_text("from torch.nn import *\nfrom elsewhere import *\nx = ReLU()\n")
    assert main(["port", str(tmp_path / "m.py"), "--to", "mindspore", "--diff"]) == 1
    assert "ReLU may come from a star import" in capsys.readouterr().out
    (tmp_path / "m.py").write_text("from torch.nn import *\nx = ReLU()\ny = Unheard()\n")
    assert main(["port", str(tmp_path / "m.py"), "--to", "mindspore"]) == 1
    after = (tmp_path / "m_mindspore.py").read_text()
    assert "from torch.nn import *" in after and "x = nn.ReLU()" in after and "y = Unheard()" in after
    ast.parse(after)


def test_a_notebooks_comments_silence_their_own_cells_lines(tmp_path: Path, capsys: Any) -> None:
    cells = [
        cell("import torch\nx = 1\ny = 2  # convmap: ignore[CM101]"),
        cell("%%time\nz = 3\nw = torch.lobpcg(1)"),
        cell("%%time\nv = torch.lobpcg(2)  # convmap: ignore[CM101]"),
    ]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "n.ipynb").write_text(json.dumps(book))
    arguments = ["port", str(tmp_path / "n.ipynb"), "--to", "mindspore", "--check", "--no-cache"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "#cell2:3:5 CM101" in out and "#cell3:2" not in out and "#cell1:3:1 CM302" in out
    known = tmp_path / "known.json"
    main([*arguments, "--write-baseline", str(known)])
    assert main([*arguments, "--baseline", str(known)]) == 0


# What SE makes of the class it is given: each layer's input is its own, or not.
OWNED = [
    ("self.act = act()", "self.act(self.fc(x))", True),
    ("self.act = nn.Sequential(nn.Conv2d(c, c, 1), act())", "self.act(self.fc(x))", True),
    ("self.act = act() if act is not None else None", "self.act(self.fc(x))", True),
    ("self.act = Inner(c, act)", "self.act(self.fc(x))", True),
    ("self.act = act()", "x + self.act(x)", False),
    ("self.act = act", "self.act()(self.fc(x))", False),
    ("self.act = Unknown(c, act)", "self.act(self.fc(x))", False),
    ("self.act = [act() for _ in range(2)][0]", "self.act(self.fc(x))", False),
]


@pytest.mark.parametrize("made,result,owned", OWNED)
@pytest.mark.parametrize("given", ["partial(nn.SiLU, inplace=True)", "act=partial(nn.SiLU, inplace=True)"])
def test_a_class_in_place_that_another_file_makes_layers_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, result: str, owned: bool, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("a/net.py").write_text(
        "from functools import partial\nfrom torch import nn\nfrom se import SE\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, c, layer=SE):\n        super().__init__()\n"
        f"        self.se = layer(c, {given})\n\n    def forward(self, x):\n        return self.se(x)\n"
    )
    Path("a/se.py").write_text(
        "from torch import nn\nfrom there import Unknown\n\n\nclass Inner(nn.Sequential):\n"
        "    def __init__(self, c, act):\n        super().__init__(nn.Conv2d(c, c, 1), act())\n\n\n"
        "class SE(nn.Module):\n    def __init__(self, c, act=nn.ReLU):\n        super().__init__()\n"
        f"        self.fc = nn.Conv2d(c, c, 1)\n        {made}\n\n"
        f"    def forward(self, x):\n        return {result}\n"
    )
    main(["port", "a", "--to", "mindspore", "-o", "out", "--no-cache"])
    assert ("inplace=False" in Path("out/net.py").read_text()) is owned


def test_trees_are_freed_without_a_collector() -> None:
    """A command switches it off: what a refused call leaves in a circle would stay until the end."""
    rules = load()
    torch, mindspore = rules.framework("torch"), rules.framework("mindspore")
    gc.collect()
    gc.disable()
    try:
        document = Document(b"import torch\nx = torch.no_such(1)\ny = torch.nn.Conv2d(1, 2)\nz = y.what()\n")
        freed = weakref.ref(document)
        assert port_document(document, torch, mindspore).counts["refused"] == 2
        del document
        assert freed() is None
    finally:
        gc.enable()
