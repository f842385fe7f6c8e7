"""One case looked at closely: what each backend ran, and where its arrays and the judge's part."""

from __future__ import annotations

import numpy as np

from convmap.backends.client import WorkerError
from convmap.errors import Refusal
from convmap.numerics import reference
from convmap.numerics.bounds import worst
from convmap.parity.backends import Backend, Call
from convmap.parity.cases import Case
from convmap.parity.judge import Judgement, arrays_of, judge
from convmap.parity.runner import run_one


def closeup(case: Case, backends: list[Backend], gradients: bool = True) -> tuple[str, bool]:
    """Give the text, and whether everything is as expected. The judge here is the slow reference."""

    data = arrays_of(case, gradients)
    truth = judge(case, data, reference)
    lines = [case.id, "  judge: float64 reference; float32 data from the case's seed"]
    expected = True
    for backend in backends:
        outcomes = run_one(case, backend, gradients)
        expected = expected and all(o.expected for o in outcomes)
        for (form, _), outcome in zip(backend.forms(case, gradients), outcomes):
            quirk = f" [{outcome.quirk}]" if outcome.quirk else ""
            text = "" if isinstance(form, Refusal) else f" {form.text or outcome.api}"
            lines.append(f"{backend.name}: {outcome.status}{quirk}{text}")
            if outcome.detail:
                lines.append(f"  {outcome.detail}")
            if isinstance(form, Refusal):
                continue
            (answer,) = backend.run([Call(case, form, data)])
            if isinstance(answer, WorkerError):
                lines += ["  " + line for line in answer.detail.strip().splitlines()[-8:]]
                continue
            lines += [f"  {line}" for line in _tensors(answer, truth)]
    return "\n".join(lines), expected


def _tensors(answer: dict[str, np.ndarray], truth: Judgement) -> list[str]:
    lines = []
    for name, value in truth.values.items():
        found = answer.get(name)
        if found is None or found.shape != value.shape:
            lines.append(f"{name}: shape {None if found is None else found.shape}, judge {value.shape}")
            continue
        bound = truth.bounds[name]
        multiple, at = worst(found, value, bound)
        head = f"{name} {value.shape}: worst {multiple:.3g} of the bound at {at}"
        beyond = np.argwhere(~(np.abs(found - value) <= bound))
        if not len(beyond):
            lines.append(f"{head}: {found[at]:.9g}, judge {value[at]:.9g}")
            continue
        first = tuple(map(int, beyond[0]))
        lines.append(
            f"{head}; {len(beyond)} of {value.size} beyond it, first at {first}: "
            f"{found[first]:.9g}, judge {value[first]:.9g}, bound {bound[first]:.2g}"
        )
    return lines
