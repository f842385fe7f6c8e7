"""Transposed and plain convolution as the obvious loop in float64: the judge anyone can check by eye.

Kept apart from fast code on purpose. Arrays are n i *spatial; every definition is by begin and end
amounts on each axis (DESIGN.md, Transposed convolution).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

Pairs = Sequence[tuple[int, int]]


def _check(x: np.ndarray, w: np.ndarray, groups: int, transposed: bool) -> None:
    if x.ndim != w.ndim or x.ndim < 3:
        raise ValueError(f"x {x.shape} and w {w.shape}: give n i *spatial and a weight of as many axes")
    if x.shape[1] % groups or x.shape[1] != (w.shape[0] if transposed else w.shape[1] * groups):
        raise ValueError(f"x {x.shape}, w {w.shape} and groups={groups} don't fit")


def conv_transpose(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Sequence[int] = (1,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
    crop: Pairs = ((0, 0),),
) -> np.ndarray:
    """Scatter every input through the kernel, crop both ends, then add the bias.

    x: n i *spatial, w: i o/groups *kernel, crop: (begin, end) for each axis; a negative end appends
    zeros before the bias. Gives float64 n o *spatial. Raises ValueError where shapes don't fit.
    """
    _check(x, w, groups, True)
    x, w = x.astype(np.float64), w.astype(np.float64)
    axes = x.ndim - 2
    full = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(x.shape[2:], stride, dilation, w.shape[2:])]
    inner, outer = x.shape[1] // groups, w.shape[1]
    out = np.zeros((x.shape[0], outer * groups, *full))
    for g in range(groups):
        for at in itertools.product(*map(range, x.shape[2:])):
            for tap in itertools.product(*map(range, w.shape[2:])):
                place = tuple(at[a] * stride[a] + tap[a] * dilation[a] for a in range(axes))
                part = x[(slice(None), slice(g * inner, (g + 1) * inner), *at)]
                kernel = w[(slice(g * inner, (g + 1) * inner), slice(None), *tap)]
                out[(slice(None), slice(g * outer, (g + 1) * outer), *place)] += part @ kernel
    out = _resize(out, [(-begin, -end) for begin, end in crop])
    return out if bias is None else out + bias.astype(np.float64).reshape(1, -1, *[1] * axes)


def conv(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Sequence[int] = (1,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
    pads: Pairs = ((0, 0),),
) -> np.ndarray:
    """Pad with zeros, then gather through the kernel.

    x: n i *spatial, w: o i/groups *kernel, pads: (begin, end) zeros for each axis, negative to crop.
    Gives float64 n o *spatial. Raises ValueError where shapes don't fit.
    """
    _check(x, w, groups, False)
    x, w = _resize(x.astype(np.float64), pads), w.astype(np.float64)
    axes = x.ndim - 2
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, s, d, k in zip(x.shape[2:], stride, dilation, w.shape[2:])]
    inner, outer = w.shape[1], w.shape[0] // groups
    out = np.zeros((x.shape[0], w.shape[0], *sizes))
    for g in range(groups):
        for at in itertools.product(*map(range, sizes)):
            for tap in itertools.product(*map(range, w.shape[2:])):
                place = tuple(at[a] * stride[a] + tap[a] * dilation[a] for a in range(axes))
                part = x[(slice(None), slice(g * inner, (g + 1) * inner), *place)]
                kernel = w[(slice(g * outer, (g + 1) * outer), slice(None), *tap)]
                out[(slice(None), slice(g * outer, (g + 1) * outer), *at)] += part @ kernel.T
    return out if bias is None else out + bias.astype(np.float64).reshape(1, -1, *[1] * axes)


def _resize(x: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Add zeros (positive) or cut (negative) at the beginning and the end of each spatial axis."""
    for axis, (begin, end) in enumerate(pairs, 2):
        widths = [(0, 0)] * x.ndim
        widths[axis] = (max(begin, 0), max(end, 0))
        x = np.pad(x, widths)
        cut = slice(max(-begin, 0), x.shape[axis] - max(-end, 0))
        if cut.stop <= cut.start:
            raise ValueError(f"({-begin}, {-end}) crops all of an axis of {x.shape[axis]}")
        x = x[(slice(None),) * axis + (cut,)]
    return x


def conv_transpose_gather(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Sequence[int] = (1,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
) -> np.ndarray:
    """The classical definition, written independently: insert zeros, flip the kernel, correlate.

    Zeros of d*(k-1)-p on both sides and output_padding more at the end; holds for every value.
    """
    _check(x, w, groups, True)
    axes = x.ndim - 2
    sizes = [(n - 1) * s + 1 for n, s in zip(x.shape[2:], stride)]
    spread = np.zeros((*x.shape[:2], *sizes))
    spread[(slice(None), slice(None), *(slice(None, None, s) for s in stride))] = x
    inner, outer = x.shape[1] // groups, w.shape[1]
    flipped = np.flip(w.astype(np.float64), axis=tuple(range(2, w.ndim)))
    flipped = flipped.reshape(groups, inner, outer, *w.shape[2:]).swapaxes(1, 2)
    flipped = flipped.reshape(groups * outer, inner, *w.shape[2:])
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:])]
    pads = [(r - p, r - p + op) for r, p, op in zip(reach, padding, output_padding)]
    return conv(spread, flipped, bias, (1,) * axes, dilation, groups, pads)
