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
        """Give the imports that are moved: those that are used in the bodies of functions alone.

        In a branch they are moved into it: one that is never taken must not need the source framework.
        """
        moved: list[Imported] = []
        lines: dict[int, tuple[list[ast.stmt], list[str]]] = {}
        for item in staying:
            found = uses.get((id(item.statement), item.local), [])
            around = [self._blocks_around(node) for node in found]
            if found and all(around) and self._may_move(item):
                moved.append(item)
                chosen = {id(blocks[0]) for blocks in around}
                for blocks in around:
                    block = next(
                        b for b in reversed(blocks) if id(b) in chosen
                    )  # the outermost has it for all
                    texts = lines.setdefault(id(block), (block, []))[1]
                    texts += [] if _statement(item) in texts else [_statement(item)]
        for block, texts in lines.values():
            self._insert(block, texts)
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

    def _blocks_around(self, node: ast.AST) -> list[list[ast.stmt]]:
        """Give the branches around a node that can take an import, the innermost first, and its function's body last.

        Give nothing where it is in no function's body, as the default of a parameter.
        """
        found: list[list[ast.stmt]] = []
        inner, at = node, self.names.parent.get(node)
        while at is not None:
            if isinstance(at, FUNCTIONS) and inner in at.body:
                return [*found, at.body]
            if isinstance(at, FUNCTIONS):
                found = []
            elif isinstance(at, ast.If):
                block = at.body if inner in at.body else at.orelse if inner in at.orelse else []
                start = self.document.offset(block[0].lineno, block[0].col_offset) if block else 0
                if block and self.document.data[start : start + 4] != b"elif":
                    found.append(block)
            inner, at = at, self.names.parent.get(at)
        return []

    def _insert(self, body: list[ast.stmt], texts: list[str]) -> None:
        """Put statements at the start of a block, behind a docstring."""
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
