"""Runs cases in backends side by side and judges them; a lost worker costs its case, not the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from convmap.backends.client import WorkerError
from convmap.conditions import holds
from convmap.errors import Refusal
from convmap.parity.backends import Backend
from convmap.parity.cases import Case
from convmap.parity.forms import Form, call_of, form_of, probes_of
from convmap.parity.judge import Arrays, Judgement, arrays_of, judge
from convmap.parity.verdict import Outcome, distances
from convmap.rules import Rules
from convmap.translate import names_for_limits

CHUNK = 32
Answer = dict[str, np.ndarray] | WorkerError


@dataclass
class Report:
    """All outcomes of a run, and how long each backend's answers and the judge took (seconds)."""

    seed: int | None
    outcomes: list[Outcome] = field(default_factory=list)
    info: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cases: int = 0
    interrupted: bool = False

    @property
    def unexpected(self) -> list[Outcome]:
        return [o for o in self.outcomes if not o.expected]


def run(
    cases: Iterable[Case],
    backends: list[Backend],
    rules: Rules,
    gradients: bool = True,
    seed: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Run every case in every backend. Ctrl-C ends it early with a valid report."""
    report = Report(seed, seconds={name: 0.0 for name in (*(b.name for b in backends), "judge", "all")})
    start = time.perf_counter()
    pool = ThreadPoolExecutor(len(backends) + 1)
    try:
        for backend in backends:
            report.info[backend.name] = backend.info()
        start = time.perf_counter()
        for chunk in _chunks(cases):
            data = [arrays_of(case, gradients) for case in chunk]
            asked = [pool.submit(_ask, backend, chunk, data, rules, report) for backend in backends]
            before = time.perf_counter()
            truths = [judge(case, arrays) for case, arrays in zip(chunk, data)]
            report.seconds["judge"] += time.perf_counter() - before
            for future in asked:
                report.outcomes += future.result()(truths)
            report.cases += len(chunk)
            progress(len(chunk))
    except KeyboardInterrupt:
        report.interrupted = True
        for backend in backends:
            backend.stop()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        report.seconds["all"] = time.perf_counter() - start
    return report


def _chunks(cases: Iterable[Case]) -> Iterator[list[Case]]:
    stream = iter(cases)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk


Judged = Callable[[list[Judgement]], list[Outcome]]


def _ask(backend: Backend, cases: list[Case], data: list[Arrays], rules: Rules, report: Report) -> Judged:
    """Get a backend's answers to a chunk; give what turns them into outcomes once they are judged."""
    start = time.perf_counter()
    pending: list[tuple[int, Outcome, Form | None, Answer | None, str]] = []
    for index, (case, arrays) in enumerate(zip(cases, data)):
        try:
            form = form_of(case, backend.framework, rules)
        except Refusal as refusal:
            pending.append(
                (index, Outcome(case.id, backend.name, "refused", detail=refusal.reason), None, None, "")
            )
        else:
            answer = _answer(backend, case, form, arrays)
            pending.append(
                (
                    index,
                    _outcome(case, backend, form),
                    form,
                    answer,
                    _known(case, form, backend, rules, arrays.cotangent is not None),
                )
            )
        for probe in probes_of(case, backend.framework, rules):
            answer = _answer(backend, case, probe.form, arrays)
            pending.append((index, _outcome(case, backend, probe.form), probe.form, answer, probe.quirk))
    report.seconds[backend.name] += time.perf_counter() - start

    def judged(truths: list[Judgement]) -> list[Outcome]:
        return [
            outcome if answer is None else _judged(outcome, answer, quirk, truths[index])
            for index, outcome, _, answer, quirk in pending
        ]

    return judged


def _answer(backend: Backend, case: Case, form: Form, arrays: Arrays) -> Answer:
    try:
        return backend.run(case, form, arrays)
    except WorkerError as error:
        return error


def _outcome(case: Case, backend: Backend, form: Form) -> Outcome:
    return Outcome(case.id, backend.name, "", form.api, form.status == "shim")


def _known(case: Case, form: Form, backend: Backend, rules: Rules, gradients: bool) -> str:
    """Give the quirk, if any, that a call shows at these input sizes (lowering can't know them)."""
    names = {
        **names_for_limits(call_of(case, rules)),
        "sizes": case.sizes,
        "output": case.output_sizes,
        "bias": case.bias,
        "kernel": case.kernel,
        "gradients": gradients,
        "full": tuple(
            (n - 1) * s + d * (k - 1) + 1
            for n, s, d, k in zip(case.sizes, case.stride, case.dilation, case.kernel)
        ),
    }
    for quirk in backend.framework.input_quirks:
        if form.api in quirk.apis and holds(quirk.when, names):
            return quirk.id
    return ""


def _judged(outcome: Outcome, answer: Answer, quirk: str, truth: Judgement) -> Outcome:
    """Judge one answer; under a quirk's condition it must diverge, or the quirk is none any more."""
    fields = {**vars(outcome), "quirk": quirk}
    if isinstance(answer, WorkerError):
        status = "quirk" if quirk and answer.kind == "raised" else answer.kind
        return Outcome(**{**fields, "status": status, "detail": str(answer)})
    multiples, seen = distances(answer, truth)
    beyond = bool(seen)
    status = ("quirk" if beyond else "fixed") if quirk else ("differs" if beyond else "exact")
    if status == "fixed":
        seen = "within the bound: the quirk no longer reproduces"
    return Outcome(**{**fields, "status": status, "detail": seen, "multiples": multiples})
