"""Reductions and order along an axis with torch's signatures, where MegEngine's differ; indices are int32."""

from collections import namedtuple

import megengine
import megengine.functional as F
import numpy as np
from formats import widened
from tensor import absolute, gather


class Along(namedtuple("Along", ["values", "indices"])):
    """What an axis was searched for, and where it is."""


def max_along(input, dim, keepdim=False):
    """The largest values along an axis, and where they are (the first of equal ones)."""
    return picked(input, argmax(input, dim, True), dim, keepdim)


def min_along(input, dim, keepdim=False):
    """The smallest values along an axis, and where they are (the first of equal ones)."""
    return picked(input, argmin(input, dim, True), dim, keepdim)


def picked(input, indices, dim, keepdim):
    """The values at one place each of an axis, and the places."""
    values = gather(input, dim, indices)
    if keepdim:
        return Along(values, indices)
    return Along(F.squeeze(values, dim), F.squeeze(indices, dim))


def argmax(input, dim=None, keepdim=False):
    """Where the largest value is, of all or along an axis."""
    if dim is None:
        return F.argmax(F.flatten(widened(input)), axis=0)
    return F.argmax(widened(input), axis=dim, keepdims=keepdim)


def argmin(input, dim=None, keepdim=False):
    """Where the smallest value is, of all or along an axis."""
    return argmax(-widened(input), dim, keepdim)


def any_of(input, dim=None, keepdim=False):
    """Whether some value is not zero, of all or along an axis."""
    return F.sum((input != 0).astype("int32"), axis=dim, keepdims=keepdim) > 0


def all_of(input, dim=None, keepdim=False):
    """Whether no value is zero, of all or along an axis."""
    return F.equal(F.sum((input == 0).astype("int32"), axis=dim, keepdims=keepdim), 0)


def axes_of(input, dim):
    """The axes of a reduction, counted from the front."""
    if dim is None or dim == ():
        return list(range(input.ndim))
    if isinstance(dim, int):
        return [dim % input.ndim]
    return [axis % input.ndim for axis in dim]


def var(input, dim=None, *, correction=1, keepdim=False):
    """The variance over some axes, divided by the count less ``correction``."""
    axes = axes_of(input, dim)
    count = 1
    for axis in axes:
        count = count * int(input.shape[axis])
    centred = input - F.mean(input, axis=axes, keepdims=True)
    return F.sum(centred * centred, axis=axes, keepdims=keepdim) / max(count - correction, 0)


def root(input):
    """The square root, whose gradient at 0 counts as 0, as that of torch's norms does."""
    none = F.equal(input, 0)
    return F.where(none, F.zeros_like(input), F.sqrt(F.where(none, F.ones_like(input), input)))


def std(input, dim=None, *, correction=1, keepdim=False):
    """The square root of the variance."""
    return root(var(input, dim, correction=correction, keepdim=keepdim))


def norm(input, p="fro", dim=None, keepdim=False):
    """The 1- or 2-norm of all elements, or along some axes."""
    if p not in ("fro", 1, 2):
        raise ValueError("p=%r: only the 1- and 2-norm are ported" % (p,))
    terms = absolute(input) if p == 1 else input * input
    if dim is None:
        total = F.sum(terms).reshape((1,) * input.ndim if keepdim else ())
    else:
        total = F.sum(terms, axis=axes_of(input, dim), keepdims=keepdim)
    return total if p == 1 else root(total)


