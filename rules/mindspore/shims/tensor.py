"""Functions of tensors with torch's signatures, where MindSpore's have no CPU kernel or another meaning."""

import types

import mindspore
import numpy as np
from mindspore import nn, ops


def python_number(value):
    """One of NumPy's numbers as Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def full(size, fill_value, dtype=None):
    """One value everywhere, in the number format that torch gives it, or another."""
    if dtype is None:
        if isinstance(fill_value, bool):
            dtype = mindspore.bool_
        else:
            dtype = mindspore.int64 if isinstance(fill_value, int) else mindspore.float32
    return ops.full(size, fill_value, dtype=dtype)


def cast(input, dtype):
    """Change the number format; no gradient passes through whole numbers or bools."""
    if dtype in (mindspore.float16, mindspore.bfloat16, mindspore.float32, mindspore.float64):
        return input.astype(dtype)
    return ops.stop_gradient(input).astype(dtype)


def cast_like(input, other):
    """Change to another tensor's number format."""
    return cast(input, other.dtype)


def new_zeros(input, size, dtype=None):
    """Zeros of a tensor's number format, or another."""
    return ops.zeros(size, dtype=input.dtype if dtype is None else dtype)


def new_tensor(input, data, dtype=None):
    """A list's or a tensor's values in a tensor's number format, or another."""
    dtype = input.dtype if dtype is None else dtype
    if isinstance(data, mindspore.Tensor):
        return ops.deepcopy(ops.stop_gradient(data)).astype(dtype)
    return mindspore.tensor(np.asarray(data)).astype(dtype)


def new_ones(input, size, dtype=None):
    """Ones of a tensor's number format, or another."""
    return ops.ones(size, dtype=input.dtype if dtype is None else dtype)


def new_full(input, size, fill_value, dtype=None):
    """One value everywhere, in a tensor's number format, or another."""
    return ops.full(size, fill_value, dtype=input.dtype if dtype is None else dtype)


def select(input, dim, index):
    """One slice of an axis, without it."""
    dim = dim % input.ndim
    return input[(slice(None),) * dim + (index,)]


def roll(input, shifts, dims=None):
    """Shift along axes, around the end; without axes, all elements in a row."""
    if dims is None:
        return roll(input.reshape((-1,)), shifts, 0).reshape(input.shape)
    if isinstance(dims, int):
        dims = (dims,)
    if isinstance(shifts, int):
        shifts = (shifts,)
    for shift, dim in zip(shifts, dims):
        size = input.shape[dim]
        cut = (-shift) % size
        if cut:
            head = ops.narrow(input, dim, 0, cut)
            tail = ops.narrow(input, dim, cut, size - cut)
            input = ops.cat((tail, head), dim)
    return input


def one_hot(tensor, num_classes):
    """Ones where the class is, on a new last axis; int64."""
    one, zero = mindspore.tensor(1, mindspore.int64), mindspore.tensor(0, mindspore.int64)
    return ops.one_hot(tensor, num_classes, one, zero)


