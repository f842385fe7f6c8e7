"""Environments and workers: what is no interpreter, and what a crash or a hang costs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from convmap.backends import environments, wire
from convmap.backends.client import Worker, WorkerError
from convmap.errors import ConvmapError
from convmap.inputs import Case
from convmap.rules import load
from convmap.sides import Workers
from convmap.verdicts import text_of
from convmap.verify import verify

FRAMEWORKS = ["torch", "mindspore", "megengine"]


def test_a_shim_that_answers_not_found_is_no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python3.4"
    fake.write_text("#!/bin/sh\necho 'pyenv: python3.4: command not found' >&2\nexit 127\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))
    assert environments.find_python("3.4") is None


def test_a_python_in_pyenvs_versions_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "versions" / "3.4.9" / "bin" / "python"
    real.parent.mkdir(parents=True)
    real.write_text("#!/bin/sh\necho 3.4\n")
    real.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert environments.find_python("3.4") == str(real)


def test_half_an_environment_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVMAP_HOME", str(tmp_path))
    monkeypatch.delenv("CONVMAP_TORCH_PYTHON", raising=False)
    folder = environments.folder_of("torch")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    assert environments.locate("torch")
    (folder / ".incomplete").touch()
    with pytest.raises(ConvmapError, match="convmap backends install torch"):
        environments.locate("torch")
    assert "not installed" in environments.probe("torch").problem


def test_an_interpreter_of_the_user_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVMAP_TORCH_PYTHON", "/usr/bin/false")
    assert environments.locate("torch") == "/usr/bin/false"
    assert environments.probe("torch").problem


@pytest.mark.parametrize(
    "array",
    [np.array(3, np.float32), np.zeros((0, 3), np.int64), np.arange(12.0).reshape(3, 4)[:, ::2],
     np.ones((2, 1), bool), np.array([1, 2], np.float16)],
)  # fmt: skip
def test_arrays_survive_the_wire(array: np.ndarray) -> None:
    stream = io.BytesIO()
    wire.send(stream, {"a": [array, None, "text"], "n": np.int64(3)})
    stream.seek(0)
    found = wire.receive(stream)
    assert found["a"][0].dtype == array.dtype and found["a"][0].shape == array.shape
    assert np.array_equal(found["a"][0], array) and found["a"][1:] == [None, "text"] and found["n"] == 3
    assert wire.receive(stream) is None


MODELS = {
    "torch": "import os, time, torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        {}\n",
    "mindspore": "import os, time\nfrom mindspore import nn\nclass Net(nn.Cell):\n    def construct(self, x):\n        {}\n",
    "megengine": "import os, time\nimport megengine.module as M\nclass Net(M.Module):\n    def forward(self, x):\n        {}\n",
}


@pytest.mark.frameworks
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "body,kind,gradients",
    [
        ("os._exit(3)", "crashed", False),
        ("time.sleep(60)", "timeout", False),
        ("raise ValueError('no way')", "raised", False),
        ("raise ValueError('no way')", "raised", True),
    ],
)
def test_a_failure_costs_its_request(
    framework: str, body: str, kind: str, gradients: bool, tmp_path: Path
) -> None:
    bad, good = tmp_path / "bad.py", tmp_path / "good.py"
    bad.write_text(MODELS[framework].format(body))
    good.write_text(MODELS[framework].format("print('noise'); return (x + x)[0]"))
    arguments = dict(
        inputs=[np.ones((2, 2), np.float32)], lists=[None], train=False, dtype="float32", noise_seed=0,
        cotangents=[np.array([1, 3], np.float32)] if gradients else None,
    )  # fmt: skip
    with Worker(framework) as worker:
        model = worker.ask("load", path=str(bad), entry="Net()")["model"]
        worker.timeout = 3.0 if kind == "timeout" else 60.0
        with pytest.raises(WorkerError) as error:
            worker.ask("run", model=model, **arguments)
        assert error.value.kind == kind
        if kind == "raised":
            assert "no way" in str(error.value) and "Traceback" in error.value.detail
        worker.timeout = 60.0
        model = worker.ask("load", path=str(good), entry="Net()")["model"]
        found = worker.ask("run", model=model, **arguments)
        assert found["outputs"][0].tolist() == [2.0, 2.0]
        assert not gradients or found["input_grads"][0].tolist() == [[2.0, 6.0], [0.0, 0.0]]


@pytest.mark.frameworks
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_calls_in_one_message_fail_one_by_one(framework: str) -> None:
    """The others are answered even where one raises, and where one takes the process with it."""
    texts = ["x + x", "x.no_such_method()", "x * x", "__import__('os')._exit(3)", "x - x"]
    each = [{"text": text, "x": np.full((2, 2), 3.0, np.float32)} for text in texts]
    alike = {
        "layer": False,
        "shims": "",
        "weights": [["weight", "weight", np.ones((1,), np.float32)]],
        "cotangent": None,
    }
    for calls in (each[:3], each):
        with Worker(framework, 60.0) as worker:
            found = worker.ask_each(alike, calls)
        answers = [a.kind if isinstance(a, WorkerError) else float(a["output"][0, 0]) for a in found]
        assert answers == [6.0, "raised", 9.0, "crashed", 0.0][: len(calls)]


@pytest.mark.frameworks
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_wrong_shape_is_never_set(framework: str, pool: Workers) -> None:
    file = Path(__file__).parent / "sources" / f"{framework}_net.py"
    model = pool[framework].ask("load", path=str(file), entry="Net()")["model"]
    state = pool[framework].ask("get_state", model=model)
    name = next(n for n, v in state.items() if v.ndim == 4)
    with pytest.raises(WorkerError, match="shape"):
        pool[framework].ask("set_state", model=model, arrays={name: state[name].reshape(-1)})
    with pytest.raises(WorkerError, match="no parameter"):
        pool[framework].ask("set_state", model=model, arrays={"nothing": state[name]})


@pytest.mark.frameworks
@pytest.mark.parametrize("source,target", [("mindspore", "torch"), ("megengine", "torch"),
                                           ("torch", "mindspore"), ("torch", "megengine")])  # fmt: skip
def test_other_sources_hold(source: str, target: str, pool: Workers) -> None:
    file = Path(__file__).parent / "sources" / f"{source}_net.py"
    case = Case(source, file, "Net()", ("2x3x5x6",))
    verdict = verify(case, target, pool, load())
    assert verdict.holds, text_of(verdict)
    assert set(verdict.counts) <= {"exact", "shim"}
