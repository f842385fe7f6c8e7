"""Calls of other frameworks that depend on the number format, where torch's do otherwise with whole numbers."""

import torch


def reduce_sum(x, axis=None, keep_dims=False):
    """The sum in the format of what is summed: of a mask, whether some value is true."""
    return torch.sum(x, axis, keep_dims, dtype=x.dtype)


def clip_by_value(x, clip_value_min=None, clip_value_max=None):
    """Bound the values; bounds of whole numbers are cut off to such."""
    bounds = [clip_value_min, clip_value_max]
    if not x.is_floating_point():
        bounds = [v.to(x.dtype) if isinstance(v, torch.Tensor) else None if v is None else int(v) for v in bounds]
    return torch.clamp(x, *bounds)


def mod(x, y):
    """The rest: of whole numbers with the sign of the divisor, of others with that of what is divided."""
    whole = not x.is_floating_point() and not isinstance(y, float)
    return torch.remainder(x, y) if whole else torch.fmod(x, y)
