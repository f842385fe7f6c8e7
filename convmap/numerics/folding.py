"""Adds the products of a block up to outputs: each tap's, moved by its shift, to its phase.

Kept apart from the passes, which say what is multiplied: here nothing is. Products come as
g o tap n *narrow, of the narrow rows ``present`` (all of them where there are several samples);
sums go to ``out``, a view n g o *held of the result, at the given ``rows`` of each phase.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from convmap.numerics.blocks import axis_taps, overlap, phases
from convmap.numerics.geometry import Geometry
from convmap.numerics.workspace import Array, Workspace

EVERY = slice(None)


def folds_in_place(g: Geometry) -> bool:
    """Tell whether ``fold_in_place`` can: no phase is longer than the narrow axis or lacks a tap at rest."""
    return all(
        -(-g.held[axis] // g.stride[axis]) <= size
        and all(any(not move for _, move in found) for found in axis_taps(g, axis).values())
        for axis, size in enumerate(g.narrow)
    )


def fold_in_place(
    ws: Workspace,
    g: Geometry,
    products: Array,
    out: Array,
    rows: slice,
    present: tuple[int, int],
    bias: Array | None,
) -> None:
    """Add up axis by axis in the memory of the products, in runs as long as the block.

    On each axis the products of a phase's taps are added to those of its tap at rest, the one with
    no shift. A run goes through all places at once; what a shift would carry over an end is set to
    zero before. Long runs add up several times as fast as the rows of a feature map.
    """
    groups, outer, _, batch, *narrow = products.shape
    axes = len(narrow)
    runs = ws.xp.reshape(products, (groups, outer, *g.kernel, -1))
    places = ws.xp.reshape(products, (groups, outer, *g.kernel, batch, *narrow))
    size = runs.shape[-1]
    at_rest: list[dict[int, int]] = [{} for _ in narrow]
    for axis in reversed(range(axes)):
        for phase, found in axis_taps(g, axis).items():
            rest = at_rest[axis][phase] = next(tap for tap, move in found if not move)
            later = list(itertools.product(*(at_rest[a].values() for a in range(axis + 1, axes))))
            for (tap, move), done in itertools.product(found, later):
                by = move * math.prod(narrow[axis + 1 :])
                if tap == rest or abs(by) >= size:
                    continue
                before = (EVERY, EVERY, *[EVERY] * axis)
                if axis or batch > 1:  # on the first axis of a single sample, ends are those of the run
                    lost = (
                        slice(max(narrow[axis] - move, 0), None)
                        if move > 0
                        else slice(0, min(-move, narrow[axis]))
                    )
                    places[(*before, tap, *done, ..., lost, *[EVERY] * (axes - axis - 1))] = 0.0
                to = slice(max(by, 0), size + min(by, 0))
                source = slice(max(-by, 0), size - max(by, 0))
                runs[(*before, rest, *done, to)] += runs[(*before, tap, *done, source)]
    _store(ws, g, places, at_rest, out, rows, present[0], bias)


def _store(
    ws: Workspace,
    g: Geometry,
    sums: Array,
    at_rest: list[dict[int, int]],
    out: Array,
    rows: slice,
    first: int,
    bias: Array | None,
) -> None:
    """Write the sums at rest to their places; the last axis is interleaved first, in long runs."""
    groups, outer = sums.shape[:2]
    batch, *narrow = sums.shape[2 + len(g.kernel) :]
    runs = ws.xp.reshape(sums, (groups, outer, *g.kernel, -1))
    step, leading = g.stride[-1], list(zip(g.held[:-1], g.stride[:-1], at_rest[:-1]))
    for phase in itertools.product(*(range(min(s, n)) for n, s, _ in leading)):
        taps = [found.get(r) for r, (_, _, found) in zip(phase, leading)]
        wide = ws.scratch("sums", (groups, outer, runs.shape[-1], step))
        for last in range(step):
            chosen = [*taps, at_rest[-1].get(last)]
            wide[..., last] = 0.0 if None in chosen else runs[(EVERY, EVERY, *chosen, EVERY)]
        if bias is not None:
            wide += bias[:, :, None, None]
        lines = ws.xp.reshape(wide, (groups, outer, batch, *narrow[:-1], narrow[-1] * step))
        # Of each axis: where the sums of this phase start, how far apart they are, how many there are.
        axes = [(r, s, -(-(n - r) // s)) for r, (n, s, _) in zip(phase, leading)] + [(0, 1, g.held[-1])]
        scale = 1 if leading else step
        low, high = rows.start * scale, min(rows.stop * scale, axes[0][2])
        if low >= high:
            continue
        taken = [slice(low - first * scale, high - first * scale), *(slice(0, n) for _, _, n in axes[1:])]
        ends = [(low, high), *((0, n) for _, _, n in axes[1:])]
        held = [slice(r + s * a, r + s * (b - 1) + 1, s) for (r, s, _), (a, b) in zip(axes, ends)]
        _write(ws, lines[(EVERY, EVERY, EVERY, *taken)], out, held)


def fold(
    ws: Workspace,
    g: Geometry,
    products: Array | None,
    out: Array,
    rows: slice,
    present: tuple[int, int],
    bias: Array | None,
) -> None:
    """Add up phase by phase, whatever their lengths and shifts; without products, the bias alone."""
    lengths = (out.shape[1], out.shape[2], out.shape[0])
    for phase, sizes, taps in phases(g):
        window = [(rows.start, min(rows.stop, sizes[0])), *((0, n) for n in sizes[1:])]
        if window[0][0] >= window[0][1]:
            continue
        total = ws.scratch("sums", (*lengths, *(b - a for a, b in window)))
        total[...] = 0.0
        for tap in taps:
            to, source = overlap(window, tap.shift, [present, *((0, n) for n in g.narrow[1:])])
            if to is not None and products is not None:
                total[(EVERY, EVERY, EVERY, *to)] += products[(EVERY, EVERY, tap.number, EVERY, *source)]
        if bias is not None:
            total += ws.xp.reshape(bias, (*bias.shape, *[1] * (1 + len(window))))
        held = [slice(r + s * a, r + s * (b - 1) + 1, s) for (a, b), r, s in zip(window, phase, g.stride)]
        _write(ws, total, out, held)


def _write(ws: Workspace, sums: Array, out: Array, held: list[Any]) -> None:
    """Put sums, g o n *places, at the held places of the result."""
    order = (2, 0, 1, *range(3, sums.ndim))
    out[(EVERY, EVERY, EVERY, *held)] = ws.stored(ws.xp.permute_dims(sums, order))
