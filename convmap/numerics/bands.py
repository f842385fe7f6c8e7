"""Transposed convolution of few channels: tiles of the output as products with band matrices.

A product with one input channel is no work for a matrix product, and adding up its taps one by one
takes longer than multiplying them. Here the windows of input that reach a tile of the output are
the rows of one matrix, and the kernel, written once for each place of the tile, is the other: most
of it zeros, and yet several times as fast. Exact zeros add no rounding; what is not finite would
spread through them, so that such calls are not for this module.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from convmap.numerics.blocks import steps
from convmap.numerics.geometry import Geometry
from convmap.numerics.workspace import Array, Workspace

EVERY = slice(None)
BLOCK_BYTES = 4 << 20  # more costs nothing: what a block writes it reads back once, in order
TILE = 16  # narrow places of a tile on the last axis: long enough runs, bearably many zeros
# Multiplications with zeros included, for each one that is needed: beyond, adding up taps is faster.
MOST_PRODUCTS = 24


class Cut(NamedTuple):
    """How an axis is cut: tile j holds ``size`` places from ``start + j * size`` on.

    It is reached from the ``width`` narrow places from ``first + j * step`` on. Tiles and windows
    at the ends may go beyond what there is.
    """

    tiles: int
    start: int
    size: int
    first: int
    step: int
    width: int


def cut(g: Geometry, axis: int) -> Cut:
    """Cut the last axis into tiles of about TILE narrow places, others into as few rows as share inputs."""
    last = axis == len(g.narrow) - 1
    held, step, narrow = g.held[axis], g.stride[axis], g.narrow[axis]
    tiles = max(1, -(-held // (TILE * step))) if last else -(-held // step)
    if tiles == 1:
        first, end = _reaching(g, axis, 0, held)
        first, end = min(max(first, 0), narrow - 1), max(min(end, narrow), 1)
        return Cut(1, 0, held, first, 0, max(end - first, 1))
    rows = -(-held // (tiles * step))
    found = []
    for start in range(0, -step, -1) if rows == 1 else (0,):
        first, end = _reaching(g, axis, start, start + rows * step)
        found.append(Cut(-(-(held - start) // (rows * step)), start, rows * step, first, rows, end - first))
    return min(found, key=lambda c: c.tiles * c.width)


def _reaching(g: Geometry, axis: int, start: int, stop: int) -> tuple[int, int]:
    """Give the narrow places, from and up to, that reach held places from start up to stop."""
    begin, step = g.ends[axis][0], g.stride[axis]
    reach = (g.kernel[axis] - 1) * g.dilation[axis]
    return -((reach - start - begin) // step), (stop - 1 + begin) // step + 1


class Bands:
    """The plan of a call: its cuts and what one block takes."""

    def __init__(self, ws: Workspace, g: Geometry, memory: int) -> None:
        self.ws, self.g = ws, g
        self.cuts = [cut(g, axis) for axis in range(len(g.narrow))]
        self.window = math.prod(c.width for c in self.cuts)
        self.tile = math.prod(c.size for c in self.cuts)
        row = math.prod(c.tiles for c in self.cuts[1:])
        factors = g.inner * self.window, g.outer * self.tile

        def elements(groups: int, batch: int, tiles: int) -> int:
            weight = g.inner * self.window * g.outer * self.tile * (2 if g.inner * g.outer > 1 else 1)
            return groups * (weight + sum(factors) * batch * tiles * row)

        most = min(BLOCK_BYTES, memory) // ws.bytes
        self.fits = elements(1, 1, 1) <= most
        self.batch, self.tiles, self.groups = max(g.batch, 1), self.cuts[0].tiles, 1
        while elements(1, self.batch, self.tiles) > most and (self.batch > 1 or self.tiles > 1):
            if self.batch > 1:
                self.batch = -(-self.batch // 2)
            else:
                self.tiles = -(-self.tiles // 2)
        while self.groups < g.groups and elements(self.groups + 1, self.batch, self.tiles) <= most:
            self.groups += 1
        rows = self.groups * self.batch * self.tiles * row
        self.sizes = {"narrow": rows * factors[0], "products": rows * factors[1]}

    def pays(self) -> bool:
        """Tell whether it fits, and is faster than adding up taps."""
        g = self.g
        done = math.prod(c.tiles for c in self.cuts) * self.window * self.tile
        needed = math.prod(g.narrow) * math.prod(g.kernel)
        return self.fits and g.inner * done <= MOST_PRODUCTS * needed

    def run(self, narrow: Array, w: Array, bias: Array | None) -> Array:
        """Give n g o *held from narrow n g i *spatial and w g i o *kernel."""
        ws, g = self.ws, self.g
        out = ws.empty((g.batch, g.groups, g.outer, *g.held))
        ws.reserve(**self.sizes)
        for group in steps(g.groups, self.groups):
            band = self._matrix(w[group, ...])
            added = None if bias is None else ws.wide(bias[group, :])[:, None, :, None]
            for batch in steps(g.batch, self.batch):
                for tiles in steps(self.cuts[0].tiles, self.tiles):
                    windows = self._windows(narrow[batch, group, ...], tiles)
                    products = ws.product("products", windows, band)
                    if added is not None:
                        by_channel = ws.xp.reshape(products, (*products.shape[:2], g.outer, -1))
                        by_channel += added
                    self._store(products, out[batch, group, ...], tiles)
        return out

    def _matrix(self, w: Array) -> Array:
        """Write the kernel for each place of a tile: g (i *window) (o *tile)."""
        ws, g = self.ws, self.g
        groups, inner, outer = w.shape[:3]
        band = ws.zeros((groups, inner, outer, self.window * self.tile), ws.sums)
        *leading, last = self.cuts
        for taps, window, tile in self._leading(leading):
            for tap in range(g.kernel[-1]):
                # Inputs one apart reach places a stride apart: one diagonal of the window by the tile.
                off = (last.first * g.stride[-1]) + tap * g.dilation[-1] - g.ends[-1][0] - last.start
                low = max(0, -(off // g.stride[-1]))
                high = min(last.width, -((off - last.size) // g.stride[-1]))
                if low >= high:
                    continue
                start = (window * last.width + low) * self.tile + tile * last.size + off + low * g.stride[-1]
                apart = self.tile + g.stride[-1]
                diagonal = slice(start, start + (high - low - 1) * apart + 1, apart)
                band[..., diagonal] = ws.wide(w[(EVERY, EVERY, EVERY, *taps, tap)])[..., None]
        band = ws.xp.reshape(band, (groups, inner, outer, self.window, self.tile))
        band = ws.xp.permute_dims(band, (0, 1, 3, 2, 4))
        return ws.xp.reshape(band, (groups, inner * self.window, outer * self.tile))

    def _leading(self, cuts: list[Cut]) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Give each tap of the leading axes that takes an input of the window to a place of the tile."""
        g = self.g
        axes = []
        for axis, c in enumerate(cuts):
            found = []
            for tap, at in itertools.product(range(g.kernel[axis]), range(c.width)):
                place = (c.first + at) * g.stride[axis] + tap * g.dilation[axis] - g.ends[axis][0] - c.start
                if 0 <= place < c.size:
                    found.append((tap, at, place))
            axes.append(found)
        for chosen in itertools.product(*axes):
            window = tile = 0
            for c, (_, at, place) in zip(cuts, chosen):
                window, tile = window * c.width + at, tile * c.size + place
            yield tuple(tap for tap, _, _ in chosen), window, tile

    def _windows(self, narrow: Array, tiles: slice) -> Array:
        """Give the inputs that reach each tile: g (n *tiles) (i *window), zero beyond the ends."""
        ws, g = self.ws, self.g
        batch, groups = narrow.shape[:2]
        counts = [tiles.stop - tiles.start, *(c.tiles for c in self.cuts[1:])]
        widths = [c.width for c in self.cuts]
        windows = ws.scratch("narrow", (groups, batch, *counts, g.inner, *widths))
        windows[...] = 0.0
        axes = len(widths)
        values = ws.xp.permute_dims(narrow, (1, 0, *range(3, 3 + axes), 2))  # g n *spatial i
        parts = [
            list(self._pieces(axis, tiles if not axis else slice(0, c.tiles)))
            for axis, c in enumerate(self.cuts)
        ]
        for chosen in itertools.product(*parts):
            to = windows[(EVERY, EVERY, *(p[0] for p in chosen), EVERY, *(p[1] for p in chosen))]
            source = values[(EVERY, EVERY, *(p[2] for p in chosen), EVERY)]
            # g n *spatial i: a leading axis runs over tiles, the last one over its window
            moved = ws.xp.permute_dims(source, (0, 1, *range(2, 1 + axes), 2 + axes, 1 + axes))
            to[...] = ws.wide(ws.xp.reshape(moved, to.shape))
        return ws.xp.reshape(windows, (groups, batch * math.prod(counts), g.inner * self.window))

    def _pieces(self, axis: int, tiles: slice) -> Iterator[tuple[slice, slice, slice]]:
        """Give for each run of inputs of an axis: its tiles in the block, places in a window, inputs."""
        c, narrow = self.cuts[axis], self.g.narrow[axis]
        if axis == len(self.cuts) - 1:
            for tile in range(tiles.start, tiles.stop):
                first = c.first + tile * c.step
                low, high = max(first, 0), min(first + c.width, narrow)
                if low < high:
                    j = tile - tiles.start
                    yield slice(j, j + 1), slice(low - first, high - first), slice(low, high)
            return
        for at in range(c.width):
            # tile j reads first + at + j * step
            offset, step = c.first + at, max(c.step, 1)
            low = max(tiles.start, -(offset // step))
            high = min(tiles.stop, (narrow - 1 - offset) // step + 1)
            if low < high:
                read = slice(offset + low * step, offset + (high - 1) * step + 1, step)
                yield slice(low - tiles.start, high - tiles.start), slice(at, at + 1), read

    def _store(self, products: Array, out: Array, tiles: slice) -> None:
        """Put the tiles to their places of the result, n g o *held."""
        ws, g = self.ws, self.g
        batch, groups = out.shape[:2]
        counts = [tiles.stop - tiles.start, *(c.tiles for c in self.cuts[1:])]
        axes = len(counts)
        sums = ws.xp.reshape(products, (groups, batch, *counts, g.outer, *(c.size for c in self.cuts)))
        order = [1, 0, 2 + axes]
        for axis in range(axes):
            order += [2 + axis, 3 + axes + axis]
        sums = ws.xp.permute_dims(sums, tuple(order))  # n g o, then tiles and places of each axis
        parts = [
            self._ends(axis, tiles if not axis else slice(0, c.tiles)) for axis, c in enumerate(self.cuts)
        ]
        for chosen in itertools.product(*parts):
            taken = sums[(EVERY, EVERY, EVERY, *itertools.chain.from_iterable(p[:2] for p in chosen))]
            held = out[(EVERY, EVERY, EVERY, *(p[2] for p in chosen))]
            view = ws.xp.reshape(held, taken.shape)  # splits axes: a view in every library
            view[...] = ws.stored(taken)

    def _ends(self, axis: int, tiles: slice) -> Iterator[tuple[slice, slice, slice]]:
        """Give the whole tiles of an axis together, and those cut off each by itself."""
        c, held = self.cuts[axis], self.g.held[axis]
        whole = [j for j in range(tiles.start, tiles.stop) if c.start + j * c.size >= 0]
        whole = [j for j in whole if c.start + (j + 1) * c.size <= held]
        if whole:
            low, high = whole[0], whole[-1] + 1
            reached = slice(c.start + low * c.size, c.start + high * c.size)
            yield slice(low - tiles.start, high - tiles.start), EVERY, reached
        for j in range(tiles.start, tiles.stop):
            start = c.start + j * c.size
            first, last = max(start, 0), min(start + c.size, held)
            if j not in whole and first < last:
                at = j - tiles.start
                yield slice(at, at + 1), slice(first - start, last - start), slice(first, last)
