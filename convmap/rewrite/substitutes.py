"""What stands for a class or function that is passed on, derived from or compared with."""

from __future__ import annotations

import ast
import functools
import re
from typing import Any

from convmap.adapters import alike
from convmap.errors import Refusal
from convmap.model import Binding, Map, Plan
from convmap.rewrite.base import INPLACE, FilePort
from convmap.rewrite.edits import reference
from convmap.source.names import FUNCTIONS


class Substitutes(FilePort):
    """Finds target callables that take the source's arguments, whatever they are."""

    def _same_signature(self, binding: Binding, derived: bool = False) -> Binding | None:
        """Find a target callable that takes the same arguments to the same effect, whatever they are.

        Or all but arguments that it has not, in-place aside: a call that gives one fails, and loudly.
        """
        candidates = self.target.for_operator(binding.operator, binding.dims)
        if derived and any(other.grows for other in candidates):
            candidates = [other for other in candidates if other.grows]  # its methods may add children
        for less in (False, True):
            found = self._takes_the_same(binding, candidates, less)
            if found is not None:
                return found
        return None

    def _takes_the_same(self, binding: Binding, candidates: list[Binding], less: bool) -> Binding | None:
        for other in candidates:
            if other.write or (other.limits and not other.shim):
                continue
            if not all(limit.is_loud for limit in other.limits):
                continue
            if _all_alike(binding, other):
                return other
            mine = [(p.name, p.kind, p.default and p.default.code) for p in binding.params]
            theirs = [(p.name, p.kind, p.default and p.default.code) for p in other.params]
            fixed = {p for m in binding.maps if m.adapter == "fixed" for _, p in m.roles}
            while mine and mine[-1][0] in fixed:
                mine.pop()  # one before others would shift them where they are given by position
            slots = {slot for m in other.maps for slot in m.slots}
            said = [m for m in binding.maps if m.adapter != "fixed"]
            if less:
                said = [m for m in said if set(m.slots) <= slots]
                kept = {p for m in said for _, p in m.roles} | {INPLACE}
                while mine and mine[-1][0] not in kept and mine[-1][2] is not None:
                    mine.pop()
            same_maps = {_said(m) for m in said} == {_said(m) for m in other.maps if m.adapter != "fixed"}
            # Of one parameter the name may differ: who gives it by name is told so, loudly.
            single = less and len(mine) == len(theirs) == 1 and mine[0][1:] == theirs[0][1:]
            if (_accepts(theirs, mine) and same_maps) or (single and _only_renames(said, other)):
                return other
        return None

    def _grows_later(self, made: ast.Call) -> bool:
        """Tell whether children are added to what a call makes: by the name or attribute it is bound to."""
        parent = self.names.parent.get(made)
        if not (isinstance(parent, ast.Assign) and len(parent.targets) == 1):
            return False
        return self._held_at(parent.targets[0]) in self._grown_places

    @functools.cached_property
    def _grown_places(self) -> set[tuple[object, str]]:
        """Where the file holds what it adds children to: attributes of self, and names."""
        places = {
            self._held_at(call.func.value)
            for name in self.source.adding_methods
            for call in self.inference.calls.get(name, ())
            if isinstance(call.func, ast.Attribute)
        }
        for assignment in self.names.assignments:
            one = isinstance(assignment, ast.AnnAssign)
            for target in [assignment.target] if one else assignment.targets:  # type: ignore[union-attr]
                if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") != "self":
                    places.add(self._held_at(target.value))
        return {place for place in places if place is not None}

    def _held_at(self, node: ast.expr) -> tuple[object, str] | None:
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self":
            return self.inference.enclosing(node, ast.ClassDef), node.attr
        if isinstance(node, ast.Name):
            return self.names.scope_of[node].find(node.id), node.id
        return None

    def _drop_in(self, call: ast.Call, binding: Binding) -> bool:
        """Port a call with starred arguments through something with the very same signature."""
        found = self._same_signature(binding, binding.operator.grows and self._grows_later(call))
        if found is None:
            return False
        name = found.shim or found.api
        self._write(call.func, reference(name))
        self._forget(call.func, "")
        self._note_use(call, binding.api, Plan(found, (), "shim" if found.shim else "exact"))
        return True

    def _classes_for(self, binding: Binding, node: ast.AST) -> str:
        """Write every class that the ported file may make for a source layer, in an isinstance."""
        names = self._class_names(binding) or self._made_elsewhere(binding, node)
        if not names:
            raise Refusal("CM103", f"{binding.api} has no class in {self.target.name} to compare with")
        texts = [reference(n) for n in names]
        # isinstance takes a tuple within a tuple.
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def _class_names(self, binding: Binding) -> list[str]:
        """Name every class that the ported file may make for a source layer."""
        names = list(self.layer_targets.get(binding.api, ()))
        for other in self.target.for_operator(binding.operator, binding.dims):
            if not other.shim and not other.write and other.api not in names:
                names.append(other.api)
                break
        if binding.api in self._passes_layers:
            same = self._same_signature(binding)
            name = (same.shim or same.api) if same is not None else ""
            names += [name] if name and name not in names else []
            self.shims += [name] if same is not None and same.shim and name not in self.shims else []
        if self.shared:  # another file of the project may have made it by a shim
            every = self.target.for_operator(binding.operator, binding.dims)
            found = [other.shim for other in every if other.shim and other.shim not in names]
            self.shims += [shim for shim in found if shim not in self.shims]
            names += found
        return [n for n in names if re.fullmatch(r"[\w.]+", n)]

    def _made_elsewhere(self, binding: Binding, node: ast.AST) -> list[str]:
        """Name the shims for a layer that this file makes none of; another port's are told by their names."""
        asked = self.target.asks("instance")
        call = self._isinstance_around(node)
        candidates = self.target.for_operator(binding.operator, binding.dims)
        shims = [other.shim for other in candidates if other.shim and not other.write]
        if asked is None or call is None or not shims:
            return []
        self._write(call.func, reference(asked))
        self.shims += [shim for shim in (asked, *shims) if shim not in self.shims]
        return shims

    def _family_text(self, node: ast.AST, qualified: str) -> str | None:
        """Write the classes of all layers that derive from one, in an isinstance."""
        members = dict(self.source.families).get(qualified, ())
        rows = [next(b for b in self.source.by_api[api] if b.operator.kind == "layer") for api in members]
        names = [name for row in rows for name in self._class_names(row) or self._made_elsewhere(row, node)]
        return f"({', '.join(map(reference, dict.fromkeys(names)))})" if names else None

    @functools.cached_property
    def _passes_layers(self) -> set[str]:
        """Name the layers whose classes the file passes on as values: made elsewhere, they are of shims."""
        found = set()
        for node in self.names.candidates:
            parent = self.names.parent.get(node)
            called = isinstance(parent, ast.Call) and parent.func is node
            while isinstance(parent, (ast.Tuple, ast.List, ast.Set)):  # type(m) in (nn.Conv2d, nn.Linear)
                outer = self.names.parent.get(parent)
                if not isinstance(outer, (ast.Tuple, ast.List, ast.Set, ast.Compare)):
                    break
                parent = outer
            named = isinstance(parent, (ast.Attribute, ast.ClassDef, ast.Compare))
            if called or named or type(node.ctx) is not ast.Load or self._in_annotation(node):
                continue
            api = self.names.qualified(node) or ""
            if any(b.operator.kind == "layer" for b in self.source.by_api.get(api, ())):
                if not self._in_isinstance(node):
                    found.add(api)
        return found

    def _type_text(self, qualified: str) -> str | None:
        """Say what an annotation writes for a type of the source; None where the target has no such type.

        Nothing checks an annotation when the file runs, so any class that stands for the type will do.
        """
        common = dict(self.source.types).get(qualified)
        for written, meant in self.target.types:
            if meant == common:
                return reference(written) if "." in written else written
        for binding in self.source.by_api.get(qualified, ()):
            if binding.operator.kind not in ("layer", "container", "class", "parameter"):
                continue
            found = self.target.for_operator(binding.operator, binding.dims)
            names = [
                *self.layer_targets.get(qualified, ()),
                *(b.api for b in found if not (b.shim or b.write)),
            ]
            names += [self.target.module_class] if binding.operator.kind == "layer" else []
            for name in names:
                if re.fullmatch(r"[\w.]+", name):
                    return reference(name)
        return None

    def _in_annotation(self, node: ast.AST) -> bool:
        at: ast.AST | None = node
        while isinstance(at, ast.expr):
            inner, at = at, self.names.parent.get(at)
            if isinstance(at, (ast.arg, ast.AnnAssign)):
                return at.annotation is inner
            if isinstance(at, FUNCTIONS):
                return at.returns is inner
        return False

    def _quoted(self, node: ast.expr) -> str | None:
        """Give an annotation that means nothing in the target as text: it stays, and asks for no import."""
        at, parent = node, self.names.parent.get(node)
        while isinstance(parent, ast.expr):
            inside = isinstance(parent, (ast.Tuple, ast.List))
            if not (inside or (isinstance(parent, ast.Subscript) and parent.slice is at)):
                return None  # text takes no "| None" and no [int]
            at, parent = parent, self.names.parent.get(parent)
        return repr(self.document.text(self.document.span(node))) if self._in_annotation(node) else None

    def _in_isinstance(self, node: ast.AST) -> bool:
        return self._isinstance_around(node, "issubclass") is not None

    def _isinstance_around(self, node: ast.AST, other: str = "") -> ast.Call | None:
        """Give the call of isinstance whose classes an expression is one of."""
        at = self.names.parent.get(node)
        while isinstance(at, ast.Tuple):
            at = self.names.parent.get(at)
        named = isinstance(at, ast.Call) and getattr(at.func, "id", "") in ("isinstance", other)
        return at if named else None  # type: ignore[return-value]


