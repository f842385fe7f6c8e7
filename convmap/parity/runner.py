"""Runs cases in backends side by side and judges them; a lost worker costs its case, not the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from convmap.backends.client import WorkerError
from convmap.errors import ConvmapError, Refusal
from convmap.parity.backends import Answer, Backend, Call
from convmap.parity.cases import Case
from convmap.parity.judge import Arrays, Judgement, arrays_of, disagreement, judge
from convmap.parity.verdict import Outcome, judged

CHUNK = 32  # cases that a backend gets at once
AHEAD = 4  # chunks that a fast backend may be ahead of a slow one
CHECKED = 16  # one case in so many is judged by the slow reference too


@dataclass
class Report:
    """All outcomes of a run, and how long each backend's answers and the judge took (seconds).

    ``missing``: the backends that could not start, each with the reason; ``checked``: how many
    judgements the slow reference confirmed.
    """

    seed: int | None
    outcomes: list[Outcome] = field(default_factory=list)
    info: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cases: int = 0
    checked: int = 0
    gradients: bool = True
    interrupted: bool = False

    @property
    def unexpected(self) -> list[Outcome]:
        return [o for o in self.outcomes if not o.expected]


class _Chunk(NamedTuple):
    cases: list[Case]
    data: list[Arrays]
    truths: Future[list[Judgement]]
    asked: list[Future[list[tuple[int, Outcome, Answer | WorkerError | None]]]]


def run(
    cases: Iterable[Case],
    backends: list[Backend],
    gradients: bool = True,
    seed: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    data_of: Callable[[Case, bool], Arrays] = arrays_of,
) -> Report:
    """Run every case in every backend. Ctrl-C ends it early with a valid report."""
    report = Report(seed, gradients=gradients)
    ready = _start(backends, report)
    pools = [ThreadPoolExecutor(1) for _ in (*ready, None)]
    report.seconds = dict.fromkeys([*(b.name for b in ready), "judge", "all"], 0.0)
    start = time.perf_counter()
    waiting: list[_Chunk] = []
    try:
        for chunk in _chunks(cases):
            data = [data_of(case, gradients) for case in chunk]
            truths = pools[-1].submit(_truths, chunk, data, report)
            asked = [pool.submit(_ask, b, chunk, data, report) for pool, b in zip(pools, ready)]
            waiting.append(_Chunk(chunk, data, truths, asked))
            if len(waiting) > AHEAD:
                progress(_finish(waiting.pop(0), report))
        while waiting:
            progress(_finish(waiting.pop(0), report))
        report.outcomes += _never(report.outcomes)
    except KeyboardInterrupt:
        report.interrupted = True
        for backend in ready:
            backend.stop()
    finally:
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)
        report.seconds["all"] = time.perf_counter() - start
    return report


def run_one(case: Case, backend: Backend, gradients: bool = True) -> list[Outcome]:
    """Run one case in one backend: what the rules write, and the plain calls that quirks warn of."""
    data = arrays_of(case, gradients)
    truth = judge(case, data)
    report = Report(None, seconds={backend.name: 0.0})
    return [judged(o, answer, case, data, truth) for _, o, answer in _ask(backend, [case], [data], report)]


def _start(backends: list[Backend], report: Report) -> list[Backend]:
    ready = []
    for backend in backends:
        try:
            report.info[backend.name] = backend.info()
        except ConvmapError as error:
            report.missing[backend.name] = str(error)
        else:
            ready.append(backend)
    return ready


def _chunks(cases: Iterable[Case]) -> Iterator[list[Case]]:
    stream = iter(cases)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk


def _truths(cases: list[Case], data: list[Arrays], report: Report) -> list[Judgement]:
    start = time.perf_counter()
    found = []
    for case, arrays in zip(cases, data):
        truth = judge(case, arrays)
        if case.seed % CHECKED == 1:
            report.checked += 1
            wrong = disagreement(case, arrays, truth)
            if wrong:
                report.outcomes.append(Outcome(case.id, "judge", "differs", detail=wrong))
        found.append(truth)
    report.seconds["judge"] += time.perf_counter() - start
    return found


def _ask(
    backend: Backend, cases: list[Case], data: list[Arrays], report: Report
) -> list[tuple[int, Outcome, Answer | WorkerError | None]]:
    """Get a backend's answers to a chunk, each with the index of its case."""
    start = time.perf_counter()
    found: list[tuple[int, Outcome, Answer | WorkerError | None]] = []
    asked: list[tuple[int, Outcome, Call]] = []
    for index, (case, arrays) in enumerate(zip(cases, data)):
        for form, expected in backend.forms(case, arrays.cotangent is not None):
            outcome = Outcome(case.id, backend.name, "refused", quirk=expected.quirk)
            if isinstance(form, Refusal):
                found.append((index, replace(outcome, detail=form.reason), None))
                continue
            outcome = replace(
                outcome, api=form.api, shim=form.status == "shim", raises=tuple(sorted(expected.raises))
            )
            asked.append((index, outcome, Call(case, form, arrays)))
    answers = backend.run([call for _, _, call in asked]) if asked else []
    found += [(index, outcome, answer) for (index, outcome, _), answer in zip(asked, answers)]
    report.seconds[backend.name] += time.perf_counter() - start
    return found


def _finish(chunk: _Chunk, report: Report) -> int:
    """Judge a chunk once all have answered."""
    truths = chunk.truths.result()
    for future in chunk.asked:
        for index, outcome, answer in future.result():
            case, arrays = chunk.cases[index], chunk.data[index]
            report.outcomes.append(judged(outcome, answer, case, arrays, truths[index]))
    report.cases += len(chunk.cases)
    return len(chunk.cases)


def _never(outcomes: list[Outcome]) -> list[Outcome]:
    """Give an outcome for each quirk that is right at times, and in this run was right always."""
    seen: dict[tuple[str, str], set[str]] = {}
    for outcome in outcomes:
        if outcome.quirk:
            seen.setdefault((outcome.backend, outcome.quirk), set()).add(outcome.status)
    return [
        Outcome("every case", backend, "fixed", quirk=quirk, detail="it was right in every case of the run")
        for (backend, quirk), statuses in seen.items()
        if statuses == {"right"}
    ]
