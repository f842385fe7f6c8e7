"""Resizing as MegEngine does it: by the ratio of the sizes, bilinear unless it is told otherwise."""

import torch
import torch.nn.functional as F


def resize(inp, size=None, scale_factor=None, mode="bilinear", align_corners=None):
    """MegEngine's interpolate; its sizes are rounded down in float32, and a single size is that of rows."""
    axes = inp.ndim - 2
    if axes != {"linear": 1, "trilinear": 3}.get(mode, 2):
        raise ValueError(f"mode={mode!r} of {inp.ndim} axes")
    if (size is None) == (scale_factor is None):
        raise ValueError("either size or scale_factor")
    if size is None:
        scales = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
        exact = [float(n) * float(s) for n, s in zip(inp.shape[2:], scales)]
        size = [int(n) for n in torch.tensor(exact, dtype=torch.float32).floor()]
    elif isinstance(size, int):
        size = (size, 1, 1)[:axes]
    if mode == "nearest":
        return F.interpolate(inp, tuple(size), mode=mode)
    return F.interpolate(inp, tuple(size), mode=mode, align_corners=bool(align_corners))
