"""A backend's run as one portable file, and that file as a witness on another machine.

safetensors: arrays and text only, nothing in it is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from convmap.backends.client import WorkerError
from convmap.errors import ConvmapError, Refusal
from convmap.parity.backends import NOTHING, Answer, Backend, Call, Expected
from convmap.parity.cases import Case, parse
from convmap.parity.forms import Form
from convmap.parity.judge import Arrays, arrays_of

FORMAT = "convmap-parity-1"
INPUTS = ("x", "weight", "bias", "cotangent")


def record(
    cases: Iterable[Case], backend: Backend, path: Path, gradients: bool = True
) -> tuple[int, list[str]]:
    """Write inputs, weights and outputs; give how many cases are in it and what was left out, and why."""
    tensors: dict[str, np.ndarray] = {}
    info, written, left_out = backend.info(), [], []
    apis = {}
    for case in cases:
        form, expected = backend.forms(case, gradients)[0]
        if isinstance(form, Refusal) or expected.quirk:
            reason = form.reason if isinstance(form, Refusal) else f"it shows {expected.quirk}"
            left_out.append(f"{case.id}: {reason}")
            continue
        data = arrays_of(case, gradients)
        (answer,) = backend.run([Call(case, form, data)])
        if isinstance(answer, WorkerError):
            left_out.append(f"{case.id}: {answer}")
            continue
        for name, array in (*vars(data).items(), *answer.items()):
            if array is not None:
                tensors[f"{case.id}|{name}"] = np.ascontiguousarray(array)
        written.append(case.id)
        apis[case.id] = form.api
    metadata = {
        "format": FORMAT,
        "backend": backend.name,
        "info": json.dumps(info),
        "cases": json.dumps(written),
        "apis": json.dumps(apis),
        "gradients": json.dumps(gradients),
    }
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata)
    partial.replace(path)
    return len(written), left_out


@dataclass
class Recorded:
    """A recording as a backend: it answers the cases in it with what was recorded."""

    path: Path

    def __post_init__(self) -> None:
        try:
            self._file: Any = safe_open(str(self.path), "np")
        except (SafetensorError, OSError) as error:
            raise ConvmapError(f"{self.path}: not a recording of convmap parity record ({error})") from None
        metadata = self._file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ConvmapError(
                f"{self.path}: format {metadata.get('format')!r}; convmap parity record writes {FORMAT!r}"
            )
        self.name = "recorded:" + metadata["backend"]
        self._info: dict[str, str] = json.loads(metadata["info"])
        self._apis: dict[str, str] = json.loads(metadata["apis"])
        self.cases = [parse(text) for text in json.loads(metadata["cases"])]
        self.gradients: bool = json.loads(metadata["gradients"])
        self._names = set(self._file.keys())

    def info(self) -> dict[str, str]:
        return self._info

    def forms(self, case: Case, gradients: bool) -> list[tuple[Form | Refusal, Expected]]:
        return [(Form("recorded", self._apis[case.id], "exact", {}), NOTHING)]

    def data(self, case: Case, gradients: bool) -> Arrays:
        """Give the recorded inputs and weights; the runner feeds them to the other backends."""
        found = {name: self._get(case, name) for name in INPUTS}
        x, weight = found["x"], found["weight"]
        if x is None or weight is None:
            raise ConvmapError(f"{self.path}: {case.id} lacks its inputs")
        return Arrays(x, weight, found["bias"], found["cotangent"])

    def run(self, calls: list[Call]) -> list[Answer | WorkerError]:
        return [self._answer(call.case) for call in calls]

    def _answer(self, case: Case) -> Answer:
        names = [name for name in self._names if name.startswith(case.id + "|")]
        tails = {name: name.removeprefix(case.id + "|") for name in names}
        return {tail: self._file.get_tensor(name) for name, tail in tails.items() if tail not in INPUTS}

    def stop(self) -> None:
        pass

    def _get(self, case: Case, name: str) -> np.ndarray | None:
        key = f"{case.id}|{name}"
        if key not in self._names:
            return None
        array: np.ndarray = self._file.get_tensor(key)
        return array
