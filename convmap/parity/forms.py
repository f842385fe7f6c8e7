"""How each framework says a case: what the rules write for it, and the plain call a quirk warns of."""

from __future__ import annotations

from dataclasses import dataclass

from convmap.adapters import plain_names
from convmap.conditions import holds
from convmap.errors import Refusal
from convmap.model import Binding, OpCall, Plan, Sides, SlotValue, Value, constant
from convmap.parity.cases import Case
from convmap.rules import Framework, Quirk, Rules
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

    quirk: Quirk
    form: Form
    raises: frozenset[str]  # what all quirks that the call is under say


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


def probes_of(case: Case, framework: Framework, rules: Rules, gradients: bool) -> list[Probe]:
    """Give the plain calls that a quirk keeps the rules from writing for this case."""
    call = call_of(case, rules)
    names = names_for_limits(call)
    found = []
    for binding in framework.for_operator(call.operator, call.dims):
        quirks = [q for q in framework.quirks if q.when and binding.api in q.apis and holds(q.when, names)]
        if binding.shim or not quirks:
            continue
        try:
            plan = lower_to(binding, call, ignoring=frozenset(q.id for q in quirks))
        except Refusal:
            continue
        form = _form(plan)
        also = input_quirk(case, form, framework, rules, gradients)
        raises = frozenset(kind for q in (*quirks, also) if q for kind in q.raises)
        found += [Probe(quirk, form, raises) for quirk in quirks]
    return found


def input_quirk(case: Case, form: Form, framework: Framework, rules: Rules, gradients: bool) -> Quirk | None:
    """Give the quirk, if any, that a call shows at these input sizes (lowering can't know them)."""
    quirks = [q for q in framework.quirks if q.input_when and form.api in q.apis]
    if not quirks:
        return None
    columns = zip(case.sizes, case.kernel, case.stride, case.dilation)
    names = {
        **names_for_limits(call_of(case, rules)),
        "sizes": case.sizes,
        "output": case.output_sizes,
        "bias": case.bias,
        "kernel": case.kernel,
        "gradients": gradients,
        "full": tuple((n - 1) * s + d * (k - 1) + 1 for n, k, s, d in columns),
    }
    return next((q for q in quirks if holds(q.input_when, names)), None)


def _form(plan: Plan) -> Form:
    binding = plan.binding
    arguments = [f"{a.keyword}={a.value.code}" if a.keyword else a.value.code for a in arguments_of(plan)]
    text = f"{binding.api or binding.shim}({', '.join(arguments)})"
    return Form(plain_names(text), binding.api or binding.shim, plan.status, _names(binding))


def _names(binding: Binding) -> dict[str, str]:
    given = {w.canonical: w.name for w in binding.weights}
    return {name: given.get(name, name) for name in binding.operator.weights}
