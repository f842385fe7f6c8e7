"""What an initialiser fills: a parameter, a new tensor, or a view of one.

Torch's views share their tensor's memory, so filling ``weight[0]`` or ``weight.data.view(...)`` changes the
weight; other frameworks' slices and detached tensors are copies.
"""

from __future__ import annotations

import ast

from convmap.source.aliasing import Aliasing
from convmap.source.inference import Inference
from convmap.source.names import FUNCTIONS


def filled(inference: Inference, aliasing: Aliasing, node: ast.expr, by_name: bool = False) -> str:
    """Give "parameter", "new" or "view" for the tensor that an initialiser takes.

    A function's parameter and what a loop over modules gives is taken for a parameter of a module.
    ``by_name``: the tensor is bound to a name first, which is where ``.data`` becomes a copy.
    """
    names, framework = inference.names, inference.framework
    if isinstance(node, ast.Attribute):
        api = f"{framework.tensor_class}.{node.attr}"
        if any(b.operator.kind == "data" for b in framework.by_api.get(api, ())):
            return "view" if by_name else filled(inference, aliasing, node.value)
        return "view" if inference.kind(node.value) == "tensor" else "parameter"
    if isinstance(node, ast.Call) and (whole := detached(inference, node)) is not None:
        return "view" if by_name else filled(inference, aliasing, whole)
    if isinstance(node, ast.Call):
        bindings = framework.by_api.get(names.qualified(node.func) or "", ())
        if any(b.operator.kind == "parameter" for b in bindings):
            return "parameter"
        if any(b.operator.kind == "init" for b in bindings) and node.args:
            return filled(inference, aliasing, node.args[0], by_name)  # it gives back what it fills
        return "new" if aliasing.gives_new(node) else "view"
    if not isinstance(node, ast.Name):
        return "view"
    scope = names.scope_of[node].find(node.id)
    found = {_bound(inference, aliasing, by) for by in scope.bound[node.id]} if scope else {"view"}
    return found.pop() if len(found) == 1 else "view"


def detached(inference: Inference, node: ast.expr) -> ast.expr | None:
    """Give p of ``p.detach()`` and ``p.data``: the same memory, without what leads to it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        api, whole = node.func.attr, node.func.value
    elif isinstance(node, ast.Attribute):
        api, whole = node.attr, node.value
    else:
        return None
    found = inference.framework.by_api.get(f"{inference.framework.tensor_class}.{api}", ())
    own = inference.names.qualified(whole) is None or inference.names.qualified(node) is None
    return whole if own and any(b.operator.name == "detach" for b in found) else None


def _bound(inference: Inference, aliasing: Aliasing, by: ast.AST) -> str:
    names = inference.names
    if isinstance(by, ast.arg):
        function = inference.enclosing(by, FUNCTIONS)
        owner = names.parent.get(function) if function is not None else None
        forward = getattr(function, "name", "") == inference.framework.forward
        # What forward takes is no parameter, and its caller may hold views of it.
        return "view" if forward and inference.is_module_class(owner) else "parameter"
    parent = names.parent.get(by)
    while isinstance(parent, (ast.Tuple, ast.List)):
        parent = names.parent.get(parent)
    if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and parent.value is not None:
        plain = names.parent.get(by) is parent
        if plain:
            return filled(inference, aliasing, parent.value, True)
        return "parameter" if inference.kind(parent.value) == "unknown" else "view"
    if isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension)):
        # for p in self.parameters(); but for gate in weight.chunk(4)
        source = parent.iter
        if isinstance(source, (ast.Tuple, ast.List)):
            each = {filled(inference, aliasing, element, True) for element in source.elts}
            return each.pop() if len(each) == 1 else "view"
        if isinstance(source, ast.Attribute) and source.attr in inference.framework.weight_names:
            return "view"  # the rows of a weight
        if gives_parameters(inference, source):
            return "parameter"
        method = isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute)
        api = f"{inference.framework.tensor_class}.{source.func.attr}" if method else ""  # type: ignore[attr-defined]
        views = inference.kind(source) in ("tensor", "tensors") or api in inference.framework.by_api
        return "view" if views else "parameter"
    return "parameter" if isinstance(parent, FUNCTIONS) else "view"


def gives_parameters(inference: Inference, source: ast.expr) -> bool:
    """Tell whether an expression is ``module.parameters()`` or ``module.named_parameters()``."""
    if not (isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute)):
        return False
    found = inference.framework.by_api.get(f"{inference.framework.module_class}.{source.func.attr}", ())
    return any(
        b.operator.name.endswith(("module_parameters", "named_parameters", "sorted_parameters"))
        for b in found
    )


def is_one_of_parameters(inference: Inference, node: ast.expr) -> bool:
    """Tell whether a name stands for one of ``module.parameters()``: a layer's, of which is not known."""
    if not isinstance(node, ast.Name):
        return False
    scope = inference.names.scope_of[node].find(node.id)
    for by in scope.bound[node.id] if scope else ():
        at: ast.AST | None = by
        while isinstance(at, (ast.Name, ast.Tuple)):
            at = inference.names.parent.get(at)
        if isinstance(at, (ast.For, ast.comprehension)) and gives_parameters(inference, at.iter):
            return True
    return False
