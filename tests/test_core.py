"""The fast core against the float64 judge, within the bounds of the arithmetic, in every library."""

from __future__ import annotations

import importlib
import tracemalloc
from typing import Any, NamedTuple

import array_api_strict
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convmap.numerics import bands, bounds, core, reference

# the fixture that chooses the formulation holds for all examples of a run
quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["the rule chooses", "taps are added up"], autouse=True)
def formulation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small examples would all be products with band matrices: run everything without these as well."""
    if request.param == "taps are added up":
        monkeypatch.setattr(bands, "MOST_PRODUCTS", 0)


class Call(NamedTuple):
    """A call as the judge takes it, with data in the format under test."""

    transposed: bool
    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray
    how: dict[str, Any]
    memory: int

    @property
    def dtype(self) -> str:
        return self.x.dtype.name

    def forward(self, module: Any, *arrays: Any, **more: Any) -> Any:
        return (module.conv_transpose if self.transposed else module.conv)(*arrays, **self.how, **more)

    def gradients(self, module: Any, *arrays: Any, **more: Any) -> Any:
        run = module.conv_transpose_gradients if self.transposed else module.conv_gradients
        return run(*arrays, **self.how, **more)

    def bounds(self) -> Any:
        run = bounds.conv_transpose_bound if self.transposed else bounds.conv_bound
        return run(self.x, self.w, self.bias, dtype=self.dtype, **self.how)

    def gradient_bounds(self, cotangent: np.ndarray) -> Any:
        name = "conv_transpose_gradient_bounds" if self.transposed else "conv_gradient_bounds"
        return getattr(bounds, name)(cotangent, self.x, self.w, dtype=self.dtype, **self.how)


def normal(stream: np.random.RandomState, dtype: str, *shape: int) -> np.ndarray:
    return stream.standard_normal(shape).astype(dtype)


@st.composite
def calls(draw: st.DrawFn, dtypes: tuple[str, ...] = ("float16", "float32", "float64")) -> Call:
    axes = draw(st.integers(1, 3))
    transposed = draw(st.booleans())

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes))

    # channels of a group: one (depthwise) and numbers that no block divides are both common
    groups = draw(st.integers(1, 4))
    inner, outer = (draw(st.sampled_from([1, 1, 2, 3, 5, 7])) for _ in range(2))
    size = each(1, 9 if axes == 1 else 6 - axes)
    kernel = each(1, 6 if axes == 1 else 5 - axes)
    stride, dilation = each(1, 3), each(1, 3 if axes == 1 else 2)
    ends = [[draw(st.integers(-2, 3)), draw(st.integers(-2, 3))] for _ in range(axes)]
    for n, k, s, d, end in zip(size, kernel, stride, dilation, ends):
        reach = d * (k - 1) + 1
        # make room: crop less of a transposed convolution, pad a plain one more
        if transposed:
            full = (n - 1) * s + reach
            end[1] -= max(0, 1 + sum(end) - full)
        else:
            end[1] += max(0, reach - n - sum(end))
    how = {"stride": stride, "dilation": dilation, "groups": groups}
    how["crop" if transposed else "pads"] = [tuple(end) for end in ends]
    stream = np.random.RandomState(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from(dtypes))
    batch = draw(st.sampled_from([1, 2, 5]))
    x = normal(stream, dtype, batch, groups * (inner if transposed else outer), *size)
    w = normal(stream, dtype, groups * inner, outer, *kernel)
    bias = normal(stream, dtype, groups * (outer if transposed else inner))
    memory = draw(st.sampled_from([1, 500, 2_000, 10_000, 8 << 20]))
    return Call(transposed, x, w, bias, how, memory)


def assert_within(name: str, found: np.ndarray, judge: np.ndarray, limit: np.ndarray) -> None:
    multiple, at = bounds.worst(found, judge, limit)
    assert multiple <= 1, f"{name}: {multiple} times the bound at {at}"


def check(call: Call, give: Any = lambda a: a, take: Any = lambda a: a) -> None:
    """Judge the output with and without bias, and every gradient, of arrays another library has."""
    x, w, bias = map(give, (call.x, call.w, call.bias))
    for b, numbers in ((bias, call.bias), (None, None)):
        found = call.forward(core, x, w, b, memory=call.memory)
        assert type(found) is type(x) and found.dtype == x.dtype
        judge = call.forward(reference, call.x, call.w, numbers)
        assert_within("output", take(found), judge, call._replace(bias=numbers).bounds())
    cotangent = normal(np.random.RandomState(1), call.dtype, *judge.shape)
    found = call.gradients(core, give(cotangent), x, w, memory=call.memory)
    judges, limits = call.gradients(reference, cotangent, call.x, call.w), call.gradient_bounds(cotangent)
    for name, one, right, limit in zip(found._fields, found, judges, limits):
        assert type(one) is type(x) and one.dtype == x.dtype
        assert_within(name, take(one), right, limit)


@quick
@given(calls())
def test_numpy_is_within_the_bounds(call: Call) -> None:
    check(call)


@settings(quick, max_examples=60)
@given(calls(("float32", "float64")))
def test_the_standard_alone_is_enough(call: Call) -> None:
    """array_api_strict has nothing beyond the standard, hence no float16."""
    check(call, array_api_strict.asarray, lambda a: np.from_dlpack(a._array))


@pytest.mark.parametrize("end", [(2, 0), (0, 2)])
def test_taps_that_move_past_a_short_axis(end: tuple[int, int]) -> None:
    # NumPy clamps a slice that is longer than its axis; the standard has none.
    stream = np.random.RandomState(0)
    how = {"stride": [1, 1], "dilation": [1, 2], "groups": 1, "pads": [(0, 0), end]}
    x, w = normal(stream, "float32", 2, 1, 3, 1), normal(stream, "float32", 1, 1, 1, 2)
    call = Call(False, x, w, normal(stream, "float32", 1), how, 8 << 20)
    check(call, array_api_strict.asarray, lambda a: np.from_dlpack(a._array))


def torch_or_skip() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        pytest.skip("torch is not installed beside convmap: array_api_strict stands for it")


@settings(quick, max_examples=60)
@given(calls())
def check_torch(call: Call) -> None:
    torch = importlib.import_module("torch")
    check(call, torch.from_numpy, lambda a: a.numpy())


def test_torch_tensors_are_within_the_bounds() -> None:
    torch_or_skip()
    check_torch()


def test_torch_gradients_are_those_of_autograd() -> None:
    torch = torch_or_skip()
    stream = np.random.RandomState(0)
    x, w = (torch.from_numpy(normal(stream, "float64", *s)) for s in ((2, 4, 5, 6), (4, 3, 3, 4)))
    for a in (x, w):
        a.requires_grad_()
    y = torch.nn.functional.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1, groups=2)
    cotangent = torch.from_numpy(normal(stream, "float64", *y.shape))
    y.backward(cotangent)
    found = core.conv_transpose_gradients(
        cotangent, x.detach(), w.detach(), stride=2, groups=2, crop=[(1, 0), (1, 0)]
    )
    torch.testing.assert_close(found.input, x.grad)
    torch.testing.assert_close(found.weight, w.grad)


@quick
@given(calls())
def test_without_the_batch_axis(call: Call) -> None:
    one = call._replace(x=call.x[:1])
    batched = one.forward(core, one.x, one.w, one.bias, memory=one.memory)
    single = one.forward(core, one.x[0], one.w, one.bias, memory=one.memory)
    np.testing.assert_array_equal(single, batched[0], strict=True)
    cotangent = normal(np.random.RandomState(1), call.dtype, *batched.shape)
    of_batch = one.gradients(core, cotangent, one.x, one.w, memory=one.memory)
    of_one = one.gradients(core, cotangent[0], one.x[0], one.w, memory=one.memory)
    np.testing.assert_array_equal(of_one.input, of_batch.input[0], strict=True)
    np.testing.assert_array_equal(of_one.weight, of_batch.weight, strict=True)
    np.testing.assert_array_equal(of_one.bias, of_batch.bias, strict=True)


@quick
@given(calls(("float64",)), st.booleans())
def test_layout_in_memory_does_not_matter(call: Call, reverse: bool) -> None:
    def other(a: np.ndarray) -> np.ndarray:
        return a[::-1].copy()[::-1] if reverse else np.asfortranarray(a)

    expected = call.forward(core, call.x, call.w, call.bias, memory=call.memory)
    found = call.forward(core, other(call.x), other(call.w), other(call.bias), memory=call.memory)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def integers(seed: int, *shape: int) -> np.ndarray:
    """Give small whole numbers: their sums are exact in float32, in every order."""
    return np.random.RandomState(seed).randint(-8, 9, shape).astype(np.float32)


# Large enough for several blocks of every kind within the default memory: x, w, other arguments.
LARGE = {
    "one block of rows after another": ((1, 24, 70, 33), (24, 40, 4, 4), 2, 1, [(1, 1), (1, 1)]),
    "samples folded": ((37, 32, 4, 4), (32, 48, 4, 4), 2, 1, [(1, 1), (1, 1)]),
    "one place": ((19, 40, 1, 1), (40, 96, 4, 4), 1, 1, [(0, 0), (0, 0)]),
    "few inputs": ((3, 3, 40, 41), (3, 64, 4, 4), 2, 1, [(1, 1), (1, 1)]),
    "few outputs": ((2, 64, 48, 48), (64, 3, 4, 4), 2, 1, [(1, 1), (1, 1)]),
    "kernel equal to the stride": ((2, 32, 12, 12, 12), (32, 16, 2, 2, 2), 2, 1, [(0, 0)] * 3),
    "long kernel in one axis": ((1, 64, 900), (64, 48, 16), 8, 1, [(4, 4)]),
    "depthwise": ((3, 96, 40, 40), (96, 1, 4, 4), 2, 96, [(1, 1), (1, 1)]),
    "depthwise, long lines": ((2, 5, 30, 300), (5, 1, 5, 5), 2, 5, [(1, 2), (2, 1)]),
    "depthwise, samples of one place": ((70, 33, 1, 1), (33, 1, 4, 4), 3, 33, [(1, 0), (0, 2)]),
    "depthwise in 1-D": ((3, 7, 5000), (7, 1, 9), 4, 7, [(3, 2)]),
    "depthwise in 3-D": ((2, 6, 9, 20, 40), (6, 1, 3, 4, 4), 2, 6, [(1, 0), (1, 1), (2, 1)]),
    "two channels of a group": ((2, 10, 40, 40), (10, 3, 4, 4), 2, 5, [(1, 1), (1, 1)]),
    "groups": ((3, 64, 20, 20), (64, 12, 3, 3), 2, 4, [(1, 0), (1, 0)]),
    "nothing cropped": ((2, 16, 60, 60), (16, 12, 5, 5), 3, 1, [(0, 0), (0, 0)]),
    "more added than there is": ((2, 8, 30, 30), (8, 8, 2, 2), 3, 1, [(-40, -3), (2, -90)]),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_shapes_in_any_memory_are_exact(name: str) -> None:
    """On whole numbers every order of summation gives the same: blocks must not show."""
    x_shape, w_shape, stride, groups, crop = LARGE[name]
    how = {"stride": stride, "groups": groups}
    x, w, bias = integers(0, *x_shape), integers(1, *w_shape), integers(2, w_shape[1] * groups)
    expected = core.conv_transpose(x, w, bias, crop=crop, **how)
    # scattered tap by tap, in float64
    kernel = w_shape[2:]
    full_size = [(n - 1) * stride + k for n, k in zip(x_shape[2:], kernel)]
    split = x.astype(np.float64).reshape(x_shape[0], groups, -1, int(np.prod(x_shape[2:])))
    full = np.zeros((x_shape[0], w_shape[1] * groups, *full_size))
    for tap in np.ndindex(*kernel):
        weight = w[(slice(None), slice(None), *tap)].reshape(groups, -1, w_shape[1])
        part = np.matmul(weight.transpose(0, 2, 1), split).reshape(x_shape[0], -1, *x_shape[2:])
        to = (slice(t, t + (n - 1) * stride + 1, stride) for t, n in zip(tap, x_shape[2:]))
        full[(..., *to)] += part
    cut = np.pad(full, [(0, 0), (0, 0), *((max(-b, 0), max(-e, 0)) for b, e in crop)])
    keep = (slice(max(b, 0), n - max(e, 0)) for n, (b, e) in zip(cut.shape[2:], crop))
    right = cut[(..., *keep)] + bias.reshape(-1, *[1] * len(kernel))
    np.testing.assert_array_equal(expected, right)

    cotangent = integers(3, *expected.shape)
    gradients = core.conv_transpose_gradients(cotangent, x, w, crop=crop, **how)
    for memory in (200_000, 1 << 20):
        np.testing.assert_array_equal(core.conv_transpose(x, w, bias, crop=crop, memory=memory, **how), right)
        again = core.conv_transpose_gradients(cotangent, x, w, crop=crop, memory=memory, **how)
        for one, two in zip(gradients, again):
            np.testing.assert_array_equal(one, two)
    # the inner products that define the gradients, exact as well
    out = core.conv_transpose(x, w, crop=crop, **how).astype(np.float64)
    total = float((cotangent * out).sum())
    assert float((gradients.input.astype(np.float64) * x).sum()) == total
    assert float((gradients.weight.astype(np.float64) * w).sum()) == total
    # the plain convolution is the other end of the same products
    plain = core.conv(cotangent, w, stride=stride, groups=groups, pads=crop)
    np.testing.assert_array_equal(plain[(..., *map(slice, x_shape[2:]))], gradients.input)


def peak(run: Any) -> tuple[int, Any]:
    tracemalloc.start()
    try:
        result = run()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # float16 overflows: only memory matters here
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("memory", [300_000, 8 << 20])
@pytest.mark.parametrize("name", LARGE)
def test_scratch_stays_within_the_memory(name: str, memory: int, dtype: str) -> None:
    x_shape, w_shape, stride, groups, crop = LARGE[name]
    how = {"stride": stride, "groups": groups, "memory": memory}
    x, w = integers(0, *x_shape).astype(dtype), integers(1, *w_shape).astype(dtype)
    slack = 100_000  # Python's own objects, and NumPy's iteration buffers of 8192 elements an operand
    core.conv_transpose(x[:1, :, :1], w, stride=stride, groups=groups)  # imports happen once
    used, y = peak(lambda: core.conv_transpose(x, w, crop=crop, **how))
    assert used <= y.nbytes + memory + slack
    used, grads = peak(lambda: core.conv_transpose_gradients(y, x, w, crop=crop, **how))
    assert used <= sum(a.nbytes for a in grads) + memory + slack
    used, back = peak(lambda: core.conv(y, w, pads=crop, **how))
    assert used <= back.nbytes + memory + slack
    used, grads = peak(lambda: core.conv_gradients(back, y, w, pads=crop, **how))
    assert used <= sum(a.nbytes for a in grads) + memory + slack


def test_the_smallest_memory_is_a_row_of_a_channel() -> None:
    x, w = integers(0, 4, 8, 64, 64), integers(1, 8, 8, 4, 4)
    used, y = peak(lambda: core.conv_transpose(x, w, stride=2, memory=1))
    assert used < y.nbytes + 100_000
    full = 16 * 8 * 64 * 64 * 4  # what one sample takes at once
    assert full > 10 * 100_000


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_reaches_its_places_alone(value: float) -> None:
    """A product with an exact zero would make NaN of it everywhere else."""
    crop = [(1, 1), (1, 1)]
    x, w = np.ones((2, 4, 9, 9), np.float32), np.ones((4, 1, 4, 4), np.float32)
    for broken in (x, w):
        right = broken[1, 0, 2, 1] if broken is x else broken[1, 0, 0, 3]
        at = (1, 0, 2, 1) if broken is x else (1, 0, 0, 3)
        broken[at] = value
        y = core.conv_transpose(x, w, stride=2, groups=4, crop=crop)
        judge = reference.conv_transpose(x, w, stride=2, groups=4, crop=crop)
        np.testing.assert_array_equal(y, judge.astype(np.float32))
        assert 0 < (~np.isfinite(y)).sum() < y.size / 4
        broken[at] = right


def test_inputs_are_left_alone() -> None:
    for name in LARGE:
        x_shape, w_shape, stride, groups, crop = LARGE[name]
        arrays = [integers(0, *x_shape), integers(1, *w_shape), integers(2, w_shape[1] * groups)]
        for a in arrays:
            a.flags.writeable = False
        y = core.conv_transpose(*arrays, stride=stride, groups=groups, crop=crop)
        kept = y.copy()
        core.conv_transpose_gradients(y, *arrays[:2], stride=stride, groups=groups, crop=crop)
        core.conv_transpose(arrays[0] + 1, *arrays[1:], stride=stride, groups=groups, crop=crop)
        # an output is no view of scratch that a later call writes into
        np.testing.assert_array_equal(y, kept)


def test_an_empty_batch() -> None:
    x, w = np.zeros((0, 4, 5), np.float32), np.ones((4, 3, 4), np.float32)
    y = core.conv_transpose(x, w, np.ones(3, np.float32), stride=2)
    assert y.shape == (0, 3, 12) and y.dtype == np.float32
    found = core.conv_transpose_gradients(y, x, w, stride=2)
    assert found.input.shape == x.shape
    assert not found.weight.any() and found.weight.shape == w.shape and found.bias.tolist() == [0, 0, 0]
    assert core.conv(np.zeros((0, 3, 12), np.float32), w, stride=2).shape == x.shape


def test_float16_is_rounded_once() -> None:
    """1 + 2048 terms of 2**-12: summed in float16 each would be lost, in float32 none is."""
    x = np.full((1, 2049, 1), 2.0**-12, np.float16)
    x[0, 0] = 1
    y = core.conv_transpose(x, np.ones((2049, 1, 1), np.float16), np.ones(1, np.float16))
    assert y.item() == 2.5
    y = core.conv(x, np.ones((1, 2049, 1), np.float16), memory=1)
    assert y.item() == 1.5
    found = core.conv_transpose_gradients(
        x.reshape(2049, 1, 1), np.ones((2049, 1, 1), np.float16), np.ones((1, 1, 1), np.float16), memory=1
    )
    assert found.weight.item() == found.bias.item() == 1.5


ARRAYS = np.ones((1, 4, 5, 5), np.float32), np.ones((4, 2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"stride": 0}, "stride=0: give a whole number from 1 on"),
        ({"stride": (1, 2, 3)}, r"stride=\(1, 2, 3\): give .* for each axis \(2\)"),
        ({"dilation": 1.5}, "dilation=1.5: give a whole number from 1 on"),
        ({"groups": 3}, "groups=3 with 4 channels: give a divisor"),
        ({"groups": True}, "groups=True: give a whole number"),
        ({"crop": [(1, 1)]}, r"crop=\[\(1, 1\)\]: give \(begin, end\) for each axis \(2\)"),
        ({"crop": [(4, 4), (0, 0)]}, r"crop=.* leave an output of \(-1, 7\)"),
        ({"memory": 0}, "memory=0: give a whole number of bytes from 1 on"),
        ({"memory": 1e6}, "memory=1000000.0: give a whole number of bytes"),
        ({"bias": np.ones(3, np.float32)}, r"bias of shape \(3,\): give one number for each of 2"),
        ({"bias": np.ones(2)}, "arrays of float32, float32, float64: give .* the same for all"),
    ],
)
def test_refused_arguments_are_named(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        core.conv_transpose(*ARRAYS, **how)
    # the judge refuses the same calls, in the same words
    if "memory" not in how and "the same for all" not in message:
        with pytest.raises(ValueError, match=message):
            reference.conv_transpose(*ARRAYS, **how)


def test_refused_arrays_are_named() -> None:
    x, w = ARRAYS
    with pytest.raises(ValueError, match="arrays of type list, ndarray: give arrays of one"):
        core.conv_transpose([[1.0]], w)
    with pytest.raises(ValueError, match="arrays of type ndarray, Array: give arrays of one"):
        core.conv_transpose(x, array_api_strict.asarray(w))
    with pytest.raises(ValueError, match="arrays of int64, int64: give float16"):
        core.conv(np.ones((1, 1, 3), np.int64), np.ones((1, 1, 2), np.int64))
    with pytest.raises(ValueError, match=r"x of shape \(1, 4, 5, 5\): .* takes 2 channels"):
        core.conv(x, w)
    with pytest.raises(ValueError, match=r"x of shape \(1, 5\): give n i"):
        core.conv(x[0, 0, :1], w[0, 0])
    with pytest.raises(
        ValueError, match=r"cotangent of shape \(1, 2, 6, 7\): give the output's, \(1, 2, 7, 7\)"
    ):
        core.conv_transpose_gradients(np.ones((1, 2, 6, 7), np.float32), x, w)
    with pytest.raises(ValueError, match=r"pads=\[\(0, -5\), \(0, 0\)\] leave an output of"):
        core.conv(x, np.ones((1, 4, 1, 1), np.float32), pads=[(0, -5), (0, 0)])


def test_numpys_settings_are_as_they_were() -> None:
    before = np.setbufsize(4096)
    try:
        core.conv_transpose(np.ones((1, 2, 8, 8)), np.ones((2, 3, 4, 4)), stride=2)
        assert np.getbufsize() == 4096
    finally:
        np.setbufsize(before)
