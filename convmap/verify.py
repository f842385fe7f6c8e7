"""Runs a port against its source: same weights, inputs and noise; outputs, gradients and statistics.

Unlike porting, verifying runs the user's file, in workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from convmap.backends.client import Worker, WorkerError
from convmap.compare import ROUNDOFF, Comparison, compare
from convmap.errors import ConvmapError
from convmap.rewrite.port import Port, Use, detect_framework, port_document
from convmap.rules import Rules, load, tomllib
from convmap.source.document import Document
from convmap.source.names import Names
from convmap.weights import WeightPlan, plan_weights

JUDGE = "torch"  # the only one with float64 convolutions


@dataclass(frozen=True)
class Case:
    """One model to verify."""

    name: str
    file: Path
    entry: str
    inputs: tuple[str, ...]


@dataclass
class Verdict:
    """What came out for one model and one target."""

    case: Case
    target: str
    counts: dict[str, int] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    comparisons: list[tuple[str, Comparison]] = field(default_factory=list)  # mode, comparison
    problem: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    noise: int = 0
    kinks: int = 0  # samples left out because a discrete step flips within rounding
    tensors: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.problem and bool(self.comparisons) and all(c.holds for _, c in self.comparisons)

    def worst(self, *kinds: str) -> float:
        return max((c.multiple for _, c in self.comparisons if c.kind in kinds), default=0.0)


class Workers:
    """The workers of a run, started when first needed and used again."""

    def __init__(self) -> None:
        self._running: dict[str, Worker] = {}

    def __getitem__(self, framework: str) -> Worker:
        if framework not in self._running:
            self._running[framework] = Worker(framework)
        return self._running[framework]

    def stop(self) -> None:
        for worker in self._running.values():
            worker.stop()


@contextlib.contextmanager
def workers() -> Iterator[Workers]:
    pool = Workers()
    try:
        yield pool
    finally:
        pool.stop()


def make_input(spec: str, stream: np.random.RandomState) -> np.ndarray:
    """Make an input from ``2x100x1x1`` or ``2x8:int64:0..10`` (half-open range).

    >>> make_input("2x3", np.random.RandomState(0)).shape
    (2, 3)
    """
    match = re.fullmatch(r"(\d+(?:x\d+)*)(?::(float32|int32|int64):?(?:(-?\d+)\.\.(-?\d+))?)?", spec)
    if not match:
        raise ConvmapError(f"--input {spec!r}: give a shape like 2x100x1x1, or 2x8:int64:0..10")
    shape = tuple(int(n) for n in match.group(1).split("x"))
    if (match.group(2) or "float32") == "float32":
        return stream.standard_normal(shape).astype(np.float32)
    low, high = int(match.group(3) or 0), int(match.group(4) or 2)
    return stream.randint(low, high, shape).astype(match.group(2))


def varied(state: dict[str, np.ndarray], stream: np.random.RandomState) -> dict[str, np.ndarray]:
    """Give weights that hide nothing: the spread of the fresh ones, vectors away from ones and zeros."""
    out = {}
    for name in sorted(state):
        value = state[name]
        if value.dtype.kind != "f":
            out[name] = value
        elif np.ptp(value) > 0:
            spread = float(value.std())
            out[name] = (stream.uniform(-1.7, 1.7, value.shape) * spread).astype(value.dtype)
        elif value.size and value.flat[0] > 0:  # scales and variances
            out[name] = stream.uniform(0.5, 1.5, value.shape).astype(value.dtype)
        else:
            out[name] = (stream.standard_normal(value.shape) * 0.2).astype(value.dtype)
    return out


def verify(case: Case, target: str, pool: Workers, rules: Rules, seed: int = 0, seeds: int = 8) -> Verdict:
    """Port one model, run source, target and judge, and compare; every failure is in the verdict."""
    verdict = Verdict(case, target)
    start = time.perf_counter()
    try:
        document = Document.read(case.file)
        source = detect_framework(rules, Names(document.tree))
        if source is None:
            raise ConvmapError(f"{case.file}: no single source framework in its imports")
        port = port_document(document, source, rules.framework(target))
        verdict.counts, verdict.uses = dict(port.counts), port.uses
        with tempfile.TemporaryDirectory() as scratch:
            _run(case, source.name, port, Path(scratch), pool, rules, seed, seeds, verdict)
    except (ConvmapError, WorkerError) as error:
        verdict.problem = str(error)
        detail = getattr(error, "detail", "")
        if detail:
            frames = [line for line in detail.strip().splitlines() if line.strip()]
            verdict.problem += " | " + " | ".join(frames[-5:-1])
    verdict.seconds = time.perf_counter() - start
    return verdict


def _run(
    case: Case,
    source: str,
    port: Port,
    scratch: Path,
    pool: Workers,
    rules: Rules,
    seed: int,
    seeds: int,
    verdict: Verdict,
) -> None:
    refused = [d for d in port.diagnostics if d.severity == "error"]
    if refused:
        raise ConvmapError(f"not every call is ported: {refused[0]}")
    target = port.target
    ported = scratch / f"{case.file.stem}_{target}.py"
    ported.write_bytes(port.data)
    one = pool[source].ask("load", path=str(case.file), entry=case.entry)
    two = pool[target].ask("load", path=str(ported), entry=case.entry)
    plan = plan_weights(rules.framework(source), one["tree"], rules.framework(target), two["tree"])
    verdict.left_out = plan.left_out
    verdict.tensors = len(plan.transfers)
    fresh = pool[source].ask("get_state", model=one["model"])
    judge_model = {source: one["model"], target: two["model"]}.get(JUDGE)
    if judge_model is None:
        raise ConvmapError("neither side has float64: verify the port to torch, then from torch")
    for mode in ("eval", "train"):
        samples: dict[tuple[str, str], list[tuple[np.ndarray, ...]]] = {}
        wanted, number = seeds, -1
        while wanted and number < 3 * seeds:
            number += 1
            stream = np.random.RandomState(seed + 1000 * number)
            inputs = [make_input(spec, stream) for spec in case.inputs]
            state = varied(fresh, stream)
            pool[source].ask("set_state", model=one["model"], arrays=state)
            moved = {t.target: state[t.source].reshape(t.shape) for t in plan.transfers}
            pool[target].ask("set_state", model=two["model"], arrays=moved)
            common: dict[str, Any] = dict(inputs=inputs, train=mode == "train", noise_seed=seed + number)
            shape = pool[source].ask("run", model=one["model"], cotangents=None, dtype="float32", **common)
            if not shape["outputs"]:
                raise ConvmapError(f"{case.entry} gives no tensor")
            common["cotangents"] = [
                np.asarray(stream.standard_normal(y.shape), np.float32) for y in shape["outputs"]
            ]
            a = pool[source].ask("run", model=one["model"], dtype="float32", **common)
            b = pool[target].ask("run", model=two["model"], dtype="float32", **common)
            judge = pool[JUDGE].ask("run", model=judge_model, dtype="float64", **common)
            verdict.noise = len(a["random"])
            if a["random"] != b["random"] or a["names"] != b["names"]:
                raise ConvmapError(
                    f"outputs {a['names']} with draws {a['random']} in {source}, "
                    f"{b['names']} with {b['random']} in {target}: not comparable"
                )
            for key, tensors in _tensors(a, b, judge, plan, target == JUDGE):
                samples.setdefault(key, []).append(tensors)
        for (kind, name), each in samples.items():
            verdict.comparisons.append((mode, compare(name, kind, *map(_joined, zip(*each)))))


Found = list[tuple[tuple[str, str], tuple[np.ndarray, np.ndarray, np.ndarray]]]


def _at_a_kink(
    found: Found,
    inputs: list[np.ndarray],
    a: dict[str, Any],
    b: dict[str, Any],
    plan: WeightPlan,
    judge_is_target: bool,
    again: Callable[[list[np.ndarray]], dict[str, Any]],
) -> bool:
    """Tell whether a wrong gradient is a step that flips: a ReLU whose input is zero but for rounding.

    Only where outputs agree and a gradient is off by far more than rounding. The float64 judge itself
    is asked: inputs moved by a few units of float32 must make its own gradient jump as far.
    """
    off = {}
    for key, (mine, theirs, truth) in found:
        if theirs.shape != truth.shape:
            return False
        scale = 1e-4 * float(np.abs(truth).max(initial=0.0))
        error = float(np.abs(theirs - truth).max(initial=0.0))
        # A gradient that is zero in exact arithmetic is all rounding on both sides: no kink.
        if error > scale > float(np.abs(mine - truth).max(initial=0.0)):
            off[key] = error
    if not off or any(kind in ("forward", "buffer") for kind, _ in off):
        return False
    worst = max(off, key=lambda key: off[key])
    truth = dict(found)[worst][2]
    stream = np.random.RandomState(0)
    for _ in range(12):
        nudged = [
            x * (1 + 64 * ROUNDOFF * stream.uniform(-1, 1, x.shape)) if x.dtype.kind == "f" else x
            for x in inputs
        ]
        moved = dict(_tensors(a, b, again(nudged), plan, judge_is_target))[worst][2]
        if float(np.abs(moved - truth).max()) > 0.25 * off[worst]:
            return True
    return False


def _joined(arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """Put the samples of all seeds into one tensor: a bound from one lucky number says nothing."""
    if len({a.shape[1:] for a in arrays}) > 1 or arrays[0].ndim == 0:
        return np.concatenate([a.ravel() for a in arrays])
    return np.concatenate(arrays)


def _tensors(
    a: dict[str, Any], b: dict[str, Any], judge: dict[str, Any], plan: WeightPlan, judge_is_target: bool
) -> Iterator[tuple[tuple[str, str], tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Give (kind, name) and the tensor of source, target and judge, in the source's layout."""
    for i, name in enumerate(a["names"]):
        yield ("forward", name), (a["outputs"][i], b["outputs"][i], judge["outputs"][i])
    for i, grad in enumerate(a["input_grads"]):
        if grad is not None:
            others = (_or_zeros(side["input_grads"][i], grad) for side in (b, judge))
            yield ("input gradient", f"input {i}"), (grad, *others)  # type: ignore[misc]
    for kind, key in (("weight gradient", "param_grads"), ("buffer", "state_after")):
        for transfer in plan.transfers:
            mine = a[key].get(transfer.source)
            if mine is None or mine.dtype.kind != "f":
                continue
            theirs = _or_zeros(b[key].get(transfer.target), mine)
            name = transfer.target if judge_is_target else transfer.source
            yield (kind, transfer.source), (mine, theirs, _or_zeros(judge[key].get(name), mine))


