"""The sizes of a convolution and the checks of its arguments, for the judge and the fast core alike.

Kept apart from both so that they refuse the same calls in the same words. Works on shapes only.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Sequence

Shape = tuple[int, ...]
Numbers = int | Sequence[int]  # one for every axis, or one for each
Pairs = Sequence[tuple[int, int]]  # (begin, end) for each axis


class Geometry:
    """The checked numbers of a call.

    The *wide* array is reached from the *narrow* one at ``place = at * stride + tap * dilation``.
    What of it is *held* in memory, as output or input, is what its ``ends`` leave: a positive
    begin or end is cut off, a negative one adds zeros.
    """

    def __init__(
        self,
        x: Shape,
        w: Shape,
        stride: Numbers,
        dilation: Numbers,
        groups: int,
        ends: Pairs | None,
        name: str,
        *,
        transposed: bool,
    ) -> None:
        check_shapes(x, w, groups, transposed)
        axes = len(x) - 2
        self.batch, self.groups, self.kernel = x[0], groups, list(w[2:])
        self.inner, self.outer = w[0] // groups, w[1]
        self.stride = numbers(stride, axes, "stride", 1)
        self.dilation = numbers(dilation, axes, "dilation", 1)
        self.ends = pairs(ends, axes, name)
        reach = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel)]
        if transposed:
            self.narrow = list(x[2:])
            self.wide = [(n - 1) * s + r for n, s, r in zip(self.narrow, self.stride, reach)]
            self.held = resized(self.wide, self.ends)
            check_output(self.held, f"crop={self.ends}")
        else:
            self.held = list(x[2:])
            self.wide = resized(self.held, opposite(self.ends))
            self.narrow = [(n - r) // s + 1 for n, s, r in zip(self.wide, self.stride, reach)]
            check_output(self.narrow, f"pads={self.ends}")

    def with_samples_as_groups(self) -> Geometry:
        """Give the same with every sample of a call without groups a group of its own."""
        found = copy.copy(self)
        found.batch, found.groups = 1, self.batch
        return found


def resized(sizes: Sequence[int], crops: Pairs) -> list[int]:
    return [n - begin - end for n, (begin, end) in zip(sizes, crops)]


def opposite(crops: Pairs) -> list[tuple[int, int]]:
    return [(-begin, -end) for begin, end in crops]


def check_bias(shape: Shape, channels: int) -> None:
    if shape != (channels,):
        raise ValueError(f"bias of shape {shape}: give one number for each of {channels}")


def check_cotangent(shape: Shape, wanted: Shape) -> None:
    if shape != wanted:
        raise ValueError(f"cotangent of shape {shape}: give the output's, {wanted}")


def check_shapes(x: Shape, w: Shape, groups: int, transposed: bool) -> None:
    if not 3 <= len(x) <= 5:
        raise ValueError(f"x of shape {x}: give n i *spatial with one to three spatial axes")
    weight = "i o/groups *kernel" if transposed else "o i/groups *kernel"
    if len(w) != len(x):
        raise ValueError(f"w of shape {w}: give {weight} with {len(x) - 2} kernel axes")
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ValueError(f"groups={groups!r}: give a whole number from 1 on")
    if w[0] % groups:
        raise ValueError(f"groups={groups} with {w[0]} channels: give a divisor of them")
    wanted = w[0] if transposed else w[1] * groups
    if x[1] != wanted:
        raise ValueError(
            f"x of shape {x}: w of shape {w} ({weight}) with groups={groups} takes {wanted} channels"
        )
    if 0 in x[1:] or 0 in w:
        raise ValueError(f"x of shape {x}, w of shape {w}: only the batch may be empty")


def check_output(sizes: Sequence[int], why: str) -> None:
    if any(n < 1 for n in sizes):
        raise ValueError(f"{why} leave an output of {tuple(sizes)}: give sizes from 1 on")


def numbers(value: Numbers, axes: int, name: str, least: int | None) -> list[int]:
    """Give one number for each axis."""
    form = f"a whole number{'' if least is None else f' from {least} on'}, or one for each axis"
    try:
        given = list(map(operator.index, value if isinstance(value, Sequence) else [value] * axes))
    except TypeError:
        raise ValueError(f"{name}={value!r}: give {form}") from None
    if len(given) != axes or (least is not None and min(given) < least):
        raise ValueError(f"{name}={value!r}: give {form} ({axes})")
    return given


def pairs(value: Pairs | None, axes: int, name: str) -> list[tuple[int, int]]:
    """Give (begin, end) for each axis."""
    if value is None:
        return [(0, 0)] * axes
    try:
        given = [(operator.index(begin), operator.index(end)) for begin, end in value]
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r}: give (begin, end) for each axis") from None
    if len(given) != axes:
        raise ValueError(f"{name}={value!r}: give (begin, end) for each axis ({axes})")
    return given
