"""One file while it is ported: what is known of it, its edits, and what is found."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from convmap.diagnostics import Diagnostic
from convmap.errors import Refusal
from convmap.model import Plan
from convmap.rewrite.edits import Edits, spans_in
from convmap.rewrite.parsing import takes_any
from convmap.rules import Framework
from convmap.source.aliasing import Aliasing
from convmap.source.in_place import InPlace
from convmap.source.inference import Inference
from convmap.translate import Lifted

INPLACE = "inplace"  # the slot of the operators that change their input; layers name it alike


class Use(NamedTuple):
    """One use of a framework API and what became of it."""

    line: int
    api: str
    target: str
    status: str  # exact, shim, lossy, refused


@dataclass
class Port:
    """The result for one file: its text, what became of each use, and the findings."""

    path: str
    source: str
    target: str
    before: str
    after: str
    uses: list[Use] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    calls: list[tuple[Lifted, Plan, int]] = field(default_factory=list)
    data: bytes = b""
    borrowed: list[str] = field(default_factory=list)  # names of the source, still used by way of other files
    shims: list[str] = field(default_factory=list)
    parts: dict[str, str] = field(default_factory=dict)  # of a notebook: each cell's text by its path
    edited: list[tuple[int, int]] = field(default_factory=list)  # byte spans of the source

    @property
    def counts(self) -> Counter[str]:
        return Counter(use.status for use in self.uses)

    @property
    def needs_review(self) -> bool:
        return any(d.severity != "note" for d in self.diagnostics)


class FilePort:
    """The state of one file's port, and how findings are noted."""

    def __init__(
        self,
        inference: Inference,
        target: Framework,
        version: str,
        allowed: frozenset[str],
        lent: frozenset[str],
        shared: str,
    ) -> None:
        self.allowed, self.lent, self.shared = allowed, lent, shared
        document = inference.document
        self.document, self.source, self.target, self.version = document, inference.framework, target, version
        self.names = inference.names
        self.inference = inference
        self.aliasing = Aliasing(inference)
        self.in_place = InPlace(self.aliasing)
        self.edits = Edits(document)
        before = document.text((0, len(document.data)))
        self.port = Port(document.path, self.source.name, target.name, before, before)
        self.done: set[ast.AST] = set()  # names of the source that no longer appear
        self.refused: set[ast.AST] = set()
        self.ported: set[ast.AST] = set()
        self.shims: list[str] = []
        self.layer_targets: dict[str, list[str]] = {}
        # Parameters that the two lay out in different ways: torch has none of its own.
        self.layouts = target.layouts or self.source.layouts
        packages = self.names.packages
        self.arrays = "numpy" in packages
        # Which methods of tensors a half ported file means can't be told: they look alike.
        self.mixed = target.package in packages

    def _refuse(self, node: ast.AST, api: str, refusal: Refusal) -> None:
        self.port.uses.append(Use(node.lineno, api, "", "refused"))  # type: ignore[attr-defined]
        known = self.source.refusal_of(api)
        if known is not None:
            self._say("CM110", "error", node, f"{api} is not ported: {known[0]}", known[1])
        else:
            self._say(refusal.code, "error", node, refusal.reason, refusal.advice)

    def _say(self, code: str, severity: str, node: ast.AST, message: str, advice: str = "") -> None:
        line, column = self._place(node.lineno, node.col_offset)  # type: ignore[attr-defined]
        end = self._place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        message = re.sub("\0S([0-9]+),([0-9]+)\0", self._shown, message)
        self.port.diagnostics.append(
            Diagnostic(code, severity, line, column, message, advice, self.document.path, *end)
        )

    def _place(self, line: int, offset: int) -> tuple[int, int]:
        """Count a place of the tree, in bytes from 0, in characters from 1."""
        start = self.document.offset(line, 0)
        return line, len(self.document.text((start, start + offset))) + 1

    def _shown(self, match: re.Match[str]) -> str:
        return " ".join(self.document.text((int(match.group(1)), int(match.group(2)))).split())

    def _write(self, node: ast.expr, text: str) -> None:
        """Write an expression for another."""
        self.edits.replace(self.document.span(node), text, takes_any(node, self.names.parent))

    def _forget(self, node: ast.AST, text: str) -> None:
        """Note which names of a replaced span no longer appear in the file."""
        kept = spans_in(text)
        if not kept:
            self.done.update(self.names.read_in(node))
            return
        for part in self.names.read_in(node):
            start, end = self.document.span(part)
            if not any(a <= start and end <= b for a, b in kept):
                self.done.add(part)

    def _note_use(self, node: ast.AST, api: str, plan: Plan) -> None:
        name = plan.binding.shim or plan.binding.api or plan.binding.write
        if plan.binding.shim and plan.binding.shim not in self.shims:
            self.shims.append(plan.binding.shim)
        targets = self.layer_targets.setdefault(api, [])
        if name not in targets:
            targets.append(name)
        self.port.uses.append(Use(node.lineno, api, name, plan.status))  # type: ignore[attr-defined]

    def _definition(self, owner: ast.AST | None, name: str) -> ast.AST | None:
        """Give the method of a name that a class has by itself or by a base in the file."""
        if not isinstance(owner, ast.ClassDef):
            return None
        own = self.inference.methods(owner).get(name)
        bases = [self.inference.classes.get(getattr(base, "id", "")) for base in owner.bases]
        inherited = (self._definition(base, name) for base in bases if base is not owner)
        return own or next((found for found in inherited if found is not None), None)

    def _is_same(self, api: str) -> bool:
        prefix, _, name = api.rpartition(".")
        owner = "Tensor" if prefix == self.source.tensor_class else "Module"
        return f"{owner}.{name}" in self.source.same

    def _leaves(self, node: ast.Attribute, api: str) -> bool:
        """Leave what is a tensor's in a file that is half ported, and say so, once."""
        if not self.mixed or self._is_same(api):
            return False
        if not any(d.code == "CM109" for d in self.port.diagnostics):
            message = f"the file imports {self.target.name} too, so methods and attributes of tensors stay"
            self._say("CM109", "warning", node, message, "finish such a file by hand, or port the original")
        return True
