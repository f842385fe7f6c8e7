"""Imports of a ported file: what goes, what stays, what comes, and how target names are spelled."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

from convmap.rewrite.edits import Edits
from convmap.rules import SHIM, Framework
from convmap.source.document import Document
from convmap.source.names import FUNCTIONS, Imported, Names


class Spelling:
    """Spells target names by the imports the file gets; collects which imports are needed."""

    def __init__(self, target: Framework, taken: set[str]) -> None:
        self.target = target
        self.taken = taken
        self.needed: dict[str, tuple[str, str]] = {}  # module -> statement, local name

    def __call__(self, qualified: str) -> str:
        modules = sorted(self.target.imports, key=lambda i: -len(i[0]))
        for module, statement, name in modules:
            if qualified == module or qualified.startswith(module + "."):
                local = self._local(module, statement, name)
                return local + qualified[len(module) :]
        module = qualified.rpartition(".")[0]
        if module:  # of a library that a user's rules name
            self.needed.setdefault(module, (f"import {module}", module))
            return qualified
        return self._own(qualified)

    def _own(self, name: str) -> str:
        """Spell a shim's name, which may mean something else in this file or in Python."""
        return name + SHIM if name in self.taken or hasattr(builtins, name) else name

    def _local(self, module: str, statement: str, name: str) -> str:
        if module not in self.needed:
            local = name
            if name in self.taken:
                # The usual name means something else in this file.
                local = module.replace(".", "_")
                while local in self.taken:
                    local += "_"
                statement = f"import {module} as {local}"
            self.needed[module] = (statement, local)
        return self.needed[module][1]

    def statements(self) -> list[str]:
        order = [module for module, _, _ in self.target.imports]
        place = {module: i for i, module in enumerate([*order, *sorted(set(self.needed) - set(order))])}
        return [self.needed[m][0] for m in sorted(self.needed, key=place.__getitem__)]


def source_imports(names: Names, package: str) -> list[Imported]:
    """Give the imports of the source framework, in order."""
    return [
        item
        for items in names.imports.values()
        for item in map(names.resolved, items)
        if item.qualified == package or item.qualified.startswith(package + ".")
    ]


def taken_names(names: Names, going: Iterable[Imported]) -> set[str]:
    """Give every name the ported file binds or reads otherwise."""
    leaving = {(id(i.statement), i.local) for i in going}
    gone = {local for _, local in leaving}
    taken: set[str] = set()
    for scope in names.scopes:
        taken.update(scope.bound.keys() - gone)
        for local in gone & scope.bound.keys():
            if any((id(by), local) not in leaving for by in scope.bound[local]):
                taken.add(local)
    return taken


def edit_imports(
    document: Document, names: Names, edits: Edits, going: list[Imported], new: list[str]
) -> str:
    """Remove the aliases that are not used any more and put the new imports in their place.

    Gives the new lines when no removed statement left a place for them at the top of the file.
    """
    by_statement: dict[ast.Import | ast.ImportFrom, list[Imported]] = {}
    for item in going:
        by_statement.setdefault(item.statement, []).append(item)
    text = document.newline.join(new)
    placed = not new
    for statement, items in sorted(by_statement.items(), key=lambda p: p[0].lineno):
        span = document.span(statement)
        top = names.parent[statement] is names.module.node
        whole = len(items) == len(statement.names)
        gone = {i.alias.name + "=" + (i.alias.asname or "") for i in items}
        rest = "" if whole else _without(document.text(span), gone)
        if top and not placed:
            edits.replace(span, text + (document.newline + rest if rest else ""))
            placed = True
        elif rest:
            edits.replace(span, rest)
        elif top:
            edits.replace(whole_line(document, span), "")
        else:
            edits.replace(span, "pass")
    return "" if placed else text


def _without(text: str, aliases: set[str]) -> str:
    """Drop aliases from one import statement; an empty text where none is left."""
    import libcst as cst  # takes longer to load than most files to port, and most need no part of one

    statement = cst.parse_statement(text)
    assert isinstance(statement, cst.SimpleStatementLine)
    node = statement.body[0]
    assert isinstance(node, (cst.Import, cst.ImportFrom)) and not isinstance(node.names, cst.ImportStar)

    def key(alias: cst.ImportAlias) -> str:
        return f"{cst.Module([]).code_for_node(alias.name)}={alias.evaluated_alias or ''}"

    kept = [a for a in node.names if key(a) not in aliases]
    if not kept:
        return ""
    if len(kept) == len(node.names):
        return text
    kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return cst.Module([]).code_for_node(node.with_changes(names=kept))


def whole_line(document: Document, span: tuple[int, int]) -> tuple[int, int]:
    """Widen a span to its line where nothing else stands on it."""
    data, (start, end) = document.data, span
    line_start = max(data.rfind(b"\n", 0, start), data.rfind(b"\r", 0, start)) + 1
    if data[line_start:start].strip():
        return span
    if data[end : end + 2] == b"\r\n":
        return line_start, end + 2
    return (line_start, end + 1) if data[end : end + 1] in (b"\n", b"\r") else span


def place_after_imports(document: Document, tree: ast.Module) -> int:
    """Give the offset behind the last import at the top, or behind the docstring."""
    at = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (docstring and at == 0):
            at = document.span(node)[1]
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            break
    return at


def line_end(document: Document, at: int) -> int:
    """Give the offset behind the line that holds an offset."""
    end = document.data.find(b"\n", at)
    return len(document.data) if end < 0 else end + 1
