"""Which API a call uses: by import, or as a method of a tensor or module."""

from __future__ import annotations

import ast

from convmap.rewrite.overrides import Overrides
from convmap.rewrite.substitutes import Substitutes
from convmap.source.names import FUNCTIONS

_COMMON = {"split", "format", "index", "count", "copy", "pop", "append", "extend", "apply", "add"}
_OF_ARRAYS = {"type", "to", "float", "size", "sum", "mean"}


class Callees(Substitutes, Overrides):
    """Names the API of a call."""

    def _api_of(self, call: ast.Call) -> tuple[str | None, ast.expr | None]:
        """Name the API a call uses: by import, or as a method of a tensor or module."""
        qualified = self.names.qualified(call.func)
        if qualified is not None:
            mine = self.source.owns(qualified)
            return (qualified if mine else None), None
        func = call.func
        if not isinstance(func, ast.Attribute):
            return None, None
        kind = self.inference.object_kind(func.value)
        owner = self.inference.enclosing(call, ast.ClassDef)
        if kind == "tensor":
            api = f"{self.source.tensor_class}.{func.attr}"
            return (None if self._leaves(func, api) else api), func.value
        own = isinstance(func.value, ast.Name) and func.value.id == "self"
        if kind in ("module", "modules") or (own and self.inference.is_module_class(owner)):
            api = f"{self.source.module_class}.{func.attr}"
            own_method = own and self._own_method(owner, func.attr)
            known = api in self.source.by_api or func.attr in self.source.module_methods
            if known and not own_method:
                return api, func.value
        elif kind == "unknown" and not own:
            api = f"{self.source.tensor_class}.{func.attr}"
            arrays = isinstance(func.value, ast.Call) and (
                (self.names.qualified(func.value.func) or "").startswith("numpy.")
            )
            if arrays:
                return None, None
            known = api in self.source.by_api and not self._stays_right(api)
            if (known or self._is_of_tensors(func.attr)) and self._looks_foreign(func):
                message = (
                    f"whether {ast.unparse(func.value)} is a tensor can't be told, so .{func.attr}() stays"
                )
                self._say("CM107", "warning", call, message, "annotate it, or check the call by hand")
        return None, None

    def _is_of_tensors(self, method: str) -> bool:
        """Tell whether a method is one of tensors that no rule is about, and none of the file's own."""
        return method in self.source.tensor_methods and method not in self.inference.own_methods

    def _stays_right(self, api: str) -> bool:
        """Tell whether a method means the same in the target: then it does not matter what it is called on."""
        name = api.rpartition(".")[2]
        found = [self._same_signature(b) for b in self.source.by_api[api]]
        return all(f is not None and f.is_method and f.api.rpartition(".")[2] == name for f in found)

    def _looks_foreign(self, func: ast.Attribute) -> bool:
        """A method that tensors share with strings, lists or modules says nothing by itself."""
        forward = self.inference.enclosing(func, FUNCTIONS)
        inside = self.inference.is_module_class(self.names.parent.get(forward) if forward else None)
        if func.attr in _COMMON or (func.attr in _OF_ARRAYS and not inside):
            return False
        # Outside of modules an array of NumPy is as likely, where the file imports it.
        return inside or not self.arrays
