"""Laws over every call: lowering what was lifted gives the call back, in its own and any other framework."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from dialects import FRAMEWORKS
from hypothesis import given, settings
from hypothesis import strategies as st

from convmap import translate
from convmap.errors import Refusal
from convmap.model import Binding, constant
from convmap.rewrite.shims import read_shims
from convmap.rules import load
from convmap.translate import Argument, arguments_of, lift, lower, same_call


def number_or_tuple(axes: int, low: int, high: int) -> st.SearchStrategy[Any]:
    number = st.integers(low, high)
    return number | st.tuples(*[number] * axes)


def per_axis(value: Any, axes: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


@st.composite
def torch_convolutions(draw: st.DrawFn) -> tuple[Binding, list[Argument]]:
    """Draw a plain or transposed convolution of torch with constant arguments, in a random spelling."""
    axes = draw(st.integers(1, 3))
    transposed = draw(st.booleans())
    name = f"torch.nn.ConvTranspose{axes}d" if transposed else f"torch.nn.Conv{axes}d"
    (binding,) = load().framework("torch").by_api[name]
    drawn = {
        "kernel_size": number_or_tuple(axes, 1, 7),
        "stride": number_or_tuple(axes, 1, 4),
        "padding": number_or_tuple(axes, 0, 4),
        "output_padding": number_or_tuple(axes, 0, 3),
        "dilation": number_or_tuple(axes, 1, 3),
        "groups": st.sampled_from([1, 2, 4]),
        "bias": st.booleans(),
        "in_channels": st.just(4),
        "out_channels": st.just(8),
    }
    params = [p for p in binding.params if p.name in drawn]
    values = {p.name: draw(drawn[p.name]) for p in params}
    if transposed:
        # torch raises at run time unless output_padding is smaller than stride or dilation
        most = min(
            max(pair) for pair in zip(per_axis(values["stride"], axes), per_axis(values["dilation"], axes))
        )
        extra = values["output_padding"]
        values["output_padding"] = (
            tuple(min(n, most - 1) for n in extra) if isinstance(extra, tuple) else min(extra, most - 1)
        )
    positional = draw(st.integers(2, len(params)))
    args = []
    for index, param in enumerate(params):
        optional = param.default is not None and param.name not in ("stride", "dilation")
        if index >= positional and optional and draw(st.booleans()):
            continue
        keyword = param.name if index >= positional or binding.params[index].name != param.name else None
        args.append(Argument(constant(values[param.name]), keyword))
    return binding, args


@pytest.mark.parametrize("target", FRAMEWORKS)
@given(call=torch_convolutions())
@settings(deadline=None, max_examples=150)
def test_what_is_lowered_lifts_back(target: str, call: tuple[Binding, list[Argument]]) -> None:
    lifted = lift(*call)
    try:
        plan = lower(lifted.call, load().framework(target), lifted=lifted)
    except Refusal:
        assert target == "mindspore", "only MindSpore refuses: dilation along depth"
        return
    again = lift(plan.binding, arguments_of(plan))
    assert same_call(again.call, lifted.call)
    if target == "torch":
        assert plan.binding is lifted.binding and plan.status == "exact"


@given(call=torch_convolutions(), data=st.data())
@settings(deadline=None, max_examples=150)
def test_another_number_is_another_call(call: tuple[Binding, list[Argument]], data: st.DataObject) -> None:
    binding, args = call
    index = data.draw(st.integers(0, len(args) - 1))
    before = args[index].value.known
    changed = [*args]
    other = (not before) if isinstance(before, bool) else tuple(n + 1 for n in before) if isinstance(
        before, tuple) else before + 1  # fmt: skip
    changed[index] = Argument(constant(other), args[index].keyword)
    assert not same_call(lift(binding, args).call, lift(binding, changed).call)


@pytest.mark.parametrize("source", ["mindspore", "megengine"])
@given(call=torch_convolutions())
@settings(deadline=None, max_examples=100)
def test_a_round_trip_is_the_identity(source: str, call: tuple[Binding, list[Argument]]) -> None:
    lifted = lift(*call)
    try:
        there = lower(lifted.call, load().framework(source), lifted=lifted)
    except Refusal:
        return
    if there.status != "exact":
        return
    middle = lift(there.binding, arguments_of(there))
    back = lower(middle.call, load().framework("torch"), lifted=middle)
    assert back.binding is lifted.binding
    translate.check(back, lifted.call)


def test_every_shim_that_the_rules_name_is_there() -> None:
    for framework in load().frameworks.values():
        there = read_shims(framework.folders, framework.package)
        assert not {b.shim for b in framework.bindings if b.shim} - set(there), framework.name


@pytest.mark.parametrize("name", ["mindspore", "megengine"])
def test_an_api_is_read_as_one_operator(name: str) -> None:
    # ops.zeros is written for torch.empty too: read as empty it would go back as memory nobody filled.
    # Overloads told apart by their arguments' types or number are read as several.
    for api, bindings in load().framework(name).by_api.items():
        typed = [
            b
            for b in bindings
            if any(m.adapter == "typed" for m in b.maps) or b.operator.kind == "class" or b.heeds
        ]
        rest = {b.operator.name: len(b.params) for b in bindings if b not in typed}
        assert len(rest) == len(set(rest.values())), api


def table_in(function: str) -> dict[str, str]:
    """Give the names that a MindSpore shim translates."""
    shim = read_shims(load().framework("mindspore").folders, "mindspore")[function]
    assigned = [
        n for n in ast.walk(ast.parse(re.sub("\0.*?\0", "x", shim.text))) if isinstance(n, ast.Assign)
    ]
    return dict(ast.literal_eval(next(a.value for a in assigned if a.targets[0].id == "others")))  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", [f for f in FRAMEWORKS if f != "torch"])
def test_a_layers_class_has_one_name_in_torch(target: str) -> None:
    named: dict[str, set[str]] = {}
    torch, other = load().framework("torch"), load().framework(target)
    for binding in torch.bindings:
        kinds = ("layer", "container", "class")
        if binding.api and binding.operator.kind in kinds and binding.operator.returns != "dtype":
            for written in other.for_operator(binding.operator, binding.dims):
                name = (written.shim or written.api).rpartition(".")[2]
                named.setdefault(name, set()).add(binding.api.rpartition(".")[2])
    named.pop("", None)
    differing = {name: found.pop() for name, found in named.items() if len(found) > 1 or found != {name}}
    plain = {n: t for n, t in differing.items() if not n.startswith(("Torch", "Sides", "MegEngine"))}
    assert plain == (table_in("name_of") if target == "mindspore" else {})
    assert all(re.sub("^(Torch|Sides|MegEngine)", "", n) == t for n, t in differing.items() if n not in plain)


def test_a_layers_parameter_has_one_name_in_torch() -> None:
    other = load().framework("mindspore")
    names = {(w.name.rpartition(".")[2], w.canonical) for b in other.bindings for w in b.weights}
    assert {(n, c) for n, c in names if n != c} == set(table_in("torch_name").items())
