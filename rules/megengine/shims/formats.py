"""Calls of other frameworks that depend on the number format, where MegEngine's do otherwise with whole numbers."""

import megengine
import megengine.functional as F
import numpy as np


def is_whole(input):
    """Whether it holds whole numbers, or is a mask."""
    return np.dtype(input.dtype).kind in "iub"


def widened(input):
    """Whole numbers as int32: of masks F.argmax gives what is in memory, and bytes wrap when they are negated."""
    return input.astype("int32") if is_whole(input) else input


def mean_cut(x, axis=None, keep_dims=False):
    """The mean, which of whole numbers is cut off to one."""
    if not is_whole(x):
        return F.mean(x, axis, keep_dims)
    total = F.sum(x, axis, keep_dims)
    count = int(np.prod([int(n) for n in x.shape])) // int(np.prod([int(n) for n in total.shape]))
    part = F.floor_div(F.abs(total), count)
    return F.where(total < 0, -part, part)


def reduce_sum(x, axis=None, keep_dims=False):
    """The sum in the format of what is summed: of a mask, whether some value is true."""
    total = F.sum(x, axis, keep_dims)
    return total > 0 if np.dtype(x.dtype).kind == "b" else total


def clip_by_value(x, clip_value_min=None, clip_value_max=None):
    """Bound the values; bounds of whole numbers are cut off to such."""
    if not is_whole(x):
        return F.clip(x, clip_value_min, clip_value_max)
    bounds = []
    for bound in (clip_value_min, clip_value_max):
        if isinstance(bound, megengine.Tensor):
            bound = bound.astype(x.dtype)
        bounds.append(int(bound) if isinstance(bound, float) else bound)
    return F.clip(x, *bounds).astype(x.dtype)


def fmod(input, other):
    """The rest with the sign of what is divided; F.mod of whole numbers has the divisor's."""
    rest = F.mod(input, other)
    if not is_whole(input) or isinstance(other, float):
        return rest
    astray = F.logical_and(rest != 0, (input < 0) if other > 0 else (input > 0))
    return F.where(astray, rest - other, rest)
