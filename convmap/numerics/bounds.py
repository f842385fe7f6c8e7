"""How far a convolution in a short format may lie from the float64 judge, element by element.

Kept apart from any framework: a difference beyond the bound is a mistake, not rounding. The bound
is ``factor * (|x| conv |w| + |b|)``: with n roundings of unit roundoff u on the way to an element,
the factor is the smaller of

- gamma_n = n*u / (1 - n*u), which holds for every order of summation: N. J. Higham, Accuracy and
  Stability of Numerical Algorithms, 2nd ed., SIAM 2002, ch. 3 (lemma 3.1);
- 6*sqrt(n)*u, which holds with high probability for roundings of independent mean zero:
  N. J. Higham and T. Mary, SIAM J. Sci. Comput. 41(5), 2019, A2815-A2835.

n is one for each product that reaches the element (its own rounding and its addition share it, the
first addition being exact), one for the bias and one for rounding the result to the format, which a
longer accumulator does at the end. It is counted by running the judge on ones. The judge's own
float64 rounding and gradual underflow are added. ``engine``: the module whose functions are run, the
reference or the fast core (which has the same). Algorithms that sum other products (Winograd, FFT)
are not covered, nor is flushing of subnormal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convmap.numerics import reference
from convmap.numerics.reference import Array, Gradients

# significand bits (hidden one included) and exponent of the smallest subnormal number
FORMATS = {
    "float16": (11, -24),
    "bfloat16": (8, -133),
    "float32": (24, -149),
    "float64": (53, -1074),
}
JUDGE = "float64"


def unit_roundoff(dtype: str) -> float:
    """Give the largest relative error of one rounding to nearest.

    >>> unit_roundoff("float32") == 2**-24
    True
    """
    if dtype not in FORMATS:
        raise ValueError(f"dtype={dtype!r}: give one of {', '.join(FORMATS)}")
    return float(2.0 ** -FORMATS[dtype][0])


def error_factor(roundings: ArrayLike, dtype: str = "float32") -> Array:
    """Give the smaller of gamma_n and 6*sqrt(n)*u, for each count n.

    >>> bool(error_factor(9, "float32") < error_factor(100, "float32") == 60 * 2**-24)
    True
    """
    n, u = np.asarray(roundings, np.float64), unit_roundoff(dtype)
    with np.errstate(divide="ignore"):
        rigorous = np.where(n * u < 1, n * u / np.abs(1 - n * u), np.inf)
    return np.minimum(rigorous, 6 * np.sqrt(n) * u)


def conv_transpose_bound(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    dtype: str = "float32",
    engine: Any = reference,
    **how: Any,
) -> Array:
    """Bound the error of a transposed convolution; ``how`` as in ``reference.conv_transpose``."""
    return _forward(engine.conv_transpose, x, w, bias, dtype, how)


def conv_bound(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    dtype: str = "float32",
    engine: Any = reference,
    **how: Any,
) -> Array:
    """Bound the error of a plain convolution; ``how`` as in ``reference.conv``."""
    return _forward(engine.conv, x, w, bias, dtype, how)


def conv_transpose_gradient_bounds(
    cotangent: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    dtype: str = "float32",
    engine: Any = reference,
    **how: Any,
) -> Gradients:
    """Bound the errors of the three gradients of a transposed convolution."""
    return _gradients(engine.conv_transpose_gradients, cotangent, x, w, dtype, how)


def conv_gradient_bounds(
    cotangent: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    dtype: str = "float32",
    engine: Any = reference,
    **how: Any,
) -> Gradients:
    """Bound the errors of the three gradients of a plain convolution."""
    return _gradients(engine.conv_gradients, cotangent, x, w, dtype, how)


def worst(actual: ArrayLike, judge: ArrayLike, bound: ArrayLike) -> tuple[float, tuple[int, ...]]:
    """Give the largest distance in multiples of the bound, and where it is.

    Above 1 is a mistake. A value or bound that is not finite, or any difference where the bound is
    zero, counts as infinitely far. Nothing to compare is an error, as are shapes that differ.

    >>> worst([1.0, 2.5], [1.0, 2.0], [0.0, 0.25])
    (2.0, (1,))
    """
    a, j, b = (np.asarray(v, np.float64) for v in (actual, judge, bound))
    if not a.shape == j.shape == b.shape or not a.size:
        raise ValueError(
            f"shapes {a.shape}, {j.shape} and {b.shape} of values, judge and bound: "
            f"give equal ones that are not empty"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(a - j)
        multiples = np.where(distance == 0, 0.0, distance / b)
    multiples[~(np.isfinite(multiples) & np.isfinite(b))] = np.inf
    at = np.unravel_index(int(multiples.argmax()), multiples.shape)
    return float(multiples[at]), tuple(map(int, at))


def _forward(
    run: Callable[..., Array],
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None,
    dtype: str,
    how: dict[str, Any],
) -> Array:
    arrays = [None if a is None else np.abs(np.asarray(a, np.float64)) for a in (x, w, bias)]
    size = run(*arrays, **how)
    count = run(*(None if a is None else np.ones_like(a) for a in arrays), **how)
    return _bound(count, size, dtype)


def _gradients(
    run: Callable[..., Gradients],
    cotangent: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    dtype: str,
    how: dict[str, Any],
) -> Gradients:
    arrays = [np.abs(np.asarray(a, np.float64)) for a in (cotangent, x, w)]
    sizes = run(*arrays, **how)
    counts = run(*map(np.ones_like, arrays), **how)
    return Gradients(*(_bound(c, s, dtype) for c, s in zip(counts, sizes)))


def _bound(count: Array, size: Array, dtype: str) -> Array:
    """Bound elements that ``count`` terms reach; an element that none reaches is exactly zero."""
    roundings = np.where(count > 0, count + 1, 0)
    factor = error_factor(roundings, dtype) + error_factor(count, JUDGE)
    return np.asarray(factor * size + roundings * 2.0 ** FORMATS[dtype][1])
