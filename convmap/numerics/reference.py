"""Transposed and plain convolution as the obvious loop in float64: a judge to check by eye.

Kept apart from fast code on purpose. Arrays are n i *spatial in one to three axes; every definition
is by begin and end amounts on each axis (DESIGN.md, Transposed convolution). A number given for
stride, dilation, padding or output padding holds for every axis.

Both convolutions are one set of products seen from two ends. A *wide* array is reached from a
*narrow* one at ``place = at * stride + tap * dilation``; the weight is narrow wide/groups *kernel
in both. The transposed one goes from narrow to wide, the plain one from wide to narrow, and
gradients run the same loop towards the array they belong to.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convmap.numerics.geometry import (
    Geometry,
    Numbers,
    Pairs,
    check_bias,
    check_cotangent,
    check_output,
    check_shapes,
    numbers,
    opposite,
)

Array = NDArray[np.float64]
Index = tuple[Any, ...]


class Gradients(NamedTuple):
    """What a cotangent gives for each array of a convolution."""

    input: Array
    weight: Array
    bias: Array


def conv_transpose(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    crop: Pairs | None = None,
) -> Array:
    """Scatter every input through the kernel, crop both ends, then add the bias.

    x: n i *spatial, w: i o/groups *kernel, crop: (begin, end) for each axis; a negative end appends
    zeros before the bias. Gives n o *spatial.

    >>> conv_transpose([[[1, 2]]], [[[1, 10, 100]]], stride=2)
    array([[[  1.,  10., 102.,  20., 200.]]])
    >>> conv_transpose([[[1, 2]]], [[[1, 10, 100]]], [0.5], stride=2, crop=[(1, -1)])
    array([[[ 10.5, 102.5,  20.5, 200.5,   0.5]]])
    """
    g = _Walk(x, w, stride, dilation, groups, crop, "crop", transposed=True)
    full = np.zeros((len(g.x), g.outer * groups, *g.wide))
    for narrow, tap, wide in g.products():
        full[wide] += g.x[narrow] @ g.w[tap]
    return _add_bias(_resize(full, g.ends), bias)


def conv_transpose_gradients(
    cotangent: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    crop: Pairs | None = None,
) -> Gradients:
    """Give the gradients of ``sum(cotangent * conv_transpose(x, w, bias, ...))``."""
    g = _Walk(x, w, stride, dilation, groups, crop, "crop", transposed=True)
    c = _cotangent(cotangent, (len(g.x), g.outer * groups, *g.held))
    full = _resize(c, opposite(g.ends))
    gx, gw = np.zeros_like(g.x), np.zeros_like(g.w)
    for narrow, tap, wide in g.products():
        gx[narrow] += full[wide] @ g.w[tap].T
        gw[tap] += g.x[narrow].T @ full[wide]
    return Gradients(gx, gw, c.sum(axis=(0, *range(2, c.ndim))))


def conv(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    pads: Pairs | None = None,
) -> Array:
    """Pad with zeros, gather through the kernel, then add the bias.

    x: n i *spatial, w: o i/groups *kernel, pads: (begin, end) zeros for each axis, negative to
    crop. Gives n o *spatial.

    >>> conv([[[1, 2, 3]]], [[[1, 10]]], pads=[(1, 0)])
    array([[[10., 21., 32.]]])
    """
    g = _Walk(x, w, stride, dilation, groups, pads, "pads", transposed=False)
    padded = _resize(g.x, opposite(g.ends))
    out = np.zeros((len(g.x), g.inner * groups, *g.narrow))
    for narrow, tap, wide in g.products():
        out[narrow] += padded[wide] @ g.w[tap].T
    return _add_bias(out, bias)


def conv_gradients(
    cotangent: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    pads: Pairs | None = None,
) -> Gradients:
    """Give the gradients of ``sum(cotangent * conv(x, w, bias, ...))``."""
    g = _Walk(x, w, stride, dilation, groups, pads, "pads", transposed=False)
    c = _cotangent(cotangent, (len(g.x), g.inner * groups, *g.narrow))
    padded = _resize(g.x, opposite(g.ends))
    gx, gw = np.zeros_like(padded), np.zeros_like(g.w)
    for narrow, tap, wide in g.products():
        gx[wide] += c[narrow] @ g.w[tap]
        gw[tap] += c[narrow].T @ padded[wide]
    return Gradients(_resize(gx, g.ends), gw, c.sum(axis=(0, *range(2, c.ndim))))


def conv_transpose_gather(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
) -> Array:
    """The classical definition, written independently: insert zeros, flip the kernel, correlate.

    Zeros of d*(k-1)-p on both sides and output_padding more at the end; a negative number of zeros
    crops. Equals ``conv_transpose`` with the crop (p, p - output_padding) for every value.
    """
    data, weight = np.asarray(x, np.float64), np.asarray(w, np.float64)
    check_shapes(data.shape, weight.shape, groups, transposed=True)
    axes = range(data.ndim - 2)
    s, d = (numbers(v, len(axes), n, 1) for v, n in ((stride, "stride"), (dilation, "dilation")))
    p = numbers(padding, len(axes), "padding", None)
    extra = numbers(output_padding, len(axes), "output_padding", None)
    apart = [(n - 1) * step + 1 for n, step in zip(data.shape[2:], s)]
    spread = np.zeros((*data.shape[:2], *apart))
    lattice: Index = (..., *(slice(None, None, step) for step in s))
    spread[lattice] = data
    flipped = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    zeros = [d[a] * (weight.shape[2 + a] - 1) - p[a] for a in axes]
    sizes = [spread.shape[2 + a] + zeros[a] - p[a] + extra[a] for a in axes]
    check_output(sizes, f"padding={tuple(p)} and output_padding={tuple(extra)}")
    inner, outer = weight.shape[0] // groups, weight.shape[1]
    out = np.zeros((len(data), outer * groups, *sizes))
    for at in itertools.product(*map(range, sizes)):
        for tap in itertools.product(*map(range, weight.shape[2:])):
            read = tuple(at[a] + tap[a] * d[a] - zeros[a] for a in axes)
            if any(not 0 <= r < n for r, n in zip(read, spread.shape[2:])):
                continue  # one of the zeros around
            for g in range(groups):
                rows, columns = slice(g * inner, (g + 1) * inner), slice(g * outer, (g + 1) * outer)
                source: Index = (slice(None), rows, *read)
                target: Index = (slice(None), columns, *at)
                kernel: Index = (rows, slice(None), *tap)
                out[target] += spread[source] @ flipped[kernel]
    return _add_bias(out, bias)


def transposed_auto_crop(mode: str, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Resolve MindSpore's pad mode of a transposed convolution on one axis to its crop.

    'same' gives L*s: the odd row is cropped at the end, what is missing is appended there. 'valid'
    crops nothing and appends the same. Measured in 2.10 on all kernels 1-7, strides 1-5, dilations
    1-3.

    >>> transposed_auto_crop("same", 5, 3), transposed_auto_crop("same", 4, 1)
    ((1, 1), (1, 2))
    >>> transposed_auto_crop("same", 2, 3), transposed_auto_crop("valid", 2, 3)
    ((0, -1), (0, -1))
    """
    reach = _reach(mode, kernel, stride, dilation)
    if mode == "valid":
        return 0, min(reach - stride, 0)
    total = reach - stride
    return (total // 2, total - total // 2) if total > 0 else (0, total)


def conv_auto_pads(
    mode: str,
    size: int,
    kernel: int,
    stride: int,
    dilation: int = 1,
) -> tuple[int, int]:
    """Resolve MindSpore's pad mode of a plain convolution on one axis of ``size`` to its zeros.

    'same' gives ceil(L/s), the odd zero at the end; 'valid' pads nothing. Measured as above.

    >>> conv_auto_pads("same", 8, 3, 2), conv_auto_pads("same", 7, 3, 2)
    ((0, 1), (1, 1))
    """
    reach = _reach(mode, kernel, stride, dilation)
    if size < 1:
        raise ValueError(f"size={size!r}: give a whole number from 1 on")
    if mode == "valid":
        return 0, 0
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


class _Walk(Geometry):
    """The checked arrays and sizes of a call, and the walk over its products."""

    def __init__(
        self,
        x: ArrayLike,
        w: ArrayLike,
        stride: Numbers,
        dilation: Numbers,
        groups: int,
        ends: Pairs | None,
        name: str,
        *,
        transposed: bool,
    ) -> None:
        self.x, self.w = np.asarray(x, np.float64), np.asarray(w, np.float64)
        shapes = self.x.shape, self.w.shape
        super().__init__(*shapes, stride, dilation, groups, ends, name, transposed=transposed)

    def products(self) -> Iterator[tuple[Index, Index, Index]]:
        """Give, for every group, position and tap, the places in narrow, weight and wide arrays."""
        every = slice(None)
        for g in range(self.groups):
            rows = slice(g * self.inner, (g + 1) * self.inner)
            columns = slice(g * self.outer, (g + 1) * self.outer)
            for at in itertools.product(*map(range, self.narrow)):
                for tap in itertools.product(*map(range, self.w.shape[2:])):
                    steps = zip(at, self.stride, tap, self.dilation)
                    place = tuple(a * s + t * d for a, s, t, d in steps)
                    yield (every, rows, *at), (rows, every, *tap), (every, columns, *place)


def _resize(x: Array, crops: Pairs) -> Array:
    """Cut (positive) or append zeros (negative) at the beginning and end of each spatial axis."""
    zeros = [(max(-begin, 0), max(-end, 0)) for begin, end in crops]
    x = np.pad(x, [(0, 0), (0, 0), *zeros])
    cuts = (slice(max(begin, 0), n - max(end, 0)) for n, (begin, end) in zip(x.shape[2:], crops))
    return x[(slice(None), slice(None), *cuts)]


def _add_bias(out: Array, bias: ArrayLike | None) -> Array:
    if bias is None:
        return out
    added = np.asarray(bias, np.float64)
    check_bias(added.shape, out.shape[1])
    return out + added.reshape(-1, *[1] * (out.ndim - 2))


def _cotangent(cotangent: ArrayLike, shape: tuple[int, ...]) -> Array:
    c = np.asarray(cotangent, np.float64)
    check_cotangent(c.shape, shape)
    return c


def _reach(mode: str, kernel: int, stride: int, dilation: int) -> int:
    """Check the numbers of one axis and give how far its kernel reaches."""
    if mode not in ("same", "valid"):
        raise ValueError(f"mode={mode!r}: give 'same' or 'valid'")
    for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if value < 1:
            raise ValueError(f"{name}={value!r}: give a whole number from 1 on")
    return dilation * (kernel - 1) + 1
