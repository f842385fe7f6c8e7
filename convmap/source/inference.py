"""Light inference without running anything: known values, scalar or tuple, tensors and modules.

Every answer is either proven from the file or "unknown"; the one convention taken on trust is that
the parameters of a module's forward method are tensors unless annotated otherwise.
"""

from __future__ import annotations

import ast
import functools

from convmap.model import UNKNOWN, Value
from convmap.rules import Framework
from convmap.source.bound import Bound
from convmap.source.containers import part
from convmap.source.document import Document
from convmap.source.kinds import ANY_NUMBER, NUMBERS, NUMERIC, join, sure
from convmap.source.names import FUNCTIONS, Names
from convmap.source.structure import Others

ROUNDS = 6  # more have not been seen; what does not settle is unknown


def mark(span: tuple[int, int]) -> str:
    """Stand for the text of a span, rendered with its own edits when the file is written."""
    return f"\0S{span[0]},{span[1]}\0"


class Inference(Bound):
    """Answers about one document in one framework; of other files it knows what ``others`` tell."""

    def __init__(
        self, document: Document, names: Names, framework: Framework, others: Others | None = None
    ) -> None:
        super().__init__(names, framework, others)
        self.document = document
        self._kinds: dict[ast.AST, str] = {}
        self._round: dict[ast.AST, str] = {}  # what this pass over a cycle found
        self._before: dict[ast.AST, str] = {}  # what the pass before it found
        self._open: set[ast.AST] = set()
        self._by_attribute: dict[tuple[ast.AST | None, str], str] = {}  # of self

    def value(self, node: ast.expr) -> Value:
        """Describe an argument: its span's text, what is known of it, scalar or tuple."""
        code = mark(self.document.span(node))
        if isinstance(node, ast.Starred):
            return Value(
                f"*{mark(self.document.span(node.value))}", UNKNOWN, "unknown", (), self.pure(node.value)
            )
        known = self.known(node)
        items: tuple[Value, ...] = ()
        if isinstance(node, (ast.Tuple, ast.List)) and not any(isinstance(e, ast.Starred) for e in node.elts):
            items = tuple(self.value(e) for e in node.elts)
        elif isinstance(known, (tuple, list)):
            items = tuple(Value(repr(k), k, "scalar") for k in known)
        kind = self.kind(node)
        if items or kind == "tuple":
            shape = "tuple" if items else "unknown"
        elif known is not UNKNOWN or kind in NUMBERS or kind in ("number", "numpy", "str", "tensor"):
            shape = "scalar"
        else:
            shape = "unknown"
        atom = isinstance(node, (ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.Subscript,
                                 ast.Tuple, ast.List, ast.Dict)) and not self._negative(node)  # fmt: skip
        return Value(code, known, shape, items, self.pure(node), atom, kind)

    @staticmethod
    def _negative(node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, int)

    def kind(self, node: ast.expr | None) -> str:
        """Give tensor, tensors, module, modules, int, float, bool, number, str, tuple or unknown."""
        if node is None:
            return "unknown"
        found = self._kinds.get(node)
        if found is not None:
            return found
        if type(node) is ast.Constant:
            return "none" if node.value is None else type(node.value).__name__
        if type(node) is ast.Name:
            scope = self.names.scope_of[node].find(node.id)
            found = self._settled_names.get((scope, node.id)) if scope is not None else None
            if found is not None:
                return found
        return self._in_round(node) if self._open else self._settled(node)

    def _settled(self, node: ast.expr) -> str:
        """Go round until a cycle like ``x = x.view(...)`` gives the same again; each node once a round."""
        self._before = {}
        for _ in range(ROUNDS):
            self._round, self._cyclic = {}, False
            self._in_round(node)
            if not self._cyclic or self._round == self._before:
                self._kinds.update({k: "unknown" if v == "same" else v for k, v in self._round.items()})
                return self._kinds[node]
            self._before = self._round
        return "unknown"

    def _in_round(self, node: ast.expr) -> str:
        if node in self._round:
            return self._round[node]
        if node in self._open:
            # What this is follows from itself: from its other assignments, and from the round before.
            self._cyclic = True
            return self._before.get(node, "same")
        self._open.add(node)
        try:
            found = self._kind(node)
        finally:
            self._open.discard(node)
        self._round[node] = found
        return found

    def _kind(self, node: ast.expr) -> str:
        if isinstance(node, (ast.Name, ast.Attribute)):  # four of five
            if self._is_layer_class(node):
                return "module class"
            return self._name_kind(node) if isinstance(node, ast.Name) else self._attribute_kind(node)
        if isinstance(node, ast.Call):
            return self._call_kind(node)
        if isinstance(node, (ast.Tuple, ast.List)):
            kinds = {self.kind(e) for e in node.elts}
            if kinds and kinds <= {"tensor"}:
                return "tensors"
            return "modules" if kinds == {"module"} else "tuple"
        if isinstance(node, ast.BinOp):
            sides = {sure(self.kind(node.left)), sure(self.kind(node.right))}
            if "tensor" in sides:
                return "tensor"
            if "same" in sides:
                return "same" if len(sides) == 1 else "unknown"
            if "array" in sides:
                return "array" if sides <= ANY_NUMBER | {"array"} else "unknown"
            if "numpy" in sides:
                return "numpy"
            if isinstance(node.op, NUMERIC) and not sides & {"str"}:
                if sides <= {"int", "bool"} and not isinstance(node.op, (ast.Div, ast.Pow)):
                    return "int"
                return "number"
            if sides <= {"int", "float", "bool", "number"}:
                return "int" if sides == {"int"} else "number"
            return "unknown"
        if isinstance(node, ast.UnaryOp):
            return "bool" if isinstance(node.op, ast.Not) else self.kind(node.operand)
        if isinstance(node, ast.Compare):
            sides = {self.kind(node.left), *(self.kind(c) for c in node.comparators)}
            return next((kind for kind in ("tensor", "array", "unknown") if kind in sides), "bool")
        if isinstance(node, ast.IfExp):
            return join([self.kind(node.body), self.kind(node.orelse)])
        if isinstance(node, ast.Subscript):
            return self._subscript_kind(node)
        if isinstance(node, ast.JoinedStr):
            return "str"
        if isinstance(node, ast.GeneratorExp):
            return "generator"
        if isinstance(node, ast.ListComp):
            return {"int": "ints", "tensor": "tensors", "module": "modules"}.get(
                sure(self.kind(node.elt)), "tuple"
            )
        return "unknown"

    def _is_layer_class(self, node: ast.Name | ast.Attribute) -> bool:
        qualified = self.names.qualified(node)
        if qualified is not None:
            found = self.framework.by_api.get(qualified, ())
            elsewhere = self._elsewhere(qualified)
            known = elsewhere is not None and elsewhere.kind == "module class"
            return known or any(b.operator.kind in ("layer", "container") for b in found)
        if not isinstance(node, ast.Name):
            return False
        scope = self.names.scope_of[node].find(node.id)
        bound = scope.bound[node.id] if scope else []
        return len(bound) == 1 and isinstance(bound[0], ast.ClassDef) and self.is_module_class(bound[0])

    def _subscript_kind(self, node: ast.Subscript) -> str:
        whole = sure(self.kind(node.value))
        if whole == "tensor":
            return "tensor"
        sliced = isinstance(node.slice, ast.Slice)
        if whole in ("tensors", "modules"):
            return whole if sliced else whole[:-1]
        if whole == "ints":
            return "ints" if sliced else "int"
        if whole == "array":  # of an index alone it may be one number
            indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return "array" if any(isinstance(i, ast.Slice) for i in indices) else "unknown"
        if whole.count("returns:") == 1:
            parts, at = whole[8:].split(","), self.known(node.slice)
            return parts[at] if isinstance(at, int) and -len(parts) <= at < len(parts) else "unknown"
        return "module" if whole == "module" and self._is_container(node.value) else "unknown"

    def _is_container(self, node: ast.expr) -> bool:
        """Tell whether an attribute is made as a container of the framework, whose parts are modules."""
        own = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
        made = self.attribute_values(self.enclosing(node, ast.ClassDef), node.attr) if own else []  # type: ignore[attr-defined]
        apis = [self.names.qualified(m.func) if isinstance(m, ast.Call) else None for m in made]
        found = [self.framework.by_api.get(api or "", ()) for api in apis]
        return bool(found) and all(any(b.operator.kind == "container" for b in one) for one in found)

    def _attribute_kind(self, node: ast.Attribute) -> str:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = self.class_around(node.value)
            found = self._by_attribute.get((owner, node.attr))
            if found is None:
                values = self.attribute_values(owner, node.attr) or self.class_values(owner, node.attr)
                inherited = "tensor" if self._is_inherited_weight(owner, node.attr) else "unknown"
                found = join([self.kind(v) for v in values]) if values else inherited
                if not self._cyclic:
                    self._by_attribute[owner, node.attr] = found
            return found
        if sure(self.kind(node.value)) == "tensor":
            for binding in self.framework.by_api.get(f"{self.framework.tensor_class}.{node.attr}", ()):
                if len(binding.params) == 1:
                    return binding.operator.returns
            return "unknown"
        qualified = self.names.qualified(node)
        if qualified is not None:
            return self._api_kind(qualified)
        if sure(self.kind(node.value)) == "module" and node.attr in self.framework.weight_names:
            return "tensor"
        if not isinstance(node.value, ast.Name) and (made := self.made_as(node)):
            return join([self.kind(m) for m in made])
        return "unknown"

    def _is_inherited_weight(self, owner: ast.AST | None, name: str) -> bool:
        """Tell whether a class derives from a layer that has a tensor of this name."""
        for base in owner.bases if isinstance(owner, ast.ClassDef) else ():
            found = self.framework.by_api.get(self.names.qualified(base) or "", ())
            inner = self.classes.get(getattr(base, "id", ""))
            if any(w.name == name for b in found for w in b.weights):
                return True
            if inner is not None and inner is not owner and self._is_inherited_weight(inner, name):
                return True
        return False

    def made_as(self, node: ast.expr) -> list[ast.expr]:
        """Give what an attribute of self is made as, or a part of a container: ``self.parts.head``, ``[0]``."""
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self":
            return self.attribute_values(self.enclosing(node, ast.ClassDef), node.attr)
        if not isinstance(node, (ast.Attribute, ast.Subscript)) or not self._is_container(node.value):
            return []
        if ast.unparse(node.value) in self.changed_containers:
            return []
        key = node.attr if isinstance(node, ast.Attribute) else self.known(node.slice)
        parts = [part(made, key) for made in self.made_as(node.value)]
        return [p for p in parts if p is not None] if all(parts) else []

    @functools.cached_property
    def changed_containers(self) -> set[str]:
        """What the file adds parts to after it is made, or gives other ones: ``self.parts``."""
        calls = (call for name in self.framework.growing for call in self.calls.get(name, ()))
        found = {ast.unparse(call.func.value) for call in calls if isinstance(call.func, ast.Attribute)}
        for assignment in (*self.names.assignments, *self.names.changes):
            several = isinstance(assignment, ast.Assign)
            for target in assignment.targets if several else [assignment.target]:  # type: ignore[union-attr]
                if isinstance(assignment, ast.AugAssign):
                    found.add(ast.unparse(target))
                if isinstance(target, (ast.Attribute, ast.Subscript)):
                    found.add(ast.unparse(target.value))
        return found

    def runs_in_forward(self, node: ast.AST) -> bool:
        """Tell whether a node is of a class's forward, or of a method that this one calls, by others too."""
        owner = self.enclosing(node, ast.ClassDef)
        function = self.enclosing(node, FUNCTIONS)
        methods = self.methods(owner) if isinstance(owner, ast.ClassDef) else {}
        reached, left = set(), [self.framework.forward]
        while left:
            name = left.pop()
            if name in reached or name not in methods:
                continue
            reached.add(name)
            left += [n.attr for n in ast.walk(methods[name]) if isinstance(n, ast.Attribute)]
        return getattr(function, "name", "") in reached

    def spatial_axes(self, layer: ast.expr) -> int | None:
        """Give how many spatial axes a layer has, by its class: of an isinstance test, or as it is made."""
        classes: list[str | None] = []
        if isinstance(layer, ast.Name):
            classes = [*self.tests.classes(layer)]
        elif isinstance(layer, ast.Attribute) and getattr(layer.value, "id", "") == "self":
            owner = self.enclosing(layer, ast.ClassDef)
            made = self.attribute_values(owner, layer.attr)
            classes = [self.names.qualified(m.func) if isinstance(m, ast.Call) else None for m in made]
        bindings = [self.framework.by_api.get(c or "", ()) for c in classes]
        if not all(bindings):
            return None
        found = {b.dims for one in bindings for b in one}
        found.discard(None)
        return found.pop() if len(found) == 1 else None
