"""Runs a port against its source: same weights, inputs and noise; outputs, gradients and statistics.

Unlike porting, verifying runs the user's file, in workers.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from convmap.checkpoints import open_checkpoint
from convmap.compare import GROWTH, Comparison, compare
from convmap.errors import ConvmapError
from convmap.inputs import Case
from convmap.kinks import Key, Runs
from convmap.localise import localise
from convmap.points import off_at
from convmap.ported import Pair, make_pair
from convmap.rewrite.port import Port
from convmap.rules import Rules
from convmap.sides import JUDGE, Sample, Sides, Workers
from convmap.source.document import Document
from convmap.source.locate import Locator
from convmap.verdicts import Verdict
from convmap.walks import Walk
from convmap.weights import WeightPlan, plan_weights

DRAWS = 3  # samples drawn for each one wanted, at most: some sit on a kink
LEAST = 12  # drawn in any case before there is no verdict


def verify(
    case: Case,
    target: str,
    pool: Workers,
    rules: Rules,
    seed: int = 0,
    seeds: int = 8,
    known: bool = False,
    modes: tuple[str, ...] = ("eval", "train"),
    points: bool = False,
    made: Port | None = None,
) -> Verdict:
    """Port one model (or take the port that the case gives), run source, target and judge, and compare; every failure is in the verdict.

    ``known``: allow the errors that the rules record of the calls used. For single calls, not for models.
    ``points``: look at single inputs too, where all else holds; they don't change whether it does.
    ``made``: how the port that the case gives was made, where it is convmap's own.
    """
    verdict = Verdict(case, target)
    start = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            pair = make_pair(rules, case.file, target, Path(scratch), case.ported)
            pair = dataclasses.replace(pair, port=made) if made is not None else pair
            accuracy = _note(pair, verdict, known)
            sides, plan = load_sides(case, pair, pool)
            verdict.left_out, verdict.tensors = plan.left_out, len(plan.transfers)
            for mode in modes:
                samples = _collect(sides, case, mode, seed, seeds, verdict)
                found = _compared([s.tensors for s in samples], accuracy)
                verdict.comparisons += [(mode, comparison) for comparison in found]
                if not all(c.holds for c in found):
                    verdict.excused += [(mode, c) for c in _excused(sides, samples, pair, mode, verdict)]
                if verdict.walk is None and any(c.kind == "forward" and not c.holds for c in found):
                    verdict.walk = _walk(sides, samples[0], mode, pair, rules)
            if points and verdict.holds:
                verdict.points = off_at(sides, case, modes[0], seed)
    except ConvmapError as error:
        verdict.problem = str(error)
        detail = getattr(error, "detail", "")
        if detail:
            frames = [line for line in detail.strip().splitlines() if line.strip()]
            verdict.problem += " | " + " | ".join(frames[-5:-1])
    verdict.seconds = time.perf_counter() - start
    return verdict


def _note(pair: Pair, verdict: Verdict, known: bool) -> float:
    """Note what was ported; give the error that its calls may have, where that is ``known``."""
    verdict.files = (pair.file.read_text(encoding="utf-8"), pair.ported.read_text(encoding="utf-8"))
    if pair.port is None:
        return 0.0
    verdict.unported = pair.unported
    verdict.counts, verdict.uses = dict(pair.port.counts), pair.port.uses
    used = {name for use in pair.port.uses for name in (use.api, use.target)}
    quirks = (*pair.source.quirks, *pair.target.quirks)
    inexact = [row for row in quirks if row.accuracy and row.apis & used]
    verdict.inexact = tuple(row.effect for row in inexact)
    return max((row.accuracy for row in inexact), default=0.0) if known else 0.0


def load_sides(case: Case, pair: Pair, pool: Workers) -> tuple[Sides, WeightPlan]:
    """Load both models and plan which tensor becomes which."""
    source, target = pair.source.name, pair.target.name
    if JUDGE not in (source, target):
        raise ConvmapError("neither side has float64: see convmap.by_way")
    one = pool[source].ask("load", path=str(pair.file.resolve()), entry=case.entry)
    two = pool[target].ask("load", path=str(pair.ported.resolve()), entry=case.entry)
    plan = plan_weights(pair.source, one["tree"], pair.target, two["tree"])
    fresh = pool[source].ask("get_state", model=one["model"])
    trained = _trained(case.weights, fresh, pool) if case.weights else {}
    buffers = frozenset(f"{row['path']}.{name}".lstrip(".") for row in one["tree"] for name in row["buffers"])
    return Sides(pool, source, one["model"], target, two["model"], plan, fresh, trained, buffers), plan


def _trained(path: Path, fresh: dict[str, np.ndarray], pool: Workers) -> dict[str, np.ndarray]:
    """Read a checkpoint of the source; raise ConvmapError where it is not one of this model."""
    reader = open_checkpoint(path, "", pool)
    found = {row.name: row for row in reader.rows}
    wrong = [f"{name} is not in the file" for name in fresh if name not in found]
    wrong += [f"{name} is not in the model" for name in found if name not in fresh]
    wrong += [
        f"{name} is {found[name].shape} in the file and {value.shape} in the model"
        for name, value in fresh.items()
        if name in found and found[name].shape != value.shape
    ]
    if wrong:
        raise ConvmapError(f"{path}: {'; '.join(wrong[:6])}")
    return {name: reader.read(name).astype(value.dtype) for name, value in fresh.items()}


def _compared(samples: list[dict[Key, Runs]], accuracy: float = 0.0) -> list[Comparison]:
    """Judge each tensor over all samples at once."""
    out = []
    for kind, name in samples[0]:
        *own, other, judge = map(_joined, zip(*(tensors[kind, name] for tensors in samples)))
        out.append(compare(name, kind, own, other, judge, accuracy))
    return out


def _excused(
    sides: Sides, samples: list[Sample], pair: Pair, mode: str, verdict: Verdict
) -> list[Comparison]:
    """Judge again beside runs with the errors that the rules record of functions, and note which there were.

    A part of each error is put in, so that the growth which the bound allows makes it whole.
    """
    quirks = (*pair.source.quirks, *pair.target.quirks)
    rows = [q for q in quirks if q.functions and q.accuracy and q.mode in ("", mode)]
    errors = {name: row.accuracy / GROWTH for row in rows for name in row.functions}
    if not errors:
        return _compared([s.tensors for s in samples])
    by_channel = sorted({name for row in rows if row.by_channel for name in row.functions})
    found = [sides.disturbed(sample, errors, by_channel) for sample in samples]
    called = {name for _, names in found for name in names}
    effects = [row.effect for row in rows if called & set(row.functions)]
    verdict.excuses = tuple(dict.fromkeys([*verdict.excuses, *effects]))
    return _compared([tensors for tensors, _ in found])


def _walk(sides: Sides, sample: Sample, mode: str, pair: Pair, rules: Rules) -> Walk:
    """Find the first layer that is off, and its calls in both files."""
    walk = localise(sides, sample, mode, rules)
    if walk.first is None:
        return walk
    places = []
    for path, framework, model in (
        (pair.file, sides.source, sides.source_model),
        (pair.ported, sides.target, sides.target_model),
    ):
        tree = sides.pool[framework].ask("tree", model=model)
        classes = {row["path"]: row["class"] for row in tree}
        places.append(Locator(Document.read(path), classes).place(walk.first.path))
    return dataclasses.replace(walk, source_place=places[0], target_place=places[1])


def _collect(sides: Sides, case: Case, mode: str, seed: int, seeds: int, verdict: Verdict) -> list[Sample]:
    """Collect as many samples as wanted, none of them on a kink."""
    found: list[Sample] = []
    most = max(DRAWS * seeds, LEAST)
    for number in range(most):
        sample = sides.sample(case, mode, number, seed, verdict)
        kink = sample.kink()
        if kink is None:
            found.append(sample)
        else:
            verdict.kinks.append((mode, kink))
        if len(found) == seeds:
            return found
    raise ConvmapError(
        f"no verdict: only {len(found)} of {most} samples are away from a discrete step ({mode})"
    )


def _joined(arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """Put the samples of all seeds into one tensor: a bound from one lucky number says nothing."""
    if len({a.shape[1:] for a in arrays}) > 1 or arrays[0].ndim == 0:
        return np.concatenate([a.ravel() for a in arrays])
    return np.concatenate(arrays)
