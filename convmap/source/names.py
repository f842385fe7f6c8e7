"""Which import a name means: scopes, imports in every form, shadowing.

Own code rather than libcst's QualifiedNameProvider, which is 60 times slower and names the method
of a call's result as if it were the function's attribute (FACTS.md, Performance).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

ScopeNode = Union[ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda,
                  ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp]  # fmt: skip
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = {*FUNCTIONS, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
           ast.GeneratorExp}  # fmt: skip
_IMPORTS = {ast.Import, ast.ImportFrom}
_DOTTED = {ast.Attribute, ast.Name}
_DEFINITIONS = {*FUNCTIONS, ast.ClassDef}
_BINDING = {ast.Import, ast.ImportFrom, ast.Name, ast.ExceptHandler, ast.Global, ast.Nonlocal,
            ast.MatchAs, ast.MatchStar, ast.MatchMapping}  # fmt: skip
# Fields that hold no node with a place in the text: strings, and contexts and operators, which are shared.
_PLAIN = {"ctx", "op", "ops", "id", "attr", "arg", "asname", "module", "level", "type_comment", "conversion",
          "simple", "is_async", "kind", "rest", "kwd_attrs"}  # fmt: skip


_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _PLAIN)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


def packages_imported(tree: ast.Module) -> set[str]:
    """Give the top packages that a file imports, anywhere in it."""
    found: set[str] = set()
    left: list[ast.AST] = list(tree.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, block, None)
            if isinstance(inner, list):
                left += inner
    return found


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


class Imported(NamedTuple):
    """One alias of an import statement; the local name is * for what a star may bring."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias
    qualified: str
    local: str


