"""Functions of tensors with torch's signatures, where MegEngine has none or another meaning."""

import types

import megengine
import megengine.functional as F
import megengine.module as M
import numpy as np


def python_number(value):
    """One of NumPy's numbers as Python's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def like(value, other):
    """A number as a tensor of another's format; a tensor as it is."""
    return value if isinstance(value, megengine.Tensor) else F.full((1,), value, dtype=other.dtype)


def new_tensor(input, data, dtype=None):
    """A list's or a tensor's values in a tensor's number format, or another."""
    values = data.numpy() if isinstance(data, megengine.Tensor) else np.asarray(data)
    return megengine.tensor(values.astype(input.dtype if dtype is None else dtype))


def fractional(tensor):
    """A tensor of whole numbers, or of truths, as one of float32; any other as it is."""
    return tensor if np.issubdtype(tensor.dtype, np.floating) else tensor.astype("float32")


def where(condition, input, other):
    """Choose between two tensors or numbers, all broadcast against each other; beside 0.5 whole numbers are none."""
    if not isinstance(input, megengine.Tensor) and not isinstance(other, megengine.Tensor):
        input = megengine.tensor([input])
    if isinstance(input, float):
        other = fractional(other)
    if isinstance(other, float):
        input = fractional(input)
    a = input if isinstance(input, megengine.Tensor) else like(input, other)
    b = like(other, a)
    if a.dtype == np.bool_ and b.dtype == np.bool_:  # MegEngine chooses between numbers only
        return where(condition, a.astype("float32"), b.astype("float32")) > 0.5
    mask = condition.astype("float32")
    shape = (mask * 0 + a.astype("float32") * 0 + b.astype("float32") * 0).shape
    spread = F.broadcast_to(mask, shape) > 0.5
    return F.where(spread, F.broadcast_to(a, shape), F.broadcast_to(b, shape))


def absolute(input):
    """The absolute value, whose slope at 0 is 0 (F.abs: -1)."""
    return input * F.sign(input)


def masked_fill(input, mask, value):
    """Replace the elements under a mask, which is broadcast."""
    return where(mask, like(value, input), input)


def at(dim, item, ndim):
    """An index that picks on one axis."""
    return (slice(None),) * (dim % ndim) + (item,)


def index_select(input, dim, index):
    """Pick along an axis by a vector of indices."""
    return input[at(dim, index, input.ndim)]


def select(input, dim, index):
    """One slice of an axis, without it."""
    return input[at(dim, index, input.ndim)]


def narrow(input, dim, start, length):
    """A stretch of an axis."""
    return input[at(dim, slice(start, start + length), input.ndim)]


def counting(size):
    """The whole numbers below a size."""
    # Not F.arange: of two that MegEngine runs ahead, the first has the second's numbers (measured, CPU).
    return megengine.tensor(np.arange(size, dtype="int32"))


def gather(input, dim, index):
    """Pick along an axis by an index that has its own places on the others."""
    dim, shape = dim % input.ndim, [int(n) for n in index.shape]
    places = []
    for i, size in enumerate(shape):
        own = counting(size).reshape([size if j == i else 1 for j in range(len(shape))])
        places.append((index.astype("int32") if i == dim else F.broadcast_to(own, shape)).reshape(-1))
    return input[tuple(places)].reshape(shape)


def flip(input, dims):
    """Reverse the order along axes."""
    for dim in dims:
        size = int(input.shape[dim])
        input = input[at(dim, size - 1 - counting(size), input.ndim)]
    return input


def unbind(input, dim=0):
    """The slices of an axis, without it."""
    return tuple(select(input, dim, i) for i in range(int(input.shape[dim])))


def repeat_interleave(input, repeats, dim=None):
    """Repeat each element along an axis, or of all in a row."""
    return F.repeat(input, repeats, None if dim is None else dim % input.ndim)


def tile(input, dims):
    """Repeat whole copies along axes; a longer list adds axes in front, a shorter one counts from the end."""
    dims = tuple(dims)
    sizes = tuple(int(n) for n in input.shape)
    sizes = (1,) * (len(dims) - len(sizes)) + sizes
    return F.tile(input.reshape(sizes), (1,) * (len(sizes) - len(dims)) + dims)


