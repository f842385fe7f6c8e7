"""Whole numbers, masks and bytes: where the frameworks' calls part by number format, ports give the source's values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dialects import PRELUDE, port_text

from convmap.points import apart
from convmap.rules import load
from convmap.sides import Workers

MAKE = {
    "torch": {"whole": "(x * 3).int()", "mask": "x > 0", "bytes": "(x * 60).abs().to(torch.uint8)"},
    "mindspore": {"whole": "ops.stop_gradient(x * 3).astype(mindspore.int32)", "mask": "x > 0"},
    "megengine": {"whole": "(x * 3).astype('int32')", "mask": "x > 0"},
}
ALL = ("torch", "mindspore", "megengine")
# source, what x is, the call, whether its values are whole numbers
PIECES = [
    ("torch", "whole", "torch.fmod(x, 3)", True),
    ("torch", "whole", "(x * 5).fmod(-3)", True),
    ("torch", "whole", "torch.fmod(x, 2.0)", False),
    ("torch", "mask", "x.max(dim=1, keepdim=True)[0]", True),
    ("torch", "mask", "x.max(1)[1]", True),
    ("torch", "bytes", "x.min(1)[0]", True),
    ("torch", "bytes", "x.min(1)[1]", True),
    ("torch", "bytes", "torch.argmin(x, dim=-1)", True),
    ("torch", "bytes", "torch.topk(x, 2, largest=False).values", True),
    ("torch", "mask", "torch.cumprod(x, 1) + x.cumprod(0)", True),
    ("mindspore", "whole", "ops.mean(x)", True),
    ("mindspore", "whole", "ops.mean(x, 1)", True),
    ("mindspore", "whole", "ops.mean(x, (0, 1))", True),
    ("mindspore", "whole", "x.mean(axis=1, keep_dims=True)", True),
    ("mindspore", "whole", "ops.ReduceMean()(x, 1)", True),
    ("mindspore", "mask", "ops.reduce_sum(x, 1)", True),
    ("mindspore", "mask", "ops.ReduceSum(keep_dims=True)(x, 1)", True),
    ("mindspore", "whole", "ops.ReduceSum()(x, 1)", True),
    ("mindspore", "whole", "ops.clip_by_value(x, -1.5, 1.5)", True),
    ("mindspore", "whole", "ops.clip_by_value(x, -1, 1)", True),
    ("mindspore", "whole", "ops.clip_by_value(x, clip_value_max=0.5)", True),
    ("megengine", "whole", "F.mean(x, 1)", False),
    ("megengine", "mask", "F.mean(x, 1)", False),
    ("megengine", "whole", "x.mean()", False),
    ("megengine", "whole", "F.mod(x, 3)", True),
    ("megengine", "whole", "F.mod(x, -3)", True),
    ("megengine", "whole", "F.mod(x, 2.0)", False),
]
# Loud in torch, which has no mean of whole numbers.
RAISES = {(source, call) for source, _, call, _ in PIECES if "mean" in call.lower() and source != "torch"}


def values_of(framework: str, text: str, folder: Path, pool: Workers, x: np.ndarray) -> list[np.ndarray]:
    file = folder / f"{framework}_side.py"
    file.write_text(text)
    model = pool[framework].ask("load", path=str(file), entry="Net()")["model"]
    answer = pool[framework].ask(
        "run",
        model=model,
        inputs=[x],
        lists=[None],
        train=False,
        noise_seed=0,
        cotangents=None,
        dtype="float32",
    )
    return list(answer["outputs"])


def net(source: str, made: str, call: str) -> str:
    rules = load().framework(source)
    return (
        f"{PRELUDE[source]}\n\nclass Net({rules.module_class}):\n    def {rules.forward}(self, x):\n"
        f"        x = {MAKE[source][made]}\n        return {call}\n"
    )


@pytest.mark.frameworks
@pytest.mark.parametrize("source,made,call,whole", PIECES, ids=[f"{p[0]} {p[1]} {p[2]}" for p in PIECES])
def test_values_and_their_format_stay(
    source: str, made: str, call: str, whole: bool, pool: Workers, tmp_path: Path
) -> None:
    x = np.random.RandomState(1).standard_normal((3, 5)).astype(np.float32) * 2
    text = net(source, made, call)
    (own,) = values_of(source, text, tmp_path, pool, x)
    assert (own.dtype.kind in "iub") == whole
    for target in ALL:
        if target == source:
            continue
        port = port_text(text, source, target)
        assert not any(d.severity == "error" for d in port.diagnostics), port.diagnostics
        if target == "torch" and (source, call) in RAISES:
            with pytest.raises(Exception, match="floating point"):
                values_of(target, port.after, tmp_path, pool, x)
            continue
        (other,) = values_of(target, port.after, tmp_path, pool, x)
        assert not apart(own, other), (target, own, other)
        assert (other.dtype.kind in "iub") == whole, (target, other.dtype)
