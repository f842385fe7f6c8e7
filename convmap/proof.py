"""Runs literal transposed convolutions of a port on both sides, without any framework.

The source's call by the classical definition (zero insertion, flipped kernel), the written call by
the scatter loop with the sides it names: two independent formulations of the same numbers.
"""

from __future__ import annotations

import numpy as np

from convmap import translate
from convmap.errors import SourceError
from convmap.model import UNKNOWN, OpCall
from convmap.numerics.reference import conv_transpose, conv_transpose_gather
from convmap.rewrite.port import Port
from convmap.translate import names_for_limits


def _geometry(call: OpCall) -> tuple[tuple[int, ...], ...] | None:
    """Give kernel, stride, dilation, begin and extra of a call where all are known numbers."""
    names = names_for_limits(call)
    columns = [names.get(k, UNKNOWN) for k in ("kernel", "stride", "dilation", "begin", "extra")]
    if any(c is UNKNOWN or UNKNOWN in c for c in columns):
        return None
    return tuple(tuple(c) for c in columns)


def _agrees(source: OpCall, written: OpCall) -> bool | None:
    """Compare one call on small integer data; None where it is not literal."""
    one, two = _geometry(source), _geometry(written)
    if one is None or two is None:
        return None
    kernel, stride, dilation, padding, output_padding = one
    stream = np.random.RandomState(0)
    size = 4 if len(kernel) < 3 else 3
    while any((size - 1) * s + d * (k - 1) + 1 + e <= 2 * p
              for k, s, d, p, e in zip(*one)):  # fmt: skip
        size += 1
    x = stream.randint(-4, 5, (1, 2, *[size] * len(kernel))).astype(np.float64)
    w = stream.randint(-4, 5, (2, 2, *kernel)).astype(np.float64)
    bias = np.array([1.0, -2.0])
    first = conv_transpose_gather(x, w, bias, stride, dilation, 1, padding, output_padding)
    k2, s2, d2, begin, extra = two
    crop = [(b, b - e) for b, e in zip(begin, extra)]
    second = conv_transpose(
        x, w[(slice(None), slice(None), *[slice(0, k) for k in k2])], bias, s2, d2, 1, crop
    )
    return first.shape == second.shape and bool((first == second).all())


def check_port(port: Port) -> list[str]:
    """Check every literal transposed convolution of a port; one line says what came out.

    Raises SourceError where one gives other numbers: an error of convmap's own, so nothing is written.
    """
    right, wrong, open_ = 0, [], 0
    for lifted, plan, line in port.calls:
        if not lifted.call.operator.crops:
            continue
        again = translate.lift(plan.binding, translate.arguments_of(plan)).call
        answer = _agrees(lifted.call, again)
        if answer is None:
            open_ += 1
        elif answer:
            right += 1
        else:
            wrong.append(line)
    if wrong:
        raise SourceError(
            f"{port.path}:{wrong[0]}: internal: CM900: the port of this call gives other numbers in the"
            " NumPy core; nothing was written. Please report it"
        )
    if not right and not open_:
        return []
    text = f"{right} literal transposed convolutions give equal numbers by two independent definitions"
    return [text + (f" ({open_} not literal, not run)" if open_ else "")]
