"""Resizing as torch does it: weights along each axis, from their definition, in MindSpore."""

import math

import mindspore
import numpy as np
from mindspore import nn, ops


def cubic(t):
    """The cubic kernel of torch, a = -0.75."""
    t = abs(t)
    if t <= 1:
        return 1.25 * t**3 - 2.25 * t**2 + 1
    return -0.75 * t**3 + 3.75 * t**2 - 6 * t + 3 if t < 2 else 0.0


def resampling(size, out, step, mode, align_corners):
    """The weights of each input element for each output element along one axis, as torch defines them."""
    rows = []
    for i in range(out):
        row = [0.0] * size
        if mode == "area":
            first, last = i * size // out, -(-(i + 1) * size // out)
            for k in range(first, last):
                row[k] = 1.0 / (last - first)
        elif mode in ("nearest", "nearest-exact"):
            at = i * step if mode == "nearest" else (i + 0.5) * step
            row[min(int(math.floor(at)), size - 1)] = 1.0
        else:
            if align_corners:
                at = i * (size - 1) / (out - 1) if out > 1 else 0.0
            else:
                at = (i + 0.5) * step - 0.5
            if mode == "bicubic":
                low = int(math.floor(at))
                for k in range(low - 1, low + 3):
                    row[min(max(k, 0), size - 1)] += cubic(at - k)
            else:
                at = max(at, 0.0)
                low = min(int(math.floor(at)), size - 1)
                row[low] += 1.0 - (at - low)
                row[min(low + 1, size - 1)] += at - low
        rows.append(row)
    return rows


def resample(input, axis, rows, mode):
    """Apply the weights along one axis: by picking where each row has one, else by a product."""
    if mode in ("nearest", "nearest-exact"):
        return ops.gather(input, mindspore.Tensor([row.index(1.0) for row in rows], mindspore.int32), axis)
    table = mindspore.Tensor(rows, mindspore.float32).astype(input.dtype)
    return ops.swapaxes(ops.matmul(ops.swapaxes(input, axis, -1), ops.swapaxes(table, 0, 1)), axis, -1)


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                recompute_scale_factor=None, antialias=False):
    """Resize like torch. A scale that is not recomputed is the step of the samples, fractional too."""
    if antialias:
        raise ValueError("antialiasing is not ported")
    axes = input.ndim - 2
    before = [int(n) for n in input.shape[2:]]
    if size is None:
        scale = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
        sizes = [int(n * s) for n, s in zip(before, scale)]
        steps = [n / out for n, out in zip(before, sizes)] if recompute_scale_factor else [1.0 / s for s in scale]
    else:
        sizes = list(size) if isinstance(size, (tuple, list)) else [size] * axes
        steps = [n / out for n, out in zip(before, sizes)]
    for axis, (n, out, step) in enumerate(zip(before, sizes, steps), 2):
        if n != out or step != 1:
            input = resample(input, axis, resampling(n, out, step, mode, align_corners), mode)
    return input


class TorchUpsample(nn.Cell):
    """nn.Upsample with torch's parameters."""

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None,
                 recompute_scale_factor=None):
        super().__init__()
        self.arguments = (size, scale_factor, mode, align_corners, recompute_scale_factor)

    def construct(self, x):
        return interpolate(x, *self.arguments)


def resize(inp, size=None, scale_factor=None, mode="bilinear", align_corners=None):
    """MegEngine's interpolate; its sizes are rounded down in float32, and a single size is that of rows."""
    axes = inp.ndim - 2
    if axes != {"linear": 1, "trilinear": 3}.get(mode, 2):
        raise ValueError(f"mode={mode!r} of {inp.ndim} axes")
    if (size is None) == (scale_factor is None):
        raise ValueError("either size or scale_factor")
    if size is None:
        scales = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * axes
        size = [int(np.floor(np.float32(float(n) * float(s)))) for n, s in zip(inp.shape[2:], scales)]
    elif isinstance(size, int):
        size = (size, 1, 1)[:axes]
    return interpolate(inp, tuple(size), mode=mode, align_corners=None if mode == "nearest" else bool(align_corners))
