"""Convolutions with padding by side in torch, and with MindSpore's 'same' at any stride.

Each subclasses torch's own layer, so weights keep their names. Padding is 'pad' with one number or a
begin and an end for each axis, or 'same' or 'valid' as MindSpore measures them (FACTS.md section 5).
"""

import torch.nn as nn
import torch.nn.functional as F


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


def pad_axes(x, amounts):
    """Pad the last axes; negative amounts cut."""
    return F.pad(x, [side for pair in reversed(amounts) for side in pair])


class SidesConv:
    """What the convolutions below share: padding by side, then the layer without padding."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, pad_mode="pad", padding=0,
                 dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, 0, dilation, groups, bias)
        self.pad_mode, self.sides = pad_mode, pairs(padding, len(self.kernel_size))

    def forward(self, x):
        sides = self.sides
        if self.pad_mode == "same":
            sides = same_pads(x.shape[2:], self.kernel_size, self.stride, self.dilation)
        return super().forward(x if self.pad_mode == "valid" else pad_axes(x, sides))


class SidesConv1d(SidesConv, nn.Conv1d):
    """nn.Conv1d with padding by side: n i w -> n o w."""


class SidesConv2d(SidesConv, nn.Conv2d):
    """nn.Conv2d with padding by side: n i h w -> n o h w."""


class SidesConv3d(SidesConv, nn.Conv3d):
    """nn.Conv3d with padding by side: n i d h w -> n o d h w."""


class SidesConvTranspose:
    """What the transposed convolutions below share: the full result, cut by side, then the bias."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, pad_mode="pad", padding=0,
                 dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, 0, 0, groups, bias, dilation)
        self.sides = pairs(padding, len(self.kernel_size))
        if pad_mode != "pad":
            self.sides = auto_crops(pad_mode, self.kernel_size, self.stride, self.dilation)

    def forward(self, x):
        axes = len(self.kernel_size)
        run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes - 1]
        full = run(x, self.weight, None, self.stride, 0, 0, self.groups, self.dilation)
        out = pad_axes(full, [(-begin, -end) for begin, end in self.sides])
        return out if self.bias is None else out + self.bias.reshape(-1, *[1] * axes)


class SidesConvTranspose1d(SidesConvTranspose, nn.ConvTranspose1d):
    """nn.ConvTranspose1d with padding by side: n i w -> n o w."""


class SidesConvTranspose2d(SidesConvTranspose, nn.ConvTranspose2d):
    """nn.ConvTranspose2d with padding by side: n i h w -> n o h w."""


class SidesConvTranspose3d(SidesConvTranspose, nn.ConvTranspose3d):
    """nn.ConvTranspose3d with padding by side: n i d h w -> n o d h w."""
