"""Single inputs at which frameworks part, and drawn values never are: zeros, bends, values that overflow.

What is looked for there is another slope, a NaN or a value that was cut off, not rounding, which drawn values
judge: PART of the scale is let through.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convmap.errors import ConvmapError
from convmap.inputs import Case, Inputs, make_inputs
from convmap.sides import Sides

PART = 2e-3  # what approximations of exp (7e-6) and tanh (1e-4) grow to in these runs, with room
# Each makes an input from a drawn one. The bends of activations are at multiples of a half up to 6.
POINTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "minus ones": lambda drawn: -np.ones_like(drawn),
    "halves": lambda drawn: np.round(drawn * 6) / 2,
    "large": lambda drawn: drawn * 200,
}


def off_at(sides: Sides, case: Case, mode: str, seed: int) -> dict[str, list[str]]:
    """Give, for each point where the two differ, the tensors that do and how; weights are as last set.

    A point at which the source raises is left out.
    """
    found = {}
    drawn = make_inputs(case.inputs, np.random.RandomState(seed))
    for name, change in POINTS.items():
        arrays = tuple(change(a).astype(a.dtype) if a.dtype.kind == "f" else a for a in drawn.arrays)
        try:
            runs = sides.both(Inputs(arrays, drawn.lists), mode, seed)
        except ConvmapError as error:
            found[name] = [f"raises: {error}"]
            continue
        parts = {f"{kind}, {tensor}": apart(*each) for (kind, tensor), each in runs.items()}
        if any(parts.values()):
            found[name] = [f"{tensor}: {how}" for tensor, how in parts.items() if how]
    return found


def apart(own: np.ndarray, other: np.ndarray) -> str:
    """Say how ``other`` is off torch's own; "" where it is not.

    >>> apart(np.array([0.0, np.inf]), np.array([np.nan, np.inf]))
    '1 of 2 NaN, 0 in torch'
    """
    if own.size == other.size == 1:
        other = other.reshape(own.shape)  # MegEngine has no tensors without axes
    if own.shape != other.shape:
        return f"shape {other.shape}, {own.shape} in torch"
    own, other = own.astype(np.float64), other.astype(np.float64)
    for what, test in (("NaN", np.isnan), ("infinite", np.isinf)):
        mine, theirs = test(own), test(other)
        if (mine != theirs).any():
            return f"{theirs.sum()} of {own.size} {what}, {mine.sum()} in torch"
    finite = np.isfinite(own)
    if not np.array_equal(own[~finite], other[~finite], equal_nan=True):
        return "infinite, of the other sign"
    if not finite.any():
        return ""
    scale = max(float(np.abs(own[finite]).max()), 1.0)  # inputs and cotangents are of the order of 1
    error = float(np.abs(own[finite] - other[finite]).max())
    return "" if error <= PART * scale else f"{error:.2g} off, at a scale of {scale:.2g}"
