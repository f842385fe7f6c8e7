"""The witnesses: a framework in a worker, in one of its modes, or the NumPy core in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convmap.backends.client import Worker
from convmap.errors import ConvmapError
from convmap.parity.cases import Case
from convmap.parity.forms import Form
from convmap.parity.judge import Arrays
from convmap.rules import Framework, Rules

# name: framework and what its worker's call takes
WORKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "torch": ("torch", {}),
    "mindspore": ("mindspore", {}),
    "mindspore-graph": ("mindspore", {"graph": True}),
    "megengine": ("megengine", {}),
    "torch-cuda": ("torch", {"device": "cuda"}),
    "torch-cuda-tf32": ("torch", {"device": "cuda", "tf32": True}),
}
DEFAULT = ("torch", "mindspore", "megengine")


@dataclass
class Backend:
    """One witness; ``run`` gives its answer, or raises backends.client.WorkerError."""

    name: str
    framework: Framework
    options: dict[str, Any] = field(default_factory=dict)
    timeout: float = 60.0
    _worker: Worker | None = None

    @property
    def worker(self) -> Worker:
        if self._worker is None:
            # One thread: the cases are small, and the witnesses run side by side.
            self._worker = Worker(self.framework.name, self.timeout, threads=1)
        return self._worker

    def info(self) -> dict[str, str]:
        """Give the framework's version and device."""
        found: dict[str, str] = self.worker.ask("info")
        return found

    def run(self, case: Case, form: Form, data: Arrays) -> dict[str, np.ndarray]:
        weights = [["weight", form.weights.get("weight", "weight"), data.weight]]
        if data.bias is not None:
            weights.append(["bias", form.weights.get("bias", "bias"), data.bias])
        folder = self.framework.folder / "shims"
        answer: dict[str, np.ndarray] = self.worker.ask(
            "call", text=form.text, layer=not case.is_function, shims=str(folder) if folder.exists() else "",
            weights=weights, x=data.x, cotangent=data.cotangent, **self.options,
        )  # fmt: skip
        return answer

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


@contextlib.contextmanager
def opened(names: tuple[str, ...], rules: Rules, timeout: float = 60.0) -> Iterator[list[Backend]]:
    """Give the backends of these names; their workers start when first used and end with the context."""
    found = []
    for name in names:
        if name not in WORKERS:
            raise ConvmapError(f"--backends {name!r}: give some of {', '.join(WORKERS)}")
        framework, options = WORKERS[name]
        found.append(Backend(name, rules.framework(framework), options, timeout))
    try:
        yield found
    finally:
        for backend in found:
            backend.stop()
