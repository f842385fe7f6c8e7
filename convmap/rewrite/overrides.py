"""Methods of every module that a class gives a meaning of its own: which framework calls them, and when."""

from __future__ import annotations

import ast
import re

from convmap.errors import Refusal
from convmap.model import Plan
from convmap.rewrite.base import FilePort, Use
from convmap.rewrite.edits import reference
from convmap.source.names import FUNCTIONS


class Overrides(FilePort):
    """Renames a method that replaces one of the framework's, where the target calls it as the source does."""

    def _overrides(self, node: ast.ClassDef) -> None:
        """Port or report the methods of a module's class that the framework has under the same name."""
        for item in node.body:
            if not isinstance(item, FUNCTIONS) or item.name not in self.source.module_methods:
                continue
            api = f"{self.source.module_class}.{item.name}"
            renamed = self._override(item)
            if renamed is None:
                reason = (
                    f"{node.name} gives {api} a meaning of its own, and {self.target.name} does not call it where"
                    f" {self.source.name} does"
                )
                self._refuse(item, api, Refusal("CM111", reason, "call what it does where the model is used"))
                continue
            name, decorator = renamed
            start, end = self.document.span(item)[0], self._name_span(item)[1]
            indent = self.document.text((self.document.offset(item.lineno, 0), start))
            mark = f"@{reference(decorator)}{self.document.newline}{indent}"
            self.edits.replace((start, end), f"{mark}def {name}")
            if decorator not in self.shims:
                self.shims.append(decorator)
            self.port.uses.append(Use(item.lineno, api, name, "shim"))

    def _override(self, function: ast.AST) -> tuple[str, str] | None:
        """Give the target's name of a method and the decorator that makes the target call it."""
        if not isinstance(function, ast.FunctionDef) or function.decorator_list:
            return None
        found = dict(self.target.overriding).get(function.name)
        if found is None:
            return None
        signature, name, decorator = found
        bare = ast.parse(f"def f({ast.unparse(function.args)}): pass").body[0]
        for arg in ast.walk(bare):
            if isinstance(arg, ast.arg):
                arg.annotation = None
        return (name, decorator) if ast.unparse(bare.args) == signature else None  # type: ignore[attr-defined]

    def _own_method(self, owner: ast.AST | None, name: str) -> bool:
        """Tell whether a class or a base of it in the file defines a method that keeps its name."""
        found = self._definition(owner, name)
        return found is not None and not (name in self.source.module_methods and self._override(found))

    def _name_span(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int]:
        """Find a function's name, which the tree gives no place for."""
        start = self.document.span(function)[0]
        match = re.compile(rb"(async\s+)?def\s+").match(self.document.data, start)
        assert match is not None
        return match.end(), match.end() + len(function.name.encode())

    def _check_upward(self, receiver: ast.expr | None, plan: Plan) -> None:
        """Refuse what is not a method call in the target where it is called on ``super()``."""
        upward = isinstance(receiver, ast.Call) and getattr(receiver.func, "id", "") == "super"
        method = plan.binding.is_method or re.match(r"\{\w+!\}\.", plan.binding.write)
        if upward and not method:
            advice = "call it on self, or on the object"
            raise Refusal("CM202", f"{self.target.name} has no such method that super() could give", advice)
