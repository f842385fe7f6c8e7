"""Comparisons of number formats: MegEngine's are NumPy's and equal texts, torch's and MindSpore's are objects."""

from __future__ import annotations

import pytest
from dialects import PRELUDE, port_text

from convmap.rules import load


def condition(text: str, source: str, target: str) -> tuple[str, set[str]]:
    """Port the test of an ``if`` in a module's forward; give it and the codes of what was found."""
    rules = load().framework(source)
    port = port_text(
        f"import numpy as np\n{PRELUDE[source]}\n\nclass Net({rules.module_class}):\n"
        f"    def {rules.forward}(self, x, y):\n        d = y.dtype\n        a = np.ones(3)\n"
        f"        if {text}:\n            x = x * 2\n        return x\n",
        source,
        target,
    )
    line = next(line for line in port.after.splitlines() if line.strip().startswith("if "))
    return line.strip()[3:-1], {d.code for d in port.diagnostics if d.severity != "note"}


COMPARED = [
    ("x.dtype == 'float32'", "x.dtype == torch.float32", "x.dtype == mindspore.float32"),
    ("x.dtype != np.float32", "x.dtype != torch.float32", "x.dtype != mindspore.float32"),
    ("np.int32 == x.dtype", "torch.int32 == x.dtype", "mindspore.int32 == x.dtype"),
    ("d == 'int8'", "d == torch.int8", "d == mindspore.int8"),
    (
        "d in ('int32', np.float16)",
        "d in (torch.int32, torch.float16)",
        "d in (mindspore.int32, mindspore.float16)",
    ),
    ("x.dtype not in ['uint8']", "x.dtype not in [torch.uint8]", "x.dtype not in [mindspore.uint8]"),
]
UNTOUCHED = ["a.dtype == 'float32'", "a.dtype == np.float32", "self.kind == 'float32'", "x.dtype == y.dtype"]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_other_comparisons_stay(text: str) -> None:
    for target in ("torch", "mindspore"):
        assert condition(text, "megengine", target) == (text, set())


@pytest.mark.parametrize("text,torch,mindspore", COMPARED)
def test_texts_that_formats_are_compared_with(text: str, torch: str, mindspore: str) -> None:
    """MegEngine's formats are NumPy's and equal such texts; the others' equal none."""
    assert condition(text, "megengine", "torch") == (torch, set())
    assert condition(text, "megengine", "mindspore") == (mindspore, set())


def test_a_format_that_the_target_lacks_is_a_finding() -> None:
    assert condition("x.dtype == 'quint4'", "megengine", "torch") == ("x.dtype == 'quint4'", {"CM201"})


def test_what_may_be_no_tensor_is_a_finding() -> None:
    text = "import megengine.functional as F\n\n\ndef f(x):\n    return F.relu(x) if x.dtype == 'float32' else x\n"
    port = port_text(text, "megengine", "torch")
    assert [d.code for d in port.diagnostics if d.severity != "note"] == ["CM107"]
    assert "x.dtype == 'float32'" in port.after


@pytest.mark.parametrize(
    "text,megengine",
    [
        ("x.dtype is torch.float32", "x.dtype == 'float32'"),
        ("d is not x.dtype", "d != x.dtype"),
        ("torch.uint8 is d", "'uint8' == d"),
        ("x.dtype == torch.float32", "x.dtype == 'float32'"),
        ("x is None", "x is None"),
    ],
)
def test_formats_are_equal_in_megengine_and_not_the_same_object(text: str, megengine: str) -> None:
    assert condition(text, "torch", "megengine") == (megengine, set())


def test_a_table_by_formats_is_a_finding_in_megengine() -> None:
    text = "{torch.float32: 1, torch.float16: 2}.get(x.dtype) == 1"
    assert condition(text, "torch", "megengine")[1] == {"CM102"}
    assert condition(text, "torch", "mindspore")[1] == set()
