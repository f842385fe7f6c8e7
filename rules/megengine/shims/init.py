"""torch.nn.init for MegEngine parameters: they are set in place and given back."""

import math
import re

import megengine
import megengine.functional as F
import numpy as np


def fans(tensor, axes=None):
    """Inputs and outputs of a weight o i *kernel, or g o i *kernel of a grouped layer of so many axes."""
    shape = [int(n) for n in tensor.shape]
    if axes is None and len(shape) > 4:
        raise ValueError("a weight of 5 axes is a grouped or a 3-d one here: its fans can't be told from it")
    if len(shape) < 2:
        raise ValueError("fans need a tensor of at least 2 axes")
    if axes is not None and len(shape) == axes + 3:
        shape = [shape[0] * shape[1], *shape[2:]]
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def set_to(tensor, values):
    """Fill a parameter or buffer with NumPy's values."""
    tensor._reset(megengine.Tensor(np.asarray(values).astype(tensor.dtype)))
    return tensor


def copy_values(tensor, source):
    """Fill a parameter or buffer with a tensor's values, repeated to its shape."""
    values = F.broadcast_to(source.detach().astype(tensor.dtype), tensor.shape)
    tensor._reset(megengine.Tensor(values))
    return tensor


def set_data(parameter, data):
    """Give a parameter a tensor's values and its shape: its attribute data would be another tensor."""
    parameter._reset(megengine.Tensor(data.detach().astype(parameter.dtype)))
    return parameter


def normal_(tensor, mean=0.0, std=1.0):
    """Fill with normal values."""
    return set_to(tensor, np.random.normal(mean, std, tensor.shape))


def uniform_(tensor, a=0.0, b=1.0):
    """Fill with uniform values of [a, b)."""
    return set_to(tensor, np.random.uniform(a, b, tensor.shape))


def constant_(tensor, val):
    """Fill with one value."""
    return set_to(tensor, np.full(tensor.shape, val))


def zeros_(tensor):
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor):
    """Fill with ones."""
    return constant_(tensor, 1.0)


def xavier_normal_(tensor, gain=1.0, axes=None):
    """Fill with normal values of deviation gain * sqrt(2 / (fan_in + fan_out))."""
    std = gain * math.sqrt(2.0 / sum(fans(tensor, axes)))
    return set_to(tensor, np.random.normal(0.0, std, tensor.shape))


def xavier_uniform_(tensor, gain=1.0, axes=None):
    """Fill with uniform values up to gain * sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6.0 / sum(fans(tensor, axes)))
    return set_to(tensor, np.random.uniform(-bound, bound, tensor.shape))


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


def orthogonal_(tensor, gain=1.0, axes=None):
    """Fill with an orthogonal matrix, times the gain; axes behind the first count as one."""
    columns = fans(tensor, axes)[0]
    rows = math.prod(int(n) for n in tensor.shape) // columns
    q, r = np.linalg.qr(np.random.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return set_to(tensor, gain * (q if rows >= columns else q.T).reshape([int(n) for n in tensor.shape]))


def kaiming_std(tensor, a, mode, nonlinearity, axes):
    """Deviation of He's initialisation."""
    gains = {
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1 + a**2)),
        "tanh": 5.0 / 3,
        "selu": 0.75,
    }
    fan_in, fan_out = fans(tensor, axes)
    return gains.get(nonlinearity, 1.0) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", axes=None):
    """Fill with He's normal values."""
    std = kaiming_std(tensor, a, mode, nonlinearity, axes)
    return set_to(tensor, np.random.normal(0.0, std, tensor.shape))


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", axes=None):
    """Fill with He's uniform values."""
    bound = math.sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity, axes)
    return set_to(tensor, np.random.uniform(-bound, bound, tensor.shape))


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0):
    """Fill with normal values, those outside of [a, b] drawn again."""
    values = np.random.normal(mean, std, tensor.shape)
    while True:
        outside = (values < a) | (values > b)
        if not outside.any():
            break
        values[outside] = np.random.normal(mean, std, int(outside.sum()))
    return set_to(tensor, values)
