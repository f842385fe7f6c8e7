"""Products and scratch space of the core in any array library; NumPy's reuses its memory.

Kept apart so that only this module knows one library from another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import array_api_compat
import numpy as np

from convmap.numerics.blocks import steps

Array = Any  # of any library
# OpenBLAS has a way of its own for small products. With few columns it takes half the time, for so
# many rows at once (0.3.31, AVX-512).
ROWS, FEW_COLUMNS = 128, 4
BUFFER = 256  # elements of NumPy's buffer for operations on strided arrays


class Workspace:
    """The operations of the array API standard alone: each gives a new array."""

    def __init__(self, xp: Any, like: Array) -> None:
        self.xp, self.device = xp, array_api_compat.device(like)
        self.dtype = like.dtype
        self.short = like.dtype == getattr(xp, "float16", None)
        # sums of float16 are rounded once, at the end
        self.sums = xp.float32 if self.short else like.dtype
        self.bytes = xp.finfo(self.sums).bits // 8

    def running(self) -> AbstractContextManager[None]:
        """Give the setting the passes run in."""
        return nullcontext()

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        return self.xp.zeros(shape, dtype=dtype or self.dtype, device=self.device)

    def empty(self, shape: tuple[int, ...]) -> Array:
        return self.xp.empty(shape, dtype=self.dtype, device=self.device)

    def scratch(self, name: str, shape: tuple[int, ...]) -> Array:
        """Give an array for sums, its values arbitrary, valid until the name is asked for again."""
        return self.xp.empty(shape, dtype=self.sums, device=self.device)

    def reserve(self, **sizes: int) -> None:
        """Say how many elements each name takes at most in the pass that begins."""

    def product(self, name: str, a: Array, b: Array) -> Array:
        return self.xp.matmul(a, b)

    def product_into(self, out: Array, a: Array, b: Array, memory: int) -> None:
        """Write g n k times g k m to ``out``, through at most ``memory`` bytes or one row."""
        row = a.shape[0] * b.shape[-1] * self.bytes
        for rows in steps(a.shape[-2], max(1, memory // row)):
            out[:, rows, :] = self.xp.matmul(a[:, rows, :], b)

    def finite(self, a: Array) -> bool:
        ends = (self.xp.min(a), self.xp.max(a)) if math.prod(a.shape) else ()
        return all(bool(self.xp.isfinite(end)) for end in ends)

    def copy(self, name: str, a: Array) -> Array:
        """Give the values in memory order, in the format of sums."""
        return self.xp.astype(a, self.sums, copy=True)

    def wide(self, a: Array) -> Array:
        """Give the values in the format of sums."""
        return self.xp.astype(a, self.sums) if self.short else a

    def stored(self, a: Array) -> Array:
        """Give the values in the format of the arrays given."""
        return self.xp.astype(a, self.dtype) if self.short else a


class NumpyWorkspace(Workspace):
    """The same into memory touched before: fresh pages cost as much as the arithmetic."""

    def __init__(self, xp: Any, like: Array) -> None:
        super().__init__(xp, like)
        self._memory: dict[str, Array] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        # Rows of strided arrays shorter than the buffer are copied into it first, although nothing is
        # converted: adding them takes up to four times as long (NumPy 2.4, rows of 512).
        before = np.setbufsize(BUFFER)
        try:
            yield
        finally:
            np.setbufsize(before)

    def reserve(self, **sizes: int) -> None:
        # Memory that grows later would be there twice: its old views are still in use.
        self._memory = {}
        self._memory = {name: np.empty(size, self.sums) for name, size in sizes.items()}

    def scratch(self, name: str, shape: tuple[int, ...]) -> Array:
        size = math.prod(shape)
        if name not in self._memory or self._memory[name].size < size:
            self._memory[name] = np.empty(size, self.sums)
        return self._memory[name][:size].reshape(shape)

    def product(self, name: str, a: Array, b: Array) -> Array:
        out = self.scratch(name, (max(a.shape[0], b.shape[0]), a.shape[-2], b.shape[-1]))
        if a.shape[-1] == 1:  # NumPy's product over an axis of one is a slow loop of its own
            return np.multiply(a, b, out=out)
        step = ROWS if 1 < b.shape[-1] <= FEW_COLUMNS else a.shape[-2]
        for rows in steps(a.shape[-2], step):
            np.matmul(a[:, rows, :], b, out=out[:, rows, :])
        return out

    def product_into(self, out: Array, a: Array, b: Array, memory: int) -> None:
        np.matmul(a, b, out=out)

    def wide(self, a: Array) -> Array:
        return a  # NumPy converts while it assigns

    def stored(self, a: Array) -> Array:
        return a

    def copy(self, name: str, a: Array) -> Array:
        out = self.scratch(name, a.shape)
        np.copyto(out, a)
        return out


def workspace(*arrays: Array) -> Workspace:
    """Give the workspace for arrays of one library, format and device."""
    given = [a for a in arrays if a is not None]
    try:
        xp = array_api_compat.array_namespace(*given)
    except TypeError:
        kinds = ", ".join(type(a).__name__ for a in given)
        raise ValueError(f"arrays of type {kinds}: give arrays of one array-API library") from None
    first = given[0]
    formats = [getattr(xp, name, None) for name in ("float16", "float32", "float64")]
    for a in given:
        if a.dtype != first.dtype or a.dtype not in [f for f in formats if f is not None]:
            listed = ", ".join(str(a.dtype) for a in given)
            raise ValueError(f"arrays of {listed}: give float16, float32 or float64, the same for all")
    return (NumpyWorkspace if array_api_compat.is_numpy_array(first) else Workspace)(xp, first)
