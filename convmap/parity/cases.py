"""Cases as data: one convolution each, plain or transposed, without a framework in it.

A case's identifier says all of it, so any case of a report can be run again. Named cases are the ones
people use; generated ones cover the legal domain and its edges, the same for the same seed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convmap.errors import ConvmapError

LAYERS = ("conv", "conv_transpose")
FUNCTIONS = ("conv_function", "conv_transpose_function")
OPS = tuple(f"{op.removesuffix('_function')}{n}d{'_function' if op in FUNCTIONS else ''}"
            for op in (*LAYERS, *FUNCTIONS) for n in (1, 2, 3))  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One convolution of n i *sizes float32 with o output channels.

    ``sides`` of a plain one: zeros before and after each axis. Of a transposed one: the crop at the
    beginning, and the rows more at the end than the same crop would leave (output padding; negative:
    fewer).
    """

    op: str  # an operator of the rules
    batch: int
    in_channels: int
    out_channels: int
    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    sides: tuple[tuple[int, int], ...]
    bias: bool
    seed: int = 0

    @property
    def axes(self) -> int:
        return len(self.sizes)

    @property
    def transposed(self) -> bool:
        return "transpose" in self.op

    @property
    def is_function(self) -> bool:
        return self.op in FUNCTIONS

    @property
    def kind(self) -> str:
        """The operator with its axes, as ``--ops`` names it.

        >>> parse("conv_transpose_function/x1.2.5.5/o3/k3.3/s2.2/d1.1/g1/p0_0.0_0/b0/r0").kind
        'conv_transpose2d_function'
        """
        tail = "_function" if self.is_function else ""
        return f"{self.op.removesuffix('_function')}{self.axes}d{tail}"

    @property
    def id(self) -> str:
        def dots(values: tuple[int, ...]) -> str:
            return ".".join(map(str, values))

        sides = ".".join(f"{a}_{b}" for a, b in self.sides)
        shape = (self.batch, self.in_channels, *self.sizes)
        return (
            f"{self.op}/x{dots(shape)}/o{self.out_channels}/k{dots(self.kernel)}/s{dots(self.stride)}"
            f"/d{dots(self.dilation)}/g{self.groups}/p{sides}/b{int(self.bias)}/r{self.seed}"
        )

    @property
    def crop(self) -> tuple[tuple[int, int], ...]:
        """What a transposed convolution crops at both ends of each axis."""
        return tuple((begin, begin - extra) for begin, extra in self.sides)

    @property
    def output_sizes(self) -> tuple[int, ...]:
        out = []
        for n, k, s, d, (a, b) in zip(self.sizes, self.kernel, self.stride, self.dilation, self.sides):
            reach = d * (k - 1) + 1
            out.append((n - 1) * s + reach - 2 * a + b if self.transposed else (n + a + b - reach) // s + 1)
        return tuple(out)

    @property
    def geometry(self) -> dict[str, Any]:
        """Give stride and the like, as the functions of ``numerics`` take them."""
        how: dict[str, Any] = dict(stride=self.stride, dilation=self.dilation, groups=self.groups)
        how["crop" if self.transposed else "pads"] = self.crop if self.transposed else self.sides
        return how

    @property
    def weight_shape(self) -> tuple[int, ...]:
        if self.transposed:
            return (self.in_channels, self.out_channels // self.groups, *self.kernel)
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    @property
    def legal(self) -> bool:
        """Tell whether it computes something: an output that is not empty, a kernel that fits."""
        if self.in_channels % self.groups or self.out_channels % self.groups:
            return False
        if min(self.output_sizes) < 1:
            return False
        padded = zip(self.sizes, self.sides, self.kernel, self.dilation)
        return self.transposed or all(n + a + b >= d * (k - 1) + 1 for n, (a, b), k, d in padded)


_ID = re.compile(
    r"(?P<op>\w+)/x(?P<x>[\d.]+)/o(?P<o>\d+)/k(?P<k>[\d.]+)/s(?P<s>[\d.]+)/d(?P<d>[\d.]+)/g(?P<g>\d+)"
    r"/p(?P<p>[-\d._]+)/b(?P<b>[01])/r(?P<r>\d+)"
)


def parse(text: str) -> Case:
    """Read a case from its identifier; raise ConvmapError where it is none.

    >>> parse("conv/x1.2.5/o3/k3/s2/d1/g1/p1_0/b1/r7").output_sizes
    (2,)
    """
    match = _ID.fullmatch(text)
    if not match or match["op"] not in LAYERS + FUNCTIONS:
        raise ConvmapError(f"--case {text!r}: give an identifier as --list prints it")

    def numbers(name: str) -> tuple[int, ...]:
        return tuple(map(int, match[name].split(".")))

    batch, channels, *sizes = numbers("x")
    pairs = tuple(tuple(map(int, pair.split("_"))) for pair in match["p"].split("."))
    axes = {len(sizes), len(numbers("k")), len(numbers("s")), len(numbers("d")), len(pairs)}
    if len(axes) != 1 or any(len(pair) != 2 for pair in pairs):
        raise ConvmapError(f"--case {text!r}: not the same number of axes everywhere")
    return Case(
        match["op"], batch, channels, int(match["o"]), tuple(sizes), numbers("k"), numbers("s"), numbers("d"),
        int(match["g"]), pairs, match["b"] == "1", int(match["r"]),  # type: ignore[arg-type]
    )  # fmt: skip


def _transposed(shape: str, o: int, k: int, s: int, p: int, e: int = 0, g: int = 1, d: int = 1) -> Case:
    batch, channels, *sizes = map(int, shape.split("x"))
    n = len(sizes)
    return Case("conv_transpose", batch, channels, o, tuple(sizes), (k,) * n, (s,) * n, (d,) * n, g,
                ((p, e),) * n, True)  # fmt: skip


# The shapes of FACTS.md (Performance) with fewer channels where only speed needs many, and the seeds'.
NAMED = {
    "dcgan1": _transposed("2x100x1x1", 64, 4, 1, 0),
    "dcgan2": _transposed("2x64x4x4", 32, 4, 2, 1),
    "dcgan5": _transposed("2x64x32x32", 3, 4, 2, 1),
    "pix2pix1": _transposed("1x128x2x2", 64, 4, 2, 1),
    "pix2pix6": _transposed("1x16x64x64", 3, 4, 2, 1),
    "hifigan1": _transposed("1x64x100", 32, 16, 8, 4),
    "hifigan3": _transposed("1x32x400", 16, 4, 2, 1),
    "unet3d": _transposed("1x32x8x8x8", 16, 2, 2, 0),
    "unet2d": _transposed("2x32x16x16", 16, 2, 2, 0),
    "depthwise": _transposed("2x32x16x16", 32, 4, 2, 1, g=32),
    "groups": _transposed("2x32x16x16", 32, 4, 2, 1, g=4),
    "output-padding": _transposed("2x32x16x16", 16, 3, 2, 1, 1),
    "dilated": _transposed("2x16x16x16", 16, 3, 2, 2, 1, d=2),
    "seed1": replace(_transposed("1x3x16x50", 64, 4, 1, 0), sides=((2, 0), (4, 0)), bias=False),
    "seed2": _transposed("1x3x16x50", 64, 5, 3, 2, 2),
    "seed3": _transposed("1x3x16x50", 64, 5, 3, 0),
    "seed4": _transposed("1x3x48x48", 32, 3, 2, 1, 1),
    "seed5a": _transposed("1x3x50", 64, 4, 1, 0),
    "seed5b": _transposed("1x3x50", 64, 5, 3, 2, 2),
    "seed5c": _transposed("1x3x50", 64, 5, 3, 0),
    "seed6-case1": _transposed("1x1x5x5", 1, 3, 3, 0),
    "seed6-case2": _transposed("1x1x4x6", 1, 3, 2, 1, 1),
    "seed7a": _transposed("2x3x32x32", 64, 3, 2, 1),
    "seed7b": _transposed("1x3x64x64", 64, 3, 2, 1),
}


def named() -> dict[str, Case]:
    """Give the named cases, each also as a function."""
    functions = {
        f"{name}-function": replace(case, op="conv_transpose_function") for name, case in NAMED.items()
    }
    return {**NAMED, **functions}


def generated(seed: int, count: int, ops: tuple[str, ...] = OPS) -> Iterator[Case]:
    """Draw ``count`` legal cases, a quarter of them at an edge of the domain; the same for a seed."""
    stream = np.random.RandomState(seed)
    seen: set[str] = set()
    while len(seen) < count:
        kind = ops[len(seen) % len(ops)]
        case = _draw(kind, stream)
        if case.legal and case.id not in seen:
            seen.add(case.id)
            yield case


_SIZES = {1: (1, 13), 2: (1, 9), 3: (1, 5)}


def _draw(kind: str, stream: np.random.RandomState) -> Case:
    axes = int(kind.removesuffix("_function")[-2])
    op = kind.removesuffix("_function")[:-2] + ("_function" if kind.endswith("_function") else "")

    def pick(low: int, high: int) -> tuple[int, ...]:
        """Draw for each axis, half the time the same for all."""
        if stream.randint(2):
            return (int(stream.randint(low, high + 1)),) * axes
        return tuple(int(v) for v in stream.randint(low, high + 1, axes))

    groups = int(stream.choice([1, 1, 1, 2, 3, 4]))
    in_channels = groups * int(stream.randint(1, 4))
    out_channels = groups * int(stream.randint(1, 4))
    kernel, stride, dilation = pick(1, 5), pick(1, 4), pick(1, 3) if stream.randint(2) else (1,) * axes
    sizes = pick(*_SIZES[axes])
    edge = stream.choice(["", "", "", "stride", "dilation", "one", "depthwise", "even"])
    if edge == "stride":  # kernel < stride
        kernel, stride, dilation = pick(1, 2), pick(3, 5), (1,) * axes
    elif edge == "dilation":  # dilation > stride
        stride, dilation = pick(1, 2), pick(3, 4)
    elif edge == "one":
        sizes = (1,) * axes
    elif edge == "depthwise":
        groups = in_channels = int(stream.randint(2, 6))
        out_channels = groups * int(stream.randint(1, 3))
    elif edge == "even":
        kernel = tuple(2 * int(v) for v in stream.randint(1, 3, axes))
    reach = [d * (k - 1) for k, d in zip(kernel, dilation)]
    begin = [int(stream.randint(0, r + 2)) for r in reach]
    style = stream.choice(["plain", "plain", "extra", "limit", "sides"])
    sides = []
    for axis in range(axes):
        if "transpose" in op:
            most = max(stride[axis], dilation[axis]) - 1
            extra = {"plain": 0, "extra": int(stream.randint(0, most + 1)), "limit": most,
                     "sides": int(stream.randint(-2, most + 1))}[str(style)]  # fmt: skip
            sides.append((begin[axis], extra))
        else:
            end = int(stream.randint(0, reach[axis] + 2)) if style == "sides" else begin[axis]
            sides.append((begin[axis], end))
    return Case(op, int(stream.randint(1, 4)), in_channels, out_channels, sizes, kernel, stride, dilation,
                groups, tuple(sides), bool(stream.randint(2)), int(stream.randint(2**31 - 1)))  # fmt: skip
