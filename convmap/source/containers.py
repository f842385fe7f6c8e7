"""The parts of a container of modules, as a file writes it: by name or by number."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def part(made: ast.expr, key: object) -> ast.expr | None:
    """Give what ``key`` names in ``ModuleDict(dict(a=x))``, or counts in ``Sequential(x, y)``.

    None where that can't be read.
    """
    if not isinstance(made, ast.Call) or made.keywords:
        return None
    rows = made.args[0] if len(made.args) == 1 else None
    named = _named(rows)
    if isinstance(key, str):
        return next((value for name, value in reversed(named) if name == key), None)
    elements = rows.elts if isinstance(rows, (ast.List, ast.Tuple)) else made.args
    elements = [value for _, value in named] or elements
    if type(key) is not int or any(isinstance(e, ast.Starred) for e in elements):
        return None
    return elements[key] if -len(elements) <= key < len(elements) else None


def _named(rows: ast.expr | None) -> list[tuple[str, ast.expr]]:
    """Read ``dict(a=x)``, ``{"a": x}``, ``OrderedDict([("a", x)])`` and ``[["a", x]]``, none where any is open."""
    if isinstance(rows, ast.Call) and ast.unparse(rows.func).rpartition(".")[2] in ("dict", "OrderedDict"):
        given = [(ast.Constant(k.arg), k.value) for k in rows.keywords]
        return _texts(given) if given else _named(rows.args[0] if rows.args else None)
    if isinstance(rows, ast.Dict):
        return _texts(list(zip(rows.keys, rows.values)))
    if isinstance(rows, (ast.List, ast.Tuple)):
        pairs = [r.elts for r in rows.elts if isinstance(r, (ast.List, ast.Tuple)) and len(r.elts) == 2]
        return _texts([(name, value) for name, value in pairs]) if len(pairs) == len(rows.elts) else []
    return []


def _texts(pairs: Sequence[tuple[ast.expr | None, ast.expr]]) -> list[tuple[str, ast.expr]]:
    found = [(k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return found if len(found) == len(pairs) else []
