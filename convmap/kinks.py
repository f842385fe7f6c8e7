"""Finds discrete steps: a sample whose float64 gradient jumps within rounding says nothing of a port.

A ReLU whose input is zero but for rounding has either slope, and both are right. Such a sample is
recognised, proven on the float64 judge by bisection, counted and replaced; never averaged away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from convmap.compare import ROUNDOFF

Key = tuple[str, str]  # kind and name of a tensor
Runs = tuple[np.ndarray, ...]  # of one tensor: in float32, and last the judge's
Judge = Callable[[float, int], dict[Key, np.ndarray]]  # t and the number of a direction: its gradients

NUDGE = 64 * ROUNDOFF  # as far as rounding moves the inside of a deep network, relative
DIRECTIONS = 12
HALVINGS = 16
OFF = 1e-4  # beyond any rounding of a gradient, as a part of its largest value
ZERO = 1e-9  # a gradient this small beside the largest is zero in exact arithmetic


@dataclass(frozen=True)
class Kink:
    """A jump of the float64 gradient: how far, and between points how far apart (relative)."""

    key: Key
    jump: float
    width: float


def suspect(tensors: dict[Key, Runs]) -> tuple[Key, float] | None:
    """Give the gradient that is off by more than rounding, in any run, where all outputs agree."""
    worst: tuple[Key, float] | None = None
    ratio = OFF
    grads = [float(np.abs(r[-1]).max(initial=0.0)) for k, r in tensors.items() if k[0] == "weight gradient"]
    zero = ZERO * max(grads, default=0.0)
    for key, (*runs, truth) in tensors.items():
        if any(run.shape != truth.shape for run in runs):
            return None
        scale = float(np.abs(truth).max(initial=0.0))
        off = max(float(np.abs(np.subtract(run, truth, dtype=np.float64)).max(initial=0.0)) for run in runs)
        if key[0] in ("forward", "buffer"):
            if off > OFF * scale:
                return None
        elif scale > zero and off > ratio * scale:
            worst, ratio = (key, off), off / scale
    return worst


def find_kink(key: Key, off: float, judge: Judge) -> Kink | None:
    """Bisect towards a jump of ``key``'s gradient that explains an error of ``off``; None if there is none.

    ``judge(t, number)`` runs the judge with every weight and input ``v`` at ``v * (1 + t * NUDGE * d)``,
    d the direction of that number. A smooth function's change halves with each step; a jump stays.
    """
    start = judge(0.0, 0)[key]
    for number in range(DIRECTIONS):
        low, high = (0.0, start), (1.0, judge(1.0, number)[key])
        if _apart(low, high) < 0.25 * off:
            continue
        for _ in range(HALVINGS):
            t = (low[0] + high[0]) / 2
            middle = (t, judge(t, number)[key])
            if _apart(low, middle) > _apart(middle, high):
                high = middle
            else:
                low = middle
        if _apart(low, high) > 0.1 * off:
            return Kink(key, _apart(low, high), (high[0] - low[0]) * NUDGE)
    return None


def direction(shapes: list[tuple[int, ...]], number: int) -> list[np.ndarray]:
    """Give the direction of a number: uniform in [-1, 1), the same whenever asked."""
    stream = np.random.RandomState(number)
    return [stream.uniform(-1, 1, shape) for shape in shapes]


def _apart(one: tuple[float, np.ndarray], two: tuple[float, np.ndarray]) -> float:
    return float(np.abs(one[1] - two[1]).max(initial=0.0))