class Names:
    """Scopes and imports of one module; ``parent`` holds for every node, ``scope_of`` for those listed.

    ``package`` is the dotted name that ``from .`` means, ``resolve`` follows a dotted name through
    other modules of the project, and ``from_star`` says what a star import brings for a name: its
    dotted name, "" where the module has no such name, None where that can't be told.
    """

    def __init__(
        self,
        tree: ast.Module,
        package: str = "",
        resolve: Callable[[str], str] | None = None,
        from_star: Callable[[str, str], str | None] | None = None,
    ) -> None:
        self.package, self.resolve, self.from_star = package, resolve, from_star
        self.module = Scope(tree, None)
        self.scope_of: dict[ast.AST, Scope] = {}
        self.parent: dict[ast.AST, ast.AST] = {}
        self.imports: dict[ast.AST, list[Imported]] = {}
        self.stars: list[Imported] = []
        self._imported: dict[Scope, dict[str, Imported | None]] = {}
        self._starred: dict[str, Imported | None] = {}
        self._qualified: dict[ast.AST, str | None] = {}
        self.scopes = [self.module]
        # Nodes in the order of the text, by what is looked for: one walk serves every later one.
        self.calls: list[ast.Call] = []
        self.references: list[ast.Attribute | ast.Name] = []
        self.definitions: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
        self.operations: list[ast.BinOp] = []
        self.unary: list[ast.UnaryOp] = []
        self.comparisons: list[ast.Compare] = []
        self.tables: list[ast.Dict] = []
        self.returns: list[ast.Return] = []
        self.assignments: list[ast.Assign | ast.AnnAssign] = []
        self.subscripts: list[ast.Subscript] = []
        self.changes: list[ast.AugAssign | ast.Assign] = []  # x += y, x[i] = y
        self._inside: dict[ast.AST, tuple[int, int]] = {}  # the part of ``references`` that is in a call
        self._groups: dict[type, list[Any]] = {
            ast.Call: self.calls, ast.Attribute: self.references, ast.Name: self.references,
            ast.ClassDef: self.definitions, ast.FunctionDef: self.definitions,
            ast.AsyncFunctionDef: self.definitions, ast.BinOp: self.operations, ast.UnaryOp: self.unary,
            ast.Return: self.returns, ast.Assign: self.assignments, ast.AnnAssign: self.assignments,
            ast.AugAssign: self.changes, ast.Subscript: self.subscripts, ast.Compare: self.comparisons,
            ast.Dict: self.tables,
        }  # fmt: skip
        self._walk(tree, self.module)
        self._locals = {item.local for items in self.imports.values() for item in items}
        self.candidates = self.references  # attributes, and the names that may stand for an import
        if not self.stars:
            self.candidates = [
                n for n in self.references if isinstance(n, ast.Attribute) or n.id in self._locals
            ]

    def _walk(self, node: ast.AST, scope: Scope) -> None:
        kind = type(node)
        group = self._groups.get(kind)
        if group is not None:
            group.append(node)
            if kind is ast.Assign and any(type(t) is ast.Subscript for t in node.targets):  # type: ignore[attr-defined]
                self.changes.append(node)  # type: ignore[arg-type]
            self.scope_of[node] = scope
        inner = scope
        outside: set[ast.AST] | tuple[()] = ()
        if kind in _SCOPES:
            if kind in _DEFINITIONS:
                scope.bind(node.name, node)  # type: ignore[attr-defined]
            inner = Scope(node, scope)  # type: ignore[arg-type]
            self.scopes.append(inner)
            self._parameters(node, inner)
            outside = self._evaluated_outside(node)
        elif kind in _BINDING:
            self._bindings(node, scope)
        elif kind is ast.arguments:
            inner = scope.parent or scope  # defaults and annotations are read outside of the function
        parent, walk, first = self.parent, self._walk, len(self.references)
        for name in _FIELDS[kind]:
            value = getattr(node, name, None)
            if value is None:
                continue
            for child in value if type(value) is list else (value,):
                kind = type(child)
                if kind not in _FIELDS:
                    continue  # the None of an argument without a default, or a name of a global statement
                parent[child] = node
                # Two thirds of all nodes are names that are read, and constants: they end here.
                if kind is ast.Constant:
                    continue
                around = scope if outside and child in outside else inner
                while kind is ast.Attribute:  # a.b.c: each holds but the next
                    self.references.append(child)
                    self.scope_of[child] = around
                    parent[child.value] = child
                    child = child.value
                    kind = type(child)
                if kind is ast.Constant:
                    continue
                if kind is ast.Name and type(child.ctx) is ast.Load:
                    self.references.append(child)
                    self.scope_of[child] = around
                else:
                    walk(child, around)
        if group is self.calls:
            self._inside[node] = (first, len(self.references))

    def read_in(self, node: ast.AST) -> list[ast.Name]:
        """Give the names within an expression."""
        if node in self._inside:
            first, last = self._inside[node]
            return [n for n in self.references[first:last] if type(n) is ast.Name]
        return [n for n in ast.walk(node) if type(n) is ast.Name]

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
        """Decorators, annotations of results and bases belong to the enclosing scope."""
        if isinstance(node, FUNCTIONS):
            return {*node.decorator_list, *([node.returns] if node.returns else [])}
        if isinstance(node, ast.ClassDef):
            return {*node.decorator_list, *node.bases, *node.keywords}
        return set()

    def _bindings(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Name) and type(node.ctx) is not ast.Load:
            target = scope
            if isinstance(self.parent.get(node), ast.NamedExpr):
                while isinstance(target.node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
                    assert target.parent is not None
                    target = target.parent
            target.bind(node.id, node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, scope)
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
                found.append(Imported(node, alias, qualified, alias.asname or qualified))
            else:
                module = self.absolute(node)
                qualified = f"{module}{'' if module.endswith('.') else '.'}{alias.name}"
                if alias.name == "*":
                    star = Imported(node, alias, qualified, "*")
                    found.append(star)
                    if scope is self.module:
                        self.stars.append(star)
                    continue
                found.append(Imported(node, alias, qualified, alias.asname or alias.name))
            scope.bind(found[-1].local, node)
        self.imports[node] = found

    @property
    def packages(self) -> set[str]:
        """The top packages that the file imports, anywhere in it, by their own names."""
        found = {a.name.partition(".")[0] for n in self.imports if isinstance(n, ast.Import) for a in n.names}
        return found | {
            n.module.partition(".")[0]
            for n in self.imports
            if isinstance(n, ast.ImportFrom) and n.module and not n.level
        }

    def absolute(self, node: ast.ImportFrom) -> str:
        """Give the module of a from-import; dots stay where no package is known around the file."""
        parts = self.package.split(".") if self.package else []
        if not node.level or node.level > len(parts):
            return "." * node.level + (node.module or "")
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def starred(self, name: str) -> Imported | None:
        """Give what a name that nothing else binds means through star imports, None if that is open."""
        if name not in self._starred:
            self._starred[name] = self._find_starred(name)
        return self._starred[name]

    def _find_starred(self, name: str) -> Imported | None:
        if self.from_star is None or hasattr(builtins, name):
            return None
        for star in reversed(self.stars):  # the last one wins
            qualified = self.from_star(star.qualified[:-2], name)
            if qualified is None:
                return None
            if qualified:
                return Imported(star.statement, star.alias, qualified, "*")
        return None

    def imported(self, name: ast.Name) -> Imported | None:
        """Give the one import a name stands for, or None where it may be anything else."""
        if name.id not in self._locals and not self.stars:
            return None
        scope = self.scope_of[name].find(name.id)
        if scope is None:
            return self.starred(name.id) if self.stars else None
        by_scope = self._imported.setdefault(scope, {})
        if name.id not in by_scope:
            by_scope[name.id] = self._one_import(scope, name.id)
        return by_scope[name.id]

    def _one_import(self, scope: Scope, name: str) -> Imported | None:
        found: Imported | None = None
        for by in scope.bound[name]:
            if type(by) not in _IMPORTS:
                return None
            for item in self.imports.get(by, ()):
                if item.local == name:
                    if found is not None and found.qualified != item.qualified:
                        return None
                    found = found or item
        return self.resolved(found) if found is not None else None

    def resolved(self, item: Imported) -> Imported:
        """Give an import with the name that it stands for at the end of all re-exports."""
        if self.resolve is None or item.local == "*":
            return item
        qualified = self.resolve(item.qualified)
        return item if qualified == item.qualified else item._replace(qualified=qualified)

    def qualified(self, node: ast.AST) -> str | None:
        """Give the dotted name an expression means, through imports; None for anything else.

        ``nn.Conv2d`` after ``from torch import nn`` is ``torch.nn.Conv2d``; the method of a call's
        result has no qualified name.
        """
        if type(node) not in _DOTTED:
            return None
        root = node
        while type(root) is ast.Attribute:
            root = root.value
        if type(root) is not ast.Name or (root.id not in self._locals and not self.stars):
            return None
        if node not in self._qualified:
            self._qualified[node] = self._dotted(node)
        return self._qualified[node]

    def _dotted(self, node: ast.AST) -> str | None:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        assert isinstance(node, ast.Name)
        found = self.imported(node)
        if found is None:
            return None
        dotted = ".".join([found.qualified, *reversed(parts)])
        return self.resolve(dotted) if parts and self.resolve is not None else dotted
