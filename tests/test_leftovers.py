"""Imports of the source that a port still needs: each goes to the functions that use it, or stays at the top."""

from __future__ import annotations

import ast

import pytest
from dialects import port_text

from convmap.rewrite.port import Port

HEAD = "import torch\nimport torch.nn as nn\nfrom torch import optim\n\nlayer = nn.Linear(3, 4)\n\n\n"


def port(text: str, head: str = HEAD) -> Port:
    return port_text(head + text, "torch", "mindspore")


@pytest.mark.parametrize(
    "before,after",
    [
        ("def f(x):\n    return torch.foo(x)\n", "def f(x):\n    import torch\n    return torch.foo(x)\n"),
        (
            'def f(x):\n    """Doc."""\n    return nn.Foo(optim.Adam(x))\n',
            'def f(x):\n    """Doc."""\n    import torch.nn as nn\n    from torch import optim\n'
            "    return nn.Foo(optim.Adam(x))\n",
        ),
        ("def f(x): return torch.foo(x)\n", "def f(x): import torch; return torch.foo(x)\n"),
        (
            "class A:\n    def f(self):\n        @wrap\n        def g(): pass\n        return torch.foo(g)\n",
            "class A:\n    def f(self):\n        import torch\n        @wrap\n",
        ),
        (
            "def f():\n    def g():\n        return torch.foo()\n    return g\n",
            "def f():\n    def g():\n        import torch\n        return torch.foo()\n",
        ),
        # Into the branch that uses it: one that is never taken needs no torch.
        (
            "def f(x):\n    if x:\n        return torch.foo(x)\n    return x\n",
            "def f(x):\n    if x:\n        import torch\n        return torch.foo(x)\n    return x\n",
        ),
        (
            "def f(x):\n    if x:\n        pass\n    elif 1: torch.foo()\n    else:\n        torch.foo(x)\n",
            "    elif 1: import torch; torch.foo()\n    else:\n        import torch\n        torch.foo(x)\n",
        ),
        (
            "def f(x):\n    if x:\n        torch.foo()\n    elif torch.foo(x):\n        pass\n",
            "def f(x):\n    import torch\n    if x:\n        torch.foo()\n    elif torch.foo(x):\n",
        ),
        (
            "def f(x):\n    for i in x:\n        if i:\n            torch.foo(i)\n            if x:\n                torch.foo()\n",
            "        if i:\n            import torch\n            torch.foo(i)\n            if x:\n                torch.foo()\n",
        ),
        (
            "def f(x):\n    try:\n        torch.foo()\n    except Exception:\n        pass\n",
            "def f(x):\n    import torch\n    try:\n        torch.foo()\n",
        ),
    ],
)
def test_to_the_function_that_uses_it(before: str, after: str) -> None:
    made = port(before).after
    assert after in made
    top = [n for n in ast.parse(made).body if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert not any("torch" in ast.unparse(n) for n in top)


@pytest.mark.parametrize(
    "text",
    [
        "x = torch.foo()\n",
        "def f(x=torch.foo()):\n    return x\n",
        "@torch.foo\ndef f(x):\n    return x\n",
        "class A(torch.Foo):\n    pass\n",
        "def f(x: torch.Foo | int):\n    return x\n",
        "f = lambda x: torch.foo(x)\n",
        "x = torch.foo()\n\n\ndef f():\n    return torch.foo()\n",
        "__all__ = ['torch']\n\n\ndef f():\n    return torch.foo()\n",
    ],
)
def test_at_the_top_where_importing_the_file_needs_it(text: str) -> None:
    made = port(text).after
    assert made.count("import torch\n") == 1 and made.index("import torch\n") < made.index("layer =")


def test_where_nothing_was_ported_nothing_moves() -> None:
    text = "import torch\n\n\ndef f(x):\n    return torch.foo(x)\n"
    assert port(text, "").after == text


def test_a_name_that_moves_stays_the_sources_own() -> None:
    """nn in the function is torch's, so MindSpore's has another name in the whole file."""
    made = port("def f(x):\n    return nn.Foo(nn.Linear(3, 4))\n").after
    assert "import mindspore.nn as mindspore_nn\n" in made
    assert "    import torch.nn as nn\n    return nn.Foo(mindspore_nn.Dense(3, 4" in made


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return torch.foo(x)\n",
        "def f(x):\n    if x:\n        y = torch.foo(x)\n    else:\n        y = torch.foo(-x)\n    return y\n",
    ],
)
def test_a_second_run_moves_nothing(text: str) -> None:
    once = port(text).after
    assert port_text(once, "torch", "mindspore").after == once


def test_the_port_of_a_file_with_a_refused_call_can_be_imported() -> None:
    made = port("def f(x):\n    return torch.foo(x)\n").after
    tree = ast.parse(made)
    assert [ast.unparse(n) for n in tree.body[:2]] == ["from mindspore import nn", "layer = nn.Dense(3, 4)"]


def test_an_import_with_a_fallback_stays_and_is_reported() -> None:
    text = "try:\n    import torch.cuda as tc\nexcept ImportError:\n    tc = None\n\n\ndef f():\n    return tc.foo()\n"
    found = port(text)
    assert text in found.after
    assert [(d.code, d.line) for d in found.diagnostics if d.severity == "warning"] == [("CM101", 15)]
