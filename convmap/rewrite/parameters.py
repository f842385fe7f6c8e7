"""Parameters and attributes of layers, which have other names and layouts in the target."""

from __future__ import annotations

import ast

from convmap.errors import Refusal
from convmap.model import Binding
from convmap.rewrite.callees import Callees


class Parameters(Callees):
    """Renames parameters where their layer is known."""

    def _own_attribute(self, node: ast.Attribute) -> None:
        """Look at ``self.stride`` in a class that derives from a layer: the target's layer may have none."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        if getattr(node.value, "id", "") != "self" or not isinstance(owner, ast.ClassDef):
            return
        if (owner, node.attr) in self.inference.attributes or self._defines(owner, node.attr):
            return
        for api in self._layer_bases(node):
            for binding in self.source.by_api[api]:
                if node.attr not in {p.name for p in binding.params} - {w.name for w in binding.weights}:
                    continue
                other = self._same_signature(binding)
                if other is None or node.attr not in other.attributes:
                    reason = f"the attribute .{node.attr} of {api} is not in the rules"
                    advice = "keep it under a name of your own in __init__"
                    self._refuse(node, f"{api}.{node.attr}", Refusal("CM102", reason, advice))
                return

    def _weight(self, node: ast.Attribute) -> None:
        """Rename a layer's parameter where its class is known."""
        for api in self._layer_apis(node.value):
            for binding in self.source.by_api.get(api, ()):
                for weight in binding.weights:
                    if weight.name == node.attr:
                        self._rename_weight(node, binding, weight.canonical)
                        return

    def _rename_weight(self, node: ast.Attribute, binding: Binding, canonical: str) -> None:
        chosen = self.layer_targets.get(binding.api, [])
        names, layouts = set(), set()
        for other in self.target.for_operator(binding.operator, binding.dims):
            if chosen and (other.shim or other.api) not in chosen:
                continue
            for weight in other.weights:
                if weight.canonical == canonical:
                    names.add(weight.name)
                    layouts.add(weight.layout)
        if len(names) != 1:
            reason = f"the parameter {node.attr} has {len(names)} possible names in {self.target.name}"
            self._refuse(node, f"{binding.api}.{node.attr}", Refusal("CM201", reason))
            return
        if layouts != {""} and not self._in_initialiser(node):
            reason = f"{node.attr} has another layout in {self.target.name} ({layouts.pop()})"
            self._refuse(node, f"{binding.api}.{node.attr}", Refusal("CM201", reason))
            return
        name = names.pop()
        if name != node.attr:
            end = self.document.span(node)[1]
            self.edits.replace((end - len(node.attr.encode()), end), name)

    def _in_initialiser(self, node: ast.AST) -> bool:
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            if isinstance(at, ast.Compare) and any(isinstance(o, (ast.Is, ast.IsNot)) for o in at.ops):
                return True
            if isinstance(at, ast.Call):
                api = self._api_of(at)[0] or ""
                return any(b.operator.kind == "init" for b in self.source.by_api.get(api, ()))
            at = self.names.parent.get(at)
        return isinstance(at, (ast.If, ast.While))

    def _layer_apis(self, node: ast.expr) -> list[str]:
        """Name the layer classes an expression may be: by isinstance around it, or by assignment."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = self.inference.enclosing(node, ast.ClassDef)
            values = self.inference.attributes.get((owner, node.attr), [])  # type: ignore[arg-type]
            found = [self.names.qualified(v.func) for v in values if isinstance(v, ast.Call)]
            return [f for f in found if f]
        if not isinstance(node, ast.Name):
            return []
        if node.id == "self":
            return self._layer_bases(node)
        return self.inference.tested_classes(node)

    def _layer_bases(self, node: ast.AST) -> list[str]:
        """Name the layers of the source that the class around a node derives from."""
        owner = self.inference.enclosing(node, ast.ClassDef)
        if not isinstance(owner, ast.ClassDef):
            return []
        found = [self.names.qualified(base) for base in owner.bases]
        return [
            f for f in found if f and any(b.operator.kind == "layer" for b in self.source.by_api.get(f, ()))
        ]
