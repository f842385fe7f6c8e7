"""Compares what initialisers draw on both sides: by distribution, never by lucky seeds."""

from __future__ import annotations

import math

import numpy as np

FALSE_ALARMS = 1e-7  # of each test, where both sides draw alike


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Give how far two samples of equal size are apart, in units of what chance explains.

    The largest of three tests at FALSE_ALARMS: Smirnov's two-sample test of the distributions (Smirnov
    1948; the limit is sqrt(-ln(p / 2) / n)), and the means and variances by their standard errors. Equal
    constants are 0 apart. Raises ValueError where the sizes differ.
    """
    a, b = (np.sort(x.astype(np.float64).ravel()) for x in (one, other))
    if a.size != b.size:
        raise ValueError(f"{a.size} and {b.size} values")
    if a[0] == a[-1] or b[0] == b[-1]:
        return 0.0 if a[0] == b[0] and a[-1] == b[-1] else math.inf
    both = np.concatenate([a, b])
    steps = (np.searchsorted(x, both, side="right") / x.size for x in (a, b))
    smirnov = float(np.abs(np.subtract(*steps)).max()) / math.sqrt(-math.log(FALSE_ALARMS / 2) / a.size)
    # The normal quantile of FALSE_ALARMS, by its tail bound: p = exp(-z^2 / 2).
    z = math.sqrt(-2 * math.log(FALSE_ALARMS))
    centred = [x - x.mean() for x in (a, b)]
    variances = [float((x**2).mean()) for x in centred]
    fourth = [float((x**4).mean()) - v * v for x, v in zip(centred, variances)]
    mean = abs(float(a.mean() - b.mean())) / (z * math.sqrt(sum(variances) / a.size))
    variance = abs(variances[0] - variances[1]) / (z * math.sqrt(max(sum(fourth), 1e-300) / a.size))
    return max(smirnov, mean, variance)
