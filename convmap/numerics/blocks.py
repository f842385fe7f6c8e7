"""How a convolution is cut up: which taps reach which outputs, and blocks that fit in memory.

Kept apart from the arithmetic: everything here is whole numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from convmap.numerics.geometry import Geometry

# Scratch of a block, written and read back at once: in less, calls take longer than what they do;
# more no longer gains (1 to 6 MB measured on a core with 2 MB of second-level cache).
HOT_BYTES = 4 << 20
# Columns of one product: enough to pay for packing the other factor.
COLUMNS = 1024
# Rows that two blocks both need are multiplied twice: at most one for so many where that is to be had
# within so many columns.
ROWS_FOR_SHARED, MOST_COLUMNS = 16, 2048


class Tap(NamedTuple):
    """One element of the kernel: on each axis it takes ``at`` to phase + stride * (at + shift)."""

    number: int  # in the flat kernel
    phase: tuple[int, ...]
    shift: tuple[int, ...]


def taps(g: Geometry) -> list[Tap]:
    """Give the taps in the order of the flat kernel, as seen from the held array.

    >>> g = Geometry((1, 1, 5), (1, 1, 4), 2, 1, 1, [(1, 1)], "crop", transposed=True)
    >>> [(tap.phase, tap.shift) for tap in taps(g)]
    [((1,), (-1,)), ((0,), (0,)), ((1,), (0,)), ((0,), (1,))]
    """
    found = []
    for index, tap in enumerate(itertools.product(*map(range, g.kernel))):
        places = (t * d - begin for t, d, (begin, _) in zip(tap, g.dilation, g.ends))
        shift, phase = zip(*(divmod(place, s) for place, s in zip(places, g.stride)))
        found.append(Tap(index, phase, shift))
    return found


def axis_taps(g: Geometry, axis: int) -> dict[int, list[tuple[int, int]]]:
    """Give the taps of one axis and their shifts, by phase."""
    step, dilation, (begin, _) = g.stride[axis], g.dilation[axis], g.ends[axis]
    found: dict[int, list[tuple[int, int]]] = {}
    for tap in range(g.kernel[axis]):
        shift, phase = divmod(tap * dilation - begin, step)
        found.setdefault(phase, []).append((tap, shift))
    return found


def phases(g: Geometry) -> Iterator[tuple[tuple[int, ...], list[int], list[Tap]]]:
    """Give each residue of held places by the strides, its extent on each axis, and its taps."""
    by_phase: dict[tuple[int, ...], list[Tap]] = {}
    for tap in taps(g):
        by_phase.setdefault(tap.phase, []).append(tap)
    for phase in itertools.product(*(range(min(s, n)) for s, n in zip(g.stride, g.held))):
        extent = [-(-(n - r) // s) for n, r, s in zip(g.held, phase, g.stride)]
        yield phase, extent, by_phase.get(phase, [])


def overlap(window: Any, shift: Any, source: Any) -> Any:
    """Give where in the window, and from where in the source, values shifted so far are added."""
    to, read = [], []
    for (a, b), move, (first, last) in zip(window, shift, source):
        low, high = max(a, first + move), min(b, last + move)
        if low >= high:
            return None, None
        to.append(slice(low - a, high - a))
        read.append(slice(low - move - first, high - move - first))
    return to, read


class Block(NamedTuple):
    """How many of each index one step takes."""

    batch: int
    rows: int  # of the first spatial axis
    groups: int
    outer: int


def fit(g: Geometry, rows: int, row: int, fits: Callable[[Block], bool], shared: int = 0) -> Block:
    """Give the block for ``rows`` of ``row`` places in a sample, the largest that fits.

    ``shared`` is how many rows two neighbouring blocks both need.

    Columns come first, then output channels, then groups, and then more rows. The smallest block there
    is, is one row of one sample and one channel of one group.
    """
    if rows * row < COLUMNS:
        batch, high = max(1, min(g.batch, COLUMNS // (rows * row))), rows
    else:
        wanted = max(-(-COLUMNS // row), min(ROWS_FOR_SHARED * shared, MOST_COLUMNS // row))
        batch, high = 1, min(rows, wanted)
    while not fits(Block(batch, high, 1, 1)) and (batch > 1 or high > 1):
        batch, high = (-(-batch // 2), high) if batch > 1 else (1, -(-high // 2))
    outer = _largest(g.outer, lambda n: fits(Block(batch, high, 1, n)))
    if outer < g.outer:
        return Block(batch, high, 1, outer)
    groups = _largest(g.groups, lambda n: fits(Block(batch, high, n, outer)))
    if groups == g.groups and batch == 1:
        high = max(high, _largest(rows, lambda n: fits(Block(batch, n, groups, outer))))
    return Block(batch, high, groups, outer)


def steps(size: int, step: int) -> Iterator[slice]:
    """Cut ``size`` into even parts of at most ``step``.

    >>> [(part.start, part.stop) for part in steps(10, 4)]
    [(0, 4), (4, 7), (7, 10)]
    """
    parts = -(-size // step)
    for part in range(parts):
        yield slice(-(-size * part // parts), -(-size * (part + 1) // parts))


def _largest(high: int, fits: Callable[[int], bool]) -> int:
    low = 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low
