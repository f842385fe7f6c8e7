"""Checkpoint files: what is in one, tensor by tensor, and writing one in any framework's form.

safetensors and NumPy's npz are read and written here; a framework's own files by its worker. Nothing
in a file is ever run: a pickle that would need it is refused.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from convmap.backends import tensorfile
from convmap.backends.client import Worker, WorkerError
from convmap.errors import ConvmapError

OWN = {
    ".pth": "torch",
    ".pt": "torch",
    ".bin": "torch",
    ".ckpt": "mindspore",
    ".pkl": "megengine",
    ".mge": "megengine",
}
ANY = (".safetensors", ".npz")
# The frameworks' names of number formats, in safetensors' words.
FORMATS = {**tensorfile.NAMES, "bfloat16": "BF16"}


@dataclass(frozen=True)
class Row:
    """One tensor of a file: its name, its format in safetensors' words (F32, BF16), its shape."""

    name: str
    format: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(tensorfile.FORMATS[self.format]).itemsize


class Reader(Protocol):
    """An opened checkpoint. ``others`` names what it holds beside the tensors."""

    rows: list[Row]
    others: list[str]
    key: str

    def read(self, name: str) -> np.ndarray: ...


class Workers(Protocol):
    def __getitem__(self, framework: str) -> Worker: ...


def framework_of(path: Path) -> str:
    """Give the framework whose own file a path names, "" for safetensors and npz; raise for others."""
    if path.suffix in ANY:
        return ""
    if path.suffix in OWN:
        return OWN[path.suffix]
    raise ConvmapError(
        f"{path}: unknown kind of checkpoint {path.suffix!r} (known: {', '.join([*OWN, *ANY])})"
    )


def open_checkpoint(path: Path, key: str, pool: Workers) -> Reader:
    """Open a file. Raises ConvmapError where it can't be read, or only by running what is in it."""
    if not path.is_file():
        raise ConvmapError(f"{path}: no such file")
    framework = framework_of(path)
    if framework:
        return _OfFramework(path, key, pool[framework])
    if key:
        raise ConvmapError(f"{path}: --key is for files that hold more than one state dict")
    return _Safetensors(path) if path.suffix == ".safetensors" else _Npz(path)


class _Safetensors:
    key = ""

    def __init__(self, path: Path) -> None:
        try:
            self._found = tensorfile.read(str(path))
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ConvmapError(f"{path}: can't be read as safetensors: {error}") from None
        self.rows = [Row(name, entry.format, entry.shape) for name, entry in self._found.items()]
        self.others: list[str] = []

    def read(self, name: str) -> np.ndarray:
        return self._found[name].array()


class _Npz:
    key = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows, self.others = [], []
        try:
            with zipfile.ZipFile(path) as archive:
                for entry in archive.namelist():
                    with archive.open(entry) as stream:
                        version = np.lib.format.read_magic(stream)
                        read = (
                            np.lib.format.read_array_header_1_0
                            if version == (1, 0)
                            else np.lib.format.read_array_header_2_0
                        )
                        shape, _, dtype = read(stream)
                    name = entry.removesuffix(".npy")
                    if dtype.name in FORMATS:
                        self.rows.append(Row(name, FORMATS[dtype.name], shape))
                    else:
                        self.others.append(name)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ConvmapError(f"{path}: can't be read as npz: {error}") from None

    def read(self, name: str) -> np.ndarray:
        with np.load(self.path, allow_pickle=False) as archive:
            found: np.ndarray = archive[name]
            return found


class _OfFramework:
    def __init__(self, path: Path, key: str, worker: Worker) -> None:
        self._worker = worker
        try:
            opened = worker.ask("open", path=str(path.resolve()), key=key)
        except WorkerError as error:
            raise ConvmapError(f"{path}: {_refusal(error)}") from None
        self.key, self.others = opened["key"], opened["others"]
        unknown = [f"{n} ({kind})" for n, kind, _ in opened["rows"] if kind not in FORMATS]
        if unknown:
            raise ConvmapError(f"{path}: number formats that can't be moved: {', '.join(unknown[:4])}")
        self.rows = [Row(name, FORMATS[kind], tuple(shape)) for name, kind, shape in opened["rows"]]

    def read(self, name: str) -> np.ndarray:
        found: np.ndarray = self._worker.ask("read", name=name)
        return found


def _refusal(error: WorkerError) -> str:
    if error.error == "UnpicklingError":
        return (
            "the file needs code to be read, which may do anything, so it is not read; where you trust it,"
            " load it with torch.load(path, weights_only=False) and write its state_dict() with torch.save"
        )
    return str(error)


def save_checkpoint(path: Path, rows: list[Row], arrays: Iterable[np.ndarray], pool: Workers) -> None:
    """Write tensors that come one by one; a file appears whole or not at all."""
    framework = framework_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".convmap-") as folder:
        made = Path(folder) / path.name
        if path.suffix == ".npz":
            _write_npz(made, rows, arrays)
        else:
            tensors = made if not framework else Path(folder) / "tensors.safetensors"
            tensorfile.write(str(tensors), [(r.name, r.format, r.shape) for r in rows], arrays)
            if framework:
                try:
                    pool[framework].ask("save", path=str(made.resolve()), tensors=str(tensors.resolve()))
                except WorkerError as error:
                    raise ConvmapError(f"{path}: can't be written: {error}") from None
        made.replace(path)


def _write_npz(path: Path, rows: list[Row], arrays: Iterable[np.ndarray]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for row, array in zip(rows, arrays):
            if row.format == "BF16":
                raise ConvmapError(f"{row.name} is bfloat16, which npz has not: write .safetensors")
            with archive.open(f"{row.name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def widened(array: np.ndarray, kind: str, wanted: str) -> np.ndarray:
    """Change a number format where every value stays what it is; raise ValueError elsewhere."""
    if kind == wanted:
        return array
    if kind == "BF16" and wanted in ("F32", "F64"):
        return (array.astype(np.uint32) << 16).view(np.float32).astype(tensorfile.FORMATS[wanted])
    if "BF16" not in (kind, wanted) and np.can_cast(array.dtype, tensorfile.FORMATS[wanted], "safe"):
        return array.astype(tensorfile.FORMATS[wanted])
    raise ValueError(f"{kind} does not fit into {wanted} without a change of values")


def streamed(reader: Reader, names: Iterable[str]) -> Iterator[np.ndarray]:
    for name in names:
        yield reader.read(name)
