"""Changes in place: dropped where nothing else can see them, said everywhere else."""

from __future__ import annotations

import ast
import functools

from convmap.errors import Refusal
from convmap.model import AXES, LAYER, Binding, OpCall, Plan, Value, constant
from convmap.rewrite.base import INPLACE, Use
from convmap.rewrite.edits import reference
from convmap.rewrite.parameters import Parameters
from convmap.source.filling import detached, filled
from convmap.source.inference import mark
from convmap.source.names import FUNCTIONS
from convmap.translate import Lifted

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Changes(Parameters):
    """Looks at in-place arguments, assignments to parts of tensors, and slices."""

    def _change(self, statement: ast.AugAssign | ast.Assign) -> None:
        """Look at ``x += y`` and ``x[i] = y``: the frameworks differ in who else sees the change."""
        if isinstance(statement, ast.AugAssign):
            if self._computes_values(statement) or self._adds_to_buffer(statement):
                return
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            holder = target
            while isinstance(holder, ast.Subscript):
                holder = holder.value
            if isinstance(target, ast.Subscript) and isinstance(holder, ast.Attribute):
                if self._part_of_parameter(holder):
                    continue
            kind = self.inference.object_kind(holder)
            if kind != "tensor" and not (kind == "unknown" and self._computes(statement)):
                continue
            if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Mod):
                if dict(self.source.operators).get("%") != dict(self.target.operators).get("%"):
                    message = f"% of tensors means another thing in {self.target.name}"
                    api = f"{self.source.tensor_class} %="
                    self._refuse(target, api, Refusal("CM202", message, "write it as x = x % y"))
                    continue
            if isinstance(target, ast.Subscript) and self.target.mask_assignment:
                if not self._is_basic(target.slice):
                    message = f"{self.target.mask_assignment}, and this one may be a mask"
                    api = f"{self.source.tensor_class}.__setitem__"
                    self._refuse(target, api, Refusal("CM211", message, "write it with where() and the mask"))
                    continue
            if not self._is_own(holder, statement):
                message = (
                    f"{ast.unparse(holder)} is changed in place, and what else sees that differs"
                    f" in {self.target.name}"
                )
                self._say("CM210", "warning", target, message, "write it without the change: x = x + y")

    def _is_own(self, holder: ast.expr, statement: ast.stmt) -> bool:
        if isinstance(holder, ast.Attribute):
            return self.aliasing.is_private_attribute(holder, statement)
        return isinstance(holder, ast.Name) and self.aliasing.is_private(holder, statement)

    def _part_of_parameter(self, holder: ast.Attribute) -> bool:
        """Write ``self.fc.bias.data[0] = 2`` where the target takes no change of a parameter itself."""
        if self.source.parts_of_parameters or not self.target.parts_of_parameters or self.mixed:
            return False
        layers = [b for api in self._layer_apis(holder.value) for b in self.source.by_api.get(api, ())]
        own = getattr(holder.value, "id", "") == "self" and self.inference.enclosing(holder, ast.ClassDef)
        made = self.inference.attributes.get((own, holder.attr), []) if isinstance(own, ast.ClassDef) else []
        if any(w.name == holder.attr for b in layers for w in b.weights) or any(
            map(self._is_parameter, made)
        ):
            end = self.document.span(holder)[1]
            name = (end - len(holder.attr.encode()), end)
            text = self.edits.by_span.get(name, holder.attr) + self.target.parts_of_parameters
            self.edits.replace(name, text)
            return True
        return False

    def _is_parameter(self, value: ast.expr) -> bool:
        api = self.names.qualified(value.func) if isinstance(value, ast.Call) else None
        return any(b.operator.kind == "parameter" for b in self.source.by_api.get(api or "", ()))

    def _own_part(self, call: ast.Call) -> str | None:
        """Give ``x[i]`` of the statement ``x[i].mul_(2)`` where nothing else holds x: it can be assigned to."""
        part, statement = call.func.value, self.names.parent.get(call)  # type: ignore[attr-defined]
        if isinstance(part, ast.Attribute):  # x[i].data.zero_()
            api = f"{self.source.tensor_class}.{part.attr}"
            data = any(b.operator.kind == "data" for b in self.source.by_api.get(api, ()))
            part = part.value if data else part
        if not (isinstance(part, ast.Subscript) and isinstance(statement, ast.Expr)):
            return None
        indices = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
        stepped = any(isinstance(i, ast.Slice) and i.step is not None for i in indices)
        added = any(isinstance(i, ast.Constant) and i.value is None for i in indices)
        if stepped or added or not self._is_basic(part.slice) or not self.inference.pure(part):
            return None
        whole = part.value
        if isinstance(whole, ast.Attribute) and self._is_plain_parameter(whole, statement):
            return mark(self.document.span(part))
        if not isinstance(whole, ast.Name) or self.inference.object_kind(whole) != "tensor":
            return None
        return mark(self.document.span(part)) if self.aliasing.is_private(whole, statement) else None

    def _is_plain_parameter(self, node: ast.Attribute, statement: ast.stmt) -> bool:
        """Tell whether ``self.fc.bias`` is filled outside of forward, and laid out in the target as here."""
        function = self.inference.enclosing(statement, FUNCTIONS)
        if getattr(function, "name", self.source.forward) == self.source.forward:
            return False
        layers = [b for api in self._layer_apis(node.value) for b in self.source.by_api.get(api, ())]
        layers = [b for b in layers if any(w.name == node.attr for w in b.weights)]
        own = getattr(node.value, "id", "") == "self"
        names, layouts = self._written_as({b.api: b for b in layers}, node.attr, own)
        return len(names) == 1 and layouts == {""}

    def _sets_part(self, call: ast.Call, api: str) -> bool:
        """Write ``x[i].fill_(v)`` as ``x[i] = v`` where nothing else holds x."""
        if not api.endswith("_") or self.mixed:
            return False
        value = dict(self.source.assigning).get(api)
        part = self._own_part(call) if value is not None else None
        if part is None or call.keywords or len(call.args) > 1:
            return False
        if self.document.span(self.names.parent[call]) != self.document.span(call):
            return False  # in parentheses
        if isinstance(call.args[0] if call.args else None, ast.Starred):
            return False
        text = mark(self.document.span(call.args[0])) if call.args else value
        self.edits.replace(self.document.span(call), f"{part} = {text}")
        self.port.uses.append(Use(call.lineno, api, "", "exact"))
        return True

    def _moved(self, call: ast.Call) -> tuple[ast.expr, ast.Call] | None:
        """Give p and the last call of a statement ``p.data.mul_(a).add_(b)``, which gives a parameter values."""
        root, last = self.aliasing.row_of(call)
        whole = detached(self.inference, root)
        if whole is None and self._is_unrecorded(call):
            whole = root
        if whole is None or not isinstance(self.names.parent.get(last), ast.Expr) or self._copied is None:
            return None
        if not self.inference.pure(whole) or filled(self.inference, self.aliasing, whole) != "parameter":
            return None
        return None if self._is_kept(whole, last) or self._loses_gradient(whole) else (whole, last)

    def _is_kept(self, whole: ast.expr, last: ast.Call) -> bool:
        """Tell whether the function holds a view of what a statement changes, or a row of changes reads it."""
        text = ast.unparse(whole)
        later = last  # all calls of the row but the first read what the ones before have made
        while isinstance(before := self.aliasing.changed_by(later), ast.Call) and self.aliasing.changed_by(
            before
        ):
            given = [*later.args, *(k.value for k in later.keywords)]
            if any(ast.unparse(n) == text for a in given for n in ast.walk(a) if isinstance(n, type(whole))):
                return True
            later = before
        return self._is_held(whole, last)

    def _is_held(self, whole: ast.expr, at: ast.AST) -> bool:
        """Tell whether the function around a node binds a view of a tensor to a name."""
        text = ast.unparse(whole)
        function = self.inference.enclosing(at, FUNCTIONS)
        for node in ast.walk(function) if function is not None else ():
            if not isinstance(node, (ast.Assign, ast.NamedExpr)):
                continue
            held: ast.expr = node.value
            while not (is_whole := type(held) is type(whole) and ast.unparse(held) == text):
                if not isinstance(held, (ast.Attribute, ast.Subscript, ast.Call)):
                    break
                if isinstance(held, ast.Call) and self.aliasing.gives_new(held):
                    break
                held = held.func if isinstance(held, ast.Call) else held.value
            if is_whole:
                return True
        return False

    def _computes_values(self, statement: ast.AugAssign) -> bool:
        """Write ``p.data *= m``, or ``p *= m`` within no_grad, as giving a parameter its new values."""
        target = statement.target
        whole = detached(self.inference, target)
        if whole is None and self._is_unrecorded(target) and self.inference.kind(target) == "tensor":
            whole = target if isinstance(target, (ast.Name, ast.Attribute)) else None
        sign = _SIGNS.get(type(statement.op))
        if whole is None or sign is None or self._copied is None or self.mixed:
            return False
        if not self.inference.pure(whole) or filled(self.inference, self.aliasing, whole) != "parameter":
            return False
        if self._is_held(whole, statement) or self._loses_gradient(whole):
            return False
        name = reference(self._copied.shim or self._copied.api)
        parameter, value = mark(self.document.span(whole)), mark(self.document.span(statement.value))
        text = f"{name}({parameter}, {parameter} {sign} ({value}))"
        self.edits.replace(self.document.span(statement), text)
        self._note_use(statement, f"{self.source.tensor_class} {sign}=", Plan(self._copied, (), "shim"))
        return True

    def _adds_to_buffer(self, statement: ast.AugAssign) -> bool:
        """Tell whether ``self.steps += 1`` is of a buffer that nothing else holds; write it as the target takes it."""
        target, sign = statement.target, _SIGNS.get(type(statement.op))
        if sign is None or self.mixed or not self._is_buffer(target):
            return False
        owner = self.inference.enclosing(statement, ast.ClassDef)
        methods = self.inference.methods(owner).values() if isinstance(owner, ast.ClassDef) else ()
        if any(self._is_held(target, method.body[0]) for method in methods):
            return False
        if self.target.buffer_assignment and not self.source.buffer_assignment:
            own, value = mark(self.document.span(target)), mark(self.document.span(statement.value))
            self._give_buffer(statement, target, f"{own} {sign} ({value})")
        return True

    def _is_buffer(self, target: ast.expr) -> bool:
        """Tell whether ``self.mean`` is registered as a buffer, by its class or those of the file it derives from."""
        if not (isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"):
            return False
        owner = self.inference.enclosing(target, ast.ClassDef)
        seen: list[ast.AST] = []
        while isinstance(owner, ast.ClassDef) and owner not in seen:
            if (owner, target.attr) in self.inference.buffers:
                return True
            seen.append(owner)
            names = [getattr(base, "id", "") for base in owner.bases]
            owner = next((self.inference.classes[n] for n in names if n in self.inference.classes), None)
        return False

    def _give_buffer(self, statement: ast.stmt, target: ast.expr, value: str) -> None:
        """Write a statement as a call that gives a buffer another tensor."""
        method, name = self.target.buffer_assignment, target.attr  # type: ignore[attr-defined]
        self.edits.replace(self.document.span(statement), f"self.{method}({name!r}, {value})")
        api = f"{self.source.module_class}.__setattr__"
        self.port.uses.append(Use(statement.lineno, api, method, "exact"))

    @functools.cached_property
    def _copied(self) -> Binding | None:
        """What gives a parameter of the target the values of a tensor."""
        return next((b for b in self.target.bindings if b.operator.name == "copied"), None)

    def _is_unrecorded(self, node: ast.AST) -> bool:
        """Tell whether a node runs where no gradient is: in ``with torch.no_grad():``, or so decorated."""
        at: ast.AST | None = node
        while at is not None and not isinstance(at, (ast.ClassDef, ast.Lambda)):
            found = [i.context_expr for i in at.items] if isinstance(at, ast.With) else []
            found += at.decorator_list if isinstance(at, FUNCTIONS) else []
            for way in found:
                api = self.names.qualified(way.func if isinstance(way, ast.Call) else way)
                if any(b.operator.name == "no_grad" for b in self.source.by_api.get(api or "", ())):
                    return True
            at = None if isinstance(at, FUNCTIONS) else self.names.parent.get(at)
        return False

    def _give_values(self, call: ast.Call, parameter: ast.expr) -> None:
        """Write the value of a statement's call into a parameter."""
        binding, span = self._copied, self.document.span(call)
        assert binding is not None
        name = reference(binding.shim or binding.api)
        self.edits.replace(span, f"{name}({mark(self.document.span(parameter))}, {self.edits.by_span[span]})")
        if binding.shim and binding.shim not in self.shims:
            self.shims.append(binding.shim)

    def _fills(self, node: ast.expr) -> None:
        """Look at what an initialiser fills; raise Refusal where the target would fill a copy."""
        what = filled(self.inference, self.aliasing, node)
        if self._loses_gradient(node):
            reason = f"{ast.unparse(node)} gets values where forward runs, and {self.target.name} loses its gradient"
            raise Refusal("CM202", reason, "give it its values before, from outside")
        if what == "view":
            reason = (
                f"{ast.unparse(node)} is a view, and in {self.target.name} a copy: the parameter would stay"
            )
            raise Refusal("CM210", reason, "fill the parameter itself")
        if what == "new":
            reason = f"{ast.unparse(node)} is a new tensor, and {self.target.name} fills parameters"
            raise Refusal("CM202", reason, "make it a parameter, and fill that")

    def _loses_gradient(self, node: ast.expr) -> bool:
        """Tell whether a parameter is given values while forward runs, in a target where it then has no gradient."""
        while (inner := detached(self.inference, node)) is not None:
            node = inner
        if not self.target.filling_drops_gradient or not isinstance(node, ast.Attribute):
            return False
        made = self.inference.made_as(node)
        layers = [b for api in self._layer_apis(node.value) for b in self.source.by_api.get(api, ())]
        trained = any(map(self._is_parameter, made)) or any(
            w.name == node.attr for b in layers for w in b.weights
        )
        return trained and self.inference.runs_in_forward(node)

    def _updates(self, lifted: Lifted, slot: str, flag: str, nodes: list[ast.expr | ast.keyword]) -> None:
        """Look at a tensor that a function gives new values; raise Refusal where the target's may be another."""
        params = [p for m in lifted.binding.maps if slot in m.slots for _, p in m.roles] or [slot]
        places = lifted.given.get(params[0], ())
        told = dict(lifted.call.slots).get(flag)
        if not places or (isinstance(told, Value) and told.known is False):
            return
        given = nodes[places[0]]
        node = given.value if isinstance(given, ast.keyword) else given
        while isinstance(node, ast.IfExp) and isinstance(node.orelse, ast.Constant):
            node = node.body  # self.mean if self.training else None
        if isinstance(node, ast.Constant):
            return
        if filled(self.inference, self.aliasing, node, by_name=True) == "view":
            reason = f"{ast.unparse(node)} gets new values, and may be a view here and a copy in {self.target.name}"
            raise Refusal("CM210", reason, "give it the buffer itself")

    def _with_axes(self, lifted: Lifted, filled: ast.expr) -> Lifted:
        """Say how many spatial axes the layer of a weight has, or which it is, where an initialiser asks."""
        call = lifted.call
        if any(slot.name == LAYER for slot in call.operator.slots):
            return self._with_layer(lifted, filled)
        targets = self.target.for_operator(call.operator, call.dims)
        asked = any(AXES in m.slots for b in targets for m in b.maps)
        axes = self.inference.spatial_axes(filled.value) if isinstance(filled, ast.Attribute) else None
        if not asked or axes is None:
            return lifted
        slots = {**dict(call.slots), AXES: constant(axes)}
        return lifted._replace(call=OpCall(call.operator, call.dims, tuple(slots.items())))

    def _with_layer(self, lifted: Lifted, filled: ast.expr) -> Lifted:
        """Name the layer of a weight; raise Refusal where it is a parameter whose layer can't be read."""
        if isinstance(filled, ast.Attribute) and getattr(filled.value, "id", "") == "self":
            owner = self.inference.enclosing(filled, ast.ClassDef)
            if self.inference.attribute_values(owner, filled.attr):
                return lifted  # a parameter of the class's own has one shape everywhere
        named = isinstance(filled, ast.Attribute) and filled.attr in self.source.weight_names
        if not named or not self.inference.pure(filled):
            reason = (
                f"the groups of {ast.unparse(filled)} can't be read, and {self.source.name} counts by them"
            )
            raise Refusal("CM201", reason, "give the initialiser the layer's own attribute")
        layer = self.inference.value(filled.value)  # type: ignore[attr-defined]
        slots = {**dict(lifted.call.slots), LAYER: layer}
        return lifted._replace(call=OpCall(lifted.call.operator, lifted.call.dims, tuple(slots.items())))

    def _slice(self, node: ast.Subscript) -> None:
        """Port x[:, ::2] through a shim where the target's own has no right gradient."""
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        steps = [p.step for p in parts if isinstance(p, ast.Slice) and p.step is not None]
        outer = self.names.parent.get(node)
        plain = all(self.inference.known(s) == 1 for s in steps)
        if self.mixed or plain or self.inference.kind(node.value) != "tensor":
            return
        api = f"{self.source.tensor_class}.__getitem__"
        if isinstance(outer, ast.AugAssign) and outer.target is node:
            reason = f"the gradient of a slice with a step is not right in {self.target.name}"
            self._refuse(node, api, Refusal("CM202", reason, "write it as x[i] = x[i] + y"))
            return
        if not isinstance(node.ctx, ast.Load):
            return
        if not self._is_basic(node.slice):
            reason = "a slice with a step beside an index that may be a tensor"
            self._refuse(node, api, Refusal("CM202", reason, "index in two steps"))
            return
        span, shim = self.document.span(node.value), self.target.stepped_slice
        inner = self.edits.by_span.get(span, mark(span))
        self.edits.replace(span, f"{reference(shim)}({inner})")
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, api, shim, "shim"))

    def _computes(self, statement: ast.AugAssign | ast.Assign) -> bool:
        """Tell whether a change of something unknown may well be one of a tensor: in a forward method."""
        if not isinstance(statement, ast.AugAssign) or not isinstance(statement.target, ast.Name):
            return False
        function = self.inference.enclosing(statement, FUNCTIONS)
        owner = self.inference.enclosing(statement, ast.ClassDef)
        value = self.inference.kind(statement.value)
        forward = getattr(function, "name", "") == self.source.forward
        return forward and value in ("tensor", "unknown") and self.inference.is_module_class(owner)

    def _is_basic(self, index: ast.expr) -> bool:
        if isinstance(index, ast.Tuple):
            return all(self._is_basic(e) for e in index.elts)
        plain = isinstance(index, ast.Slice) or _is_none_or_dots(index)
        return plain or self.inference.kind(index) in ("int", "number", "slice")

    def _settle_inplace(self, call: ast.Call, lifted: Lifted) -> Lifted:
        """Drop ``inplace`` where nothing else can see the tensor it would change."""
        slots = dict(lifted.call.slots)
        value = slots.get(INPLACE)
        if not isinstance(value, Value) or value.known is False:
            return lifted
        if not self.in_place.is_private_input(call):
            raise Refusal(
                "CM210",
                "inplace may change a tensor that is used again, so dropping it may change results",
                "write inplace=False if the change is not wanted",
            )
        slots[INPLACE] = constant(False)
        ordered = tuple((name, slots[name]) for name, _ in lifted.call.slots)
        return lifted._replace(call=OpCall(lifted.call.operator, lifted.call.dims, ordered))

    def _passed_class(self, call: ast.Call) -> None:
        """Look at ``act_layer(inplace=True)``: the class is a shim then, which is never in place."""
        for keyword in call.keywords:
            if keyword.arg is None and isinstance(keyword.value, ast.Name):
                if self.inference.kind(call) != "module class" and self.in_place.is_private_input(call):
                    name = keyword.value.id
                    kept = f"{{k: v for k, v in {name}.items() if k != {INPLACE!r}}}"
                    self._write(keyword.value, kept)
                    self._forget(keyword.value, "")
                continue
            value = self.inference.known(keyword.value)
            if keyword.arg != INPLACE or value is False or value is None:
                continue
            if self._is_written_here(call):
                continue  # what that class makes of its argument is seen where it does
            if value is True and self.in_place.is_private_input(call):
                self._write(keyword.value, "False")
                self._forget(keyword.value, "")
            else:
                self._say(
                    "CM210", "warning", call,
                    "inplace may change a tensor that is used again; the ported class refuses it when it is made",
                    "write inplace=False if the change is not wanted",
                )  # fmt: skip


def _is_none_or_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, Ellipsis)
