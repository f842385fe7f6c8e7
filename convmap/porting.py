"""Ports many files: which framework each is of, in how many processes, and from the cache what is known."""

from __future__ import annotations

import functools
import gc
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from convmap import notebook
from convmap.cache import Cache
from convmap.errors import ConvmapError, SourceError
from convmap.rewrite.port import Port, port_inferred
from convmap.rewrite.shims import module_text, read_shims, shims_in
from convmap.rules import Framework, load
from convmap.source.document import Document
from convmap.source.names import packages_imported
from convmap.source.project import Project, digest

SHARED = "convmap_shims"
File = tuple[Path, Path]  # a file and the folder it was found below


@dataclass(frozen=True)
class Request:
    """What is asked for, the same for every file of a run."""

    target: str
    source: str | None = None
    version: str | None = None
    allowed: frozenset[str] = frozenset()
    shared: bool = False  # shims come from one module at the top of each folder, SHARED


@dataclass
class Ported:
    """What became of one file: its port (None: left alone, for the reason in ``problem`` if there is one)."""

    file: Path
    root: Path
    port: Port | None = None
    proven: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()  # what it takes of the source framework by way of other files
    problem: str = ""


def port_file(request: Request, file: Path) -> Port | None:
    """Port one file by itself; None where it uses no known framework or is of the target already."""
    return _Porting(request, [(file, file.parent)]).port(file)[0]


def port_files(
    request: Request, files: list[File], jobs: int = 1, cache: Cache | None = None
) -> Iterator[Ported]:
    """Port files as one project, in order; a file that can't be read has its problem said.

    What other files still import by way of a file stays in it: such files come again at the end,
    with the imports they lend, in place of what was given for them before.
    """
    done: dict[Path, Ported] = {}
    lent: dict[Path, set[str]] = {}
    for file, found in _pass(request, files, {}, jobs, cache):
        done[file[0]] = found
        yield found
    todo = [found for found in done.values() if found.borrowed]
    names = _Porting(request, files).modules if todo else {}
    while todo:
        changed: set[Path] = set()
        for found in todo:
            for borrowed in found.borrowed:
                module, _, name = borrowed.rpartition(".")
                path = names.get(module)
                if path is not None and name not in lent.setdefault(path, set()):
                    lent[path].add(name)
                    changed.add(path)
        again = [file for file in files if file[0] in changed]
        todo = []
        for _, found in _pass(request, again, lent, 1, cache):
            todo.append(found)
            yield found


def _pass(
    request: Request, files: list[File], lent: dict[Path, set[str]], jobs: int, cache: Cache | None
) -> Iterator[tuple[File, Ported]]:
    known: dict[Path, Ported] = {}
    keys: dict[Path, str] = {}
    if cache is not None:
        for file, root in files:
            keys[file] = cache.key(request, file, digest(file), frozenset(lent.get(file, ())))
            hit = cache.get(keys[file])
            if hit is not None:
                known[file] = replace(hit, file=file, root=root)
    left = [(file, root, frozenset(lent.get(file, ()))) for file, root in files if file not in known]
    made = _made(request, files, left, jobs)
    for file, root in files:
        if file in known:
            yield (file, root), known[file]
            continue
        found, consulted = next(made)
        if cache is not None and not found.problem:
            cache.put(keys[file], found, consulted)
        yield (file, root), found


INTERNAL = "internal error"
Job = tuple[Path, Path, frozenset[str]]


