"""Which import a name means: scopes, imports in every form, shadowing.

Own code rather than libcst's QualifiedNameProvider, which is 60 times slower and names the method
of a call's result as if it were the function's attribute (FACTS.md, Performance).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Union

ScopeNode = Union[ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
                  ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp]  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = {*FUNCTIONS, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
           ast.GeneratorExp}  # fmt: skip
_IMPORTS = {ast.Import, ast.ImportFrom}
_DEFINITIONS = {*FUNCTIONS, ast.ClassDef}
_BINDING = {ast.Import, ast.ImportFrom, ast.Name, ast.ExceptHandler, ast.Global, ast.Nonlocal,
            ast.MatchAs, ast.MatchStar, ast.MatchMapping}  # fmt: skip
# Without a place in the text, and shared between nodes: contexts and operators.
_MARKS = {ast.Load, ast.Store, ast.Del, *ast.operator.__subclasses__(), *ast.boolop.__subclasses__(),
          *ast.unaryop.__subclasses__(), *ast.cmpop.__subclasses__()}  # fmt: skip


@dataclass(eq=False)
class Scope:
    """One namespace: what binds each name in it, in order of appearance."""

    node: ScopeNode
    parent: "Scope | None"
    bound: dict[str, list[ast.AST]] = field(default_factory=dict)
    outward: set[str] = field(default_factory=set)

    def bind(self, name: str, by: ast.AST) -> None:
        self.bound.setdefault(name, []).append(by)

    def find(self, name: str) -> "Scope | None":
        """Find the scope a name read here belongs to, by Python's rules."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            visible = first or not isinstance(scope.node, ast.ClassDef)
            if visible and name in scope.bound and name not in scope.outward:
                return scope
            scope, first = scope.parent, False
        return None


@dataclass(frozen=True)
class Imported:
    """One alias of an import statement."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias
    qualified: str
    local: str


class Names:
    """Scopes and imports of one module; ``scope_of`` and ``parent`` hold for every node."""

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, None)
        self.scope_of: dict[ast.AST, Scope] = {}
        self.parent: dict[ast.AST, ast.AST] = {}
        self.imports: dict[ast.AST, list[Imported]] = {}
        self.stars: list[ast.ImportFrom] = []
        self.order: list[ast.AST] = []
        self._walk(tree, self.module)

    def _walk(self, node: ast.AST, scope: Scope) -> None:
        kind = type(node)
        self.scope_of[node] = scope
        self.order.append(node)
        inner = scope
        outside: set[ast.AST] | tuple[()] = ()
        if kind in _SCOPES:
            if kind in _DEFINITIONS:
                scope.bind(node.name, node)  # type: ignore[attr-defined]
            inner = Scope(node, scope)  # type: ignore[arg-type]
            self._parameters(node, inner)
            outside = self._evaluated_outside(node)
        elif kind in _BINDING:
            self._bindings(node, scope)
        parent, walk = self.parent, self._walk
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                for child in value:
                    if isinstance(child, ast.AST):
                        parent[child] = node
                        walk(child, scope if child in outside else inner)
            elif isinstance(value, ast.AST) and type(value) not in _MARKS:
                parent[value] = node
                walk(value, scope if value in outside else inner)

    @staticmethod
    def _parameters(node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            args = node.args
            every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            for arg in every:
                if arg is not None:
                    scope.bind(arg.arg, arg)

    @staticmethod
    def _evaluated_outside(node: ast.AST) -> set[ast.AST]:
        """Decorators, defaults, annotations and bases belong to the enclosing scope."""
        if isinstance(node, FUNCTIONS):
            args = node.args
            defaults = [d for d in (*args.defaults, *args.kw_defaults) if d is not None]
            return {*node.decorator_list, *defaults, *([node.returns] if node.returns else [])}
        if isinstance(node, ast.ClassDef):
            return {*node.decorator_list, *node.bases, *node.keywords}
        return set()

    def _bindings(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, scope)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            target = scope
            if isinstance(self.parent.get(node), ast.NamedExpr):
                while isinstance(target.node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
                    assert target.parent is not None
                    target = target.parent
            target.bind(node.id, node)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            scope.bind(node.name, node)
        elif isinstance(node, ast.Global):
            for name in node.names:
                scope.outward.add(name)
                self.module.bind(name, node)
        elif isinstance(node, ast.Nonlocal):
            scope.outward.update(node.names)
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            scope.bind(node.name, node)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            scope.bind(node.rest, node)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        found = []
        for alias in node.names:
            if isinstance(node, ast.Import):
                # "import a.b" binds a; "import a.b as c" binds c to a.b.
                qualified = alias.name if alias.asname else alias.name.partition(".")[0]
                local = alias.asname or qualified
            elif alias.name == "*":
                self.stars.append(node)
                continue
            else:
                base = "." * node.level + (node.module or "")
                qualified = f"{base}.{alias.name}" if node.module else base + alias.name
                local = alias.asname or alias.name
            scope.bind(local, node)
            found.append(Imported(node, alias, qualified, local))
        self.imports[node] = found

    def imported(self, name: ast.Name) -> Imported | None:
        """Give the one import a name stands for, or None where it may be anything else."""
        scope = self.scope_of[name].find(name.id)
        if scope is None:
            return None
        found: Imported | None = None
        for by in scope.bound[name.id]:
            if type(by) not in _IMPORTS:
                return None
            for item in self.imports.get(by, ()):
                if item.local == name.id:
                    if found is not None and found.qualified != item.qualified:
                        return None
                    found = found or item
        return found

    def qualified(self, node: ast.AST) -> str | None:
        """Give the dotted name an expression means, through imports; None for anything else.

        ``nn.Conv2d`` after ``from torch import nn`` is ``torch.nn.Conv2d``; the method of a call's
        result has no qualified name.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        found = self.imported(node)
        if found is None:
            return None
        return ".".join([found.qualified, *reversed(parts)])
