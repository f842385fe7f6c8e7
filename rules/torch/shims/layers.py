"""Layers with MindSpore's or MegEngine's signatures, for classes that are passed on as values, and pools with 'same'."""

import torch.nn as nn
import torch.nn.functional as F

from conv import SidesConv2d, pad_axes, pairs, same_pads
from initializer import initializer, set_data


def only_defaults(**given):
    """Raise ValueError for an argument that says something torch's layer can't."""
    usual = {
        "gamma_init": "ones", "beta_init": "zeros", "moving_mean_init": "zeros", "moving_var_init": "ones",
        "use_batch_statistics": None, "data_format": "NCHW", "begin_norm_axis": -1, "begin_params_axis": -1,
        "use_one_hot": False, "padding_idx": None, "freeze": False,
    }
    for name, value in given.items():
        if value != usual[name]:
            raise ValueError(f"{name}={value!r} is not ported: only {usual[name]!r}")


class MindSporeBatchNorm:
    """What the batch norms below share: momentum is the part of the old statistics."""

    def __init__(self, num_features, eps=1e-05, momentum=0.9, affine=True, gamma_init="ones", beta_init="zeros",
                 moving_mean_init="zeros", moving_var_init="ones", use_batch_statistics=None, data_format="NCHW",
                 dtype=None):
        only_defaults(gamma_init=gamma_init, beta_init=beta_init, moving_mean_init=moving_mean_init,
                      moving_var_init=moving_var_init, use_batch_statistics=use_batch_statistics,
                      data_format=data_format)
        super().__init__(num_features, eps, 1.0 - momentum, affine)


class MindSporeBatchNorm1d(MindSporeBatchNorm, nn.BatchNorm1d):
    """nn.BatchNorm1d with MindSpore's signature."""


class MindSporeBatchNorm2d(MindSporeBatchNorm, nn.BatchNorm2d):
    """nn.BatchNorm2d with MindSpore's signature."""


class MegEngineBatchNorm:
    """What the batch norms below share: momentum is the part of the old statistics."""

    def __init__(self, num_features, eps=1e-05, momentum=0.9, affine=True, track_running_stats=True, freeze=False):
        only_defaults(freeze=freeze)
        super().__init__(num_features, eps, 1.0 - momentum, affine, track_running_stats)


class MegEngineBatchNorm1d(MegEngineBatchNorm, nn.BatchNorm1d):
    """nn.BatchNorm1d with MegEngine's signature."""


class MegEngineBatchNorm2d(MegEngineBatchNorm, nn.BatchNorm2d):
    """nn.BatchNorm2d with MegEngine's signature."""


class MindSporeGroupNorm(nn.GroupNorm):
    """nn.GroupNorm with MindSpore's signature."""

    def __init__(self, num_groups, num_channels, eps=1e-05, affine=True, gamma_init="ones", beta_init="zeros",
                 dtype=None):
        only_defaults(gamma_init=gamma_init, beta_init=beta_init)
        super().__init__(num_groups, num_channels, eps, affine)


class MindSporeLayerNorm(nn.LayerNorm):
    """nn.LayerNorm with MindSpore's signature."""

    def __init__(self, normalized_shape, begin_norm_axis=-1, begin_params_axis=-1, gamma_init="ones",
                 beta_init="zeros", epsilon=1e-07, dtype=None):
        only_defaults(begin_norm_axis=begin_norm_axis, begin_params_axis=begin_params_axis,
                      gamma_init=gamma_init, beta_init=beta_init)
        super().__init__(tuple(normalized_shape), epsilon)


class MindSporeSequential(nn.Sequential):
    """nn.Sequential of modules, or of one list of them."""

    def __init__(self, *args):
        listed = len(args) == 1 and isinstance(args[0], (list, tuple))
        super().__init__(*(args[0] if listed else args))


class MindSporeDropout(nn.Dropout):
    """nn.Dropout with MindSpore's signature: what is kept comes first, and p before it where given."""

    def __init__(self, keep_prob=0.5, p=None, dtype=None):
        super().__init__(1.0 - keep_prob if p is None else p)


class MindSporeGELU(nn.GELU):
    """nn.GELU with MindSpore's signature: the approximation by tanh unless told otherwise."""

    def __init__(self, approximate=True):
        super().__init__("tanh" if approximate else "none")


