"""MegEngine's functions and layers that torch has none of: whole numbers of 32 bits, the last axis, layers of several."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def tensor_narrow(data, dtype=None):
    """What NumPy makes of data, without 64 bits; a tensor's copy, through which gradients go."""
    if isinstance(data, torch.Tensor):
        made = data.clone()
    else:
        made = torch.tensor(np.asarray(data))
    if dtype is not None:
        return made.to(dtype)
    return made.to({torch.float64: torch.float32, torch.int64: torch.int32}.get(made.dtype, made.dtype))


def full_narrow(shape, value):
    """A tensor of one number: int32 of a whole one, bool of a truth, else float32."""
    kind = torch.bool if isinstance(value, bool) else torch.int32 if isinstance(value, (int, np.integer)) else torch.float32
    return torch.full(shape, value, dtype=kind)


def topk_last(inp, k, descending=True, kth_only=False, no_sort=False):
    """The largest or smallest k along the last axis, and where they are (int32); or the k-th alone."""
    values, places = torch.topk(inp, k, dim=-1, largest=descending)
    if kth_only:
        values, places = values[..., -1], places[..., -1]
    return values, places.to(torch.int32)


def topk_narrow(input, k, dim=-1, largest=True, sorted=True):
    """The largest or smallest k along an axis, and where they are (int32)."""
    values, places = torch.topk(input, k, dim, largest, sorted)
    return values, places.to(torch.int32)


def sort_narrow(input, dim=-1, descending=False):
    """The values along an axis in order, and where they were (int32)."""
    values, places = torch.sort(input, dim, descending)
    return values, places.to(torch.int32)


def argsort_narrow(input, dim=-1, descending=False):
    """Where along an axis the values in order are (int32)."""
    return torch.argsort(input, dim, descending).to(torch.int32)


def pad_each_axis(src, pad_width, mode="constant", constant_value=0.0):
    """Pad with a begin and an end for each axis, the batch's first; axes that are not named stay."""
    mode = {"edge": "replicate"}.get(mode.lower(), mode.lower())
    if mode == "constant":
        amounts = [amount for axis in reversed([*pad_width, *[(0, 0)] * (src.ndim - len(pad_width))]) for amount in axis]
        return F.pad(src, amounts, value=constant_value)
    if mode not in ("reflect", "replicate"):
        raise ValueError(f"mode={mode!r}: constant, reflect, edge and replicate are known")
    for axis, (begin, end) in enumerate(pad_width):
        size = src.shape[axis]
        places = np.pad(np.arange(size), (begin, end), "reflect" if mode == "reflect" else "edge")
        src = src.index_select(axis, torch.from_numpy(places).to(src.device))
    return src


class PadAxes(nn.Module):
    """Pad with a begin and an end for each axis, as a layer."""

    def __init__(self, pad_width, mode="constant", constant_val=0.0):
        super().__init__()
        self.pad_width, self.mode, self.pad_val = pad_width, mode, constant_val

    def forward(self, src):
        return pad_each_axis(src, self.pad_width, self.mode, self.pad_val)


def pick(src, index, axis=1, keepdims=False):
    """One element along an axis for each index."""
    found = torch.gather(src, axis, index.long().unsqueeze(axis))
    return found if keepdims else found.squeeze(axis)


def taken(mask, x):
    """What a mask marks, and where that is in the flat tensor (int32)."""
    places = mask.reshape(-1).nonzero()[:, 0]
    return x.reshape(-1)[places], places.to(torch.int32)


def round_away(x):
    """To the nearest whole number, of two the one that is farther from zero."""
    whole = torch.trunc(x)
    return whole + torch.sign(x) * ((x - whole).abs() >= 0.5)


def cross_entropy_along(pred, label, axis=1, with_logits=True, label_smooth=0, reduction="mean"):
    """The cross entropy of classes along an axis, of scores or of probabilities; labels of any whole numbers."""
    label = label.long()
    scores = torch.log_softmax(pred, axis) if with_logits else torch.log(pred)
    loss = -pick(scores, label, axis)
    if label_smooth:
        loss = (1 - label_smooth) * loss - label_smooth * scores.mean(axis)
    return reduced(loss, reduction)


def reduced(loss, reduction):
    """The mean or the sum of a loss, or itself."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction.lower()]()


def bce_of(pred, label, with_logits=True, reduction="mean"):
    """The binary cross entropy of scores or of probabilities."""
    if with_logits:
        return F.binary_cross_entropy_with_logits(pred, label, reduction=reduction.lower())
    return reduced(-(label * torch.log(pred) + (1 - label) * torch.log(1 - pred)), reduction)


class ChannelNorm(nn.GroupNorm):
    """Each channel of each sample by itself, of any number of axes."""

    def __init__(self, num_channels, eps=1e-05, affine=True):
        super().__init__(num_channels, num_channels, eps, affine)


class ConvRelu2d(nn.Conv2d):
    """A convolution and relu."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)

    def forward(self, x):
        return F.relu(super().forward(x))


class ConvBn2d(nn.Module):
    """A convolution and batch norm, whose momentum says what stays."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 eps=1e-05, momentum=0.9):  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.bn = nn.BatchNorm2d(out_channels, eps, 1 - momentum)

    def forward(self, x):
        return self.bn(self.conv(x))


class ConvBnRelu2d(ConvBn2d):
    """A convolution, batch norm and relu."""

    def forward(self, x):
        return F.relu(super().forward(x))


class LinearRelu(nn.Linear):
    """A linear map and relu."""

    def forward(self, x):
        return F.relu(super().forward(x))


def unsqueeze_axes(inp, axis):
    """One axis of one element more, or several, counted in the result."""
    axes = [axis] if isinstance(axis, int) else list(axis)
    rank = inp.ndim + len(axes)
    for place in sorted(a % rank for a in axes):
        inp = inp.unsqueeze(place)
    return inp


def maximum_or_number(x, y):
    """The larger of two tensors, or of a tensor and a number; of equal ones the first has the gradient."""
    return torch.where(x < y, y, x)


def minimum_or_number(x, y):
    """The smaller of two tensors, or of a tensor and a number; of equal ones the first has the gradient."""
    return torch.where(x > y, y, x)
