"""Lifts a framework's call to its canonical operator and lowers it to another framework.

Pure: text and values in, a plan out. The only place that knows both ends of a translation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from convmap import versions
from convmap.adapters import ADAPTERS, CannotWrite, Context
from convmap.conditions import holds
from convmap.errors import Refusal
from convmap.model import (
    SOMETHING,
    UNKNOWN,
    Binding,
    Limit,
    Named,
    Opaque,
    OpCall,
    Param,
    Plan,
    Sides,
    SlotValue,
    Value,
    Write,
    constant,
)
from convmap.rules import Framework


class Argument(NamedTuple):
    """One argument as it stands in a call; ``star`` counts the stars before it."""

    value: Value
    keyword: str | None = None
    star: int = 0


class Lifted(NamedTuple):
    """A call that was understood: its meaning and which argument fills which parameter."""

    binding: Binding
    call: OpCall
    given: Mapping[str, tuple[int, ...]]


def bind(binding: Binding, args: Sequence[Argument]) -> tuple[dict[str, Value], dict[str, tuple[int, ...]]]:
    """Bind arguments to parameters as Python would; raise Refusal where that is not decidable."""
    values: dict[str, Value] = {}
    given: dict[str, tuple[int, ...]] = {}
    plain, rest, names = binding.plain, binding.star, binding.named
    extra: list[int] = []
    others: list[int] = []
    for index, arg in enumerate(args):
        if arg.star == 2:
            raise Refusal("CM105", "arguments come from a ** mapping", "write them out")
        if arg.keyword is not None:
            if rest is not None and arg.keyword == rest.name and not extra:
                extra.append(index)  # torch.empty(size=(2, 3))
                continue
            if arg.keyword not in names and binding.rest is not None:
                others.append(index)
                continue
            if arg.keyword not in names:
                raise Refusal("CM104", f"{binding.api} has no parameter {arg.keyword!r}")
            if arg.keyword in values:
                raise Refusal("CM104", f"{arg.keyword} is given twice")
            values[arg.keyword], given[arg.keyword] = arg.value, (index,)
        elif index < len(plain) and not arg.star:
            name = plain[index].name
            values[name], given[name] = arg.value, (index,)
        elif rest is not None and index >= len(plain):
            extra.append(index)
        elif arg.star:
            raise Refusal("CM105", "arguments come from a * sequence", "write them out")
        else:
            raise Refusal("CM104", f"{binding.api} takes at most {len(plain)} positional arguments")
    if binding.rest is not None:
        pure = all(args[i].value.pure for i in others)
        code = ", ".join(f"{args[i].keyword}={args[i].value.code}" for i in others)
        values[binding.rest.name] = Value(code, UNKNOWN, "unknown", (), pure)
        given[binding.rest.name] = tuple(others)
    if rest is not None:
        items = tuple(args[i].value for i in extra)
        code = ", ".join(v.code for v in items)
        known = tuple(v.known for v in items)
        pure = all(v.pure for v in items)
        values[rest.name] = Value(
            f"({code}{',' if len(items) == 1 else ''})",
            UNKNOWN if UNKNOWN in known else known,
            "tuple",
            items,
            pure,
        )
        given[rest.name] = tuple(extra)
    for param in binding.params:
        if param.name not in values and param.kind in ("plain", "keyword"):
            if param.default is None:
                raise Refusal("CM104", f"{binding.api} needs {param.name!r}")
            values[param.name] = param.default
    return values, given


def lift(binding: Binding, args: Sequence[Argument]) -> Lifted:
    """Say what a call means, as slots of its operator."""
    values, given = bind(binding, args)
    slots: dict[str, SlotValue] = {}
    context = Context(binding.dims, slots)
    for mapping in binding.maps:
        roles = {role: values[param] for role, param in mapping.roles}
        try:
            slots.update(ADAPTERS[mapping.adapter].lift(mapping, roles, context))
        except CannotWrite as error:
            raise Refusal("CM201", f"{binding.api}: {error}") from None
    for slot in binding.operator.slots:
        if slot.name not in slots:
            if slot.neutral is None:
                raise Refusal("CM201", f"{binding.api} does not say its {slot.name}")
            slots[slot.name] = slot.neutral
    ordered = tuple((s.name, slots[s.name]) for s in binding.operator.slots)
    return Lifted(binding, OpCall(binding.operator, binding.dims, ordered), given)


def divergences(lifted: Lifted) -> list[tuple[Limit, bool]]:
    """Give the quirks by which the source's own call means something else, and whether that is sure.

    Those that raise are left out: who has such a call knows it.
    """
    read = lifted.binding.read_only  # its limits can be about nothing but reading
    limits = [limit for limit in lifted.binding.limits if read or limit.shows in ("values", "gradient")]
    names = _names_with_kinds(lifted.call) if limits else {}
    answers = [(limit, holds(limit.when, names)) for limit in limits]
    return [
        (limit, answer is True or (read and limit.shows != "gradient"))
        for limit, answer in answers
        if answer is not False
    ]


def equal(a: SlotValue, b: SlotValue, dims: int | None = None) -> bool:
    """Tell whether two slot values are provably the same."""
    if isinstance(a, Value) and isinstance(b, Value):
        if a.is_known and b.is_known:
            left, right = _broadcast(a.known, dims), _broadcast(b.known, dims)
            return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
        return a.code == b.code
    return a == b


def _broadcast(value: Any, dims: int | None) -> Any:
    if dims and isinstance(value, int) and not isinstance(value, bool):
        return (value,) * dims
    return tuple(value) if isinstance(value, list) else value


_SOMETHING = {"int", "float", "bool", "number", "str", "tuple", "tensor"}  # kinds that None is not of


def names_for_limits(call: OpCall) -> dict[str, Any]:
    """Give what conditions of rules may name: slots, spatial ones axis by axis, and the sides."""
    names: dict[str, Any] = {"dims": call.dims}
    values = dict(call.slots)
    for slot in call.operator.slots:
        value = values[slot.name]
        if isinstance(value, Value):
            known = value.known.operator if isinstance(value.known, Named) else value.known
            if slot.spatial and call.dims and isinstance(known, int):
                known = (known,) * call.dims
            elif slot.spatial and call.dims and not value.is_known and value.shape == "tuple":
                known = tuple(i.known for i in value.items)
            names[slot.name] = known
        if slot.sides:
            columns: tuple[Any, Any] = (UNKNOWN, UNKNOWN)
            if isinstance(value, Sides):
                columns = tuple(  # type: ignore[assignment]
                    tuple(axis[i].known for axis in value.axes) for i in (0, 1)
                )
            elif isinstance(value, Opaque) and dict(value.roles).get("output_padding"):
                known = dict(value.roles)["output_padding"].known
                extra = (known,) * (call.dims or 1) if isinstance(known, int) else known
                columns = (UNKNOWN, extra)
            names.update(zip(slot.sides, columns))
    return names


def _names_with_kinds(call: OpCall) -> dict[str, Any]:
    """Give the same, and SOMETHING for an unknown value that is not None by its kind."""
    names = names_for_limits(call)
    for slot, value in call.slots:
        if isinstance(value, Value) and names.get(slot) is UNKNOWN and value.kind in _SOMETHING:
            names[slot] = SOMETHING
    return names


def _is_empty_container(call: OpCall) -> bool:
    values = [value for _, value in call.slots]
    empty = all(isinstance(v, Value) and not v.items and v.code in ("", "()") for v in values)
    return call.operator.grows and call.operator.kind == "container" and empty


def lower(
    call: OpCall,
    target: Framework,
    version: str | None = None,
    lifted: Lifted | None = None,
    allowed: frozenset[str] = frozenset(),
    used: bool = True,
    growing: bool = False,
) -> Plan:
    """Write a canonical call for a framework; raise Refusal with every reason where none is exact.

    ``used``: something takes the call's result. ``growing``: children are added to it later.
    """
    version = version or target.version
    reasons: list[str] = []
    candidates = target.for_operator(call.operator, call.dims, allowed)
    for binding in candidates:
        if not versions.admits(binding, version) or (binding.statement and used):
            continue
        later = growing or _is_empty_container(call)  # made empty, it is made to be filled
        if later and not binding.grows and any(b.grows for b in candidates):
            continue
        try:
            writes = tuple(_named(w, target) for w in _write(call, binding, lifted))
        except CannotWrite as reason:
            name = (binding.shim or binding.api).rpartition(".")[2]
            reasons.append(f"{name}: {reason}" if name else str(reason))
            continue
        status = "lossy" if binding.lossy else "shim" if binding.shim else "exact"
        return Plan(binding, writes, status, tuple(reasons))
    if not reasons:
        name = lifted.binding.api if lifted is not None else call.operator.name
        reasons = [f"{target.name} {version} has no counterpart of {name} in the rules"]
    raise Refusal("CM202", "; ".join(reasons), "port this call by hand, and check it with verify")


def _named(write: Write, target: Framework) -> Write:
    """Spell a name that every framework has its own for; one that the target lacks can't be written."""
    if not isinstance(write.value.known, Named):
        return write
    name = write.value.known.operator
    found = [b for b in target.bindings if b.operator.name == name and not b.read_only]
    if not found:
        raise CannotWrite(f"{target.name} has no {name.replace('_', ' ')}")
    if not write.value.code.startswith("\0O"):
        return write  # the source's own text, whose names are rewritten in it
    code = found[0].write or f"\0R{found[0].api}\0"
    return write._replace(value=replace(write.value, code=code))


