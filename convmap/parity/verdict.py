"""What an answer means: within the bound, an expected quirk, or something nobody expected."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from convmap.compare import pattern
from convmap.numerics.bounds import worst
from convmap.parity.judge import Judgement

EXPECTED = ("exact", "quirk", "refused")


@dataclass(frozen=True)
class Outcome:
    """One case in one backend.

    ``status``: exact (within the bound), quirk (diverges as the rules say it does), refused (the rules
    write no call); and unexpected: differs, raised, crashed, timeout, or fixed (a quirk that is none).
    """

    case: str
    backend: str
    status: str
    api: str = ""
    shim: bool = False
    quirk: str = ""
    detail: str = ""
    multiples: dict[str, float] = field(default_factory=dict)

    @property
    def expected(self) -> bool:
        return self.status in EXPECTED


def distances(answer: dict[str, np.ndarray], truth: Judgement) -> tuple[dict[str, float], str]:
    """Give each tensor's error in units of the bound, and what the first one beyond it looks like."""
    multiples: dict[str, float] = {}
    seen = ""
    for name, value in truth.values.items():
        found = answer.get(name)
        if found is None or found.shape != value.shape:
            multiples[name] = float("inf")
            shape = "missing" if found is None else f"of shape {found.shape}, not {value.shape}"
            seen = seen or f"{name} {shape}"
            continue
        multiple, at = worst(found, value, truth.bounds[name])
        multiples[name] = multiple
        if multiple > 1 and not seen:
            seen = f"{name} at {at}: {found[at]:.9g}, not {value[at]:.9g}: {named(name, found, value)}"
    return multiples, seen


def named(name: str, found: np.ndarray, value: np.ndarray) -> str:
    """Name what a difference looks like; for weights' gradients also swapped axes."""
    if name == "weight gradient" and found.ndim > 2 and found.shape[0] == found.shape[1]:
        if np.allclose(found.swapaxes(0, 1), value, rtol=1e-3, atol=1e-4):
            return "weights transposed"
    flipped = np.flip(found, axis=tuple(range(2, found.ndim)))
    if found.ndim > 2 and np.allclose(flipped, value, rtol=1e-3, atol=1e-4):
        return "kernel flipped"
    return pattern(found, value)
