"""Lists of modules that a module keeps: MegEngine takes what is in them for its parts, torch does not."""

from __future__ import annotations

import ast
from collections.abc import Callable

from convmap.errors import Refusal
from convmap.rewrite.base import FilePort, Use
from convmap.rewrite.edits import reference
from convmap.source.names import FUNCTIONS

_GROWING = ("append", "extend", "insert")


class Lists(FilePort):
    """Makes such a list a container of the target, or reports it."""

    def _keeps_lists(self, assignment: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        """Look at each attribute that an assignment sets, and at what it is given."""
        several = isinstance(assignment, ast.Assign)
        pairs = [(t, assignment.value) for t in (assignment.targets if several else [assignment.target])]  # type: ignore[union-attr]
        for target, value in pairs:
            alike = isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List))
            if alike and len(target.elts) == len(value.elts):  # type: ignore[union-attr]
                pairs += zip(target.elts, value.elts)  # type: ignore[union-attr]
            elif isinstance(target, ast.Attribute) and value is not None:
                self._keeps_list(target, value)

    def _keeps_list(self, target: ast.Attribute, value: ast.expr) -> None:
        """Port or report ``self.x = [modules]`` between frameworks that differ in what it means."""
        owner = self.inference.enclosing(target, ast.ClassDef)
        if getattr(target.value, "id", "") != "self" or not self.inference.is_module_class(owner):
            return
        if self.target.parts_in_lists and self._is_list(value) and self._is_early(target):
            reason = f"{self.target.name} takes no list, tuple or dictionary before the module's own __init__ has run"
            self._say("CM202", "warning", target, reason, "call super().__init__() first")
        operator = self._holds_modules(owner, target, value)
        last = self.inference.attribute_values(owner, target.attr)[-1:]
        if not operator or (last and last[0] is not value and self._is_registered(last[0])):
            return  # nothing, or only until a layer or a container takes its name
        api = f"{self.source.module_class}.{target.attr}"
        if self.target.parts_in_lists:
            reason = (
                f"self.{target.attr} hides modules from {self.source.name}, and {self.target.name} takes those of a"
                " list for parts all the same"
            )
            self._refuse(target, api, Refusal("CM202", reason, "keep them in an object of another class"))
            return
        found = [b for b in self.target.bindings if b.operator.name == operator and not b.read_only]
        start, end = self.document.span(value)
        bare = isinstance(value, ast.Tuple) and self.document.data[start : start + 1] != b"("
        if not found or bare or not self._settled_list(target, value):
            reason = (
                f"{self.target.name} does not take the modules in self.{target.attr} for parts of this one"
            )
            self._refuse(target, api, Refusal("CM202", reason, "make it a container of the framework"))
            return
        name = found[0].shim or found[0].api
        self.edits.replace((start, start), f"{reference(name)}(")
        self.edits.replace((end, end), ")")
        if found[0].shim and name not in self.shims:
            self.shims.append(name)
        self.port.uses.append(Use(target.lineno, api, name, "shim" if found[0].shim else "exact"))

    def _is_list(self, value: ast.expr) -> bool:
        shown = isinstance(value, (ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.DictComp))
        return shown or self.inference.kind(value) in ("tuple", "ints", "tensors", "modules")

    def _is_early(self, target: ast.Attribute) -> bool:
        """Tell whether an attribute is set before ``super().__init__()``, behind it in the same method."""
        function = self.inference.enclosing(target, FUNCTIONS)
        starts = self.inference.calls.get("__init__", ())
        return any(
            self.inference.enclosing(call, FUNCTIONS) is function and call.lineno > target.lineno
            for call in starts
        )

    def _holds_modules(self, owner: ast.AST | None, target: ast.Attribute, value: ast.expr) -> str:
        """Name the container's operator that a value stands for; "" where no modules are in it."""
        if isinstance(value, (ast.Dict, ast.DictComp)):
            values = [value.value] if isinstance(value, ast.DictComp) else value.values
            return "module_dict" if values and all(map(self._is_module, values)) else ""
        if _is_empty(value):
            added = self._added(lambda node: self._is_attribute(node, owner, target.attr))
            return "module_list" if any(map(self._gives_modules, added)) else ""
        made = isinstance(value, ast.Call) and self.source.parts_in_lists  # there only lists are of modules
        if not (made or isinstance(value, (ast.List, ast.Tuple, ast.ListComp, ast.Name))):
            return ""
        if isinstance(value, ast.Call):
            return "module_list" if self._makes_list(value) else ""
        if self.inference.kind(value) == "modules":
            return "module_list"
        local = isinstance(value, ast.Name) and any(map(self._gives_modules, self._added_to(value)))
        return "module_list" if local else ""

    def _makes_list(self, call: ast.Call) -> bool:
        """Tell whether a call gives a list of modules: list() of them, or a function of the file that makes one."""
        if self.inference.kind(call) == "modules":
            return True
        func, function = call.func, None
        if isinstance(func, ast.Name):
            if func.id in ("list", "tuple") and call.args and isinstance(call.args[0], ast.GeneratorExp):
                return self._is_module(call.args[0].elt)
            scope = self.names.scope_of[func].find(func.id)
            bound = scope.bound[func.id] if scope is not None else []
            function = bound[0] if len(bound) == 1 else None
        elif isinstance(func, ast.Attribute) and getattr(func.value, "id", "") == "self":
            owner = self.inference.enclosing(call, ast.ClassDef)
            function = (
                self.inference.methods(owner).get(func.attr) if isinstance(owner, ast.ClassDef) else None
            )
        given = self.inference.returned_values(function) if function is not None else []
        lists = [value for value in given if isinstance(value, ast.Name)]
        return any(self._gives_modules(added) for value in lists for added in self._added_to(value))

    def _is_module(self, value: ast.expr) -> bool:
        return self.inference.kind(value) == "module"

    def _is_registered(self, value: ast.expr) -> bool:
        """Tell whether a value becomes a part of the module that keeps it: a layer, or a container of them."""
        api = self.names.qualified(value.func) if isinstance(value, ast.Call) else None
        container = any(b.operator.kind == "container" for b in self.source.by_api.get(api or "", ()))
        return container or self._is_module(value)

    def _gives_modules(self, value: ast.expr) -> bool:
        return self.inference.kind(value) in ("module", "modules")

    def _added(self, holds: Callable[[ast.expr], bool]) -> list[ast.expr]:
        """Give what is appended to lists of some kind, in the order of the file."""
        found = []
        for name in _GROWING:
            for call in self.inference.calls.get(name, ()):
                if call.args and isinstance(call.func, ast.Attribute) and holds(call.func.value):
                    found.append(call.args[-1])
        return found

    def _added_to(self, name: ast.Name) -> list[ast.expr]:
        """Give what is appended to a local list."""
        scope = self.names.scope_of[name]
        return self._added(
            lambda node: (
                isinstance(node, ast.Name) and node.id == name.id and self.names.scope_of[node] is scope
            )
        )

    def _is_attribute(self, node: ast.expr, owner: ast.AST | None, name: str) -> bool:
        own = (
            isinstance(node, ast.Attribute) and node.attr == name and getattr(node.value, "id", "") == "self"
        )
        return own and self.inference.enclosing(node, ast.ClassDef) is owner

    def _settled_list(self, target: ast.Attribute, value: ast.expr) -> bool:
        """Tell whether the list is the class's alone: not a local one that grows later."""
        if not isinstance(value, ast.Name):
            return True
        return all(added.lineno < target.lineno for added in self._added_to(value))


def _is_empty(value: ast.expr) -> bool:
    """Tell whether a value is [], () or list()."""
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") == "list" and not value.args and not value.keywords
    return isinstance(value, (ast.List, ast.Tuple)) and not value.elts
