"""MindSpore's initialisers for torch: objects that draw a tensor, by distribution the same (measured)."""

import torch


class Initializer:
    """What draws the values of a tensor."""

    def fill(self, tensor):
        raise NotImplementedError


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value):
        self.value = value

    def fill(self, tensor):
        tensor.copy_(torch.as_tensor(self.value))


class Zero(Constant):
    """Zeros."""

    def __init__(self):
        super().__init__(0)


class One(Constant):
    """Ones."""

    def __init__(self):
        super().__init__(1)


class Uniform(Initializer):
    """Uniform values of [-scale, scale)."""

    def __init__(self, scale=0.07):
        self.scale = scale

    def fill(self, tensor):
        tensor.uniform_(-self.scale, self.scale)


class Normal(Initializer):
    """Normal values."""

    def __init__(self, sigma=0.01, mean=0.0):
        self.sigma, self.mean = sigma, mean

    def fill(self, tensor):
        tensor.normal_(self.mean, self.sigma)


class TruncatedNormal(Initializer):
    """Normal values between a and b, which are values and no multiples of sigma."""

    def __init__(self, sigma=0.01, mean=0.0, a=-2.0, b=2.0):
        self.sigma, self.mean, self.a, self.b = sigma, mean, a, b

    def fill(self, tensor):
        torch.nn.init.trunc_normal_(tensor, self.mean, self.sigma, self.a, self.b)


class HeUniform(Initializer):
    """torch's kaiming_uniform_, by default of slope 0."""

    def __init__(self, negative_slope=0, mode="fan_in", nonlinearity="leaky_relu"):
        self.negative_slope, self.mode, self.nonlinearity = negative_slope, mode, nonlinearity

    def fill(self, tensor):
        torch.nn.init.kaiming_uniform_(tensor, self.negative_slope, self.mode, self.nonlinearity)


class HeNormal(Initializer):
    """torch's kaiming_normal_, by default of slope 0."""

    def __init__(self, negative_slope=0, mode="fan_in", nonlinearity="leaky_relu"):
        self.negative_slope, self.mode, self.nonlinearity = negative_slope, mode, nonlinearity

    def fill(self, tensor):
        torch.nn.init.kaiming_normal_(tensor, self.negative_slope, self.mode, self.nonlinearity)


class XavierUniform(Initializer):
    """torch's xavier_uniform_."""

    def __init__(self, gain=1):
        self.gain = gain

    def fill(self, tensor):
        torch.nn.init.xavier_uniform_(tensor, self.gain)


class XavierNormal(Initializer):
    """torch's xavier_normal_."""

    def __init__(self, gain=1):
        self.gain = gain

    def fill(self, tensor):
        torch.nn.init.xavier_normal_(tensor, self.gain)


def initializer(init, shape=None, dtype=None):
    """A tensor drawn by an initialiser, its name, a number, or given as it is; float32 unless told."""
    if torch.is_tensor(init):
        return init
    named = {
        "zero": Zero, "zeros": Zero, "one": One, "ones": One, "normal": Normal, "uniform": Uniform,
        "xavieruniform": XavierUniform, "heuniform": HeUniform, "henormal": HeNormal,
        "truncatednormal": TruncatedNormal, "xaviernormal": XavierNormal,
    }
    if isinstance(init, str):
        init = named[init.lower().replace("_", "")]()
    elif not isinstance(init, Initializer):
        init = Constant(init)
    values = torch.empty(tuple(shape) if isinstance(shape, (tuple, list)) else (shape,), dtype=dtype or torch.float32)
    with torch.no_grad():
        init.fill(values)
    return values


def set_data(parameter, data):
    """Give a parameter a tensor's values and its shape, in the parameter's number format."""
    parameter.data = data.detach().to(parameter.dtype, copy=True)
    return parameter


def tensor_of(data, dtype=None):
    """A tensor of data; of a tensor a copy that gradients go through."""
    if torch.is_tensor(data):
        return data.clone() if dtype is None else data.to(dtype, copy=True)
    return torch.tensor(data, dtype=dtype)


def parameter_of(data, requires_grad=True):
    """A parameter with memory of its own: nn.Parameter's is the tensor's."""
    return torch.nn.Parameter(tensor_of(data).detach(), requires_grad)
