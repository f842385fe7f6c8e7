"""Finding the files to port and writing them whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from convmap.errors import ConvmapError

_SKIPPED = {"__pycache__", "venv", "node_modules", "build", "dist"}
_PORTED = {".py", ".ipynb"}
LARGEST = 1 << 20  # bytes of a data file that is copied along with a package


def find(paths: list[str], output: str | None = None) -> list[tuple[Path, Path]]:
    """Give (file, the folder it was found below) for files and folders; raise where one is missing.

    In a folder: Python files and notebooks, but for hidden folders, environments and the output.
    """
    out: list[tuple[Path, Path]] = []
    for text in paths:
        path = Path(text)
        if path.is_dir():
            found = [p for p in _below(path, output) if p.suffix in _PORTED]
            if not found:
                raise ConvmapError(f"{text}: no Python file and no notebook in this folder")
            out += [(p, path) for p in found]
        elif path.exists():
            out.append((path, path.parent))
        else:
            raise ConvmapError(f"{text}: no such file or folder")
    return out


def data_of(folder: Path, output: Path, ported: set[Path]) -> list[tuple[Path, Path]]:
    """Give the other files of a package that its ports may need: all but hidden and large ones."""
    return [
        (p, folder)
        for p in _below(folder, str(output))
        if p not in ported and p.suffix != ".pyc" and p.stat().st_size <= LARGEST
    ]


def _below(folder: Path, output: str | None) -> list[Path]:
    away = Path(output).resolve() if output else None
    found = []
    for place, inner, names in os.walk(folder):
        here = Path(place)
        inner[:] = sorted(
            n for n in inner
            if n not in _SKIPPED and not n.startswith(".") and (here / n).resolve() != away
        )  # fmt: skip
        found += [here / n for n in sorted(names) if not n.startswith(".") and (here / n).is_file()]
    return found


def destination(file: Path, root: Path, target: str, output: str | None, in_place: bool, many: bool) -> Path:
    """Say where a port goes: beside its source, over it, or below ``-o``."""
    if in_place:
        return file
    if output is None:
        return suffixed(file, target)
    out = Path(output)
    if many or out.is_dir() or output.endswith(("/", os.sep)):
        return out / file.relative_to(root)
    return out


def suffixed(file: Path, target: str) -> Path:
    return file.with_name(f"{file.stem}_{target}{file.suffix}")


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
