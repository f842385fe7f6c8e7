"""The float64 judge: two formulations, gradients by two independent checks, and the seed cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convmap.numerics.reference import (
    conv,
    conv_auto_pads,
    conv_gradients,
    conv_transpose,
    conv_transpose_gather,
    conv_transpose_gradients,
    transposed_auto_crop,
)

slow_ok = settings(deadline=None, max_examples=60)


def integers(seed: int, *shape: int) -> np.ndarray:
    """Give small whole numbers: sums of their products are exact in float64, in every order."""
    return np.random.RandomState(seed).randint(-8, 9, shape).astype(np.float64)


def same_numbers(one: np.ndarray, two: np.ndarray) -> bool:
    """Compare exactly; where that fails, say where first."""
    assert one.shape == two.shape, f"shapes {one.shape} and {two.shape}"
    differ = np.argwhere(one != two)
    if len(differ):
        at = tuple(map(int, differ[0]))
        raise AssertionError(f"first at {at}: {one[at]} and {two[at]}")
    return True


def as_crop(padding: list[int], extra: list[int]) -> list[tuple[int, int]]:
    return [(p, p - e) for p, e in zip(padding, extra)]


# By hand: small enough to follow on paper.


def test_scatter_by_hand() -> None:
    x, w = np.array([[[1.0, 2.0]]]), np.array([[[1.0, 10.0, 100.0]]])
    assert conv_transpose(x, w).tolist() == [[[1, 12, 120, 200]]]
    assert conv_transpose(x, w, stride=2).tolist() == [[[1, 10, 102, 20, 200]]]
    assert conv_transpose(x, w, dilation=2).tolist() == [[[1, 2, 10, 20, 100, 200]]]
    assert conv_transpose(x, w, stride=2, crop=[(1, 0)]).tolist() == [[[10, 102, 20, 200]]]
    # the zeros appended get the bias
    assert conv_transpose(x, w, [7], crop=[(2, -2)]).tolist() == [[[127, 207, 7, 7]]]


def test_groups_by_hand() -> None:
    x = np.array([[[1.0], [2.0], [3.0], [4.0]]])
    w = np.array([[[1.0], [10.0]], [[100.0], [1000.0]], [[1.0], [10.0]], [[100.0], [1000.0]]])
    # channels 0 and 1 reach outputs 0 and 1; channels 2 and 3 reach outputs 2 and 3
    assert conv_transpose(x, w, groups=2).ravel().tolist() == [201, 2010, 403, 4030]
    w = np.array([[[1.0], [10.0]], [[100.0], [1000.0]]])
    assert conv(x, w, groups=2).ravel().tolist() == [21, 4300]


def test_plain_by_hand() -> None:
    x, w = np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[1.0, 10.0]]])
    assert conv(x, w).tolist() == [[[21, 32, 43]]]
    assert conv(x, w, [5], stride=2, pads=[(1, 1)]).tolist() == [[[15, 37, 9]]]
    assert conv(x, w, dilation=2, pads=[(-1, 1)]).tolist() == [[[42, 3]]]


def test_two_axes_by_hand() -> None:
    x, w = np.array([[[[1.0, 2.0]]]]), np.array([[[[1.0, 10.0], [100.0, 1000.0]]]])
    full = conv_transpose(x, w, stride=(1, 2))
    assert full[0, 0].tolist() == [[1, 10, 2, 20], [100, 1000, 200, 2000]]
    cut = conv_transpose(x, w, stride=(1, 2), crop=[(1, 0), (0, 1)])
    assert cut[0, 0].tolist() == [[100, 1000, 200]]


# Properties over random configurations of one to three axes.


@st.composite
def configurations(draw: st.DrawFn, transposed: bool) -> dict[str, Any]:
    axes = draw(st.integers(1, 3))
    most = {1: 6, 2: 4, 3: 3}[axes]

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes))

    groups = draw(st.integers(1, 3))
    narrow, wide = (draw(st.integers(1, 2)) * groups for _ in range(2))
    kernel, size = each(1, most), each(1, most)
    if not transposed:
        size = [n + k for n, k in zip(size, kernel)]
    return {
        "batch": draw(st.integers(1, 2)),
        "x": (narrow if transposed else wide, *size),
        "w": (narrow, wide // groups, *kernel),
        "stride": each(1, 4),
        "dilation": each(1, 3),
        "groups": groups,
        "ends": list(zip(each(-2, 4), each(-4, 4))),
        "seed": draw(st.integers(0, 2**16)),
    }


def full_sizes(c: dict[str, Any]) -> list[int]:
    numbers = zip(c["x"][1:], c["w"][2:], c["stride"], c["dilation"])
    return [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in numbers]


def arrays(c: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    return integers(c["seed"], c["batch"], *c["x"]), integers(c["seed"] + 1, *c["w"])


def geometry(c: dict[str, Any]) -> dict[str, Any]:
    return {k: c[k] for k in ("stride", "dilation", "groups")}


@slow_ok
@given(configurations(transposed=True))
def test_scatter_and_gather_agree(c: dict[str, Any]) -> None:
    padding, extra = ([pair[i] for pair in c["ends"]] for i in (0, 1))
    assume(all(f - 2 * p + e > 0 for f, p, e in zip(full_sizes(c), padding, extra)))
    x, w = arrays(c)
    bias = integers(c["seed"] + 2, w.shape[1] * c["groups"])
    how = geometry(c)
    scattered = conv_transpose(x, w, bias, crop=as_crop(padding, extra), **how)
    gathered = conv_transpose_gather(x, w, bias, padding=padding, output_padding=extra, **how)
    assert same_numbers(scattered, gathered)


def run_of(transposed: bool, c: dict[str, Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Give the forward and gradient functions with all but the arrays filled in."""
    how = {**geometry(c), ("crop" if transposed else "pads"): c["ends"]}
    pair = (conv_transpose, conv_transpose_gradients) if transposed else (conv, conv_gradients)
    forward, gradients = pair
    return (
        lambda x, w, bias=None: forward(x, w, bias, **how),
        lambda cotangent, x, w: gradients(cotangent, x, w, **how),
    )