def einsum(equation, *operands):
    """Sums of products by letters, two operands at a time; no repeated letter in one operand, no dots."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    names = inputs.split(",")
    if isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    result, letters = operands[0], names[0]
    for number in range(1, len(operands)):
        later = "".join(names[number + 1 :]) + output
        result, letters = contract(result, letters, operands[number], names[number], later)
    gone = [i for i, letter in enumerate(letters) if letter not in output]
    if gone:
        result = ops.sum(result, tuple(gone))
        letters = "".join([letter for letter in letters if letter in output])
    return ops.permute(result, tuple([letters.index(letter) for letter in output]))


def contract(a, of_a, b, of_b, later):
    """Multiply two tensors: letters that nothing later needs are summed by a matrix product."""
    of_a, a = drop(a, of_a, of_b + later)
    of_b, b = drop(b, of_b, of_a + later)
    both = [letter for letter in of_a if letter in of_b and letter in later]
    summed = [letter for letter in of_a if letter in of_b and letter not in later]
    rows = [letter for letter in of_a if letter not in of_b]
    columns = [letter for letter in of_b if letter not in of_a]
    left = ops.permute(a, tuple([of_a.index(letter) for letter in both + rows + summed]))
    right = ops.permute(b, tuple([of_b.index(letter) for letter in both + summed + columns]))
    sizes = {}
    for letter, size in zip(of_a + of_b, a.shape + b.shape):
        sizes[letter] = size
    wide = 1
    for letter in both:
        wide = wide * sizes[letter]
    depth = 1
    for letter in summed:
        depth = depth * sizes[letter]
    product = ops.matmul(left.reshape((wide, -1, depth)), right.reshape((wide, depth, -1)))
    kept = both + rows + columns
    return product.reshape(tuple([sizes[letter] for letter in kept])), "".join(kept)


def drop(a, letters, needed):
    """Sum over the letters that nothing else has."""
    gone = [i for i, letter in enumerate(letters) if letter not in needed]
    if not gone:
        return letters, a
    return "".join([letter for letter in letters if letter in needed]), ops.sum(a, tuple(gone))


def cross_entropy(input, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """The cross entropy of n c *spatial logits and n *spatial classes; classes may be of any integer type."""
    if 0 in input.shape and reduction != "none":  # ops.cross_entropy gives what is in memory
        return mindspore.tensor(float("nan") if reduction == "mean" else 0.0, input.dtype)
    return ops.cross_entropy(
        input, target.astype(mindspore.int32), weight, ignore_index, reduction, label_smoothing
    )


class TorchCrossEntropyLoss(nn.Cell):
    """The cross entropy as a layer."""

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__()
        self.weight, self.ignore_index = weight, ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    def construct(self, input, target):
        return cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class Softplus(nn.Cell):
    """log(1 + exp(beta * x)) / beta, the identity above a threshold."""

    def __init__(self, beta=1, threshold=20):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def construct(self, x):
        return ops.softplus(x, self.beta, self.threshold)


def masked_fill(input, mask, value):
    """Replace the elements under a mask, which is broadcast, by a value in the tensor's own format."""
    value = value.astype(input.dtype) if isinstance(value, mindspore.Tensor) else mindspore.Tensor(value, input.dtype)
    return ops.masked_fill(input, mask, value)


def unflatten(input, dim, sizes):
    """Split one axis into several; one of them may be -1."""
    dim = dim % input.ndim
    return input.reshape(input.shape[:dim] + tuple(sizes) + input.shape[dim + 1 :])


class TorchUnfold(nn.Cell):
    """The windows of n c h w as columns, as a layer (nn.Unfold means something else)."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def construct(self, input):
        return ops.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


class Unflatten(nn.Cell):
    """Splits one axis into several, as a layer."""

    def __init__(self, dim, unflattened_size):
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def construct(self, input):
        return unflatten(input, self.dim, self.unflattened_size)


class stepped:
    """A tensor whose slices with steps have gradients: stepped(x)[:, ::2] is x[:, ::2]."""

    def __init__(self, input):
        self.input = input

    def __getitem__(self, index):
        index = list(index) if isinstance(index, tuple) else [index]
        if Ellipsis in index:
            at = index.index(Ellipsis)
            named = sum(i is not None and i is not Ellipsis for i in index)
            index[at : at + 1] = [slice(None)] * (len(self.input.shape) - named)
        axis, steps, plain = 0, [], []
        for one in index:
            if isinstance(one, slice) and one.step not in (None, 1):
                steps.append((axis, one))
                one = slice(None)
            plain.append(one)
            axis += one is None or isinstance(one, slice)
        out = self.input[tuple(plain)]
        for axis, one in steps:
            taken = list(range(out.shape[axis])[one])
            out = ops.index_select(out, axis, mindspore.Tensor(taken, mindspore.int32))
        return out


def invert(input):
    """What ~ is in torch: the opposite of bools, the complement of whole numbers."""
    return ops.logical_not(input) if input.dtype == mindspore.bool_ else -input - 1


def normal_like(input, mean=0.0, std=1.0):
    """Normal values in the shape and number format of a tensor."""
    return ops.randn_like(input) * std + mean


def uniform_like(input, a=0.0, b=1.0):
    """Uniform values of [a, b) in the shape and number format of a tensor."""
    return ops.rand_like(input) * (b - a) + a

def to(input, place=None, dtype=None):
    """Change to a number format or to a tensor's; a device changes nothing."""
    for given in (place, dtype):
        given = given.dtype if isinstance(given, mindspore.Tensor) else given
        if isinstance(given, mindspore.Type):
            input = cast(input, given)
    return input


def same_values(input, other):
    """Whether two tensors have one shape and equal values."""
    return input.shape == other.shape and bool((input == other).all())


