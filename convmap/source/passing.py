"""What the calls of a file give for the parameters of its functions."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from convmap.source.constants import Constants
from convmap.source.names import FUNCTIONS


class Passing(Constants):
    """Follows calls to functions, classes and methods of the file by their names."""

    def _default(self, arg: ast.arg) -> ast.expr | None:
        owner = self.names.parent.get(self.names.parent[arg])
        if not isinstance(owner, (*FUNCTIONS, ast.Lambda)):
            return None
        args = owner.args
        plain = [*args.posonlyargs, *args.args]
        if arg in plain:
            index = plain.index(arg) - (len(plain) - len(args.defaults))
            return args.defaults[index] if index >= 0 else None
        if arg in args.kwonlyargs:
            return args.kw_defaults[args.kwonlyargs.index(arg)]
        return None

    def passed(self, arg: ast.arg) -> list[ast.expr]:
        """Give everything that the calls of this file may give for a parameter, its default too.

        Nothing where it has no default and no call, or a call can't be followed.
        """
        function = self.names.parent.get(self.names.parent[arg])
        owner = self.names.parent.get(function) if function is not None else None
        if not isinstance(function, FUNCTIONS):
            return []
        given = self._passed(arg, function, owner)
        if any(isinstance(g, ast.Starred) for g in given):
            return []
        default = self._default(arg)
        return given if default is None else [*given, default]

    def _passed(self, arg: ast.arg, function: ast.AST, owner: ast.AST | None) -> list[ast.expr]:
        """Give what the calls in this file pass for a parameter."""
        if not isinstance(function, FUNCTIONS):
            return []
        if isinstance(owner, ast.ClassDef) and function.name == self.framework.forward:
            return []
        plain = [*function.args.posonlyargs, *function.args.args]
        index = plain.index(arg) if arg in plain else -1
        out: list[ast.expr] = []
        for call, own in self._reaching(function, owner):
            for i, given in enumerate(call.args, own):
                if isinstance(given, ast.Starred):
                    return [given]
                if i == index:
                    out.append(given)
            out += [k.value for k in call.keywords if k.arg == arg.arg or k.arg is None]
        return out

    def _reaching(
        self, function: ast.FunctionDef | ast.AsyncFunctionDef, owner: ast.AST | None
    ) -> Iterator[tuple[ast.Call, int]]:
        """Give the calls that may reach a function, each with the number of arguments that it does not write."""
        if not isinstance(owner, ast.ClassDef):
            # def transpose(x, a, b) is not what x.transpose(0, 2, 1) calls.
            method = f"{self.framework.tensor_class}.{function.name}" in self.framework.by_api
            for call in self.calls.get(function.name, ()):
                if not method or isinstance(call.func, ast.Name):
                    yield call, 0
            return
        if function.name != "__init__":
            own = 0 if any(getattr(d, "id", "") == "staticmethod" for d in function.decorator_list) else 1
            for call in self.calls.get(function.name, ()):
                if isinstance(call.func, ast.Attribute):
                    yield call, own
            return
        made, derived = self._made_by(owner)
        for name in made:
            yield from ((call, 1) for call in self.calls.get(name, ()) if not self._is_of_instance(call))
        for other in derived:
            for call in self._starts.get(other, ()):
                # super().__init__(...), or Base.__init__(self, ...)
                yield call, 1 if isinstance(call.func.value, ast.Call) else 0  # type: ignore[attr-defined]

    @functools.cached_property
    def _starts(self) -> dict[ast.AST | None, list[ast.Call]]:
        """The calls of __init__ in each class."""
        found: dict[ast.AST | None, list[ast.Call]] = {}
        for call in self.calls.get("__init__", ()):
            if isinstance(call.func, ast.Attribute):
                found.setdefault(self.enclosing(call, ast.ClassDef), []).append(call)
        return found

    def _is_of_instance(self, call: ast.Call) -> bool:
        """``self.L2Norm(x)``, where a layer has its class's name."""
        if not (isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "self"):
            return False
        made = self.attribute_values(self.enclosing(call, ast.ClassDef), call.func.attr)
        return bool(made) and all(isinstance(m, ast.Call) for m in made)

    def _made_by(self, owner: ast.ClassDef) -> tuple[list[str], list[ast.ClassDef]]:
        """Name the classes that a class's __init__ starts; give those of the file that derive from them."""
        made, derived = [owner.name], []
        for name in made:
            for other in self.classes.values():
                if other.name in made or name not in [getattr(b, "id", "") for b in other.bases]:
                    continue
                derived.append(other)
                if not any(getattr(n, "name", "") == "__init__" for n in other.body):
                    made.append(other.name)
        return made, derived

    def _is_applied(self, arg: ast.arg, function: ast.AST) -> bool:
        """``net.apply(init)``: what ``init`` is called with is a module."""
        owner = self.names.parent.get(function)
        method = isinstance(owner, ast.ClassDef)
        plain = function.args.args[method:] if isinstance(function, FUNCTIONS) else []
        if not plain or plain[0] is not arg:
            return False
        for name in self.framework.applying_methods:
            for call in self.calls.get(name, ()):
                given = call.args[0] if len(call.args) == 1 else None
                if method and isinstance(given, ast.Attribute) and getattr(given.value, "id", "") == "self":
                    if given.attr == function.name and self.enclosing(call, ast.ClassDef) is owner:  # type: ignore[attr-defined]
                        return True
                elif not method and isinstance(given, ast.Name) and given.id == function.name:  # type: ignore[attr-defined]
                    scope = self.names.scope_of[given].find(given.id)
                    if scope is not None and scope.bound[given.id] == [function]:
                        return True
        return False
