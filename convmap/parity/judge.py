"""The judge of a case: its arrays, what float64 makes of them, and how far rounding may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convmap.numerics import bounds, reference
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


def judge(case: Case, data: Arrays) -> Judgement:
    """Run the float64 reference and derive the bounds."""
    how: dict[str, Any] = dict(stride=case.stride, dilation=case.dilation, groups=case.groups)
    how["crop" if case.transposed else "pads"] = case.crop if case.transposed else case.sides
    run = reference.conv_transpose if case.transposed else reference.conv
    limit = bounds.conv_transpose_bound if case.transposed else bounds.conv_bound
    values = {"output": run(data.x, data.weight, data.bias, **how)}
    limits = {"output": limit(data.x, data.weight, data.bias, **how)}
    if data.cotangent is not None:
        back = reference.conv_transpose_gradients if case.transposed else reference.conv_gradients
        limit_back = bounds.conv_transpose_gradient_bounds if case.transposed else bounds.conv_gradient_bounds
        found = zip(back(data.cotangent, data.x, data.weight, **how), limit_back(
            data.cotangent, data.x, data.weight, **how))  # fmt: skip
        for name, (value, bound) in zip(NAMES[1:], found):
            if name != "bias gradient" or case.bias:
                values[name], limits[name] = value, bound
    return Judgement(values, limits)
