"""Light inference without running anything: known values, scalar or tuple, tensors and modules.

Every answer is either proven from the file or "unknown"; the one convention taken on trust is that
the parameters of a module's forward method are tensors unless annotated otherwise.
"""

from __future__ import annotations

import ast
import functools
import sys

from convmap.model import UNKNOWN, Binding, Value
from convmap.rules import Framework
from convmap.source.class_tests import ClassTests
from convmap.source.containers import part
from convmap.source.document import Document
from convmap.source.names import FUNCTIONS, Names, Scope
from convmap.source.passing import Passing
from convmap.source.structure import Fact, Others

# Operators no tuple has: an operand or a result of one is a number.
_NUMERIC = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
# What iterating over something gives, and unpacking it.
_PARTS = {"tensors": "tensor", "ints": "int", "modules": "module", "tensor": "tensor"}
_OF_LISTS = {"append", "extend", "insert", "pop", "items", "keys", "get", "update"}
_NUMBERS = {"int", "float", "bool"}
_COMPOUND = (
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)
MAYBE = "?"  # behind a kind: that, or None
OBJECTS = {"tensor", "tensors", "module", "modules", "module class"}
ROUNDS = 6  # more have not been seen; what does not settle is unknown


def mark(span: tuple[int, int]) -> str:
    """Stand for the text of a span, rendered with its own edits when the file is written."""
    return f"\0S{span[0]},{span[1]}\0"


