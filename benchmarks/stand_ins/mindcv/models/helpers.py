"""What mindcv's model files take of their package that is made of no tensors: no weights are loaded here."""

import collections.abc
from itertools import repeat


def load_pretrained(*args, **kwargs):
    raise NotImplementedError("no trained weights here")


def build_model_with_cfg(model_cls, pretrained, default_cfg, **kwargs):
    return model_cls(**kwargs)


def make_divisible(v, divisor, min_value=None):
    new_v = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return new_v + divisor if new_v < 0.9 * v else new_v


def _ntuple(n):
    return lambda x: x if isinstance(x, collections.abc.Iterable) else tuple(repeat(x, n))


to_2tuple = _ntuple(2)