def met_at_run_time(plan: Plan, call: OpCall) -> list[Limit]:
    """Give the limits of a shim that raises where they hold, and may hold here."""
    limits = [limit for limit in plan.binding.limits if limit.raises]
    names = _names_with_kinds(call) if limits else {}
    return [limit for limit in limits if holds(limit.when, names) is None]


def lower_to(binding: Binding, call: OpCall, ignoring: frozenset[str] = frozenset()) -> Plan:
    """Write a canonical call through one binding, some of its quirks ignored; for probing them."""
    try:
        writes = _write(call, binding, None, ignoring)
    except CannotWrite as reason:
        raise Refusal("CM202", str(reason)) from None
    return Plan(binding, writes, "shim" if binding.shim else "exact")


def _write(
    call: OpCall, binding: Binding, lifted: Lifted | None, ignoring: frozenset[str] = frozenset()
) -> tuple[Write, ...]:
    slots = dict(call.slots)
    names = _names_with_kinds(call) if binding.limits else {}
    for limit in binding.limits:
        if limit.name and limit.name in ignoring:
            continue
        answer = holds(limit.when, names)
        if answer or (answer is None and not limit.raises):
            raise CannotWrite(limit.reason + ("" if answer else " (not known before run time)"))
    carried = {slot for m in binding.maps for slot in m.slots}
    for slot in call.operator.slots:
        value = slots[slot.name]
        if slot.name not in carried and not (
            slot.neutral is not None and equal(value, slot.neutral, call.dims)
        ):
            shown = value.code if isinstance(value, Value) and value.is_known else "this value"
            raise CannotWrite(f"no way to say {slot.name} = {shown}")
    context = Context(call.dims, slots)
    values: dict[str, Value] = {}
    sources: dict[str, tuple[str, ...]] = {}
    for mapping in binding.maps:
        out = ADAPTERS[mapping.adapter].lower(mapping, slots, context)
        for role, name in mapping.roles:
            if role in out:
                values[name] = out[role]
                sources[name] = _sources(mapping.slots, lifted)
    writes = []
    for param in binding.params:
        if param.name not in values:
            continue
        value = values[param.name]
        if param.default is not None and equal(value, param.default, call.dims):
            # Where the user wrote this very parameter, the text stays as it was.
            if param.name not in _given(lifted) or "\0" not in value.code:
                continue
        writes.append(Write(param, value, sources[param.name]))
    return tuple(writes)


