"""Environments of the frameworks: where they are, what is in them, how they are made.

Each framework has an interpreter of its own: MegEngine needs Python 3.10 and NumPy 1, and importing
it switches denormals off for its whole process.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tomli

from convmap.errors import ConvmapError

PROBES = {
    "torch": "import torch as m; d=['cpu']+['cuda:%d'%i for i in range(m.cuda.device_count())]",
    "mindspore": "import mindspore as m; d=[m.get_context('device_target').lower()]",
    "megengine": "import megengine as m; d=['cpu']+['gpu%d'%i for i in range(m.get_device_count('gpu'))]",
}
_INCOMPLETE = ".incomplete"
_REQUIREMENTS = "convmap-requirements.txt"


@dataclass(frozen=True)
class Environment:
    """A framework as found: its version and devices, or the problem that keeps it from running."""

    framework: str
    interpreter: str = ""
    version: str = ""
    devices: tuple[str, ...] = ()
    problem: str = ""


def pins() -> dict[str, dict[str, object]]:
    return tomli.loads(Path(__file__).with_name("environments.toml").read_text(encoding="utf-8"))


def home() -> Path:
    """Give the folder of the environments: $CONVMAP_HOME, or the user's data folder."""
    if os.environ.get("CONVMAP_HOME"):
        return Path(os.environ["CONVMAP_HOME"]) / "backends"
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "convmap" / "backends"


def folder_of(framework: str) -> Path:
    return home() / f"{framework}-{pins()[framework]['version']}"


def locate(framework: str) -> str:
    """Give the interpreter of a framework; raise ConvmapError with what to run where there is none."""
    override = os.environ.get(f"CONVMAP_{framework.upper()}_PYTHON")
    if override:
        return override
    folder = folder_of(framework)
    interpreter = folder / "bin" / "python"
    if not interpreter.exists() or (folder / _INCOMPLETE).exists():
        raise ConvmapError(f"{framework} is not installed: run convmap backends install {framework}")
    return str(interpreter)


def probe(framework: str) -> Environment:
    """Import the framework in its interpreter and ask for version and devices."""
    try:
        interpreter = locate(framework)
    except ConvmapError as error:
        return Environment(framework, problem=str(error))
    code = f"{PROBES[framework]}; import json; print('\\n'+json.dumps([m.__version__, d]))"
    try:
        run = subprocess.run(
            [interpreter, "-c", code], capture_output=True, text=True, timeout=120, env=clean_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Environment(framework, interpreter, problem=f"{interpreter} does not run: {error}")
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        return Environment(framework, interpreter, problem=f"the import fails in {interpreter}: {last}")
    version, devices = json.loads(run.stdout.strip().splitlines()[-1])
    return Environment(framework, interpreter, version, tuple(devices))


def discover() -> list[Environment]:
    return [probe(name) for name in pins()]


def clean_environment() -> dict[str, str]:
    """Give the environment for a framework's process: none of this process's Python settings."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return {**kept, "GLOG_v": "3", "PYTHONNOUSERSITE": "1"}


def _candidates(version: str) -> Iterator[str]:
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        yield sys.executable
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield os.path.join(folder, f"python{version}")
    root = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    yield from sorted(glob.glob(f"{root}/versions/{version}.*/bin/python"), reverse=True)
    uv = shutil.which("uv")
    if uv:
        found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True)
        if found.returncode == 0:
            yield found.stdout.strip()


def find_python(version: str) -> str | None:
    """Find a real interpreter of a version: one that runs and can make environments.

    A pyenv shim of a version that is not active exits with 127: it is not an interpreter.
    """
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in _candidates(version):
        if not os.access(candidate, os.X_OK):
            continue
        try:
            run = subprocess.run([candidate, "-c", code], capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if run.returncode == 0 and run.stdout.strip() == version:
            return candidate
    return None


def install(framework: str, progress: Callable[[str], None] = lambda line: None, force: bool = False) -> str:
    """Make the environment of a framework and give its interpreter; nothing happens where it is ready.

    A marker file stays in the folder until everything is in place: a broken off installation is
    made again and never taken for a whole one.
    """
    pin = pins()[framework]
    folder = folder_of(framework)
    marker = folder / _INCOMPLETE
    requirements: list[str] = pin["requirements"]  # type: ignore[assignment]
    versions: list[str] = pin["pythons"]  # type: ignore[assignment]
    if folder.exists() and not marker.exists() and not force and not probe(framework).problem:
        if _has(folder, requirements):
            progress(f"{framework}: ready in {folder}")
        else:
            progress(f"{framework}: adding to {folder} what is new in {' '.join(requirements)}")
            _install(folder, requirements, framework)
        return locate(framework)
    python = next((p for p in map(find_python, versions) if p), None)
    if python is None:
        raise ConvmapError(
            f"{framework} {pin['version']} needs Python {' or '.join(versions)}, and none was found on PATH,"
            " in pyenv's versions or through uv"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()
    progress(f"{framework}: making {folder} with {python}")
    _run([python, "-m", "venv", str(folder)], framework)
    progress(f"{framework}: installing {' '.join(requirements)} (a few minutes, up to 3 GB)")
    _install(folder, requirements, framework)
    marker.unlink()
    found = probe(framework)
    if found.problem:
        marker.touch()
        raise ConvmapError(f"{framework}: installed, but {found.problem}")
    progress(f"{framework}: {found.version} on {', '.join(found.devices)}")
    return found.interpreter


def _install(folder: Path, requirements: list[str], framework: str) -> None:
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *requirements], framework)
    (folder / _REQUIREMENTS).write_text("\n".join(requirements), encoding="utf-8")


def _has(folder: Path, requirements: list[str]) -> bool:
    listed = folder / _REQUIREMENTS
    return listed.exists() and listed.read_text(encoding="utf-8").splitlines() == requirements


def _run(command: list[str], framework: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if line.strip() and "WARNING" not in line]
        raise ConvmapError(f"{framework}: {' '.join(command[1:4])} failed: {' / '.join(lines[-3:])}")
