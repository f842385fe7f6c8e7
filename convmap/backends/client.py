"""The main process's end of a worker: starts it, asks it, limits its time, restarts it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from convmap.backends import environments, wire


class WorkerError(Exception):
    """A worker could not answer. ``kind``: raised, crashed or timeout; ``error``: the type of what it raised."""

    def __init__(self, kind: str, framework: str, message: str, detail: str = "", error: str = "") -> None:
        super().__init__(f"{framework}: {message}")
        self.kind, self.detail, self.error = kind, detail, error


class Worker:
    """One framework in its own interpreter; a crash or a hang costs the request, not the run."""

    def __init__(
        self,
        framework: str,
        timeout: float = 300.0,
        threads: int = 2,
        side: str = "",
        interpreter: str = "",
    ) -> None:
        """``side``: the module <side>_side to run, the framework's own by default."""
        self.framework, self.timeout, self.threads = framework or side, timeout, threads
        self.side = side or framework
        self.interpreter = interpreter or environments.locate(framework)
        self.version = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Any = None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        script = str(Path(__file__).with_name("worker.py"))
        self._process = subprocess.Popen(
            [self.interpreter, script, self.side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**environments.clean_environment(), "OMP_NUM_THREADS": str(self.threads)},
            start_new_session=True,
        )
        self.version = self._exchange(self._process, None)["version"]
        return self._process

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Send a request and give the answer; raise WorkerError where there is none."""
        return self._exchange(self._start(), {"verb": verb, "arguments": arguments})

    def _exchange(self, process: subprocess.Popen[bytes], request: Any) -> Any:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._kill(process)

        timer = threading.Timer(self.timeout, expire)
        timer.start()
        try:
            if request is not None:
                wire.send(process.stdin, request)
            reply = wire.receive(process.stdout)
        except (BrokenPipeError, ValueError):
            reply = None
        finally:
            timer.cancel()
        if reply is None:
            process.wait()
            tail = self._tail()
            if expired.is_set():
                raise WorkerError("timeout", self.framework, f"no answer within {self.timeout:g} s", tail)
            last = (tail.strip().splitlines() or ["no message"])[-1]
            raise WorkerError("crashed", self.framework, f"exit code {process.returncode}: {last}", tail)
        if "error" in reply:
            error = reply["error"]
            first = (error["message"].strip().splitlines() or [""])[0]
            raise WorkerError(
                "raised", self.framework, f"{error['type']}: {first}", error["traceback"], error["type"]
            )
        return reply["ok"]

    def _tail(self) -> str:
        self._errors.seek(0)
        return str(self._errors.read()[-4000:].decode("utf-8", "replace"))

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            self._kill(self._process)
            self._process.wait()
            self._process = None
