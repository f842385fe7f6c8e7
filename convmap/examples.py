"""Pieces of torch code that show and prove the rules: rules/examples.toml, as model files."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass

from convmap.errors import RuleError
from convmap.folders import rules_folder
from convmap.rewrite.port import Port, port_document
from convmap.rules import load, read_toml
from convmap.source.document import Document

SOURCE = "torch"
USUAL = "image"  # the input of a piece that names none
HEAD = "from collections import OrderedDict\n\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
NET = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
# Parameters that expressions may name, by their shapes.
PARAMETERS = {"w": "4, 4, 3, 3", "t": "4, 4, 3, 3", "g": "4, 2, 3, 3", "b": "4"}
DRAWN = "512, 16, 3, 3"  # the shape of the weight that initialisers fill


@dataclass(frozen=True)
class Example:
    """One piece. ``kind``: layer, expression, model or initial (a statement on ``self.w``)."""

    kind: str
    code: str
    inputs: tuple[str, ...]
    title: str = ""  # of a model
    source: str = SOURCE
    whole: str = ""  # the model file, where it is not made of the piece
    one_way: str = ""  # why its ports are not run the other way

    @property
    def name(self) -> str:
        """What it is recorded under: no two are alike."""
        return self.title or " on ".join([self.code, *(i for i in self.inputs[:1] if i != _usual())])

    @property
    def text(self) -> str:
        """The model file that runs it; its class is ``Net``."""
        if self.whole:
            return self.whole
        if self.kind == "layer":
            forward = "\n    def forward(self, x):\n        return self.layer(x)\n"
            return f"{HEAD}{NET}        self.layer = {self.code}\n{forward}"
        if self.kind == "initial":
            forward = "\n    def forward(self, x):\n        return F.conv2d(x, self.w)\n"
            weight = f"        self.w = nn.Parameter(torch.empty({DRAWN}))\n"
            return f"{HEAD}{NET}{weight}        {self.code}\n{forward}"
        if self.kind == "model":
            return HEAD + self.code.lstrip("\n")
        made = "".join(
            f"        self.{name} = nn.Parameter(torch.randn({shape}))\n"
            for name, shape in PARAMETERS.items()
            if re.search(rf"\bself\.{name}\b", self.code)
        )
        # The product is there to have a gradient where the expression has none.
        return f"{HEAD}{NET}{made}\n    def forward(self, x, y):\n        return {self.code}, x * y\n"

    @property
    def modes(self) -> tuple[str, ...]:
        """What it has to be run in: few expressions ask whether the model trains."""
        plain = self.kind == "expression" and "training" not in self.code
        return ("train",) if plain else ("eval", "train")

    def shown(self, text: str) -> str:
        """Give the piece's own part of its model file, or of a port of that."""
        body = ast.parse(text).body
        net = next(n for n in reversed(body) if isinstance(n, ast.ClassDef) and n.name == "Net")
        if self.kind == "model":
            return ast.get_source_segment(text, net) or ""
        methods = [n for n in net.body if isinstance(n, ast.FunctionDef)]
        last = methods[0 if self.kind in ("layer", "initial") else -1].body[-1]
        node: ast.AST | None = last
        if isinstance(last, ast.Assign):
            node = last.value
        elif isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple):
            node = last.value.elts[0]
        return ast.get_source_segment(text, node) or "" if node is not None else ""

    def port(self, target: str) -> Port:
        rules = load()
        document = Document(self.text.encode(), self.code)
        return port_document(document, rules.framework(self.source), rules.framework(target))


@functools.cache
def examples() -> tuple[Example, ...]:
    """Give every piece of rules/examples.toml; raise RuleError where one is not of the form."""
    path = rules_folder() / "examples.toml"
    table = read_toml(path)
    shapes: dict[str, str] = table["inputs"]
    out = []
    for kind, rows in table["pieces"].items():
        for row in rows:
            if kind == "model":
                inputs = tuple(shapes.get(i, i) for i in row["inputs"])
                out.append(Example(kind, row["code"], inputs, row["title"], one_way=row.get("one_way", "")))
                continue
            if not 1 <= len(row) <= 2:
                raise RuleError(f"{path}: {kind}: {row!r} is not [code] or [code, input]")
            spec = row[1] if len(row) > 1 else USUAL
            count = 2 if kind == "expression" else 1
            out.append(Example(kind, row[0], (shapes.get(spec, spec),) * count))
    names = [example.name for example in out]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise RuleError(f"{path}: {twice[0]!r} is there twice")
    return tuple(out)


@functools.cache
def translated(source: str) -> tuple[Example, ...]:
    """Give the pieces in another framework's words, those whose ports have plain calls only.

    What convmap has ported is as good a source as any: it runs in its framework, and goes back to torch.
    """
    out = []
    for example in examples():
        if example.one_way:
            continue
        port = example.port(source)
        if example.kind != "initial" and {use.status for use in port.uses} == {"exact"}:
            code, title = example.shown(port.after), example.title or example.name
            out.append(Example(example.kind, code, example.inputs, title, source, port.after))
    return (*out, *_own(source))


def _own(source: str) -> list[Example]:
    """Give the pieces of what a framework other than torch has and torch has not."""
    path = rules_folder() / f"examples_{source}.toml"
    if not path.is_file():
        return []
    table, shapes = read_toml(path), read_toml(rules_folder() / "examples.toml")["inputs"]
    out = []
    for kind, rows in table["pieces"].items():
        for row in rows:
            given = [row["code"], *row.get("inputs", ())] if kind == "model" else row
            code, spec = given[0], given[1] if len(given) > 1 else USUAL
            title = row["title"] if kind == "model" else code + (f" on {spec}" if len(given) > 1 else "")
            whole = table["head"] + table["files"].get(kind, "{code}").replace("{code}", code)
            inputs = (shapes.get(spec, spec),) * (2 if kind == "expression" else 1)
            out.append(Example(kind, code, inputs, f"{source}: {title}", source, whole))
    return out


def pieces(source: str, target: str = "") -> tuple[Example, ...]:
    """Give the pieces that start from a framework, but for those that the target itself raises at."""
    if source == SOURCE:
        return examples()
    path = rules_folder() / f"examples_{source}.toml"
    raising = read_toml(path).get("raising", {}).get(target, ()) if path.is_file() else ()
    return tuple(piece for piece in translated(source) if piece.name not in raising)


@functools.cache
def _usual() -> str:
    shape: str = read_toml(rules_folder() / "examples.toml")["inputs"][USUAL]
    return shape
