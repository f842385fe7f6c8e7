"""Rows of layers that a file runs step by step, where what a step gives may be held.

``for layer in self.features: x = layer(x); found.append(x)`` keeps the output of a convolution that
the ReLU behind it changes in place: that layer has not its input to itself, whatever stands before it.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from convmap.source.aliasing import Aliasing
from convmap.source.names import FUNCTIONS
from convmap.source.structure import called

_LOOPS = (ast.For, ast.AsyncFor)
_SEQUENCES = {"enumerate", "zip", "list", "tuple", "reversed", "iter", "islice"}
_WHOLE = "self of "  # the key of a class that is a row itself, before its name
_OPEN = "?"  # where a row goes can't be read


class Steps:
    """Answers for one file."""

    def __init__(self, aliasing: Aliasing) -> None:
        self.aliasing = aliasing
        self.inference = aliasing.inference
        self.names = aliasing.names
        self._busy: set[str] = set()  # names that are being followed

    def are_held(self, row: ast.AST) -> bool:
        """Tell whether the outputs of a row's layers may be held: ``row`` is its container or its list."""
        func = row.func if isinstance(row, ast.Call) else None
        starts = isinstance(func, ast.Attribute) and func.attr == "__init__"
        return self._any_held(self._own(row) if starts else self._holders(row, 0))

    def are_held_of(self, name: ast.expr) -> bool:
        """The same of what a name or an attribute stands for: ``layers``, ``self.parts``, or self."""
        own = isinstance(name, ast.Name) and name.id == "self"
        return self._any_held(self._own(name) if own else set(self._held_as(name, 0)))

    def _own(self, node: ast.AST) -> set[str]:
        """Name the class around a node, and those of the file that derive from it."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        names = [owner.name] if isinstance(owner, ast.ClassDef) else []
        for name in names:
            for other in self.inference.classes.values():
                if other.name not in names and name in [getattr(b, "id", "") for b in other.bases]:
                    names.append(other.name)
        return {_WHOLE + name for name in names}

    def _any_held(self, goes: set[str]) -> bool:
        if _OPEN in goes:
            return bool(self._held & goes) or any(map(self._is_open, self._held))
        return bool(self._held & goes)

    # What is run step by step ----------------------------------------------------------------------

    @functools.cached_property
    def _held(self) -> set[str]:
        """The attributes whose layers are called one by one, and what one gives is not just handed on."""
        found = set()
        for call in self.names.calls:
            if call.args and (keys := self._keys_of_step(call)) and not self._hands_on(call):
                found |= keys
        return found

    def _keys_of_step(self, call: ast.Call) -> set[str]:
        """Name what a call takes one layer of: ``m`` of a loop, ``self.parts[0]``, ``self.parts.conv``."""
        func = call.func
        if isinstance(func, ast.Subscript):
            return self._keys(func.value)
        if isinstance(func, ast.Attribute):
            whole = func.value
            made = self.inference.made_as(whole) if isinstance(whole, ast.Attribute) else []
            rows = [isinstance(m, ast.Call) and self.aliasing.is_container(m) for m in made]
            return self._keys(whole) if rows and all(rows) and not self.aliasing.is_of_module(func) else set()
        source = self._source_of(func) if isinstance(func, ast.Name) else None
        return self._keys(source) if source is not None else set()

    def _source_of(self, name: ast.Name) -> ast.expr | None:
        """Give what a loop around a name takes it from."""
        at = self.names.parent.get(name)
        while at is not None and not isinstance(at, (*FUNCTIONS, ast.ClassDef)):
            loops = [at] if isinstance(at, _LOOPS) else getattr(at, "generators", [])
            for loop in loops:
                if any(isinstance(n, ast.Name) and n.id == name.id for n in ast.walk(loop.target)):
                    return loop.iter
            at = self.names.parent.get(at)
        return None

    def _keys(self, source: ast.expr) -> set[str]:
        """Name the attributes that an expression takes layers from."""
        if isinstance(source, ast.Call):
            if called(source) in _SEQUENCES or isinstance(source.func, ast.Name):
                return {key for a in source.args for key in self._keys(a)}
            return self._keys(source.func.value) if isinstance(source.func, ast.Attribute) else set()
        if isinstance(source, ast.Subscript):
            return self._keys(source.value)
        if isinstance(source, ast.Attribute):
            return self._keys(source.value) if source.attr == "_modules" else {source.attr}
        if not isinstance(source, ast.Name):
            return set()
        if source.id == "self":
            owner = self.inference.class_around(source)
            return {_WHOLE + owner.name} if isinstance(owner, ast.ClassDef) else set()
        if source.id in self._busy:
            return set()  # parts = parts[1:]
        self._busy.add(source.id)
        try:
            scope = self.names.scope_of[source].find(source.id)
            bound = [self.names.parent.get(by) for by in scope.bound[source.id]] if scope else []
            return {key for b in bound if isinstance(b, ast.Assign) for key in self._keys(b.value)}
        finally:
            self._busy.discard(source.id)

    def _hands_on(self, call: ast.Call) -> bool:
        """``x = layer(x)``, where nothing else takes hold of x between steps; layer(f(x)) of a new tensor; the first of a row."""
        given, statement = call.args[0], self.aliasing.statement_of(call)
        if isinstance(call.func, ast.Subscript) and self.inference.known(call.func.slice) == 0:
            return True
        if isinstance(given, ast.BinOp):
            return True
        if isinstance(given, ast.Call):  # x.float() may be x
            return bool(self._keys_of_step(given)) or self.aliasing.gives_new(given)
        if not (
            isinstance(given, ast.Name) and isinstance(statement, ast.Assign) and statement.value is call
        ):
            return False
        target = statement.targets[0]
        if len(statement.targets) != 1 or getattr(target, "id", "") != given.id:
            return False
        scope = self.names.scope_of[given].find(given.id)
        loop = self.inference.enclosing(call, (*_LOOPS, *FUNCTIONS))
        if scope is None or loop is None:
            return False
        first = loop.lineno  # type: ignore[attr-defined]
        if not isinstance(loop, _LOOPS):  # what holds the input of the first step holds no step's output
            steps = (c for c in self.names.calls if self.inference.enclosing(c, FUNCTIONS) is loop)
            first = min(c.lineno for c in steps if self._keys_of_step(c))
        last = loop.end_lineno or first  # type: ignore[attr-defined]
        mentions = [m for m in self.inference.mentions(scope, given.id) if first <= m.lineno <= last]
        return not any(
            isinstance(m.ctx, ast.Load) and m is not given and self._takes_hold(m) for m in mentions
        )

    def _takes_hold(self, mention: ast.Name) -> bool:
        statement = self.aliasing.statement_of(mention)
        rebinds = isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == mention.id
        return not rebinds and self.aliasing.leaks(mention)

    def _is_open(self, key: str) -> bool:
        """Tell whether some class keeps something under a name that can't be read: ``self.features = features``."""
        values = [v for (_, name), found in self.inference.attributes.items() if name == key for v in found]
        return not values or any(isinstance(v, ast.Name) for v in values)

    # Where a row goes --------------------------------------------------------------------------------

    def _holders(self, node: ast.AST, depth: int) -> set[str]:
        """Name the attributes that a container or a list of layers becomes."""
        if depth > 6:
            return {_OPEN}
        parent = self.names.parent.get(node)
        if isinstance(parent, (ast.Starred, ast.IfExp, ast.keyword)):
            return self._holders(parent, depth)
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            return {key for t in targets for key in self._held_as(t, depth)}
        if isinstance(parent, ast.Return):
            return set(self._of_results(parent, depth))
        if not isinstance(parent, ast.Call):
            return set()  # an element of something, which runs it as a whole
        func = parent.func
        if isinstance(func, ast.Attribute) and func.attr == "__init__":
            return self._own(parent)
        rows = self.inference.framework.by_api.get(self.names.qualified(func) or "", ())
        if any(b.operator.kind == "container" for b in rows):
            element = isinstance(node, ast.Call) and self.inference.kind(node) == "module"
            return set() if element and not self._is_mapping(node) else self._holders(parent, depth + 1)
        if self._is_mapping(parent):
            return self._holders(parent, depth)
        if isinstance(func, ast.Attribute) and self.inference.kind(func.value) in (
            "modules",
            "module",
            "tuple",
        ):
            return set()
        return {_OPEN}

    @staticmethod
    def _is_mapping(node: ast.AST) -> bool:
        """Tell whether a call is OrderedDict([...]) or dict(...)."""
        name = node.func if isinstance(node, ast.Call) else None
        return getattr(name, "id", getattr(name, "attr", "")) in ("OrderedDict", "dict")

    def _held_as(self, target: ast.expr, depth: int) -> Iterator[str]:
        if isinstance(target, ast.Attribute):
            yield target.attr
        elif isinstance(target, ast.Name):
            scope = self.names.scope_of[target].find(target.id)
            for mention in self.inference.mentions(scope, target.id) if scope is not None else ():
                outer = self.names.parent.get(mention)
                if isinstance(mention.ctx, ast.Load) and not isinstance(
                    outer, (ast.Attribute, ast.Subscript)
                ):
                    yield from self._holders(mention, depth + 1)
        else:
            yield _OPEN

    def _of_results(self, returned: ast.Return, depth: int) -> Iterator[str]:
        """Name what the calls of the function around a return statement become."""
        function = self.inference.enclosing(returned, FUNCTIONS)
        calls = self.inference.calls.get(getattr(function, "name", ""), ())
        if not calls:
            yield _OPEN
        for call in calls:
            yield from self._holders(call, depth + 1)
