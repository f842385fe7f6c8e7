"""What a model is run on: the manifest of models, inputs from their specs, weights that hide nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tomli

from convmap.errors import ConvmapError

_ONE = re.compile(r"(\d+(?:x\d+)*)(?::(float32|int32|int64):?(?:(-?\d+)\.\.(-?\d+))?)?")
_FIELDS = {"id", "file", "entry", "inputs"}


@dataclass(frozen=True)
class Case:
    """One model to verify: the file, the expression that makes it, the specs of its inputs.

    ``ported``: the port, where it is given and not made; ``weights``: a checkpoint of the source, where
    trained weights are wanted and not drawn ones.
    """

    name: str
    file: Path
    entry: str
    inputs: tuple[str, ...]
    ported: Path | None = None
    weights: Path | None = None


@dataclass(frozen=True)
class Inputs:
    """The arrays of all arguments in order, and for each argument the length of its list, or None."""

    arrays: tuple[np.ndarray, ...]
    lists: tuple[int | None, ...]


def make_inputs(specs: tuple[str, ...], stream: np.random.RandomState) -> Inputs:
    """Make the arguments of a forward call from specs: ``2x3x8x8``, ``2x8:int64:0..10`` (half-open), or
    a list of tensors as one argument, ``[2x8x4x4, 2x16x2x2]``.

    >>> made = make_inputs(("2x3", "[4, 5:int64:0..3]"), np.random.RandomState(0))
    >>> [a.shape for a in made.arrays], made.lists
    ([(2, 3), (4,), (5,)], (None, 2))
    """
    arrays: list[np.ndarray] = []
    lists: list[int | None] = []
    for spec in specs:
        text = spec.strip()
        inside = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else None
        arrays += [_array(part.strip(), spec, stream) for part in inside or [text]]
        lists.append(None if inside is None else len(inside))
    return Inputs(tuple(arrays), tuple(lists))


def _array(text: str, spec: str, stream: np.random.RandomState) -> np.ndarray:
    match = _ONE.fullmatch(text)
    if not match:
        raise ConvmapError(
            f"--input {spec!r}: give a shape like 2x100x1x1, 2x8:int64:0..10, or a list [2x8x4x4, 2x16x2x2]"
        )
    shape = tuple(int(n) for n in match.group(1).split("x"))
    if (match.group(2) or "float32") == "float32":
        return stream.standard_normal(shape).astype(np.float32)
    low, high = int(match.group(3) or 0), int(match.group(4) or 2)
    if high <= low:
        raise ConvmapError(f"--input {spec!r}: the range {low}..{high} is empty")
    return stream.randint(low, high, shape).astype(match.group(2))


def varied(
    state: dict[str, np.ndarray], stream: np.random.RandomState, buffers: frozenset[str] = frozenset()
) -> dict[str, np.ndarray]:
    """Give weights that hide nothing: the spread of the fresh ones, vectors away from ones and zeros.

    Masks stay: what has infinities, and of ``buffers`` what has two values only.
    """
    out = {}
    for name in sorted(state):
        value = state[name]
        if value.dtype.kind != "f" or not np.isfinite(value).all() or (name in buffers and _is_mask(value)):
            out[name] = value
        elif np.ptp(value) > 0:
            spread = float(value.std())
            out[name] = np.asarray(stream.uniform(-1.7, 1.7, value.shape) * spread, value.dtype)
        elif value.size and value.flat[0] > 0:  # scales and variances
            out[name] = np.asarray(stream.uniform(0.5, 1.5, value.shape), value.dtype)
        else:
            out[name] = np.asarray(stream.standard_normal(value.shape) * 0.2, value.dtype)
    return out


def _is_mask(value: np.ndarray) -> bool:
    """Tell whether a tensor says yes or no at every place: values between would be none that it can have."""
    return value.size > 2 and np.unique(value).size == 2


def read_manifest(path: Path) -> list[Case]:
    """Read [[model]] entries: id, file (relative to the manifest), entry, inputs (a list in it: one argument)."""
    try:
        table = tomli.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomli.TOMLDecodeError) as error:
        raise ConvmapError(f"{path}: {error}") from None
    out = []
    for number, row in enumerate(table.get("model", ()), 1):
        if set(row) != _FIELDS:
            raise ConvmapError(f"{path}: model {number}: needs id, file, entry and inputs, and nothing else")
        specs = (f"[{', '.join(spec)}]" if isinstance(spec, list) else spec for spec in row["inputs"])
        out.append(Case(row["id"], path.parent / row["file"], row["entry"], tuple(specs)))
    if not out:
        raise ConvmapError(f"{path}: no [[model]] in it")
    return out
