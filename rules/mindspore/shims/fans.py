"""MegEngine's initialisers by fan: it counts those of a grouped weight in each group."""

import math

from init import calculate_gain, normal_, uniform_
from mindspore import nn


def group_fans(tensor, layer=None):
    """The inputs and outputs of a weight as MegEngine counts them, by the shape that it has there."""
    groups = layer.group if isinstance(layer, nn.layer.conv._Conv) else 1
    shape = tuple(tensor.shape)
    if groups > 1:
        shape = (groups, shape[0] // groups, *shape[1:])
    if len(shape) < 2:
        raise ValueError("fans need two axes at least")
    if len(shape) >= 5:
        shape = shape[1:]
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def msra_gain(tensor, a, mode, nonlinearity, layer):
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"mode={mode!r}: fan_in and fan_out are known")
    gain = calculate_gain(nonlinearity, a)
    return gain / math.sqrt(group_fans(tensor, layer)[mode.lower() == "fan_out"])


def msra_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", layer=None):
    """Normal values by the fan."""
    normal_(tensor, 0.0, msra_gain(tensor, a, mode, nonlinearity, layer))


def msra_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", layer=None):
    """Uniform values by the fan."""
    bound = math.sqrt(3.0) * msra_gain(tensor, a, mode, nonlinearity, layer)
    uniform_(tensor, -bound, bound)


def group_xavier_normal_(tensor, gain=1.0, layer=None):
    """Normal values by both fans."""
    normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(group_fans(tensor, layer))))


def group_xavier_uniform_(tensor, gain=1.0, layer=None):
    """Uniform values by both fans."""
    bound = gain * math.sqrt(6.0 / sum(group_fans(tensor, layer)))
    uniform_(tensor, -bound, bound)
