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
    """The sum over the axes given later, all by default, in the format of what is summed."""

    def __init__(self, keep_dims=False):
        super().__init__()
        self.keep_dims = keep_dims

    def forward(self, x, axis=()):
        return torch.sum(x, all_axes(axis), self.keep_dims, dtype=x.dtype)


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
        return one_hot_values(indices, depth, on_value, off_value, self.axis)


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


def both_tensors(x, y):
    """Two tensors, of which one may be a number: beside whole numbers a fraction is one, and both become fractions."""
    x, y = (v if isinstance(v, torch.Tensor) else beside(v, other) for v, other in ((x, y), (y, x)))
    return x, y


def beside(number, tensor):
    """A number as a tensor that is computed with another one."""
    kind = tensor.dtype if tensor.is_floating_point() else None
    return torch.tensor(number, dtype=kind, device=tensor.device)


class Sub(nn.Module):
    """The difference, element by element."""

    def forward(self, x, y):
        return x - y


class RealDiv(nn.Module):
    """The quotient, element by element: MindSpore cuts that of whole numbers off at the point."""

    def forward(self, x, y):
        whole = not any(v.is_floating_point() if isinstance(v, torch.Tensor) else isinstance(v, float) for v in (x, y))
        return torch.div(*both_tensors(x, y), rounding_mode="trunc") if whole else x / y


class Maximum(nn.Module):
    """The larger one, element by element."""

    def forward(self, x, y):
        return torch.maximum(*both_tensors(x, y))


class Minimum(nn.Module):
    """The smaller one, element by element."""

    def forward(self, x, y):
        return torch.minimum(*both_tensors(x, y))


class Equal(nn.Module):
    """Where two are equal, element by element."""

    def forward(self, x, y):
        return x == y


class NotEqual(nn.Module):
    """Where two are not equal, element by element."""

    def forward(self, x, y):
        return x != y


class Greater(nn.Module):
    """Where the first is larger, element by element."""

    def forward(self, x, y):
        return x > y


class GreaterEqual(nn.Module):
    """Where the first is not smaller, element by element."""

    def forward(self, x, y):
        return x >= y


class Less(nn.Module):
    """Where the first is smaller, element by element."""

    def forward(self, x, y):
        return x < y


class LessEqual(nn.Module):
    """Where the first is not larger, element by element."""

    def forward(self, x, y):
        return x <= y


class LogicalAnd(nn.Module):
    """Where both are true, element by element."""

    def forward(self, x, y):
        return torch.logical_and(x, y)


class LogicalOr(nn.Module):
    """Where one is true, element by element."""

    def forward(self, x, y):
        return torch.logical_or(x, y)


class Pow(nn.Module):
    """The power, element by element."""

    def forward(self, x, y):
        return x**y


class Exp(nn.Module):
    """The exponential, element by element."""

    def forward(self, x):
        return torch.exp(x)


class Log(nn.Module):
    """The natural logarithm, element by element."""

    def forward(self, x):
        return torch.log(x)


class Sqrt(nn.Module):
    """The square root, element by element."""

    def forward(self, x):
        return torch.sqrt(x)


class Rsqrt(nn.Module):
    """One over the square root, element by element."""

    def forward(self, x):
        return torch.rsqrt(x)


class Square(nn.Module):
    """The square, element by element."""

    def forward(self, x):
        return torch.square(x)


class Neg(nn.Module):
    """The negative, element by element."""

    def forward(self, x):
        return -x


class Abs(nn.Module):
    """The absolute value, element by element."""

    def forward(self, x):
        return torch.abs(x)


class Floor(nn.Module):
    """The largest whole number that is not larger, element by element."""

    def forward(self, x):
        return torch.floor(x)


class Sin(nn.Module):
    """The sine, element by element."""

    def forward(self, x):
        return torch.sin(x)


class Cos(nn.Module):
    """The cosine, element by element."""

    def forward(self, x):
        return torch.cos(x)


class LogicalNot(nn.Module):
    """Where a tensor is false, element by element."""

    def forward(self, x):
        return torch.logical_not(x)