def expand(input, *sizes):
    """Broadcast to a shape; -1 keeps an axis as it is."""
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = tuple(sizes[0])
    own = (1,) * (len(sizes) - input.ndim) + tuple(int(n) for n in input.shape)
    return F.broadcast_to(input, tuple(n if s == -1 else int(s) for s, n in zip(sizes, own)))


def below(input, diagonal):
    """Where the last two axes lie on or below a diagonal."""
    rows, columns = int(input.shape[-2]), int(input.shape[-1])
    row = counting(rows).reshape(rows, 1)
    column = counting(columns).reshape(1, columns)
    return F.broadcast_to(column - row, (rows, columns)) <= diagonal


def tril(input, diagonal=0):
    """Keep what is on or below a diagonal, zeros elsewhere."""
    return where(below(input, diagonal), input, 0)


def triu(input, diagonal=0):
    """Keep what is on or above a diagonal, zeros elsewhere."""
    return where(F.logical_not(below(input, diagonal - 1)), input, 0)


def outer(input, vec2):
    """Every product of two vectors' elements."""
    return input.reshape(-1, 1) * vec2.reshape(1, -1)


def movedim(input, source, destination):
    """Move axes to other places; the others keep their order."""
    source = [source] if isinstance(source, int) else list(source)
    destination = [destination] if isinstance(destination, int) else list(destination)
    source = [axis % input.ndim for axis in source]
    order = [axis for axis in range(input.ndim) if axis not in source]
    for place, axis in sorted(zip([axis % input.ndim for axis in destination], source)):
        order.insert(place, axis)
    return F.transpose(input, order)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of n c h w as columns, n c*kernel positions."""
    both = [(v, v) if isinstance(v, int) else tuple(v) for v in (kernel_size, dilation, padding, stride)]
    kernel, dilation, padding, stride = both
    x = F.pad(input, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    n, c, height, width = (int(v) for v in x.shape)
    rows = (height - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    columns = (width - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    taps = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            bottom, right = top + (rows - 1) * stride[0] + 1, left + (columns - 1) * stride[1] + 1
            taps.append(x[:, :, top : bottom : stride[0], left : right : stride[1]])
    return F.stack(taps, axis=2).reshape(n, c * kernel[0] * kernel[1], rows * columns)


class Unfold(M.Module):
    """The windows of n c h w as columns, as a layer."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input):
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)