def _or_zeros(value: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Undo a layout; a gradient that does not exist is one of zeros."""
    if value is None:
        return np.zeros_like(like)
    return value.reshape(like.shape) if value.size == like.size else value


def read_manifest(path: Path) -> list[Case]:
    """Read [[model]] entries: id, file (relative to the manifest), entry, inputs."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConvmapError(f"{path}: {error}") from None
    out = []
    for number, row in enumerate(table.get("model", ()), 1):
        missing = {"id", "file", "entry", "inputs"} - set(row)
        if missing or set(row) - {"id", "file", "entry", "inputs"}:
            raise ConvmapError(f"{path}: model {number}: needs id, file, entry and inputs, and nothing else")
        out.append(Case(row["id"], path.parent / row["file"], row["entry"], tuple(row["inputs"])))
    if not out:
        raise ConvmapError(f"{path}: no [[model]] in it")
    return out


def command(args: argparse.Namespace) -> int:
    """Run ``convmap verify``."""
    rules = load()
    target = rules.framework(args.to).name
    if args.manifest:
        cases = read_manifest(Path(args.manifest))
    elif args.path and args.entry and args.input:
        cases = [Case(args.path, Path(args.path), args.entry, tuple(args.input))]
    else:
        raise ConvmapError("verify needs FILE with --entry and --input, or --manifest")
    verdicts = []
    with workers() as pool:
        for case in cases:
            if sys.stderr.isatty():
                print(f"verifying {case.name} in {target} ...", file=sys.stderr)
            verdict = verify(case, target, pool, rules, args.seed, args.seeds)
            verdicts.append(verdict)
            if args.format == "text":
                print(text_of(verdict), flush=True)
    if args.format == "json":
        print(json.dumps([json_of(v) for v in verdicts], indent=2))
    elif len(verdicts) > 1:
        good = sum(v.holds for v in verdicts)
        print(f"{good} of {len(verdicts)} models hold in {target}")
    return 0 if all(v.holds for v in verdicts) else 1


def text_of(verdict: Verdict) -> str:
    calls = ", ".join(f"{n} {status}" for status, n in sorted(verdict.counts.items()))
    head = (
        f"{verdict.case.name} -> {verdict.target}: {'holds' if verdict.holds else 'DOES NOT HOLD'} ({calls})"
    )
    if verdict.problem:
        return f"{head}\n  {verdict.problem}"
    lines = [
        head,
        f"  {verdict.tensors} tensors transferred, {len(verdict.left_out)} left out, "
        f"{verdict.noise} random draws fed, {verdict.kinks} samples on a kink replaced, "
        f"{verdict.seconds:.1f} s",
    ]
    for mode in ("eval", "train"):
        for kind in ("forward", "input gradient", "weight gradient", "buffer"):
            found = [c for m, c in verdict.comparisons if m == mode and c.kind == kind]
            if found:
                worst = max(found, key=lambda c: c.multiple)
                lines.append(
                    f"  {mode:<5} {kind:<15} {len(found):>3} tensors, worst {worst.multiple:8.3f} of the bound"
                    f" (error {worst.error:.2e}, bound {worst.bound:.2e}, {worst.name})"
                )
    for mode, comparison in [(m, c) for m, c in verdict.comparisons if not c.holds][:8]:
        lines.append(f"  {mode}: {comparison.kind} of {comparison.name}: {comparison.problem}")
    return "\n".join(lines)


def json_of(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.case.name,
        "target": verdict.target,
        "holds": verdict.holds,
        "problem": verdict.problem,
        "calls": verdict.counts,
        "left_out": verdict.left_out,
        "kinks": verdict.kinks,
        "seconds": round(verdict.seconds, 2),
        "comparisons": [{"mode": m, **vars(c)} for m, c in verdict.comparisons],
    }
