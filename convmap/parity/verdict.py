"""What an answer means: within the bound, an expected quirk, or something nobody expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from convmap.backends.client import WorkerError
from convmap.compare import pattern
from convmap.numerics.bounds import worst
from convmap.parity.cases import Case
from convmap.parity.judge import Arrays, Judgement, judge
from convmap.rules import OTHER_VALUES, RIGHT_VALUES

EXPECTED = ("exact", "quirk", "right", "refused")


@dataclass(frozen=True)
class Outcome:
    """One case in one backend.

    ``status``: exact (within the bound), quirk (diverges as the rules say it does), right (a quirk that
    does so only at times), refused (the rules write no call); and unexpected: differs, raised, crashed, timeout, or fixed (a quirk that is none any more).
    ``multiples``: each tensor's error in units of its bound.
    """

    case: str
    backend: str
    status: str
    api: str = ""
    shim: bool = False
    quirk: str = ""
    raises: tuple[str, ...] = ()  # the errors that the quirks say, or OTHER_VALUES
    detail: str = ""
    multiples: dict[str, float] = field(default_factory=dict)

    @property
    def expected(self) -> bool:
        return self.status in EXPECTED


def judged(
    outcome: Outcome,
    answer: dict[str, np.ndarray] | WorkerError | None,
    case: Case,
    data: Arrays,
    truth: Judgement,
) -> Outcome:
    """Judge one answer; under a quirk's condition it must diverge, or the quirk is none any more."""
    if answer is None:
        return outcome
    if isinstance(answer, WorkerError):
        # Only the very error that the rules name: another one is another mistake, maybe ours.
        status = "quirk" if answer.error and answer.error in outcome.raises else answer.kind
        return replace(outcome, status=status, detail=str(answer))
    multiples, seen = distances(answer, truth)
    if outcome.quirk:
        if seen and OTHER_VALUES in outcome.raises:
            status = "quirk"
        elif not seen and RIGHT_VALUES in outcome.raises:
            status, seen = "right", "within the bound, as this quirk is at times"
        else:
            status, seen = (
                "fixed",
                f"it no longer gives {' or '.join(outcome.raises)}, but {seen or 'is right'}",
            )
    else:
        status = "differs" if seen else "exact"
        if seen:
            seen += ": " + (mistake(case, data, answer) or "")
    return replace(outcome, status=status, detail=seen.removesuffix(": "), multiples=multiples)


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
            seen = f"{name} at {at}: {found[at]:.9g}, not {value[at]:.9g}: {pattern(found, value)}"
    return multiples, seen


def mistake(case: Case, data: Arrays, answer: dict[str, np.ndarray]) -> str:
    """Name the other convolution that an output is, within its bound; "" where it is none of them."""
    found = answer.get("output")
    if found is None:
        return ""
    for name, other, arrays in _mistakes(case, replace(data, cotangent=None)):
        if not other.legal or other.output_sizes != found.shape[2:]:
            continue
        truth = judge(other, arrays)
        value = truth.values["output"]
        if value.shape == found.shape and worst(found, value, truth.bounds["output"])[0] <= 1:
            return name
    return ""


def _mistakes(case: Case, data: Arrays) -> Iterator[tuple[str, Case, Arrays]]:
    weight, sides = data.weight, case.sides
    if data.bias is not None:
        yield "the bias is missing", case, replace(data, bias=None)
    if weight.shape[0] == weight.shape[1]:
        yield "the weights' channel axes are swapped", case, replace(data, weight=weight.swapaxes(0, 1))
    flipped = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    yield "the kernel is flipped", case, replace(data, weight=flipped)
    for axis, (begin, end) in enumerate(sides):
        for by in (-1, 1):
            # A transposed case's second number counts from the same crop, so both ends move with the first.
            pair = (begin + by, end + 2 * by) if case.transposed else (begin + by, end - by)
            moved = tuple(pair if a == axis else side for a, side in enumerate(sides))
            yield f"shifted by one along axis {axis + 2}", replace(case, sides=moved), data
    swapped = replace(case, stride=case.dilation, dilation=case.stride)
    if swapped != case:
        yield "stride and dilation are swapped", swapped, data
