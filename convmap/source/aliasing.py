"""Whether anything else can see a tensor that is changed in place: if not, in-place means nothing.

The frameworks differ in what shares memory, so a change in place means the same in all of them only
where nothing that is read later holds the tensor or a view of it. One convention is taken on trust:
a module returns a new tensor or (a view of) its argument, not one that it keeps.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Sequence

from convmap.model import Binding
from convmap.source.inference import Inference
from convmap.source.names import FUNCTIONS, Scope

_LOOKING = {"len", "isinstance", "print", "range", "int", "float", "bool", "str", "min", "max", "id", "type"}
_CONSUMERS = (ast.BinOp, ast.Compare, ast.UnaryOp, ast.FormattedValue, ast.Expr, ast.Assert, ast.If,
              ast.While, ast.Return, ast.Delete, ast.AugAssign, ast.Slice)  # fmt: skip
_ALL = "*"  # every local name
_REPEATING = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Lambda)


class Aliasing:
    """Answers for one file."""

    def __init__(self, inference: Inference) -> None:
        self.inference = inference
        self.names = inference.names
        self._busy: set[tuple[str, ast.AST]] = set()

    @functools.cached_property
    def _attributes(self) -> dict[str, list[ast.Attribute]]:
        """Every attribute that the file mentions, by its name."""
        found: dict[str, list[ast.Attribute]] = {}
        for node in self.names.references:
            if isinstance(node, ast.Attribute):
                found.setdefault(node.attr, []).append(node)
        return found

    # Calls and layers that say they work in place --------------------------------------------------

    def is_private_input(self, call: ast.Call) -> bool:
        """Tell whether the tensor that ``call`` (a layer or a function) changes in place is its own.

        It is where the tensor was just made by an operation that returns a new one and nothing else
        holds it: the layer before in a Sequential or in a list of layers, the argument of the call,
        or a name that holds such a tensor and is rebound to the result.
        """
        parent = self.names.parent.get(call)
        if isinstance(parent, (ast.Call, ast.List, ast.Tuple)):
            if isinstance(parent, ast.Tuple) and len(parent.elts) == 2 and _is_text(parent.elts[0]):
                # ("relu", ReLU(True)) among others, as for Sequential(OrderedDict([...]))
                around = self.names.parent.get(parent)
                if isinstance(around, (ast.List, ast.Tuple)):
                    return self._hands_over(around.elts, parent)
            if _element_before(call, parent) is not None and not self._registers(parent):
                return self._hands_over(parent.args if isinstance(parent, ast.Call) else parent.elts, call)
            if isinstance(parent, ast.Call) and self._is_container(parent):
                return self._uses_are_private(parent, self.names.parent.get(parent))  # the first of a row
        if (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Attribute)
            and parent.func.attr == "append"
        ):
            return self._appended_after_fresh(parent)
        row = self._row_of(call)
        if row is not None:
            return self._hands_over(*row)
        if self._is_layer(call):
            return self._uses_are_private(call, parent)
        return bool(call.args) and self.is_given_up(call.args[0], call)

    def _row_of(self, call: ast.Call) -> tuple[list[ast.expr], ast.expr] | None:
        """``act = ReLU(True)`` whose one use is ``Sequential(conv, act)``: that row, and its place in it."""
        parent = self.names.parent.get(call)
        if isinstance(parent, ast.IfExp) and call is not parent.test:
            parent = self.names.parent.get(parent)
        target = parent.targets[0] if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
        if not isinstance(target, ast.Name) or not self._is_local(target):
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
        return self._is_container(call) or (
            starts and isinstance(owner, ast.ClassDef) and self._runs_its_children(owner)
        )

    def _hands_over(self, elements: list[ast.expr], at: ast.expr) -> bool:
        """Tell whether the layer before one in a row gives it a tensor of its own."""
        index = elements.index(at)
        row = self.names.parent.get(at)
        modules = isinstance(row, ast.Call) and self._runs_its_arguments(row)
        while index > 0:
            index -= 1
            before = elements[index]
            if isinstance(before, ast.Tuple) and len(before.elts) == 2:
                before = before.elts[1]
            if self._is_fresh_layer(before):
                return True
            if not modules and not (isinstance(before, ast.Call) and self.inference.kind(before) == "module"):
                return False  # a module hands on its argument at most, so the one before it counts
        return False

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

    def _is_fresh_layer(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            scope = self.names.scope_of[node].find(node.id)
            made = [self.names.parent.get(by) for by in scope.bound[node.id]] if scope else []
            values = [m.value for m in made if isinstance(m, ast.Assign)]
            return len(values) == len(made) > 0 and all(map(self._is_fresh_layer, values))
        if isinstance(node, ast.IfExp):
            return self._is_fresh_layer(node.body) and self._is_fresh_layer(node.orelse)
        if not isinstance(node, ast.Call):
            return False
        return self._operator(node) == "layer" or self._is_fresh_container(node) or self._makes_fresh(node)

    def _is_fresh_container(self, node: ast.Call) -> bool:
        """``Sequential(conv, norm)``: behind one layer that makes a new tensor, all pass that on at most."""
        if not self._is_container(node):
            return False
        given = node.args
        if len(given) == 1 and isinstance(given[0], ast.Call) and given[0].args:
            given = [given[0].args[0]]  # OrderedDict([...])
        if len(given) == 1 and isinstance(given[0], (ast.List, ast.Tuple)):
            given = given[0].elts
        pairs = [g.elts[1] if isinstance(g, ast.Tuple) and len(g.elts) == 2 else g for g in given]
        return any(map(self._is_fresh_layer, pairs))

    def _is_container(self, node: ast.Call) -> bool:
        qualified = self.names.qualified(node.func) or ""
        bindings = self.inference.framework.by_api.get(qualified, ())
        return any(b.operator.kind == "container" and b.operator.returns == "module" for b in bindings)

    def _makes_fresh(self, node: ast.Call) -> bool:
        """Tell whether a function of this file makes such a layer, or a class of it is one."""
        func = node.func
        scope = self.names.scope_of[func].find(func.id) if isinstance(func, ast.Name) else None
        bound = scope.bound[func.id] if scope is not None else []  # type: ignore[attr-defined]
        if len(bound) == 1 and isinstance(bound[0], ast.arg):
            passed = self.inference.passed(bound[0])
            return bool(passed) and all(map(self._is_fresh_class, passed))
        if len(bound) != 1 or ("makes", bound[0]) in self._busy:
            return False
        self._busy.add(("makes", bound[0]))
        try:
            if isinstance(bound[0], ast.FunctionDef) and not bound[0].decorator_list:
                made = self.inference.returned_values(bound[0])
                return bool(made) and all(m is not None and self._is_fresh_layer(m) for m in made)
            if isinstance(bound[0], ast.ClassDef) and self.inference.is_module_class(bound[0]):
                return self._forward_is_fresh(bound[0])
            return False
        finally:
            self._busy.discard(("makes", bound[0]))

    def _is_fresh_class(self, node: ast.expr) -> bool:
        found = self.inference.framework.by_api.get(self.names.qualified(node) or "", ())
        return _makes_new(found) == "layer"

    def _forward_is_fresh(self, owner: ast.ClassDef) -> bool:
        forward = [
            n
            for n in owner.body
            if isinstance(n, ast.FunctionDef) and n.name == self.inference.framework.forward
        ]
        if len(forward) != 1:
            return False
        given = self.inference.returned_values(forward[0])
        return bool(given) and all(g is not None and self._is_own(g) for g in given)

    def _is_own(self, returned: ast.expr) -> bool:
        statement = self._statement(returned)
        if statement is None:
            return False
        if isinstance(returned, ast.Name):
            return self.is_private(returned, statement)
        return self._gives_new(returned, statement, _ALL)  # all that the function holds is lost behind it

    def _appended_after_fresh(self, append: ast.Call) -> bool:
        """``layers.append(relu)`` behind a layer in the list that makes a new tensor."""
        statement = self.names.parent.get(append)
        if not isinstance(statement, ast.stmt):
            return False
        layers = append.func.value  # type: ignore[attr-defined]
        if isinstance(layers, ast.Name) and self._is_local(layers):
            return self._in_a_row_after_fresh(layers, statement)
        return self._directly_after_fresh(layers, statement)

    def _directly_after_fresh(self, layers: ast.expr, statement: ast.stmt) -> bool:
        body = self._block(statement)
        if statement not in body or body.index(statement) == 0:
            return False
        previous = body[body.index(statement) - 1]
        target = ast.unparse(layers)
        if isinstance(previous, ast.Expr) and isinstance(previous.value, ast.Call):
            other = previous.value
            if isinstance(other.func, ast.Attribute) and other.func.attr == "append" and other.args:
                return ast.unparse(other.func.value) == target and self._is_fresh_layer(other.args[0])
        if isinstance(previous, (ast.Assign, ast.AugAssign)) and isinstance(previous.value, ast.List):
            name = previous.targets[0] if isinstance(previous, ast.Assign) else previous.target
            items = previous.value.elts
            return ast.unparse(name) == target and bool(items) and self._is_fresh_layer(items[-1])
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
        for statement, again in self._before(at):
            if again:
                continue
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.AugAssign) and getattr(statement.target, "id", "") == layers.id:
                if isinstance(value, ast.List) and any(map(self._is_fresh_layer, value.elts)):
                    return True
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
                bound = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                if isinstance(bound, ast.Name) and bound.id == layers.id:
                    return isinstance(value, ast.List) and any(map(self._is_fresh_layer, value.elts))
            elif isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and len(value.args) == 1:
                func = value.func
                if isinstance(func, ast.Attribute) and func.attr == "append":
                    if getattr(func.value, "id", "") == layers.id and self._is_fresh_layer(value.args[0]):
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
            return self._assigned_after_fresh(parent)  # type: ignore[arg-type]
        for mention in mentions:
            use = self.names.parent.get(mention)
            if not (isinstance(use, ast.Call) and use.func is mention and len(use.args) == 1):
                return False
            if not self.is_given_up(use.args[0], use):
                return False
        return bool(mentions)

    def _runs_its_children(self, owner: ast.ClassDef) -> bool:
        """Tell whether a class is a Sequential by its base and has no forward of its own."""
        framework = self.inference.framework
        own = any(isinstance(n, FUNCTIONS) and n.name == framework.forward for n in owner.body)
        bases = [framework.by_api.get(self.names.qualified(b) or "", ()) for b in owner.bases]
        kinds = [(b.operator.kind, b.operator.returns) for found in bases for b in found]
        return not own and len(owner.bases) == 1 and ("container", "module") in kinds

    def _assigned_after_fresh(self, statement: ast.stmt) -> bool:
        """``self.relu = ReLU(True)`` behind ``self.norm = BatchNorm2d(8)`` in such a class."""
        body = self._block(statement)
        index = body.index(statement) if statement in body else 0
        before = body[index - 1] if index else None
        if not (isinstance(before, ast.Assign) and len(before.targets) == 1):
            return False
        target = before.targets[0]
        own = isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"
        return own and self._is_fresh_layer(before.value)

    # Tensors ---------------------------------------------------------------------------------------

    def is_given_up(self, value: ast.expr, use: ast.expr) -> bool:
        """Tell whether the tensor that ``use`` takes is its own: new there, or of a name it rebinds."""
        statement = self._statement(use)
        if statement is None:
            return False
        if not isinstance(value, ast.Name):
            return self._gives_new(value, statement, "")
        read = [n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == value.id]
        if sum(isinstance(n.ctx, ast.Load) for n in read) > 1:
            return False  # act(x) + x reads what act has changed
        at: ast.AST | None = value
        while at is not None and at is not statement:
            if isinstance(at, _REPEATING):
                return False
            at = self.names.parent.get(at)
        if isinstance(statement, ast.Return) and self._is_local(value):
            return self.is_private(value, statement)
        rebinds = (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == value.id
        )
        return (rebinds or self._is_last_read(value, statement)) and self.is_private(value, statement)

    def _is_last_read(self, value: ast.Name, statement: ast.stmt) -> bool:
        """Tell whether a local name is not read behind a statement that runs once."""
        scope = self.names.scope_of[value].find(value.id)
        at: ast.AST | None = statement
        while at is not None and (scope is None or at is not scope.node):
            if isinstance(at, (ast.For, ast.AsyncFor, ast.While, ast.Try)):
                return False
            at = self.names.parent.get(at)
        if scope is None or not self._is_local(value) or hasattr(statement, "body"):
            return False
        last = statement.end_lineno or statement.lineno
        loads = (m for m in self.inference.mentions(scope, value.id) if isinstance(m.ctx, ast.Load))
        return not any(
            m.lineno > last or (m.lineno == last and m.col_offset > value.col_offset) for m in loads
        )

    def changed_by(self, node: ast.AST) -> ast.expr | None:
        """Give the tensor that a method like add_ changes and returns; None for any other node."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = node.func.attr in self.inference.framework.in_place
            if named and self.inference.object_kind(node.func.value) == "tensor":
                return node.func.value
        return None

    def settles(self, call: ast.Call) -> str | None:
        """Say how a method like add_ can be written without the change; None: something may see it.

        "" where its result takes the tensor's place anyway; a name where that has to be bound to it.
        """
        root: ast.expr = call
        while (changed := self.changed_by(root)) is not None:
            root = changed
        top: ast.AST = call
        while True:
            outer = self.names.parent.get(self.names.parent.get(top))  # type: ignore[arg-type]
            if not isinstance(outer, ast.Call) or self.changed_by(outer) is not top:
                break
            top = outer
        statement = self._statement(call)
        if isinstance(root, ast.Name) and isinstance(statement, ast.Expr) and statement.value is top:
            chained = top is not call or self.changed_by(call) is not root
            again = sum(isinstance(n, ast.Name) and n.id == root.id for n in ast.walk(statement)) > 1
            if not self.is_private(root, statement) or (chained and again):
                return None
            return root.id if top is call else ""
        return "" if self.is_given_up(root, call) else None

    def is_private(self, name: ast.Name, at: ast.stmt) -> bool:
        """Tell whether the tensor a local name holds before a statement is held by nothing else."""
        key = (name.id, at)
        if not self._is_local(name):
            return False
        if key in self._busy:
            return True  # in a loop: so it is if it was so before the loop, which is being looked at
        self._busy.add(key)
        try:
            return self._is_private(name, at)
        finally:
            self._busy.discard(key)

    def _is_local(self, name: ast.Name) -> bool:
        scope = self.names.scope_of[name].find(name.id)
        if scope is None or not isinstance(scope.node, FUNCTIONS) or name.id in scope.outward:
            return False
        # A function inside that reads the name keeps the tensor.
        return all(not self._inside_function(m, scope) for m in self.inference.mentions(scope, name.id))

    def _inside_function(self, mention: ast.Name, scope: Scope) -> bool:
        at: Scope | None = self.names.scope_of[mention]
        while at is not None and at is not scope:
            if isinstance(at.node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
                return True
            at = at.parent
        return False

    def _is_private(self, name: ast.Name, at: ast.stmt) -> bool:
        scope = self.names.scope_of[name].find(name.id)
        assert scope is not None
        mentions = self.inference.mentions(scope, name.id)
        for statement, again in self._before(at):
            last = statement.end_lineno or statement.lineno
            inside = [m for m in mentions if statement.lineno <= m.lineno <= last]
            if not inside:
                continue
            if self._is_assignment(statement, name.id):
                if not self._gives_new(statement.value, statement, name.id):  # type: ignore[attr-defined]
                    return False
                if again:
                    continue  # of the round before; the loop may also be entered here
                return True
            if not all(self._keeps_private(m) for m in inside):
                return False
            if not again and self._assigns_surely(statement, name.id):
                return True
        return False  # a parameter, or not a plain local name

    def _keeps_private(self, mention: ast.Name) -> bool:
        if isinstance(mention.ctx, ast.Load):
            return not self._leaks(mention)
        if isinstance(mention.ctx, ast.Del):
            return True
        parent = self.names.parent.get(mention)
        if isinstance(parent, ast.AugAssign):
            return True
        statement = self._statement(mention)
        if not isinstance(statement, ast.Assign) or mention not in statement.targets:
            return False
        return self._gives_new(statement.value, statement, mention.id)

    @staticmethod
    def _is_assignment(statement: ast.stmt, name: str) -> bool:
        return (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == name
        )

    def _assigns_surely(self, statement: ast.stmt, name: str) -> bool:
        if isinstance(statement, ast.If):
            blocks = [statement.body, statement.orelse]
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            blocks = [statement.body]
        else:
            return False
        return all(
            any(self._is_assignment(s, name) or self._assigns_surely(s, name) for s in block)
            or (block and isinstance(block[-1], (ast.Raise, ast.Return)))
            for block in blocks
        )

    def _statement(self, node: ast.AST) -> ast.stmt | None:
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            at = self.names.parent.get(at)
        return at

    def _block(self, statement: ast.stmt) -> list[ast.stmt]:
        parent = self.names.parent.get(statement)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(parent, field, None)
            if isinstance(block, list) and statement in block:
                return block
        return []

    def _before(self, at: ast.stmt) -> Iterator[tuple[ast.stmt, bool]]:
        """Give what runs before a statement, nearest first; True: in a loop's round before."""
        while True:
            block = self._block(at)
            index = block.index(at) if at in block else 0
            for statement in reversed(block[:index]):
                yield statement, False
            parent = self.names.parent.get(at)
            if isinstance(parent, (ast.For, ast.AsyncFor, ast.While)) and at in parent.body:
                for statement in reversed(block[index:]):
                    yield statement, True
            if not isinstance(parent, ast.stmt) and not isinstance(parent, ast.ExceptHandler):
                return
            if isinstance(parent, (*FUNCTIONS, ast.ClassDef)):
                return
            statement_above = self._statement(parent)
            if statement_above is None:
                return
            at = statement_above

    # What an expression hands on ---------------------------------------------------------------------

    def gives_new(self, node: ast.Call) -> bool:
        """Tell whether a call makes a tensor of its own, whatever it takes."""
        return self._operator(node) == "function" and self.changed_by(node) is None

    def _gives_new(self, node: ast.expr, at: ast.stmt, rebound: str) -> bool:
        """Tell whether nothing else holds what an expression gives; ``rebound`` is lost behind it."""
        if isinstance(node, ast.BinOp):
            return self.inference.kind(node) == "tensor"
        if isinstance(node, ast.Name):
            return rebound in (node.id, _ALL) and self.is_private(node, at)
        if isinstance(node, ast.IfExp):
            return all(self._gives_new(n, at, rebound) for n in (node.body, node.orelse))
        if isinstance(node, ast.Subscript):
            return self.inference.kind(node.value) == "tensor" and self._gives_new(node.value, at, rebound)
        if not isinstance(node, ast.Call):
            return False
        changed = self.changed_by(node)
        if changed is not None:
            return self._gives_new(changed, at, rebound)
        if self._operator(node) == "function" or self._is_fresh_use(node) or self._is_sum(node):
            return True
        if any(b.operator.kind == "parameter" for b in self._bindings(node)):
            return False  # what is put in its place would be none
        taken = self._handed_on(node)
        return bool(taken) and all(self._gives_new(a, at, rebound) for a in taken)

    def _is_sum(self, node: ast.Call) -> bool:
        """Python's sum: 0 is added to the first."""
        func = node.func
        return (
            isinstance(func, ast.Name) and func.id == "sum" and self.names.scope_of[func].find("sum") is None
        )

    def _operator(self, node: ast.Call) -> str | None:
        """Give 'layer' or 'function' where a call makes a new tensor, else None."""
        return _makes_new(self._bindings(node))

    def _bindings(self, node: ast.Call) -> tuple:  # type: ignore[type-arg]
        framework = self.inference.framework
        qualified = self.names.qualified(node.func)
        if qualified is not None:
            return framework.by_api.get(qualified, ())
        if isinstance(node.func, ast.Attribute) and self.inference.object_kind(node.func.value) == "tensor":
            return framework.by_api.get(f"{framework.tensor_class}.{node.func.attr}", ())
        return ()

    def _is_fresh_use(self, node: ast.Call) -> bool:
        """``self.conv(x)``, where every layer that ``self.conv`` may be makes a new tensor."""
        func = node.func
        if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)):
            return False
        owner = self.inference.enclosing(node, ast.ClassDef)
        if func.value.id != "self" or not isinstance(owner, ast.ClassDef):
            return False
        values = self.inference.attributes.get((owner, func.attr), [])
        return bool(values) and all(self._is_fresh_layer(v) for v in values)

    def _handed_on(self, node: ast.Call) -> list[ast.expr]:
        """Give the arguments that a call's result may share memory with, none where that is open."""
        arguments = [*node.args, *(k.value for k in node.keywords)]
        if any(isinstance(a, ast.Starred) for a in arguments):
            return []
        bindings = self._bindings(node)
        if bindings:
            own = [node.func.value] if self.names.qualified(node.func) is None else []  # type: ignore[attr-defined]
            return [a for a in (*own, *arguments) if self.inference.kind(a) in ("tensor", "unknown")]
        return arguments if self.inference.kind(node.func) == "module" or self._is_own_part(node.func) else []

    def _is_own_part(self, node: ast.expr) -> bool:
        """``self.part`` of a module, which is called: a module too, where it is no method."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        if not (isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"):
            return False
        methods = [n.name for n in getattr(owner, "body", ()) if isinstance(n, FUNCTIONS)]
        return self.inference.is_module_class(owner) and node.attr not in methods

    def _leaks(self, mention: ast.Name) -> bool:
        """Tell whether a use of a name may leave something that holds its tensor."""
        node: ast.AST = mention
        while True:
            parent = self.names.parent.get(node)
            if isinstance(parent, ast.Attribute):
                kind = self.inference.kind(parent)
                outer = self.names.parent.get(parent)
                if isinstance(outer, ast.Call) and outer.func is parent:
                    if self.changed_by(outer) is not None:
                        node = outer
                        continue
                    if self._operator(outer) or self.inference.kind(outer) not in ("tensor", "unknown"):
                        return False
                    if not self._bindings(outer):
                        return True
                    node = outer
                elif kind in ("tensor", "tensors"):
                    node = parent
                else:
                    return False
            elif isinstance(parent, ast.Subscript):
                if parent.slice is node or not isinstance(parent.ctx, ast.Load):
                    return False
                node = parent
            elif isinstance(parent, (ast.keyword, ast.List, ast.Tuple, ast.IfExp)):
                if isinstance(parent, ast.Tuple) and isinstance(self.names.parent.get(parent), ast.Subscript):
                    return False
                node = parent
            elif isinstance(parent, ast.Call):
                looked_at = isinstance(parent.func, ast.Name) and parent.func.id in _LOOKING
                if looked_at or self._operator(parent) == "function" or self._is_fresh_use(parent):
                    return False
                if not self._handed_on(parent):
                    return True
                node = parent
            elif isinstance(parent, ast.Assign):
                return not self._is_assignment(parent, mention.id)
            else:
                return not isinstance(parent, _CONSUMERS)


def _makes_new(bindings: Sequence[Binding]) -> str | None:
    """Give the kind of an API that gives a new tensor, else None."""
    for binding in bindings:
        operator = binding.operator
        keeps = any(s.name == "inplace" for s in operator.slots) or not operator.fresh
        return None if keeps else operator.kind
    return None


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _element_before(call: ast.Call, parent: ast.Call | ast.List | ast.Tuple) -> ast.expr | None:
    elements = parent.args if isinstance(parent, ast.Call) else parent.elts
    index = elements.index(call) if call in elements else 0
    return elements[index - 1] if index > 0 else None