class Inference(Passing):
    """Answers about one document in one framework; of other files it knows what ``others`` tell."""

    def __init__(
        self, document: Document, names: Names, framework: Framework, others: Others | None = None
    ) -> None:
        super().__init__(names, framework, others)
        self.document = document
        self.tests = ClassTests(names, framework)
        self._kinds: dict[ast.AST, str] = {}
        self._round: dict[ast.AST, str] = {}  # what this pass over a cycle found
        self._before: dict[ast.AST, str] = {}  # what the pass before it found
        self._open: set[ast.AST] = set()
        self._cyclic = False
        self._by_name: dict[tuple[Scope, str], str] = {}  # what all bindings of a name have in common
        self._settled_names: dict[
            tuple[Scope, str], str
        ] = {}  # of them, those that are so wherever they are read
        self._by_attribute: dict[tuple[ast.AST | None, str], str] = {}  # of self
        self._shown: dict[tuple[Scope, str], list[ast.Name]] = {}  # uses that show a tensor
        self._given: dict[ast.arg, list[ast.expr]] = {}  # what calls pass for each parameter
        self._operands: dict[str, list[ast.BinOp]] = {}
        self._types = dict(framework.types)
        self._tensor_from = dict(framework.tensor_only_from)
        self._own_methods = {n.name for n in names.definitions if not isinstance(n, ast.ClassDef)}
        for operation in names.operations:
            if isinstance(operation.op, _NUMERIC):
                for side in (operation.left, operation.right):
                    if isinstance(side, ast.Name):
                        self._operands.setdefault(side.id, []).append(operation)

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

    # Values ------------------------------------------------------------------------------------

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
        elif known is not UNKNOWN or kind in _NUMBERS or kind in ("number", "str", "tensor"):
            shape = "scalar"
        else:
            shape = "unknown"
        atom = isinstance(node, (ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.Subscript,
                                 ast.Tuple, ast.List, ast.Dict)) and not self._negative(node)  # fmt: skip
        return Value(code, known, shape, items, self.pure(node), atom, kind)

    @staticmethod
    def _negative(node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) and isinstance(node.value, int)

    # Kinds -------------------------------------------------------------------------------------

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

    def object_kind(self, node: ast.expr | None) -> str:
        """Give the kind of an expression that is used as an object, so it is not None."""
        found = _sure(self.kind(node))
        if found != "unknown" or node is None:
            return found
        shown = self._shows_tensor(node) or (isinstance(node, ast.Name) and self._shown_nearby(node))
        return "tensor" if shown else "module" if self._shows_module(node) else found

    def _shows_module(self, node: ast.expr) -> bool:
        """Tell whether a method is called here that only modules have."""
        outer = self.names.parent.get(node)
        if not isinstance(outer, ast.Attribute) or outer.attr not in self.framework.module_only:
            return False
        called = getattr(self.names.parent.get(outer), "func", None) is outer
        own = getattr(node, "id", "") == "self" or outer.attr in self._own_methods
        return called and not own and self.names.qualified(node) is None and not self._is_definition(node)

    def _shown_nearby(self, node: ast.Name) -> bool:
        """Tell whether the same value of a name is shown to be a tensor elsewhere in its block."""
        scope = self.names.scope_of[node]
        if node.id not in scope.bound or node.id in scope.outward:
            return False
        shown = self._shown.get((scope, node.id))
        mentions = self.mentions(scope, node.id)
        if shown is None:
            shown = [m for m in mentions if isinstance(m.ctx, ast.Load) and self._shows_tensor(m)]
            self._shown[scope, node.id] = shown
        statement = self.enclosing(node, ast.stmt) if shown else None
        if not isinstance(statement, ast.stmt) or isinstance(statement, _COMPOUND):
            return False
        block = self.block_of(statement)
        if statement not in block:
            return False
        stores = [m.lineno for m in mentions if not isinstance(m.ctx, ast.Load)]
        first, last = block[0].lineno, block[-1].end_lineno
        for other in block:
            # What runs before the next assignment, its value included, is of the same value.
            if any(other.lineno <= line <= other.end_lineno for line in stores):
                if other.lineno < statement.lineno:
                    first = other.end_lineno + 1
                else:
                    last = other.end_lineno
                    break
        return any(first <= m.lineno <= last for m in shown)

    def _shows_tensor(self, node: ast.expr) -> bool:
        """Tell whether a method is called here that only tensors have."""
        outer = self.names.parent.get(node)
        call = self.names.parent.get(outer) if outer is not None else None
        if not (isinstance(outer, ast.Attribute) and outer.value is node):
            return False
        if not (isinstance(call, ast.Call) and call.func is outer):
            return False
        if getattr(node, "id", "") == "self" or self.names.qualified(node) is not None:
            return False
        if outer.attr in self._own_methods or self._is_definition(node):
            return False
        if outer.attr in self.framework.tensor_only or outer.attr in self.framework.in_place:
            return True
        if len(call.args) >= self._tensor_from.get(outer.attr, sys.maxsize):
            return True
        if outer.attr in self.framework.tensor_only_of_sizes and any(map(_is_size, call.args)):
            return True
        known = self.framework.by_api.get(f"{self.framework.tensor_class}.{outer.attr}", ())
        if any(b.operator.returns == "tensor" for b in known) and self._shows_tensor(call):
            return True  # x.reshape(2, 3).permute(1, 0)
        given = [*call.args, *(k.value for k in call.keywords)]
        named = outer.attr in self.framework.tensor_only_of_constants
        named = named or (bool(given) and outer.attr in self.framework.tensor_only_given)
        return named and all(map(_is_constant, given))

    def _is_definition(self, node: ast.expr) -> bool:
        """Tell whether a name stands for a function or class of the file, or for an import."""
        if not isinstance(node, ast.Name):
            return False
        scope = self.names.scope_of[node].find(node.id)
        kinds = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)
        return scope is None or any(isinstance(by, kinds) for by in scope.bound[node.id])

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
            sides = {_sure(self.kind(node.left)), _sure(self.kind(node.right))}
            if "tensor" in sides:
                return "tensor"
            if "same" in sides:
                return "same" if len(sides) == 1 else "unknown"
            if isinstance(node.op, _NUMERIC) and not sides & {"str"}:
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
            return "tensor" if "tensor" in sides else "bool" if "unknown" not in sides else "unknown"
        if isinstance(node, ast.IfExp):
            return _join([self.kind(node.body), self.kind(node.orelse)])
        if isinstance(node, ast.Subscript):
            return self._subscript_kind(node)
        if isinstance(node, ast.JoinedStr):
            return "str"
        if isinstance(node, ast.GeneratorExp):
            return "generator"
        if isinstance(node, ast.ListComp):
            return {"int": "ints", "tensor": "tensors", "module": "modules"}.get(
                _sure(self.kind(node.elt)), "unknown"
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
        whole = _sure(self.kind(node.value))
        if whole == "tensor":
            return "tensor"
        sliced = isinstance(node.slice, ast.Slice)
        if whole in ("tensors", "modules"):
            return whole if sliced else whole[:-1]
        if whole == "ints":
            return "ints" if sliced else "int"
        return "module" if whole == "module" and self._is_container(node.value) else "unknown"

    def _is_container(self, node: ast.expr) -> bool:
        """Tell whether an attribute is made as a container of the framework, whose parts are modules."""
        own = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
        made = self.attribute_values(self.enclosing(node, ast.ClassDef), node.attr) if own else []  # type: ignore[attr-defined]
        apis = [self.names.qualified(m.func) if isinstance(m, ast.Call) else None for m in made]
        found = [self.framework.by_api.get(api or "", ()) for api in apis]
        return bool(found) and all(any(b.operator.kind == "container" for b in one) for one in found)

    def _name_kind(self, node: ast.Name) -> str:
        scope = self.names.scope_of[node].find(node.id)
        if scope is None:
            return "unknown"
        found = self._by_name.get((scope, node.id), "")
        if not found:
            found = _join(self._bound_kinds(node.id, scope))
            if not self._cyclic:
                self._by_name[scope, node.id] = found
        if found == "unknown" and self._tested_as_module(node):
            return "module"
        if found == "unknown" and self._used_as_number(node.id, scope):
            return "number"
        if not self._cyclic and (found != "unknown" or node.id not in self.tests.tested):
            self._settled_names[scope, node.id] = found
        return found

    def _bound_kinds(self, name: str, scope: Scope) -> list[str]:
        """Give the kind of each binding; of ``norm=None``, which is rebound to a class, that is None."""
        binders = scope.bound[name]
        kinds = [self._bound_kind(b, name, scope) for b in binders]
        # x -= 1 leaves a tensor one; of what is unknown it tells that it is a number.
        if "tensor" in kinds and not _NUMBERS.isdisjoint(kinds):
            kinds = [
                "same" if isinstance(self.names.parent.get(by), ast.AugAssign) and k in _NUMBERS else k
                for k, by in zip(kinds, binders)
            ]
        if "module class" in kinds:
            for i, by in enumerate(binders):
                default = self._default(by) if isinstance(by, ast.arg) else None
                if kinds[i] == "unknown" and isinstance(default, ast.Constant) and default.value is None:
                    kinds[i] = "none"
        return kinds

    def made_as(self, node: ast.expr) -> list[ast.expr]:
        """Give what an attribute of self is made as, or a part of a container: ``self.parts.head``, ``[0]``."""
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self":
            return self.attribute_values(self.enclosing(node, ast.ClassDef), node.attr)
        if not isinstance(node, (ast.Attribute, ast.Subscript)) or not self._is_container(node.value):
            return []
        if ast.unparse(node.value) in self._changed_containers:
            return []
        key = node.attr if isinstance(node, ast.Attribute) else self.known(node.slice)
        parts = [part(made, key) for made in self.made_as(node.value)]
        return [p for p in parts if p is not None] if all(parts) else []

    @functools.cached_property
    def _changed_containers(self) -> set[str]:
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

    def _tested_as_module(self, node: ast.Name) -> bool:
        classes = self.tests.classes(node)
        return bool(classes) and all(
            any(b.operator.kind == "layer" for b in self.framework.by_api.get(c, ()))
            or c == self.framework.module_class
            for c in classes
        )

    def _used_as_number(self, name: str, scope: Scope) -> bool:
        for other in self._operands.get(name, ()):
            if self.names.scope_of[other].find(name) is not scope:
                continue
            for side, beside in ((other.left, other.right), (other.right, other.left)):
                if isinstance(side, ast.Name) and side.id == name:
                    if self.kind(beside) not in ("tensor", "str", "unknown", "same"):
                        return True
            outer = self._outer(other)
            names = isinstance(other.left, ast.Name) and isinstance(other.right, ast.Name)
            if names and other.left.id == name:  # type: ignore[attr-defined]
                if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.FloorDiv):
                    return True
        return False

    def _used_as_list(self, name: str, scope: Scope) -> bool:
        """Tell whether a name's methods are asked that lists and dictionaries have, and no tensor."""
        uses = [self.names.parent.get(mention) for mention in self.mentions(scope, name)]
        return any(isinstance(use, ast.Attribute) and use.attr in _OF_LISTS for use in uses)

    def _bound_kind(self, by: ast.AST, name: str, scope: Scope) -> str:
        if isinstance(by, ast.arg):
            return self._parameter_kind(by, scope)
        parent = self.names.parent.get(by)
        value = self._assigned(by)
        if value is not None:
            return self.kind(value)
        if isinstance(parent, ast.AugAssign):
            return _join([self.kind(parent.value)]) if isinstance(parent.op, _NUMERIC) else "same"
        if isinstance(parent, (ast.For, ast.comprehension)) and parent.target is by:
            return self._element_kind(parent.iter)
        if isinstance(parent, (ast.Tuple, ast.List)):
            return self._unpacked_kind(parent, parent.elts.index(by))  # type: ignore[arg-type]
        return "unknown"

    def _unpacked_kind(self, target: ast.Tuple | ast.List, index: int) -> str:
        outer = self.names.parent.get(target)
        if isinstance(outer, ast.Assign):
            if isinstance(outer.value, (ast.Tuple, ast.List)) and index < len(outer.value.elts):
                return self.kind(outer.value.elts[index])
            whole = self.kind(outer.value)
            if whole.startswith("returns:"):
                parts = whole[8:].split(",")
                return parts[index] if index < len(parts) else "unknown"
            return _PARTS.get(whole, "unknown")
        source: ast.expr | None = None
        if isinstance(outer, (ast.For, ast.comprehension)) and outer.target is target:
            source = outer.iter
        elif isinstance(outer, ast.Tuple):
            # for i, (a, b) in enumerate(zip(x, y))
            loop = self.names.parent.get(outer)
            if isinstance(loop, (ast.For, ast.comprehension)) and _called(loop.iter) == "enumerate":
                source = loop.iter.args[0]  # type: ignore[attr-defined]
        if source is None:
            return "unknown"
        if isinstance(source, (ast.List, ast.Tuple)):
            rows = [e for e in source.elts if isinstance(e, (ast.Tuple, ast.List)) and index < len(e.elts)]
            return (
                _join([self.kind(r.elts[index]) for r in rows])
                if len(rows) == len(source.elts)
                else "unknown"
            )
        if _called(source) == "enumerate":
            return "int" if index == 0 else self._element_kind(source.args[0])  # type: ignore[attr-defined]
        if _called(source) == "zip" and index < len(source.args):  # type: ignore[attr-defined]
            return self._element_kind(source.args[index])  # type: ignore[attr-defined]
        pairs, _, kinds = self.kind(source).partition(":")
        return kinds.split(",")[index] if pairs == "pairs" and index < 2 else "unknown"

    def _element_kind(self, source: ast.expr) -> str:
        if _called(source) == "range":
            return "int"
        if _called(source) in ("reversed", "sorted", "list", "tuple") and source.args:  # type: ignore[attr-defined]
            return self._element_kind(source.args[0])  # type: ignore[attr-defined]
        if isinstance(source, (ast.Tuple, ast.List)):
            return _join([self.kind(e) for e in source.elts])
        if isinstance(source, ast.Name) and source.id == "self":
            owner = self.enclosing(source, ast.ClassDef)
            bases = [self.names.qualified(b) for b in getattr(owner, "bases", ())]
            found = [b for base in bases for b in self.framework.by_api.get(base or "", ())]
            return "module" if any(b.operator.kind == "container" for b in found) else "unknown"
        if isinstance(source, ast.Name):
            scope = self.names.scope_of[source].find(source.id)
            if scope is not None and len(scope.bound[source.id]) == 1:
                by = scope.bound[source.id][0]
                value = self._assigned(by)
                if value is None and isinstance(by, ast.arg):
                    value = self._default(by)
                if isinstance(value, (ast.Tuple, ast.List)):
                    return self._element_kind(value)
        kind = self.kind(source)
        return _PARTS.get(kind, "unknown")

    def _parameter_kind(self, arg: ast.arg, scope: Scope) -> str:
        annotated = self._annotation_kind(arg.annotation)
        default = self._default(arg)
        if default is None and self._is_applied(arg, scope.node):
            return "module"
        if annotated == "unknown" and default is not None and self.kind(default) == "module class":
            return "module class"  # Type[nn.Module], Callable: it says nothing else
        if annotated:
            return annotated
        function = scope.node
        owner = self.names.parent.get(function)
        if arg not in self._given:
            self._given[arg] = self._passed(arg, function, owner)
        passed = self._given[arg]
        if isinstance(function, FUNCTIONS) and self.is_module_class(owner):
            if function.name == self.framework.forward and default is None and arg.arg != "self":
                return "unknown" if self._used_as_list(arg.arg, scope) else "tensor"
        kinds = [self.kind(p) for p in passed]
        if default is not None:
            kinds.append(self.kind(default))
        return _join([k for k in kinds if k != "none"]) if kinds else "unknown"

    def _annotation_kind(self, node: ast.expr | None) -> str:
        """Give what an annotation says: a kind, "unknown" for any other, "" where there is none."""
        if node is None:
            return ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.replace(" ", "")
            if text in _NUMBERS | {"str"}:
                return text
            return "tensor" if text in (self.framework.tensor_class, "Tensor") else "unknown"
        if isinstance(node, ast.Name) and node.id in _NUMBERS | {"str"}:
            return node.id
        qualified = self.names.qualified(node)
        if qualified == self.framework.tensor_class or (qualified and self._types.get(qualified) == "tensor"):
            return "tensor"
        if qualified == self.framework.module_class:
            return "module"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._either([node.left, node.right])
        if not isinstance(node, ast.Subscript):
            return "unknown"
        outer = ast.unparse(node.value).rpartition(".")[2]
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer in ("Optional", "Union"):
            return self._either(inner)
        if outer in ("Callable", "Type", "type"):
            makes = self.names.qualified(inner[-1]) == self.framework.module_class
            return "module class" if makes else "unknown"
        if outer in ("List", "list", "Sequence", "Tuple", "tuple"):
            kinds = {self._annotation_kind(n) for n in inner if not _is_ellipsis(n)}
            return {"int": "ints", "tensor": "tensors"}.get("".join(kinds), "unknown")
        return "unknown"

    def _either(self, nodes: list[ast.expr]) -> str:
        """Join the kinds of a union, None aside: a use of None's attributes fails in any framework."""
        some = [n for n in nodes if not (isinstance(n, ast.Constant) and n.value is None)]
        kinds = {self._annotation_kind(n) for n in some}
        return (
            kinds.pop()
            if kinds in ({"tensor"}, {"ints"}, {"tensors"}, {"module"}, {"module class"})
            else "unknown"
        )

    def _attribute_kind(self, node: ast.Attribute) -> str:
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = self.class_around(node.value)
            found = self._by_attribute.get((owner, node.attr))
            if found is None:
                values = self.attribute_values(owner, node.attr)
                found = _join([self.kind(v) for v in values]) if values else "unknown"
                if not self._cyclic:
                    self._by_attribute[owner, node.attr] = found
            return found
        if _sure(self.kind(node.value)) == "tensor":
            for binding in self.framework.by_api.get(f"{self.framework.tensor_class}.{node.attr}", ()):
                if len(binding.params) == 1:
                    return binding.operator.returns
            return "unknown"
        qualified = self.names.qualified(node)
        if qualified is not None:
            return self._api_kind(qualified)
        if _sure(self.kind(node.value)) == "module" and node.attr in self.framework.weight_names:
            return "tensor"
        if not isinstance(node.value, ast.Name) and (made := self.made_as(node)):
            return _join([self.kind(m) for m in made])
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
        if _sure(self.kind(func)) == "module class":
            return "module"
        if isinstance(func, ast.Name):
            if func.id == "super" and self.is_module_class(self.enclosing(node, ast.ClassDef)):
                return "module"
            if func.id in ("int", "len", "round"):
                return "int"
            if func.id in ("float", "bool", "str"):
                return func.id
            if func.id in ("max", "min", "abs", "sum") and node.args:
                kinds = {self.kind(a) for a in node.args}
                return "number" if kinds <= _NUMBERS | {"number"} else "unknown"
            if (
                func.id in ("map", "filter", "zip", "iter")
                and self.names.scope_of[func].find(func.id) is None
            ):
                return "generator"
            if func.id in ("list", "tuple", "reversed") and node.args:
                return self.kind(node.args[0])
            scope = self.names.scope_of[func].find(func.id)
            bound = scope.bound[func.id] if scope else []
            if len(bound) == 1 and isinstance(bound[0], ast.ClassDef):
                return "module" if self.is_module_class(bound[0]) else "unknown"
            if len(bound) == 1 and isinstance(bound[0], FUNCTIONS):
                return self._returned(bound[0])
            return "tensor" if _sure(self.kind(func)) == "module" else "unknown"
        if isinstance(func, ast.Attribute):
            return self._method_kind(node, func)
        return "tensor" if _sure(self.kind(func)) == "module" else "unknown"

    def _api_kind(self, qualified: str, call: ast.Call | None = None) -> str:
        if qualified.startswith("math."):
            return "int" if qualified in ("math.ceil", "math.floor") else "number"
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
        if _sure(self.kind(func)) == "module":
            return self._module_result(func)
        if func.attr == self.framework.forward and _called(func.value) == "super":
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
        return _join([r for r in results if r is not None])

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
            return "returns:" + ",".join(_join([self.kind(e) for e in column]) for column in columns)
        return _join([self.kind(r) for r in returns])


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


def _is_size(node: ast.expr) -> bool:
    """Tell whether an argument is a number, or several in a row: ``-1``, ``*shape``."""
    node = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(node, ast.Starred) or (isinstance(node, ast.Constant) and type(node.value) is int)


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant)


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _called(node: ast.AST) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _sure(kind: str) -> str:
    """Give the kind of what is used as an object: None has no methods, items or arithmetic in any framework."""
    return kind.removesuffix(MAYBE)


def _join(kinds: list[str]) -> str:
    """Give what several possible kinds have in common."""
    if len(kinds) == 1:
        return kinds[0]
    left = {k for k in kinds if k != "same"}
    objects = {_sure(k) for k in left - {"none"}}
    if len(objects) == 1 and left & {"none", *(k + MAYBE for k in OBJECTS)} and objects <= OBJECTS:
        return objects.pop() + MAYBE
    if not left and kinds:
        return "same"
    if len(left) == 1:
        return left.pop()
    if left and left <= _NUMBERS | {"number"}:
        return "number"
    return "unknown"
