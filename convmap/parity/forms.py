"""How each framework says a case: what the rules write for it, and the plain call a quirk warns of."""

from __future__ import annotations

from dataclasses import dataclass

from convmap.conditions import holds
from convmap.errors import Refusal
from convmap.model import Binding, OpCall, Plan, Sides, SlotValue, Value, constant
from convmap.parity.cases import Case
from convmap.rules import Framework, Rules
from convmap.translate import arguments_of, lower, lower_to, names_for_limits


@dataclass(frozen=True)
class Form:
    """A call as text; ``weights``: the framework's names of weight and bias."""

    text: str
    api: str
    status: str  # exact, shim
    weights: dict[str, str]


@dataclass(frozen=True)
class Probe:
    """A plain call under the condition of a quirk: it is expected to raise or to differ."""

    quirk: str
    form: Form


def call_of(case: Case, rules: Rules) -> OpCall:
    """Give the canonical call of a case."""
    operator = rules.operators[case.op]
    values: dict[str, SlotValue] = {
        "stride": constant(case.stride),
        "dilation": constant(case.dilation),
        "groups": constant(case.groups),
        "crop" if case.transposed else "pads": Sides(
            tuple((constant(a), constant(b)) for a, b in case.sides)
        ),
    }
    if case.is_function:
        values |= {"input": Value("x", shape="scalar"), "weight": Value("weight", shape="scalar")}
        values["bias"] = Value("bias", shape="scalar") if case.bias else constant(None)
    else:
        values |= {"in_channels": constant(case.in_channels), "out_channels": constant(case.out_channels)}
        values |= {"kernel": constant(case.kernel), "bias": constant(case.bias)}
    slots = []
    for slot in operator.slots:
        value = values.get(slot.name, slot.neutral)
        assert value is not None, slot.name
        slots.append((slot.name, value))
    return OpCall(operator, case.axes, tuple(slots))


def form_of(case: Case, framework: Framework, rules: Rules) -> Form:
    """Give what the rules write; raise Refusal where they write nothing."""
    return _form(lower(call_of(case, rules), framework))


def probes_of(case: Case, framework: Framework, rules: Rules) -> list[Probe]:
    """Give the plain calls that a quirk keeps the rules from writing for this case."""
    call = call_of(case, rules)
    names = names_for_limits(call)
    found = []
    for binding in framework.for_operator(call.operator, call.dims):
        quirks = [q.name for q in binding.limits if q.name and holds(q.when, names)]
        if binding.shim or not quirks:
            continue
        try:
            plan = lower_to(binding, call, ignoring=frozenset(quirks))
        except Refusal:
            continue
        found += [Probe(quirk, _form(plan)) for quirk in quirks]
    return found


def _form(plan: Plan) -> Form:
    binding = plan.binding
    arguments = [f"{a.keyword}={a.value.code}" if a.keyword else a.value.code for a in arguments_of(plan)]
    text = f"{binding.api or binding.shim}({', '.join(arguments)})"
    return Form(text, binding.api or binding.shim, plan.status, _names(binding))


def _names(binding: Binding) -> dict[str, str]:
    given = {w.canonical: w.name for w in binding.weights}
    return {name: given.get(name, name) for name in binding.operator.weights}
