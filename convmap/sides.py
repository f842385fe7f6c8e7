"""The two models of a verification in their workers, and what a draw of weights and inputs makes of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convmap.backends.client import Worker
from convmap.errors import ConvmapError
from convmap.inputs import Case, Inputs, make_inputs, varied
from convmap.kinks import NUDGE, Key, Kink, Runs, direction, find_kink, suspect
from convmap.verdicts import Verdict
from convmap.weights import WeightPlan

JUDGE = "torch"  # the only one with float64 convolutions


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


@dataclass(frozen=True)
class Sides:
    """The two models, in their workers; the judge is the torch one, in float64."""

    pool: Workers
    source: str
    source_model: int
    target: str
    target_model: int
    plan: WeightPlan
    fresh: dict[str, np.ndarray]
    trained: dict[str, np.ndarray] = field(default_factory=dict)  # of a checkpoint; else weights are drawn
    buffers: frozenset[str] = frozenset()  # of the source: state that nothing is trained by
    shapes: dict[str, list[tuple[int, ...]]] = field(default_factory=dict)  # of the outputs, by mode

    def moved(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Give the target's weights from the source's."""
        return {t.target: state[t.source].reshape(t.shape) for t in self.plan.transfers}

    def _moving(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Give the weights that both sides have; the others stay as they start."""
        both = {transfer.source for transfer in self.plan.transfers}
        return {name: value for name, value in state.items() if name in both}

    def sample(self, case: Case, mode: str, number: int, seed: int, verdict: Verdict) -> Sample:
        """Draw weights and inputs and run the three."""
        stream = np.random.RandomState(seed + 1000 * number)
        inputs = make_inputs(case.inputs, stream)
        state = self.trained or {**self.fresh, **self._moving(varied(self.fresh, stream, self.buffers))}
        self.pool[self.source].ask("set_state", model=self.source_model, arrays=state)
        # Two names of one tensor now have one value.
        state = self.pool[self.source].ask("get_state", model=self.source_model)
        self.pool[self.target].ask("set_state", model=self.target_model, arrays=self.moved(state))
        common: dict[str, Any] = dict(
            lists=list(inputs.lists), train=mode == "train", noise_seed=seed + number
        )
        arrays = list(inputs.arrays)
        name = self.source if self.target == JUDGE else self.target
        if mode not in self.shapes:
            shape = self._run(self.source, inputs=arrays, cotangents=None, **common)
            if not shape["outputs"]:
                raise ConvmapError(f"{case.entry} gives no tensor")
            self.shapes[mode] = [y.shape for y in shape["outputs"]]
        common["cotangents"] = [
            np.asarray(stream.standard_normal(shape), np.float32) for shape in self.shapes[mode]
        ]
        with ThreadPoolExecutor(1) as beside:
            # The judge's framework has three runs to do, the other one: in its own process meanwhile.
            theirs = beside.submit(self._run, name, inputs=arrays, **common)
            own = self._run(JUDGE, inputs=arrays, **common)
            native = self._run(JUDGE, onednn=False, inputs=arrays, **common)
            judge = self._run(JUDGE, dtype="float64", inputs=arrays, **common)
            other = theirs.result()
        a, b = (own, other) if self.source == JUDGE else (other, own)
        verdict.noise = len(a["random"])
        if a["random"] != b["random"] or a["names"] != b["names"]:
            raise ConvmapError(
                f"outputs {a['names']} with draws {a['random']} in {self.source}, "
                f"{b['names']} with {b['random']} in {self.target}: not comparable"
            )
        # A third order of summing, for the vectors of layers: one by one.
        summed = {**own, "param_grads": {**own["param_grads"], **judge["summed"]}}
        answers = [(JUDGE, own), (JUDGE, native), (JUDGE, summed), (name, other), (JUDGE, judge)]
        return Sample(self, common, inputs, state, (self.source, a), self.tensors(answers))

    def both(self, inputs: Inputs, mode: str, seed: int) -> dict[Key, Runs]:
        """Run both on given inputs, weights being as last set; give torch's tensors and the other's.

        Give nothing where the source itself raises; raise ConvmapError where only the target does.
        """
        common: dict[str, Any] = dict(
            lists=list(inputs.lists), train=mode == "train", noise_seed=seed, inputs=list(inputs.arrays)
        )
        try:
            shapes = [y.shape for y in self._run(self.source, cotangents=None, **common)["outputs"]]
            stream = np.random.RandomState(seed + 1)  # others than the inputs: gradients would cancel
            common["cotangents"] = [np.asarray(stream.standard_normal(s), np.float32) for s in shapes]
            first = self._run(self.source, **common)
        except ConvmapError:
            return {}
        second = self._run(self.target, **common)
        answers = [(self.source, first), (self.target, second)]
        return self.tensors(answers if self.source == JUDGE else answers[::-1])

    def _run(self, framework: str, dtype: str = "float32", **arguments: Any) -> dict[str, Any]:
        model = self.source_model if framework == self.source else self.target_model
        found: dict[str, Any] = self.pool[framework].ask("run", model=model, dtype=dtype, **arguments)
        return found

    def disturbed(
        self, sample: Sample, errors: dict[str, float], by_channel: list[str]
    ) -> tuple[dict[Key, Runs], set[str]]:
        """Add runs of the judge's framework whose functions have errors of these sizes; say which it called.

        ``by_channel``: those whose error is one for all of a channel, in a run of its own.
        """
        state = sample.state if self.source == JUDGE else self.moved(sample.state)
        common = dict(sample.common, inputs=list(sample.inputs.arrays), state=state, disturbed=errors)
        ways = ("element", "call", *(("channel",) if by_channel else ()))
        more = [self._run(JUDGE, signs=signs, by_channel=by_channel, **common) for signs in ways]
        found = self.tensors([sample.like, *((JUDGE, answer) for answer in more)])
        tensors = {key: (*found[key][1:], *runs) for key, runs in sample.tensors.items()}
        return tensors, {name for answer in more for name in answer["disturbed"]}

    def judge_at(self, sample: Sample, t: float, number: int) -> dict[Key, np.ndarray]:
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
class Sample:
    """One draw of weights and inputs, and what the three made of it."""

    sides: Sides
    common: dict[str, Any]
    inputs: Inputs
    state: dict[str, np.ndarray]
    like: tuple[str, dict[str, Any]]  # the source's answer: what there is, and its layouts
    tensors: dict[Key, Runs]

    def kink(self) -> Kink | None:
        off = suspect(self.tensors)
        return None if off is None else find_kink(*off, lambda t, n: self.sides.judge_at(self, t, n))


def _or_zeros(value: np.ndarray | None, like: np.ndarray) -> np.ndarray:
    """Undo a layout; a gradient that does not exist is one of zeros."""
    if value is None:
        return np.zeros_like(like)
    return value.reshape(like.shape) if value.size == like.size else value
