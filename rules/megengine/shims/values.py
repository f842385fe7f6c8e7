"""Layers with torch's signatures, for files that pass a layer's class on and call it elsewhere."""

import megengine
import megengine.functional as F
import megengine.module as M
from tensor import gelu, where


def refuse_inplace(inplace):
    """Say that an in-place activation is not ported: nothing here shows who else sees the tensor."""
    if inplace:
        raise ValueError("inplace=True may change a tensor that is used again: pass inplace=False")


class TorchReLU(M.Module):
    """ReLU, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        return F.relu(x)


class TorchReLU6(M.Module):
    """ReLU6, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        return F.relu6(x)


class TorchSiLU(M.Module):
    """SiLU, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        return F.silu(x)


class TorchHardswish(M.Module):
    """Hardswish, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        return F.hswish(x)


class TorchHardsigmoid(M.Module):
    """Hardsigmoid, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        return F.hsigmoid(x)


class TorchMish(M.Module):
    """Mish, out of place."""

    def __init__(self, inplace=False):
        super().__init__()
        refuse_inplace(inplace)

    def forward(self, x):
        return x * F.tanh(F.softplus(x))


class TorchLeakyReLU(M.Module):
    """x where positive, else negative_slope * x, out of place."""

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        refuse_inplace(inplace)
        self.negative_slope = negative_slope

    def forward(self, x):
        return F.leaky_relu(x, self.negative_slope)


class TorchGELU(M.Module):
    """GELU, exact or by its approximation with tanh."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, x):
        return gelu(x, self.approximate)


class TorchBatchNorm1d(M.BatchNorm1d):
    """Batch normalisation with torch's momentum, the complement of the one here."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True):
        if momentum is None or not track_running_stats:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, 1 - momentum, affine)


class TorchBatchNorm2d(M.BatchNorm2d):
    """Batch normalisation with torch's momentum, the complement of the one here."""

    def __init__(self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True):
        if momentum is None or not track_running_stats:
            raise ValueError("only running averages with a momentum are ported")
        super().__init__(num_features, eps, 1 - momentum, affine)


class TorchLinear(M.Linear):
    """A dense layer with torch's arguments."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)


class TorchEmbedding(M.Embedding):
    """A table of rows with torch's first arguments."""

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None):
        super().__init__(num_embeddings, embedding_dim)
        if padding_idx is not None:
            self.padding_idx = padding_idx % num_embeddings
            values = self.weight.numpy().copy()
            values[padding_idx] = 0
            self.weight._reset(megengine.Tensor(values))

    def forward(self, ids):
        rows = F.embedding(ids, self.weight)
        if self.padding_idx is None:
            return rows
        # torch gives this row no gradient
        return where(F.expand_dims(ids != self.padding_idx, -1), rows, rows.detach())


class TorchDropout(M.Dropout):
    """Dropout with torch's arguments."""

    def __init__(self, p=0.5, inplace=False):
        refuse_inplace(inplace)
        super().__init__(p)


def check(condition, message):
    """Assert, as a function."""
    assert condition, message


class TorchIdentity(M.Module):
    """Gives back what it takes; made with any arguments, as torch's."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class TorchSoftmax(M.Softmax):
    """Softmax with torch's name of the axis."""

    def __init__(self, dim):
        super().__init__(axis=[dim])


def relu(input, inplace=False):
    """x where positive, else zero."""
    refuse_inplace(inplace)
    return F.relu(input)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where positive, else x times the slope."""
    refuse_inplace(inplace)
    return F.leaky_relu(input, negative_slope)


def silu(input, inplace=False):
    """x times its sigmoid."""
    refuse_inplace(inplace)
    return F.silu(input)
