"""Checkable conditions of rules: Python expressions over slots, in three-valued logic.

Apart from the rules so that the lowering, the parity suite and the docs evaluate one thing the same
way. A part that can't be known yields None: neither true nor false.
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Mapping
from typing import Any

from convmap.errors import RuleError
from convmap.model import SOMETHING, UNKNOWN

_COMPARE = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_CALLS = {"any": any, "all": all, "max": max, "min": min, "len": len, "isinstance": isinstance}
_NAMES = {"int": int, "tuple": tuple, "str": str, "float": float}


@functools.cache
def parse(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise RuleError(f"condition {text!r} is not an expression: {error.msg}") from None


def holds(text: str, names: Mapping[str, Any]) -> bool | None:
    """Tell whether a condition holds; None where an unknown value decides it.

    >>> holds("groups > 1 and any(extra)", {"groups": UNKNOWN, "extra": (0, 0)})
    False
    >>> holds("groups > 1 and any(extra)", {"groups": UNKNOWN, "extra": (0, 1)}) is None
    True
    >>> holds("momentum == None", {"momentum": SOMETHING})
    False
    """
    result = _evaluate(parse(text), names)
    return None if result is UNKNOWN else bool(result)


def _evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in names:
            return UNKNOWN if names[node.id] is SOMETHING else names[node.id]
        if node.id in _NAMES:
            return _NAMES[node.id]
        raise RuleError(f"condition names {node.id!r}; known here: {', '.join(sorted(names))}")
    if isinstance(node, (ast.Tuple, ast.List)):
        items = [_evaluate(e, names) for e in node.elts]
        return UNKNOWN if UNKNOWN in items else tuple(items)
    if isinstance(node, ast.BoolOp):
        deciding, unknown = isinstance(node.op, ast.Or), False
        for part in node.values:  # one that decides keeps the rest from being asked, as in Python
            answer = _evaluate(part, names)
            if answer is UNKNOWN:
                unknown = True
            elif bool(answer) is deciding:
                return deciding
        return UNKNOWN if unknown else not deciding
    if isinstance(node, ast.UnaryOp):
        inner = _evaluate(node.operand, names)
        if inner is UNKNOWN:
            return UNKNOWN
        return (not inner) if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.GeneratorExp):
        return _comprehension(node, names)
    parts, apply = _plain(node, names)
    if any(p is UNKNOWN for p in parts):
        return UNKNOWN
    try:
        return apply(*parts)
    except (TypeError, IndexError):  # a value of another form than the condition is about
        return UNKNOWN


def _plain(node: ast.expr, names: Mapping[str, Any]) -> tuple[list[Any], Any]:
    """Give the operands and the function of a node that is unknown where any operand is."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        answer = _is_none(node, names)
        if answer is not None:
            return [answer], bool
        sides = [_evaluate(node.left, names), _evaluate(node.comparators[0], names)]
        return sides, _COMPARE[type(node.ops[0])]
    if isinstance(node, ast.BinOp):
        both = [_evaluate(node.left, names), _evaluate(node.right, names)]
        return both, _BINARY[type(node.op)]
    if isinstance(node, ast.Subscript):
        return [_evaluate(node.value, names), _evaluate(node.slice, names)], operator.getitem
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        args = [_evaluate(a, names) for a in node.args]
        if node.func.id in ("any", "all") and isinstance(args[0], list):
            return [_any_all(node.func.id, args[0])], lambda x: x
        return args, _CALLS[node.func.id]
    raise RuleError(f"condition part {ast.unparse(node)!r} is not in the condition language")


def _is_none(node: ast.Compare, names: Mapping[str, Any]) -> bool | None:
    """Answer ``name == None`` for a value of which only that is known."""
    right = node.comparators[0]
    if not (isinstance(right, ast.Constant) and right.value is None and isinstance(node.left, ast.Name)):
        return None
    if names.get(node.left.id) is not SOMETHING:
        return None
    return isinstance(node.ops[0], (ast.NotEq, ast.IsNot))


def _comprehension(node: ast.GeneratorExp, names: Mapping[str, Any]) -> Any:
    """Evaluate ``expr for a, b in zip(x, y)`` or ``expr for a in x`` to a list of parts."""
    loop = node.generators[0]
    source = loop.iter
    zipped = isinstance(source, ast.Call) and getattr(source.func, "id", "") == "zip"
    columns = [_evaluate(a, names) for a in (source.args if zipped else [source])]  # type: ignore[attr-defined]
    if any(c is UNKNOWN for c in columns):
        return UNKNOWN
    targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
    rows = zip(*columns)
    return [
        _evaluate(node.elt, {**names, **{t.id: v for t, v in zip(targets, row)}})  # type: ignore[attr-defined]
        for row in rows
    ]


def _any_all(name: str, parts: list[Any]) -> Any:
    deciding = name == "any"
    if any(p is not UNKNOWN and bool(p) is deciding for p in parts):
        return deciding
    return UNKNOWN if any(p is UNKNOWN for p in parts) else not deciding
