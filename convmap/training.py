"""Trains source and port from the same weights on the same batches, and compares their losses.

Rounding grows along training, on both sides. How much is measured: torch is trained without oneDNN, whose
sums have another order, and from weights one unit in the last place away too, and at each step the other's
loss may be 8 times as far from a float64 run as the furthest of torch's own float32 runs has been so far,
plus the roundoff of the loss.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from convmap.compare import ROUNDOFF
from convmap.curves import Curve
from convmap.errors import ConvmapError
from convmap.inputs import Case, make_inputs, varied
from convmap.ported import make_pair
from convmap.rules import Rules
from convmap.sides import JUDGE, Sides, Workers
from convmap.verify import load_sides

RATES = {"sgd": 1e-3, "adam": 1e-3}
BATCHES = 4  # in turn
NEARBY = 3  # runs of torch from other weights


def train(case: Case, target: str, pool: Workers, rules: Rules, steps: int, seed: int) -> list[Curve]:
    """Train with SGD (momentum 0.9) and with Adam, each from the same start."""
    out = []
    with tempfile.TemporaryDirectory() as scratch:
        pair = make_pair(rules, case.file, target, Path(scratch), case.ported)
        sides, _ = load_sides(case, pair, pool)
        for optimizer, rate in RATES.items():
            try:
                out.append(_curve(sides, case, optimizer, rate, steps, seed))
            except ConvmapError as error:
                out.append(Curve(optimizer, (), (), (), str(error)))
    return out


def _curve(sides: Sides, case: Case, optimizer: str, rate: float, steps: int, seed: int) -> Curve:
    stream = np.random.RandomState(seed)
    drawn = [make_inputs(case.inputs, stream) for _ in range(BATCHES)]
    lists = list(drawn[0].lists)
    state = sides.trained or varied(sides.fresh, stream, sides.buffers)
    sides.pool[sides.source].ask("set_state", model=sides.source_model, arrays=state)
    sides.pool[sides.target].ask("set_state", model=sides.target_model, arrays=sides.moved(state))
    judge_model = sides.source_model if sides.source == JUDGE else sides.target_model
    shapes = sides.pool[JUDGE].ask(
        "run", model=judge_model, inputs=list(drawn[0].arrays), lists=lists, train=True, cotangents=None,
        dtype="float32", noise_seed=seed,
    )["outputs"]  # fmt: skip
    if not all(y.dtype.kind == "f" for y in shapes):
        raise ConvmapError("an output is not of floats: no loss is made of it")
    targets = [[np.asarray(stream.standard_normal(y.shape), np.float32) for y in shapes] for _ in drawn]
    turns = [number % BATCHES for number in range(steps)]
    common: dict[str, Any] = dict(
        batches=[list(drawn[n].arrays) for n in turns],
        targets=[targets[n] for n in turns],
        lists=lists,
        optimizer=optimizer,
        rate=rate,
        noise_seed=seed,
    )
    source = sides.pool[sides.source].ask("train_steps", model=sides.source_model, **common)
    port = sides.pool[sides.target].ask("train_steps", model=sides.target_model, **common)
    judge = sides.pool[JUDGE].ask("train_steps", model=judge_model, dtype="float64", **common)
    nearby = [tuple(sides.pool[JUDGE].ask("train_steps", model=judge_model, onednn=False, **common))]
    for _ in range(NEARBY):
        moved = {
            name: (v * (1 + ROUNDOFF * stream.choice([-2, 2], v.shape))).astype(v.dtype)
            if v.dtype.kind == "f"
            else v
            for name, v in state.items()
        }
        own = moved if sides.source == JUDGE else sides.moved(moved)
        sides.pool[JUDGE].ask("set_state", model=judge_model, arrays=own)
        nearby.append(tuple(sides.pool[JUDGE].ask("train_steps", model=judge_model, **common)))
    judged = "source" if sides.source == JUDGE else "port"
    return Curve(optimizer, tuple(source), tuple(port), tuple(judge), "", judged, tuple(nearby))
