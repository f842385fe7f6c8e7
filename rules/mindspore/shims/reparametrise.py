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
