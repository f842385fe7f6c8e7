"""Pooling with torch's signature in MindSpore: a stride that defaults to the kernel, and padding."""

from mindspore import nn, ops


def per_axis(value, axes):
    """One number for each spatial axis."""
    if isinstance(value, (tuple, list)):
        return tuple(value) * axes if len(value) == 1 else tuple(value)
    return (value,) * axes


def both_sides(padding):
    """Order padding as ops.pad wants it: the last axis first, both sides of each."""
    return tuple(side for p in reversed(padding) for side in (p, p))


def beyond(n, k, s, p):
    """How much further than the padding the last window of ceil_mode reaches; it starts within them."""
    out = -(-(n + 2 * p - k) // s) + 1
    if (out - 1) * s >= n + p:
        out -= 1
    return max((out - 1) * s + k - n - 2 * p, 0)


def pool_max(x, axes, kernel_size, stride, padding, ceil_mode=False):
    """Maximum over windows; padding is the lowest float32, which no value is below."""
    kernel, padding = per_axis(kernel_size, axes), per_axis(padding, axes)
    stride = kernel if stride is None else per_axis(stride, axes)
    more = [0] * axes
    if ceil_mode:
        more = [beyond(n, k, s, p) for n, k, s, p in zip(x.shape[-axes:], kernel, stride, padding)]
    if any(padding) or any(more):
        sides = tuple(side for p, m in zip(reversed(padding), reversed(more)) for side in (p, p + m))
        x = ops.pad(x, sides, "constant", -3.4028234663852886e38)
    if axes == 3:
        return ops.MaxPool3D(kernel, stride, "valid")(x)
    if axes == 2:
        return ops.MaxPool(kernel, stride, "valid")(x)
    return ops.squeeze(ops.MaxPool((1, *kernel), (1, *stride), "valid")(ops.expand_dims(x, 2)), 2)


def mean_over(x, kernel, stride):
    """Mean over whole windows of the last axes."""
    if len(kernel) == 3:
        return ops.AvgPool3D(kernel, stride, "valid")(x)
    if len(kernel) == 2:
        return ops.AvgPool(kernel, stride, "valid")(x)
    return ops.squeeze(ops.AvgPool((1, *kernel), (1, *stride), "valid")(ops.expand_dims(x, 2)), 2)


def pool_avg(x, axes, kernel_size, stride, padding, count_include_pad, ceil_mode=False):
    """Mean over windows; of a window, what lies behind the padding never counts, the padding as asked."""
    kernel, padding = per_axis(kernel_size, axes), per_axis(padding, axes)
    stride = kernel if stride is None else per_axis(stride, axes)
    more = [0] * axes
    if ceil_mode:
        more = [beyond(n, k, s, p) for n, k, s, p in zip(x.shape[-axes:], kernel, stride, padding)]
    if not any(padding) and not any(more):
        return mean_over(x, kernel, stride)
    ones, behind = ops.ones_like(x), tuple(side for m in reversed(more) for side in (0, m))
    x = ops.pad(x, both_sides(padding))
    ones = ops.ones_like(x) if count_include_pad else ops.pad(ones, both_sides(padding))
    if any(more):
        x, ones = ops.pad(x, behind), ops.pad(ones, behind)
    elif count_include_pad:
        return mean_over(x, kernel, stride)
    return mean_over(x, kernel, stride) / mean_over(ones, kernel, stride)


def only_maxima(dilation, return_indices):
    """Raise ValueError for what these pools can't do."""
    apart = dilation if isinstance(dilation, (tuple, list)) else (dilation,)
    if return_indices or any(d != 1 for d in apart):
        raise ValueError("indices and dilated pooling are not ported")


class TorchMaxPool(nn.Cell):
    """Max pooling with torch's parameters over the last ``axes`` axes."""

    axes = 2

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False,
                 ceil_mode=False):
        super().__init__()
        only_maxima(dilation, return_indices)
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode
        self.stride = kernel_size if stride is None else stride

    def construct(self, x):
        return pool_max(x, self.axes, self.kernel_size, self.stride, self.padding, self.ceil_mode)


class TorchMaxPool1d(TorchMaxPool):
    """Max pooling of n c w."""

    axes = 1


class TorchMaxPool2d(TorchMaxPool):
    """Max pooling of n c h w."""


class TorchMaxPool3d(TorchMaxPool):
    """Max pooling of n c d h w."""

    axes = 3


class TorchAvgPool(nn.Cell):
    """Average pooling with torch's parameters over the last ``axes`` axes."""

    axes = 2

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        super().__init__()
        self.kernel_size, self.padding, self.ceil_mode = kernel_size, padding, ceil_mode
        self.count_include_pad = count_include_pad
        self.stride = kernel_size if stride is None else stride

    def construct(self, x):
        return pool_avg(x, self.axes, self.kernel_size, self.stride, self.padding, self.count_include_pad,
                        self.ceil_mode)


class TorchAvgPool1d(TorchAvgPool):
    """Average pooling of n c w; torch keeps its numbers as tuples."""

    axes = 1

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        stride = kernel_size if stride is None else stride
        super().__init__(per_axis(kernel_size, 1), per_axis(stride, 1), per_axis(padding, 1), ceil_mode, count_include_pad)


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


def adaptive_avg_pool1d(input, output_size):
    """Mean over windows from floor(i*n/out) to ceil((i+1)*n/out): n c w -> n c out."""
    n = input.shape[2]
    out = n if output_size is None else per_axis(output_size, 1)[0]
    parts = [ops.mean(input[:, :, i * n // out : -(-(i + 1) * n // out)], 2, True) for i in range(out)]
    return ops.cat(parts, 2)


class TorchAdaptiveAvgPool1d(nn.Cell):
    """Adaptive average pooling of n c w for every size."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def construct(self, x):
        return adaptive_avg_pool1d(x, self.output_size)


def adaptive_max(x, axis, size):
    """Largest values over windows from floor(i*n/out) to ceil((i+1)*n/out) of one axis."""
    n = x.shape[axis]
    out = n if size is None else size
    parts = []
    for i in range(out):
        window = ops.narrow(x, axis, i * n // out, -(-(i + 1) * n // out) - i * n // out)
        parts.append(ops.amax(window, axis, True))
    return ops.cat(parts, axis)


def adaptive_max_pool1d(input, output_size):
    """Adaptive largest values of n c w."""
    return adaptive_max(input, 2, per_axis(output_size, 1)[0])


def adaptive_max_pool2d(input, output_size):
    """Adaptive largest values of n c h w."""
    height, width = per_axis(output_size, 2)
    return adaptive_max(adaptive_max(input, 2, height), 3, width)


class TorchAdaptiveMaxPool1d(nn.Cell):
    """Adaptive largest values of n c w as a layer."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def construct(self, x):
        return adaptive_max_pool1d(x, self.output_size)


class TorchAdaptiveMaxPool2d(nn.Cell):
    """Adaptive largest values of n c h w as a layer."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def construct(self, x):
        return adaptive_max_pool2d(x, self.output_size)
