"""MindSpore's primitives for torch: made first, given their tensors later."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class BatchMatMul(nn.Module):
    """The product of matrices, each transposed before where asked: * n m, * m k -> * n k."""

    def __init__(self, transpose_a=False, transpose_b=False):
        super().__init__()
        self.transpose_a, self.transpose_b = transpose_a, transpose_b

    def forward(self, x, y):
        return torch.matmul(x.mT if self.transpose_a else x, y.mT if self.transpose_b else y)


def all_axes(axis):
    """None where every axis is meant."""
    return None if axis is None or isinstance(axis, (tuple, list)) and not axis else axis


class ReduceMean(nn.Module):
    """The mean over the axes given later, all by default."""

    def __init__(self, keep_dims=False):
        super().__init__()
        self.keep_dims = keep_dims

    def forward(self, x, axis=()):
        return torch.mean(x, all_axes(axis), self.keep_dims)


class ReduceSum(nn.Module):
    """The sum over the axes given later, all by default."""

    def __init__(self, keep_dims=False):
        super().__init__()
        self.keep_dims = keep_dims

    def forward(self, x, axis=()):
        return torch.sum(x, all_axes(axis), self.keep_dims)


class Concat(nn.Module):
    """Tensors one behind the other along an axis."""

    def __init__(self, axis=0):
        super().__init__()
        self.axis = axis

    def forward(self, tensors):
        return torch.cat(tuple(tensors), self.axis)


class Transpose(nn.Module):
    """The axes in another order."""

    def forward(self, x, perm):
        return x.permute(perm)


class Reshape(nn.Module):
    """The elements in another shape."""

    def forward(self, x, shape):
        return x.reshape(shape)


def cast(input, dtype):
    """Another number format; raises RuntimeError where MindSpore passes a gradient that torch stops."""
    x = input if torch.is_tensor(input) else torch.tensor(input)
    dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype
    if x.requires_grad and x.is_floating_point() and not dtype.is_floating_point:
        raise RuntimeError("a gradient passes through this cast in MindSpore, and not in torch: x.detach() first")
    return x.to(dtype)


class Cast(nn.Module):
    """Another number format, given later."""

    def forward(self, x, dtype):
        return cast(x, dtype)


class ExpandDims(nn.Module):
    """One more axis, of size 1."""

    def forward(self, x, axis):
        return x.unsqueeze(axis)


class Zeros(nn.Module):
    """Zeros of a shape."""

    def forward(self, shape, dtype):
        return torch.zeros(shape, dtype=dtype)


class Ones(nn.Module):
    """Ones of a shape."""

    def forward(self, shape, dtype):
        return torch.ones(shape, dtype=dtype)


class Mul(nn.Module):
    """The product, element by element."""

    def forward(self, x, y):
        return x * y


class Add(nn.Module):
    """The sum, element by element."""

    def forward(self, x, y):
        return x + y


class Tile(nn.Module):
    """A tensor repeated along its axes."""

    def forward(self, x, multiples):
        return torch.tile(x, multiples)


class Pad(nn.Module):
    """Zeros around a tensor: a begin and an end for each axis, the first axis first."""

    def __init__(self, paddings, mode="CONSTANT"):
        super().__init__()
        self.paddings = paddings

    def forward(self, x):
        return F.pad(x, [side for pair in reversed(self.paddings) for side in pair])


class Unstack(nn.Module):
    """The slices of an axis, without it."""

    def __init__(self, axis=0, num=None):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return torch.unbind(x, self.axis)


class LpNorm(nn.Module):
    """The p-norm over some axes, epsilon at least (measured)."""

    def __init__(self, axis, p=2, keep_dims=False, epsilon=1e-12):
        super().__init__()
        self.axis, self.p, self.keep_dims, self.epsilon = axis, p, keep_dims, epsilon

    def forward(self, x):
        return torch.linalg.vector_norm(x, self.p, self.axis, self.keep_dims).clamp_min(self.epsilon)


class OneHot(nn.Module):
    """One value where an index points, another elsewhere, along a new axis."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def forward(self, indices, depth, on_value, off_value):
        chosen = torch.movedim(F.one_hot(indices.long(), depth).bool(), -1, self.axis)
        return torch.where(chosen, on_value, off_value)


class OneHotOfDepth(nn.Module):
    """One value where an index points, another elsewhere, along a new axis."""

    def __init__(self, axis=-1, depth=1, on_value=1.0, off_value=0.0, dtype=None):
        super().__init__()
        self.depth, self.one_hot = depth, OneHot(axis)
        self.values = [torch.tensor(value, dtype=dtype or torch.float32) for value in (on_value, off_value)]

    def forward(self, indices):
        return self.one_hot(indices, self.depth, *self.values)


class Sort(nn.Module):
    """Sorted values along an axis, equal ones in their order, and where they were."""

    def __init__(self, axis=-1, descending=False):
        super().__init__()
        self.axis, self.descending = axis, descending

    def forward(self, x):
        values, indices = torch.sort(x, dim=self.axis, descending=self.descending, stable=True)
        return values, indices.int()


class L2Normalize(nn.Module):
    """Along an axis over the 2-norm, whose square is epsilon at least (measured)."""

    def __init__(self, axis=0, epsilon=0.0001):
        super().__init__()
        self.axis, self.epsilon = axis, epsilon

    def forward(self, x):
        return x * (x * x).sum(self.axis, keepdim=True).clamp_min(self.epsilon).rsqrt()


class Shape(nn.Module):
    """The size of each axis."""

    def forward(self, x):
        return tuple(x.shape)


class ResizeNearestNeighbor(nn.Module):
    """The nearest element for each of a size: n c h w."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return F.interpolate(x, self.size, mode="nearest")


def reshape(input, shape):
    """The elements in another shape."""
    return input.reshape(shape)


def transpose(input, input_perm):
    """The axes in another order."""
    return input.permute(input_perm)
