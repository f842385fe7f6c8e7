"""torch.nn.utils' weight normalisation for cells: the weight is computed wherever the cell reads it.

A graph would keep what is computed at its making as a constant, so the weight asks for PyNative mode.
"""

import mindspore
from mindspore import nn, ops


def length(weight):
    """The length of each part of a weight along its first axis, shape (n, 1, ...)."""
    return ops.sqrt((weight * weight).sum(tuple(range(1, weight.ndim)), keepdims=True))


def with_computed_weight(cell, compute):
    """Take a cell's weight away, and give it one that is computed."""

    def weight(cell):
        if mindspore.get_context("mode") != mindspore.PYNATIVE_MODE:
            raise RuntimeError("a normalised weight is computed in PyNative mode only")
        found = compute(cell)
        found.set_data = lambda *given: None  # filling it has no effect in torch either
        return found

    kind = type(cell)
    del cell._params["weight"]
    cell.__class__ = type(kind.__name__, (kind,), {"weight": property(weight), "plain_class": kind})
    return cell


def with_plain_weight(cell, name):
    """Undo it: what is computed now becomes the parameter."""
    value = cell.weight
    cell.__class__ = cell.plain_class
    cell.weight = mindspore.Parameter(value, name=name)
    return cell


def weight_norm(cell):
    """Train a weight as length and direction: weight_g * weight_v / |weight_v|."""
    weight = cell.weight
    cell.weight_g = mindspore.Parameter(length(weight), name=weight.name + "_g")
    cell.weight_v = mindspore.Parameter(weight + 0, name=weight.name + "_v")
    return with_computed_weight(cell, lambda cell: cell.weight_v * (cell.weight_g / length(cell.weight_v)))


def remove_weight_norm(cell):
    """Make the weight a parameter again."""
    if "weight_g" not in cell._params:
        raise ValueError(f"weight_norm of 'weight' not found in {cell}")
    with_plain_weight(cell, cell.weight_v.name[: -len("_v")])
    del cell._params["weight_g"], cell._params["weight_v"]
    return cell


class Originals(nn.Cell):
    """What a weight is computed from."""

    def __init__(self, weight, name):
        super().__init__()
        self.original0 = mindspore.Parameter(length(weight), name=name + ".original0")
        self.original1 = mindspore.Parameter(weight + 0, name=name + ".original1")


class Parametrizations(nn.Cell):
    """A cell's parametrised weights by their names, which are those of torch's checkpoints."""

    def __init__(self, weight):
        super().__init__()
        prefix = weight.name[: -len("weight")] + "parametrizations.weight"
        self.weight = Originals(weight, prefix)


def parametrized_weight_norm(cell):
    """Train a weight as length and direction, under the names of torch's parametrizations."""
    cell.parametrizations = Parametrizations(cell.weight)

    def compute(cell):
        parts = cell.parametrizations.weight
        return parts.original1 * (parts.original0 / length(parts.original1))

    return with_computed_weight(cell, compute)


def remove_parametrizations(cell):
    """Make the weight a parameter again."""
    if "parametrizations" not in cell._cells:
        raise ValueError(f"{cell} has no parametrization on weight")
    held = cell.parametrizations.weight.original1.name
    with_plain_weight(cell, held[: -len("parametrizations.weight.original1")] + "weight")
    del cell._cells["parametrizations"]
    return cell


def as_matrix(weight, axis):
    """A weight as a matrix, one row for each place on an axis."""
    order = (axis, *(i for i in range(weight.ndim) if i != axis))
    return ops.transpose(weight, order).reshape(weight.shape[axis], -1)


def unit(vector, eps):
    """A vector of length 1."""
    return vector / ops.maximum(ops.sqrt((vector * vector).sum()), mindspore.Tensor(eps, vector.dtype))


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12):
    """Divide a weight by its largest singular value, estimated by power iteration in training."""
    if name != "weight":
        raise ValueError(f"only 'weight' is normalised here, not {name!r}")
    axis = 1 if "Transpose" in type(module).__name__ else 0
    kind, weight = type(module), module.weight
    rows, columns = as_matrix(weight, axis).shape
    module.weight_orig = mindspore.Parameter(weight + 0, name=weight.name + "_orig")
    module.register_buffer("weight_u", unit(ops.randn(rows), eps))
    module.register_buffer("weight_v", unit(ops.randn(columns), eps))

    def construct(cell, *inputs):
        if cell.training:
            matrix = ops.stop_gradient(as_matrix(cell.weight_orig, axis))
            u, v = cell.weight_u, cell.weight_v
            for _ in range(n_power_iterations):
                v = unit(ops.matmul(matrix.T, u), eps)
                u = unit(ops.matmul(matrix, v), eps)
            cell.register_buffer("weight_u", ops.stop_gradient(u))
            cell.register_buffer("weight_v", ops.stop_gradient(v))
        return kind.construct(cell, *inputs)

    def compute(cell):
        largest = (cell.weight_u * ops.matmul(as_matrix(cell.weight_orig, axis), cell.weight_v)).sum()
        return cell.weight_orig / largest

    with_computed_weight(module, compute)
    type(module).construct = construct
    return module


def remove_spectral_norm(cell):
    """Make the weight, as it is divided now, a parameter."""
    if "weight_orig" not in cell._params:
        raise ValueError(f"spectral_norm of 'weight' not found in {cell}")
    with_plain_weight(cell, cell.weight_orig.name[: -len("_orig")])
    del cell._params["weight_orig"], cell._buffers["weight_u"], cell._buffers["weight_v"]
    return cell
