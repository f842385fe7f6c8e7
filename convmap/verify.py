"""Runs a port against its source: same weights, inputs and noise; outputs, gradients and statistics.

Unlike porting, verifying runs the user's file, in workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convmap import files
from convmap.backends.client import Worker, WorkerError
from convmap.compare import compare
from convmap.errors import ConvmapError
from convmap.inputs import Case, Inputs, make_inputs, read_manifest, varied
from convmap.kinks import NUDGE, Key, Kink, Runs, direction, find_kink, suspect
from convmap.rewrite.port import Port, detect_framework, port_document
from convmap.rules import Rules, load
from convmap.source.document import Document
from convmap.verdicts import Verdict, json_of, table_of, text_of
from convmap.weights import WeightPlan, plan_weights

JUDGE = "torch"  # the only one with float64 convolutions
DRAWS = 3  # samples drawn for each one wanted, at most: some sit on a kink


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


def verify(
    case: Case, target: str, pool: Workers, rules: Rules, seed: int = 0, seeds: int = 8, known: bool = False
) -> Verdict:
    """Port one model, run source, target and judge, and compare; every failure is in the verdict.

    ``known``: allow the errors that the rules record of the calls used. For single calls, not for models.
    """
    verdict = Verdict(case, target)
    start = time.perf_counter()
    try:
        document = Document.read(case.file)
        source = detect_framework(rules, document)
        if source is None:
            raise ConvmapError(f"{case.file}: no single source framework in its imports")
        port = port_document(document, source, rules.framework(target))
        verdict.counts, verdict.uses = dict(port.counts), port.uses
        refused = [d for d in port.diagnostics if d.severity == "error"]
        if refused:
            raise ConvmapError(f"not every call is ported: {refused[0]}")
        used = {use.target for use in port.uses}
        inexact = [row for row in rules.framework(target).quirks if row.accuracy and row.apis & used]
        verdict.inexact = tuple(row.effect for row in inexact)
        accuracy = max((row.accuracy for row in inexact), default=0.0) if known else 0.0
        with tempfile.TemporaryDirectory() as scratch:
            sides = _load(case, source.name, port, Path(scratch), pool, rules, verdict)
            for mode in ("eval", "train"):
                tensors = _collect(sides, case, mode, seed, seeds, verdict)
                for (kind, name), each in tensors.items():
                    *own, other, judge = map(_joined, zip(*each))
                    verdict.comparisons.append((mode, compare(name, kind, own, other, judge, accuracy)))
    except (ConvmapError, WorkerError) as error:
        verdict.problem = str(error)
        detail = getattr(error, "detail", "")
        if detail:
            frames = [line for line in detail.strip().splitlines() if line.strip()]
            verdict.problem += " | " + " | ".join(frames[-5:-1])
    verdict.seconds = time.perf_counter() - start
    return verdict


def _load(
    case: Case, source: str, port: Port, scratch: Path, pool: Workers, rules: Rules, verdict: Verdict
) -> _Sides:
    """Load both models and plan which tensor becomes which."""
    ported = scratch / f"{case.file.stem}_{port.target}.py"
    ported.write_bytes(port.data)
    if JUDGE not in (source, port.target):
        raise ConvmapError("neither side has float64: verify the port to torch, then from torch")
    one = pool[source].ask("load", path=str(case.file), entry=case.entry)
    two = pool[port.target].ask("load", path=str(ported), entry=case.entry)
    plan = plan_weights(rules.framework(source), one["tree"], rules.framework(port.target), two["tree"])
    verdict.left_out, verdict.tensors = plan.left_out, len(plan.transfers)
    fresh = pool[source].ask("get_state", model=one["model"])
    return _Sides(pool, source, one["model"], port.target, two["model"], plan, fresh)


@dataclass(frozen=True)
class _Sides:
    """The two models, in their workers; the judge is the torch one, in float64."""

    pool: Workers
    source: str
    source_model: int
    target: str
    target_model: int
    plan: WeightPlan
    fresh: dict[str, np.ndarray]

    def moved(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Give the target's weights from the source's."""
        return {t.target: state[t.source].reshape(t.shape) for t in self.plan.transfers}

    def sample(self, case: Case, mode: str, number: int, seed: int, verdict: Verdict) -> _Sample:
        """Draw weights and inputs and run the three."""
        stream = np.random.RandomState(seed + 1000 * number)
        inputs = make_inputs(case.inputs, stream)
        state = varied(self.fresh, stream)
        self.pool[self.source].ask("set_state", model=self.source_model, arrays=state)
        self.pool[self.target].ask("set_state", model=self.target_model, arrays=self.moved(state))
        common: dict[str, Any] = dict(
            lists=list(inputs.lists), train=mode == "train", noise_seed=seed + number
        )
        arrays = list(inputs.arrays)
        shape = self._run(self.source, inputs=arrays, cotangents=None, **common)
        if not shape["outputs"]:
            raise ConvmapError(f"{case.entry} gives no tensor")
        common["cotangents"] = [
            np.asarray(stream.standard_normal(y.shape), np.float32) for y in shape["outputs"]
        ]
        a = self._run(self.source, inputs=arrays, **common)
        b = self._run(self.target, inputs=arrays, **common)
        verdict.noise = len(a["random"])
        if a["random"] != b["random"] or a["names"] != b["names"]:
            raise ConvmapError(
                f"outputs {a['names']} with draws {a['random']} in {self.source}, "
                f"{b['names']} with {b['random']} in {self.target}: not comparable"
            )
        own, other, name = (b, a, self.source) if self.target == JUDGE else (a, b, self.target)
        native = self._run(JUDGE, onednn=False, inputs=arrays, **common)
        judge = self._run(JUDGE, dtype="float64", inputs=arrays, **common)
        # A third order of summing, for the vectors of layers: one by one.
        summed = {**own, "param_grads": {**own["param_grads"], **judge["summed"]}}
        answers = [(JUDGE, own), (JUDGE, native), (JUDGE, summed), (name, other), (JUDGE, judge)]
        return _Sample(self, common, inputs, state, (self.source, a), self.tensors(answers))

    def _run(self, framework: str, dtype: str = "float32", **arguments: Any) -> dict[str, Any]:
        model = self.source_model if framework == self.source else self.target_model
        found: dict[str, Any] = self.pool[framework].ask("run", model=model, dtype=dtype, **arguments)
        return found

    def judge_at(self, sample: _Sample, t: float, number: int) -> dict[Key, np.ndarray]:
        """Run the judge with weights and inputs moved: see kinks.find_kink."""
        state = sample.state if self.source == JUDGE else self.moved(sample.state)
        values = [*sample.inputs.arrays, *state.values()]
        ways = direction([v.shape for v in values], number)
        moved = [v * (1 + t * NUDGE * d) if v.dtype.kind == "f" else v for v, d in zip(values, ways)]
        inputs, rest = moved[: len(sample.inputs.arrays)], moved[len(sample.inputs.arrays) :]
        answer = self._run(
            JUDGE, dtype="float64", inputs=inputs, state=dict(zip(state, rest)), **sample.common
        )
        found = self.tensors([sample.like, (JUDGE, answer)])
        return {key: runs[-1] for key, runs in found.items()}

    def tensors(self, answers: Sequence[tuple[str, dict[str, Any]]]) -> dict[Key, Runs]:
        """Give each tensor of all answers (framework, answer), in the source's names and layouts."""
        like = next(answer for framework, answer in answers if framework == self.source)
        out: dict[Key, Runs] = {}
        for i, name in enumerate(like["names"]):
            out["forward", name] = tuple(answer["outputs"][i] for _, answer in answers)
        for i, grad in enumerate(like["input_grads"]):
            if grad is not None:
                found = (_or_zeros(answer["input_grads"][i], grad) for _, answer in answers)
                out["input gradient", f"input {i}"] = tuple(found)
        for kind, key in (("weight gradient", "param_grads"), ("buffer", "state_after")):
            for transfer in self.plan.transfers:
                mine = like[key].get(transfer.source)
                if mine is not None and mine.dtype.kind == "f":
                    names = {self.source: transfer.source, self.target: transfer.target}
                    found = (_or_zeros(answer[key].get(names[who]), mine) for who, answer in answers)
                    out[kind, transfer.source] = tuple(found)
        return out


