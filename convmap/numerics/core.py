"""Fast transposed and plain convolution on NumPy, CuPy and torch arrays, by the array API standard.

Kept apart from ``reference``, the judge that every change here is checked against; the conventions
are the same. Besides, x may lack the batch axis, formats are kept (float16 is summed in float32 and
rounded once at the end), and scratch beyond inputs and outputs stays within ``memory`` bytes, down
to what one row of one sample and one channel take (NumPy's own iteration buffers, 100 kB, aside).
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from convmap.numerics.geometry import Geometry, Numbers, Pairs, check_bias, check_cotangent
from convmap.numerics.passes import collect, correlate, spread
from convmap.numerics.workspace import Array, Workspace, workspace

MEMORY = 8 << 20


class Gradients(NamedTuple):
    """What a cotangent gives for each array of a convolution."""

    input: Array
    weight: Array
    bias: Array


def conv_transpose(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    crop: Pairs | None = None,
    memory: int = MEMORY,
) -> Array:
    """Scatter every input through the kernel, crop both ends, then add the bias.

    x: n i *spatial or i *spatial, w: i o/groups *kernel, crop: (begin, end) for each axis; a
    negative one adds zeros before the bias. Gives n o *spatial or o *spatial.

    >>> import numpy as np
    >>> conv_transpose(np.array([[1.0, 2.0]]), np.array([[[1.0, 10.0, 100.0]]]), stride=2)
    array([[  1.,  10., 102.,  20., 200.]])
    """
    call = _Call((x, w, bias), stride, dilation, groups, crop, "crop", memory, transposed=True)
    ws, g = call.ws, call.g
    with ws.running():
        out = spread(ws, g, call.narrow(call.x), call.w, call.bias(bias, g.outer * groups), memory)
    return call.joined(out)


def conv_transpose_gradients(
    cotangent: Array,
    x: Array,
    w: Array,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    crop: Pairs | None = None,
    memory: int = MEMORY,
) -> Gradients:
    """Give the gradients of ``sum(cotangent * conv_transpose(x, w, bias, ...))``."""
    call = _Call((x, w, cotangent), stride, dilation, groups, crop, "crop", memory, transposed=True)
    ws, g = call.ws, call.g
    c = call.cotangent(cotangent, (g.outer * groups, *g.held))
    narrow, wide = call.narrow(call.x), call.wide(c)
    with ws.running():
        if ws.short:  # sums of both in float32 at once would not stay within the memory
            gx, _ = collect(ws, g, wide, call.w, memory)
            gw = correlate(ws, g, narrow, wide, memory)
        else:
            gx, gw = collect(ws, g, wide, call.w, memory, narrow)
    return Gradients(call.joined(gx), ws.xp.reshape(gw, w.shape), call.summed(c))


def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    pads: Pairs | None = None,
    memory: int = MEMORY,
) -> Array:
    """Pad with zeros, gather through the kernel, then add the bias.

    x: n i *spatial or i *spatial, w: o i/groups *kernel, pads: (begin, end) zeros for each axis,
    negative to crop. Gives n o *spatial or o *spatial.
    """
    call = _Call((x, w, bias), stride, dilation, groups, pads, "pads", memory, transposed=False)
    with call.ws.running():
        wide, added = call.wide(call.x), call.bias(bias, w.shape[0])
        out, _ = collect(call.ws, call.g, wide, call.w, memory, bias=added)
    return call.joined(out)


def conv_gradients(
    cotangent: Array,
    x: Array,
    w: Array,
    stride: Numbers = 1,
    dilation: Numbers = 1,
    groups: int = 1,
    pads: Pairs | None = None,
    memory: int = MEMORY,
) -> Gradients:
    """Give the gradients of ``sum(cotangent * conv(x, w, bias, ...))``."""
    call = _Call((x, w, cotangent), stride, dilation, groups, pads, "pads", memory, transposed=False)
    ws, g = call.ws, call.g
    c = call.cotangent(cotangent, (w.shape[0], *g.narrow))
    with ws.running():
        gx = spread(ws, g, call.narrow(c), call.w, None, memory)
        gw = correlate(ws, g, call.narrow(c), call.wide(call.x), memory)
    return Gradients(call.joined(gx), ws.xp.reshape(gw, w.shape), call.summed(c))


class _Call:
    """The checked arguments of a call: arrays batched and split by groups."""

    def __init__(
        self,
        arrays: tuple[Array, Array, Array | None],
        stride: Numbers,
        dilation: Numbers,
        groups: int,
        ends: Pairs | None,
        name: str,
        memory: int,
        *,
        transposed: bool,
    ) -> None:
        x, w, _ = arrays
        self.ws: Workspace = workspace(*arrays)
        self.batched = x.ndim != w.ndim - 1
        self.x = x if self.batched else x[None, ...]
        shapes = tuple(self.x.shape), tuple(w.shape)
        self.g = Geometry(*shapes, stride, dilation, groups, ends, name, transposed=transposed)
        try:
            enough = operator.index(memory) >= 1
        except TypeError:
            enough = False
        if not enough:
            raise ValueError(f"memory={memory!r}: give a whole number of bytes from 1 on")
        self.w = self._split(w, 0, self.g.inner)

    def narrow(self, a: Array) -> Array:
        return self._split(a, 1, self.g.inner)

    def wide(self, a: Array) -> Array:
        return self._split(a, 1, self.g.outer)

    def bias(self, bias: Array | None, channels: int) -> Array | None:
        if bias is None:
            return None
        check_bias(tuple(bias.shape), channels)
        return self.ws.xp.reshape(bias, (self.g.groups, -1))

    def cotangent(self, c: Array, shape: tuple[int, ...]) -> Array:
        batch = (self.g.batch,) if self.batched else ()
        check_cotangent(tuple(c.shape), (*batch, *shape))
        return c if self.batched else c[None, ...]

    def joined(self, a: Array) -> Array:
        """Join the groups again; without a batch axis where x had none."""
        batch = (self.g.batch,) if self.batched else ()
        return self.ws.xp.reshape(a, (*batch, a.shape[1] * a.shape[2], *a.shape[3:]))

    def summed(self, c: Array) -> Array:
        axes = (0, *range(2, c.ndim))
        return self.ws.xp.astype(self.ws.xp.sum(c, axis=axes, dtype=self.ws.sums), self.ws.dtype)

    def _split(self, a: Array, axis: int, channels: int) -> Array:
        shape: tuple[Any, ...] = tuple(a.shape)
        return self.ws.xp.reshape(a, (*shape[:axis], self.g.groups, channels, *shape[axis + 1 :]))
