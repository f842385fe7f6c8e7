"""Convolutions with torch's signature in MindSpore, exact for every value.

Each subclasses MindSpore's own layer, so weights keep their names and isinstance holds. What runs in
a forward pass keeps to what Graph mode compiles (no nested comprehension). Output
padding is asymmetric padding where it does not exceed the padding, and a zero Pad before the bias
where it does (FACTS.md section 4, A and B).
"""

from mindspore import nn, ops


def spatial(value, axes):
    """One number for each spatial axis, from a number or a tuple."""
    if isinstance(value, (tuple, list)):
        value = tuple(value)
        return value * axes if len(value) == 1 else value
    return (value,) * axes


def same_sides(kernel, dilation):
    """Zeros before and after each axis for padding='same' at stride 1: the odd one at the end."""
    out = ()
    for k, d in zip(kernel, dilation):
        total = d * (k - 1)
        out = out + (total // 2, total - total // 2)
    return out


def conv_sides(padding, kernel, stride, dilation):
    """Zeros before and after each axis, from any form of padding that torch takes."""
    axes = len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        return same_sides(kernel, dilation)
    if padding == "valid":
        padding = 0
    out = ()
    for p in spatial(padding, axes):
        out = out + (p, p)
    return out


def pad_mode_name(padding_mode):
    """Translate torch's padding_mode to the mode of ops.pad."""
    return "constant" if padding_mode == "zeros" else padding_mode


def pad_order(sides):
    """Order sides as ops.pad wants them: the last axis first."""
    out = ()
    for i in range(len(sides) - 2, -1, -2):
        out = out + (sides[i], sides[i + 1])
    return out


class TorchConv1d(nn.Conv1d):
    """nn.Conv1d with torch's parameters: n i w -> n o w."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, padding_mode="zeros"):
        kernel, stride, dilation = spatial(kernel_size, 1), spatial(stride, 1), spatial(dilation, 1)
        super().__init__(in_channels, out_channels, kernel[0], stride[0], "valid", 0, dilation[0],
                         groups, bool(bias))
        self.sides = pad_order(conv_sides(padding, kernel, stride, dilation))
        self.pad_with = pad_mode_name(padding_mode)

    def construct(self, x):
        if any(self.sides):
            x = ops.pad(x, self.sides, self.pad_with)
        return super().construct(x)


class TorchConv2d(nn.Conv2d):
    """nn.Conv2d with torch's parameters: n i h w -> n o h w."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, padding_mode="zeros"):
        kernel, stride, dilation = spatial(kernel_size, 2), spatial(stride, 2), spatial(dilation, 2)
        sides = conv_sides(padding, kernel, stride, dilation)
        own = padding_mode == "zeros"
        super().__init__(in_channels, out_channels, kernel, stride, "pad", sides if own else 0,
                         dilation, groups, bool(bias))
        self.sides = None if own or not any(sides) else pad_order(sides)
        self.given_padding = padding if isinstance(padding, str) else spatial(padding, 2)
        self.pad_with = pad_mode_name(padding_mode)

    def construct(self, x):
        if self.sides is not None:
            x = ops.pad(x, self.sides, self.pad_with)
        return super().construct(x)


class TorchConv3d(nn.Conv3d):
    """nn.Conv3d with torch's parameters: n i d h w -> n o d h w."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, bias=True, padding_mode="zeros"):
        kernel, stride, dilation = spatial(kernel_size, 3), spatial(stride, 3), spatial(dilation, 3)
        sides = conv_sides(padding, kernel, stride, dilation)
        own = padding_mode == "zeros"
        super().__init__(in_channels, out_channels, kernel, stride, "pad", sides if own else 0,
                         dilation, groups, bool(bias))
        self.sides = None if own or not any(sides) else pad_order(sides)
        self.given_padding = padding if isinstance(padding, str) else spatial(padding, 3)
        self.pad_with = pad_mode_name(padding_mode)

    def construct(self, x):
        if self.sides is not None:
            x = ops.pad(x, self.sides, self.pad_with)
        return super().construct(x)


def crops(padding, output_padding):
    """Crop at both ends of each axis, and the zeros to add at the end before the bias."""
    kept, excess = (), ()
    for p, extra in zip(padding, output_padding):
        kept = kept + (p, max(p - extra, 0))
        excess = excess + (0, max(extra - p, 0))
    return kept, excess


class TorchConvTranspose1d(nn.Conv2dTranspose):
    """Transposed convolution with torch's parameters: n i w -> n o w, through two axes."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1):
        kernel, stride, dilation = spatial(kernel_size, 1), spatial(stride, 1), spatial(dilation, 1)
        kept, excess = crops(spatial(padding, 1), spatial(output_padding, 1))
        super().__init__(in_channels, out_channels, (1, *kernel), (1, *stride), "pad", (0, 0, *kept),
                         0, (1, *dilation), groups, bool(bias))
        self.excess = pad_order((0, 0, *excess)) if any(excess) else None
        self.late_bias = self.has_bias and self.excess is not None
        self.has_bias = self.has_bias and not self.late_bias

    def construct(self, x):
        x = super().construct(ops.expand_dims(x, 2))
        if self.excess is not None:
            x = ops.pad(x, self.excess)
        if self.late_bias:
            x = x + self.bias.reshape((1, -1, 1, 1))
        return ops.squeeze(x, 2)


class TorchConvTranspose2d(nn.Conv2dTranspose):
    """Transposed convolution with torch's parameters: n i h w -> n o h w."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1):
        kernel, stride, dilation = spatial(kernel_size, 2), spatial(stride, 2), spatial(dilation, 2)
        kept, excess = crops(spatial(padding, 2), spatial(output_padding, 2))
        super().__init__(in_channels, out_channels, kernel, stride, "pad", kept, 0, dilation, groups,
                         bool(bias))
        self.excess = pad_order(excess) if any(excess) else None
        self.late_bias = self.has_bias and self.excess is not None
        self.has_bias = self.has_bias and not self.late_bias

    def construct(self, x):
        x = super().construct(x)
        if self.excess is not None:
            x = ops.pad(x, self.excess)
        if self.late_bias:
            x = x + self.bias.reshape((1, -1, 1, 1))
        return x


class TorchConvTranspose3d(nn.Conv3dTranspose):
    """Transposed convolution with torch's parameters: n i d h w -> n o d h w."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 output_padding=0, groups=1, bias=True, dilation=1):
        super().__init__(in_channels, out_channels, spatial(kernel_size, 3), spatial(stride, 3), "pad",
                         0, 1, groups, 0, bool(bias))
        self.arguments = (stride, padding, output_padding, groups, dilation)

    def construct(self, x):
        return conv_transpose(x, self.weight, self.bias if self.has_bias else None, *self.arguments)


def spread_depth(weight, step):
    """Put step - 1 zeros behind each tap along depth, where MindSpore refuses a dilation."""
    zeros = ops.zeros(weight.shape[:3] + (step - 1,) + weight.shape[3:], weight.dtype)
    taps = ops.concat((ops.expand_dims(weight, 3), zeros), 3)
    return taps.reshape(weight.shape[:2] + (weight.shape[2] * step,) + weight.shape[3:])


def conv_transpose(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Transposed convolution with a weight i o/groups *kernel, by the gradient of a convolution."""
    axes = weight.ndim - 2
    flat = axes == 1
    if flat:
        x, weight = ops.expand_dims(x, 2), ops.expand_dims(weight, 2)
    sizes = x.shape[2:]
    lead = (0,) if flat else ()
    ones = (1,) if flat else ()
    stride = (*ones, *spatial(stride, axes))
    dilation = (*ones, *spatial(dilation, axes))
    kept, excess = crops((*lead, *spatial(padding, axes)), (*lead, *spatial(output_padding, axes)))
    if axes == 3 and dilation[0] > 1:
        # The last tap's zeros lengthen the result at the end.
        weight = spread_depth(weight, dilation[0])
        kept = (kept[0], kept[1] + dilation[0] - 1, *kept[2:])
        dilation = (1, *dilation[1:])
    kernel = weight.shape[2:]
    out = tuple(
        (n - 1) * s + d * (k - 1) + 1 - kept[2 * i] - kept[2 * i + 1]
        for i, (n, s, d, k) in enumerate(zip(sizes, stride, dilation, kernel))
    )
    outer = weight.shape[1] * groups
    if axes == 3:
        run = ops.Conv3DTranspose(x.shape[1], outer, kernel, 1, "pad", kept, stride, dilation, groups)
        x = run(x, weight)
    else:
        run = ops.Conv2DTranspose(x.shape[1], kernel, "pad", kept, None, 1, stride, dilation, groups)
        x = run(x, weight, (x.shape[0], outer, *out))
    if any(excess):
        x = ops.pad(x, pad_order(excess))
    if bias is not None:
        x = x + bias.reshape((1, -1) + (1,) * (x.ndim - 2))
    return ops.squeeze(x, 2) if flat else x


def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """Transposed convolution with torch's parameters: n i w, weight i o/groups k -> n o w."""
    return conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """Transposed convolution with torch's parameters: n i h w, weight i o/groups k k -> n o h w."""
    return conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1,
                     dilation=1):
    """Transposed convolution with torch's parameters in three axes."""
    return conv_transpose(input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv(x, weight, bias, stride, padding, dilation, groups, run):
    """Convolution with a weight o i/groups *kernel, padded beforehand."""
    axes = weight.ndim - 2
    stride, dilation = spatial(stride, axes), spatial(dilation, axes)
    sides = conv_sides(padding, weight.shape[2:], stride, dilation)
    if any(sides):
        x = ops.pad(x, pad_order(sides))
    if axes == 1:
        stride, dilation = stride[0], dilation[0]
    return run(x, weight, bias, stride, "valid", 0, dilation, groups)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution with torch's parameters: n i w, weight o i/groups k -> n o w."""
    return conv(input, weight, bias, stride, padding, dilation, groups, ops.conv1d)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution with torch's parameters: n i h w, weight o i/groups k k -> n o h w."""
    return conv(input, weight, bias, stride, padding, dilation, groups, ops.conv2d)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Convolution with torch's parameters: n i d h w, weight o i/groups k k k -> n o d h w."""
    return conv(input, weight, bias, stride, padding, dilation, groups, ops.conv3d)
