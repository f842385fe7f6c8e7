"""The error bounds: what rounds honestly stays within, what computes other numbers does not."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convmap.numerics.bounds import (
    FORMATS,
    conv_bound,
    conv_gradient_bounds,
    conv_transpose_bound,
    conv_transpose_gradient_bounds,
    error_factor,
    unit_roundoff,
    worst,
)
from convmap.numerics.reference import (
    Gradients,
    conv,
    conv_gradients,
    conv_transpose,
    conv_transpose_gradients,
)

SHORT = {"float16": np.float16, "float32": np.float32}


def positions_flat(a: np.ndarray) -> np.ndarray:
    return a.reshape(*a.shape[:2], -1)


class Short:
    """Both convolutions in a short format, by strided slices: a route the judge does not take."""

    def __init__(self, x: np.ndarray, w: np.ndarray, how: dict[str, Any]) -> None:
        self.x, self.w, self.groups = x, w, how["groups"]
        self.stride, self.dilation = how["stride"], how["dilation"]
        self.wide_first = "crop" in how
        # begin and end of the wide array that are cut off (positive) or are zeros (negative)
        sign = 1 if self.wide_first else -1
        self.cuts = [(sign * b, sign * e) for b, e in how.get("crop", how.get("pads"))]

    def views(self, narrow: np.ndarray, wide: np.ndarray) -> Any:
        """Give, for each group and tap, the views that the tap multiplies."""
        rows, columns = self.w.shape[0] // self.groups, self.w.shape[1]
        for g, tap in itertools.product(range(self.groups), np.ndindex(*self.w.shape[2:])):
            steps = tuple(
                slice(t * d, t * d + (n - 1) * s + 1, s)
                for t, d, n, s in zip(tap, self.dilation, narrow.shape[2:], self.stride)
            )
            a, b = slice(g * rows, (g + 1) * rows), slice(g * columns, (g + 1) * columns)
            yield (a, slice(None), *tap), narrow[:, a], wide[(slice(None), b, *steps)]

    def full(self) -> np.ndarray:
        sizes = self.x.shape[2:]
        if self.wide_first:
            numbers = zip(sizes, self.w.shape[2:], self.stride, self.dilation)
            sizes = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in numbers]
            return np.zeros((len(self.x), self.w.shape[1] * self.groups, *sizes), self.x.dtype)
        return self.cut(self.x, self.cuts)

    def cut(self, a: np.ndarray, cuts: list[tuple[int, int]]) -> np.ndarray:
        a = np.pad(a, [(0, 0), (0, 0), *((max(-b, 0), max(-e, 0)) for b, e in cuts)])
        keep = (slice(max(b, 0), n - max(e, 0)) for n, (b, e) in zip(a.shape[2:], cuts))
        return a[(..., *keep)].copy()

    def forward(self, bias: np.ndarray) -> np.ndarray:
        wide = self.full()
        if self.wide_first:
            for tap, part, target in self.views(self.x, wide):
                target += np.einsum("ni...,io->no...", part, self.w[tap])
            out = self.cut(wide, self.cuts)
        else:
            numbers = zip(wide.shape[2:], self.w.shape[2:], self.stride, self.dilation)
            sizes = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in numbers]
            out = np.zeros((len(self.x), self.w.shape[0], *sizes), self.x.dtype)
            for tap, target, part in self.views(out, wide):
                target += np.einsum("ni...,oi->no...", part, self.w[tap])
        return out + bias.reshape(-1, *[1] * (out.ndim - 2))

    def gradients(self, c: np.ndarray) -> Gradients:
        back = [(-b, -e) for b, e in self.cuts]
        gw = np.zeros_like(self.w)
        if self.wide_first:
            wide, narrow, gx = self.cut(c, back), self.x, np.zeros_like(self.x)
            for tap, target, part in self.views(gx, wide):
                target += np.einsum("no...,io->ni...", part, self.w[tap])
        else:
            wide, narrow, gx = self.full(), c, np.zeros_like(self.full())
            for tap, part, target in self.views(c, gx):
                target += np.einsum("no...,oi->ni...", part, self.w[tap])
            gx = self.cut(gx, back)
        for tap, part, other in self.views(narrow, wide):
            gw[tap] += np.einsum("nap,nbp->ab", *map(positions_flat, (part, other)))
        return Gradients(gx, gw, c.sum(axis=(0, *range(2, c.ndim))))


def normal(stream: np.random.RandomState, dtype: str, *shape: int) -> np.ndarray:
    return stream.standard_normal(shape).astype(SHORT[dtype])


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, bool, list[int], list[int], dict[str, Any], int]:
    """Give format, direction, shapes of x and w, the other arguments, and a seed."""
    axes = draw(st.integers(1, 3))
    transposed = draw(st.booleans())

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes))

    groups = draw(st.integers(1, 3))
    narrow, wide = (draw(st.integers(1, 9)) * groups for _ in range(2))
    kernel, size = each(1, 5 - axes), each(1, 6 - axes)
    stride, dilation = each(1, 3), each(1, 2)
    ends = list(zip(each(-1, 2), each(-1, 2)))
    if transposed:
        out = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in zip(size, kernel, stride, dilation)]
        assume(all(n > b + e for n, (b, e) in zip(out, ends)))
    else:
        for n, k, d, (begin, end) in zip(size, kernel, dilation, ends):
            assume(n + begin + end > d * (k - 1))
    how = {"stride": stride, "dilation": dilation, "groups": groups}
    how["crop" if transposed else "pads"] = ends
    x = [draw(st.integers(1, 3)), narrow if transposed else wide, *size]
    w = [narrow, wide // groups, *kernel]
    return draw(st.sampled_from(list(SHORT))), transposed, x, w, how, draw(st.integers(0, 2**16))


@settings(deadline=None, max_examples=100)
@given(calls())
def test_rounding_stays_within(call: Any) -> None:
    dtype, transposed, x_shape, w_shape, how, seed = call
    stream = np.random.RandomState(seed)
    x, w = normal(stream, dtype, *x_shape), normal(stream, dtype, *w_shape)
    bias = normal(stream, dtype, w_shape[1] * how["groups"] if transposed else w_shape[0])
    forward, bound = (conv_transpose, conv_transpose_bound) if transposed else (conv, conv_bound)
    short = Short(x, w, how)
    found = short.forward(bias)
    assert found.dtype == SHORT[dtype]
    multiple, at = worst(found, forward(x, w, bias, **how), bound(x, w, bias, dtype=dtype, **how))
    assert multiple <= 1, f"{multiple} at {at}"

    cotangent = normal(stream, dtype, *found.shape)
    judge, bounds = (
        (conv_transpose_gradients, conv_transpose_gradient_bounds)
        if transposed
        else (conv_gradients, conv_gradient_bounds)
    )
    for name, short_one, right, limit in zip(
        Gradients._fields,
        short.gradients(cotangent),
        judge(cotangent, x, w, **how),
        bounds(cotangent, x, w, dtype=dtype, **how),
    ):
        multiple, at = worst(short_one, right, limit)
        assert multiple <= 1, f"{name}: {multiple} at {at}"


def test_float64_in_another_order_stays_within() -> None:
    """The judge rounds as well: against it, the bound of float64 has room for both."""
    stream = np.random.RandomState(0)
    x, w = stream.standard_normal((2, 9, 7, 6)), stream.standard_normal((9, 3, 5, 3))
    how = {"stride": 2, "crop": [(1, 0), (2, 1)]}
    limit = conv_transpose_bound(x, w, dtype="float64", **how)
    judge = conv_transpose(x, w, **how)
    other = conv_transpose(x[:, ::-1].copy(), w[::-1].copy(), **how)
    assert (judge != other).any(), "nothing rounded differently: nothing was tested"
    assert worst(other, judge, limit)[0] <= 1
    assert worst(other * (1 + 1e-12), judge, limit)[0] > 1


# Planted faults, on float32 data over several shapes.

SHAPES = {
    "1d": ((2, 8, 9), (8, 4, 4), {"stride": [2], "dilation": [1], "groups": 1, "crop": [(1, 1)]}),
    "2d": (
        (2, 16, 8, 7),
        (16, 6, 3, 3),
        {"stride": [2, 2], "dilation": [1, 1], "groups": 1, "crop": [(1, 0), (1, 0)]},
    ),
    "2d groups": (
        (1, 8, 5, 5),
        (8, 2, 4, 3),
        {"stride": [3, 1], "dilation": [1, 2], "groups": 4, "crop": [(1, 1), (2, 1)]},
    ),
    "3d": (
        (1, 12, 4, 3, 4),
        (12, 3, 2, 3, 2),
        {"stride": [2, 2, 2], "dilation": [1, 1, 1], "groups": 1, "crop": [(0, 0)] * 3},
    ),
}


def keep_bits(a: np.ndarray, bits: int) -> np.ndarray:
    """Round to a significand of so many bits, the hidden one included."""
    significand, exponent = np.frexp(a)
    return np.ldexp(np.round(np.ldexp(significand, bits)), exponent - bits).astype(a.dtype)


def dropped(w: np.ndarray) -> np.ndarray:
    w = w.copy()
    w.flat[w.size // 2] = 0
    return w


def zero_end(out: np.ndarray) -> np.ndarray:
    out = out.copy()
    out[..., -1] = 0
    return out


FAULTS = {
    "shifted by one": lambda x, w, b, how: np.roll(Short(x, w, how).forward(b), 1, -1),
    "one weight dropped": lambda x, w, b, how: Short(x, dropped(w), how).forward(b),
    "last row zero": lambda x, w, b, how: zero_end(Short(x, w, how).forward(b)),
    "kernel flipped": lambda x, w, b, how: Short(x, np.flip(w, -1), how).forward(b),
    "no bias": lambda x, w, b, how: Short(x, w, how).forward(0 * b),
    "TF32 inputs": lambda x, w, b, how: Short(keep_bits(x, 11), w, how).forward(b),
    "bfloat16 weights": lambda x, w, b, how: Short(x, keep_bits(w, 8), how).forward(b),
    "one infinite": lambda x, w, b, how: Short(x, w * np.float32(1e38), how).forward(b),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_outside(fault: str, shape: str) -> None:
    x_shape, w_shape, how = SHAPES[shape]
    for seed in range(5):
        stream = np.random.RandomState(seed)
        x, w = normal(stream, "float32", *x_shape), normal(stream, "float32", *w_shape)
        bias = normal(stream, "float32", w_shape[1] * how["groups"])
        judge, limit = conv_transpose(x, w, bias, **how), conv_transpose_bound(x, w, bias, **how)
        assert worst(Short(x, w, how).forward(bias), judge, limit)[0] <= 1
        with np.errstate(over="ignore", invalid="ignore"):
            wrong = FAULTS[fault](x, w, bias, how)
        assert worst(wrong, judge, limit)[0] > 1


@pytest.mark.parametrize("name", Gradients._fields)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_with_a_missing_sample_or_position_is_outside(shape: str, name: str) -> None:
    x_shape, w_shape, how = SHAPES[shape]
    stream = np.random.RandomState(0)
    x, w = normal(stream, "float32", *x_shape), normal(stream, "float32", *w_shape)
    cotangent = normal(stream, "float32", *conv_transpose(x, w, **how).shape)
    judge = getattr(conv_transpose_gradients(cotangent, x, w, **how), name)
    limit = getattr(conv_transpose_gradient_bounds(cotangent, x, w, **how), name)
    short = Short(x, w, how)
    assert worst(getattr(short.gradients(cotangent), name), judge, limit)[0] <= 1
    cotangent.flat[cotangent.size // 2] = 0
    assert worst(getattr(short.gradients(cotangent), name), judge, limit)[0] > 1


# The bound itself.


def test_counts_are_of_the_products_that_reach_an_element() -> None:
    x, w = np.ones((1, 2, 2)), np.ones((2, 1, 3))
    u = unit_roundoff("float32")

    def expected(terms: int) -> float:
        roundings = terms + 1
        own = terms * 2.0**-53 / (1 - terms * 2.0**-53)
        return terms * (roundings * u / (1 - roundings * u) + own) + roundings * 2.0**-149

    # two channels; the middle positions get two taps of the three, the bias is one term more
    bound = conv_transpose_bound(x, w)
    np.testing.assert_allclose(bound[0, 0], [expected(n) for n in (2, 4, 4, 2)], rtol=1e-14)
    bound = conv_transpose_bound(x, w, [1.0])
    np.testing.assert_allclose(bound[0, 0], [expected(n) for n in (3, 5, 5, 3)], rtol=1e-14)
    found = conv_transpose_gradient_bounds(np.ones((1, 1, 4)), x, w)
    np.testing.assert_allclose(found.input, np.full((1, 2, 2), expected(3)), rtol=1e-14)
    np.testing.assert_allclose(found.weight, np.full((2, 1, 3), expected(2)), rtol=1e-14)
    np.testing.assert_allclose(found.bias, [expected(4)], rtol=1e-14)


def test_an_element_that_nothing_reaches_is_exact() -> None:
    x, w = np.ones((1, 1, 2)), np.ones((1, 1, 1))
    bound = conv_transpose_bound(x, w, stride=2, crop=[(0, -1)])
    assert (bound[0, 0] == 0).tolist() == [False, True, False, True]
    judge = conv_transpose(x, w, stride=2, crop=[(0, -1)])
    assert worst(judge, judge, bound)[0] == 0
    assert worst(judge + [0, 0, 0, 1e-30], judge, bound) == (math.inf, (0, 0, 3))


@pytest.mark.parametrize("terms", [10, 20, 30])
def test_the_bound_is_nearly_reached(terms: int) -> None:
    """1 + u + u + ... rounds down to even each time: no smaller bound would do."""
    x = np.ones((1, terms, 1), np.float16)
    w = np.full((1, terms, 1), unit_roundoff("float16"), np.float16)
    w[0, 0] = 1
    total = np.float16(0)
    for product in (x[0, :, 0] * w[0, :, 0]).tolist():
        total = np.float16(total + np.float16(product))
    multiple, _ = worst([[[total]]], conv(x, w), conv_bound(x, w, dtype="float16"))
    # terms - 1 roundings went astray of the terms + 1 that are allowed for
    assert (terms - 2) / (terms + 1) < multiple <= 1


def test_underflow_is_allowed_for() -> None:
    """2**-14 * 2**-12 is below half of float16's smallest number: the product is lost whole."""
    x = np.full((1, 1, 1), 2.0**-14, np.float16)
    w = np.full((1, 1, 1), 2.0**-12, np.float16)
    found = x * w
    assert found.item() == 0
    assert worst(found, conv(x, w), conv_bound(x, w, dtype="float16"))[0] <= 1
    assert worst(found + np.float16(1e-6), conv(x, w), conv_bound(x, w, dtype="float16"))[0] > 1


