"""What the modules of a project mean to each other: re-exports, classes and functions across files.

Only files that are ported together are looked at, by their places: nothing is imported and no search
path is asked. Modules are read when a name leads to them; a few are kept, and every answer is.
"""

from __future__ import annotations

import ast
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convmap.errors import SourceError
from convmap.rules import Framework
from convmap.source.aliasing import Aliasing
from convmap.source.document import Document
from convmap.source.in_place import InPlace
from convmap.source.inference import Inference
from convmap.source.names import FUNCTIONS, Names
from convmap.source.structure import Fact

KEPT = 1_400_000  # bytes of the modules in memory: a tree takes some 60 times its text


@dataclass
class _Module:
    names: Names
    inference: Inference
    exported: set[str] | None  # None: no __all__, so every public name


class Project:
    """The modules of the folders that are ported in one go, seen from one source framework."""

    def __init__(self, files: Iterable[tuple[Path, Path]], framework: Framework) -> None:
        self.framework = framework
        self.paths: dict[str, Path] = {}
        self.packages: set[str] = set()
        self.names: dict[Path, str] = {}
        for file, root in files:
            dotted = _dotted(file, root)
            if file.name == "__init__.py":
                self.packages.add(dotted)
            if dotted.split(".")[0] != framework.package:
                self.paths[dotted] = file
                self.names[file] = dotted
        self.consulted: dict[str, str] = {}  # since the last ``open``: each file's content
        self._loaded: OrderedDict[str, _Module | None] = OrderedDict()
        self._kept = 0  # bytes of the modules in memory
        self._facts: dict[str, Fact | None] = {}
        self._resolved: dict[str, str] = {}
        self._owned: dict[str, bool] = {}
        self._needed: dict[str, set[str]] = {}  # the modules an answer came from
        self._asking: list[str] = []
        self._cut = False  # an answer met a question that is still open
        self._digests: dict[str, str] = {}

    def open(self, file: Path) -> Inference:
        """Read one file, of the project or any other, and start noting which files its port looks at.

        Raises SourceError where it can't be read or parsed.
        """
        self.consulted = {}
        dotted = self.names.get(file, "")
        self._asking = ["load " + dotted]  # what is found out from now on, its tree's answers rest on
        module = self._module(dotted) if dotted else None
        if module is not None:
            self._loaded.move_to_end(dotted, last=False)  # few ask for it again: the first to go
        return self.read(Document.read(file), dotted) if module is None else module.inference

    def read(self, document: Document, dotted: str = "") -> Inference:
        """Look at a document as the module of a dotted name, or as one that stands alone."""
        return Inference(document, self._names_of(document, dotted), self.framework, self)

    def _names_of(self, document: Document, dotted: str) -> Names:
        package = dotted if dotted in self.packages else dotted.rpartition(".")[0]
        return Names(document.tree, package, self.resolve, self._from_star)

    # Modules -----------------------------------------------------------------------------------

    def _module(self, dotted: str) -> _Module | None:
        """Load a module; None where the project has none of this name or it can't be read."""
        if dotted not in self.paths:
            return None
        self._note(dotted)
        if dotted in self._loaded:
            self._loaded.move_to_end(dotted)
            for needed in self._needed.get("load " + dotted, ()):
                self._note(needed)
            return self._loaded[dotted]
        loaded: _Module | None = None
        self._asking.append("load " + dotted)
        try:
            inference = self.read(Document.read(self.paths[dotted]), dotted)
            loaded = _Module(inference.names, inference, _all(inference.document.tree))
        except (SourceError, RecursionError):
            pass  # its own port reports it
        finally:
            self._asking.pop()
        self._loaded[dotted] = loaded
        self._kept += _size(loaded)
        while self._kept > KEPT and len(self._loaded) > 1:
            self._kept -= _size(self._loaded.popitem(last=False)[1])
        return loaded

    def _note(self, dotted: str) -> None:
        for question in self._asking:
            self._needed.setdefault(question, set()).add(dotted)
        path = self.paths[dotted]
        if dotted not in self._digests:
            self._digests[dotted] = digest(path)
        self.consulted[str(path)] = self._digests[dotted]

    def _split(self, qualified: str) -> tuple[str, list[str]]:
        """Split a dotted name into the longest module of the project that starts it, and the rest."""
        parts = qualified.split(".")
        for end in range(len(parts), 0, -1):
            module = ".".join(parts[:end])
            if module in self.paths:
                return module, parts[end:]
        return "", parts

    # Questions ---------------------------------------------------------------------------------

    def resolve(self, qualified: str) -> str:
        """Follow a dotted name through re-exports; give it as it is where no module here has it."""
        if qualified.partition(".")[0] == self.framework.package:
            return self.framework.usual(qualified)
        if qualified not in self._resolved:
            self._answer("resolve " + qualified, self._resolved, qualified, self._follow, qualified)
        for dotted in self._needed.get("resolve " + qualified, ()):
            self._note(dotted)
        return self._resolved.get(qualified, qualified)

    def _follow(self, qualified: str) -> str:
        module, rest = self._split(qualified)
        loaded = self._module(module) if rest else None
        if loaded is None:
            return qualified
        bound = loaded.names.module.bound.get(rest[0], [])
        if not bound:
            star = loaded.names.starred(rest[0]) if loaded.names.stars else None
            return self.resolve(".".join([star.qualified, *rest[1:]])) if star else qualified
        found = {i.qualified for by in bound for i in loaded.names.imports.get(by, ()) if i.local == rest[0]}
        imported = all(isinstance(by, (ast.Import, ast.ImportFrom)) for by in bound)
        if len(found) != 1 or not imported:
            return qualified
        followed = ".".join([found.pop(), *rest[1:]])
        # from .pse import pse, where pse.so beside the file is no module here: it would lead into itself.
        return followed if followed.startswith(f"{module}.{rest[0]}.") else self.resolve(followed)

    def _from_star(self, module: str, name: str) -> str | None:
        if module.split(".")[0] == self.framework.package:
            known = f"{module}.{name}"
            return known if self.framework.knows(known) else ""
        loaded = self._module(module)
        if loaded is None:
            return None
        public = name in loaded.exported if loaded.exported is not None else not name.startswith("_")
        if not public:
            return ""
        if name in loaded.names.module.bound:
            return self.resolve(f"{module}.{name}")
        if loaded.names.stars:
            star = loaded.names.starred(name)
            return star.qualified if star else None
        return ""

    def fact(self, qualified: str) -> Fact | None:
        """Say what a class or function of another module is; None where it is not the project's."""
        if qualified not in self._facts:
            if qualified.startswith(".") or not self._split(qualified)[0]:
                return None
            self._answer("fact " + qualified, self._facts, qualified, self._look, qualified)
        for dotted in self._needed.get("fact " + qualified, ()):
            self._note(dotted)
        return self._facts.get(qualified)

    def _look(self, qualified: str) -> Fact | None:
        loaded, definition = self._definition(qualified)
        return loaded.inference.fact(definition) if loaded and definition else None

    def _definition(self, qualified: str) -> tuple[_Module | None, Any]:
        module, rest = self._split(qualified)
        loaded = self._module(module)
        bound = loaded.names.module.bound.get(rest[0], []) if loaded is not None and len(rest) == 1 else []
        if len(bound) != 1 or not isinstance(bound[0], (*FUNCTIONS, ast.ClassDef)):
            return None, None
        return loaded, bound[0]

    def owns(self, qualified: str, which: str | int) -> bool:
        """Ask another module what in_place.InPlace.owns tells of its definitions."""
        key = f"{qualified}({which!r})"
        if key not in self._owned:
            if qualified.startswith(".") or not self._split(qualified)[0]:
                return False

            def ask(name: str) -> bool:
                loaded, definition = self._definition(name)
                return loaded is not None and InPlace(Aliasing(loaded.inference)).owns(definition, which)

            self._answer("owns " + key, self._owned, key, ask, qualified)
        for dotted in self._needed.get("owns " + key, ()):
            self._note(dotted)
        return self._owned.get(key, False)

    def _answer(self, question: str, table: dict, key: str, ask, argument: str) -> None:  # type: ignore[type-arg,no-untyped-def]
        """Ask once and keep the answer, unless it met a question that was still open."""
        if question in self._asking:
            self._cut = True
            return
        outer, self._cut = self._cut, False
        # A module's inference keeps what it found on the way, for other questions too.
        self._asking += ["load " + self._split(argument)[0], question]
        try:
            answer = ask(argument)
        finally:
            del self._asking[-2:]
        if self._cut and any(not q.startswith("load ") for q in self._asking):
            # Of a circle only the first question has seen all of it. Modules may hold half answers.
            self._loaded.clear()
            self._kept = 0
            self._cut = True
            return
        self._cut = outer
        table[key] = answer


def _size(module: _Module | None) -> int:
    return len(module.inference.document.data) if module is not None else 0


def _dotted(file: Path, root: Path) -> str:
    """Give the module name of a file, with the package around the folder it was found in."""
    top = root.resolve()
    while (top / "__init__.py").exists():
        top = top.parent
    parts = list(file.resolve().relative_to(top).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _all(tree: ast.Module) -> set[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            try:
                return set(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return set()
    return None


def digest(path: Path) -> str:
    """Give the SHA-256 of a file's content, "" where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
