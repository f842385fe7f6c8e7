"""Assignments to attributes that hold buffers and parameters, which mean another thing in the target."""

from __future__ import annotations

import ast

from convmap.errors import Refusal
from convmap.model import Plan
from convmap.rewrite.changes import Changes
from convmap.rewrite.edits import reference
from convmap.source.inference import mark


class Assignments(Changes):
    """Looks at ``self.mean = x`` of a buffer, ``self.weight = x`` of a parameter, and ``p.data = x``."""

    def _buffer(self, statement: ast.Assign | ast.AnnAssign) -> None:
        """Port ``self.mean = x`` of a registered buffer where the target takes no assignment."""
        if self.mixed or not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return
        target = statement.targets[0]
        if not self._is_buffer(target) or self._is_parameter(statement.value):
            return  # of a parameter, register_buffer("name", None) says that there is none
        self._give_buffer(statement, target, mark(self.document.span(statement.value)))

    def _filled_parameter(self, statement: ast.Assign | ast.AnnAssign) -> None:
        """Port ``self.weight = tensor`` of a parameter where the source gives it the tensor's values."""
        operator = self.source.parameter_assignment
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if self.mixed or not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return
        if not isinstance(target, ast.Attribute) or self._is_parameter(statement.value):
            return
        if not self._holds_parameter(target, statement) or self.inference.kind(statement.value) != "tensor":
            return
        self._as_call(statement, operator, f"{self.source.module_class}.__setattr__", target)

    def _data(self, statement: ast.Assign | ast.AnnAssign) -> None:
        """Port ``p.data = x`` where the target would make another attribute of it."""
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if self.mixed or not isinstance(statement, ast.Assign) or not isinstance(target, ast.Attribute):
            return
        api = f"{self.source.tensor_class}.{target.attr}"
        if not any(b.operator.kind == "data" for b in self.source.by_api.get(api, ())):
            return
        whose = target.value
        named = isinstance(whose, ast.Attribute) and whose.attr in self.source.weight_names
        if named or self.inference.kind(whose) == "tensor":
            self._as_call(statement, self.target.data_assignment, api, whose)
        elif self.inference.kind(whose) == "unknown":
            message = f"if {ast.unparse(whose)} is a tensor, {self.target.name} takes .{target.attr} for a new attribute"
            self._say("CM107", "warning", target, message, "annotate it, or check the line by hand")

    def _unsettable(self, target: ast.Attribute) -> None:
        """Refuse to set what tensors of the target have and don't let be set."""
        api = f"{self.source.tensor_class}.{target.attr}"
        if target.attr not in self.target.unsettable or api not in self.source.by_api:
            return
        if self.inference.object_kind(target.value) in ("tensor", "unknown"):
            reason = f"{target.attr} of a tensor can't be set in {self.target.name}"
            advice = "leave the parameter out of what the optimizer is given"
            self._refuse(target, api, Refusal("CM102", reason, advice))

    def _as_call(self, statement: ast.Assign, operator: str, api: str, whose: ast.expr) -> None:
        """Write an assignment as a call of what stands for an operator: of what takes the value, and the value."""
        binding = next((b for b in self.target.bindings if b.operator.name == operator), None)
        if binding is None or len(statement.targets) != 1:
            reason = (
                f"{ast.unparse(whose)} is a parameter, and {self.source.name} gives it the tensor's values"
            )
            self._refuse(statement, api, Refusal("CM210", reason, "fill the parameter"))
            return
        name, value = reference(binding.shim or binding.api), mark(self.document.span(statement.value))
        text = f"{name}({mark(self.document.span(whose))}, {value})"
        self.edits.replace(self.document.span(statement), text)
        self._note_use(statement, api, Plan(binding, (), "shim" if binding.shim else "exact"))

    def _holds_parameter(self, target: ast.Attribute, statement: ast.Assign) -> bool:
        """Tell whether an attribute is made a parameter elsewhere in its class, or is a layer's weight."""
        if getattr(target.value, "id", "") == "self":
            owner = self.inference.enclosing(statement, ast.ClassDef)
            values = self.inference.attributes.get((owner, target.attr), [])  # type: ignore[arg-type]
            return any(self._is_parameter(v) for v in values if v is not statement.value)
        layers = [b for api in self._layer_apis(target.value) for b in self.source.by_api.get(api, ())]
        return any(w.name == target.attr for b in layers for w in b.weights)
