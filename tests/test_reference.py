"""The judge against itself: two formulations, gradients by adjoint, and the known examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convmap.numerics.reference import conv, conv_transpose, conv_transpose_gather


@st.composite
def geometries(draw: st.DrawFn) -> dict:
    axes = draw(st.integers(1, 3))
    pick = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(axes))  # noqa: E731
    kernel, stride, dilation = pick(1, 3), pick(1, 3), pick(1, 2)
    padding = tuple(draw(st.integers(0, d * (k - 1))) for k, d in zip(kernel, dilation))
    extra = tuple(draw(st.integers(0, 3)) for _ in range(axes))
    size = pick(2, 3)
    full = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(size, stride, dilation, kernel)]
    assume(all(n > 2 * p for n, p in zip(full, padding)))
    return dict(kernel=kernel, stride=stride, dilation=dilation, padding=padding, extra=extra,
                groups=draw(st.sampled_from([1, 2])), size=size, seed=draw(st.integers(0, 99)))  # fmt: skip


def data(g: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    stream = np.random.RandomState(g["seed"])
    x = stream.randint(-5, 6, (2, 4, *g["size"]))
    w = stream.randint(-5, 6, (4, 3, *g["kernel"]))
    return x, w, stream.randint(-5, 6, 3 * g["groups"])


@settings(max_examples=60, deadline=None)
@given(geometries())
def test_scatter_and_gather_agree(g: dict) -> None:
    x, w, bias = data(g)
    crop = [(p, p - e) for p, e in zip(g["padding"], g["extra"])]
    one = conv_transpose(x, w, bias, g["stride"], g["dilation"], g["groups"], crop)
    two = conv_transpose_gather(x, w, bias, g["stride"], g["dilation"], g["groups"], g["padding"], g["extra"])
    assert np.array_equal(one, two)


@settings(max_examples=40, deadline=None)
@given(geometries())
def test_transposed_is_the_adjoint_of_plain(g: dict) -> None:
    x, w, _ = data(g)
    crop = [(p, p) for p in g["padding"]]
    y = conv_transpose(x, w, None, g["stride"], g["dilation"], g["groups"], crop)
    z = np.random.RandomState(1).randint(-5, 6, y.shape)
    # The same weight array, read o i/groups *kernel, is the plain convolution's.
    back = conv(z, w, None, g["stride"], g["dilation"], g["groups"], crop)
    assert back.shape == x.shape and (y * z).sum() == (x * back).sum()


SEEDS = [  # input, weight, stride, padding, output padding, output (FACTS.md, Seed cases)
    ((1, 3, 16, 50), (3, 8, 4, 4), (1, 1), (2, 4), (0, 0), (1, 8, 15, 45)),
    ((1, 3, 16, 50), (3, 8, 5, 5), (3, 3), (2, 2), (2, 2), (1, 8, 48, 150)),
    ((1, 3, 16, 50), (3, 8, 5, 5), (3, 3), (0, 0), (0, 0), (1, 8, 50, 152)),
    ((1, 3, 48, 48), (3, 4, 3, 3), (2, 2), (1, 1), (1, 1), (1, 4, 96, 96)),
    ((1, 3, 50), (3, 8, 4), (1,), (0,), (0,), (1, 8, 53)),
    ((1, 3, 50), (3, 8, 5), (3,), (2,), (2,), (1, 8, 150)),
    ((1, 3, 50), (3, 8, 5), (3,), (0,), (0,), (1, 8, 152)),
    ((1, 1, 5, 5), (1, 1, 3, 3), (3, 3), (0, 0), (0, 0), (1, 1, 15, 15)),
    ((1, 1, 4, 6), (1, 1, 3, 3), (2, 2), (1, 1), (1, 1), (1, 1, 8, 12)),
    ((2, 3, 32, 32), (3, 4, 3, 3), (2, 2), (1, 1), (0, 0), (2, 4, 63, 63)),
]


@pytest.mark.parametrize("shape,weight,stride,padding,extra,expected", SEEDS)
def test_seed_cases(shape, weight, stride, padding, extra, expected) -> None:  # type: ignore[no-untyped-def]
    stream = np.random.RandomState(0)
    x, w = stream.randint(-9, 10, shape), stream.randint(-9, 10, weight)
    ones = (1,) * len(stride)
    crop = [(p, p - e) for p, e in zip(padding, extra)]
    y = conv_transpose(x, w, None, stride, ones, 1, crop)
    assert y.shape == expected
    assert np.array_equal(y, conv_transpose_gather(x, w, None, stride, ones, 1, padding, extra))
    if any(extra):
        # The documented recipe (zeros behind the call) agrees inside and is wrong at the end.
        short = conv_transpose(x, w, None, stride, ones, 1, [(p, p) for p in padding])
        recipe = np.pad(short, [(0, 0), (0, 0), *((0, e) for e in extra)])
        inside = (..., *(slice(0, n) for n in short.shape[2:]))
        assert recipe.shape == y.shape and np.array_equal(recipe[inside], y[inside])
        assert not np.array_equal(recipe[..., -1], y[..., -1])


def test_same_is_shifted_against_the_symmetric_padding() -> None:
    """MindSpore's 'same' for k=5, s=3 crops 1 at both ends; padding=2, output_padding=2 crops 2 and 0."""
    stream = np.random.RandomState(0)
    x, w = stream.standard_normal((1, 3, 16, 50)), stream.standard_normal((3, 8, 5, 5))
    same = conv_transpose(x, w, None, (3, 3), (1, 1), 1, [(1, 1)] * 2)
    other = conv_transpose(x, w, None, (3, 3), (1, 1), 1, [(2, 0)] * 2)
    assert same.shape == other.shape and np.abs(same - other).max() > 1
    assert np.array_equal(same[..., 1:, 1:], other[..., :-1, :-1])


def test_a_crop_of_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="output of"):
        conv_transpose(np.ones((1, 1, 2)), np.ones((1, 1, 1)), crop=[(1, 1)])
