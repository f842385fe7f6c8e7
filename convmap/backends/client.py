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
from convmap.errors import ConvmapError


class WorkerError(ConvmapError):
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
        self.version = self._exchange(self._process, None, self.timeout)["version"]
        return self._process

    def ask(self, verb: str, **arguments: Any) -> Any:
        """Send a request and give the answer; raise WorkerError where there is none."""
        return self._exchange(self._start(), {"verb": verb, "arguments": arguments}, self.timeout)

    def ask_each(self, alike: dict[str, Any], each: list[dict[str, Any]]) -> list[Any]:
        """Make calls that share arguments, in one message; give each one's answer or WorkerError.

        Where one of them takes the worker with it, they are made again in smaller parts, to find it.
        """
        try:
            request = {"verb": "calls", "arguments": {"alike": alike, "each": each}}
            replies = self._exchange(self._start(), request, self.timeout + len(each) - 1)
        except WorkerError as error:
            if len(each) == 1:
                return [error]
            middle = len(each) // 2
            return self.ask_each(alike, each[:middle]) + self.ask_each(alike, each[middle:])
        return [self._answer(reply) for reply in replies]

    def _exchange(self, process: subprocess.Popen[bytes], request: Any, seconds: float) -> Any:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._kill(process)

        timer = threading.Timer(seconds, expire)
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
                raise WorkerError("timeout", self.framework, f"no answer within {seconds:g} s", tail)
            last = (tail.strip().splitlines() or ["no message"])[-1]
            raise WorkerError("crashed", self.framework, f"exit code {process.returncode}: {last}", tail)
        found = self._answer(reply)
        if isinstance(found, WorkerError):
            raise found
        return found

    def _answer(self, reply: Any) -> Any:
        if "error" not in reply:
            return reply["ok"]
        error = reply["error"]
        first = (error["message"].strip().splitlines() or [""])[0]
        return WorkerError(
            "raised", self.framework, f"{error['type']}: {first}", error["traceback"], error["type"]
        )

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
