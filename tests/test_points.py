"""Zeros, ties, bends and large values: what parts there is found, and recorded as a quirk of a call."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from dialects import port_text

from convmap.coverage import directions, read_evidence
from convmap.inputs import Case
from convmap.points import POINTS, apart, off_at
from convmap.ported import make_pair
from convmap.rules import load
from convmap.sides import Workers
from convmap.verify import load_sides

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "own,other,said",
    [
        ([1.0, -2.0], [1.0, -2.0], ""),
        ([1.0, -2.0], [1.0, -2.003], ""),  # rounding is another's affair
        ([1.0, -2.0], [1.0, -2.02], "0.02 off, at a scale of 2"),
        ([0.0, 0.0], [0.0, 0.5], "0.5 off, at a scale of 1"),
        ([NAN, INF], [NAN, INF], ""),
        ([NAN, 1.0], [0.0, 1.0], "0 of 2 NaN, 1 in torch"),
        ([INF, 1.0], [3e38, 1.0], "0 of 2 infinite, 1 in torch"),
        ([INF, 1.0], [-INF, 1.0], "infinite, of the other sign"),
        ([1.0, 2.0], [[1.0, 2.0]], "shape (1, 2), (2,) in torch"),
        (1.0, [1.0], ""),  # MegEngine has no tensors without axes
    ],
)
def test_what_is_apart(own: object, other: object, said: str) -> None:
    assert apart(np.array(own), np.array(other)) == said


def parted(code: str, target: str, pool: Workers, tmp_path: Path, inputs: str = "2x4x6") -> set[str]:
    """Give the points at which a forward of one expression differs."""
    file = tmp_path / "m.py"
    file.write_text(
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
        f"class Net(nn.Module):\n    def forward(self, x, y):\n        return {code}, x * y\n"
    )
    case = Case("m", file, "Net()", (inputs, inputs))
    with tempfile.TemporaryDirectory() as scratch:
        sides, _ = load_sides(case, make_pair(load(), file, target, Path(scratch)), pool)
        return set(off_at(sides, case, "eval", 0))


@pytest.mark.frameworks
@pytest.mark.parametrize(
    "code,mindspore,megengine",
    [
        # what the rules record
        ("F.leaky_relu(x, 0.1)", {"zeros", "halves"}, {"zeros", "halves"}),
        ("torch.maximum(x, y)", set(), {"zeros", "ones", "minus ones", "halves"}),
        # what the ports mend: each was another, or NaN, without a word
        ("F.mish(x)", set(), set()),
        ("x.abs()", set(), set()),
        ("nn.ELU(0.5)(x)", set(), set()),
        ("x.std(1)", set(), set()),
        ("x.norm(dim=-1)", set(), set()),
        ("F.normalize(x, dim=1)", set(), set()),
        ("x.softmax(-1)", set(), set()),
        ("(x - 500).softmax(-1)", set(), set()),
        ("F.l1_loss(x, y)", set(), set()),
        ("F.scaled_dot_product_attention(x, y, x, attn_mask=(y @ x.transpose(1, 2)) > 0)", set(), set()),
        ("x[x > 1].sum()", set(), set()),
        ("x[x > 1].mean()", set(), set()),
        ("(x[x > 1] < 2).any()", set(), set()),
        ("x[x > 1].norm()", set(), set()),
        ("F.mse_loss(x[x > 1], y[x > 1], reduction='sum')", set(), set()),
        ("F.l1_loss(x[x > 1], y[x > 1])", set(), set()),
        # MegEngine raises
        (
            "F.cross_entropy(x[:, :, 0][x[:, 0, 0] > 1], (y[:, 0, 1][x[:, 0, 0] > 1] > 0).long())",
            set(),
            {"zeros", "ones", "minus ones"},
        ),
        # rows of -inf among others
        ("torch.logsumexp(x.masked_fill(y > 0, float('-inf')), 1)", set(), set()),
        ("torch.logsumexp(x.masked_fill(y > -9e9, float('-inf')), dim=(0, 2))", set(), set()),
        ("x.masked_fill((x[..., :1] > 0) & (y > 9 - 10), float('-inf')).softmax(-1)", set(), set()),
        ("nn.Softmax(dim=-1)(x.masked_fill(x[..., :1] > 0, -torch.inf))", set(), set()),
    ],
)
def test_points_at_which_ports_part(
    code: str, mindspore: set[str], megengine: set[str], pool: Workers, tmp_path: Path
) -> None:
    for target, expected in (("mindspore", mindspore), ("megengine", megengine)):
        assert parted(code, target, pool, tmp_path) == expected, target


@pytest.mark.frameworks
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_an_infinite_mask_adds_no_nan(target: str, pool: Workers, tmp_path: Path) -> None:
    mask = "torch.triu(torch.full((4, 6), float('-inf')), diagonal=1)"
    assert parted(f"(x + {mask}).softmax(-1)", target, pool, tmp_path) == set()


def test_each_point_that_is_recorded_is_met_by_an_example() -> None:
    """A quirk that stops reproducing, or of which no example shows anything, is no quirk."""
    met = {
        (quirk, point)
        for source, target in directions()
        for row in read_evidence(target, source)["examples"].values()
        for point, quirks in row.get("points", {}).items()
        for quirk in quirks
    }
    for framework in load().frameworks.values():
        for quirk in framework.quirks:
            assert set(quirk.at_points) <= {*POINTS, "infinities", "axes of one"}, quirk.id
            unmet = [p for p in quirk.at_points if p in POINTS and (quirk.id, p) not in met]
            assert not unmet, f"{quirk.id}: no example shows it at {unmet}"


def test_a_port_says_once_what_parts_at_single_values() -> None:
    text = "import torch.nn as nn\na = nn.LeakyReLU()\nb = nn.LeakyReLU(0.3)\nc = nn.ReLU()\n"
    for target in ("mindspore", "megengine"):
        found = [d for d in port_text(text, "torch", target).diagnostics if d.code == "CM206"]
        assert [(d.line, d.severity) for d in found] == [(2, "note")]
        assert "at 0 the gradient is" in found[0].message
    back = port_text("from mindspore import nn\na = nn.LeakyReLU()\n", "mindspore", "torch")
    assert [d.line for d in back.diagnostics if d.code == "CM206"] == [2]


@pytest.mark.parametrize(
    "said,shim",
    [
        ("float('-inf')", True),
        ('-float("inf")', True),
        ("-math.inf", True),
        ("-torch.inf", True),
        ("-np.inf", True),
        ("-1e9", False),
        ("float(1)", False),
    ],
)
def test_softmax_where_rows_may_be_masked_whole(said: str, shim: bool) -> None:
    text = (
        "import math\nimport numpy as np\nimport torch\n"
        f"def f(x: torch.Tensor, m: torch.Tensor):\n    return x.masked_fill(m, {said}).softmax(-1)\n"
    )
    used = {use.target for use in port_text(text, "torch", "mindspore").uses}
    assert ("softmax" in used, "mindspore.ops.softmax" in used) == (shim, not shim)


@pytest.mark.parametrize(
    "picked,shims",
    [
        ("x[x > 0]", True),
        ("x[m]", True),
        ("x[0, m]", True),
        ("x[torch.nonzero(x)[:, 0]]", True),
        ("x[0]", False),
        ("x[:, 1:]", False),
        ("x[..., None]", False),
    ],
)
def test_sums_of_what_may_be_nothing(picked: str, shims: bool) -> None:
    """MindSpore's sum of no elements is what is in memory: only files that may have such tensors need shims."""
    text = (
        "import torch\nimport torch.nn as nn\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.loss = nn.L1Loss()\n"
        "    def forward(self, x: torch.Tensor, m: torch.Tensor):\n"
        f"        return {picked}.sum() + {picked}.mean() + self.loss(x, m)\n"
    )
    port = port_text(text, "torch", "mindspore")
    used = {use.target for use in port.uses}
    native = {"mindspore.ops.sum", "mindspore.ops.mean", "mindspore.nn.L1Loss"}
    assert used & native == (set() if shims else native)
    assert used >= ({"total", "average", "TorchL1Loss"} if shims else set())
