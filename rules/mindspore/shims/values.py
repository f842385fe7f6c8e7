"""Layers with torch's signatures, for files that pass a layer's class on and call it elsewhere."""

import mindspore
from mindspore import nn, ops
from mindspore.common import initializer


def refuse_inplace(inplace):
    """Say that an in-place activation is not ported: nothing here shows who else sees the tensor."""
    if inplace:
        raise ValueError("inplace=True may change a tensor that is used again: pass inplace=False")


class TorchReLU(nn.Cell):
    """ReLU, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        return ops.relu(x)


class TorchReLU6(nn.Cell):
    """ReLU6, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        return ops.relu6(x)


class TorchSiLU(nn.Cell):
    """SiLU, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        return ops.silu(x)


class TorchHardswish(nn.Cell):
    """Hardswish, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        return ops.hardswish(x)


class TorchHardsigmoid(nn.Cell):
    """Hardsigmoid, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        return ops.hardsigmoid(x)


def mish(input, inplace=False):
    """x * tanh(softplus(x)), by one exponential: ops.mish has ops.tanh's error, and is NaN from 44 on."""
    refuse_inplace(inplace)
    large = input > 20  # the factor is 1 there
    e = ops.exp(input.masked_fill(large, 0.0))
    n = e * (e + 2)
    return ops.where(large, input, input * (n / (n + 2)))


class TorchMish(nn.Cell):
    """Mish, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def construct(self, x):
        return mish(x)


class TorchLeakyReLU(nn.Cell):
    """x where positive, else negative_slope * x, out of place."""

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.negative_slope = negative_slope

    def construct(self, x):
        return ops.leaky_relu(x, self.negative_slope)


class TorchGELU(nn.Cell):
    """GELU, exact or by tanh."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def construct(self, x):
        return ops.gelu(x, self.approximate)


class TorchNames:
    """The tensors of a batch normalisation by torch's names."""

    weight = property(lambda self: self.gamma if self.learns else None)
    bias = property(lambda self: self.beta if self.learns else None)
    running_mean = property(lambda self: self.moving_mean)
    running_var = property(lambda self: self.moving_variance)


class TorchBatchNorm1d(TorchNames, nn.BatchNorm1d):
    """Batch normalisation with torch's momentum, the complement of the one here."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True):
        if momentum is None or not track_running_stats:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, 1 - momentum, affine)
        self.learns = affine


class TorchBatchNorm2d(TorchNames, nn.BatchNorm2d):
    """Batch normalisation with torch's momentum, the complement of the one here."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True):
        if momentum is None or not track_running_stats:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, 1 - momentum, affine)
        self.learns = affine


class TorchBatchNorm3d(TorchNames, nn.BatchNorm3d):
    """Batch normalisation with torch's momentum, the complement of the one here."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True):
        if momentum is None or not track_running_stats:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, 1 - momentum, affine)
        self.learns = affine


class TorchLinear(nn.Dense):
    """A dense layer with torch's arguments, and their names."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, has_bias=bias)
        self.in_features, self.out_features = in_features, out_features


class TorchDropout(nn.Dropout):
    """Dropout with torch's arguments: p is the share that is dropped."""

    def __init__(self, p=0.5, inplace=False):
        refuse_inplace(inplace)
        super().__init__(p=p)


def check(condition, message):
    """Assert, as a function."""
    assert condition, message


class TorchIdentity(nn.Cell):
    """Gives back what it takes; made with any arguments, as torch's."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def construct(self, input):
        return input


def softmax_of_finite(input, axis):
    """ops.softmax; not along an axis of one, whose gradient would spoil those of later calls along that axis."""
    return input - input + 1.0 if input.shape[axis] == 1 else ops.softmax(input, axis)


def softmax(input, dim):
    """ops.softmax, which along the last axis leaves what is behind a row of -inf as it was in memory."""
    return softmax_of_finite(input.unsqueeze(-1), dim % input.ndim).squeeze(-1)


class TorchSoftmax(nn.Cell):
    """Softmax with torch's name of the axis."""

    def __init__(self, dim):
        super().__init__()
        self.axis = dim

    def construct(self, x):
        return softmax(x, self.axis)


class TorchLogSoftmax(nn.LogSoftmax):
    """LogSoftmax with torch's name of the axis."""

    def __init__(self, dim):
        super().__init__(axis=dim)


class TorchPReLU(nn.PReLU):
    """PReLU with torch's arguments and name of the slopes."""

    weight = property(lambda self: self.w)

    def __init__(self, num_parameters=1, init=0.25):
        super().__init__(num_parameters, init)


class TorchDropout2d(nn.Dropout2d):
    """Dropout of whole channels with torch's arguments."""

    def __init__(self, p=0.5, inplace=False):
        refuse_inplace(inplace)
        super().__init__(p)


class TorchDropout3d(nn.Dropout3d):
    """Dropout of whole channels with torch's arguments."""

    def __init__(self, p=0.5, inplace=False):
        refuse_inplace(inplace)
        super().__init__(p)


class TorchEmbedding(nn.Embedding):
    """A table of rows with torch's first arguments and names, from the standard normal distribution."""

    weight = property(lambda self: self.embedding_table)

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__(num_embeddings, embedding_dim, embedding_table=initializer.Normal(1.0))
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx
        if padding_idx is not None:
            self.padding_idx = padding_idx % num_embeddings
            values = self.embedding_table.asnumpy().copy()
            values[padding_idx] = 0
            self.embedding_table.set_data(mindspore.Tensor(values))

    def construct(self, ids):
        rows = super().construct(ids)
        if self.padding_idx is None:
            return rows
        # torch gives this row no gradient
        return ops.where(ops.expand_dims(ids != self.padding_idx, -1), rows, ops.stop_gradient(rows))


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where positive, else x times the slope."""
    refuse_inplace(inplace)
    return ops.leaky_relu(input, negative_slope)


def silu(input, inplace=False):
    """x times its sigmoid."""
    refuse_inplace(inplace)
    return ops.silu(input)


def glu(input, dim=-1):
    """Half of an axis times the sigmoid of the other half."""
    return ops.glu(input, dim)


class MegEngineBatchNorm1d(TorchNames, nn.BatchNorm1d):
    """Batch normalisation with MegEngine's arguments; momentum means the same there."""

    def __init__(self, num_features, eps=1e-05, momentum=0.9, affine=True, track_running_stats=True, freeze=False):
        if momentum is None or not track_running_stats or freeze:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, momentum, affine)
        self.learns = affine


class MegEngineBatchNorm2d(TorchNames, nn.BatchNorm2d):
    """Batch normalisation with MegEngine's arguments; momentum means the same there."""

    def __init__(self, num_features, eps=1e-05, momentum=0.9, affine=True, track_running_stats=True, freeze=False):
        if momentum is None or not track_running_stats or freeze:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, momentum, affine)
        self.learns = affine


class MegEngineDropout(nn.Dropout):
    """Dropout with MegEngine's argument."""

    def __init__(self, drop_prob=0.0):
        super().__init__(p=drop_prob)


def logsigmoid(input):
    """log(1 / (1 + exp(-x))); ops.logsigmoid is -inf from -88 on."""
    return ops.minimum(input, 0) - ops.log1p(ops.exp(-ops.abs(input)))


class TorchLogSigmoid(nn.Cell):
    """The logarithm of the sigmoid, as a layer."""

    def construct(self, x):
        return logsigmoid(x)