def output_fits(transposed: bool, c: dict[str, Any]) -> bool:
    if transposed:
        return all(f - b - e > 0 for f, (b, e) in zip(full_sizes(c), c["ends"]))
    numbers = zip(c["x"][1:], c["w"][2:], c["dilation"], c["ends"])
    return all(n + b + e > d * (k - 1) for n, k, d, (b, e) in numbers)


@pytest.mark.parametrize("transposed", [True, False], ids=["transposed", "plain"])
@slow_ok
@given(data=st.data())
def test_gradients_are_exact_differences(transposed: bool, data: st.DataObject) -> None:
    """A convolution is linear in each array, so on whole numbers one full step is exact."""
    c = data.draw(configurations(transposed))
    assume(output_fits(transposed, c))
    forward, gradients = run_of(transposed, c)
    x, w = arrays(c)
    bias = integers(c["seed"] + 2, w.shape[1] * c["groups"] if transposed else w.shape[0])
    base = forward(x, w, bias)
    cotangent = integers(c["seed"] + 3, *base.shape)
    found = gradients(cotangent, x, w)
    for position, gradient in enumerate(found):
        given_arrays = [x, w, bias]
        # one element alone tells where a gradient lands, a dense step that none is missing
        single, dense = np.zeros_like(gradient), integers(c["seed"] + 4 + position, *gradient.shape)
        single.flat[c["seed"] % single.size] = 1
        for step in (single, dense):
            moved = [a + step if i == position else a for i, a in enumerate(given_arrays)]
            assert (gradient * step).sum() == (cotangent * (forward(*moved) - base)).sum()


@slow_ok
@given(configurations(transposed=True))
def test_transposed_is_the_adjoint(c: dict[str, Any]) -> None:
    """<y, conv_transpose(x)> == <conv(y), x>, where conv reads the full length with pads = crop."""
    assume(output_fits(True, c))
    x, w = arrays(c)
    out = conv_transpose(x, w, crop=c["ends"], **geometry(c))
    y = integers(c["seed"] + 2, *out.shape)
    back = conv(y, w, pads=c["ends"], **geometry(c))
    assert back.shape == x.shape
    assert (y * out).sum() == (back * x).sum()


# The seed cases: shapes, both formulations exactly, and what is wrong and where.