def test_the_smaller_factor_is_taken() -> None:
    u = unit_roundoff("float32")
    assert error_factor(35) == 35 * u / (1 - 35 * u)
    assert error_factor(400) == 120 * u
    assert error_factor(0) == 0
    # beyond 1/u roundings the rigorous form says nothing
    assert error_factor(4096, "float16") == 6 * 64 * 2.0**-11


def test_formats_are_those_of_numpy() -> None:
    for name in ("float16", "float32", "float64"):
        bits, smallest = FORMATS[name]
        assert unit_roundoff(name) == np.finfo(name).eps / 2
        assert 2.0**-bits == np.finfo(name).eps / 2
        assert 2.0**smallest == np.finfo(name).smallest_subnormal
    with pytest.raises(ValueError, match="dtype='int8': give one of float16, bfloat16"):
        conv_bound(np.ones((1, 1, 1)), np.ones((1, 1, 1)), dtype="int8")


def test_worst_lets_nothing_pass_unseen() -> None:
    one = np.ones((2, 3))
    assert worst(one, one, one) == (0.0, (0, 0))
    for broken in (math.nan, math.inf):
        value = one.copy()
        value[1, 2] = broken
        assert worst(value, one, one) == (math.inf, (1, 2))
        assert worst(value, value, one) == (math.inf, (1, 2))
    value[1, 2] = math.nan
    assert worst(one, one + 1, value) == (math.inf, (1, 2))
    # a bound that overflowed allows nothing either
    value[1, 2] = math.inf
    assert worst(one, one + 1, value) == (math.inf, (1, 2))
    with pytest.raises(ValueError, match="give equal ones"):
        worst(one, one[:1], one)
    with pytest.raises(ValueError, match="not empty"):
        worst(one[:0], one[:0], one[:0])
