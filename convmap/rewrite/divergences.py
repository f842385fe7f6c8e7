"""Calls by which the source itself computes something else than they say: its recorded quirks."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from convmap import translate
from convmap.diagnostics import Diagnostic
from convmap.errors import Refusal
from convmap.rewrite.assignments import Assignments
from convmap.rewrite.base import Use
from convmap.rules import Framework, Quirk


def parting(source: Framework, target: Framework, uses: Sequence[Use]) -> list[tuple[int, str, Quirk]]:
    """Give the quirks by which a port parts from its source at single values: line and API of the first use."""
    found = []
    for framework, side in ((source, "api"), (target, "target")):
        for quirk in framework.quirks:
            if quirk.at_points and not (quirk.read_only and side == "target"):
                named = ((use.line, getattr(use, side)) for use in uses if use.status != "refused")
                first = next((row for row in named if row[1] in quirk.apis), None)
                found += [] if first is None else [(*first, quirk)]
    return found


class Divergences(Assignments):
    """Looks at a call for what its own framework is known to get wrong."""

    def _refuse_divergence(self, lifted: translate.Lifted, call: ast.Call, receiver: ast.expr | None) -> None:
        """Refuse what the source itself computes otherwise than the call says, by its recorded quirks."""
        for limit, sure in translate.divergences(lifted):
            first = receiver if receiver is not None else next(iter(call.args), None)
            if limit.shows == "gradient" and first is not None and self._without_gradient(first):
                continue
            reason = f"{lifted.binding.api} of {self.source.name}: {limit.reason}"
            if sure:
                raise Refusal("CM204", reason, "port this call by hand, and check it with verify")
            self._say("CM204", "note", call, reason + " (whether it does here is known at run time)")

    def _note_points(self) -> None:
        """Say at which single values either side of what was ported is recorded to be another, once each."""
        for line, api, quirk in parting(self.source, self.target, self.port.uses):
            message = f"{api}: {quirk.effect}"
            found = Diagnostic("CM206", "note", line, 1, message, "", self.document.path)
            self.port.diagnostics.append(found)

    def _without_gradient(self, node: ast.expr) -> bool:
        """Tell whether what an expression gives carries no gradient: a comparison, or data."""
        if isinstance(node, (ast.Compare, ast.Constant)):
            return True
        if isinstance(node, ast.Call):
            api = self.names.qualified(node.func) or ""
            if api.partition(".")[0] == "numpy":
                return True
            given = [k.value for k in node.keywords] + node.args
            if not api and isinstance(node.func, ast.Attribute):
                api = f"{self.source.tensor_class}.{node.func.attr}"
                given.append(node.func.value)
            found = [b.operator for b in self.source.by_api.get(api, ())]
            if all(o.kind in ("function", "class") for o in found) and found:
                return not any(o.gradient for o in found) or all(self._without_gradient(n) for n in given)
            return False
        if isinstance(node, (ast.BinOp, ast.BoolOp, ast.UnaryOp)):
            inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)]
            return all(self._without_gradient(n) for n in inner)
        return False