def seed_case(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], ones: bool = False, **how: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give x, w and the result that both formulations agree on."""
    x, w = integers(1, *x_shape), integers(2, *w_shape)
    if ones:
        x, w = np.ones_like(x), np.ones_like(w)
    axes = len(x_shape) - 2
    result = conv_transpose_gather(x, w, **how)
    padding, extra = (how.pop(k, 0) for k in ("padding", "output_padding"))
    padding, extra = ([v] * axes if isinstance(v, int) else list(v) for v in (padding, extra))
    same_numbers(result, conv_transpose(x, w, crop=as_crop(padding, extra), **how))
    return x, w, result


def auto(mode: str, kernel: int, stride: int, axes: int) -> list[tuple[int, int]]:
    return [transposed_auto_crop(mode, kernel, stride)] * axes


@pytest.mark.parametrize("ones", [False, True], ids=["random", "ones"])
def test_seed_1_padding_by_side(ones: bool) -> None:
    x, w, result = seed_case((1, 3, 16, 50), (3, 64, 4, 4), ones, padding=(2, 4))
    assert result.shape == (1, 64, 15, 45)
    assert same_numbers(result, conv_transpose(x, w, crop=[(2, 2), (4, 4)]))
    swapped = conv_transpose(x, w, crop=[(4, 4), (2, 2)])
    assert swapped.shape != result.shape


@pytest.mark.parametrize("ones", [False, True], ids=["random", "ones"])
@pytest.mark.parametrize("axes", [2, 1])
def test_seed_2_same_has_the_shape_but_not_the_values(axes: int, ones: bool) -> None:
    sizes = (16, 50)[2 - axes :]
    w_shape = (3, 64, *[5] * axes)
    x, w, result = seed_case((1, 3, *sizes), w_shape, ones, stride=3, padding=2, output_padding=2)
    assert result.shape == (1, 64, *(3 * n for n in sizes))
    assert same_numbers(result, conv_transpose(x, w, stride=3, crop=[(2, 0)] * axes))
    same = conv_transpose(x, w, stride=3, crop=auto("same", 5, 3, axes))
    assert same.shape == result.shape
    assert (same != result).any()
    # 'same' begins at 1, so it is the wanted result shifted by one
    inner = (..., *[slice(1, None)] * axes)
    back = (..., *[slice(None, -1)] * axes)
    assert same_numbers(same[inner], result[back])


@pytest.mark.parametrize("axes", [2, 1])
def test_seed_3_valid_is_no_padding(axes: int) -> None:
    sizes = (16, 50)[2 - axes :]
    x, w, result = seed_case((1, 3, *sizes), (3, 64, *[5] * axes), stride=3)
    assert result.shape == (1, 64, *(3 * n + 2 for n in sizes))
    assert same_numbers(result, conv_transpose(x, w, stride=3, crop=auto("valid", 5, 3, axes)))


@pytest.mark.parametrize("ones", [False, True], ids=["random", "ones"])
@pytest.mark.parametrize("biased", [False, True], ids=["no bias", "bias"])
def test_seed_4_zeros_after_the_call_are_wrong_at_the_end(biased: bool, ones: bool) -> None:
    how = {"bias": np.arange(1.0, 33.0)} if biased else {}
    x, w, result = seed_case(
        (1, 3, 48, 48), (3, 32, 3, 3), ones, stride=2, padding=1, output_padding=1, **how
    )
    assert result.shape == (1, 32, 96, 96)
    assert same_numbers(result, conv_transpose(x, w, stride=2, crop=[(1, 0)] * 2, **how))
    short = conv_transpose(x, w, stride=2, crop=[(1, 1)] * 2, **how)
    documented = np.pad(short, [(0, 0), (0, 0), (0, 1), (0, 1)])
    assert documented.shape == result.shape
    assert same_numbers(documented[..., :-1, :-1], result[..., :-1, :-1])
    assert (documented[..., -1, :] != result[..., -1, :]).any()
    assert (documented[..., :, -1] != result[..., :, -1]).any()


def test_seed_5_one_axis() -> None:
    _, _, result = seed_case((1, 3, 50), (3, 64, 4))
    assert result.shape == (1, 64, 53)
    # the other two stand above: (1, 64, 150) with 'same' wrong in values, and (1, 64, 152)


DECOMPOSITIONS = {
    "CASE_1": ((1, 1, 5, 5), {"stride": 3}, (15, 15)),
    "CASE_2": ((1, 1, 4, 6), {"stride": 2, "padding": 1, "output_padding": 1}, (8, 12)),
}


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_seed_6_zero_insertion_and_a_plain_convolution(name: str) -> None:
    x_shape, how, sizes = DECOMPOSITIONS[name]
    x, w, result = seed_case(x_shape, (1, 1, 3, 3), **how)
    assert result.shape == (1, 1, *sizes)
    # the recipe written out: insert s-1 zeros, flip, convolve with k-1-p zeros and op more behind
    s, p, extra = how["stride"], how.get("padding", 0), how.get("output_padding", 0)
    inserted = np.zeros((1, 1, *((n - 1) * s + 1 for n in x_shape[2:])))
    inserted[..., ::s, ::s] = x
    pads = [(2 - p, 2 - p + extra)] * 2
    assert same_numbers(result, conv(inserted, w[..., ::-1, ::-1], pads=pads))
    with pytest.raises(AssertionError, match="first at"):
        same_numbers(result, conv(inserted, w, pads=pads))


def test_seed_6_dilation_needs_its_own_zeros() -> None:
    x, w, result = seed_case((1, 1, 4, 6), (1, 1, 3, 3), stride=2, padding=1, dilation=2)
    inserted = np.zeros((1, 1, 7, 11))
    inserted[..., ::2, ::2] = x
    flipped = w[..., ::-1, ::-1]
    assert same_numbers(result, conv(inserted, flipped, dilation=2, pads=[(3, 3)] * 2))
    assert conv(inserted, flipped, dilation=2, pads=[(1, 1)] * 2).shape != result.shape


@pytest.mark.parametrize("batch, size, out", [(16, 32, 63), (1, 64, 127)])
def test_seed_7_shapes(batch: int, size: int, out: int) -> None:
    _, _, result = seed_case((batch, 3, size, size), (3, 64, 3, 3), stride=2, padding=1)
    assert result.shape == (batch, 64, out, out)


# The pad modes, as measured.


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", range(1, 6))
@pytest.mark.parametrize("kernel", range(1, 8))
def test_pad_modes(kernel: int, stride: int, dilation: int) -> None:
    x, w = integers(1, 1, 1, 4), integers(2, 1, 1, kernel)
    reach = dilation * (kernel - 1) + 1
    total = reach - stride

    def run(mode: str) -> np.ndarray:
        crop = [transposed_auto_crop(mode, kernel, stride, dilation)]
        return conv_transpose(x, w, stride=stride, dilation=dilation, crop=crop)

    def torch(padding: int, extra: int = 0) -> np.ndarray:
        return conv_transpose_gather(x, w, None, stride, dilation, 1, padding, extra)

    assert run("same").shape[-1] == 4 * stride
    assert run("valid").shape[-1] == 3 * stride + max(reach, stride)
    if total < 0:
        assert same_numbers(run("same"), torch(0, -total))
    elif total % 2:
        assert same_numbers(run("same"), torch(total // 2)[..., :-1])
    else:
        assert same_numbers(run("same"), torch(total // 2))
    assert same_numbers(run("valid"), torch(0, max(-total, 0)))

    for size in (1, 5, 8):
        pads = conv_auto_pads("same", size, kernel, stride, dilation)
        x_plain = integers(3, 1, 1, size)
        out = conv(x_plain, w, stride=stride, dilation=dilation, pads=[pads])
        assert out.shape[-1] == -(-size // stride)
        assert 0 <= pads[1] - pads[0] <= 1
        assert conv_auto_pads("valid", size, kernel, stride, dilation) == (0, 0)


# Calls that make no sense say what is wrong and what is taken.

X, W = np.ones((1, 2, 4, 4)), np.ones((2, 3, 3, 3))
BAD = {
    "x axes": (dict(x=np.ones((2, 4))), r"x of shape \(2, 4\): give n i"),
    "w axes": (dict(w=np.ones((2, 3, 3))), r"w of shape \(2, 3, 3\): give i o/groups"),
    "channels": (dict(x=np.ones((1, 4, 4, 4))), "takes 2 channels"),
    "empty": (dict(x=np.ones((1, 2, 0, 4))), "only the batch may be empty"),
    "groups divide": (dict(groups=3), "groups=3 with 2 channels"),
    "groups": (dict(groups=0), "groups=0: give a whole number from 1 on"),
    "stride": (dict(stride=0), "stride=0: give a whole number from 1 on"),
    "stride axes": (dict(stride=(2,)), r"stride=\(2,\): .* one for each axis \(2\)"),
    "dilation": (dict(dilation=1.5), "dilation=1.5: give a whole number"),
    "bias": (dict(bias=np.ones(1)), r"bias of shape \(1,\): give one number for each of 3"),
    "crop axes": (dict(crop=[(1, 1)]), r"crop=\[\(1, 1\)\]: .* each axis \(2\)"),
    "crop flat": (dict(crop=[1, 1]), r"crop=\[1, 1\]: give \(begin, end\)"),
    "crop all": (dict(crop=[(3, 3), (0, 0)]), r"leave an output of \(0, 6\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_calls_are_refused(name: str) -> None:
    change, message = BAD[name]
    assert conv_transpose(X, W).shape == (1, 3, 6, 6)
    with pytest.raises(ValueError, match=message):
        conv_transpose(**{"x": X, "w": W, **change})


def test_bad_calls_of_the_others_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cotangent of shape .*\(1, 3, 6, 6\)"):
        conv_transpose_gradients(np.ones((1, 3, 5, 6)), X, W)
    with pytest.raises(ValueError, match=r"leave an output of \(0, 6\)"):
        conv_transpose_gather(X, W, padding=(3, 0))
    with pytest.raises(ValueError, match=r"pads=\[\(0, -2\), \(0, 0\)\] leave an output"):
        conv(X, np.ones((3, 2, 3, 3)), pads=[(0, -2), (0, 0)])
    with pytest.raises(ValueError, match="mode='full': give 'same' or 'valid'"):
        transposed_auto_crop("full", 3, 2)
    with pytest.raises(ValueError, match="stride=0"):
        conv_auto_pads("same", 4, 3, 0)
    assert conv_transpose(np.ones((0, 2, 4, 4)), W).shape == (0, 3, 6, 6)