def _given(lifted: Lifted | None) -> Iterable[str]:
    return lifted.given if lifted else ()


def _sources(slots: tuple[str, ...], lifted: Lifted | None) -> tuple[str, ...]:
    """Name the source parameters that carried the slots, those that were given."""
    if lifted is None:
        return ()
    given, wanted = lifted.given, set(slots)
    return tuple(
        param
        for m in lifted.binding.maps
        if not wanted.isdisjoint(m.slots)
        for _, param in m.roles
        if param in given
    )


def same_call(a: OpCall, b: OpCall, text: Callable[[str], str] = str) -> bool:
    """Tell whether two canonical calls mean the same; ``text`` resolves marks in code."""
    return a == b or signature_of(a, text) == signature_of(b, text)


def signature_of(call: OpCall, text: Callable[[str], str] = str) -> tuple[Any, ...]:
    """Reduce a canonical call to what it means, free of spelling."""

    def value_of(value: SlotValue, spatial: bool) -> Any:
        if isinstance(value, Sides):
            return tuple((value_of(a, False), value_of(b, False)) for a, b in value.axes)
        if isinstance(value, Opaque):
            return (value.adapter, tuple((r, value_of(v, True)) for r, v in value.roles))
        if value.is_known:
            known = _broadcast(value.known, call.dims if spatial else None)
            # A default of 2.0 stands for 2, too.
            return ("known", repr(int(known) if isinstance(known, float) and known.is_integer() else known))
        if value.shape == "tuple" and value.items and not value.code.startswith("*"):
            items = tuple(value_of(v, False) for v in value.items)
            return items * (call.dims or 1) if len(items) == 1 and spatial else items
        return ("code", normal_text(text(value.code)))

    slots = {s.name: s for s in call.operator.slots}
    return (
        call.operator.name,
        call.dims,
        tuple((name, value_of(value, slots[name].spatial)) for name, value in call.slots),
    )


