"""Parameters and attributes of layers, which have other names and layouts in the target."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convmap.errors import Refusal
from convmap.model import Binding, Operator
from convmap.rewrite.base import Use
from convmap.rewrite.callees import Callees
from convmap.rewrite.edits import reference
from convmap.source.filling import is_one_of_parameters
from convmap.source.inference import mark

_SHAPES = {"shape_of", "rank_of", "size_of"}
_TRAINING = {"requires_grad_of", "set_requires_grad"}


class Parameters(Callees):
    """Renames parameters where their layer is known."""

    def _own_attribute(self, node: ast.Attribute) -> None:
        """Look at ``self.stride`` in a class that derives from a layer: the target's layer may have none."""
        if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            return
        owner = self.inference.class_around(node.value)
        if not isinstance(owner, ast.ClassDef):
            return
        if (owner, node.attr) in self.inference.attributes or self._definition(owner, node.attr):
            return
        called = self.names.parent.get(node)
        if isinstance(called, ast.Call) and called.func is node:
            self._internal(node, owner)
            return
        for api in self._layer_bases(node):
            for binding in self.source.by_api[api]:
                if node.attr not in {p.name for p in binding.params} - {w.name for w in binding.weights}:
                    continue
                name = self._attribute_there(binding, node.attr)
                if name is not None and name != node.attr and isinstance(node.ctx, ast.Load):
                    end = self.document.span(node)[1]
                    self.edits.replace((end - len(node.attr.encode()), end), name)
                elif name != node.attr:
                    reason = f"the attribute .{node.attr} of {api} is not in the rules"
                    advice = "keep it under a name of your own in __init__"
                    self._refuse(node, f"{api}.{node.attr}", Refusal("CM102", reason, advice))
                return
        self._internal(node, owner)

    def _attribute_there(self, binding: Binding, name: str) -> str | None:
        """Name the target's attribute of equal value; rules say both by the name that torch has."""
        other = self._same_signature(binding)
        if binding.attributes:
            name = {own: theirs for theirs, own in binding.attributes}.get(name, "")
        return dict(other.attributes).get(name) if other is not None else None

    def _internal(self, node: ast.Attribute, owner: ast.ClassDef) -> None:
        """Report what a class reads of the layer that it derives from and no rule is about: its inner parts."""
        apis, module = self._layer_bases(node), self.source.module_class
        if not apis or len(apis) != len(owner.bases) or not isinstance(node.ctx, ast.Load):
            return
        weights = {w.name for api in apis for b in self.source.by_api[api] for w in b.weights}
        known = node.attr in self.source.module_methods or f"{module}.{node.attr}" in self.source.by_api
        if (
            known
            or node.attr in weights
            or node.attr.startswith("__")
            or self._is_same(f"{module}.{node.attr}")
        ):
            return
        in_class = {a.id for n in owner.body for a in ast.walk(n) if isinstance(a, ast.Name)}
        if node.attr not in in_class:
            reason = (
                f"self.{node.attr} is not set in the class, and no rule is about .{node.attr} of {apis[0]}"
            )
            self._refuse(
                node, f"{apis[0]}.{node.attr}", Refusal("CM102", reason, "write out what the layer does")
            )

    def _setting(self, node: ast.Attribute, assignment: ast.AST | None = None) -> None:
        """Rename what a layer keeps of its arguments, where its class is known; refuse to guess or to set it."""
        if getattr(node.value, "id", "") == "self":
            return
        rows = [b for api in self._layer_apis(node.value) for b in self.source.by_api.get(api, ())]
        rows = [b for b in rows if b.operator.kind == "layer" and self._is_setting(b, node.attr)]
        if not rows:
            if not isinstance(node.ctx, ast.Load):
                self._doubt_setting(node, node.value, node.attr, assignment)
            return
        api = rows[0].api
        if not isinstance(node.ctx, ast.Load):
            if self._set_by_shim(node, assignment):
                return
            reason = f"{node.attr} is set on a {api} that is made, which the target's may take otherwise"
            self._refuse(
                node, f"{api}.{node.attr}", Refusal("CM102", reason, "pass it when the layer is made")
            )
            return
        names: set[str | None] = set()
        for row in rows:
            measured = {own: canonical for canonical, own in row.attributes}
            named = measured.get(node.attr, node.attr if self.source.keeps_arguments else "")
            chosen = self.layer_targets.get(row.api, [])
            for other in self.target.for_operator(row.operator, row.dims):
                if not chosen or (other.shim or other.api) in chosen:
                    keeps = self.target.keeps_arguments and named in {p.name for p in other.params}
                    names.add(named if keeps else dict(other.attributes).get(named))
        name = names.pop() if len(names) == 1 else None
        if name is None:
            reason = f"the attribute .{node.attr} of {api} is not in the rules"
            advice = "keep it under a name of your own in __init__"
            self._refuse(node, f"{api}.{node.attr}", Refusal("CM102", reason, advice))
        elif name != node.attr:
            end = self.document.span(node)[1]
            self.edits.replace((end - len(node.attr.encode()), end), name)

    def _named_setting(self, call: ast.Call) -> None:
        """Look at ``setattr(m, "momentum", 0.03)``, which sets what m.momentum does."""
        if getattr(call.func, "id", "") != "setattr" or len(call.args) != 3 or self.mixed:
            return
        name = self.inference.known(call.args[1])
        if isinstance(name, str) and getattr(call.args[0], "id", "") != "self":
            self._doubt_setting(call, call.args[0], name, call)

    def _set_by_shim(self, node: ast.expr, statement: ast.AST | None) -> bool:
        """Write ``m.eps = 1e-3``, or setattr, by the shim that gives a layer a setting when it runs."""
        shim = self.target.asks("set")
        if isinstance(node, ast.Attribute) and isinstance(statement, ast.Assign):
            whose, name, value = node.value, node.attr, statement.value
            if statement.targets != [node]:
                return False
        elif isinstance(node, ast.Call):
            whose, name, value = node.args[0], self.inference.known(node.args[1]), node.args[2]
        else:
            return False
        # The shim takes what layers mean that keep their arguments by name; MegEngine's momentum is the complement.
        if shim is None or not self.source.keeps_arguments or statement is None:
            return False
        if name not in self.target.settable:
            return False
        given = ", ".join((mark(self.document.span(whose)), repr(name), mark(self.document.span(value))))
        self.edits.replace(self.document.span(statement), f"{reference(shim)}({given})")
        if shim not in self.shims:
            self.shims.append(shim)
        api = f"{self.source.module_class}.{name}"
        self.port.uses.append(Use(node.lineno, api, shim, "shim"))
        return True

    def _doubt_setting(self, node: ast.expr, whose: ast.expr, name: str, statement: ast.AST | None) -> None:
        """Report a setting of what may be a layer of the source, of a class that is not known here."""
        if name not in self.source.settings or self.inference.object_kind(whose) not in ("module", "unknown"):
            return
        made: list[ast.AST | None] = [*self.inference.made_as(whose)]
        if isinstance(whose, ast.Name):
            scope = self.names.scope_of[whose].find(whose.id)
            bound = scope.bound[whose.id] if scope is not None else []
            made = [getattr(self.names.parent.get(by), "value", None) for by in bound]
        if made and all(isinstance(m, ast.Call) and self._is_written_here(m) for m in made):
            return
        if self._set_by_shim(node, statement):
            return
        reason = f"{name} is set on what may be a layer that is made, which {self.target.name}'s may take otherwise"
        self._say("CM102", "warning", node, reason, "pass it when the layer is made")

    @staticmethod
    def _is_setting(binding: Binding, name: str) -> bool:
        own = {own for _, own in binding.attributes} | {p.name for p in binding.params}
        return name in own - {w.name for w in binding.weights}

    def _weight(self, node: ast.Attribute) -> None:
        """Rename a layer's parameter; ask for it when the file runs where several classes are possible."""
        found = [
            (api, binding)
            for api in self._layer_apis(node.value)
            for binding in self.source.by_api.get(api, ())
            if any(w.name == node.attr for w in binding.weights)
        ]
        loads = isinstance(node.ctx, ast.Load)
        if not found:
            if loads and node.attr in self.source.weight_names and self._is_a_layers(node):
                if node.attr in self.target.renamed(self.source):
                    self._ask_for(node)
                self._doubt_layout(node)
            return
        api = found[0][0]
        own = getattr(node.value, "id", "") == "self"
        names, layouts = self._written_as({binding.api: binding for _, binding in found}, node.attr, own)
        asked = loads and self.target.asks("get") is not None
        open_ = _is_none_test(self.names.parent, node) or self._may_be_frozen(node)
        if asked and names - {node.attr} and (len(names) > 1 or open_):
            # One that has no weight to train has one all the same in some targets, where one that is frozen
            # looks the same unless it was asked for before.
            names = {node.attr}
            if layouts == {""} or self._in_initialiser(node):
                self._ask_for(node)
                return
        if len(names) != 1:
            reason = f"the parameter {node.attr} has {len(names)} possible names in {self.target.name}"
            self._refuse(node, f"{api}.{node.attr}", Refusal("CM201", reason))
            return
        layouts.discard("")
        if layouts and not self._in_initialiser(node):
            reason = f"{node.attr} has another layout in {self.target.name} ({min(layouts)})"
            self._refuse(node, f"{api}.{node.attr}", Refusal("CM201", reason))
            return
        name = names.pop()
        if name != node.attr:
            end = self.document.span(node)[1]
            self.edits.replace((end - len(node.attr.encode()), end), name)

    def _may_be_frozen(self, node: ast.Attribute) -> bool:
        """Tell whether a parameter is set, or asked, whether it is trained: at once, or under another name."""
        parent = self.names.parent.get(node)
        if isinstance(parent, ast.Attribute):
            return self._is_about_training(parent)
        return not self._in_initialiser(node) and any(map(self._is_about_training, self.names.parent))

    def _is_about_training(self, node: ast.AST) -> bool:
        api = f"{self.source.tensor_class}.{getattr(node, 'attr', '')}"
        return any(b.operator.name in _TRAINING for b in self.source.by_api.get(api, ()))

    def _set_weight(self, node: ast.Attribute, value: ast.expr | None) -> None:
        """Rename a parameter that a layer is given; refuse what its target's layer would not take or not use."""
        whose = node.value
        if getattr(whose, "id", "") == "self" or node.attr not in self.source.weight_names:
            return
        found = self._layer_apis(whose)
        rows = [b for api in found for b in self.source.by_api.get(api, ())]
        if any(w.name == node.attr for b in rows for w in b.weights):
            if isinstance(value, ast.Constant) and value.value is None:
                reason = f"{node.attr} of a {found[0]} that is made is set to None, and {self.target.name}'s may read it"
                advice = "make the layer without it"
                self._refuse(node, f"{found[0]}.{node.attr}", Refusal("CM102", reason, advice))
            elif self.target.asks("get") is not None and self._is_made_frozen(value):
                reason = f"a {node.attr} that is not trained from the first is taken for none in {self.target.name}"
                advice = f"set {ast.unparse(node)}.requires_grad behind it"
                self._refuse(node, f"{found[0]}.{node.attr}", Refusal("CM102", reason, advice))
            else:
                self._weight(node)
        elif self._may_be_a_layers(node, value):
            layouts = any(t.partition(": ")[2].startswith(f"{node.attr}: ") for t in self.layouts)
            if node.attr in self.target.renamed(self.source) or layouts:
                reason = f"{ast.unparse(node)} of a layer of unknown class may have another name or layout in {self.target.name}"
                advice = "make the layer where its class can be read"
                self._refuse(
                    node, f"{self.source.module_class}.{node.attr}", Refusal("CM201", reason, advice)
                )

    def _is_made_frozen(self, value: ast.expr | None) -> bool:
        """Tell whether a parameter is made that is not, or may not be, trained."""
        if not isinstance(value, ast.Call):
            return False
        rows = self.source.by_api.get(self._api_of(value)[0] or "", ())
        if not any(b.operator.kind == "parameter" for b in rows):
            return False
        said = [*value.args[1:], *(k.value for k in value.keywords if k.arg != rows[0].params[0].name)]
        return any(self.inference.known(each) is not True for each in said)

    def _may_be_a_layers(self, node: ast.Attribute, value: ast.expr | None) -> bool:
        """Tell whether ``x.weight = value`` may give a layer its parameter: by x, or by what it is given."""
        kind = self.inference.object_kind(node.value)
        if kind == "module":
            return self._is_a_layers(node)
        named = isinstance(value, ast.Attribute) and value.attr in self.source.weight_names
        tensor = value is not None and self.inference.kind(value) == "tensor"
        return kind == "unknown" and not self.mixed and (named or tensor)

    def _refuse_of_computed(self, operator: Operator, receiver: ast.expr) -> None:
        """Raise Refusal where what only parameters have is asked of another tensor."""
        asked = operator.name in _TRAINING
        if not asked or is_one_of_parameters(self.inference, receiver):
            return
        named = isinstance(receiver, ast.Attribute) and receiver.attr in self.source.weight_names
        if not (named and self.inference.object_kind(receiver.value) == "module"):  # type: ignore[attr-defined]
            reason = f"in {self.target.name} only parameters say whether they are trained"
            raise Refusal("CM202", reason, "say or ask it of the parameter itself")

    def _refuse_shape(self, operator: Operator, node: ast.expr, receiver: ast.expr | None) -> None:
        """Raise Refusal where the shape of one of ``module.parameters()`` is asked for, and differs."""
        if operator.name not in _SHAPES or receiver is None or not self.layouts:
            return
        if not is_one_of_parameters(self.inference, receiver):
            return
        vectors = [text for text in self.layouts if len(text.split(": ")[2].split(" -> ")[0]) == 1]
        around = self.names.parent.get(node)
        counted = isinstance(around, ast.Call) and getattr(around.func, "id", "") == "len"
        rank = around if counted and operator.name != "rank_of" else node
        ranked = counted or operator.name == "rank_of"
        if ranked and not vectors and isinstance(rank, ast.expr) and self._separates_vectors(rank):
            return
        example = (vectors or self.layouts)[0]
        reason = f"parameters have other shapes in {self.target.name} (as {example})"
        raise Refusal("CM201", reason, "tell layers apart by isinstance, or parameters by their names")

    def _separates_vectors(self, rank: ast.expr) -> bool:
        """``p.dim() > 1`` and the like: whether there is more than one axis."""
        test = self.names.parent.get(rank)
        if not (isinstance(test, ast.Compare) and test.left is rank and len(test.ops) == 1):
            return False
        op, number = test.ops[0], self.inference.known(test.comparators[0])
        at_one = isinstance(op, (ast.Gt, ast.LtE, ast.Eq, ast.NotEq)) and number == 1
        return at_one or (isinstance(op, (ast.GtE, ast.Lt)) and number == 2)

    def _doubt_layout(self, node: ast.Attribute) -> None:
        """Say that a parameter of a layer whose class is open may be laid out in another way."""
        own = [text for text in self.layouts if text.partition(": ")[2].startswith(f"{node.attr}: ")]
        if own and not self._in_initialiser(node) and not self._is_given_plain(node):
            reason = f"{ast.unparse(node)} may have another layout in {self.target.name} (as {own[0]})"
            self._say("CM201", "warning", node, reason, "make the layer where its class can be read")

    def _written_as(
        self, bindings: dict[str, Binding], attribute: str, derived: bool = False
    ) -> tuple[set[str], set[str]]:
        """Give the names and the layouts that a parameter of one of some layers may have in the target.

        ``derived``: the layer is what a class derives from, which has the source's signature.
        """
        names, layouts = set(), set()
        for binding in bindings.values():
            mine = next(w for w in binding.weights if w.name == attribute)
            chosen = self.layer_targets.get(binding.api, [])
            base = self._same_signature(binding) if derived else None
            if base is not None:
                chosen = [base.shim or base.api]
            for other in self.target.for_operator(binding.operator, binding.dims):
                if chosen and (other.shim or other.api) not in chosen:
                    continue
                for weight in other.weights:
                    if weight.canonical == mine.canonical:
                        names.add(weight.name)
                        same = weight.layout == mine.layout
                        layouts.add("" if same else weight.layout or f"from {mine.layout}")
        return names, layouts

    def _is_a_layers(self, node: ast.Attribute) -> bool:
        """Tell whether ``x.weight`` may be of a layer of the source whose class only the run tells."""
        whose = node.value
        if getattr(whose, "id", "") == "self" or self.mixed:
            return False
        if self.inference.object_kind(whose) != "module":
            return self._in_initialiser(node, False)
        made: list[ast.expr] = []
        if isinstance(whose, ast.Attribute) and getattr(whose.value, "id", "") == "self":
            owner = self.inference.enclosing(node, ast.ClassDef)
            made = self.inference.attribute_values(owner, whose.attr)
        return not made or not all(isinstance(m, ast.Call) and self._is_written_here(m) for m in made)

    def _is_written_here(self, made: ast.Call) -> bool:
        """Tell whether a call makes a module of a class of the project, whose parameters keep their names."""
        if getattr(made.func, "id", "") in self.inference.classes:
            return True
        others, qualified = self.inference.others, self.names.qualified(made.func)
        return others is not None and qualified is not None and others.fact(qualified) is not None

    def _ask_for(self, node: ast.Attribute) -> None:
        shim = self.target.asks("get")
        if shim is None:
            return
        text = f"{reference(shim)}({mark(self.document.span(node.value))}, {node.attr!r})"
        self._write(node, text)
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, f"{self.source.module_class}.{node.attr}", shim, "shim"))

    def _in_initialiser(self, node: ast.AST, or_tested: bool = True) -> bool:
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            if isinstance(at, ast.Compare) and any(isinstance(o, (ast.Is, ast.IsNot)) for o in at.ops):
                return or_tested
            if isinstance(at, ast.Attribute) and at is not node:
                asked = self.source.by_api.get(f"{self.source.tensor_class}.{at.attr}", ())
                if any(b.operator.name in _SHAPES for b in asked):
                    return False  # 1 / m.weight.shape[1] is of the layout, whatever it is for
            if isinstance(at, ast.Call):
                api = self._api_of(at)[0] or ""
                return any(b.operator.kind == "init" for b in self.source.by_api.get(api, ()))
            at = self.names.parent.get(at)
        return or_tested and isinstance(at, (ast.If, ast.While))

    def _is_given_plain(self, node: ast.Attribute) -> bool:
        """Tell whether a function reads the weight of what it is given, and every call gives it a layer laid out as here."""
        whose = node.value
        scope = self.names.scope_of[whose].find(whose.id) if isinstance(whose, ast.Name) else None
        bound = scope.bound[whose.id] if scope is not None else []  # type: ignore[attr-defined]
        if len(bound) != 1 or not isinstance(bound[0], ast.arg):
            return False
        given = self.inference.passed(bound[0])
        for layer in given:
            rows = [b for api in self._layer_apis(layer) for b in self.source.by_api.get(api, ())]
            rows = [b for b in rows if any(w.name == node.attr for w in b.weights)]
            if not rows or self._written_as({b.api: b for b in rows}, node.attr)[1] != {""}:
                return False
        return bool(given)

    def _layer_apis(self, node: ast.expr) -> list[str]:
        """Name the layer classes an expression may be: by isinstance around it, or by assignment."""
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            values = self.inference.made_as(node)
            found = [self.names.qualified(v.func) for v in values if isinstance(v, ast.Call)]
            return [f for f in found if f]
        if not isinstance(node, ast.Name):
            return []
        if node.id == "self":
            return self._layer_bases(node)
        return self.inference.tests.classes(node)

    def _layer_bases(self, node: ast.AST) -> list[str]:
        """Name the layers of the source that the class around a node derives from."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        if not isinstance(owner, ast.ClassDef):
            return []
        found = [self.names.qualified(base) for base in owner.bases]
        return [
            f for f in found if f and any(b.operator.kind == "layer" for b in self.source.by_api.get(f, ()))
        ]


def _is_none_test(parent: Mapping[ast.AST, ast.AST], node: ast.AST) -> bool:
    """Tell whether an expression is compared with None, or taken for true or false."""
    at = parent.get(node)
    if isinstance(at, ast.Compare):
        return any(isinstance(o, (ast.Is, ast.IsNot)) for o in at.ops)
    return isinstance(at, (ast.If, ast.IfExp, ast.While, ast.BoolOp)) or (
        isinstance(at, ast.UnaryOp) and isinstance(at.op, ast.Not)
    )
