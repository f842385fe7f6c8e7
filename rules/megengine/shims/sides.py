"""Convolutions with padding by side in MegEngine, and with MindSpore's 'same' at any stride.

Weights keep torch's layout. Padding is 'pad' with one number or a begin and an end for each axis, or
'same' or 'valid' as MindSpore measures them (FACTS.md section 5).
"""

import math

import megengine.module as M

from conv import convolve, deconvolve, spatial, torch_weight


def pairs(padding, axes):
    """A begin and an end for each axis, from one number or a flat tuple."""
    if isinstance(padding, (tuple, list)) and len(padding) == 2 * axes:
        return [tuple(padding[2 * i : 2 * i + 2]) for i in range(axes)]
    amount = padding[0] if isinstance(padding, (tuple, list)) else padding
    return [(amount, amount)] * axes


def same_pads(sizes, kernel, stride, dilation):
    """Zeros before and after each axis so that n gives ceil(n / stride); the odd one at the end."""
    out = []
    for n, k, s, d in zip(sizes, kernel, stride, dilation):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        out.append((total // 2, total - total // 2))
    return out


def auto_crops(pad_mode, kernel, stride, dilation):
    """Rows to cut before and after each axis of the full result; negative: zeros to add."""
    out = []
    for k, s, d in zip(kernel, stride, dilation):
        reach = d * (k - 1) + 1
        total = max(reach - s, 0) if pad_mode == "same" else 0
        out.append((total // 2, total - total // 2 - max(s - reach, 0)))
    return out


class SidesConv(M.Module):
    """Convolution with padding by side; weights as torch lays them out."""

    axes = 2

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, pad_mode="pad", padding=0,
                 dilation=1, groups=1, bias=True):
        super().__init__()
        self.kernel_size = spatial(kernel_size, self.axes)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.dilation = spatial(stride, self.axes), spatial(dilation, self.axes)
        self.groups, self.pad_mode = groups, pad_mode
        self.sides = pairs(0 if pad_mode == "valid" else padding, self.axes)
        fan_in = in_channels // groups * math.prod(self.kernel_size)
        self.weight = torch_weight((out_channels, in_channels // groups, *self.kernel_size), fan_in)
        self.bias = torch_weight((out_channels,), fan_in) if bias else None

    def forward(self, x):
        sides = self.sides
        if self.pad_mode == "same":
            sides = same_pads([int(n) for n in x.shape[2:]], self.kernel_size, self.stride, self.dilation)
        return convolve(x, self.weight, self.bias, self.stride, sides, self.dilation, self.groups)


class SidesConv1d(SidesConv):
    """Convolution of n i w."""

    axes = 1


class SidesConv2d(SidesConv):
    """Convolution of n i h w."""


class SidesConv3d(SidesConv):
    """Convolution of n i d h w."""

    axes = 3


class SidesConvTranspose(M.Module):
    """Transposed convolution with padding by side; weights as torch lays them out."""

    axes = 2

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, pad_mode="pad", padding=0,
                 dilation=1, groups=1, bias=True):
        super().__init__()
        kernel = self.kernel_size = spatial(kernel_size, self.axes)
        stride, dilation = spatial(stride, self.axes), spatial(dilation, self.axes)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.stride, self.dilation = stride, dilation
        sides = pairs(padding, self.axes)
        if pad_mode != "pad":
            sides = auto_crops(pad_mode, kernel, stride, dilation)
        begin = tuple(b for b, _ in sides)
        extra = tuple(b - e for b, e in sides)
        self.arguments = (stride, begin, extra, groups, dilation)
        fan_in = out_channels // groups * math.prod(kernel)
        self.weight = torch_weight((in_channels, out_channels // groups, *kernel), fan_in)
        self.bias = torch_weight((out_channels,), fan_in) if bias else None

    def forward(self, x):
        return deconvolve(x, self.weight, self.bias, *self.arguments)


class SidesConvTranspose1d(SidesConvTranspose):
    """Transposed convolution of n i w."""

    axes = 1


class SidesConvTranspose2d(SidesConvTranspose):
    """Transposed convolution of n i h w."""


class SidesConvTranspose3d(SidesConvTranspose):
    """Transposed convolution of n i d h w."""

    axes = 3
