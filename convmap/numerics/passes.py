"""The three passes over the products of a convolution, block by block in bounded scratch.

Arrays come split by groups: narrow n g i *spatial, wide n g o *spatial, weight g i o *kernel.
No zeros are inserted between inputs: taps are folded by phase, the residue of the places they reach
by the stride, and one phase of the wide array is a plain sum of shifted narrow arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from convmap.numerics.bands import Bands
from convmap.numerics.blocks import COLUMNS, HOT_BYTES, Block, fit, overlap, steps, taps
from convmap.numerics.folding import fold, fold_in_place, folds_in_place
from convmap.numerics.geometry import Geometry
from convmap.numerics.workspace import Array, Workspace

EVERY = slice(None)


def spread(ws: Workspace, g: Geometry, narrow: Array, w: Array, bias: Array | None, memory: int) -> Array:
    """Go from narrow to wide: multiply by all taps at once, then add up each phase; n g o *held."""
    if _is_product(ws, g):
        return _from_one_place(ws, g, narrow, w, bias, memory)
    bands = Bands(ws, g, memory)
    if bands.pays() and ws.finite(narrow) and ws.finite(w):
        return bands.run(narrow, w, bias)
    out = ws.empty((g.batch, g.groups, g.outer, *g.held))
    if g.groups == 1 and g.batch > 1 and math.prod(g.narrow) >= COLUMNS:
        _add_up(ws, g.with_samples_as_groups(), _swapped(ws, narrow), w, bias, memory, _swapped(ws, out))
    else:
        _add_up(ws, g, narrow, w, bias, memory, out)
    return out


def _swapped(ws: Workspace, a: Array) -> Array:
    return ws.xp.permute_dims(a, (1, 0, *range(2, a.ndim)))


def _add_up(
    ws: Workspace, g: Geometry, narrow: Array, w: Array, bias: Array | None, memory: int, out: Array
) -> None:
    """Multiply by all taps at once, then add up each phase; a w of one group is that of all."""
    count, row, every_tap = math.prod(g.kernel), math.prod(g.narrow[1:]), taps(g)
    low, high = min(t.shift[0] for t in every_tap), max(t.shift[0] for t in every_tap)
    extent = -(-g.held[0] // g.stride[0])
    wide_row = math.prod(-(-n // s) for n, s in zip(g.held[1:], g.stride[1:]))
    in_place = folds_in_place(g)

    def sums(b: Block, columns: int) -> int:
        """Give how many sums of one output channel are in scratch beside the products."""
        return columns * g.stride[-1] if in_place else b.batch * b.rows * wide_row

    def fits(b: Block) -> bool:
        columns = b.batch * min(b.rows + high - low, g.narrow[0]) * row
        hot = b.groups * b.outer * (count * columns + sums(b, columns))
        copies = b.groups * g.inner * columns * (b.batch > 1 or ws.short)
        cast = b.groups * g.inner * b.outer * count * ws.short
        return bool(hot * ws.bytes <= HOT_BYTES) and bool((hot + copies + cast) * ws.bytes <= memory)

    block = fit(g, extent, row if in_place else wide_row, fits, high - low)
    places = block.batch * min(block.rows + high - low, g.narrow[0]) * row
    outputs = block.groups * block.outer
    ws.reserve(
        products=outputs * count * places,
        sums=outputs * sums(block, places),
        narrow=block.groups * g.inner * places * (block.batch > 1 or ws.short),
        kernels=outputs * g.inner * count * ws.short,
    )
    for batch, rows, group in _places(g, block, extent):
        first = min(max(rows.start - high, 0), g.narrow[0])
        last = max(min(rows.stop - low, g.narrow[0]), first)
        x = _columns(ws, "narrow", narrow[batch, group, EVERY, first:last, ...]) if first < last else None
        for outer in steps(g.outer, block.outer):
            products: Array = None
            if x is not None:
                kernels = _kernels(ws, w, group if w.shape[0] > 1 else EVERY, outer)
                flat = ws.product("products", ws.xp.matrix_transpose(kernels), x)
                shape = (outer.stop - outer.start, count, batch.stop - batch.start, last - first)
                products = ws.xp.reshape(flat, (flat.shape[0], *shape, *g.narrow[1:]))
            held = out[batch, group, outer, ...]
            added = None if bias is None else ws.wide(bias[group if bias.shape[0] > 1 else EVERY, outer])
            (fold_in_place if in_place else fold)(ws, g, products, held, rows, (first, last), added)


def _is_product(ws: Workspace, g: Geometry) -> bool:
    """Tell whether every sample is one place and its taps are the result: a product, nothing to fold."""
    reached = g.held == g.kernel == g.wide and all(begin == 0 for begin, _ in g.ends)
    return math.prod(g.narrow) == 1 and reached and not ws.short


def _from_one_place(
    ws: Workspace, g: Geometry, narrow: Array, w: Array, bias: Array | None, memory: int
) -> Array:
    out = ws.empty((g.batch, g.groups, g.outer, *g.held))
    x = ws.xp.permute_dims(ws.xp.reshape(narrow, (g.batch, g.groups, g.inner)), (1, 0, 2))
    flat = ws.xp.permute_dims(ws.xp.reshape(out, (g.batch, g.groups, -1)), (1, 0, 2))
    ws.product_into(flat, x, ws.xp.reshape(w, (g.groups, g.inner, -1)), memory)
    if bias is not None:
        out += ws.xp.reshape(bias, (*bias.shape, *[1] * len(g.held)))
    return out


def collect(
    ws: Workspace,
    g: Geometry,
    wide: Array,
    w: Array,
    memory: int,
    narrow: Array | None = None,
    bias: Array | None = None,
) -> tuple[Array, Array | None]:
    """Go from wide to narrow, n g i *narrow; with ``narrow`` given, its weight gradient as well.

    Both need the same stack of wide values, so that it is filled once.
    """
    out = ws.empty((g.batch, g.groups, g.inner, *g.narrow))
    gradient = None if narrow is None else ws.zeros((g.groups, g.inner, g.outer, *g.kernel))
    block = _stack_block(ws, g, memory)
    columns = block.groups * block.batch * block.rows * math.prod(g.narrow[1:])
    ws.reserve(
        stack=block.outer * math.prod(g.kernel) * columns,
        part=g.inner * columns,
        sums=g.inner * columns * (block.outer < g.outer),
        narrow=g.inner * columns * (narrow is not None and (block.batch > 1 or ws.short)),
        kernels=block.groups * g.inner * block.outer * math.prod(g.kernel) * ws.short,
    )
    for batch, rows, group in _places(g, block, g.narrow[0]):
        total: Array = None
        x = None if narrow is None else _columns(ws, "narrow", narrow[batch, group, EVERY, rows, ...])
        for outer in steps(g.outer, block.outer):
            stack = _stack(ws, g, wide, batch, rows, group, outer)
            part = ws.product("part", _kernels(ws, w, group, outer), stack)
            if total is None:
                total = ws.copy("sums", part) if block.outer < g.outer else part
            else:
                total += part
            if x is not None and gradient is not None:
                more = ws.product("more", x, ws.xp.matrix_transpose(stack))
                shape = (*more.shape[:2], outer.stop - outer.start, *g.kernel)
                gradient[group, EVERY, outer, ...] += ws.xp.reshape(more, shape)
        shape = (batch.stop - batch.start, rows.stop - rows.start, *g.narrow[1:])
        if bias is not None:
            total += ws.wide(bias[group, :])[..., None]
        total = ws.xp.reshape(total, (*total.shape[:2], *shape))
        out[batch, group, EVERY, rows, ...] = ws.stored(_samples_first(ws, total, 2))
    return out, gradient


def correlate(ws: Workspace, g: Geometry, narrow: Array, wide: Array, memory: int) -> Array:
    """Give the gradient of the weight, g i o *kernel, each element rounded once at the end."""
    out = ws.zeros((g.groups, g.inner, g.outer, *g.kernel))
    block = _stack_block(ws, g, memory)
    columns, taken = block.batch * block.rows * math.prod(g.narrow[1:]), block.outer * math.prod(g.kernel)
    ws.reserve(
        stack=block.groups * taken * columns,
        more=block.groups * g.inner * taken,
        sums=block.groups * g.inner * taken,
        narrow=block.groups * g.inner * columns * (block.batch > 1 or ws.short),
    )
    for group in steps(g.groups, block.groups):
        for outer in steps(g.outer, block.outer):
            total = None
            for batch, rows, _ in _places(g, block, g.narrow[0], group):
                x = _columns(ws, "narrow", narrow[batch, group, EVERY, rows, ...])
                stack = _stack(ws, g, wide, batch, rows, group, outer)
                part = ws.product("more", x, ws.xp.matrix_transpose(stack))
                if total is None:
                    total = ws.copy("sums", part)
                else:
                    total += part
            if total is not None:
                shape = (*total.shape[:2], outer.stop - outer.start, *g.kernel)
                out[group, EVERY, outer, ...] = ws.stored(ws.xp.reshape(total, shape))
    return out


def _stack_block(ws: Workspace, g: Geometry, memory: int) -> Block:
    count, row = math.prod(g.kernel), math.prod(g.narrow[1:])

    def fits(b: Block) -> bool:
        columns = b.batch * b.rows * row
        hot = b.groups * b.outer * count * columns
        # of the narrow array: a part, its sum, and a copy; of the weight: a part, its sum or copy
        rest = 3 * b.groups * g.inner * columns + 2 * b.groups * g.inner * b.outer * count
        return bool(hot * ws.bytes <= HOT_BYTES) and bool((hot + rest) * ws.bytes <= memory)

    return fit(g, g.narrow[0], row, fits)


def _stack(
    ws: Workspace, g: Geometry, wide: Array, batch: slice, rows: slice, group: slice, outer: slice
) -> Array:
    """Give the wide values each tap reads, g (o tap) (n *narrow): zero beyond the ends."""
    places = [(rows.start, rows.stop), *((0, n) for n in g.narrow[1:])]
    lengths = [part.stop - part.start for part in (group, outer, batch)]
    sizes = (lengths[0], lengths[1], math.prod(g.kernel), lengths[2], *(b - a for a, b in places))
    stack = ws.scratch("stack", sizes)
    for tap in taps(g):
        extent = [-(-(n - r) // s) for n, r, s in zip(g.held, tap.phase, g.stride)]
        to, source = overlap(places, [-n for n in tap.shift], [(0, n) for n in extent])
        if to is None or any((t.start, t.stop) != (0, b - a) for t, (a, b) in zip(to, places)):
            stack[:, :, tap.number, ...] = 0.0
        if to is not None:
            read = (
                slice(r + s * p.start, r + s * (p.stop - 1) + 1, s)
                for p, r, s in zip(source, tap.phase, g.stride)
            )
            values = ws.wide(wide[(batch, group, outer, *read)])
            stack[(EVERY, EVERY, tap.number, EVERY, *to)] = _samples_last(ws, values, 2)
    return ws.xp.reshape(stack, (lengths[0], lengths[1] * sizes[2], -1))


def _places(
    g: Geometry, block: Block, rows: int, group: slice | None = None
) -> Iterator[tuple[slice, slice, slice]]:
    for batch in steps(g.batch, block.batch):
        for part in steps(rows, block.rows):
            for groups in steps(g.groups, block.groups) if group is None else [group]:
                yield batch, part, groups


def _columns(ws: Workspace, name: str, a: Array) -> Array:
    """Give n g c *spatial as g c (n *spatial); only several samples need a copy."""
    n, groups, channels = a.shape[:3]
    if n == 1:
        a = ws.copy(name, a) if ws.short else a
    else:
        a = ws.copy(name, _samples_last(ws, a, 2))
    return ws.xp.reshape(a, (groups, channels, -1))


def _kernels(ws: Workspace, w: Array, group: slice, outer: slice) -> Array:
    """Give the weight of some groups and outputs as g i (o tap), in place where its layout allows."""
    part = w[group, EVERY, outer, ...]
    part = ws.copy("kernels", part) if ws.short else part
    return ws.xp.reshape(part, (*part.shape[:2], -1))


def _samples_last(ws: Workspace, a: Array, channels: int) -> Array:
    """Move the samples of n (channels axes) *spatial behind the channels."""
    order = (*range(1, channels + 1), 0, *range(channels + 1, a.ndim))
    return ws.xp.permute_dims(a, order)


def _samples_first(ws: Workspace, a: Array, channels: int) -> Array:
    order = (channels, *range(channels), *range(channels + 1, a.ndim))
    return ws.xp.permute_dims(a, order)
