"""Comparisons with classes of layers: a target has more than one for some, its own and a shim's."""

from __future__ import annotations

import ast
import builtins
import functools

from convmap.errors import Refusal
from convmap.rewrite.base import Use
from convmap.rewrite.edits import reference
from convmap.rewrite.introspection import OWN, Introspection
from convmap.source.class_tests import object_of_class
from convmap.source.inference import mark

_SINGLE = (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)
_NOT = (ast.IsNot, ast.NotEq, ast.NotIn)
_MADE = ("layer", "container")
_SEVERAL = (ast.Tuple, ast.List, ast.Set)


class ClassQuestions(Introspection):
    """Writes ``type(m) is nn.Linear`` with every class there may be, and asks a shim where the run tells which."""

    def _compared_classes(self, test: ast.Compare) -> None:
        """Port ``type(m) is C``, ``C == m.__class__``, ``t in (C, D)`` and ``type(m) in CLASSES``."""
        if len(test.ops) != 1 or self.mixed:
            return
        kind, op, classes = test.left, test.ops[0], test.comparators[0]
        if isinstance(op, _SINGLE) and (self._layer(kind) or self._is_class_of(classes)):
            kind, classes = classes, kind
        if not isinstance(op, (*_SINGLE, ast.In, ast.NotIn)):
            return
        several = isinstance(classes, _SEVERAL) and not isinstance(op, _SINGLE)
        parts: list[ast.expr] = list(classes.elts) if several else [classes]  # type: ignore[attr-defined]
        if not self._is_class_of(kind):
            self._compared_value(test, kind, classes, any(map(self._layer, parts)))
            return
        if all(map(self._is_elsewhere, parts)):
            return
        negated = "not " if isinstance(op, _NOT) else ""
        if all(self._is_elsewhere(part) or self._layer(part) for part in parts):
            try:
                texts = [t for part in parts for t in self._texts_of(part)]
            except Refusal as refusal:
                self._refuse(test, self.names.qualified(parts[0]) or "", refusal)
                return
            listed = ", ".join(texts) + ("," if len(texts) == 1 else "")
            text = f"{mark(self.document.span(kind))} {negated}in ({listed})"
            if len(texts) == 1 and isinstance(op, _SINGLE):
                word = {ast.Is: "is", ast.IsNot: "is not", ast.Eq: "==", ast.NotEq: "!="}[type(op)]
                text = f"{mark(self.document.span(kind))} {word} {texts[0]}"
            self._write(test, text)
            self._forget(test, text)
            for part in parts:
                api = self._layer(part)
                if api:
                    self.port.uses.append(Use(part.lineno, api, api, "exact"))
            return
        self._ask_class(test, kind, classes)

    def _compared_value(self, test: ast.Compare, kind: ast.expr, classes: ast.expr, layers: bool) -> None:
        """Port ``kind is nn.Linear`` where a name may hold what type() gave somewhere: the class of a layer."""
        if layers and self._types_travel and not self._is_elsewhere(kind):
            self._ask_class(test, kind, classes)

    def _ask_class(self, test: ast.Compare, kind: ast.expr, classes: ast.expr) -> None:
        shim = self._asked("classed", test)
        if shim is not None:
            negated = "not " if isinstance(test.ops[0], _NOT) else ""
            given = f"{mark(self.document.span(kind))}, {mark(self.document.span(classes))}"
            self._write(test, f"{negated}{reference(shim)}({given})")
            self._use_shim(test, shim)

    @functools.cached_property
    def _types_travel(self) -> bool:
        """Tell whether the file gives what ``type(x)`` is to anything but a comparison, or its name."""
        spelled = [n for n in self.names.references if isinstance(n, ast.Attribute) and n.attr == "__class__"]
        made = [c for c in self.names.calls if getattr(c.func, "id", "") == "type" and len(c.args) == 1]
        return any(
            not isinstance(self.names.parent.get(node), (ast.Compare, ast.Attribute))
            for node in (*spelled, *made)
        )

    def _isinstance_of_value(self, call: ast.Call) -> None:
        """Port ``isinstance(m, CLASSES)`` where what the classes are is known when it runs."""
        named = getattr(call.func, "id", "") == "isinstance" and len(call.args) == 2
        if not named or self.mixed or self.names.scope_of[call.func].find("isinstance"):
            return
        classes = call.args[1]
        parts = classes.elts if isinstance(classes, ast.Tuple) else [classes]
        if all(self._is_elsewhere(part) or self._layer(part) for part in parts):
            return
        shim = self._asked("instance", call)
        if shim is not None:
            self._write(call.func, reference(shim))
            self._use_shim(call, shim)

    def _keyed_classes(self, table: ast.Dict) -> None:
        """Report a dictionary with classes of layers as keys: a layer may be of another class of the target."""
        for key in table.keys:
            if key is not None and self._layer(key) and not self.mixed:
                reason = (
                    "a class is a key here, and layers of the target may be of another that stands for it"
                )
                self._say("CM103", "warning", key, reason, "compare with isinstance, or use names of classes")
                return

    def _asked(self, part: str, node: ast.expr) -> str | None:
        """Name the shim for a question, where the file passes classes of layers on, or another file may."""
        if not (self._passes_layers or self.shared or self._types_travel):
            return None
        clash = [name for name in self.inference.classes if name.startswith(OWN)]
        shim = None if clash else self.target.asks(part)
        if shim is None and self._passes_layers:
            message = f"a layer may be of {self.target.name}'s own class or of one that stands for it"
            self._say("CM103", "warning", node, message, "name the classes where they are compared")
        return shim

    def _use_shim(self, node: ast.expr, shim: str) -> None:
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, ast.unparse(node), shim, "shim"))

    def _is_class_of(self, node: ast.expr) -> bool:
        """Tell whether an expression is the class of an object: ``type(m)``, or a name that is given it."""
        if isinstance(node, ast.Name):
            scope = self.names.scope_of[node].find(node.id)
            bound = scope.bound[node.id] if scope is not None else []
            made = [self.names.parent.get(by) for by in bound]
            given = [m.value for m in made if isinstance(m, ast.Assign)]
            return (
                bool(given)
                and len(given) == len(bound)
                and all(object_of_class(v) is not None for v in given)
            )
        return object_of_class(node) is not None

    def _layer(self, node: ast.expr) -> str:
        """Name the layer or container of the source that a class is; else an empty text."""
        api = self.names.qualified(node) or ""
        return api if any(b.operator.kind in _MADE for b in self.source.by_api.get(api, ())) else ""

    def _is_elsewhere(self, node: ast.expr) -> bool:
        """Tell whether a class is none of the source's layers: Python's, a library's or the file's own."""
        qualified = self.names.qualified(node)
        if qualified is not None:
            known = self._layer(node) or qualified in dict(self.source.families)
            return not known and qualified.partition(".")[0] != "" and not self._may_hold(node)
        if object_of_class(node) is not None:  # of another object, a layer of the same class of torch or not
            return not self._passes_layers
        if not isinstance(node, ast.Name):
            return isinstance(node, ast.Constant)
        scope = self.names.scope_of[node].find(node.id)
        if scope is None:
            return hasattr(builtins, node.id)
        bound = scope.bound[node.id]
        if all(isinstance(by, ast.ClassDef) for by in bound):
            return True
        made = self.names.parent.get(bound[0]) if len(bound) == 1 else None
        value = made.value if isinstance(made, ast.Assign) else None
        parts = value.elts if isinstance(value, _SEVERAL) else [value]
        return value is not None and all(
            p is not None and p is not node and self._is_elsewhere(p) for p in parts
        )

    def _may_hold(self, node: ast.expr) -> bool:
        """Tell whether an imported name may be a tuple of layers: one of the project that is no class."""
        qualified = self.names.qualified(node) or ""
        others = self.inference.others
        if others is None or self.source.owns(qualified):
            return False
        fact = others.fact(qualified)
        return fact is None and qualified.rpartition(".")[2].isupper()

    def _texts_of(self, node: ast.expr) -> list[str]:
        api = self._layer(node)
        if not api:
            return [mark(self.document.span(node))]
        binding = next(b for b in self.source.by_api[api] if b.operator.kind in _MADE)
        names = self._class_names(binding)
        same = self._same_signature(binding) if not names else None
        if same is not None:
            names = [same.shim or same.api]
            self.shims += [same.shim] if same.shim and same.shim not in self.shims else []
        if not names:
            raise Refusal("CM103", f"{api} has no class in {self.target.name} to compare with")
        return [reference(name) for name in names]
