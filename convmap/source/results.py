"""What calls give: of the frameworks' functions, layers and methods, and of the file's own."""

from __future__ import annotations

import ast

from convmap.model import Binding
from convmap.source.kinds import ARRAY_METHODS, ARRAYS_OF_NUMPY, NUMBERS, OF_NUMPY, REDUCING, join, sure
from convmap.source.names import FUNCTIONS
from convmap.source.shown import Shown
from convmap.source.structure import Fact, called


class Results(Shown):
    """Answers from the rules, from what functions return, and from what other files tell."""

    def fact(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Fact:
        """Say what a class or function of this file is to other files."""
        if not isinstance(node, ast.ClassDef):
            return Fact("function", self._returned(node))
        if not self.is_module_class(node):
            return Fact("class" if self.unknown_base(node) is None else "unknown class", "unknown")
        forward = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == self.framework.forward]
        return Fact("module class", self._returned(forward[0]) if forward else self._inherited(node))

    def _inherited(self, node: ast.ClassDef) -> str:
        """Give what calling a module returns whose forward is its base's."""
        for base in node.bases:
            qualified = self.names.qualified(base)
            elsewhere = self._elsewhere(qualified)
            if elsewhere is not None:
                return elsewhere.returns
            inner = self.classes.get(getattr(base, "id", ""))
            if inner is not None and inner is not node:
                return self.fact(inner).returns
            found = self.framework.by_api.get(qualified, ()) if qualified else ()
            if any(b.operator.kind in ("layer", "container") for b in found):
                plain = all(b.operator.returns in ("tensor", "module") for b in found)
                return "tensor" if plain else "unknown"
        return "unknown"

    def _call_kind(self, node: ast.Call) -> str:
        qualified = self.names.qualified(node.func)
        if qualified == "functools.partial" and node.args:
            return "module class" if self.kind(node.args[0]) == "module class" else "unknown"
        if qualified in ("copy.copy", "copy.deepcopy") and node.args:
            return self.kind(node.args[0])
        if qualified is not None:
            elsewhere = self._elsewhere(qualified)
            if elsewhere is not None:
                return {"module class": "module", "function": elsewhere.returns}.get(
                    elsewhere.kind, "unknown"
                )
            return self._api_kind(qualified, node)
        func = node.func
        if sure(self.kind(func)) == "module class":
            return "module"
        if isinstance(func, ast.Name):
            if func.id == "super" and self.is_module_class(self.enclosing(node, ast.ClassDef)):
                return "module"
            if func.id in ("int", "len", "round"):
                return "int"
            if func.id in ("float", "bool", "str", "slice"):
                return func.id
            if func.id in ("max", "min", "abs", "sum") and node.args:
                kinds = {self.kind(a) for a in node.args}
                return "number" if kinds <= NUMBERS | {"number"} else "unknown"
            if (
                func.id in ("map", "filter", "zip", "iter")
                and self.names.scope_of[func].find(func.id) is None
            ):
                return "generator"
            if func.id == "range":
                return "ints"
            if func.id in ("list", "tuple", "reversed") and node.args:
                parts = sure(self.kind(node.args[0]))
                return {"tensor": "tensors", "module": "modules"}.get(
                    parts, parts if parts in _SEVERAL else "tuple"
                )
            scope = self.names.scope_of[func].find(func.id)
            bound = scope.bound[func.id] if scope else []
            if len(bound) == 1 and isinstance(bound[0], ast.ClassDef):
                return "module" if self.is_module_class(bound[0]) else "unknown"
            if len(bound) == 1 and isinstance(bound[0], FUNCTIONS):
                return self._returned(bound[0])
            return "tensor" if sure(self.kind(func)) == "module" else "unknown"
        if isinstance(func, ast.Attribute):
            return self._method_kind(node, func)
        return "tensor" if sure(self.kind(func)) == "module" else "unknown"

    def _api_kind(self, qualified: str, call: ast.Call | None = None) -> str:
        if qualified.startswith("math."):
            return "int" if qualified in ("math.ceil", "math.floor") else "number"
        if qualified in OF_NUMPY and call is not None:
            return "unknown" if "tensor" in {sure(self.kind(a)) for a in call.args} else "numpy"
        if qualified in ARRAYS_OF_NUMPY and call is not None:
            return "unknown" if "tensor" in {sure(self.kind(a)) for a in call.args} else "array"
        if qualified in ("numpy.pi", "numpy.e", "numpy.inf"):
            return "float"
        bindings = self.framework.by_api.get(qualified, ())
        fitting = [b for b in bindings if call is None or _takes(b, call, 0)] or bindings
        returns = set()
        for binding in fitting:
            operator = binding.operator
            if operator.kind in ("layer", "container"):
                return "modules" if operator.returns == "modules" else "module"
            returns.add(operator.returns)
        return self._returns_of(returns, call.args[1:] if call is not None else [])

    def _returns_of(self, returns: set[str], given: list[ast.expr]) -> str:
        """Choose among what overloads return: max(x, 1) gives values and indices, max(x, y) a tensor."""
        if returns == {"tensor", "tensors"} and len(given) == 1:
            return {"int": "tensors", "tensor": "tensor"}.get(self.kind(given[0]), "unknown")
        return returns.pop() if len(returns) == 1 else "unknown"

    def _method_kind(self, node: ast.Call, func: ast.Attribute) -> str:
        if isinstance(func.value, ast.Name) and func.value.id == "self":
            owner = self.class_around(func.value)
            if isinstance(owner, ast.ClassDef):
                item = self.methods(owner).get(func.attr)
                if item is not None:
                    return self._returned(item)
        receiver = self.object_kind(func.value)
        if receiver == "array":
            if func.attr in REDUCING and not (node.args or node.keywords):
                return "numpy"
            return "array" if func.attr in ARRAY_METHODS | REDUCING else "unknown"
        if receiver in ("tensor", "same"):
            found = self._tensor_method(node, func)
            return "same" if receiver == "same" and found == "tensor" else found
        own = getattr(func.value, "id", "") == "self"
        if receiver in ("module", "modules") or (own and receiver == "unknown"):
            owner = self.enclosing(node, ast.ClassDef)
            api = f"{self.framework.module_class}.{func.attr}"
            found_here = self.framework.by_api.get(api, ())
            if found_here and (not own or self.is_module_class(owner)):
                return found_here[0].operator.returns
        if sure(self.kind(func)) == "module":
            return self._module_result(func)
        if func.attr == self.framework.forward and called(func.value) == "super":
            return self._inherited_result(self.enclosing(node, ast.ClassDef))
        return "unknown"

    def _inherited_result(self, owner: ast.AST | None) -> str:
        """Give what the forward of the layer gives that a class derives from."""
        bases = [self.names.qualified(b) for b in owner.bases] if isinstance(owner, ast.ClassDef) else []
        found = [b.operator for base in bases for b in self.framework.by_api.get(base or "", ())]
        returns = {o.returns if o.kind == "layer" else "unknown" for o in found}
        return returns.pop() if len(returns) == 1 else "unknown"

    def _module_result(self, func: ast.Attribute) -> str:
        """Give what calling a module returns: its forward's kinds where the class is in this file."""
        owner = self.enclosing(func, ast.ClassDef)
        own = isinstance(func.value, ast.Name) and func.value.id == "self"
        values = self.attribute_values(owner, func.attr) if own else []
        results = [self._result_of(v) for v in values if isinstance(v, ast.Call)]
        if not results or None in results:
            return "tensor"
        return join([r for r in results if r is not None])

    def _result_of(self, made: ast.Call) -> str | None:
        """Give what calling the module that a call makes returns; None where only its API says it."""
        elsewhere = self._elsewhere(self.names.qualified(made.func))
        if elsewhere is not None:
            return elsewhere.returns
        class_node = self.classes.get(getattr(made.func, "id", ""))
        if class_node is not None:
            return self.fact(class_node).returns
        for binding in self.framework.by_api.get(self.names.qualified(made.func) or "", ()):
            if binding.operator.returns.startswith("returns:"):
                return binding.operator.returns
        return None

    def _tensor_method(self, node: ast.Call, func: ast.Attribute) -> str:
        name = func.attr[:-1] if func.attr in self.framework.in_place else func.attr
        known = self.framework.by_api.get(f"{self.framework.tensor_class}.{name}", ())
        returns = {b.operator.returns for b in known if _takes(b, node, 1)}
        return self._returns_of(returns or {b.operator.returns for b in known}, node.args)

    def _returned(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        annotated = self._annotation_kind(function.returns)
        if annotated and annotated != "unknown":
            return annotated
        returns = self._returns.get(function, [])
        if not returns or any(r is None for r in returns):
            return "unknown"
        if all(isinstance(r, ast.Tuple) for r in returns):
            columns = zip(*(r.elts for r in returns))  # type: ignore[union-attr]
            return "returns:" + ",".join(join([self.kind(e) for e in column]) for column in columns)
        return join([self.kind(r) for r in returns])


_SEVERAL = ("tensors", "modules", "ints", "same")


def _takes(binding: Binding, call: ast.Call, own: int) -> bool:
    """Tell whether an overload could take a call's arguments, by their number and names."""
    plain = binding.plain[own:]
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return True
    names = {p.name for p in binding.params}
    given = {k.arg for k in call.keywords} | {p.name for p in plain[: len(call.args)]}
    return (
        (len(call.args) <= len(plain) or binding.star is not None)
        and given <= names
        and all(p.default is not None or p.name in given for p in plain)
    )
