"""Layers with torch's signature where MindSpore's own has no CPU kernel or another meaning."""

import mindspore
from mindspore import nn, ops
from mindspore.common import initializer
from values import refuse_inplace


def parameter(shape, init):
    """A trainable float32 parameter."""
    return mindspore.Parameter(initializer.initializer(init, shape, mindspore.float32))


class TorchInstanceNorm(nn.Cell):
    """Instance normalisation, n c *spatial; parameters gamma and beta (c,) where affine."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False):
        super().__init__()
        if track_running_stats:
            raise ValueError("running statistics of instance norm are not ported")
        self.eps = eps
        self.gamma = parameter((num_features,), "ones") if affine else None
        self.beta = parameter((num_features,), "zeros") if affine else None

    def construct(self, x):
        axes = tuple(range(2, x.ndim))
        centred = x - ops.mean(x, axes, True)
        out = centred / ops.sqrt(ops.mean(centred * centred, axes, True) + self.eps)
        if self.gamma is not None:
            shape = (1, -1) + (1,) * len(axes)
            out = out * self.gamma.reshape(shape) + self.beta.reshape(shape)
        return out


class TorchInstanceNorm1d(TorchInstanceNorm):
    """Instance normalisation of n c w."""


class TorchInstanceNorm2d(TorchInstanceNorm):
    """Instance normalisation of n c h w."""


class TorchInstanceNorm3d(TorchInstanceNorm):
    """Instance normalisation of n c d h w."""


class TorchGroupNorm(nn.Cell):
    """Group normalisation of n c *spatial; parameters gamma and beta (c,)."""

    def __init__(self, num_groups, num_channels, eps=1e-05, affine=True):
        super().__init__()
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.gamma = parameter((num_channels,), "ones") if affine else None
        self.beta = parameter((num_channels,), "zeros") if affine else None

    def construct(self, x):
        flat = x.reshape((x.shape[0], self.num_groups, -1))
        centred = flat - ops.mean(flat, 2, True)
        out = centred / ops.sqrt(ops.mean(centred * centred, 2, True) + self.eps)
        out = out.reshape(x.shape)
        if self.gamma is not None:
            shape = (1, -1) + (1,) * (x.ndim - 2)
            out = out * self.gamma.reshape(shape) + self.beta.reshape(shape)
        return out


class TorchLayerNorm(nn.Cell):
    """Layer normalisation over the last axes; parameters gamma and beta of normalized_shape."""

    def __init__(self, normalized_shape, eps=1e-05, elementwise_affine=True, bias=True):
        super().__init__()
        one = isinstance(normalized_shape, int)
        shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.normalized_shape, self.axes = shape, tuple(range(-len(shape), 0))
        self.eps = eps
        self.gamma = parameter(shape, "ones") if elementwise_affine else None
        self.beta = parameter(shape, "zeros") if elementwise_affine and bias else None

    def construct(self, x):
        centred = x - ops.mean(x, self.axes, True)
        out = centred / ops.sqrt(ops.mean(centred * centred, self.axes, True) + self.eps)
        if self.gamma is not None:
            out = out * self.gamma
        return out if self.beta is None else out + self.beta


class TorchCELU(nn.Cell):
    """x where positive, else alpha * (exp(x / alpha) - 1)."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.alpha = alpha

    def construct(self, x):
        return ops.relu(x) + self.alpha * (ops.exp(x.masked_fill(x > 0, 0.0) / self.alpha) - 1)


class TorchSELU(nn.Cell):
    """The scaled exponential linear unit, with torch's constants."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        low = 1.6732632423543772 * (ops.exp(x.masked_fill(x > 0, 0.0)) - 1)
        return 1.0507009873554805 * (ops.relu(x) + low)


class TorchELU(nn.Cell):
    """ELU for every alpha."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.alpha = alpha

    def construct(self, x):
        return ops.relu(x) + self.alpha * (ops.exp(x.masked_fill(x > 0, 0.0)) - 1)


def squeeze(input, dim):
    """Drop one axis where its size is 1, else leave the tensor as it is."""
    return ops.squeeze(input, dim) if input.shape[dim] == 1 else input


def pad(input, pad, mode="constant", value=None):
    """Pad like torch, from the last axis on; a negative amount crops."""
    index = [slice(None)] * input.ndim
    for i in range(len(pad) // 2):
        n = input.shape[-1 - i]
        index[-1 - i] = slice(max(-pad[2 * i], 0), n - max(-pad[2 * i + 1], 0))
    input = input[tuple(index)]
    sides = tuple(max(p, 0) for p in pad)
    return ops.pad(input, sides, mode, value) if any(sides) else input


class TorchPad(nn.Cell):
    """Padding given as torch does: the last axis first; a negative amount crops."""

    axes, mode = 2, "constant"

    def __init__(self, padding, value=None):
        super().__init__()
        self.padding = (padding,) * (2 * self.axes) if isinstance(padding, int) else tuple(padding)
        self.value = value

    def construct(self, x):
        return pad(x, self.padding, self.mode, self.value)


class TorchZeroPad2d(TorchPad):
    """Zeros around n c h w."""

    def __init__(self, padding):
        super().__init__(padding)


class TorchConstantPad1d(TorchPad):
    """A value around n c w."""

    axes = 1


class TorchConstantPad2d(TorchPad):
    """A value around n c h w."""


class TorchConstantPad3d(TorchPad):
    """A value around n c d h w."""

    axes = 3


class TorchReflectionPad1d(TorchPad):
    """Reflect n c w."""

    axes, mode = 1, "reflect"


class TorchReflectionPad2d(TorchPad):
    """Reflect n c h w."""

    mode = "reflect"


class TorchReflectionPad3d(TorchPad):
    """Reflect n c d h w."""

    axes, mode = 3, "reflect"
