"""Layers and functions that MegEngine has not, or has with another meaning."""

import megengine
import megengine.functional as F
import megengine.module as M
from tensor import absolute, pixel_unshuffle, softplus
from values import refuse_inplace


class Tanh(M.Module):
    """Hyperbolic tangent."""

    def forward(self, x):
        return F.tanh(x)


class ReLU6(M.Module):
    """min(max(x, 0), 6)."""

    def forward(self, x):
        return F.relu6(x)


def elu(input, alpha=1.0):
    """x where positive, else alpha * (exp(x) - 1)."""
    return F.relu(input) + alpha * (F.exp(F.minimum(input, 0.0)) - 1.0)


class CELU(M.Module):
    """x where positive, else alpha * (exp(x / alpha) - 1)."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.alpha = alpha

    def forward(self, x):
        return F.relu(x) + self.alpha * (F.exp(F.minimum(x, 0.0) / self.alpha) - 1)


class SELU(M.Module):
    """The scaled exponential linear unit, with torch's constants."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        low = 1.6732632423543772 * (F.exp(F.minimum(x, 0.0)) - 1)
        return 1.0507009873554805 * (F.relu(x) + low)


class ELU(M.Module):
    """Exponential linear unit."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.alpha = alpha

    def forward(self, x):
        return elu(x, self.alpha)


def prelu(input, weight):
    """x where positive, else x times the slope of its channel: n c *spatial, weight (c,) or (1,)."""
    shape = (1, -1) + (1,) * (input.ndim - 2) if input.ndim > 1 else (-1,)
    return F.relu(input) + weight.reshape(shape) * F.minimum(input, 0.0)


class PReLU(M.Module):
    """Parametric ReLU, n c *spatial; weight (c,). MegEngine's own broadcasts 2-D input wrongly."""

    def __init__(self, num_parameters=1, init=0.25):
        super().__init__()
        self.weight = megengine.Parameter(F.full((num_parameters,), init))

    def forward(self, x):
        return prelu(x, self.weight)


class Flatten(M.Module):
    """Join axes start_dim to end_dim."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.axes = (start_dim, end_dim)

    def forward(self, x):
        return F.flatten(x, *self.axes)


def normalise(x, axes, eps):
    """Subtract the mean and divide by the biased deviation over some axes."""
    centred = x - F.mean(x, axes, keepdims=True)
    return centred / F.sqrt(F.mean(centred * centred, axes, keepdims=True) + eps)


class TorchBatchNorm3d(M.Module):
    """Batch normalisation of n c d h w with torch's momentum, parameters and buffers."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True):
        super().__init__()
        if momentum is None:
            raise ValueError("only running averages with a momentum are ported")
        self.eps, self.momentum, self.affine = eps, momentum, affine
        self.track = track_running_stats
        self.weight = megengine.Parameter(F.ones((num_features,))) if affine else None
        self.bias = megengine.Parameter(F.zeros((num_features,))) if affine else None
        self.running_mean = megengine.Tensor(F.zeros((num_features,)))
        self.running_var = megengine.Tensor(F.ones((num_features,)))

    def forward(self, x):
        axes, shape = [0, 2, 3, 4], (1, -1, 1, 1, 1)
        if self.training or not self.track:
            mean = F.mean(x, axes, keepdims=True)
            var = F.mean((x - mean) ** 2, axes, keepdims=True)
            if self.training and self.track:
                count = x.shape[0] * x.shape[2] * x.shape[3] * x.shape[4]
                self.update(self.running_mean, mean)
                self.update(self.running_var, var * (count / (count - 1)))
        else:
            mean, var = self.running_mean.reshape(shape), self.running_var.reshape(shape)
        out = (x - mean) / F.sqrt(var + self.eps)
        if self.affine:
            out = out * self.weight.reshape(shape) + self.bias.reshape(shape)
        return out

    def update(self, running, batch):
        """Move a running statistic towards the batch's."""
        running[...] = (1 - self.momentum) * running + self.momentum * batch.reshape(-1).detach()


