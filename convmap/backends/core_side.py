"""The shared convolution core as a witness: on NumPy, torch or CuPy arrays, in the interpreter that has them.

In torch's interpreter it is started by worker.py like a framework, with the checkout importable.
"""

from __future__ import annotations

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from convmap.numerics import core  # noqa: E402


def call(library, device, transposed, how, weights, x, cotangent):
    """Run one call of the core: its output, and its gradients where a cotangent is given.

    ``weights``: (name, array) of weight and, where there is one, bias; ``how``: stride and the like.
    """
    to, back = _moves(library, device)
    arrays = {name: to(array) for name, array in weights}
    given, how = to(x), {k: _tuples(v) for k, v in how.items()}
    run = core.conv_transpose if transposed else core.conv
    answer = {"output": back(run(given, arrays["weight"], arrays.get("bias"), **how))}
    if cotangent is not None:
        run = core.conv_transpose_gradients if transposed else core.conv_gradients
        found = run(to(cotangent), given, arrays["weight"], **how)
        answer["input gradient"], answer["weight gradient"] = back(found.input), back(found.weight)
        if "bias" in arrays:
            answer["bias gradient"] = back(found.bias)
    return answer


def _moves(library, device):
    """Give the functions that take an array to the library and back."""
    if library == "numpy":
        return (lambda a: a), (lambda a: a)
    if library == "torch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        return (lambda a: torch.from_numpy(a).to(device)), (lambda a: a.cpu().numpy())
    import cupy

    return cupy.asarray, cupy.asnumpy


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def info(library="numpy", device="cpu"):
    if library == "numpy":
        import numpy as found
    elif library == "torch":
        import torch as found

        if device == "cuda":
            device = found.cuda.get_device_name(0)
    else:
        import cupy as found

        device = found.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return {"version": found.__version__, "device": device}