@dataclass(frozen=True)
class _Sample:
    """One draw of weights and inputs, and what the three made of it."""

    sides: _Sides
    common: dict[str, Any]
    inputs: Inputs
    state: dict[str, np.ndarray]
    like: tuple[str, dict[str, Any]]  # the source's answer: what there is, and its layouts
    tensors: dict[Key, Runs]

    def kink(self) -> Kink | None:
        off = suspect(self.tensors)
        return None if off is None else find_kink(*off, lambda t, n: self.sides.judge_at(self, t, n))


def _collect(
    sides: _Sides, case: Case, mode: str, seed: int, seeds: int, verdict: Verdict
) -> dict[Key, list[Runs]]:
    """Collect as many samples as wanted, none of them on a kink."""
    found: list[_Sample] = []
    for number in range(DRAWS * seeds):
        sample = sides.sample(case, mode, number, seed, verdict)
        kink = sample.kink()
        if kink is None:
            found.append(sample)
        else:
            verdict.kinks.append((mode, kink))
        if len(found) == seeds:
            return {key: [s.tensors[key] for s in found] for key in found[0].tensors}
    raise ConvmapError(
        f"no verdict: only {len(found)} of {DRAWS * seeds} samples are away from a discrete step ({mode})"
    )


def _joined(arrays: tuple[np.ndarray, ...]) -> np.ndarray:
    """Put the samples of all seeds into one tensor: a bound from one lucky number says nothing."""
    if len({a.shape[1:] for a in arrays}) > 1 or arrays[0].ndim == 0:
        return np.concatenate([a.ravel() for a in arrays])
    return np.concatenate(arrays)


def _or_zeros(value: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Undo a layout; a gradient that does not exist is one of zeros."""
    if value is None:
        return np.zeros_like(like)
    return value.reshape(like.shape) if value.size == like.size else value


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
        print(table_of(verdicts))
    if args.json:
        files.write(Path(args.json), json.dumps([json_of(v) for v in verdicts], indent=2).encode() + b"\n")
    return 0 if all(v.holds for v in verdicts) else 1
