"""The third witness: of a convolution that is off, the float64 NumPy core says which framework is.

The layer's settings are read from torch's module by the names of its binding, and each framework is held
to what the core makes of the very input that it had; the core shares nothing with a framework.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convmap.errors import Refusal
from convmap.model import UNKNOWN, Binding, constant
from convmap.numerics import bounds, core
from convmap.translate import Argument, lift, names_for_limits

PLAIN, TRANSPOSED = ("begin", "end"), ("begin", "extra")


def in_reach(binding: Binding) -> bool:
    """Tell whether a layer is a convolution, by the sides and the weights of its operator."""
    return bool(binding.weights) and any(s.sides in (PLAIN, TRANSPOSED) for s in binding.operator.slots)


def testify(
    binding: Binding,
    settings: dict[str, Any],
    weight: np.ndarray,
    bias: np.ndarray | None,
    runs: dict[str, tuple[np.ndarray, np.ndarray]],
) -> str:
    """Say which frameworks give what the core gives; "" where the layer is not in its reach.

    ``weight``: i o/groups *kernel or o i/groups *kernel as torch has it; ``runs``: of each framework the
    input n i *spatial and the output n o *spatial of this layer, float32.
    """
    names = {p.name for p in binding.params}
    try:
        given = [Argument(constant(value), name) for name, value in settings.items() if name in names]
        call = lift(binding, given).call
    except Refusal:
        return ""
    known = names_for_limits(call)
    side = next(slot.sides for slot in call.operator.slots if slot.sides in (PLAIN, TRANSPOSED))
    assert side is not None
    begin, other = (known[name] for name in side)
    how = {key: known[key] for key in ("stride", "dilation", "groups")}
    if UNKNOWN in (begin, other, *how.values()) or known.get("padding_mode", "zeros") != "zeros":
        return ""
    run: Any
    limit: Any
    if side == TRANSPOSED:
        run, limit = core.conv_transpose, bounds.conv_transpose_bound
        how["crop"] = [(b, b - e) for b, e in zip(begin, other)]
    else:
        run, limit = core.conv, bounds.conv_bound
        how["pads"] = list(zip(begin, other))
    w = weight.astype(np.float64)
    last = None if bias is None else bias.astype(np.float64)
    said = []
    for framework, (x, output) in runs.items():
        if x.ndim != weight.ndim:
            return ""  # without a batch
        right = run(x.astype(np.float64), w, last, **how)
        if output.shape != right.shape:
            said.append(f"{framework} has the shape {output.shape}, not {right.shape}")
            continue
        far = bounds.worst(output, right, limit(x.astype(np.float64), w, last, engine=core, **how))[0]
        said.append(f"{framework} {'agrees' if far <= 1 else 'is off'} ({far:.2g} of its bound)")
    return f"the float64 NumPy core: {', '.join(said)}"
