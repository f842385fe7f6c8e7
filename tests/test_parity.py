"""The parity suite: its cases, that its judge can fail, what it survives, and the frameworks under it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convmap import cli
from convmap.backends.client import WorkerError
from convmap.errors import ConvmapError
from convmap.numerics import core
from convmap.parity import report, runner
from convmap.parity.backends import NOTHING, Answer, Call, CoreBackend, Expected, opened
from convmap.parity.cases import NAMED, OPS, Case, generated, named, parse
from convmap.parity.forms import Form
from convmap.parity.judge import Arrays, Judgement, arrays_of, disagreement, judge
from convmap.parity.recording import Recorded, record
from convmap.parity.verdict import Outcome, judged
from convmap.rules import OTHER_VALUES, RIGHT_VALUES, load

CASE = parse("conv_transpose/x2.4.5.6/o4/k3.3/s2.2/d1.1/g1/p1_1.1_0/b1/r7")


@given(st.integers(0, 2**31 - 1), st.sampled_from(OPS))
@settings(max_examples=100, deadline=None)
def test_a_case_is_its_identifier(seed: int, op: str) -> None:
    case = next(generated(seed, 1, (op,)))
    assert parse(case.id) == case and case.kind == op and case.legal


def test_the_same_seed_gives_the_same_cases_and_another_gives_others() -> None:
    first = [case.id for case in generated(7, 200)]
    assert first == [case.id for case in generated(7, 200)] and len(set(first)) == 200
    assert not set(first) & {case.id for case in generated(8, 200)}


def test_the_sweep_reaches_the_edges() -> None:
    cases = list(generated(0, 1200))
    transposed = [case for case in cases if case.transposed]

    def some(of: list[Case], holds: Callable[[Case], bool]) -> bool:
        return sum(map(holds, of)) >= 10

    assert some(cases, lambda c: any(k < s for k, s in zip(c.kernel, c.stride)))
    assert some(cases, lambda c: any(d > s for d, s in zip(c.dilation, c.stride)))
    assert some(cases, lambda c: max(c.sizes) == 1)
    assert some(cases, lambda c: c.groups == c.in_channels > 1)
    assert some(cases, lambda c: all(k % 2 == 0 for k in c.kernel))
    assert some(transposed, lambda c: any(b == max(s, d) - 1 > 0 for (_, b), s, d in zip(
        c.sides, c.stride, c.dilation)))  # fmt: skip
    assert some([c for c in cases if not c.transposed], lambda c: any(a != b for a, b in c.sides))
    assert {case.kind for case in cases} == set(OPS)


@pytest.mark.parametrize("name", NAMED)
def test_named_cases_are_legal(name: str) -> None:
    assert NAMED[name].legal


@pytest.mark.parametrize(
    "text",
    ["conv", "", "conv/x1.2.5/o3/k3.3/s2/d1/g1/p1_0/b1/r7", "pool/x1.2.5/o3/k3/s2/d1/g1/p1_0/b1/r7"],
)
def test_what_is_no_identifier_is_said(text: str) -> None:
    with pytest.raises(ConvmapError, match="--case"):
        parse(text)


def answer_of(case: Case, data: Arrays) -> Answer:
    backend = CoreBackend("core", 60)
    try:
        (answer,) = backend.run([Call(case, backend.forms(case, True)[0][0], data)])  # type: ignore[arg-type]
        return answer
    finally:
        backend.stop()


@pytest.fixture(scope="module")
def right() -> tuple[Arrays, Judgement, Answer]:
    data = arrays_of(CASE)
    return data, judge(CASE, data), answer_of(CASE, data)


def status_of(
    answer: Answer | WorkerError, right: tuple[Arrays, Judgement, Answer], **fields: object
) -> Outcome:
    outcome = replace(Outcome(CASE.id, "x", ""), **fields)  # type: ignore[arg-type]
    return judged(outcome, answer, CASE, right[0], right[1])


def other(case: Case, right: tuple[Arrays, Judgement, Answer], **arrays: np.ndarray | None) -> Answer:
    """Give the right gradients with the output of another convolution."""
    data = replace(right[0], cotangent=None, **arrays)
    run = core.conv_transpose(data.x, data.weight, data.bias, **case.geometry)
    return {**right[2], "output": np.asarray(run)}


def test_the_right_answer_is_exact(right: tuple[Arrays, Judgement, Answer]) -> None:
    found = status_of(right[2], right)
    assert found.status == "exact" and set(found.multiples) == set(right[1].values)


@pytest.mark.parametrize(
    "mistake,change",
    [
        ("the bias is missing", lambda r: other(CASE, r, bias=None)),
        ("the weights' channel axes are swapped", lambda r: other(CASE, r, weight=r[0].weight.swapaxes(0, 1).copy())),
        ("the kernel is flipped", lambda r: other(CASE, r, weight=r[0].weight[:, :, ::-1, ::-1].copy())),
        ("shifted by one along axis 2", lambda r: other(replace(CASE, sides=((2, 3), (1, 0))), r)),
        ("the last row of axis 2 is zero", lambda r: {**r[2], "output": _without_last_row(r[2]["output"])}),
        ("output of shape", lambda r: {**r[2], "output": r[2]["output"][:, :, :-1]}),
        ("bias gradient missing", lambda r: {k: v for k, v in r[2].items() if k != "bias gradient"}),
        ("input gradient at", lambda r: {**r[2], "input gradient": r[2]["input gradient"] * np.float32(1.0001)}),
        ("weight gradient at", lambda r: {**r[2], "weight gradient": r[2]["weight gradient"].swapaxes(2, 3)}),
        ("output at", lambda r: {**r[2], "output": np.full_like(r[2]["output"], np.nan)}),
    ],
)  # fmt: skip
def test_a_mistake_differs_and_is_named(
    mistake: str,
    change: Callable[[tuple[Arrays, Judgement, Answer]], Answer],
    right: tuple[Arrays, Judgement, Answer],
) -> None:
    found = status_of(change(right), right)
    assert found.status == "differs" and mistake in found.detail, found


def _without_last_row(output: np.ndarray) -> np.ndarray:
    changed = output.copy()
    changed[:, :, -1] = 0
    return changed


def error(kind: str, name: str = "") -> WorkerError:
    return WorkerError(kind, "x", "no", "", name)


@pytest.mark.parametrize(
    "raises,given_error,expected",
    [
        (("ValueError",), error("raised", "ValueError"), "quirk"),
        (("ValueError",), error("raised", "SyntaxError"), "raised"),  # maybe our own mistake
        (("ValueError",), error("crashed"), "crashed"),
        (("ValueError",), None, "fixed"),
        ((OTHER_VALUES,), None, "fixed"),
        ((OTHER_VALUES,), error("raised", "ValueError"), "raised"),
        (("ValueError", RIGHT_VALUES), None, "right"),
    ],
)
def test_a_quirk_is_strict(
    raises: tuple[str, ...],
    given_error: WorkerError | None,
    expected: str,
    right: tuple[Arrays, Judgement, Answer],
) -> None:
    assert status_of(given_error or right[2], right, quirk="q", raises=raises).status == expected
    wrong = {**right[2], "output": right[2]["output"] + 1}
    assert status_of(wrong, right, quirk="q", raises=(OTHER_VALUES,)).status == "quirk"


def test_a_judgement_that_is_off_is_found(right: tuple[Arrays, Judgement, Answer]) -> None:
    assert disagreement(CASE, right[0], right[1]) == ""
    off = {**right[1].values, "output": right[1].values["output"] * (1 + 1e-12)}
    assert "output" in disagreement(CASE, right[0], replace(right[1], values=off))
    loose = {**right[1].bounds, "output": right[1].bounds["output"] * 1.001}
    assert "bound" in disagreement(CASE, right[0], replace(right[1], bounds=loose))


class Scripted:
    """A backend that answers with the core but for the cases it is told."""

    def __init__(self, script: dict[int, Exception | BaseException]) -> None:
        self.name, self.script, self.asked = "scripted", script, 0
        self.core = CoreBackend("core", 60)

    def info(self) -> dict[str, str]:
        return {"version": "1", "device": "CPU"}

    def forms(self, case: Case, gradients: bool) -> list[tuple[object, Expected]]:
        return [(Form("", "core", "exact", {}), NOTHING)]

    def run(self, calls: list[Call]) -> list[object]:
        answers = list(self.core.run(calls))
        for at in range(len(calls)):
            self.asked += 1
            answers[at] = self.script.get(self.asked, answers[at])
        return answers

    def stop(self) -> None:
        self.core.stop()


def test_a_lost_worker_costs_its_case_only() -> None:
    backend = Scripted({3: error("crashed"), 5: error("timeout")})
    found = runner.run(generated(1, 40), [backend], seed=1)  # type: ignore[list-item]
    backend.stop()
    assert [o.status for o in found.outcomes].count("exact") == 38
    assert [o.status for o in found.unexpected] == ["crashed", "timeout"]


def test_an_interrupt_leaves_a_valid_report() -> None:
    calls = []

    def stop_at_second(done: int) -> None:
        calls.append(done)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with opened(("core",), load()) as backends:
        found = runner.run(generated(1, 400), backends, seed=1, progress=stop_at_second)
    assert found.interrupted and 0 < found.cases < 400 and not found.unexpected
    assert report.evidence(found)[0]["interrupted"] and "interrupted" in report.table(found)


def test_a_backend_that_cannot_start_is_named() -> None:
    with opened(("core", "core-cupy"), load()) as backends:
        found = runner.run(generated(1, 5), backends)
    if not found.missing:
        pytest.skip("this machine has CuPy and a GPU")
    assert "cupy" in found.missing["core-cupy"] and "did not run" in report.table(found)
    suite = ElementTree.fromstring(report.junit(found))
    assert [s.get("skipped") for s in suite] == ["0", "1"]


def test_a_recording_replays_and_a_changed_one_is_found(tmp_path: Path) -> None:
    path = tmp_path / "core.safetensors"
    with opened(("core",), load()) as (backend,):
        assert record([*NAMED.values()][:3], backend, path)[0] == 3
        recorded = Recorded(path)
        found = runner.run(recorded.cases, [recorded, backend], data_of=recorded.data)
        assert [o.status for o in found.outcomes] == ["exact"] * 6

        class Changed(Recorded):
            def run(self, calls: list[Call]) -> list[Answer]:
                return [self.changed(call) for call in super().run(calls)]

            def changed(self, answer: Answer) -> Answer:
                return {**answer, "output": answer["output"] + np.float32(1e-3)}

        found = runner.run(recorded.cases, [Changed(path)], data_of=recorded.data)
        assert [o.status for o in found.outcomes] == ["differs"] * 3


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"not one")
    with pytest.raises(ConvmapError, match="not a recording"):
        Recorded(path)


@pytest.mark.parametrize(
    "arguments",
    [["--ops", "pool2d"], ["--backends", "jax"], ["--case", "conv"], ["--cases", "-1"], ["record", "-o", "x"],
     ["--backends", "core-cupy", "--cases", "1"], ["replay", "missing.safetensors"]],
)  # fmt: skip
def test_bad_input_is_one_line_and_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["parity", *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_command_writes_its_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        "--json",
        str(tmp_path / "e.json"),
        "--junit",
        str(tmp_path / "e.xml"),
        "--evidence",
        str(tmp_path / "e"),
    ]
    assert cli.main(["parity", "--backends", "core", "--cases", "24", "--ops", "conv2d", *files]) == 0
    assert "24 cases" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "e.json").read_text())
    assert row["counts"] == {"exact": 24} and 0 < row["worst_of_bound"]["output"] < 1
    assert ElementTree.parse(tmp_path / "e.xml").getroot()[0].get("tests") == "24"
    assert len(list((tmp_path / "e").glob("core-*.json"))) == 1


@pytest.mark.frameworks
@pytest.mark.parametrize(
    "seed,names", [(0, "torch,mindspore,megengine,core,core-torch"), (1, "mindspore-graph")]
)
def test_every_case_is_within_the_bound_or_a_known_quirk(seed: int, names: str) -> None:
    count = 480 if seed == 0 else 60
    with opened(tuple(names.split(",")), load()) as backends:
        cases = [*(named().values() if seed == 0 else ()), *generated(seed, count)]
        found = runner.run(cases, backends, seed=seed)
    assert not found.missing and not found.unexpected, report.table(found)
    assert {o.status for o in found.outcomes} >= {"exact"} and found.cases >= count