def pixel_unshuffle(input, downscale_factor):
    """Move blocks of pixels into channels, n c h w."""
    r = downscale_factor
    n, c, height, width = (int(v) for v in input.shape)
    x = input.reshape(n, c, height // r, r, width // r, r)
    return F.transpose(x, (0, 1, 3, 5, 2, 4)).reshape(n, c * r * r, height // r, width // r)


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
    letters, result = drop(result, letters, output)
    order = [letters.index(letter) for letter in output]
    return F.transpose(result, order) if order else result


def contract(a, of_a, b, of_b, later):
    """Multiply two tensors: letters that nothing later needs are summed by a matrix product."""
    of_a, a = drop(a, of_a, of_b + later)
    of_b, b = drop(b, of_b, of_a + later)
    both = [letter for letter in of_a if letter in of_b and letter in later]
    summed = [letter for letter in of_a if letter in of_b and letter not in later]
    rows = [letter for letter in of_a if letter not in of_b]
    columns = [letter for letter in of_b if letter not in of_a]
    left = F.transpose(a, [of_a.index(letter) for letter in both + rows + summed])
    right = F.transpose(b, [of_b.index(letter) for letter in both + summed + columns])
    sizes = {letter: int(n) for letter, n in zip(of_a + of_b, tuple(a.shape) + tuple(b.shape))}

    def count(letters):
        total = 1
        for letter in letters:
            total = total * sizes[letter]
        return total

    left = left.reshape(count(both), count(rows), count(summed))
    right = right.reshape(count(both), count(summed), count(columns))
    kept = both + rows + columns
    product = F.matmul(left, right).reshape([sizes[letter] for letter in kept] or [1])
    return product, "".join(kept)


def drop(a, letters, needed):
    """Sum over the letters that nothing else has."""
    gone = [i for i, letter in enumerate(letters) if letter not in needed]
    if not gone:
        return letters, a
    return "".join(letter for letter in letters if letter in needed), F.sum(a, axis=gone)


def rand(size, dtype=None):
    """Even between 0 and 1, in a number format."""
    out = megengine.random.uniform(0.0, 1.0, size)
    return out if dtype is None else out.astype(dtype)


def randn(size, dtype=None):
    """Normal, in a number format."""
    out = megengine.random.normal(0.0, 1.0, size)
    return out if dtype is None else out.astype(dtype)


def randint(low, high, size):
    """Whole numbers of [low, high), each as likely as the others."""
    count = high - low
    if not 0 < count <= 2**24:
        raise ValueError(f"{count} numbers to choose from: MegEngine draws float32, which has 2**24 at most")
    drawn = F.floor(megengine.random.uniform(0.0, 1.0, size) * count)
    return F.minimum(drawn, count - 1).astype("int32") + low


def gelu(input, approximate="none"):
    """x times the normal distribution's function at x, or its approximation with tanh."""
    if approximate == "none":
        return F.gelu(input)
    if approximate != "tanh":
        raise ValueError(f"approximate={approximate!r}: none and tanh are known")
    return 0.5 * input * (1.0 + F.tanh(0.7978845608028654 * (input + 0.044715 * input * input * input)))


def softplus(input, beta=1, threshold=20):
    """log(1 + exp(beta * x)) / beta, the identity where beta * x is above a threshold."""
    scaled = input * beta
    return where(scaled > threshold, input, F.softplus(scaled) / beta)


def remainder(input, other):
    """What % is in Python and torch: of the sign of the divisor."""
    left = input % other
    return where((left != 0) & ((left < 0) != (other < 0)), left + other, left)


def normal_like(input, mean=0.0, std=1.0):
    """Normal values in the shape of a float32 tensor."""
    return megengine.random.normal(mean, std, input.shape)


def uniform_like(input, a=0.0, b=1.0):
    """Uniform values of [a, b) in the shape of a float32 tensor."""
    return megengine.random.uniform(a, b, input.shape)


def permute(input, axes):
    """Change the order of the axes, which may count from the end."""
    return F.transpose(input, [axis % len(axes) for axis in axes])


def truth(tensor):
    """Give what is not zero."""
    return tensor if tensor.dtype == np.bool_ else tensor != 0


def logical_and(input, other):
    """Tell where neither is zero."""
    return F.logical_and(truth(input), truth(other))


def logical_or(input, other):
    """Tell where one is not zero."""
    return F.logical_or(truth(input), truth(other))


def logical_not(input):
    """Tell where a tensor is zero."""
    return F.logical_not(truth(input))

def to(input, place=None, dtype=None):
    """Change to a number format or to a tensor's; a device changes nothing."""
    for given in (place, dtype):
        given = given.dtype if isinstance(given, megengine.Tensor) else given
        if isinstance(given, np.dtype) or given in np.sctypeDict:
            input = input.astype(given)
    return input


def is_floating_point(input):
    """Whether a tensor's numbers have a fraction."""
    return "float" in str(input.dtype)


def same_values(input, other):
    """Whether two tensors have one shape and equal values."""
    return np.array_equal(input.numpy(), other.numpy())


def tensor_split(input, indices_or_sections, dim=0):
    """Split before each of some places along an axis, or into a number of parts of nearly equal size."""
    size, dim = int(input.shape[dim]), dim % input.ndim
    if isinstance(indices_or_sections, int):
        least, more = divmod(size, indices_or_sections)
        places = [least * i + min(i, more) for i in range(1, indices_or_sections)]
    else:
        places = list(indices_or_sections)
    before = (slice(None),) * dim
    return tuple(input[(*before, slice(a, b))] for a, b in zip([0, *places], [*places, size]))

def places(input, dim, index):
    """For each index along an axis: where it points to, as a mask of the input's shape."""
    dim, size = dim % input.ndim, int(input.shape[dim])
    if any(int(a) != int(b) for i, (a, b) in enumerate(zip(index.shape, input.shape)) if i != dim):
        raise ValueError("only an index that is as large as the tensor beside its own axis is ported")
    along = counting(size).reshape([size if i == dim else 1 for i in range(input.ndim)])
    for i in range(int(index.shape[dim])):
        item = at(dim, slice(i, i + 1), input.ndim)
        yield item, index[item].astype("int32") == along


def scatter(input, dim, index, src):
    """Put values, or one number, at the places of an index along an axis; where two meet, the last one."""
    for item, mask in places(input, dim, index):
        input = where(mask, src[item] if isinstance(src, megengine.Tensor) else src, input)
    return input


def scatter_add(input, dim, index, src):
    """Add values at the places of an index along an axis."""
    for item, mask in places(input, dim, index):
        input = input + mask.astype(input.dtype) * src[item]
    return input


def masked_scatter(input, mask, source):
    """Put a tensor's elements, in their order, where a mask marks them."""
    mask = F.broadcast_to(mask, input.shape)
    place = F.maximum(F.cumsum(mask.reshape(-1).astype("int32"), 0) - 1, 0)
    return where(mask, source.reshape(-1)[place].reshape(input.shape), input)


def index_add(input, dim, index, source):
    """Add slices at the places of a vector along an axis."""
    shape = [1] * source.ndim
    shape[dim] = -1
    return scatter_add(input, dim, F.broadcast_to(index.reshape(shape), source.shape), source)


def windows(input, dimension, size, step):
    """Stretches of an axis, each some steps behind the one before; their elements are the last axis."""
    axis = dimension % input.ndim
    starts = range(0, int(input.shape[axis]) - size + 1, step)
    found = F.stack([input[at(axis, slice(i, i + size), input.ndim)] for i in starts], axis)
    order = [i for i in range(found.ndim) if i != axis + 1]
    return F.transpose(found, (*order, axis + 1))


def finfo(dtype):
    """What floating-point numbers of a format can hold."""
    found = np.finfo(dtype)
    names = ("eps", "max", "min", "tiny", "resolution", "smallest_normal")
    return types.SimpleNamespace(bits=found.bits, **{name: float(getattr(found, name)) for name in names})


def addmm(input, first, second, beta=1, alpha=1):
    """A matrix, or one for each sample, plus a product, each times a number; of beta 0 without the first."""
    product = F.matmul(first, second)
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
        return input.reshape(-1)[megengine.Tensor(places.astype("int32"))]
    size = int(input.shape[0])
    places = np.zeros((size + right + down, size + right + down), "int32")
    places[np.arange(size) + down, np.arange(size) + right] = np.arange(size) + 1
    return F.concat((F.zeros((1,), dtype=input.dtype), input))[megengine.Tensor(places.reshape(-1))].reshape(places.shape)


def squeeze_all(input):
    """A tensor without its axes of one."""
    return input.reshape([int(n) for n in input.shape if int(n) != 1])


def take_along(input, index, axis):
    """What is at some places along an axis, in the shape of the index there."""
    axis = axis % input.ndim
    found = index_select(input, axis, index.reshape(-1).astype("int32"))
    return found.reshape(tuple(input.shape[:axis]) + tuple(index.shape) + tuple(input.shape[axis + 1 :]))


def one_hot_values(indices, depth, on_value=1, off_value=0, axis=-1):
    """Whether each index is each class, as one value or another; of an index outside, the other alone."""
    axis = axis % (indices.ndim + 1)
    classes = counting(depth).reshape([depth if i == axis else 1 for i in range(indices.ndim + 1)])
    found = F.expand_dims(indices, axis) == classes
    on, off = (v if isinstance(v, megengine.Tensor) else megengine.tensor(v) for v in (on_value, off_value))
    return where(found, on, off)
