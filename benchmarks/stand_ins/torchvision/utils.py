"""Stands in for torchvision.utils: what models take from it that is no tensor's."""
import collections.abc
from itertools import repeat


def _log_api_usage_once(obj):
    pass


def _make_ntuple(x, n):
    if isinstance(x, collections.abc.Iterable):
        return tuple(x)
    return tuple(repeat(x, n))
