"""MegEngine's functions and layers that MindSpore has none of: whole numbers of 32 bits, the last axis, layers of several."""

import mindspore
import numpy as np
from loss import binary_cross_entropy_with_logits
from mindspore import nn, ops


def tensor_narrow(data, dtype=None):
    """What NumPy makes of data, without 64 bits; a tensor's copy, through which gradients go."""
    if isinstance(data, mindspore.Tensor):
        made = data.copy()
    else:
        made = mindspore.Tensor(np.asarray(data))
    if dtype is not None:
        return made.astype(dtype)
    narrow = {mindspore.float64: mindspore.float32, mindspore.int64: mindspore.int32}
    return made.astype(narrow.get(made.dtype, made.dtype))


def full_narrow(shape, value):
    """A tensor of one number: int32 of a whole one, bool of a truth, else float32."""
    kinds = (mindspore.bool_, mindspore.int32, mindspore.float32)
    kind = kinds[0] if isinstance(value, bool) else kinds[1] if isinstance(value, (int, np.integer)) else kinds[2]
    return ops.full(shape, value, dtype=kind)


def argmax_narrow(inp, axis=None, keepdims=False):
    """Where the largest value is, of all or along an axis; int32."""
    return ops.argmax(inp, axis, keepdims).astype(mindspore.int32)


def argmin_narrow(inp, axis=None, keepdims=False):
    """Where the smallest value is, of all or along an axis; int32."""
    return argmax_narrow(-inp, axis, keepdims)


def topk_last(inp, k, descending=True, kth_only=False, no_sort=False):
    """The largest or smallest k along the last axis, and where they are (int32); or the k-th alone."""
    values, places = ops.sort(inp, -1, descending)
    if kth_only:
        return values[..., k - 1], places[..., k - 1]
    return values[..., :k], places[..., :k]


def pad_each_axis(src, pad_width, mode="constant", constant_value=0.0):
    """Pad with a begin and an end for each axis, the batch's first; axes that are not named stay."""
    mode = {"edge": "replicate"}.get(mode.lower(), mode.lower())
    if mode not in ("constant", "reflect", "replicate"):
        raise ValueError(f"mode={mode!r}: constant, reflect, edge and replicate are known")
    for axis, (begin, end) in enumerate(pad_width):
        if mode == "constant":
            parts = [src]
            for place, amount in ((0, begin), (len, end)):
                if amount:
                    shape = [amount if i == axis else n for i, n in enumerate(src.shape)]
                    beside = ops.full(shape, constant_value, dtype=src.dtype)
                    parts = [beside, *parts] if place == 0 else [*parts, beside]
            src = ops.cat(parts, axis) if len(parts) > 1 else src
        else:
            places = np.pad(np.arange(src.shape[axis]), (begin, end), "reflect" if mode == "reflect" else "edge")
            src = ops.gather(src, mindspore.Tensor(places.astype(np.int32)), axis)
    return src


class PadAxes(nn.Cell):
    """Pad with a begin and an end for each axis, as a layer."""

    def __init__(self, pad_width, mode="constant", constant_val=0.0):
        super().__init__()
        self.pad_width, self.pad_kind, self.pad_val = pad_width, mode, constant_val

    def construct(self, src):
        return pad_each_axis(src, self.pad_width, self.pad_kind, self.pad_val)


def pick(src, index, axis=1, keepdims=False):
    """One element along an axis for each index."""
    axis = axis % src.ndim
    found = ops.gather_elements(src, axis, index.astype(mindspore.int32).expand_dims(axis))
    return found if keepdims else found.squeeze(axis)


def taken(mask, x):
    """What a mask marks, and where that is in the flat tensor (int32)."""
    places = mindspore.Tensor(np.flatnonzero(mask.asnumpy()).astype(np.int32))
    return ops.gather(x.reshape(-1), places, 0), places


def round_away(x):
    """To the nearest whole number, of two the one that is farther from zero."""
    whole = ops.trunc(x)
    return whole + ops.sign(x) * (ops.abs(x - whole) >= 0.5).astype(x.dtype)


def cross_entropy_along(pred, label, axis=1, with_logits=True, label_smooth=0, reduction="mean"):
    """The cross entropy of classes along an axis, of scores or of probabilities; labels of any whole numbers."""
    scores = ops.log_softmax(pred, axis) if with_logits else ops.log(pred)
    loss = -pick(scores, label, axis)
    if label_smooth:
        loss = (1 - label_smooth) * loss - label_smooth * ops.mean(scores, axis)
    return reduced_to(loss, reduction)


def reduced_to(loss, reduction):
    """The mean or the sum of a loss, or itself."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction.lower()]()


def bce_of(pred, label, with_logits=True, reduction="mean"):
    """The binary cross entropy of scores or of probabilities."""
    if with_logits:
        return binary_cross_entropy_with_logits(pred, label, reduction=reduction.lower())
    return reduced_to(-(label * ops.log(pred) + (1 - label) * ops.log(1 - pred)), reduction)


class ChannelNorm(nn.Cell):
    """Each channel of each sample by itself, of any number of axes."""

    def __init__(self, num_channels, eps=1e-05, affine=True):
        super().__init__()
        self.eps = eps
        self.weight = mindspore.Parameter(ops.ones(num_channels)) if affine else None
        self.bias = mindspore.Parameter(ops.zeros(num_channels)) if affine else None

    def construct(self, x):
        axes = tuple(range(2, x.ndim))
        centred = x - ops.mean(x, axes, True)
        y = centred / ops.sqrt(ops.mean(centred * centred, axes, True) + self.eps)
        if self.weight is None:
            return y
        shape = (1, -1) + (1,) * (x.ndim - 2)
        return y * self.weight.reshape(shape) + self.bias.reshape(shape)


def four_sides(padding):
    """One number, or one for each axis, as above, below, left and right."""
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return (rows, rows, columns, columns)


class ConvRelu2d(nn.Conv2d):
    """A convolution and relu."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, stride, "pad", four_sides(padding), dilation, groups,
                         has_bias=bias)  # fmt: skip

    def construct(self, x):
        return ops.relu(super().construct(x))


class ConvBn2d(nn.Cell):
    """A convolution and batch norm, whose momentum says what stays."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 eps=1e-05, momentum=0.9):  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, "pad", four_sides(padding), dilation,
                              groups, has_bias=bias)  # fmt: skip
        self.bn = nn.BatchNorm2d(out_channels, eps, momentum)

    def construct(self, x):
        return self.bn(self.conv(x))


class ConvBnRelu2d(ConvBn2d):
    """A convolution, batch norm and relu."""

    def construct(self, x):
        return ops.relu(super().construct(x))


class LinearRelu(nn.Dense):
    """A linear map and relu."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, has_bias=bias)

    def construct(self, x):
        return ops.relu(super().construct(x))


def unsqueeze_axes(inp, axis):
    """One axis of one element more, or several, counted in the result."""
    axes = [axis] if isinstance(axis, int) else list(axis)
    rank = inp.ndim + len(axes)
    for place in sorted(a % rank for a in axes):
        inp = ops.expand_dims(inp, place)
    return inp


def maximum_or_number(x, y):
    """The larger of two tensors, or of a tensor and a number; of equal ones the first has the gradient."""
    return ops.where(x < y, y, x)


def minimum_or_number(x, y):
    """The smaller of two tensors, or of a tensor and a number; of equal ones the first has the gradient."""
    return ops.where(x > y, y, x)