def normal_text(code: str) -> str:
    """Drop spelling: comments, spaces, needless parentheses."""
    stars = re.match(r"\*{0,2}", code).group()  # type: ignore[union-attr]
    try:
        return stars + ast.unparse(ast.parse(code[len(stars) :].strip(), mode="eval"))
    except (SyntaxError, ValueError):  # a mark in it is a null byte: ValueError before Python 3.11.4
        return code


def arguments_of(plan: Plan) -> list[Argument]:
    """Give the arguments a plan writes, so that it can be lifted again."""
    out: list[Argument] = []
    positional = True
    for param, write in _in_order(plan):
        if param.kind == "args":
            out += [Argument(v) for v in write.value.items]
        elif write is None:
            positional = False
        elif positional and param.kind == "plain":
            out.append(Argument(write.value))
        else:
            out.append(Argument(write.value, param.name))
    return out


def _in_order(plan: Plan) -> Iterable[tuple[Param, Any]]:
    by_name = {w.param.name: w for w in plan.writes}
    return [(p, by_name.get(p.name)) for p in plan.binding.params if p.kind != "kwargs"
            and (p.kind != "args" or p.name in by_name)]  # fmt: skip


def check(plan: Plan, call: OpCall) -> None:
    """Lift a plan again from the target's side; a difference is an error of convmap's own."""
    again = lift(plan.binding, arguments_of(plan))
    if not same_call(again.call, call):
        raise Refusal(
            "CM900",
            f"internal: {plan.binding.api or plan.binding.shim} does not lift back to the same call",
            "please report this call",
        )


__all__ = ["Argument", "Lifted", "arguments_of", "bind", "check", "constant", "lift", "lower", "lower_to"]
