"""Messages between processes: a JSON header and raw array buffers, readable by NumPy 1 and 2.

No pickle: one that NumPy 2 wrote breaks NumPy 1's reader (FACTS.md, Runner).
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np


def _pack(value: Any, buffers: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        buffers.append(data.tobytes())
        return {"__array__": len(buffers) - 1, "dtype": str(data.dtype), "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {str(k): _pack(v, buffers) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_pack(v, buffers) for v in value]
    return value


def _unpack(value: Any, buffers: list[bytes]) -> Any:
    if isinstance(value, dict):
        if "__array__" in value:
            data = np.frombuffer(buffers[value["__array__"]], dtype=value["dtype"])
            return data.reshape(value["shape"]).copy()
        return {k: _unpack(v, buffers) for k, v in value.items()}
    if isinstance(value, list):
        return [_unpack(v, buffers) for v in value]
    return value


def send(stream: Any, message: Any) -> None:
    """Write a tree of dicts, lists, JSON values and arrays."""
    buffers: list[bytes] = []
    tree = _pack(message, buffers)
    header = json.dumps({"tree": tree, "sizes": [len(b) for b in buffers]}).encode()
    stream.write(struct.pack("<Q", len(header)))
    stream.write(header)
    for data in buffers:
        stream.write(data)
    stream.flush()


def receive(stream: Any) -> Any:
    """Read one message; None at the end of the stream."""
    size = stream.read(8)
    if len(size) < 8:
        return None
    header = json.loads(stream.read(struct.unpack("<Q", size)[0]))
    buffers = [stream.read(n) for n in header["sizes"]]
    return _unpack(header["tree"], buffers)
