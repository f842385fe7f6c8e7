"""The judge of a case: its arrays, what float64 makes of them, and how far rounding may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convmap.numerics import bounds, core, reference
from convmap.numerics.bounds import worst
from convmap.parity.cases import Case

NAMES = ("output", "input gradient", "weight gradient", "bias gradient")


@dataclass(frozen=True)
class Arrays:
    """A case's float32 data; ``bias`` None where it has none, ``cotangent`` None without gradients."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray | None
    cotangent: np.ndarray | None


@dataclass(frozen=True)
class Judgement:
    """For each of NAMES: the float64 value and the bound of a float32 one, by element."""

    values: dict[str, np.ndarray]
    bounds: dict[str, np.ndarray]


def arrays_of(case: Case, gradients: bool = True) -> Arrays:
    """Draw a case's data from its seed."""
    stream = np.random.RandomState(case.seed)

    def draw(*shape: int) -> np.ndarray:
        return stream.standard_normal(shape).astype(np.float32)

    x = draw(case.batch, case.in_channels, *case.sizes)
    weight = draw(*case.weight_shape)
    bias = draw(case.out_channels) if case.bias else None
    cotangent = draw(case.batch, case.out_channels, *case.output_sizes) if gradients else None
    return Arrays(x, weight, bias, cotangent)


def judge(case: Case, data: Arrays, engine: Any = core) -> Judgement:
    """Run the case in float64 and derive the bounds; ``engine``: numerics.core or numerics.reference."""
    how = case.geometry
    run = engine.conv_transpose if case.transposed else engine.conv
    limit = bounds.conv_transpose_bound if case.transposed else bounds.conv_bound
    x, weight = data.x.astype(np.float64), data.weight.astype(np.float64)
    bias = None if data.bias is None else data.bias.astype(np.float64)
    values = {"output": run(x, weight, bias, **how)}
    limits = {"output": limit(x, weight, bias, engine=engine, **how)}
    if data.cotangent is not None:
        cotangent = data.cotangent.astype(np.float64)
        back = engine.conv_transpose_gradients if case.transposed else engine.conv_gradients
        limit_back = bounds.conv_transpose_gradient_bounds if case.transposed else bounds.conv_gradient_bounds
        found = zip(back(cotangent, x, weight, **how), limit_back(cotangent, x, weight, engine=engine, **how))
        for name, (value, bound) in zip(NAMES[1:], found):
            if name != "bias gradient" or case.bias:
                values[name], limits[name] = value, bound
    return Judgement(values, limits)


def disagreement(case: Case, data: Arrays, judgement: Judgement) -> str:
    """Check a judgement by the slow reference; name the first tensor that float64 rounding can't explain."""
    slow = judge(case, data, reference)
    for name, value in slow.values.items():
        # The bounds are of float32 roundings; float64's are 2**-29 of them, on both sides.
        if worst(judgement.values[name], value, slow.bounds[name] * 2.0**-28)[0] > 1:
            return f"the {name} of the fast core and of the reference differ in float64"
        if not np.allclose(judgement.bounds[name], slow.bounds[name], rtol=1e-9, atol=0.0):
            return f"the bound of the {name} differs between the fast core and the reference"
    return ""