class TorchInstanceNorm(M.Module):
    """Instance normalisation of n c *spatial; weight and bias (c,) where affine."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False):
        super().__init__()
        if track_running_stats:
            raise ValueError("running statistics of instance norm are not ported")
        self.eps = eps
        self.weight = megengine.Parameter(F.ones((num_features,))) if affine else None
        self.bias = megengine.Parameter(F.zeros((num_features,))) if affine else None

    def forward(self, x):
        out = normalise(x, list(range(2, x.ndim)), self.eps)
        if self.weight is not None:
            shape = (1, -1) + (1,) * (x.ndim - 2)
            out = out * self.weight.reshape(shape) + self.bias.reshape(shape)
        return out


class TorchInstanceNorm1d(TorchInstanceNorm):
    """Instance normalisation of n c w."""


class TorchInstanceNorm2d(TorchInstanceNorm):
    """Instance normalisation of n c h w."""


class TorchInstanceNorm3d(TorchInstanceNorm):
    """Instance normalisation of n c d h w."""


class TorchGroupNorm(M.Module):
    """Group normalisation of n c *spatial for any number of axes; weight and bias (c,)."""

    def __init__(self, num_groups, num_channels, eps=1e-05, affine=True):
        super().__init__()
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = megengine.Parameter(F.ones((num_channels,))) if affine else None
        self.bias = megengine.Parameter(F.zeros((num_channels,))) if affine else None

    def forward(self, x):
        flat = x.reshape((x.shape[0], self.num_groups, -1))
        out = normalise(flat, [2], self.eps).reshape(x.shape)
        if self.weight is not None:
            shape = (1, -1) + (1,) * (x.ndim - 2)
            out = out * self.weight.reshape(shape) + self.bias.reshape(shape)
        return out


class TorchLayerNorm(M.Module):
    """Layer normalisation over the last axes; weight and bias of normalized_shape."""

    def __init__(self, normalized_shape, eps=1e-05, elementwise_affine=True, bias=True):
        super().__init__()
        one = isinstance(normalized_shape, int)
        shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.normalized_shape, self.count, self.eps = shape, len(shape), eps
        self.weight = megengine.Parameter(F.ones(shape)) if elementwise_affine else None
        self.bias = megengine.Parameter(F.zeros(shape)) if elementwise_affine and bias else None

    def forward(self, x):
        out = normalise(x, list(range(x.ndim - self.count, x.ndim)), self.eps)
        if self.weight is not None:
            out = out * self.weight
        return out if self.bias is None else out + self.bias


def split(tensor, split_size_or_sections, dim=0):
    """Split into parts of a size, or of the sizes given (MegEngine's int is a number of parts)."""
    n = tensor.shape[dim]
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        sizes = [min(sizes, n - at) for at in range(0, n, sizes)]
    out, at = [], 0
    axis = dim % tensor.ndim
    for size in sizes:
        index = tuple(slice(at, at + size) if i == axis else slice(None) for i in range(tensor.ndim))
        out.append(tensor[index])
        at += size
    return tuple(out)


def chunk(input, chunks, dim=0):
    """Split into at most a number of parts of equal size, the last one smaller."""
    return split(input, -(-input.shape[dim] // chunks), dim)


def squeeze(input, dim):
    """Drop one axis where its size is 1, else leave the tensor as it is."""
    return F.squeeze(input, dim) if input.shape[dim] == 1 else input


def numel(input):
    """Count the elements."""
    out = 1
    for n in input.shape:
        out *= n
    return out


def reduced(values, reduction):
    """Apply a loss's reduction."""
    return {"mean": F.mean, "sum": F.sum, "none": lambda x: x}[reduction](values)


def mse_loss(input, target, reduction="mean"):
    """Squared error."""
    return reduced((input - target) ** 2, reduction)


def l1_loss(input, target, reduction="mean"):
    """Absolute error."""
    return reduced(absolute(input - target), reduction)


def set_eval(module):
    """Switch a module to evaluation and give it back."""
    module.eval()
    return module


def set_train(module, mode=True):
    """Switch a module's mode and give it back."""
    module.train(mode)
    return module


class Dropout2d(M.Module):
    """Drop whole channels of n c *spatial."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.p = p

    def forward(self, x):
        ones = F.ones((int(x.shape[0]), int(x.shape[1])) + (1,) * (x.ndim - 2))
        return x * F.dropout(ones, self.p, self.training)


class Dropout3d(Dropout2d):
    """Drop whole channels of n c d h w."""


class Softplus(M.Module):
    """log(1 + exp(beta * x)) / beta, the identity above a threshold."""

    def __init__(self, beta=1, threshold=20):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        return softplus(x, self.beta, self.threshold)


class LogSigmoid(M.Module):
    """log(1 / (1 + exp(-x)))."""

    def forward(self, x):
        return F.logsigmoid(x)


class LogSoftmax(M.Module):
    """The logarithm of the softmax along an axis."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return F.logsoftmax(x, self.dim)


class Hardtanh(M.Module):
    """Clip to [min_val, max_val]."""

    def __init__(self, min_val=-1.0, max_val=1.0):
        super().__init__()
        self.limits = (min_val, max_val)

    def forward(self, x):
        low, high = self.limits
        inside = F.logical_and(x > low, x < high)  # torch's slope at the limits is 0
        return F.where(inside, x, F.clip(x, low, high).detach())


class Hardsigmoid(M.Module):
    """relu6(x + 3) / 6."""

    def forward(self, x):
        return F.hsigmoid(x)


class Hardswish(M.Module):
    """x * relu6(x + 3) / 6."""

    def forward(self, x):
        return F.hswish(x)


def mish(input):
    """x * tanh(softplus(x))."""
    return input * F.tanh(F.softplus(input))


class Mish(M.Module):
    """x * tanh(softplus(x))."""

    def forward(self, x):
        return mish(x)


class PixelUnshuffle(M.Module):
    """Move blocks of pixels into channels, n c h w."""

    def __init__(self, downscale_factor):
        super().__init__()
        self.factor = downscale_factor

    def forward(self, x):
        return pixel_unshuffle(x, self.factor)


def unflatten(input, dim, sizes):
    """Split one axis into several; one of them may be -1."""
    dim = dim % input.ndim
    shape = tuple(int(n) for n in input.shape)
    return input.reshape(shape[:dim] + tuple(sizes) + shape[dim + 1 :])


class Unflatten(M.Module):
    """Splits one axis into several, as a layer."""

    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input):
        return unflatten(input, self.dim, self.unflattened_size)


def reverse_axes(input):
    """The axes in reverse order."""
    return F.transpose(input, tuple(range(input.ndim))[::-1])
