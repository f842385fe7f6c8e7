"""How close is equal, for a whole model: both sides against a float64 run of the same model.

With e the source's own distance from the judge in float32, the target may be at most 8 e plus the
unit roundoff times the tensor's scale away, in the maximum norm and in the 2-norm (DESIGN.md,
Evidence).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GROWTH = 8.0
ROUNDOFF = float(np.finfo(np.float32).eps) / 2


@dataclass(frozen=True)
class Comparison:
    """One tensor: the target's error as a multiple of what it may be; at most 1 holds."""

    name: str
    kind: str  # forward, input gradient, weight gradient, buffer
    multiple: float
    error: float
    bound: float
    problem: str = ""

    @property
    def holds(self) -> bool:
        return not self.problem and self.multiple <= 1.0


def compare(
    name: str, kind: str, source: np.ndarray, target: np.ndarray, judge: np.ndarray, accuracy: float = 0.0
) -> Comparison:
    """Compare one tensor of three runs; shapes must agree, layouts having been undone before.

    ``accuracy``: for a single call that is known to be an approximation, its measured error.
    """
    if target.shape != judge.shape or source.shape != judge.shape:
        shapes = f"shapes {source.shape} in the source, {target.shape} in the target"
        return Comparison(name, kind, float("inf"), float("inf"), 0.0, shapes)
    judge = judge.astype(np.float64)
    off = target.astype(np.float64) - judge
    own = source.astype(np.float64) - judge
    if judge.size == 0:
        return Comparison(name, kind, 0.0, 0.0, 0.0)
    if not np.isfinite(off).all():
        return Comparison(name, kind, float("inf"), float("inf"), 0.0, "values that are not finite")
    scale = float(np.abs(judge).max())
    if kind in ("forward", "buffer") and np.abs(own).max() > scale * ROUNDOFF**0.5:
        # A bound from such a source would hide anything. Gradients that are zero in exact
        # arithmetic (a bias before a batch norm) are all rounding, and are judged all the same.
        away = float(np.abs(own).max())
        problem = f"no verdict: the source itself is {away:.1e} from the judge, at a scale of {scale:.1e}"
        return Comparison(name, kind, float("inf"), float(np.abs(off).max()), 0.0, problem)
    worst, largest, bound = 0.0, 0.0, 0.0
    for norm in (lambda a: float(np.abs(a).max()), lambda a: float(np.linalg.norm(a.ravel()))):
        allowed = GROWTH * norm(own) + (ROUNDOFF + accuracy) * norm(judge)
        error = norm(off)
        multiple = 0.0 if error == 0 else error / allowed if allowed > 0 else float("inf")
        if multiple >= worst:
            worst, largest, bound = multiple, error, allowed
    return Comparison(name, kind, worst, largest, bound, pattern(target, judge) if worst > 1 else "")


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