def drawn_by(parameter, init):
    """Draw a parameter by one of MindSpore's initialisers; None leaves it, both frameworks draw alike."""
    if init is not None:
        set_data(parameter, initializer(init, tuple(parameter.shape), parameter.dtype))


class MindSporeConv2d(SidesConv2d):
    """nn.Conv2d with MindSpore's signature: n i h w -> n o h w."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, pad_mode="same", padding=0, dilation=1,
                 group=1, has_bias=False, weight_init=None, bias_init=None, data_format="NCHW", dtype=None):
        only_defaults(data_format=data_format)
        super().__init__(in_channels, out_channels, kernel_size, stride, pad_mode, padding, dilation, group, has_bias)
        drawn_by(self.weight, weight_init)
        if has_bias:
            drawn_by(self.bias, bias_init)


class MindSporeDense(nn.Linear):
    """nn.Linear with MindSpore's signature: * i -> * o."""

    def __init__(self, in_channels, out_channels, weight_init=None, bias_init=None, has_bias=True, activation=None,
                 dtype=None):
        if activation is not None:
            raise ValueError("activation is not ported: call it behind the layer")
        super().__init__(in_channels, out_channels, has_bias)
        drawn_by(self.weight, weight_init)
        if has_bias:
            drawn_by(self.bias, bias_init)


class MindSporeEmbedding(nn.Embedding):
    """nn.Embedding with MindSpore's signature: a table of rows, normal with deviation 0.01 unless told."""

    def __init__(self, vocab_size, embedding_size, use_one_hot=False, embedding_table="normal", dtype=None,
                 padding_idx=None):
        only_defaults(use_one_hot=use_one_hot, padding_idx=padding_idx)
        super().__init__(vocab_size, embedding_size)
        drawn_by(self.weight, embedding_table)


def per_axis(value, axes):
    """One number for each axis."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes


class SidesPool(nn.Module):
    """What the pools below share: padding by side, then the pool without padding."""

    axes = 2

    def __init__(self, kernel_size=1, stride=1, pad_mode="valid", padding=0):
        super().__init__()
        self.kernel_size, self.stride = per_axis(kernel_size, self.axes), per_axis(stride, self.axes)
        self.pad_mode, self.sides = pad_mode, pairs(padding, self.axes)

    def amounts(self, x):
        if self.pad_mode == "same":
            return same_pads(x.shape[-self.axes :], self.kernel_size, self.stride, (1,) * self.axes)
        return [(0, 0)] * self.axes if self.pad_mode == "valid" else self.sides


class SidesMaxPool(SidesPool):
    """The largest value of each window; what is added around never is."""

    def forward(self, x):
        amounts = [side for pair in reversed(self.amounts(x)) for side in pair]
        run = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.axes - 1]
        return run(F.pad(x, amounts, value=float("-inf")), self.kernel_size, self.stride)


class SidesMaxPool1d(SidesMaxPool):
    """nn.MaxPool1d with padding by side: n c w."""

    axes = 1


class SidesMaxPool2d(SidesMaxPool):
    """nn.MaxPool2d with padding by side: n c h w."""


class SidesMaxPool3d(SidesMaxPool):
    """nn.MaxPool3d with padding by side: n c d h w."""

    axes = 3


class SidesAvgPool(SidesPool):
    """The mean of each window's own elements under 'same', of all and zeros otherwise (measured)."""

    def forward(self, x):
        run = (F.avg_pool1d, F.avg_pool2d)[self.axes - 1]
        amounts = self.amounts(x)
        out = run(pad_axes(x, amounts), self.kernel_size, self.stride)
        if self.pad_mode != "same":
            return out
        ones = pad_axes(x.new_ones(x.shape[-self.axes :])[None, None], amounts)
        return out / run(ones, self.kernel_size, self.stride)[0, 0]


class SidesAvgPool1d(SidesAvgPool):
    """nn.AvgPool1d with padding by side: n c w."""

    axes = 1


class SidesAvgPool2d(SidesAvgPool):
    """nn.AvgPool2d with padding by side: n c h w."""

class MegEngineDropout(nn.Dropout):
    """nn.Dropout with MegEngine's signature."""

    def __init__(self, drop_prob=0.0):
        super().__init__(drop_prob)
