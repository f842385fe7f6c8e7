"""Compares version numbers of frameworks with the windows of the rules."""

from __future__ import annotations

import functools
import re

from convmap.errors import ConvmapError
from convmap.model import Binding


@functools.cache
def parse(text: str) -> tuple[int, ...]:
    """Read the leading numbers of a version.

    >>> parse("2.13.0+cpu")
    (2, 13, 0)
    """
    match = re.match(r"\d+(\.\d+)*", text)
    if not match:
        raise ConvmapError(f"{text!r} is not a version; give one like 2.10.0")
    return tuple(int(part) for part in match.group().split("."))


def admits(binding: Binding, version: str) -> bool:
    """Tell whether a binding exists in a version: ``since <= version < until``."""
    at = parse(version)
    if binding.since and at < parse(binding.since):
        return False
    return not (binding.until and at >= parse(binding.until))
