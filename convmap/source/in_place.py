"""Whether a layer or call that works in place has its input to itself: then in-place means nothing.

A layer may stand in a Sequential or a list, be an attribute that forward calls, or be made elsewhere from a
class that is passed on.
"""

from __future__ import annotations

import ast
import functools
import re

from convmap.source.aliasing import Aliasing
from convmap.source.steps import Steps

_VALUES = {"int", "float", "bool", "number", "str"}


class InPlace:
    """Answers for one file."""

    def __init__(self, aliasing: Aliasing) -> None:
        self.aliasing = aliasing
        self.inference = aliasing.inference
        self.names = aliasing.names
        self._asking: set[tuple[ast.AST, str | int]] = set()
        self._steps = Steps(aliasing)

    @functools.cached_property
    def _attributes(self) -> dict[str, list[ast.Attribute]]:
        """Every attribute that the file mentions, by its name."""
        found: dict[str, list[ast.Attribute]] = {}
        for node in self.names.references:
            if isinstance(node, ast.Attribute):
                found.setdefault(node.attr, []).append(node)
        return found

    def is_private_input(self, call: ast.Call) -> bool:
        """Tell whether the tensor that ``call`` (a layer or a function) changes in place is its own.

        It is where the tensor was just made by an operation that returns a new one and nothing else
        holds it: the layer before in a Sequential or in a list of layers, the argument of the call,
        or a name that holds such a tensor and is rebound to the result.
        """
        parent = self.names.parent.get(call)
        if self.names.qualified(call.func) == "functools.partial":
            return self._is_made_private(call)
        if isinstance(parent, (ast.Call, ast.List, ast.Tuple)):
            if isinstance(parent, ast.Tuple) and len(parent.elts) == 2 and _is_text(parent.elts[0]):
                # ("relu", ReLU(True)) among others, as for Sequential(OrderedDict([...]))
                around = self.names.parent.get(parent)
                if isinstance(around, (ast.List, ast.Tuple)):
                    return self._hands_over(around.elts, parent) and not self._steps.are_held(around)
            if isinstance(parent, ast.Call) and self._is_added(parent, call):
                return self._is_added_after_fresh(parent) or self._uses_are_private(call, parent)
            if _element_before(call, parent) is not None and not self._registers(parent):
                row = parent.args if isinstance(parent, ast.Call) else parent.elts
                return self._hands_over(row, call) and not self._steps.are_held(parent)
            if isinstance(parent, ast.Call) and self.aliasing.is_container(parent):
                return self._uses_are_private(parent, self.names.parent.get(parent))  # the first of a row
        if (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Attribute)
            and parent.func.attr == "append"
        ):
            return self._appended_after_fresh(parent) and not self._steps.are_held_of(parent.func.value)
        found = self._row_of(call)
        if found is not None:
            return self._hands_over(*found) and not self._steps.are_held(self.names.parent[found[1]])
        if self._is_layer(call):
            return self._uses_are_private(call, parent)
        return bool(call.args) and self.aliasing.is_given_up(call.args[0], call)

    # Classes that are passed on ----------------------------------------------------------------------

    def _is_made_private(self, maker: ast.expr) -> bool:
        """``Block(act=partial(ReLU, inplace=True))``: each layer that Block makes of it has its own input."""
        at = self.names.parent.get(maker)
        call = self.names.parent.get(at) if isinstance(at, ast.keyword) else at
        if not isinstance(call, ast.Call) or call.func is maker:
            return False
        if isinstance(at, ast.keyword):
            return at.arg is not None and self._owns(call.func, at.arg)
        before = call.args[: call.args.index(maker)]
        return not any(isinstance(a, ast.Starred) for a in before) and self._owns(call.func, len(before))

    def _owns(self, func: ast.expr, which: str | int) -> bool:
        """Ask the function or class that a call reaches, in this file or another of the project."""
        scope = self.names.scope_of[func].find(func.id) if isinstance(func, ast.Name) else None
        bound = scope.bound[func.id] if scope is not None else []  # type: ignore[attr-defined]
        if len(bound) == 1 and isinstance(bound[0], ast.arg):
            passed = self.inference.passed(bound[0])
            return bool(passed) and all(self._owns(p, which) for p in passed)
        if len(bound) == 1 and isinstance(bound[0], (ast.FunctionDef, ast.ClassDef)):
            return self.owns(bound[0], which)
        if re.fullmatch(r"super\(.*\)\.__init__", ast.unparse(func)):
            owner = self.inference.enclosing(func, ast.ClassDef)
            bases = owner.bases if isinstance(owner, ast.ClassDef) else []
            return len(bases) == 1 and self._owns(bases[0], which)
        qualified, others = self.names.qualified(func), self.inference.others
        return qualified is not None and others is not None and others.owns(qualified, which)

    def owns(self, definition: ast.FunctionDef | ast.ClassDef, which: str | int) -> bool:
        """Tell whether all layers made of the class passed for a parameter have their inputs to themselves.

        ``which`` names the parameter, or counts it from 0 among those that a call gives by position.
        """
        function: ast.AST | None = definition
        if isinstance(definition, ast.ClassDef):
            made = [n for n in definition.body if getattr(n, "name", "") == "__init__"]
            function = made[0] if len(made) == 1 else None
        if not isinstance(function, ast.FunctionDef) or function.decorator_list:
            return False
        plain = [*function.args.posonlyargs, *function.args.args][function is not definition :]
        if isinstance(which, int):
            found = plain[which : which + 1]
        else:
            found = [a for a in (*plain, *function.args.kwonlyargs) if a.arg == which]
        if not found or (function, which) in self._asking:
            return False
        self._asking.add((function, which))
        try:
            loads = [m for m in self.inference.uses(found[0]) if isinstance(m.ctx, ast.Load)]
            return all(map(self._makes_private_layers, loads))
        finally:
            self._asking.discard((function, which))

    def _makes_private_layers(self, mention: ast.Name) -> bool:
        parent = self.names.parent.get(mention)
        if isinstance(parent, ast.Call) and parent.func is mention:
            return self.is_private_input(parent)
        return isinstance(parent, ast.Compare) or self._is_made_private(mention)

    # Rows and attributes -----------------------------------------------------------------------------

    def _row_of(self, call: ast.Call) -> tuple[list[ast.expr], ast.expr] | None:
        """``act = ReLU(True)`` whose one use is ``Sequential(conv, act)``: that row, and its place in it."""
        parent = self.names.parent.get(call)
        if isinstance(parent, ast.IfExp) and call is not parent.test:
            parent = self.names.parent.get(parent)
        target = parent.targets[0] if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
        if not isinstance(target, ast.Name) or not self.aliasing.is_local(target):
            return None
        scope = self.names.scope_of[target].find(target.id)
        assert scope is not None
        loads = [m for m in self.inference.mentions(scope, target.id) if isinstance(m.ctx, ast.Load)]
        use = self.names.parent.get(loads[0]) if len(loads) == 1 else None
        if not (isinstance(use, ast.Call) and loads[0] in use.args and self._runs_its_arguments(use)):
            return None
        return use.args, loads[0]

    def _runs_its_arguments(self, call: ast.Call) -> bool:
        """``Sequential(...)``, or ``super().__init__(...)`` of what derives from it."""
        owner = self.inference.enclosing(call, ast.ClassDef)
        starts = re.fullmatch(r"super\(.*\)\.__init__", ast.unparse(call.func)) is not None
        return self.aliasing.is_container(call) or (
            starts and isinstance(owner, ast.ClassDef) and self._runs_its_children(owner)
        )

    def _hands_over(self, elements: list[ast.expr], at: ast.expr) -> bool:
        """Tell whether the layer before one in a row gives it a tensor of its own."""
        index = elements.index(at)
        row = self.names.parent.get(at)
        name = self._row_named(row)
        modules = name is not None or (isinstance(row, ast.Call) and self._runs_its_arguments(row))
        while index > 0:
            index -= 1
            before = elements[index]
            if isinstance(before, ast.Tuple) and len(before.elts) == 2:
                before = before.elts[1]
            if self.aliasing.is_fresh_layer(before):
                return True
            if not modules and not (isinstance(before, ast.Call) and self.inference.kind(before) == "module"):
                return False  # a module hands on its argument at most, so the one before it counts
        statement = self.aliasing.statement_of(at)
        return name is not None and statement is not None and self._in_a_row_after_fresh(name, statement)

    def _row_named(self, row: ast.AST | None) -> ast.Name | None:
        """Give ``layers`` of ``layers = [...]`` and ``layers += [...]`` where it only becomes Sequential(*layers)."""
        statement = self.names.parent.get(row) if isinstance(row, ast.List) else None
        name: ast.expr | None = None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            name = statement.targets[0]
        elif isinstance(statement, ast.AugAssign):
            name = statement.target
        if not isinstance(name, ast.Name) or not self.aliasing.is_local(name):
            return None
        scope = self.names.scope_of[name].find(name.id)
        assert scope is not None
        return name if all(map(self._builds_a_row, self.inference.mentions(scope, name.id))) else None

    def _leaves_children(self, forward: ast.AST | None) -> bool:
        """Tell whether a forward reaches its children by super().forward() alone."""
        for node in ast.walk(forward) if forward is not None else ():
            if not (isinstance(node, ast.Name) and node.id == "self"):
                continue
            parent = self.names.parent.get(node)
            call = self.names.parent.get(parent) if isinstance(parent, ast.Attribute) else None
            started = isinstance(parent, ast.Call) and getattr(parent.func, "id", "") == "super"
            called = isinstance(call, ast.Call) and call.func is parent
            value = isinstance(parent, ast.Attribute) and (
                self.inference.kind(parent) in _VALUES
                or f"Module.{parent.attr}" in self.inference.framework.same
            )
            if not started and (called or not value):
                return False
        return True

    def _registers(self, call: ast.AST) -> bool:
        """Tell whether a call is self.add_module("name", layer)."""
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            return False
        framework = self.inference.framework
        found = framework.by_api.get(f"{framework.module_class}.{call.func.attr}", ())
        own = getattr(call.func.value, "id", "") == "self"
        return own and any(b.operator.kind == "attribute" for b in found)

    def _is_layer(self, call: ast.Call) -> bool:
        qualified = self.names.qualified(call.func) or ""
        bindings = self.inference.framework.by_api.get(qualified, ())
        known = any(b.operator.kind == "layer" for b in bindings)
        return known or self.inference.object_kind(call.func) == "module class"

    def _appended_after_fresh(self, append: ast.Call) -> bool:
        """``layers.append(relu)`` behind a layer in the list that makes a new tensor."""
        statement = self.names.parent.get(append)
        if not isinstance(statement, ast.stmt):
            return False
        layers = append.func.value  # type: ignore[attr-defined]
        if isinstance(layers, ast.Name) and self.aliasing.is_local(layers):
            return self._in_a_row_after_fresh(layers, statement)
        return self._directly_after_fresh(layers, statement)

    def _directly_after_fresh(self, layers: ast.expr, statement: ast.stmt) -> bool:
        body = self.inference.block_of(statement)
        if statement not in body or body.index(statement) == 0:
            return False
        previous = body[body.index(statement) - 1]
        target = ast.unparse(layers)
        if isinstance(previous, ast.Expr) and isinstance(previous.value, ast.Call):
            other = previous.value
            if isinstance(other.func, ast.Attribute) and other.func.attr == "append" and other.args:
                return ast.unparse(other.func.value) == target and self.aliasing.is_fresh_layer(other.args[0])
        if isinstance(previous, (ast.Assign, ast.AugAssign)) and isinstance(previous.value, ast.List):
            name = previous.targets[0] if isinstance(previous, ast.Assign) else previous.target
            items = previous.value.elts
            return ast.unparse(name) == target and bool(items) and self.aliasing.is_fresh_layer(items[-1])
        return False

    def _in_a_row_after_fresh(self, layers: ast.Name, at: ast.stmt) -> bool:
        """Tell whether a list of layers, run one after another, surely has a fresh one already."""
        scope = self.names.scope_of[layers].find(layers.id)
        assert scope is not None
        mentions = self.inference.mentions(scope, layers.id)
        made = [m for m in mentions if isinstance(m.ctx, ast.Store)]
        made = [m for m in made if not isinstance(self.names.parent.get(m), ast.AugAssign)]
        if len(made) != 1 or not all(map(self._builds_a_row, mentions)):
            return False
        for statement, again in self.aliasing.before(at):
            if again:
                continue
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.AugAssign) and getattr(statement.target, "id", "") == layers.id:
                if isinstance(value, ast.List) and any(map(self.aliasing.is_fresh_layer, value.elts)):
                    return True
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                bound = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                if isinstance(bound, ast.Name) and bound.id == layers.id:
                    return isinstance(value, ast.List) and any(map(self.aliasing.is_fresh_layer, value.elts))
            elif isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and len(value.args) == 1:
                func = value.func
                if isinstance(func, ast.Attribute) and func.attr == "append":
                    if getattr(func.value, "id", "") == layers.id and self.aliasing.is_fresh_layer(
                        value.args[0]
                    ):
                        return True
        return False

    def _builds_a_row(self, mention: ast.Name) -> bool:
        """``layers.append(x)``, ``layers += [x]``, and ``Sequential(*layers)`` or what derives from it."""
        parent = self.names.parent.get(mention)
        call = self.names.parent.get(parent) if parent is not None else None
        if isinstance(mention.ctx, ast.Store):
            return True
        if isinstance(parent, ast.Attribute):
            return parent.attr == "append" and isinstance(call, ast.Call) and call.func is parent
        if not (isinstance(parent, ast.Starred) and isinstance(call, ast.Call)):
            return False
        return self._runs_its_arguments(call)

    def _uses_are_private(self, call: ast.Call, parent: ast.AST | None) -> bool:
        """``self.act = ReLU(inplace=True)``: every ``self.act(x)`` in the class must have its own x."""
        owner = self.inference.enclosing(call, ast.ClassDef)
        target: ast.expr | None = None
        if isinstance(parent, ast.IfExp) and call is not parent.test:
            parent = self.names.parent.get(parent)
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1:
            target = parent.targets[0]
        registered = self._registers(parent) if parent is not None else False
        if isinstance(target, ast.Attribute):
            name = target.attr
        elif registered and isinstance(parent.args[0], ast.Constant):  # type: ignore[union-attr]
            name = str(parent.args[0].value)  # type: ignore[union-attr]
        else:
            return False
        if not isinstance(owner, ast.ClassDef):
            return False
        mentions = [
            n
            for n in self._attributes.get(name, ())
            if n is not target and owner.lineno <= n.lineno <= (owner.end_lineno or 0)
        ]
        if not mentions and isinstance(target, ast.Attribute) and self._runs_its_children(owner):
            return self._is_behind_fresh(target.value, parent)  # type: ignore[arg-type]
        for mention in mentions:
            use = self.names.parent.get(mention)
            if not (isinstance(use, ast.Call) and use.func is mention and len(use.args) == 1):
                return False
            if not self.aliasing.is_given_up(use.args[0], use):
                return False
        return bool(mentions)

    def _runs_its_children(self, owner: ast.ClassDef) -> bool:
        """Tell whether a class is a Sequential by its base, whose forward it has or calls as a whole."""
        framework = self.inference.framework
        own = not self._leaves_children(self.inference.methods(owner).get(framework.forward))
        bases = [framework.by_api.get(self.names.qualified(b) or "", ()) for b in owner.bases]
        kinds = [(b.operator.kind, b.operator.returns) for found in bases for b in found]
        return not own and len(owner.bases) == 1 and ("container", "module") in kinds

    def _is_added(self, add: ast.Call, layer: ast.Call) -> bool:
        """``parts.add_module("relu", layer)``."""
        if not (isinstance(add.func, ast.Attribute) and len(add.args) == 2 and add.args[1] is layer):
            return False
        framework = self.inference.framework
        found = framework.by_api.get(f"{framework.module_class}.{add.func.attr}", ())
        return any(b.operator.grows for b in found)

    def _is_added_after_fresh(self, add: ast.Call) -> bool:
        """Tell whether what a module is added to runs its children one after another, a fresh one before it."""
        whole = add.func.value  # type: ignore[attr-defined]
        owner = self.inference.enclosing(add, ast.ClassDef)
        if getattr(whole, "id", "") == "self":
            runs = isinstance(owner, ast.ClassDef) and self._runs_its_children(owner)
        else:
            made = self.inference.made_as(whole)
            if isinstance(whole, ast.Name):
                scope = self.names.scope_of[whole].find(whole.id)
                binders = [self.names.parent.get(by) for by in scope.bound[whole.id]] if scope else []
                made = [b.value for b in binders if isinstance(b, ast.Assign) and len(binders) == 1]
            runs = bool(made) and all(isinstance(m, ast.Call) and self.aliasing.is_container(m) for m in made)
        statement = self.aliasing.statement_of(add)
        return runs and statement is not None and self._is_behind_fresh(whole, statement)

    def _is_behind_fresh(self, whole: ast.expr, at: ast.stmt) -> bool:
        """Tell whether a layer that makes a new tensor was surely added before: nothing it gives is kept since."""
        name = ast.unparse(whole)
        if self._steps.are_held_of(whole):
            return False
        for statement, again in self.aliasing.before(at):
            value = getattr(statement, "value", None)
            if again:
                continue
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if ast.unparse(target) == name:
                    return self.aliasing.is_fresh_layer(statement.value)
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == name == "self":
                    if self.aliasing.is_fresh_layer(statement.value):
                        return True
            if isinstance(value, ast.Tuple) and len(value.elts) == 1:
                value = value.elts[0]  # a comma behind the call
            if isinstance(value, ast.Call) and len(value.args) == 2 and isinstance(value.func, ast.Attribute):
                layer = value.args[1]
                if isinstance(layer, ast.Call) and self._is_added(value, layer):
                    if ast.unparse(value.func.value) == name and self.aliasing.is_fresh_layer(layer):
                        return True
        return False


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _element_before(call: ast.Call, parent: ast.Call | ast.List | ast.Tuple) -> ast.expr | None:
    elements = parent.args if isinstance(parent, ast.Call) else parent.elts
    index = elements.index(call) if call in elements else 0
    return elements[index - 1] if index > 0 else None