class OnesLike(nn.Module):
    """Ones in the shape of a tensor."""

    def forward(self, x):
        return torch.ones_like(x)


class ZerosLike(nn.Module):
    """Zeros in the shape of a tensor."""

    def forward(self, x):
        return torch.zeros_like(x)


class ReduceMax(nn.Module):
    """The largest values of some axes, or of all."""

    def __init__(self, keep_dims=False):
        super().__init__()
        self.keep_dims = keep_dims

    def forward(self, x, axis=()):
        return torch.amax(x, all_axes(axis) or (), self.keep_dims)


class ReduceMin(nn.Module):
    """The smallest values of some axes, or of all."""

    def __init__(self, keep_dims=False):
        super().__init__()
        self.keep_dims = keep_dims

    def forward(self, x, axis=()):
        return torch.amin(x, all_axes(axis) or (), self.keep_dims)


class Squeeze(nn.Module):
    """A tensor without some of its axes of one, or all of them."""

    def __init__(self, axis=()):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return torch.squeeze(x) if self.axis == () else torch.squeeze(x, self.axis)


class Stack(nn.Module):
    """Tensors along a new axis."""

    def __init__(self, axis=0):
        super().__init__()
        self.axis = axis

    def forward(self, tensors):
        return torch.stack(tuple(tensors), self.axis)


class Split(nn.Module):
    """A tensor in a number of equal parts along an axis."""

    def __init__(self, axis=0, output_num=1):
        super().__init__()
        self.axis, self.output_num = axis, output_num

    def forward(self, x):
        if x.shape[self.axis] % self.output_num:
            raise ValueError(f"{x.shape[self.axis]} in {self.output_num} equal parts")
        return torch.chunk(x, self.output_num, self.axis)


class Gather(nn.Module):
    """What is at some places along an axis."""

    def forward(self, input_params, input_indices, axis):
        return take_along(input_params, input_indices, axis)


class Select(nn.Module):
    """Of each place the one or the other."""

    def forward(self, condition, x, y):
        return torch.where(condition, x, y)


class Argmax(nn.Module):
    """Where the largest value along an axis is (int32)."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return torch.argmax(x, self.axis).to(torch.int32)


class ArgMaxWithValue(nn.Module):
    """Where the largest value along an axis is (int64), and the value."""

    def __init__(self, axis=0, keep_dims=False):
        super().__init__()
        self.axis, self.keep_dims = axis, keep_dims

    def forward(self, x):
        found = torch.max(x, self.axis, self.keep_dims)
        return found.indices, found.values


class TopK(nn.Module):
    """The k largest values along the last axis, and where they are (int32)."""

    def __init__(self, sorted=True):
        super().__init__()

    def forward(self, x, k):
        found = torch.topk(x, k)
        return found.values, found.indices.to(torch.int32)


class BroadcastTo(nn.Module):
    """A tensor in a larger shape; -1 keeps an axis."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.expand(self.shape)


class CumSum(nn.Module):
    """The sums up to each place along an axis."""

    def forward(self, x, axis):
        return torch.cumsum(x, axis)


def take_along(input, index, axis):
    """What is at some places along an axis, in the shape of the index there."""
    axis = axis % input.ndim
    found = torch.index_select(input, axis, index.reshape(-1).long())
    return found.reshape(*input.shape[:axis], *index.shape, *input.shape[axis + 1 :])


def one_hot_values(indices, depth, on_value=1, off_value=0, axis=-1):
    """Whether each index is each class, as one value or another; of an index outside, the other alone."""
    rank = indices.ndim + 1
    shape = [depth if i == axis % rank else 1 for i in range(rank)]
    found = indices.unsqueeze(axis) == torch.arange(depth, device=indices.device).reshape(shape)
    on, off = (v if isinstance(v, torch.Tensor) else torch.tensor(v, device=indices.device) for v in (on_value, off_value))
    return torch.where(found, on, off)


class DType(nn.Module):
    """The number format of a tensor."""

    def forward(self, x):
        return x.dtype