def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the norm along an axis, which counts as eps at least."""
    return input / F.maximum(norm(input, p, dim, True), eps)


def logsumexp(input, dim, keepdim=False):
    """F.logsumexp, which without keepdims drops every axis of size 1 from its maximum."""
    axes = axes_of(input, dim)
    out = F.logsumexp(input, axes, keepdims=True)
    # The gradient of F.squeeze of axes that are apart has another shape.
    return out if keepdim else out.reshape([int(n) for axis, n in enumerate(out.shape) if axis not in axes])


def diff(input, n=1, dim=-1):
    """The differences of neighbours along an axis, n times."""
    for _ in range(n):
        last = F.swapaxes(input, dim, -1)
        input = F.swapaxes(last[..., 1:] - last[..., :-1], dim, -1)
    return input


def topk(input, k, dim=-1, largest=True, sorted=True):
    """The k largest or smallest values along an axis, in order, and where they are."""
    last = F.swapaxes(input, dim, -1)
    shape = last.shape
    values, indices = F.topk(last.reshape(-1, shape[-1]), k, descending=largest)
    shape = tuple(int(n) for n in shape)[:-1] + (k,)
    return Along(F.swapaxes(values.reshape(shape), dim, -1), F.swapaxes(indices.reshape(shape), dim, -1))


def sort(input, dim=-1, descending=False):
    """The values along an axis in order, and where they were."""
    last = F.swapaxes(input, dim, -1)
    values, indices = F.sort(last.reshape(-1, last.shape[-1]), descending=descending)
    return Along(
        F.swapaxes(values.reshape(last.shape), dim, -1), F.swapaxes(indices.reshape(last.shape), dim, -1)
    )


def argsort(input, dim=-1, descending=False):
    """Where the values along an axis are, in their order."""
    return sort(input, dim, descending)[1]


def isfinite(input):
    """Whether each value is neither infinite nor no number."""
    return F.logical_not(F.logical_or(F.isnan(input), F.isinf(input)))


def round(input):
    """Round to whole numbers, halves to even."""
    whole = F.floor(input)
    rest = input - whole
    odd = whole - 2 * F.floor(whole / 2)
    up = F.logical_or(rest > 0.5, F.logical_and(F.equal(rest, 0.5), F.equal(odd, 1)))
    return whole + up.astype("float32")


def glu(input, dim=-1):
    """One half of an axis times the sigmoid of the other."""
    a, b = F.split(input, 2, axis=dim)
    return a * F.sigmoid(b)


def zeros_like(input, dtype=None):
    """Zeros of a tensor's shape, in its number format or another."""
    return F.zeros(input.shape, dtype=dtype or input.dtype)


def ones_like(input, dtype=None):
    """Ones of a tensor's shape, in its number format or another."""
    return F.ones(input.shape, dtype=dtype or input.dtype)


def kind_of(value):
    """The number format that torch gives a Python value; whole numbers have 32 bits here."""
    if isinstance(value, megengine.Tensor):
        return value.dtype
    if isinstance(value, (list, tuple)):
        kinds = [kind_of(item) for item in value]
        return "float32" if "float32" in kinds or not kinds else kinds[0]
    return "bool" if isinstance(value, bool) else "int32" if isinstance(value, int) else "float32"


def full(size, fill_value, dtype=None):
    """One value everywhere, in its own number format or another."""
    return F.full(size, fill_value, dtype=dtype or kind_of(fill_value))


def full_like(input, fill_value, dtype=None):
    """One value everywhere, in a tensor's shape and number format or another."""
    return F.full(input.shape, fill_value, dtype=dtype or input.dtype)


def new_zeros(input, size, dtype=None):
    """Zeros of a tensor's number format, or another."""
    return F.zeros(size, dtype=input.dtype if dtype is None else dtype)


def new_ones(input, size, dtype=None):
    """Ones of a tensor's number format, or another."""
    return F.ones(size, dtype=input.dtype if dtype is None else dtype)


def new_full(input, size, fill_value, dtype=None):
    """One value everywhere, in a tensor's number format, or another."""
    return F.full(size, fill_value, dtype=input.dtype if dtype is None else dtype)


def arange(start, end, step=1, dtype=None):
    """Numbers from start up to end, without it; whole ones where all three are."""
    # Not F.arange: of two that MegEngine runs ahead, the first has the second's numbers (measured, CPU).
    numbers = [n.item() if isinstance(n, megengine.Tensor) else n for n in (start, end, step)]
    return megengine.tensor(np.arange(*numbers).astype(dtype or kind_of([start, end, step])))


def linspace(start, end, steps):
    """Numbers at equal distances from start to end, both of them included."""
    # Not F.linspace, for the same reason as arange.
    return megengine.tensor(np.linspace(start, end, steps).astype("float32"))


def tensor(data, dtype=None):
    """A tensor of Python numbers or of an array."""
    if dtype is None and isinstance(data, (bool, int, float, list, tuple)):
        dtype = kind_of(data)
    if dtype == "bool":
        return megengine.Tensor(data).astype("bool")
    return megengine.Tensor(data, dtype=dtype)


def prod(input, dim=None, keepdim=False):
    """The product along an axis, or of all, factor by factor: MegEngine's own has a gradient of NaN at a zero."""
    if dim is None:
        input, dim = input.flatten(), 0
    factors = F.split(input, int(input.shape[dim]), dim)
    out = factors[0]
    for factor in factors[1:]:
        out = out * factor
    return out if keepdim else F.squeeze(out, dim)


def cumprod(input, dim):
    """The products of the first elements along an axis, factor by factor, so that zeros have their gradient."""
    dim = dim % input.ndim
    factors = F.split(widened(input), int(input.shape[dim]), dim)
    out = [factors[0]]
    for factor in factors[1:]:
        out.append(out[-1] * factor)
    return F.concat(out, dim)
