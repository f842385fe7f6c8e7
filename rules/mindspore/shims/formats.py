"""Calls of other frameworks that depend on the number format, where MindSpore's do otherwise with whole numbers."""

import mindspore
from mindspore import ops
from reduce import average


def mean_fraction(inp, axis=None, keepdims=False):
    """The mean, which of whole numbers is a fraction."""
    return ops.mean(inp if inp.is_floating_point() else inp.astype(mindspore.float32), axis, keepdims)


def mean_fraction_of_any(inp, axis=None, keepdims=False):
    """The mean, which of whole numbers is a fraction, and of no elements NaN."""
    return average(inp if inp.is_floating_point() else inp.astype(mindspore.float32), axis, keepdims)


def mod(x, y):
    """The rest: of whole numbers with the sign of the divisor, of others with that of what is divided."""
    return x % y if not x.is_floating_point() and not isinstance(y, float) else ops.fmod(x, y)
