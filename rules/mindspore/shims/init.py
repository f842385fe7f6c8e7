"""torch.nn.init for MindSpore parameters: they are set in place and given back."""

import math
import re

import mindspore
import numpy as np

from mindspore import ops
from mindspore.common import initializer


def give(tensor, values):
    """Put values into a parameter or buffer, and give it back."""
    if isinstance(tensor, mindspore.Parameter):
        tensor.set_data(values)
    else:
        tensor.assign_value(values)
    return tensor


def set_to(tensor, init):
    """Fill a parameter or buffer from an initialiser."""
    return give(tensor, initializer.initializer(init, tensor.shape, tensor.dtype).init_data())


def copy_values(tensor, source):
    """Fill a parameter or buffer with a tensor's values, repeated to its shape."""
    return give(tensor, ops.broadcast_to(ops.stop_gradient(source).astype(tensor.dtype), tensor.shape))


def normal_(tensor, mean=0.0, std=1.0):
    """Fill with normal values; MindSpore's Normal takes sigma first."""
    return set_to(tensor, initializer.Normal(std, mean))


def uniform_(tensor, a=0.0, b=1.0):
    """Fill with uniform values of [a, b)."""
    half = (b - a) / 2
    values = initializer.initializer(initializer.Uniform(half), tensor.shape, tensor.dtype).init_data()
    return give(tensor, values + (a + half))


def constant_(tensor, val):
    """Fill with one value."""
    return set_to(tensor, initializer.Constant(val))


def zeros_(tensor):
    """Fill with zeros."""
    return set_to(tensor, initializer.Constant(0))


def ones_(tensor):
    """Fill with ones."""
    return set_to(tensor, initializer.Constant(1))


def fans(tensor):
    """Fan-in and fan-out of a weight, as torch counts them."""
    field = 1
    for n in tensor.shape[2:]:
        field *= n
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_normal_(tensor, gain=1.0):
    """Fill with normal values of deviation gain * sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))))


def xavier_uniform_(tensor, gain=1.0):
    """Fill with uniform values up to gain * sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound)


def calculate_gain(nonlinearity, param=None):
    """Factor by which torch widens weights in front of a nonlinearity; param is leaky_relu's slope."""
    gains = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity in ("linear", "sigmoid") or re.fullmatch(r"conv(_transpose)?[123]d", nonlinearity):
        return 1
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return gains[nonlinearity]


def orthogonal_(tensor, gain=1.0):
    """Fill with an orthogonal matrix, times the gain; axes behind the first count as one."""
    return set_to(tensor, initializer.Orthogonal(gain))


def kaiming_std(tensor, a, mode, nonlinearity):
    """Deviation of He's initialisation."""
    gains = {"relu": math.sqrt(2.0), "leaky_relu": math.sqrt(2.0 / (1 + a**2)), "tanh": 5.0 / 3,
             "selu": 0.75}
    fan_in, fan_out = fans(tensor)
    return gains.get(nonlinearity, 1.0) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu"):
    """Fill with He's normal values."""
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity))


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu"):
    """Fill with He's uniform values."""
    bound = math.sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0):
    """Fill with normal values, those outside of [a, b] drawn again."""
    values = np.random.normal(mean, std, tensor.shape)
    while True:
        outside = (values < a) | (values > b)
        if not outside.any():
            break
        values[outside] = np.random.normal(mean, std, int(outside.sum()))
    return give(tensor, mindspore.Tensor(values.astype(np.float32)))
