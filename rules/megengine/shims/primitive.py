"""What stands for MindSpore's primitives, in MegEngine."""

import megengine.functional as F
import megengine.module as M
from formats import mean_cut, reduce_sum
from reduce import argmax, max_along, topk
from tensor import absolute, expand, one_hot_values, squeeze_all, take_along, tile, where


class Sub(M.Module):
    """The difference, element by element."""

    def forward(self, x, y):
        return x - y


class RealDiv(M.Module):
    """The quotient, element by element: MindSpore cuts that of whole numbers off at the point."""

    def forward(self, x, y):
        if any(isinstance(v, float) or "float" in str(getattr(v, "dtype", "")) for v in (x, y)):
            return x / y
        below = x // y
        return below + ((below < 0).astype(below.dtype) * (below * y != x).astype(below.dtype))


class Mul(M.Module):
    """The product, element by element."""

    def forward(self, x, y):
        return x * y


class Add(M.Module):
    """The sum, element by element."""

    def forward(self, x, y):
        return x + y


class Maximum(M.Module):
    """The larger one, element by element."""

    def forward(self, x, y):
        return F.maximum(x, y)


class Minimum(M.Module):
    """The smaller one, element by element."""

    def forward(self, x, y):
        return F.minimum(x, y)


class Equal(M.Module):
    """Where two are equal, element by element."""

    def forward(self, x, y):
        return x == y


class NotEqual(M.Module):
    """Where two are not equal, element by element."""

    def forward(self, x, y):
        return x != y


class Greater(M.Module):
    """Where the first is larger, element by element."""

    def forward(self, x, y):
        return x > y


class GreaterEqual(M.Module):
    """Where the first is not smaller, element by element."""

    def forward(self, x, y):
        return x >= y


class Less(M.Module):
    """Where the first is smaller, element by element."""

    def forward(self, x, y):
        return x < y


class LessEqual(M.Module):
    """Where the first is not larger, element by element."""

    def forward(self, x, y):
        return x <= y


class LogicalAnd(M.Module):
    """Where both are true, element by element."""

    def forward(self, x, y):
        return F.logical_and(x, y)


class LogicalOr(M.Module):
    """Where one is true, element by element."""

    def forward(self, x, y):
        return F.logical_or(x, y)


class Pow(M.Module):
    """The power, element by element."""

    def forward(self, x, y):
        return x**y


class Exp(M.Module):
    """The exponential, element by element."""

    def forward(self, x):
        return F.exp(x)


class Log(M.Module):
    """The natural logarithm, element by element."""

    def forward(self, x):
        return F.log(x)


class Sqrt(M.Module):
    """The square root, element by element."""

    def forward(self, x):
        return F.sqrt(x)


class Rsqrt(M.Module):
    """One over the square root, element by element."""

    def forward(self, x):
        return 1.0 / F.sqrt(x)


class Square(M.Module):
    """The square, element by element."""

    def forward(self, x):
        return F.square(x)


class Neg(M.Module):
    """The negative, element by element."""

    def forward(self, x):
        return -x


class Abs(M.Module):
    """The absolute value, element by element."""

    def forward(self, x):
        return absolute(x)


class Floor(M.Module):
    """The largest whole number that is not larger, element by element."""

    def forward(self, x):
        return F.floor(x)


class Sin(M.Module):
    """The sine, element by element."""

    def forward(self, x):
        return F.sin(x)


class Cos(M.Module):
    """The cosine, element by element."""

    def forward(self, x):
        return F.cos(x)


class LogicalNot(M.Module):
    """Where a tensor is false."""

    def forward(self, x):
        return F.logical_not(x)


class OnesLike(M.Module):
    """Ones in the shape of a tensor."""

    def forward(self, x):
        return F.ones_like(x)


class ZerosLike(M.Module):
    """Zeros in the shape of a tensor."""

    def forward(self, x):
        return F.zeros_like(x)


class Shape(M.Module):
    """The sizes of a tensor."""

    def forward(self, x):
        return tuple(int(n) for n in x.shape)


class DType(M.Module):
    """The number format of a tensor."""

    def forward(self, x):
        return x.dtype


class BatchMatMul(M.Module):
    """The product of matrices, each transposed first where asked."""

    def __init__(self, transpose_a=False, transpose_b=False):
        super().__init__()
        self.transpose_a, self.transpose_b = transpose_a, transpose_b

    def forward(self, x, y):
        return F.matmul(x, y, self.transpose_a, self.transpose_b)


def axes_or_all(axis):
    """The axes of a reduction; none stands for all."""
    return None if isinstance(axis, (tuple, list)) and not axis else list(axis) if isinstance(axis, tuple) else axis


