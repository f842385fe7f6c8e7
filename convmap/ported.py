"""A model file and its port, where workers can load them: one file, or the package that it is part of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convmap import files
from convmap.errors import ConvmapError
from convmap.porting import SHARED, Ported, Request, port_file, port_files, shared_module
from convmap.rewrite.port import Port, detect_framework
from convmap.rules import Framework, Rules
from convmap.source.document import Document


@dataclass(frozen=True)
class Pair:
    """The two files. ``port`` is None where the port was given, not made.

    ``unported`` says, with its line, what the port leaves as it was: what runs may not need it.
    """

    source: Framework
    target: Framework
    file: Path
    ported: Path
    port: Port | None

    @property
    def unported(self) -> tuple[str, ...]:
        return tuple(str(d) for d in self.port.diagnostics if d.severity == "error") if self.port else ()


def make_pair(
    rules: Rules, file: Path, target: str, scratch: Path, given: Path | None = None, source: str | None = None
) -> Pair:
    """Port a model file into a folder, or take the port that is ``given``.

    Raises ConvmapError where the file is of no or several frameworks.
    """
    wanted = rules.framework(target)
    found = rules.framework(source) if source else detect_framework(rules, Document.read(file))
    if found is None:
        raise ConvmapError(f"{file}: no single source framework in its imports; say it with --from")
    if found is wanted:
        raise ConvmapError(f"{file}: is of {wanted.name} already")
    if given is not None:
        if not given.is_file():
            raise ConvmapError(f"{given}: no such file")
        return Pair(found, wanted, file, given, None)
    if (file.parent / "__init__.py").exists():
        return _package(Request(wanted.name, found.name, shared=True), found, wanted, file, scratch)
    port = port_file(Request(wanted.name, found.name), file)
    path = scratch / f"{file.stem}_{wanted.name}.py"
    if port is None:
        raise ConvmapError(f"{file}: nothing to port in it")
    path.write_bytes(port.data)
    return Pair(found, wanted, file, path, port)


def _package(request: Request, source: Framework, target: Framework, file: Path, scratch: Path) -> Pair:
    """Port the whole package that a file is in."""
    top = file.resolve().parent
    while (top.parent / "__init__.py").exists():
        top = top.parent
    ports: dict[Path, Ported] = {p.file: p for p in port_files(request, files.find([str(top)]))}
    for path, found in ports.items():
        data = found.port.data if found.port else path.read_bytes()
        files.write(scratch / top.name / path.relative_to(top), data)
    made = [found.port for found in ports.values() if found.port]
    shims = shared_module(target.name, made)
    if shims is not None:
        files.write(scratch / top.name / f"{SHARED}.py", shims)
    own = ports[file.resolve()]
    if own.problem:
        raise ConvmapError(own.problem)
    ported = scratch / top.name / file.resolve().relative_to(top)
    return Pair(source, target, file, ported, own.port)
