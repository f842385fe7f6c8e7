"""ONNX's own node tests for Conv and ConvTranspose, as the wheel ships them, on core and judge.

Only the test vectors are used: ONNX's reference evaluator is wrong for groups (1.63 off).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import numpy_helper

from convmap.numerics import bounds, core, reference

NODES = Path(onnx.backend.test.__file__).parent / "data" / "node"
OPERATORS = ("Conv", "ConvTranspose")


class Node(NamedTuple):
    """A model of one convolution: its attributes, inputs and expected output."""

    operator: str
    attributes: dict[str, Any]
    inputs: list[np.ndarray]
    output: np.ndarray


def load(folder: Path) -> Node:
    model = onnx.load(folder / "model.onnx")
    (node,) = model.graph.node
    data = folder / "test_data_set_0"

    def read(kind: str) -> list[np.ndarray]:
        files = sorted(data.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
        return [numpy_helper.to_array(onnx.load_tensor(path)) for path in files]

    (output,) = read("output")
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return Node(node.op_type, attributes, read("input"), output)


def folders() -> list[Path]:
    """Give the tests whose model is one Conv or ConvTranspose, whatever they are called."""
    found = []
    for path in sorted(NODES.glob("*conv*/model.onnx")):
        nodes = onnx.load(path).graph.node
        if any(node.op_type in OPERATORS for node in nodes):
            found.append(path.parent)
    return found


def plan(node: Node) -> dict[str, Any]:
    """Read the attributes into the arguments of the core."""
    known = dict(node.attributes)
    x, w = node.inputs[:2]
    axes = x.ndim - 2
    assert tuple(known.pop("kernel_shape", w.shape[2:])) == w.shape[2:]
    stride, dilation = known.pop("strides", [1] * axes), known.pop("dilations", [1] * axes)
    pads = known.pop("pads", [0] * 2 * axes)
    mode = known.pop("auto_pad", b"NOTSET").decode()
    extra = known.pop("output_padding", [0] * axes)
    wanted = known.pop("output_shape", None)
    how = {"stride": list(stride), "dilation": list(dilation), "groups": known.pop("group", 1)}
    assert not known, f"attributes that nothing reads: {known}"
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:])]
    if node.operator == "Conv":
        totals = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(x.shape[2:], stride, reach)]
    else:
        if mode.startswith("SAME") and wanted is None:
            wanted = [n * s for n, s in zip(x.shape[2:], stride)]
        full = [(n - 1) * s + r + e for n, s, r, e in zip(x.shape[2:], stride, reach, extra)]
        totals = [n - out for n, out in zip(full, wanted[-axes:])] if wanted is not None else [0] * axes
    if mode.startswith("SAME") or wanted is not None:
        # the odd one at the end for SAME_UPPER of both operators and at the beginning for
        # SAME_LOWER; a ConvTranspose that only names its output_shape has it at the beginning, too
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        begins, ends = (small, large) if mode == "SAME_UPPER" else (large, small)
    else:
        begins, ends = pads[:axes], pads[axes:]
    if node.operator == "Conv":
        return {**how, "pads": list(zip(begins, ends))}
    return {**how, "crop": [(b, e - more) for b, e, more in zip(begins, ends, extra)]}


@pytest.mark.parametrize("module", [core, reference], ids=["core", "reference"])
@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.name)
def test_node(folder: Path, module: Any) -> None:
    if len(onnx.load(folder / "model.onnx").graph.node) > 1:
        pytest.skip("a function of several operators, one of them a convolution: no node test of one")
    node = load(folder)
    how = plan(node)
    name = "conv" if node.operator == "Conv" else "conv_transpose"
    run: Callable[..., Any] = getattr(module, name)
    judge = getattr(reference, name)(*node.inputs, **how)
    limit = getattr(bounds, f"{name}_bound")(*node.inputs, dtype="float32", **how)
    found = run(*node.inputs, **how)
    assert node.output.dtype == np.float32 and found.shape == node.output.shape
    # ONNX's numbers and the core's are both roundings of the judge's
    for which, values in (("ONNX", node.output), ("own", found)):
        multiple, at = bounds.worst(values, judge, limit)
        assert multiple <= 1, f"{which}: {multiple} times the bound at {at}"


def test_the_wheel_ships_the_vectors() -> None:
    names = [folder.name for folder in folders()]
    assert sum(name.startswith("test_convtranspose") for name in names) == 11
    assert sum(name.startswith(("test_conv_", "test_basic_conv")) for name in names) == 6
