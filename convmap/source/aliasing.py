"""Whether anything else can see a tensor that is changed in place: if not, in-place means nothing.

The frameworks differ in what shares memory, so a change in place means the same in all of them only
where nothing that is read later holds the tensor or a view of it. One convention is taken on trust:
a module returns a new tensor or (a view of) its argument, not one that it keeps.
"""

from __future__ import annotations

import ast
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

    # Layers ------------------------------------------------------------------------------------------

    def is_fresh_layer(self, node: ast.expr) -> bool:
        """Tell whether an expression makes a layer that gives a new tensor, not its input."""
        if isinstance(node, ast.Name):
            scope = self.names.scope_of[node].find(node.id)
            made = [self.names.parent.get(by) for by in scope.bound[node.id]] if scope else []
            values = [m.value for m in made if isinstance(m, ast.Assign)]
            return len(values) == len(made) > 0 and all(map(self.is_fresh_layer, values))
        if isinstance(node, ast.IfExp):
            return self.is_fresh_layer(node.body) and self.is_fresh_layer(node.orelse)
        if not isinstance(node, ast.Call):
            return False
        if node.args and any(
            b.operator.kind == "function" and b.operator.returns == "module" for b in self._bindings(node)
        ):
            return self.is_fresh_layer(node.args[0])  # weight_norm(conv) is that layer
        return self._operator(node) == "layer" or self._is_fresh_container(node) or self._makes_fresh(node)

    def _is_fresh_container(self, node: ast.Call) -> bool:
        """``Sequential(conv, norm)``: behind one layer that makes a new tensor, all pass that on at most."""
        if not self.is_container(node):
            return False
        given = node.args
        inner = given[0].args[:1] if len(given) == 1 and isinstance(given[0], ast.Call) else []
        if inner and isinstance(inner[0], (ast.List, ast.Tuple)):
            given = inner  # OrderedDict([...])
        if len(given) == 1 and isinstance(given[0], (ast.List, ast.Tuple)):
            given = given[0].elts
        pairs = [g.elts[1] if isinstance(g, ast.Tuple) and len(g.elts) == 2 else g for g in given]
        return any(map(self.is_fresh_layer, pairs))

    def is_container(self, node: ast.Call) -> bool:
        """Tell whether a call is ``Sequential(...)``."""
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
                return bool(made) and all(m is not None and self.is_fresh_layer(m) for m in made)
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
        statement = self.statement_of(returned)
        if statement is None:
            return False
        if isinstance(returned, ast.Name):
            return self.is_private(returned, statement)
        return self._gives_new(returned, statement, _ALL)  # all that the function holds is lost behind it

    # Tensors ---------------------------------------------------------------------------------------

    def is_given_up(self, value: ast.expr, use: ast.expr) -> bool:
        """Tell whether the tensor that ``use`` takes is its own: new there, or of a name it rebinds."""
        statement = self.statement_of(use)
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
        if isinstance(statement, ast.Return) and self.is_local(value):
            return self.is_private(value, statement)
        rebinds = (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == value.id
        )
        return (rebinds or self._is_last_read(value, statement)) and self.is_private(value, statement)

    def _is_last_read(self, value: ast.Name, statement: ast.stmt) -> bool:
        """Tell whether the values of a local name are not read behind a statement that runs once."""
        scope = self.names.scope_of[value].find(value.id)
        at: ast.AST | None = statement
        while at is not None and (scope is None or at is not scope.node):
            if isinstance(at, (ast.For, ast.AsyncFor, ast.While, ast.Try)):
                return False
            at = self.names.parent.get(at)
        if scope is None or not self.is_local(value) or hasattr(statement, "body"):
            return False
        last = statement.end_lineno or statement.lineno
        loads = (m for m in self.inference.mentions(scope, value.id) if isinstance(m.ctx, ast.Load))
        later = (m for m in loads if (m.lineno, m.col_offset) > (last, value.col_offset))
        return all(map(self._asks_size, later))

    def _asks_size(self, mention: ast.Name) -> bool:
        """``x.size(0)``, ``x.shape``: nothing of a tensor's values."""
        part = self.names.parent.get(mention)
        call = self.names.parent.get(part) if part is not None else None
        if not isinstance(part, ast.Attribute):
            return False
        asked = call if isinstance(call, ast.Call) and call.func is part else part
        return self.inference.kind(asked) in ("int", "ints")

    def changed_by(self, node: ast.AST) -> ast.expr | None:
        """Give the tensor that a method like add_ changes and returns; None for any other node."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = node.func.attr in self.inference.framework.in_place
            if named and self.inference.object_kind(node.func.value) == "tensor":
                return node.func.value
        return None

    def _sets(self, call: ast.Call) -> bool:
        framework, func = self.inference.framework, call.func
        named = isinstance(func, ast.Attribute) and f"{framework.tensor_class}.{func.attr}"
        return named in dict(framework.assigning) and self.inference.object_kind(func.value) == "tensor"  # type: ignore[attr-defined]

    def row_of(self, call: ast.Call) -> tuple[ast.expr, ast.Call]:
        """Give what a row of methods like ``x.mul_(2).add_(y)`` changes, and its last call."""
        root: ast.expr = call
        while (changed := self.changed_by(root)) is not None:
            root = changed
        while True:
            outer = self.names.parent.get(self.names.parent.get(call))  # type: ignore[arg-type]
            if not isinstance(outer, ast.Call) or self.changed_by(outer) is not call:
                return root, call
            call = outer

    def settles(self, call: ast.Call) -> str | None:
        """Say how a method like add_ can be written without the change; None: something may see it.

        "" where its result takes the tensor's place anyway; a name where that has to be bound to it.
        """
        root, top = self.row_of(call)
        statement = self.statement_of(call)
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
        if not self.is_local(name):
            return False
        if key in self._busy:
            return True  # in a loop: so it is if it was so before the loop, which is being looked at
        self._busy.add(key)
        try:
            return self._is_private(name, at)
        finally:
            self._busy.discard(key)

    def is_private_attribute(self, node: ast.Attribute, at: ast.stmt) -> bool:
        """Tell whether ``self.mask`` got a new tensor earlier in this function, which nothing else holds."""
        if getattr(node.value, "id", "") != "self":
            return False
        for statement, _ in self.before(at):
            given = self._given_to(statement, node.attr)
            if given is not None:
                return self._gives_new(given, statement, "")
            if not all(map(self._keeps_own, self._mentions_of_self(statement))):
                return False
            for mention in self._mentions_of_self(statement):
                part = self.names.parent.get(mention)
                if isinstance(part, ast.Attribute) and part.attr == node.attr and self.leaks(part):
                    return False
        return False

    @staticmethod
    def _mentions_of_self(statement: ast.stmt) -> list[ast.Name]:
        return [n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == "self"]

    def _given_to(self, statement: ast.stmt, name: str) -> ast.expr | None:
        """Give what a statement assigns to ``self.name``, or registers by this name."""
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self":
            return statement.value if target.attr == name and len(statement.targets) == 1 else None  # type: ignore[attr-defined]
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and len(call.args) > 1:
            if self.is_of_module(call.func) and getattr(call.args[0], "value", None) == name:
                return call.args[1]
        return None

    def is_of_module(self, node: ast.Attribute) -> bool:
        """Tell whether an attribute of self is a method that the framework's modules have."""
        framework = self.inference.framework
        return f"{framework.module_class}.{node.attr}" in framework.by_api

    def _keeps_own(self, mention: ast.Name) -> bool:
        """Tell whether a use of self runs nothing of the class, which may hold what its attributes are."""
        part = self.names.parent.get(mention)
        if isinstance(part, ast.Call):
            return getattr(part.func, "id", "") == "super"
        if not isinstance(part, ast.Attribute):
            return False
        call = self.names.parent.get(part)
        called = isinstance(call, ast.Call) and call.func is part
        return not called or self.is_of_module(part)

    def is_local(self, name: ast.Name) -> bool:
        """Tell whether a name is a function's own, seen by no function inside it."""
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
        for statement, again in self.before(at):
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
        return self._is_passed_private(name, scope)

    def _is_passed_private(self, name: ast.Name, scope: Scope) -> bool:
        """``def _add(x, y): x += y`` whose every call in the file gives up what it passes for x.

        By its leading underscore a function says that no other file calls it.
        """
        bound, function = scope.bound[name.id][0], scope.node
        if not isinstance(bound, ast.arg) or not isinstance(function, ast.FunctionDef):
            return False
        if not isinstance(self.names.parent.get(function), ast.Module) or not function.name.startswith("_"):
            return False
        plain = [*function.args.posonlyargs, *function.args.args]
        if function.decorator_list or bound not in plain:
            return False
        if len(self.names.module.bound[function.name]) != 1:
            return False  # another function takes its name
        uses = self.inference.mentions(self.names.module, function.name)
        for use in uses:
            call = self.names.parent.get(use)
            if not (isinstance(call, ast.Call) and call.func is use):
                return False
            given = [k.value for k in call.keywords if k.arg == bound.arg]
            before = call.args[: plain.index(bound) + 1]
            if any(isinstance(a, ast.Starred) for a in before) or any(k.arg is None for k in call.keywords):
                return False
            given += before[plain.index(bound) :]
            if len(given) != 1 or not self.is_given_up(given[0], call):
                return False
        return bool(uses)

    def _keeps_private(self, mention: ast.Name) -> bool:
        if isinstance(mention.ctx, ast.Load):
            return not self.leaks(mention)
        if isinstance(mention.ctx, ast.Del):
            return True
        parent = self.names.parent.get(mention)
        if isinstance(parent, ast.AugAssign):
            return True
        statement = self.statement_of(mention)
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

    def statement_of(self, node: ast.AST) -> ast.stmt | None:
        """Give the innermost statement that a node is, or is part of."""
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            at = self.names.parent.get(at)
        return at

    def before(self, at: ast.stmt) -> Iterator[tuple[ast.stmt, bool]]:
        """Give what runs before a statement, nearest first; True: in a loop's round before."""
        while True:
            block = self.inference.block_of(at)
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
            statement_above = self.statement_of(parent)
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
        bindings = self._bindings(node)
        most = max((int(b.operator.fresh) for b in bindings), default=0)
        return None if most > 1 and len(self._handed_on(node)) < most else _makes_new(bindings)

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
        if isinstance(func, ast.Name):
            return self._is_fresh_element(func)
        if not (isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name)):
            return False
        owner = self.inference.enclosing(node, ast.ClassDef)
        if func.value.id != "self" or not isinstance(owner, ast.ClassDef):
            return False
        values = self.inference.attribute_values(owner, func.attr)
        return bool(values) and all(self.is_fresh_layer(v) for v in values)

    def _is_fresh_element(self, name: ast.Name) -> bool:
        """``for conv in self.convs``, ``for i, conv in enumerate(self.convs)``: every one of them makes a new tensor."""
        scope = self.names.scope_of[name].find(name.id)
        loop = self.inference.enclosing(name, (ast.For, ast.AsyncFor))
        if scope is None or not isinstance(loop, (ast.For, ast.AsyncFor)):
            return False
        within = [b for b in scope.bound[name.id] if loop.lineno <= b.lineno <= (loop.end_lineno or 0)]  # type: ignore[attr-defined]
        counted = isinstance(loop.target, ast.Tuple) and loop.target.elts[1:] == within
        if len(within) != 1 or not (counted or loop.target is within[0]):
            return False
        source = loop.iter
        if counted != (isinstance(source, ast.Call) and getattr(source.func, "id", "") == "enumerate"):
            return False
        if counted:
            source = source.args[0]  # type: ignore[attr-defined]
        made = self.inference.made_as(source)
        if ast.unparse(source) in self.inference.changed_containers:
            return False
        return bool(made) and all(isinstance(m, ast.Call) and self._is_row_of_fresh(m) for m in made)

    def _is_row_of_fresh(self, made: ast.Call) -> bool:
        """``ModuleList([conv, conv])``, or of a comprehension."""
        layers = made.args[0] if len(made.args) == 1 else None
        if self.names.qualified(made.func) is None or made.keywords:
            return False
        if isinstance(layers, (ast.ListComp, ast.GeneratorExp)):
            return self.is_fresh_layer(layers.elt)
        return (
            isinstance(layers, (ast.List, ast.Tuple))
            and bool(layers.elts)
            and all(map(self.is_fresh_layer, layers.elts))
        )

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

    def leaks(self, mention: ast.Name | ast.Attribute) -> bool:
        """Tell whether a use of a name or an attribute may leave something that holds its tensor."""
        node: ast.AST = mention
        listed = False
        while True:
            parent = self.names.parent.get(node)
            if isinstance(parent, ast.Attribute):
                kind = self.inference.kind(parent)
                outer = self.names.parent.get(parent)
                if isinstance(outer, ast.Call) and outer.func is parent:
                    if self.changed_by(outer) is not None or self._sets(outer):
                        node = outer  # what it returns is the tensor itself
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
                listed = listed or isinstance(parent, (ast.List, ast.Tuple))
                node = parent
            elif isinstance(parent, ast.Call):
                looked_at = isinstance(parent.func, ast.Name) and parent.func.id in _LOOKING
                if looked_at or self._operator(parent) == "function" or self._is_fresh_use(parent):
                    return False
                if not self._handed_on(parent):
                    return True
                node = parent
            elif isinstance(parent, ast.Assign):
                return not (isinstance(mention, ast.Name) and self._is_assignment(parent, mention.id))
            elif listed and isinstance(parent, (ast.BinOp, ast.AugAssign)):
                return True  # all += [x]
            else:
                return not isinstance(parent, _CONSUMERS)


def _makes_new(bindings: Sequence[Binding]) -> str | None:
    """Give the kind of an API that gives a new tensor, in each of its forms, else None."""
    for binding in bindings:
        operator = binding.operator
        if any(s.name == "inplace" for s in operator.slots) or not operator.fresh:
            return None
    return bindings[0].operator.kind if bindings else None
