"""Tensors of which some calls of a target give what is in memory: without elements, or with rows of -inf."""

from __future__ import annotations

import ast
import functools

from convmap import translate
from convmap.model import Plan
from convmap.rewrite.divergences import Divergences


class Hazards(Divergences):
    """Writes a call so that such tensors are no danger, where the file may have them."""

    def _lower(self, lifted: translate.Lifted, used: bool, growing: bool) -> Plan:
        """Lower a call; raise Refusal where no call of the target is exact."""
        given = (lifted.call, self.target, self.version, lifted, self.allowed, used, growing)
        plan = translate.lower(*given)
        if plan.binding.wrong_with and plan.binding.wrong_with in self._hazards:
            plan = translate.lower(given[0], self.target.safe_with(plan.binding.wrong_with), *given[2:])
        return plan

    @functools.cached_property
    def _hazards(self) -> set[str]:
        """What the file may have, in the rules' words."""
        none = {"no elements"} if self._picks_by_data() else set()
        return none | ({"infinities"} if self._names_infinity() else set())

    def _picks_by_data(self) -> bool:
        """Tell whether the file picks by masks or looks for places: what it finds may be nothing."""
        picked = (s for s in self.names.subscripts if isinstance(s.ctx, ast.Load))
        return any(self._may_pick_none(s.slice) for s in picked) or any(
            binding.operator.sized_by_data
            for call in self.names.calls
            for binding in self.source.by_api.get(self._api_of(call)[0] or "", ())
        )

    def _may_pick_none(self, index: ast.expr) -> bool:
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        return any(not isinstance(p, (ast.Slice, ast.Constant)) and self._is_tensor(p) for p in parts)

    def _is_tensor(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Compare):  # x[x > 0]; what numbers compare to is no index
            return True
        return self.inference.kind(node) == "tensor"

    def _names_infinity(self) -> bool:
        """Tell whether the file says float("-inf"), math.inf or the like, as masks of attention do."""
        named = (self.names.qualified(node) or "" for node in self.names.candidates)
        return any(name.endswith(".inf") for name in named) or any(
            isinstance(call.func, ast.Name) and call.func.id == "float" and _is_infinite(call)
            for call in self.names.calls
        )


def _is_infinite(call: ast.Call) -> bool:
    given = call.args[0] if call.args else None
    return isinstance(given, ast.Constant) and "inf" in str(given.value).lower()
