"""What code asks of layers: the names of their classes, and whether they have a parameter."""

from __future__ import annotations

import ast

from convmap.rewrite.base import Use
from convmap.rewrite.edits import reference
from convmap.rewrite.parameters import Parameters
from convmap.source.class_tests import object_of_name
from convmap.source.inference import mark

_ASKING = {"hasattr": ("has", 2, 2), "getattr": ("get", 2, 3)}  # the shim's part, fewest and most arguments
OWN = ("Torch", "Sides")  # what the classes of shims begin with


class Introspection(Parameters):
    """Writes such questions with shims that answer for the source's names."""

    def _class_name(self, node: ast.Attribute) -> None:
        """Port ``layer.__class__.__name__`` and ``type(layer).__name__``."""
        whose = object_of_name(node)
        if whose is None or self.mixed or getattr(whose, "id", "") == "self":
            return  # self is of a class of this file, or of one derived from it: its name stays
        if self.inference.object_kind(whose) != "module" and not self.inference.tests.is_of_layers(node):
            return
        shim = self.target.asks("class_name")
        clash = [name for name in self.inference.classes if name.startswith(OWN)]
        if shim is None or clash:
            message = f"names of classes differ in {self.target.name}"
            self._say("CM103", "warning", node, message, "compare with isinstance instead")
            return
        self._write_asking(node, shim, f"{mark(self.document.span(whose))}")
        self._forget(node, mark(self.document.span(whose)))

    def _write_asking(self, node: ast.expr, shim: str, arguments: str) -> None:
        self._write(node, f"{reference(shim)}({arguments})")
        if shim not in self.shims:
            self.shims.append(shim)
        self.port.uses.append(Use(node.lineno, ast.unparse(node), shim, "shim"))

    def _has_function(self, call: ast.Call) -> bool:
        """Answer ``hasattr(torch.nn.functional, "scaled_dot_product_attention")``: by the rules it has it."""
        module = self.names.qualified(call.args[0]) if len(call.args) == 2 else None
        api = f"{module}.{self.inference.known(call.args[1])}" if module and self.source.owns(module) else ""
        if api not in self.source.by_api:
            return False
        self._write(call, "True")
        self._forget(call, "True")
        self.port.uses.append(Use(call.lineno, api, "True", "exact"))
        return True

    def _asks_for_parameter(self, call: ast.Call) -> bool:
        """Port ``hasattr(layer, "weight")`` and ``getattr(layer, "bias", None)``."""
        name = getattr(call.func, "id", "")
        if name not in _ASKING or self.mixed or call.keywords or self.names.scope_of[call.func].find(name):
            return False
        part, fewest, most = _ASKING[name]
        if name == "hasattr" and self._has_function(call):
            return True
        shim = self.target.asks(part)
        if shim is None or not fewest <= len(call.args) <= most:
            return False
        whose, asked = call.args[0], self.inference.known(call.args[1])
        if getattr(whose, "id", "") == "self":
            return False
        if self.inference.object_kind(whose) not in ("module", "unknown") or asked not in self.target.renamed(
            self.source
        ):
            return False
        arguments = ", ".join(mark(self.document.span(a)) for a in call.args)
        self._write_asking(call, shim, arguments)
        return True