def _accepts(theirs: list[Any], mine: list[Any]) -> bool:
    """Tell whether one takes all calls that the other takes: what is given by name alone, by name too."""
    said = [(name, "plain" if kind == "keyword" else kind, default) for name, kind, default in mine]
    return theirs in (mine, said)


def _all_alike(mine: Binding, other: Binding) -> bool:
    """Tell whether two bindings take the same parameters in the same order to the same slots.

    The other may have more behind them, by default as good as not there. Defaults of what only the
    default is ported of (number formats, for one) are each framework's own.
    """
    slots = {s.name for m in mine.maps for s in mine.operator.slots if s.name in m.slots}
    behind = other.params[len(mine.params) :]
    maps = [m for m in other.maps if not m.slots or set(m.slots) & slots]
    for param in behind:
        carried = [m for m in other.maps if param.name in dict(m.roles).values()]
        neutral = [
            s.neutral
            for m in carried
            if m.adapter == "same"
            for s in mine.operator.slots
            if s.name in m.slots
        ]
        if param.default is None or not neutral or neutral[0] is None or not alike(neutral[0], param.default):
            return False
    told = {p for m in mine.maps if m.adapter != "ignored" for _, p in m.roles}
    return [_said(m) for m in mine.maps] == [_said(m) for m in maps] and all(
        a.name == b.name
        and a.kind == b.kind
        and ((a.default and a.default.code) == (b.default and b.default.code) or a.name not in told)
        for a, b in zip(mine.params, other.params)
    )


def _said(m: Map) -> tuple[Any, ...]:
    """Say what a map means; one that takes numbers, tuples and what may be either takes all there is."""
    every = {"int", "tuple", "unknown"}
    options = tuple(o for o in m.options if o[0] != "forms" or set(o[1].split()) != every)
    return m.adapter, m.roles, m.slots, options


def _only_renames(said: list[Map], other: Binding) -> bool:
    """Tell whether two bindings of one parameter hand it to the same slot as it is."""
    theirs = [m for m in other.maps if m.adapter != "fixed"]
    plain = all(m.adapter == "same" for m in (*said, *theirs))
    return plain and [m.slots for m in said] == [m.slots for m in theirs]
