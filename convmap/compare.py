"""How close is equal, for a whole model: both sides against a float64 run of the same model.

The judge is torch in float64. With e the distance of torch's own float32 runs from the judge (its two
convolution libraries, and one by one for the gradients of vectors: orders of summing that differ),
the other framework may be at most 8 e plus the unit roundoff times the tensor's scale away, in the
maximum norm and in the 2-norm (DESIGN.md, Evidence).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GROWTH = 8.0
ROUNDOFF = float(np.finfo(np.float32).eps) / 2


@dataclass(frozen=True)
class Comparison:
    """One tensor: the error as a multiple of what it may be; at most 1 holds."""

    name: str
    kind: str  # forward, input gradient, weight gradient, buffer
    multiple: float
    error: float
    bound: float
    problem: str = ""
    furthest: float = 0.0  # the largest difference of one element

    @property
    def holds(self) -> bool:
        return not self.problem and self.multiple <= 1.0


def compare(
    name: str,
    kind: str,
    own: Sequence[np.ndarray],
    other: np.ndarray,
    judge: np.ndarray,
    accuracy: float = 0.0,
) -> Comparison:
    """Compare one tensor: ``own``, the runs of the judge's framework in float32, and the other's run.

    Shapes must agree, layouts having been undone before. ``accuracy``: for a single call that is
    known to be an approximation, its measured error. Infinities that all runs share are right.
    """
    if any(run.shape != judge.shape for run in (*own, other)):
        shapes = f"shapes {judge.shape} in torch, {other.shape} in the other framework"
        return Comparison(name, kind, float("inf"), float("inf"), 0.0, shapes)
    infinite = np.isinf(judge)
    if infinite.any() and all(np.array_equal(run[infinite], judge[infinite]) for run in (*own, other)):
        # A mask, say: the same infinities in all runs. The other values are what is compared.
        own, other, judge = [run[~infinite] for run in own], other[~infinite], judge[~infinite]
    judge = judge.astype(np.float64)  # bools and whole numbers too
    with np.errstate(invalid="ignore"):  # infinities that differ: said below
        off = other.astype(np.float64) - judge
        away = [run.astype(np.float64) - judge for run in own]
    if judge.size == 0:
        return Comparison(name, kind, 0.0, 0.0, 0.0)
    if not np.isfinite(off).all():
        return Comparison(name, kind, float("inf"), float("inf"), 0.0, "values that are not finite")
    scale = float(np.abs(judge).max())
    furthest = max(float(np.abs(run).max()) for run in away)
    if kind in ("forward", "buffer") and not furthest <= scale * ROUNDOFF**0.5:
        # A bound from such a run would hide anything. Gradients that are zero in exact
        # arithmetic (a bias before a batch norm) are all rounding, and are judged all the same.
        problem = (
            f"no verdict: torch itself is {furthest:.1e} from its float64 run, at a scale of {scale:.1e}"
        )
        return Comparison(name, kind, float("inf"), float(np.abs(off).max()), 0.0, problem)
    worst, largest, bound = 0.0, 0.0, 0.0
    for norm in (_maximum, _length):
        allowed = GROWTH * max(map(norm, away)) + (ROUNDOFF + accuracy) * norm(judge)
        error = norm(off)
        multiple = 0.0 if error == 0 else error / allowed if allowed > 0 else float("inf")
        if multiple >= worst:
            worst, largest, bound = multiple, error, allowed
    problem = pattern(other, judge) if worst > 1 else ""
    return Comparison(name, kind, worst, largest, bound, problem, _maximum(off))


def _maximum(array: np.ndarray) -> float:
    return float(np.abs(array).max())


def _length(array: np.ndarray) -> float:
    return float(np.linalg.norm(array.ravel()))


def pattern(target: np.ndarray, judge: np.ndarray) -> str:
    """Name what a difference looks like: zeros at the end, a shift by one, a lost bias."""
    target = target.astype(np.float64)
    worst = float(np.abs(target - judge).max())
    scale = float(np.abs(judge).max()) or 1.0
    if worst < 1e-4 * scale:
        return f"rounding: {worst / scale:.1e} of the scale, more than the source's own rounding explains"
    close = 1e-3 * worst
    for axis in range(2, judge.ndim):
        last = tuple(slice(None) if a != axis else slice(-1, None) for a in range(judge.ndim))
        if np.abs(target[last]).max() == 0 < np.abs(judge[last]).max():
            return f"the last row of axis {axis} is zero"
        if judge.shape[axis] > 2:
            for a, b in ((target, judge), (judge, target)):
                ahead = np.take(a, range(1, a.shape[axis]), axis)
                behind = np.take(b, range(0, b.shape[axis] - 1), axis)
                if np.abs(ahead - behind).max() < close:
                    return f"shifted by one along axis {axis}"
    if judge.ndim > 2:
        per_channel = (target - judge).reshape(judge.shape[0], judge.shape[1], -1)
        if np.ptp(per_channel, axis=(0, 2)).max() < close:
            return "off by one constant for each channel: a bias is missing or doubled"
    return "values differ"
