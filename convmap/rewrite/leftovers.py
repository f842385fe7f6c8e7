"""What a file has of the source framework beside calls: imports that a port still needs, and its set-up.

What could not be ported is reported at its line and raises when it is reached. The file can be imported,
and the rest of it run, where only the target framework is installed.
"""

from __future__ import annotations

import ast

from convmap.rewrite import imports
from convmap.rewrite.base import FilePort
from convmap.source.names import FUNCTIONS, Imported


class Leftovers(FilePort):
    """Moves imports from the top of a file into functions; drops what sets up the source framework alone."""

    def _drop_setup(self, assignment: ast.Assign | ast.AnnAssign) -> None:
        """Drop ``megengine.config.disable_memory_forwarding = True`` at the top, which means nothing elsewhere."""
        if (
            not isinstance(assignment, ast.Assign)
            or self.names.parent[assignment] is not self.names.module.node
        ):
            return
        target, setup = assignment.targets[0], dict(self.source.setup)
        name = self.names.qualified(target) or ""
        if name not in setup or len(assignment.targets) > 1 or not isinstance(assignment.value, ast.Constant):
            return
        start, end = self.document.span(assignment)
        line = imports.line_end(self.document, end)
        own = setup[name].partition("#")[2].strip()
        behind = self.document.text((end, line))
        if behind.strip(" \t\r\n#") in ("", own):
            above = self.document.newline.encode()
            start -= len(above) if self.document.data[:start].endswith(above * 2) else 0
            end = line
        else:
            end += len(behind) - len(behind.lstrip())
        self.edits.replace((start, end), "", True)
        self._forget(target, "")

    def _move_imports(
        self, staying: list[Imported], uses: dict[tuple[int, str], list[ast.Name]]
    ) -> list[Imported]:
        """Give the imports that are moved: those that are used in the bodies of functions alone."""
        moved: list[Imported] = []
        lines: dict[ast.AST, list[str]] = {}
        for item in staying:
            found = uses.get((id(item.statement), item.local), [])
            functions = [self._function_around(node) for node in found]
            if found and all(functions) and self._may_move(item):
                moved.append(item)
                for function in functions:
                    text = _statement(item)
                    if function is not None and text not in lines.setdefault(function, []):
                        lines[function].append(text)
        for function, texts in lines.items():
            self._insert(function, texts)
        return moved

    def _may_move(self, item: Imported) -> bool:
        """Tell whether an import is a plain one at the top of the file that nothing else may take from it."""
        statement = item.statement
        own = item.alias.name if isinstance(statement, ast.Import) else statement.module or ""
        direct = own.partition(".")[0] == self.source.package and not getattr(statement, "level", 0)
        plain = isinstance(statement, ast.ImportFrom) or item.alias.asname or "." not in item.alias.name
        top = self.names.parent[statement] is self.names.module.node
        mentioned = any(
            isinstance(n, ast.Constant) and n.value == item.local for n in ast.walk(self._exported())
        )
        return bool(direct and plain and top and item.local != "*" and not mentioned) and (
            item.local not in self.lent
        )

    def _exported(self) -> ast.AST:
        """Give what the file assigns to ``__all__``."""
        for statement in self.document.tree.body:
            if isinstance(statement, ast.Assign):
                if any(isinstance(t, ast.Name) and t.id == "__all__" for t in statement.targets):
                    return statement.value
        return ast.Tuple([], ast.Load())

    def _function_around(self, node: ast.AST) -> ast.AST | None:
        """Give the innermost function in whose body a node is, where no other statement can take an import."""
        inner, at = node, self.names.parent.get(node)
        while at is not None:
            if isinstance(at, FUNCTIONS) and inner in at.body:
                return at
            inner, at = at, self.names.parent.get(at)
        return None

    def _insert(self, function: ast.AST, texts: list[str]) -> None:
        """Put statements at the start of a function's body, behind its docstring."""
        body: list[ast.stmt] = function.body  # type: ignore[attr-defined]
        doc = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        first = body[1] if doc and len(body) > 1 else body[0]
        above = (getattr(first, "decorator_list", None) or [first])[0]
        start = self.document.offset(above.lineno, 0)
        at = start + first.col_offset  # the @ of a decorator stands where its def does
        indent = self.document.text((start, at))
        if indent.strip():  # on the line of the def, or behind a semicolon
            self.edits.replace((at, at), "".join(f"{text}; " for text in texts))
        else:
            ends = self.document.newline
            self.edits.replace((start, start), "".join(f"{indent}{text}{ends}" for text in texts))


def _statement(item: Imported) -> str:
    name = item.alias.name + (f" as {item.alias.asname}" if item.alias.asname else "")
    if isinstance(item.statement, ast.ImportFrom):
        return f"from {item.statement.module} import {name}"
    return f"import {name}"
