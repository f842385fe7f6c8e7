"""Where a model file makes a layer: from the layer's path at run time to the call in the text."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from convmap.source.document import Document


@dataclass(frozen=True)
class Place:
    """A call in a file: its line, from 1, and its text; of a layer made in a loop, the statement."""

    line: int
    text: str


class Locator:
    """Answers for one file; ``classes`` gives the class of each module path at run time."""

    def __init__(self, document: Document, classes: dict[str, str]) -> None:
        self.document = document
        self.classes = {path: name.rpartition(".")[2] for path, name in classes.items()}
        self.defined = {n.name: n for n in ast.walk(document.tree) if isinstance(n, ast.ClassDef)}

    def place(self, path: str) -> Place | None:
        """Find the call that made the module of a path; None where the file does not show it."""
        owner = self.defined.get(self.classes.get("", ""))
        node: ast.expr | None = None
        at = ""
        for part in path.split(".") if path else []:
            at = f"{at}.{part}" if at else part
            if owner is not None:
                node = self._attribute(owner, part, set())
            elif node is not None:
                node = _element(node, part)
            if node is None:
                return None
            owner = self.defined.get(self.classes.get(at, ""))
        if node is None:
            return None
        return Place(node.lineno, ast.unparse(node))  # on one line, without comments

    def _attribute(self, owner: ast.ClassDef, name: str, seen: set[str]) -> ast.expr | None:
        for node in ast.walk(owner):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    own = isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"
                    if own and target.attr == name:  # type: ignore[attr-defined]
                        return node.value
        for base in owner.bases:
            inner = self.defined.get(getattr(base, "id", ""))
            if inner is not None and inner.name not in seen:
                found = self._attribute(inner, name, {*seen, owner.name})
                if found is not None:
                    return found
        # An unnamed part of a container class: super().__init__(first, second).
        for node in ast.walk(owner):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "__init__" and name.isdigit():
                    return _element(node, name)
        return None


def _element(node: ast.expr, index: str) -> ast.expr | None:
    """Give an element of a Sequential or list as it is written, or the whole where it is made by a loop."""
    items: list[ast.expr] = []
    if isinstance(node, ast.Call):
        items = node.args
        if len(items) == 1 and isinstance(items[0], (ast.List, ast.Tuple)):
            items = items[0].elts
    elif isinstance(node, (ast.List, ast.Tuple)):
        items = node.elts
    plain = not any(isinstance(i, ast.Starred) for i in items)
    if index.isdigit() and plain and int(index) < len(items) and len(items) > 1:
        return items[int(index)]
    return node