class Reduction(M.Module):
    """What the reductions below share: an axis, several, or none for all."""

    def __init__(self, keep_dims=False):
        super().__init__()
        self.keep_dims = keep_dims

    def forward(self, x, axis=()):
        axis = axes_or_all(axis)
        if axis is None and self.keep_dims:
            axis = list(range(x.ndim))
        return self.reduced(x, axis)


class ReduceMean(Reduction):
    """The mean of some axes, or of all."""

    def reduced(self, x, axis):
        return mean_cut(x, axis, self.keep_dims)


class ReduceSum(Reduction):
    """The sum of some axes, or of all."""

    def reduced(self, x, axis):
        return reduce_sum(x, axis, self.keep_dims)


class ReduceMax(Reduction):
    """The largest values of some axes, or of all."""

    def reduced(self, x, axis):
        return F.max(x, axis, self.keep_dims)


class ReduceMin(Reduction):
    """The smallest values of some axes, or of all."""

    def reduced(self, x, axis):
        return F.min(x, axis, self.keep_dims)


class Concat(M.Module):
    """Tensors one behind another along an axis."""

    def __init__(self, axis=0):
        super().__init__()
        self.axis = axis

    def forward(self, tensors):
        return F.concat(list(tensors), self.axis)


class Stack(M.Module):
    """Tensors along a new axis."""

    def __init__(self, axis=0):
        super().__init__()
        self.axis = axis

    def forward(self, tensors):
        return F.stack(list(tensors), self.axis)


class Transpose(M.Module):
    """The axes in another order."""

    def forward(self, x, perm):
        return F.transpose(x, [axis % x.ndim for axis in perm])


class Reshape(M.Module):
    """The elements in another shape."""

    def forward(self, x, shape):
        return x.reshape(shape)


class ExpandDims(M.Module):
    """One axis of one element more."""

    def forward(self, x, axis):
        return F.expand_dims(x, axis)


class Cast(M.Module):
    """Another number format; raises TypeError where MindSpore passes a gradient on, as a cast to whole numbers does."""

    def forward(self, x, dtype):
        if "float" in str(x.dtype) and "float" not in str(dtype):
            raise TypeError("a gradient passes through this cast in MindSpore, and not in MegEngine")
        return x.astype(dtype)


class Zeros(M.Module):
    """Zeros of a shape."""

    def forward(self, shape, dtype):
        return F.zeros(shape, dtype=dtype)


class Ones(M.Module):
    """Ones of a shape."""

    def forward(self, shape, dtype):
        return F.ones(shape, dtype=dtype)


class Tile(M.Module):
    """A tensor repeated along its axes."""

    def forward(self, x, multiples):
        return tile(x, multiples)


class OneHot(M.Module):
    """One value where an index points, another elsewhere, along a new axis."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def forward(self, indices, depth, on_value, off_value):
        return one_hot_values(indices, depth, on_value, off_value, self.axis)


class Squeeze(M.Module):
    """A tensor without some of its axes of one, or all of them."""

    def __init__(self, axis=()):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        if self.axis == ():
            return squeeze_all(x)
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        axes = [axis % x.ndim for axis in axes]
        if any(int(x.shape[axis]) != 1 for axis in axes):
            raise ValueError(f"axes {axes} of {tuple(x.shape)} are not of one")
        return x.reshape([int(n) for axis, n in enumerate(x.shape) if axis not in axes])


class Split(M.Module):
    """A tensor in a number of equal parts along an axis."""

    def __init__(self, axis=0, output_num=1):
        super().__init__()
        self.axis, self.output_num = axis, output_num

    def forward(self, x):
        if int(x.shape[self.axis]) % self.output_num:
            raise ValueError(f"{x.shape[self.axis]} in {self.output_num} equal parts")
        return tuple(F.split(x, self.output_num, self.axis))


class Gather(M.Module):
    """What is at some places along an axis."""

    def forward(self, input_params, input_indices, axis):
        return take_along(input_params, input_indices, axis)


class Select(M.Module):
    """Of each place the one or the other."""

    def forward(self, condition, x, y):
        return where(condition, x, y)


class Argmax(M.Module):
    """Where the largest value along an axis is."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return argmax(x, self.axis)


class ArgMaxWithValue(M.Module):
    """Where the largest value along an axis is, and the value."""

    def __init__(self, axis=0, keep_dims=False):
        super().__init__()
        self.axis, self.keep_dims = axis, keep_dims

    def forward(self, x):
        found = max_along(x, self.axis, self.keep_dims)
        return found[1], found[0]


class TopK(M.Module):
    """The k largest values along the last axis, and where they are."""

    def __init__(self, sorted=True):
        super().__init__()

    def forward(self, x, k):
        return tuple(topk(x, k))


class BroadcastTo(M.Module):
    """A tensor in a larger shape; -1 keeps an axis."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return expand(x, self.shape)


class CumSum(M.Module):
    """The sums up to each place along an axis."""

    def forward(self, x, axis):
        return F.cumsum(x, axis % x.ndim)
