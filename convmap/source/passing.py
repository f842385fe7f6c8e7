"""What the calls of a file give for the parameters of its functions."""

from __future__ import annotations

import ast
import functools

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
        given = [*self._passed(arg, function, owner)]
        if isinstance(owner, ast.ClassDef) and function.name == "__init__":
            plain = [*function.args.posonlyargs, *function.args.args]
            index = plain.index(arg) - 1 if arg in plain else -1
            for call in self.calls.get("__init__", ()):
                inner = self.enclosing(call, ast.ClassDef)
                bases = inner.bases if isinstance(inner, ast.ClassDef) else []
                if owner.name not in [getattr(b, "id", "") for b in bases]:
                    continue
                if any(isinstance(a, ast.Starred) for a in call.args) or any(
                    k.arg is None for k in call.keywords
                ):
                    return []
                given += [call.args[index]] if 0 <= index < len(call.args) else []
                given += [k.value for k in call.keywords if k.arg == arg.arg]
        default = self._default(arg)
        return given if default is None else [*given, default]

    def _passed(self, arg: ast.arg, function: ast.AST, owner: ast.AST | None) -> list[ast.expr]:
        """Give what the calls in this file pass for a parameter."""
        if not isinstance(function, FUNCTIONS):
            return []
        plain = [*function.args.posonlyargs, *function.args.args]
        method = isinstance(owner, ast.ClassDef)
        name = function.name
        if method and name == "__init__":
            name = owner.name  # type: ignore[union-attr]
        elif method and name == self.framework.forward:
            return []
        out = []
        for call in self.calls.get(name, ()):
            by_attribute = isinstance(call.func, ast.Attribute)
            if method and name == function.name and not by_attribute:
                continue
            index = plain.index(arg) - (1 if method else 0) if arg in plain else -1
            for i, given in enumerate(call.args):
                if isinstance(given, ast.Starred):
                    return [given]
                if i == index:
                    out.append(given)
            out += [k.value for k in call.keywords if k.arg == arg.arg or k.arg is None]
        return out

    def _is_applied(self, arg: ast.arg, function: ast.AST) -> bool:
        """``net.apply(init)``: what ``init`` is called with is a module."""
        owner = self.names.parent.get(function)
        method = isinstance(owner, ast.ClassDef)
        plain = function.args.args[method:] if isinstance(function, FUNCTIONS) else []
        if not plain or plain[0] is not arg:
            return False
        for name in self._applying:
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

    @functools.cached_property
    def _applying(self) -> list[str]:
        """The methods of modules that call a function with every module inside."""
        inside = self.framework.module_class + "."
        found = self.framework.by_api.items()
        return [
            a.removeprefix(inside)
            for a, rows in found
            if a.startswith(inside) and any(b.operator.name == "module_apply" for b in rows)
        ]
