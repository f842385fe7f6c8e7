"""The witnesses: a framework in one of its modes, or the NumPy core on some library's arrays."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from convmap.backends.client import Worker, WorkerError
from convmap.errors import ConvmapError, Refusal
from convmap.parity.cases import Case
from convmap.parity.forms import Form, form_of, input_quirk, probes_of
from convmap.parity.judge import Arrays
from convmap.rules import Framework, Rules

Answer = dict[str, np.ndarray]
# name: framework, and what its worker's calls take
FRAMEWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "torch": ("torch", {}),
    "mindspore": ("mindspore", {}),
    "mindspore-graph": ("mindspore", {"graph": True}),
    "megengine": ("megengine", {}),
    "torch-cuda": ("torch", {"device": "cuda"}),
    "torch-cuda-tf32": ("torch", {"device": "cuda", "tf32": True}),
}
# name: the environment it runs in ("" for this interpreter), library, device
CORES = {
    "core": ("", "numpy", "cpu"),
    "core-torch": ("torch", "torch", "cpu"),
    "core-torch-cuda": ("torch", "torch", "cuda"),
    "core-cupy": ("", "cupy", "cuda"),
}
NAMES = (*FRAMEWORKS, *CORES)
DEFAULT = ("torch", "mindspore", "megengine", "core")
CUDA = ("torch-cuda", "core-torch-cuda", "core-cupy")


class Call(NamedTuple):
    """What a backend is to run, and on what."""

    case: Case
    form: Form
    data: Arrays


class Expected(NamedTuple):
    """The quirk a call is to show, and the errors it may raise, or rules.OTHER_VALUES."""

    quirk: str = ""
    raises: frozenset[str] = frozenset()


NOTHING = Expected()


class Backend(Protocol):
    """One witness."""

    name: str

    def info(self) -> dict[str, str]:
        """Give version and device; raise WorkerError or ConvmapError where it can't run."""

    def forms(self, case: Case, gradients: bool) -> list[tuple[Form | Refusal, Expected]]:
        """Give what it runs for a case, each with what is expected of it."""

    def run(self, calls: list[Call]) -> list[Answer | WorkerError]:
        """Give each call's output and gradients as float32, or why there is no answer."""

    def stop(self) -> None: ...


class FrameworkBackend:
    """A framework: what the rules write for a case, and the plain calls that quirks keep them from."""

    def __init__(self, name: str, rules: Rules, timeout: float) -> None:
        framework, self.options = FRAMEWORKS[name]
        self.name, self.rules, self.framework = name, rules, rules.framework(framework)
        self._worker = _Lazy(framework, timeout, "")

    def info(self) -> dict[str, str]:
        device = {k: v for k, v in self.options.items() if k == "device"}
        found: dict[str, str] = self._worker.ask("info", **device)
        return found

    def forms(self, case: Case, gradients: bool) -> list[tuple[Form | Refusal, Expected]]:
        found: list[tuple[Form | Refusal, Expected]]
        try:
            form = form_of(case, self.framework, self.rules)
            quirk = input_quirk(case, form, self.framework, self.rules, gradients)
            found = [(form, Expected(quirk.id, frozenset(quirk.raises)) if quirk else NOTHING)]
        except Refusal as refusal:
            found = [(refusal, NOTHING)]
        probes = probes_of(case, self.framework, self.rules, gradients)
        return found + [(p.form, Expected(p.quirk.id, p.raises)) for p in probes]

    def run(self, calls: list[Call]) -> list[Answer | WorkerError]:
        return self._worker.ask_each({"shims": _shims(self.framework), **self.options}, [
            {"text": form.text, "layer": not case.is_function, "x": data.x, "cotangent": data.cotangent,
             "weights": [[name, form.weights.get(name, name), array] for name, array in _weights(data)]}
            for case, form, data in calls
        ])  # fmt: skip

    def stop(self) -> None:
        self._worker.stop()


class CoreBackend:
    """The fast core: it takes every case as it is."""

    def __init__(self, name: str, timeout: float) -> None:
        self.name = name
        environment, self.library, self.device = CORES[name]
        self._worker = _Lazy(environment, timeout, "core")

    def info(self) -> dict[str, str]:
        found: dict[str, str] = self._worker.ask("info", library=self.library, device=self.device)
        return found

    def forms(self, case: Case, gradients: bool) -> list[tuple[Form | Refusal, Expected]]:
        return [(Form("", "convmap.numerics.core", "exact", {}), NOTHING)]

    def run(self, calls: list[Call]) -> list[Answer | WorkerError]:
        return self._worker.ask_each({"library": self.library, "device": self.device}, [
            {"transposed": case.transposed, "how": case.geometry, "x": data.x, "cotangent": data.cotangent,
             "weights": [list(pair) for pair in _weights(data)]}
            for case, _, data in calls
        ])  # fmt: skip

    def stop(self) -> None:
        self._worker.stop()


class _Lazy:
    """A worker that starts when it is first asked."""

    def __init__(self, environment: str, timeout: float, side: str) -> None:
        self.environment, self.timeout, self.side = environment, timeout, side
        self._worker: Worker | None = None

    def ask(self, verb: str, **arguments: Any) -> Any:
        return self._started().ask(verb, **arguments)

    def ask_each(self, alike: dict[str, Any], each: list[dict[str, Any]]) -> list[Any]:
        return self._started().ask_each(alike, each)

    def _started(self) -> Worker:
        if self._worker is None:
            # One thread: the cases are small, and the witnesses run side by side.
            interpreter = "" if self.environment else sys.executable
            self._worker = Worker(self.environment, self.timeout, 1, self.side, interpreter)
        return self._worker

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


def _weights(data: Arrays) -> list[tuple[str, np.ndarray]]:
    named = (("weight", data.weight), ("bias", data.bias))
    return [(name, array) for name, array in named if array is not None]


@functools.cache
def _shims(framework: Framework) -> str:
    folder = framework.folders[0] / "shims"
    return str(folder) if folder.exists() else ""


def backend(name: str, rules: Rules, timeout: float = 60.0) -> Backend:
    """Give the backend of a name; ``timeout``: seconds for one case. Raises ConvmapError for another name."""
    if name in FRAMEWORKS:
        return FrameworkBackend(name, rules, timeout)
    if name in CORES:
        return CoreBackend(name, timeout)
    raise ConvmapError(f"backend {name!r}: give some of {', '.join(NAMES)}")


@contextlib.contextmanager
def opened(names: tuple[str, ...], rules: Rules, timeout: float = 60.0) -> Iterator[list[Backend]]:
    """Give the backends of these names; their workers start when first used and end with the context."""
    found = [backend(name, rules, timeout) for name in names]
    try:
        yield found
    finally:
        for each in found:
            each.stop()