def _made(
    request: Request, files: list[File], jobs_left: list[Job], jobs: int
) -> Iterator[tuple[Ported, dict[str, str]]]:
    jobs = min(jobs, len(jobs_left))
    if jobs <= 1:
        yield from map(_Porting(request, files).one, jobs_left)
        return
    import multiprocessing  # takes as long to load as a short file to port

    global _here
    _start(request, files)  # what a process that is forked from this one need not read again
    try:
        with multiprocessing.Pool(jobs, _start, (request, files)) as pool:
            # Files of a folder look at the same others: each process reads those that its files need.
            yield from pool.imap(_one, jobs_left, chunksize=-(-len(jobs_left) // (6 * jobs)))
    finally:
        _here = None  # the files may be others when they are next asked for


_here: "_Porting | None" = None  # of a worker process


def _start(request: Request, files: list[File]) -> None:
    global _here
    gc.disable()
    if _here is None:
        _here = _Porting(request, files)
        _here.prepare()


def _one(job: Job) -> tuple[Ported, dict[str, str]]:
    assert _here is not None
    return _here.one(job)


def _as_bug(error: Exception) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    kind, place = type(error).__name__, f"{Path(at.filename).name}:{at.lineno}"
    return f"{INTERNAL} ({kind}: {error}, {place}); the file is left out: please report it with this line"


class _Porting:
    """The state of one process: the rules and the project as each source framework sees it."""

    def __init__(self, request: Request, files: list[File]) -> None:
        self.request, self.files = request, files
        self.rules = load()
        self.target = self.rules.framework(request.target)
        self._projects: dict[str, Project] = {}
        self._main: Framework | None | str = ""

    def prepare(self) -> None:
        """Read what all files need: the shims, and which framework the project is of."""
        read_shims(self.target.folders, self.target.package)
        if self.main:
            self._project(self.main)

    @property
    def modules(self) -> dict[str, Path]:
        main = self.main
        return self._project(main).paths if main else {}

    @property
    def main(self) -> Framework | None:
        """The one framework that the files are of; None where there are several or none."""
        if self._main == "":
            found: set[str] = set()
            for file, _ in self.files:
                found |= self._mentioned(file, None) - {self.target.name}
            named = self.request.source or (found.pop() if len(found) == 1 else "")
            self._main = self.rules.framework(named) if named else None
        assert not isinstance(self._main, str)
        return self._main

    def _project(self, source: Framework) -> Project:
        if source.name not in self._projects:
            modules = [f for f in self.files if f[0].suffix == ".py"]
            self._projects[source.name] = Project(modules, source)
        return self._projects[source.name]

    def one(self, job: Job) -> tuple[Ported, dict[str, str]]:
        file, root, lent = job
        try:
            port, consulted = self.port(file, lent, root)
            if port is None:
                return Ported(file, root), consulted
            borrowed = tuple(port.borrowed)
            if not port.uses and port.after == port.before and not port.diagnostics:
                return Ported(file, root, borrowed=borrowed), consulted
            proven = tuple(_proven(port))
        except ConvmapError as error:
            return Ported(file, root, problem=str(error)), {}
        except Exception as error:
            # A mistake of ours in one file must not keep the others from their ports.
            return Ported(file, root, problem=f"{file}: {_as_bug(error)}"), {}
        port.calls = []
        return Ported(file, root, port, proven, borrowed), consulted

    def port(
        self, file: Path, lent: frozenset[str] = frozenset(), root: Path | None = None
    ) -> tuple[Port | None, dict[str, str]]:
        """Port one file; give also the files that its port looked at, by their contents' digests."""
        book = notebook.read(file) if file.suffix == ".ipynb" else None
        source = self._source_of(file, book.document.data if book else None)
        if source is None:
            return None, {}
        project = self._project(source)
        inference = project.read(book.document) if book else project.open(file)
        shared = _shared(file, root) if root is not None and self.request.shared and not book else ""
        port = port_inferred(inference, self.target, self.request.version, self.request.allowed, lent, shared)
        if book:
            port = book.divide(port)
        return port, dict(project.consulted)

    def _source_of(self, file: Path, data: bytes | None) -> Framework | None:
        if self.request.source:
            return self.main
        found = self._mentioned(file, data)
        if found and not found - {self.target.name}:
            return None
        others = found - {self.target.name}
        if not others:
            return self.main if len(self.files) > 1 else None
        if len(others) > 1:
            raise SourceError(
                f"{file}: imports {' and '.join(sorted(others))}; say which to port with --from"
            )
        return self.rules.framework(others.pop())

    def _mentioned(self, file: Path, data: bytes | None) -> set[str]:
        """Name the frameworks that a file imports; of a notebook ``data`` is its code."""
        if data is None:
            try:
                data = notebook.read(file).document.data if file.suffix == ".ipynb" else file.read_bytes()
            except (OSError, ConvmapError):
                return set()
        named = {
            package: name
            for package, name in self.rules.frameworks.packages.items()
            if package.encode() in data and _import_of(package).search(data)
        }
        if len(named) > 1:
            # A docstring may show another framework's import.
            packages = packages_imported(Document(data, str(file)).tree)
            return {name for package, name in named.items() if package in packages}
        return set(named.values())


@functools.cache
def _import_of(package: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?m)^[ \t]*(?:from|import)[ \t][^#\n]*\b%s\b" % package.encode())


def _shared(file: Path, root: Path) -> str:
    """Name the module of a folder's shims as a file in it imports it: relatively in a package."""
    if not (root / "__init__.py").exists():
        return SHARED
    return "." * len(file.relative_to(root).parts) + SHARED


def shared_module(target: str, ports: list[Port], written: Path | None = None) -> bytes | None:
    """Give the module of the shims that ports of one folder import; None where they need none.

    The shims of a module that was ``written`` there before stay: other files import them.
    """
    framework = load().framework(target)
    used = {shim for port in ports for shim in port.shims}
    if used and written is not None and written.exists():
        used |= shims_in(framework, written)
    return module_text(framework, sorted(used)).encode() if used else None


def _proven(port: Port) -> list[str]:
    lines = [f"{len(port.calls)} calls lift back from {port.target} to the same canonical call"]
    if not any(lifted.call.operator.crops for lifted, _, _ in port.calls):
        return lines
    try:
        from convmap import proof
    except ImportError:
        return [*lines, "no numeric check: NumPy is not installed (pip install 'convmap[check]')"]
    return [*lines, *proof.check_port(port)]
