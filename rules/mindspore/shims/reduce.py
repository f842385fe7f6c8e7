"""Reductions and order along an axis with torch's signatures, where MindSpore's differ."""

from collections import namedtuple

import mindspore
from mindspore import ops


class Along(namedtuple("Along", ["values", "indices"])):
    """What an axis was searched for, and where it is."""


def max_along(input, dim, keepdim=False):
    """The largest values along an axis, and where they are (the first of equal ones)."""
    return picked(input, ops.argmax(input, dim, True), dim, keepdim)


def min_along(input, dim, keepdim=False):
    """The smallest values along an axis, and where they are (the first of equal ones)."""
    return picked(input, argmin(input, dim, True), dim, keepdim)


def picked(input, indices, dim, keepdim):
    """The values at one place each of an axis, and the places."""
    values = ops.gather_elements(input, dim, indices)
    if keepdim:
        return Along(values, indices)
    return Along(ops.squeeze(values, dim), ops.squeeze(indices, dim))


def negated(input):
    """The negative values, which bytes would wrap at; of masks as whole numbers."""
    return -(input.astype(mindspore.int32) if input.dtype in (mindspore.uint8, mindspore.bool_) else input)


def argmin(input, dim=None, keepdim=False):
    """Where the smallest value is, of all or along an axis; int64."""
    return ops.argmax(negated(input), dim, keepdim)


def axes_of(input, dim):
    """The axes of a reduction, counted from the front."""
    if dim is None or dim == ():
        return tuple(range(input.ndim))
    if isinstance(dim, int):
        return (dim % input.ndim,)
    return tuple([axis % input.ndim for axis in dim])


def left_of(input, dim, keepdim):
    """The shape that a reduction leaves."""
    axes = axes_of(input, dim)
    kept = [1 if axis in axes else size for axis, size in enumerate(input.shape)]
    return tuple(kept if keepdim else [size for axis, size in enumerate(kept) if axis not in axes])


def total(input, dim=None, keepdim=False):
    """ops.sum, which of no elements gives what is in memory: 0 there."""
    if 0 not in input.shape:
        return ops.sum(input, dim, keepdim)
    kind = input.dtype if input.is_floating_point() else mindspore.int64
    return ops.zeros(left_of(input, dim, keepdim), kind)


def average(input, dim=None, keepdim=False):
    """ops.mean, which of no elements gives what is in memory: NaN there."""
    if 0 not in input.shape:
        return ops.mean(input, dim, keepdim)
    return ops.full(left_of(input, dim, keepdim), float("nan"), dtype=input.dtype)


def any_of(input, dim=None, keepdim=False):
    """ops.any, which of no elements gives what is in memory: False there."""
    if 0 not in input.shape:
        return ops.any(input, dim, keepdim)
    return ops.zeros(left_of(input, dim, keepdim), mindspore.bool_)


def var(input, dim=None, *, correction=1, keepdim=False):
    """The variance over some axes, divided by the count less ``correction``."""
    axes = axes_of(input, dim)
    count = 1
    for axis in axes:
        count = count * input.shape[axis]
    centred = input - ops.mean(input, axes, True)
    total = ops.sum(centred * centred, axes, keepdim)
    return total / max(count - correction, 0)


def root(input):
    """The square root, whose gradient at 0 counts as 0, as that of torch's norms does."""
    none = input == 0
    return ops.sqrt(input.masked_fill(none, 1.0)).masked_fill(none, 0.0)


def std(input, dim=None, *, correction=1, keepdim=False):
    """The square root of the variance."""
    return root(var(input, dim, correction=correction, keepdim=keepdim))


def norm(input, p="fro", dim=None, keepdim=False):
    """The 1- or 2-norm of all elements, or along some axes."""
    if p not in ("fro", 1, 2):
        raise ValueError(f"p={p!r}: only the 1- and 2-norm are ported")
    if p == 1:
        return total(ops.abs(input), dim, keepdim)
    return root(total(input * input, dim, keepdim))


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the norm along an axis, which counts as eps at least."""
    length = norm(input, p, dim, True)
    return input / ops.maximum(length, mindspore.tensor(eps, length.dtype))


def logsumexp(input, dim, keepdim=False):
    """The logarithm of the sum of exponentials, which infinite values pass through."""
    top = ops.stop_gradient(ops.amax(input, dim, True))
    top = top.masked_fill(ops.isinf(top), 0.0)
    return ops.log(ops.sum(ops.exp(input - top), dim, keepdim)) + (top if keepdim else ops.sum(top, dim))


def diff(input, n=1, dim=-1):
    """The differences of neighbours along an axis, n times."""
    for _ in range(n):
        input = ops.diff(input, axis=dim)
    return input


def topk(input, k, dim=-1, largest=True, sorted=True):
    """The k largest or smallest values along an axis, in order, and where they are (int64)."""
    last = ops.swapaxes(input, dim, -1)
    values, indices = ops.topk(last if largest else negated(last), k)
    values = values if largest else (-values).astype(input.dtype)
    return Along(ops.swapaxes(values, dim, -1), ops.swapaxes(indices, dim, -1).astype(mindspore.int64))


def sort(input, dim=-1, descending=False):
    """The values along an axis in order, and where they were (int64)."""
    values, indices = ops.sort(input, dim, descending)
    return Along(values, indices.astype(mindspore.int64))


def argsort(input, dim=-1, descending=False):
    """Where the values along an axis are, in their order (int64)."""
    return sort(input, dim, descending)[1]


def cumprod(input, dim):
    """The products of the first elements along an axis, factor by factor, so that zeros have their gradient."""
    factors = ops.split(input if input.is_floating_point() else input.astype(mindspore.int64), 1, dim)
    out = [factors[0]]
    for factor in factors[1:]:
        out.append(out[-1] * factor)
    return ops.cat(out, dim)
