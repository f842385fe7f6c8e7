"""Finding the files to port and writing them whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from convmap.errors import ConvmapError

_SKIPPED = {"__pycache__", ".git", ".venv", "venv", "node_modules", "build", "dist"}


def find(paths: list[str]) -> list[tuple[Path, Path]]:
    """Give (file, the folder it was found below) for files and folders; raise where one is missing."""
    out: list[tuple[Path, Path]] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            found = [
                p for p in sorted(path.rglob("*.py"))
                if not _SKIPPED & set(p.relative_to(path).parts[:-1])
            ]  # fmt: skip
            if not found:
                raise ConvmapError(f"{text}: no Python file in this folder")
            out += [(p, path) for p in found]
        elif path.exists():
            out.append((path, path.parent))
        else:
            raise ConvmapError(f"{text}: no such file or folder")
    return out


def destination(file: Path, root: Path, target: str, output: str | None, in_place: bool, many: bool) -> Path:
    """Say where a port goes: beside its source, over it, or below ``-o``."""
    if in_place:
        return file
    if output is None:
        return file.with_name(f"{file.stem}_{target}{file.suffix}")
    out = Path(output)
    if many or out.is_dir() or output.endswith(("/", os.sep)):
        return out / file.relative_to(root)
    return out


def write(path: Path, data: bytes) -> None:
    """Write through a temporary file beside the destination, so that no half file is ever seen."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
            os.chmod(name, mode)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ConvmapError(f"{path}: can't be written: {error.strerror}") from None
