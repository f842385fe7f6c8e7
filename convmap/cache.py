"""Ports that were made before, by the contents that they came from."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convmap import __version__
from convmap.diagnostics import Diagnostic
from convmap.errors import ConvmapError
from convmap.files import write
from convmap.folders import own_folders, rules_folder
from convmap.rewrite.port import Port, Use
from convmap.source.project import digest

if TYPE_CHECKING:
    from convmap.porting import Ported, Request

KEPT_DAYS = 30  # an entry that no run has asked for in this time is deleted


class Cache:
    """A folder of entries. One holds while the file, the rules, convmap and all it looked at are the same."""

    def __init__(self, modules: Iterable[str], folder: Path | None = None) -> None:
        self.folder = folder or _folder()
        self.project = hashlib.sha256("\n".join(sorted(modules)).encode()).hexdigest()

    def key(self, request: "Request", file: Path, content: str, lent: frozenset[str]) -> str:
        parts = [_engine(), self.project, str(file), content, request.target, request.source,
                 request.version, sorted(request.allowed), request.shared, sorted(lent)]  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def get(self, key: str) -> "Ported | None":
        from convmap.porting import Ported

        path = self._path(key)
        try:
            row = json.loads(path.read_bytes())
            if any(digest(Path(file)) != content for file, content in row["consulted"].items()):
                return None
            os.utime(path)
            port = _port(row["port"]) if row["port"] else None
            return Ported(Path(), Path(), port, tuple(row["proven"]), tuple(row["borrowed"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # absent, or half written by something else: made anew

    def put(self, key: str, found: "Ported", consulted: dict[str, str]) -> None:
        row = {
            "consulted": consulted,
            "proven": found.proven,
            "borrowed": found.borrowed,
            "port": _row(found.port) if found.port else None,
        }
        with contextlib.suppress(ConvmapError):  # a cache that can't be written is none
            write(self._path(key), json.dumps(row).encode())

    def prune(self) -> None:
        """Delete what has not been asked for in a month."""
        oldest = time.time() - KEPT_DAYS * 86400
        for path in self.folder.glob("*/*.json"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except OSError:
                continue

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def _folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "convmap" / "ports"


@functools.cache
def _engine() -> str:
    """Give the digest of what makes ports: convmap's version, its code and its rules."""
    state = hashlib.sha256(__version__.encode())
    package = Path(__file__).parent
    files = [*package.glob("*.py"), *package.glob("source/*.py"), *package.glob("rewrite/*.py")]
    for folder in (rules_folder(), *own_folders()):
        files += [p for p in folder.rglob("*") if p.suffix in (".toml", ".py")]
    for path in sorted(files):
        state.update(path.read_bytes())
    return state.hexdigest()


def _row(port: Port) -> dict[str, Any]:
    return {
        **{
            name: getattr(port, name)
            for name in ("path", "source", "target", "before", "after", "borrowed", "shims")
        },
        "uses": [u._asdict() for u in port.uses],
        "diagnostics": [vars(d) for d in port.diagnostics],
        "data": base64.b64encode(port.data).decode(),
    }


def _port(row: dict[str, Any]) -> Port:
    return Port(
        **{
            **row,
            "uses": [Use(**u) for u in row["uses"]],
            "diagnostics": [Diagnostic(**d) for d in row["diagnostics"]],
            "data": base64.b64decode(row["data"]),
        }
    )
