"""safetensors files, read and written tensor by tensor without holding the rest.

The library's writer takes all tensors at once and its reader for NumPy has no bfloat16; a 5 GB
checkpoint has to pass through little memory. Format: eight bytes of header size, a JSON header of
names, formats, shapes and offsets, the data (github.com/huggingface/safetensors). Python 3.8 and later,
NumPy only: the frameworks' workers use it too.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

# bfloat16 has no format in NumPy: its bits are carried as they are.
FORMATS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "uint16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
NAMES = {v: k for k, v in FORMATS.items() if k != "BF16"}
_LARGEST_HEADER = 100 << 20
_PIECE = 1 << 22  # elements written at once


class Entry(NamedTuple):
    """One tensor of a file: its format, its shape, and where its data are."""

    format: str
    shape: tuple[int, ...]
    path: str
    offset: int

    def array(self) -> np.ndarray:
        """Read it. Not a map of the file: what has been looked at would stay in memory."""
        count = int(np.prod(self.shape, dtype=np.int64))
        return np.fromfile(self.path, FORMATS[self.format], count, offset=self.offset).reshape(self.shape)

    def mapped(self) -> np.ndarray:
        """Map it: pages of the file that the system takes back where memory is short. No change is written."""
        if 0 in self.shape:
            return self.array()  # nothing can't be mapped
        kind = FORMATS[self.format]
        return np.memmap(self.path, kind, mode="c", offset=self.offset, shape=self.shape or (1,)).reshape(
            self.shape
        )

    def data(self) -> bytes:
        """Read its bytes, as they lie in the file: in C order, little-endian."""
        with open(self.path, "rb") as stream:
            stream.seek(self.offset)
            return stream.read(_bytes(self.format, self.shape))

    def pieces(self) -> Iterator[bytes]:
        """Read its bytes in pieces that take little memory; one empty piece where it has no elements."""
        size, step = _bytes(self.format, self.shape), 4 * _PIECE
        with open(self.path, "rb") as stream:
            stream.seek(self.offset)
            for at in range(0, max(size, 1), step):
                yield stream.read(min(step, size - at))


def _bytes(kind: str, shape: Iterable[int]) -> int:
    return int(np.prod(tuple(shape), dtype=np.int64)) * np.dtype(FORMATS[kind]).itemsize


def read(path: str) -> dict[str, Entry]:
    """Say what is in a file. Raises ValueError where it is no safetensors file, or cut off."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(_LARGEST_HEADER, size - 8):
            raise ValueError("no header of a safetensors file")
        header = json.loads(stream.read(length).decode("utf-8"))
    found = {}
    for name, row in header.items():
        if name == "__metadata__":
            continue
        kind, shape, (begin, end) = row["dtype"], tuple(row["shape"]), row["data_offsets"]
        if kind not in FORMATS:
            raise ValueError(f"{name} has the format {kind} (known: {', '.join(FORMATS)})")
        wanted = _bytes(kind, shape)
        if end - begin != wanted or 8 + length + end > size:
            raise ValueError(f"{name} is cut off or of another size than it says")
        found[name] = Entry(kind, shape, path, 8 + length + begin)
    return found


def write(path: str, rows: list[tuple[str, str, tuple[int, ...]]], arrays: Iterable[np.ndarray]) -> None:
    """Write tensors that come one by one: ``rows`` says (name, format, shape) of each, in order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, kind, shape in rows:
        size = _bytes(kind, shape)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        stream_of_arrays = iter(arrays)
        for name, kind, shape in rows:
            array = next(stream_of_arrays)
            if array.dtype != FORMATS[kind] or tuple(array.shape) != tuple(shape):
                raise ValueError(f"{name} is {array.dtype} {array.shape}, not {kind} {shape}")
            flat = array.reshape(-1)
            for at in range(0, flat.size, _PIECE):
                stream.write(np.ascontiguousarray(flat[at : at + _PIECE]).tobytes())
            del array, flat  # or they are there beside the next one