def tensor_split(input, indices_or_sections, dim=0):
    """Split before each of some places along an axis, or into a number of parts of nearly equal size."""
    size, dim = input.shape[dim], dim % input.ndim
    if isinstance(indices_or_sections, int):
        least, more = divmod(size, indices_or_sections)
        places = [least * i + min(i, more) for i in range(1, indices_or_sections)]
    else:
        places = list(indices_or_sections)
    before = (slice(None),) * dim
    return tuple(input[(*before, slice(a, b))] for a, b in zip([0, *places], [*places, size]))

def scatter(input, dim, index, src):
    """Put values, or one number, at the places of an index along an axis; where two meet, any one."""
    if not isinstance(src, mindspore.Tensor):
        src = ops.full(index.shape, src, dtype=input.dtype)
    src = src[tuple(slice(0, n) for n in index.shape)]
    return ops.tensor_scatter_elements(input, index, src, dim)


def scatter_add(input, dim, index, src):
    """Add values at the places of an index along an axis."""
    src = src[tuple(slice(0, n) for n in index.shape)]
    return ops.tensor_scatter_elements(input, index, src, dim, "add")


def masked_scatter(input, mask, source):
    """Put a tensor's elements, in their order, where a mask marks them."""
    mask = ops.broadcast_to(mask, input.shape)
    place = ops.clamp(ops.cumsum(mask.reshape(-1).astype(mindspore.int32), 0) - 1, 0)
    return ops.where(mask, ops.gather(source.reshape(-1), place, 0).reshape(input.shape), input)


def index_add(input, dim, index, source):
    """Add slices at the places of a vector along an axis."""
    shape = [1] * source.ndim
    shape[dim] = -1
    return scatter_add(input, dim, ops.broadcast_to(index.reshape(shape), source.shape), source)


def windows(input, dimension, size, step):
    """Stretches of an axis, each some steps behind the one before; their elements are the last axis."""
    axis = dimension % input.ndim
    before = (slice(None),) * axis
    starts = range(0, input.shape[axis] - size + 1, step)
    found = ops.stack([input[(*before, slice(i, i + size))] for i in starts], axis)
    order = [i for i in range(found.ndim) if i != axis + 1]
    return ops.transpose(found, (*order, axis + 1))


def finfo(dtype):
    """What floating-point numbers of a format can hold."""
    found = np.finfo(mindspore.dtype_to_nptype(dtype))
    names = ("eps", "max", "min", "tiny", "resolution", "smallest_normal")
    return types.SimpleNamespace(bits=found.bits, **{name: float(getattr(found, name)) for name in names})


def addmm(input, first, second, beta=1, alpha=1):
    """A matrix, or one for each sample, plus a product, each times a number; of beta 0 without the first."""
    product = ops.matmul(first, second)
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return product + (input if beta == 1 else input * beta)


def diag(input, diagonal=0):
    """The diagonal of a matrix, or the matrix with a vector on one; above the main one, below where negative."""
    right, down = max(diagonal, 0), max(-diagonal, 0)
    if input.ndim == 2:
        rows, columns = (int(n) for n in input.shape)
        places = (np.arange(max(min(rows - down, columns - right), 0)) + down) * columns
        places = places + np.arange(len(places)) + right
        return ops.gather(input.reshape(-1), mindspore.tensor(places.astype("int32")), 0)
    size = int(input.shape[0])
    places = np.zeros((size + right + down, size + right + down), "int32")
    places[np.arange(size) + down, np.arange(size) + right] = np.arange(size) + 1
    return ops.gather(ops.cat((ops.zeros((1,), dtype=input.dtype), input)), mindspore.tensor(places.reshape(-1)), 0).reshape(places.shape)


class indexed:
    """A tensor whose gradient is right where an index is a tensor with negative numbers: indexed(x)[i] is x[i]."""

    def __init__(self, input):
        self.input = input

    def __getitem__(self, index):
        several = index if isinstance(index, tuple) else (index,)
        axes = [0 if i is None or i is Ellipsis else mask_axes(i) for i in several]
        axis, found = 0, []
        for one, taken in zip(several, axes):
            if one is Ellipsis:
                axis += self.input.ndim - sum(axes)
            elif isinstance(one, mindspore.Tensor) and one.dtype != mindspore.bool_:
                one = ops.where(one < 0, one + self.input.shape[axis], one)
            found.append(one)
            axis += taken
        return self.input[tuple(found) if isinstance(index, tuple) else found[0]]


def mask_axes(index):
    """How many axes an index is of: a mask's own, one of any other."""
    return index.ndim if isinstance(index, mindspore.Tensor) and index.dtype == mindspore.bool_ else 1
