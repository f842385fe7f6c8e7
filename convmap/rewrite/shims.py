"""Shims: reads the tested code under ``rules/<framework>/shims`` and gives what a file needs of it."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from convmap.rewrite.edits import Edits, reference
from convmap.rewrite.imports import Spelling
from convmap.rules import Framework
from convmap.source.document import Document
from convmap.source.names import FUNCTIONS, Names

_DEFINITION = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Shim:
    """One definition: its text with marks for framework names, and what else it needs."""

    name: str
    text: str
    needs: tuple[str, ...]
    imports: tuple[str, ...]  # standard library statements


@functools.cache
def _defined(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Name the file of every shim of a framework: most ports need few of the files."""
    paths = [path for folder in folders for path in sorted((folder / "shims").glob("*.py"))]
    return {name: path for path in paths for name in _DEFINITION.findall(path.read_text(encoding="utf-8"))}


def read_shims(folders: tuple[Path, ...], package: str) -> dict[str, Shim]:
    """Read every shim of a framework, in the order of definition."""
    return {name: read_shim(folders, package, name) for name in _defined(folders)}


def read_shim(folders: tuple[Path, ...], package: str, name: str) -> Shim:
    """Read the file of a shim, and give that one."""
    files = _defined(folders)
    return _read_file(files[name], package, frozenset(path.stem for path in files.values()))[name]


@functools.cache
def _read_file(path: Path, package: str, siblings: frozenset[str]) -> dict[str, Shim]:
    found: dict[str, Shim] = {}
    document = Document.read(path)
    names = Names(document.tree)
    edits = Edits(document)
    for part in names.references:
        if isinstance(part.ctx, ast.Load):
            outer = names.parent.get(part)
            if isinstance(outer, ast.Attribute) and names.qualified(outer):
                continue
            qualified = names.qualified(part)
            if qualified and qualified.split(".")[0] == package:
                edits.replace(document.span(part), reference(qualified))
    top = {n.name: n for n in document.tree.body if isinstance(n, (*FUNCTIONS, ast.ClassDef))}
    imported = [i for items in names.imports.values() for i in items]
    others = [i.local for i in imported if i.qualified.split(".")[0] in siblings]
    # A file may use a shim's name for something else: definitions and uses are spelled per file.
    for part in names.references:
        if isinstance(part, ast.Name) and (part.id in top or part.id in others):
            if names.scope_of[part].find(part.id) is names.module:
                edits.replace(document.span(part), reference(part.id))
    for name, node in top.items():
        keyword = re.compile(rb"(def|class)\s+").match(document.data, document.span(node)[0])
        assert keyword is not None
        edits.replace((keyword.end(), keyword.end() + len(name.encode())), reference(name))
    for name, node in top.items():
        start = node.decorator_list[0] if node.decorator_list else node
        span = (document.offset(start.lineno, 0), document.span(node)[1])
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        needs = tuple(other for other in (*others, *top) if other in used and other != name)
        modules = {i.local: ast.unparse(i.statement) for i in imported
                   if i.qualified.split(".")[0] not in (package, "__future__", *siblings)}  # fmt: skip
        imports = tuple(modules[u] for u in sorted(used) if u in modules)
        found[name] = Shim(name, edits.render(span, reference), needs, imports)
    return found


def needed(framework: Framework, wanted: list[str]) -> list[Shim]:
    """Give the shims to insert, each after what it needs."""
    out: dict[str, Shim] = {}

    def add(name: str) -> None:
        if name not in out:
            shim = read_shim(framework.folders, framework.package, name)
            for other in shim.needs:
                add(other)
            out[name] = shim

    for name in wanted:
        add(name)
    return list(out.values())


def text_of(inserted: list[Shim]) -> str:
    return "\n\n\n".join(shim.text for shim in inserted)


def import_of(module: str, used: list[str], spelling: Spelling) -> str:
    """Give the statement that imports shims from the module that ``module_text`` writes."""
    own = Spelling(spelling.target, set())
    each = [(own(name), spelling(name)) for name in sorted(used)]
    parts = [name if name == local else f"{name} as {local}" for name, local in each]
    return f"from {module} import {', '.join(parts)}"


def module_text(framework: Framework, used: list[str]) -> str:
    """Give a module of shims, for the files of a project to share."""
    inserted = needed(framework, sorted(used))
    spelling = Spelling(framework, set())
    body = re.sub("\0R([^\0]+)\0", lambda m: spelling(m.group(1)), text_of(inserted))
    statements = sorted({s for shim in inserted for s in shim.imports}) + spelling.statements()
    head = f'"""What the port of this project to {framework.name} needs, written by convmap."""'
    return f"{head}\n\n" + "\n".join(statements) + f"\n\n\n{body}\n"


def shims_in(framework: Framework, path: Path) -> set[str]:
    """Name the shims that a module defines."""
    own = Spelling(framework, set())
    every = {own(name): name for name in read_shims(framework.folders, framework.package)}
    defined = {getattr(node, "name", "") for node in Document.read(path).tree.body}
    return {name for spelled, name in every.items() if spelled in defined}
