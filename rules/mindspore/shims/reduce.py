"""Reductions and order along an axis with torch's signatures, where MindSpore's differ."""

from collections import namedtuple

import mindspore
from mindspore import ops


class Along(namedtuple("Along", ["values", "indices"])):
    """What an axis was searched for, and where it is."""


def max_along(input, dim, keepdim=False):
    """The largest values along an axis, and where they are (the first of equal ones)."""
    indices = ops.argmax(input, dim, True)
    values = ops.gather_elements(input, dim, indices)
    if keepdim:
        return Along(values, indices)
    return Along(ops.squeeze(values, dim), ops.squeeze(indices, dim))


def min_along(input, dim, keepdim=False):
    """The smallest values along an axis, and where they are (the first of equal ones)."""
    values, indices = max_along(-input, dim, keepdim)
    return Along(-values, indices)


def argmin(input, dim=None, keepdim=False):
    """Where the smallest value is, of all or along an axis; int64."""
    return ops.argmax(-input, dim, keepdim)


def axes_of(input, dim):
    """The axes of a reduction, counted from the front."""
    if dim is None or dim == ():
        return tuple(range(input.ndim))
    if isinstance(dim, int):
        return (dim % input.ndim,)
    return tuple([axis % input.ndim for axis in dim])


def var(input, dim=None, *, correction=1, keepdim=False):
    """The variance over some axes, divided by the count less ``correction``."""
    axes = axes_of(input, dim)
    count = 1
    for axis in axes:
        count = count * input.shape[axis]
    centred = input - ops.mean(input, axes, True)
    total = ops.sum(centred * centred, axes, keepdim)
    return total / max(count - correction, 0)


def std(input, dim=None, *, correction=1, keepdim=False):
    """The square root of the variance."""
    return ops.sqrt(var(input, dim, correction=correction, keepdim=keepdim))


def norm(input, p="fro", dim=None, keepdim=False):
    """The 1- or 2-norm of all elements, or along some axes."""
    if p not in ("fro", 1, 2):
        raise ValueError(f"p={p!r}: only the 1- and 2-norm are ported")
    axes = axes_of(input, dim)
    if p == 1:
        return ops.sum(ops.abs(input), axes, keepdim)
    return ops.sqrt(ops.sum(input * input, axes, keepdim))


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the norm along an axis, which counts as eps at least."""
    length = norm(input, p, dim, True)
    return input / ops.maximum(length, mindspore.tensor(eps, length.dtype))


def diff(input, n=1, dim=-1):
    """The differences of neighbours along an axis, n times."""
    for _ in range(n):
        input = ops.diff(input, axis=dim)
    return input


def topk(input, k, dim=-1, largest=True, sorted=True):
    """The k largest or smallest values along an axis, in order, and where they are (int64)."""
    last = ops.swapaxes(input, dim, -1)
    values, indices = ops.topk(last if largest else -last, k)
    values = values if largest else -values
    return Along(ops.swapaxes(values, dim, -1), ops.swapaxes(indices, dim, -1).astype(mindspore.int64))


def sort(input, dim=-1, descending=False):
    """The values along an axis in order, and where they were (int64)."""
    values, indices = ops.sort(input, dim, descending)
    return Along(values, indices.astype(mindspore.int64))


def argsort(input, dim=-1, descending=False):
    """Where the values along an axis are, in their order (int64)."""
    return sort(input, dim, descending)[1]
