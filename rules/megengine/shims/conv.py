"""Convolutions with torch's signature in MegEngine, exact for every value.

Weights keep torch's layout. Transposed convolution runs without padding and output padding, then
zeros are added at the end, the crop is cut and the bias added (FACTS.md section 4: 1343 of 1343).
"""

import math

import megengine
import megengine.functional as F
import megengine.module as M


def spatial(value, axes):
    """One number for each spatial axis, from a number or a tuple."""
    if isinstance(value, (tuple, list)):
        value = tuple(value)
        return value * axes if len(value) == 1 else value
    return (value,) * axes


def torch_sides(padding, kernel, stride, dilation):
    """Zeros before and after each axis, from any form of padding that torch takes."""
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple((t // 2, t - t // 2) for t in total)
    if padding == "valid":
        padding = 0
    return tuple((p, p) for p in spatial(padding, len(kernel)))


def pad_axis(x, axis, begin, end, mode, value=0.0):
    """Pad one axis of a tensor."""
    if begin == 0 and end == 0:
        return x
    n = x.shape[axis]
    if mode == "constant":
        parts = []
        for width in (begin, end):
            shape = tuple(width if i == axis else x.shape[i] for i in range(x.ndim))
            parts.append(F.full(shape, value, dtype=x.dtype) if width > 0 else None)
        kept = take(x, axis, max(-begin, 0), n - max(-end, 0))
        parts = [parts[0], kept, parts[1]]
        return F.concat([p for p in parts if p is not None], axis=axis)
    picks = {
        "reflect": [abs(i) if i < n else 2 * (n - 1) - i for i in range(-begin, n + end)],
        "replicate": [min(max(i, 0), n - 1) for i in range(-begin, n + end)],
        "circular": [i % n for i in range(-begin, n + end)],
    }[mode]
    return pick(x, axis, picks)


def take(x, axis, start, stop, step=1):
    """Slice one axis."""
    return x[tuple(slice(start, stop, step) if i == axis else slice(None) for i in range(x.ndim))]


def pick(x, axis, indices):
    """Pick elements of one axis by runs: contiguous runs are slices, so gradients are exact."""
    runs, at = [], 0
    while at < len(indices):
        end = at + 1
        while end < len(indices) and indices[end] == indices[end - 1] + 1:
            end += 1
        runs.append(take(x, axis, indices[at], indices[end - 1] + 1))
        at = end
    return F.concat(runs, axis=axis) if len(runs) > 1 else runs[0]


def torch_weight(shape, fan_in):
    """A parameter with torch's default distribution: uniform up to 1 / sqrt(fan_in)."""
    out = megengine.Parameter(F.zeros(shape))
    bound = 1 / math.sqrt(fan_in)
    M.init.uniform_(out, -bound, bound)
    return out


def convolve(x, weight, bias, stride, sides, dilation, groups, mode="constant"):
    """Convolution of n i *spatial with a weight o i/groups *kernel."""
    axes = len(stride)
    for axis, (begin, end) in enumerate(sides):
        x = pad_axis(x, axis + 2, begin, end, mode)
    if axes == 1:
        x, weight = F.expand_dims(x, 2), F.expand_dims(weight, 2)
        stride, dilation = (1, *stride), (1, *dilation)
    run = F.conv3d if axes == 3 else F.conv2d
    if groups > 1:
        weight = weight.reshape((groups, weight.shape[0] // groups) + tuple(weight.shape[1:]))
    out = run(x, weight, None, stride, 0, dilation, groups)
    if axes == 1:
        out = F.squeeze(out, 2)
    if bias is not None:
        out = out + bias.reshape((1, -1) + (1,) * axes)
    return out


class TorchConv(M.Module):
    """Convolution with torch's parameters and layouts."""

    axes = 2

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, padding_mode="zeros"):
        super().__init__()
        kernel = self.kernel_size = spatial(kernel_size, self.axes)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.dilation = spatial(stride, self.axes), spatial(dilation, self.axes)
        self.groups, self.padding = groups, padding if isinstance(padding, str) else spatial(padding, self.axes)
        self.sides = torch_sides(padding, kernel, self.stride, self.dilation)
        self.mode = "constant" if padding_mode == "zeros" else padding_mode
        fan_in = in_channels // groups * math.prod(kernel)
        self.weight = torch_weight((out_channels, in_channels // groups, *kernel), fan_in)
        self.bias = torch_weight((out_channels,), fan_in) if bias else None

    def forward(self, x):
        return convolve(x, self.weight, self.bias, self.stride, self.sides, self.dilation,
                        self.groups, self.mode)


class TorchConv1d(TorchConv):
    """Convolution of n i w."""

    axes = 1


class TorchConv2d(TorchConv):
    """Convolution of n i h w."""


class TorchConv3d(TorchConv):
    """Convolution of n i d h w."""

    axes = 3


def deconvolve(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Transposed convolution of n i *spatial with a weight i o/groups *kernel."""
    axes = len(stride)
    if axes == 1:
        x, weight = F.expand_dims(x, 2), F.expand_dims(weight, 2)
        stride, dilation = (1, *stride), (1, *dilation)
        padding, output_padding = (0, *padding), (0, *output_padding)
    run = F.conv_transpose3d if axes == 3 else F.conv_transpose2d
    parts = []
    width = x.shape[1] // groups
    for g in range(groups):
        # The kernels want contiguous tensors, and a slice is none: its sum with zero is.
        part = x if groups == 1 else take(x, 1, g * width, (g + 1) * width) + 0.0
        kernel = weight if groups == 1 else take(weight, 0, g * width, (g + 1) * width) + 0.0
        parts.append(run(part, kernel, None, stride, 0, 0, dilation))
    out = F.concat(parts, axis=1) if groups > 1 else parts[0]
    for axis, (p, extra) in enumerate(zip(padding, output_padding), 2):
        out = pad_axis(out, axis, -p, extra - p, "constant")
    if axes == 1:
        out = F.squeeze(out, 2)
    if bias is not None:
        out = out + bias.reshape((1, -1) + (1,) * axes)
    return out


class TorchConvTranspose(M.Module):
    """Transposed convolution with torch's parameters and layouts."""

    axes = 2

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1):
        super().__init__()
        kernel = self.kernel_size = spatial(kernel_size, self.axes)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        values = (stride, padding, output_padding)
        stride, padding, output_padding = (spatial(v, self.axes) for v in values)
        self.stride, self.dilation = stride, spatial(dilation, self.axes)
        self.arguments = (stride, padding, output_padding, groups, self.dilation)
        fan_in = out_channels // groups * math.prod(kernel)
        self.weight = torch_weight((in_channels, out_channels // groups, *kernel), fan_in)
        self.bias = torch_weight((out_channels,), fan_in) if bias else None

    def forward(self, x):
        return deconvolve(x, self.weight, self.bias, *self.arguments)


class TorchConvTranspose1d(TorchConvTranspose):
    """Transposed convolution of n i w."""

    axes = 1


class TorchConvTranspose2d(TorchConvTranspose):
    """Transposed convolution of n i h w."""


class TorchConvTranspose3d(TorchConvTranspose):
    """Transposed convolution of n i d h w."""

    axes = 3


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution with torch's parameters: n i w, weight o i/groups k."""
    return conv_nd(input, weight, bias, stride, padding, dilation, groups, 1)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution with torch's parameters: n i h w, weight o i/groups k k."""
    return conv_nd(input, weight, bias, stride, padding, dilation, groups, 2)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution with torch's parameters: n i d h w, weight o i/groups k k k."""
    return conv_nd(input, weight, bias, stride, padding, dilation, groups, 3)


def conv_nd(x, weight, bias, stride, padding, dilation, groups, axes):
    """Convolution with torch's parameters in any number of axes."""
    stride, dilation = spatial(stride, axes), spatial(dilation, axes)
    kernel = tuple(weight.shape[2:])
    sides = torch_sides(padding, kernel, stride, dilation)
    return convolve(x, weight, bias, stride, sides, dilation, groups)


def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """Transposed convolution with torch's parameters: n i w, weight i o/groups k."""
    values = (spatial(v, 1) for v in (stride, padding, output_padding))
    return deconvolve(input, weight, bias, *values, groups, spatial(dilation, 1))


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """Transposed convolution with torch's parameters: n i h w, weight i o/groups k k."""
    values = (spatial(v, 2) for v in (stride, padding, output_padding))
    return deconvolve(input, weight, bias, *values, groups, spatial(dilation, 2))


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """Transposed convolution with torch's parameters in three axes."""
    values = (spatial(v, 3) for v in (stride, padding, output_padding))
    return deconvolve(input, weight, bias, *values, groups, spatial(dilation, 3))


class TorchPad(M.Module):
    """Padding of the last axes, given as torch does: the last axis first, both sides of each."""

    axes, mode = 2, "constant"

    def __init__(self, padding, value=0.0):
        super().__init__()
        self.padding = spatial(padding, 2 * self.axes)
        self.value = value

    def forward(self, x):
        return pad(x, self.padding, self.mode, self.value)


def pad(input, pad, mode="constant", value=None):
    """Pad like torch: pairs from the last axis on."""
    for i in range(len(pad) // 2):
        axis = input.ndim - 1 - i
        input = pad_axis(input, axis, pad[2 * i], pad[2 * i + 1], mode, 0.0 if value is None else value)
    return input


class ReflectionPad1d(TorchPad):
    """Reflect n c w."""

    axes, mode = 1, "reflect"


class ReflectionPad2d(TorchPad):
    """Reflect n c h w."""

    mode = "reflect"


class ReflectionPad3d(TorchPad):
    """Reflect n c d h w."""

    axes, mode = 3, "reflect"


class ReplicationPad1d(TorchPad):
    """Repeat the edge of n c w."""

    axes, mode = 1, "replicate"


class ReplicationPad2d(TorchPad):
    """Repeat the edge of n c h w."""

    mode = "replicate"


class ReplicationPad3d(TorchPad):
    """Repeat the edge of n c d h w."""

    axes, mode = 3, "replicate"


class ZeroPad2d(TorchPad):
    """Zeros around n c h w."""


class ConstantPad1d(TorchPad):
    """A value around n c w."""

    axes = 1


class ConstantPad2d(TorchPad):
    """A value around n c h w."""


class ConstantPad3d(TorchPad):
    """A value around n c d h w."""

    axes = 3


def beyond(n, k, s, p):
    """How much further than the padding the last window of ceil_mode reaches; it starts within them."""
    out = -(-(n + 2 * p - k) // s) + 1
    if (out - 1) * s >= n + p:
        out -= 1
    return max((out - 1) * s + k - n - 2 * p, 0)


def pool_windows(x, axes, kernel_size, stride, padding, fill, ceil_mode=False):
    """Give each kernel tap's view of the padded input, strided."""
    kernel, padding = spatial(kernel_size, axes), spatial(padding, axes)
    stride = kernel if stride is None else spatial(stride, axes)
    for axis, (k, s, p) in enumerate(zip(kernel, stride, padding), 2):
        more = beyond(int(x.shape[axis]), k, s, p) if ceil_mode else 0
        x = pad_axis(x, axis, p, p + more, "constant", fill)
    taps = [()]
    for k in kernel:
        taps = [(*tap, i) for tap in taps for i in range(k)]
    for tap in taps:
        view = x
        for a, t in enumerate(tap):
            out = (x.shape[a + 2] - kernel[a]) // stride[a] + 1
            view = take(view, a + 2, t, t + (out - 1) * stride[a] + 1, stride[a])
        yield view


def pool_max(x, axes, kernel_size, stride, padding, ceil_mode=False):
    """Maximum over windows; the gradient goes to the first of equal maxima, as in torch."""
    out = None
    for view in pool_windows(x, axes, kernel_size, stride, padding, -3.4028234663852886e38, ceil_mode):
        out = view if out is None else F.where(view > out, view, out)
    return out


def pool_avg(x, axes, kernel_size, stride, padding, count_include_pad=True, ceil_mode=False):
    """Mean over windows; of a window, what lies behind the padding never counts, the padding as asked."""
    kernel, around = spatial(kernel_size, axes), spatial(padding, axes)
    steps = kernel if stride is None else spatial(stride, axes)
    total = None
    for view in pool_windows(x, axes, kernel_size, stride, padding, 0.0, ceil_mode):
        total = view if total is None else total + view
    count = None
    for axis, (k, s, p) in enumerate(zip(kernel, steps, around), 2):
        n, own = int(x.shape[axis]), []
        for i in range(int(total.shape[axis])):
            first, last = i * s - p, min(i * s - p + k, n + p)
            own.append(last - first if count_include_pad else min(last, n) - max(first, 0))
        shape = [1] * x.ndim
        shape[axis] = len(own)
        own = megengine.Tensor(own, dtype="float32").reshape(*shape)
        count = own if count is None else count * own
    return total / count


def only_maxima(dilation, return_indices):
    """Raise ValueError for what these pools can't do."""
    apart = dilation if isinstance(dilation, (tuple, list)) else (dilation,)
    if return_indices or any(d != 1 for d in apart):
        raise ValueError("indices and dilated pooling are not ported")


class TorchMaxPool(M.Module):
    """Max pooling with torch's parameters."""

    axes = 2

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False,
                 ceil_mode=False):
        super().__init__()
        only_maxima(dilation, return_indices)
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode
        self.stride = kernel_size if stride is None else stride

    def forward(self, x):
        return pool_max(x, self.axes, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class TorchMaxPool1d(TorchMaxPool):
    """Max pooling of n c w."""

    axes = 1


class TorchMaxPool2d(TorchMaxPool):
    """Max pooling of n c h w."""


class TorchMaxPool3d(TorchMaxPool):
    """Max pooling of n c d h w."""

    axes = 3


class TorchAvgPool(M.Module):
    """Average pooling with torch's parameters."""

    axes = 2

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size, self.padding, self.ceil_mode = kernel_size, padding, ceil_mode
        self.count_include_pad = count_include_pad
        self.stride = kernel_size if stride is None else stride

    def forward(self, x):
        return pool_avg(x, self.axes, self.kernel_size, self.stride, self.padding, self.count_include_pad,
                        self.ceil_mode)


class TorchAvgPool1d(TorchAvgPool):
    """Average pooling of n c w; torch keeps its numbers as tuples."""

    axes = 1

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        stride = kernel_size if stride is None else stride
        super().__init__(spatial(kernel_size, 1), spatial(stride, 1), spatial(padding, 1), ceil_mode, count_include_pad)


class TorchAvgPool2d(TorchAvgPool):
    """Average pooling of n c h w."""


class TorchAvgPool3d(TorchAvgPool):
    """Average pooling of n c d h w."""

    axes = 3


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Max pooling of n c w."""
    only_maxima(dilation, return_indices)
    return pool_max(input, 1, kernel_size, stride, padding, ceil_mode)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Max pooling of n c h w."""
    only_maxima(dilation, return_indices)
    return pool_max(input, 2, kernel_size, stride, padding, ceil_mode)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Max pooling of n c d h w."""
    only_maxima(dilation, return_indices)
    return pool_max(input, 3, kernel_size, stride, padding, ceil_mode)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Average pooling of n c w."""
    return pool_avg(input, 1, kernel_size, stride, padding, count_include_pad, ceil_mode)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Average pooling of n c h w."""
    return pool_avg(input, 2, kernel_size, stride, padding, count_include_pad, ceil_mode)


def avg_pool3d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Average pooling of n c d h w."""
    return pool_avg(input, 3, kernel_size, stride, padding, count_include_pad, ceil_mode)


def adaptive_average(x, output_size, axes):
    """Mean over windows from floor(i*n/out) to ceil((i+1)*n/out) along each axis, as torch does."""
    for axis, out in enumerate(spatial(output_size, axes), 2):
        n = x.shape[axis]
        out = n if out is None else out
        rows = [
            F.mean(take(x, axis, i * n // out, -((-(i + 1) * n) // out)), axis=axis, keepdims=True)
            for i in range(out)
        ]
        x = F.concat(rows, axis=axis) if out > 1 else rows[0]
    return x


class TorchAdaptiveAvgPool(M.Module):
    """Adaptive average pooling with torch's windows."""

    axes = 2

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, x):
        return adaptive_average(x, self.output_size, self.axes)


class TorchAdaptiveAvgPool1d(TorchAdaptiveAvgPool):
    """Adaptive average pooling of n c w."""

    axes = 1


class TorchAdaptiveAvgPool2d(TorchAdaptiveAvgPool):
    """Adaptive average pooling of n c h w."""


class TorchAdaptiveAvgPool3d(TorchAdaptiveAvgPool):
    """Adaptive average pooling of n c d h w."""

    axes = 3


def adaptive_avg_pool1d(input, output_size):
    """Adaptive average pooling of n c w."""
    return adaptive_average(input, output_size, 1)


def adaptive_avg_pool2d(input, output_size):
    """Adaptive average pooling of n c h w."""
    return adaptive_average(input, output_size, 2)


def adaptive_avg_pool3d(input, output_size):
    """Adaptive average pooling of n c d h w."""
    return adaptive_average(input, output_size, 3)


def adaptive_largest(x, output_size, axes):
    """Largest values over windows from floor(i*n/out) to ceil((i+1)*n/out) along each axis."""
    for axis, out in enumerate(spatial(output_size, axes), 2):
        n = x.shape[axis]
        out = n if out is None else out
        rows = [
            F.max(take(x, axis, i * n // out, -((-(i + 1) * n) // out)), axis=axis, keepdims=True)
            for i in range(out)
        ]
        x = F.concat(rows, axis=axis) if out > 1 else rows[0]
    return x


def adaptive_max_pool1d(input, output_size):
    """Adaptive largest values of n c w."""
    return adaptive_largest(input, output_size, 1)


def adaptive_max_pool2d(input, output_size):
    """Adaptive largest values of n c h w."""
    return adaptive_largest(input, output_size, 2)


class TorchAdaptiveMaxPool1d(M.Module):
    """Adaptive largest values of n c w as a layer."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, x):
        return adaptive_largest(x, self.output_size, 1)


class TorchAdaptiveMaxPool2d(M.Module):
    """Adaptive largest values of n c h w as a layer."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, x):
        return adaptive_largest(x, self.output_size, 2)
