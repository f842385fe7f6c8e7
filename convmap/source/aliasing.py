"""Whether an in-place layer's input can be seen by anything else: if not, in-place means nothing."""

from __future__ import annotations

import ast

from convmap.source.inference import Inference


def is_private_input(call: ast.Call, inference: Inference) -> bool:
    """Tell whether the tensor that ``call`` (a layer or a function) changes in place is its own.

    It is where the tensor was just made by an operation that returns a new one and nothing else
    holds it: the layer before in a Sequential or in a list of layers, the argument of the call, or
    a name that is rebound to the result without having been read in between.
    """
    parent = inference.names.parent.get(call)
    if isinstance(parent, (ast.Call, ast.List, ast.Tuple)):
        before = _element_before(call, parent)
        if before is not None:
            return _makes_fresh(before, inference)
    if (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == "append"
    ):
        return _appended_after_fresh(parent, inference)
    if _is_layer(call, inference):
        return _uses_are_private(call, parent, inference)
    return bool(call.args) and _fresh_argument(call, call.args[0], inference)


def _element_before(call: ast.Call, parent: ast.Call | ast.List | ast.Tuple) -> ast.expr | None:
    elements = parent.args if isinstance(parent, ast.Call) else parent.elts
    index = elements.index(call) if call in elements else 0
    return elements[index - 1] if index > 0 else None


def _operator(node: ast.expr, inference: Inference) -> str | None:
    """Give 'layer' or 'function' where a call makes a new tensor, else None."""
    if not isinstance(node, ast.Call):
        return None
    qualified = inference.names.qualified(node.func)
    for binding in inference.framework.by_api.get(qualified or "", ()):
        operator = binding.operator
        keeps = any(s.name == "inplace" for s in operator.slots) or not operator.fresh
        return None if keeps else operator.kind
    return None


def _is_layer(call: ast.Call, inference: Inference) -> bool:
    qualified = inference.names.qualified(call.func) or ""
    known = any(b.operator.kind == "layer" for b in inference.framework.by_api.get(qualified, ()))
    return known or inference.kind(call.func) == "module class"


def _makes_fresh(node: ast.expr, inference: Inference) -> bool:
    return _operator(node, inference) == "layer"


def _appended_after_fresh(append: ast.Call, inference: Inference) -> bool:
    """``layers.append(norm)`` directly before ``layers.append(relu)``, or ``layers = [conv]``."""
    statement = inference.names.parent.get(append)
    block = inference.names.parent.get(statement) if statement else None
    body = getattr(block, "body", [])
    if statement not in body or body.index(statement) == 0:
        return False
    previous = body[body.index(statement) - 1]
    target = ast.unparse(append.func.value)  # type: ignore[attr-defined]
    if isinstance(previous, ast.Expr) and isinstance(previous.value, ast.Call):
        other = previous.value
        if isinstance(other.func, ast.Attribute) and other.func.attr == "append" and other.args:
            return ast.unparse(other.func.value) == target and _makes_fresh(other.args[0], inference)
    if isinstance(previous, (ast.Assign, ast.AugAssign)) and isinstance(previous.value, ast.List):
        name = previous.targets[0] if isinstance(previous, ast.Assign) else previous.target
        items = previous.value.elts
        return ast.unparse(name) == target and bool(items) and _makes_fresh(items[-1], inference)
    return False


def _uses_are_private(call: ast.Call, parent: ast.AST | None, inference: Inference) -> bool:
    """``self.act = ReLU(inplace=True)``: every ``self.act(x)`` in the class must have a fresh x."""
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1:
        return False
    target = parent.targets[0]
    owner = inference.enclosing(call, ast.ClassDef)
    if not isinstance(target, ast.Attribute) or owner is None:
        return False
    mentions = [
        n
        for n in ast.walk(owner)
        if isinstance(n, ast.Attribute) and n.attr == target.attr and n is not target
    ]
    for mention in mentions:
        use = inference.names.parent.get(mention)
        if not (isinstance(use, ast.Call) and use.func is mention and len(use.args) == 1):
            return False
        if not _fresh_argument(use, use.args[0], inference):
            return False
    return bool(mentions)


def _fresh_argument(use: ast.Call, arg: ast.expr, inference: Inference) -> bool:
    if _is_fresh(arg, inference):
        return True
    if not isinstance(arg, ast.Name):
        return False
    # x = act(x), where x was made just before and not read since.
    statement = inference.names.parent.get(use)
    if not (
        isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == arg.id
    ):
        return False
    block = inference.names.parent.get(statement)
    body = getattr(block, "body", [])
    if statement not in body:
        return False
    for previous in reversed(body[: body.index(statement)]):
        reads = [n for n in ast.walk(previous) if isinstance(n, ast.Name) and n.id == arg.id]
        if not reads:
            continue
        return (
            isinstance(previous, ast.Assign)
            and len(previous.targets) == 1
            and isinstance(previous.targets[0], ast.Name)
            and previous.targets[0].id == arg.id
            and _is_fresh(previous.value, inference)
        )
    return False


def _is_fresh(node: ast.expr, inference: Inference) -> bool:
    """Tell whether an expression makes a tensor that nothing else holds."""
    if isinstance(node, ast.BinOp):
        return inference.kind(node) == "tensor"
    if _operator(node, inference) == "function":
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        func = node.func
        owner = inference.enclosing(node, ast.ClassDef)
        if isinstance(func.value, ast.Name) and func.value.id == "self" and isinstance(owner, ast.ClassDef):
            values = inference.attributes.get((owner, func.attr), [])
            return bool(values) and all(_makes_fresh(v, inference) for v in values)
    return False
