"""Ports one expression between frameworks, as the tables of tests state them."""

from __future__ import annotations

import ast

from convmap.rewrite.port import Port, port_document
from convmap.rules import load
from convmap.source.document import Document

PRELUDE = {
    "torch": "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n",
    "mindspore": "import mindspore\nfrom mindspore import nn, ops\n",
    "megengine": "import megengine\nimport megengine.module as M\nimport megengine.functional as F\n",
}
FRAMEWORKS = tuple(PRELUDE)


def port_text(text: str, source: str, target: str, version: str | None = None) -> Port:
    rules = load()
    document = Document(text.encode())
    return port_document(document, rules.framework(source), rules.framework(target), version)


def port_call(call: str, source: str, target: str, version: str | None = None) -> tuple[str, Port]:
    """Port ``call`` written in a function with parameters c, k, x, w; give its new text."""
    body = f"{PRELUDE[source]}\ndef f(c: int, k: int, p: int, u, x: {tensor(source)}, w: {tensor(source)}):\n    return {call}\n"
    port = port_text(body, source, target, version)
    tree = ast.parse(port.after)
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "f")
    returned = function.body[-1]
    assert isinstance(returned, ast.Return) and returned.value is not None
    return ast.get_source_segment(port.after, returned.value) or "", port


def tensor(framework: str) -> str:
    return load().framework(framework).tensor_class


def normal(text: str) -> str:
    return ast.unparse(ast.parse(text, mode="eval"))
