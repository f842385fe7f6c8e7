"""What differs between an API of one framework and its counterpart in another, from their bindings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convmap.model import AXES, LAYER, Binding, Map, Param
from convmap.rules import Framework, Quirk, Rules
from convmap.versions import admits

PLAIN = ("same", "spatial", "typed", "tuple")  # adapters that change nothing a reader has to know
WIDTH = 44  # characters of half a page


@dataclass(frozen=True)
class Row:
    """One parameter of the source beside the target's; each difference is a key of texts.toml and its words."""

    name: str
    default: str
    other: str
    other_default: str
    differences: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Pair:
    """One API and a counterpart."""

    mine: Binding
    other: Binding
    rows: tuple[Row, ...]
    extra: tuple[Param, ...]  # parameters of the counterpart that nothing of the source fills
    fixed: tuple[tuple[str, str, str], ...]  # of the counterpart: parameter, the value it has to have, why
    weights: tuple[tuple[str, str, str], ...]  # name here, name there, layout there
    quirks: tuple[Quirk, ...]

    @property
    def status(self) -> str:
        return "shim" if self.other.shim else "exact"


def pairs(rules: Rules, operator: str, source: Framework, target: Framework) -> list[Pair]:
    """Give every API of an operator with each way that the target has to write it, plain calls first."""
    found = []
    for mine in source.bindings:
        if mine.operator.name != operator or not mine.api or not admits(mine, source.version) or mine.lossy:
            continue
        for other in target.for_operator(rules.operators[operator], mine.dims):
            if admits(other, target.version):
                found.append(_pair(mine, other, target))
    return found


def shown_name(binding: Binding) -> str:
    """Give the name a page shows: of an API, a shim, or what is written in its place."""
    if binding.shim or binding.api:
        return binding.shim or binding.api
    return binding.write.replace("@", "").replace("!", "")


def signature(binding: Binding, width: int | None = WIDTH) -> str:
    """Give a signature as Python writes it, a parameter a line where it is wider than that."""
    parts, star = [], False
    for p in binding.params:
        if p.kind == "keyword" and not star:
            parts.append("*")
            star = True
        star = star or p.kind == "args"
        prefix = {"args": "*", "kwargs": "**"}.get(p.kind, "")
        parts.append(prefix + p.name + (f"={p.default.code}" if p.default is not None else ""))
    short = f"{shown_name(binding)}({', '.join(parts)})"
    if width is None or len(short) <= width:
        return short
    return "\n".join([f"{shown_name(binding)}(", *(f"    {part}," for part in parts), ")"])


def _pair(mine: Binding, other: Binding, target: Framework) -> Pair:
    rows = tuple(_rows(mine, other))
    filled = {name for row in rows for name in row.other.split(", ")}
    fixed = tuple(
        (name, ", ".join(repr(v) for v in m.option("values", ())), str(m.option("why", "")))
        for m in other.maps
        if m.adapter == "fixed"
        for _, name in m.roles
    )
    of_layer = {name for m in other.maps if {AXES, LAYER} & set(m.slots) for _, name in m.roles}
    known = filled | {name for name, _, _ in fixed} | {"self"} | of_layer
    extra = tuple(p for p in other.params if p.name not in known)
    there = {w.canonical: w for w in other.weights}
    weights = tuple(
        (w.name, there[w.canonical].name if w.canonical in there else "", there[w.canonical].layout)
        if w.canonical in there
        else (w.name, "", "")
        for w in mine.weights
    )
    quirks = tuple(q for q in target.quirks if shown_name(other) in q.apis)
    return Pair(mine, other, rows, extra, fixed, weights, quirks)


def _rows(mine: Binding, other: Binding) -> Iterator[Row]:
    slots: dict[str, Map] = {slot: m for m in other.maps for slot in m.slots}
    order = [p.name for p in other.params]
    for index, param in enumerate(mine.params):
        own = next((m for m in mine.maps if param.name in [name for _, name in m.roles]), None)
        default = param.default.code if param.default is not None else ""
        if own is None:
            yield Row(param.name, default, "", "", (("only_default", (default or "None",)),))
            continue
        if own.adapter in ("fixed", "ignored"):
            values = ", ".join(repr(v) for v in own.option("values", ()))
            key = "ignored" if own.adapter == "ignored" else "only_default"
            yield Row(param.name, default, "", "", ((key, (values,)),))
            continue
        theirs = [slots[slot] for slot in own.slots if slot in slots]
        alike = [m for m in theirs if m.adapter == own.adapter]
        if alike:  # both sides say it in the same form: role by role
            role = next(role for role, name in own.roles if name == param.name)
            names = [name for m in alike for r, name in m.roles if r == role]
        else:
            names = [name for m in theirs for _, name in m.roles]
        if not names:
            yield Row(param.name, default, "", "", (("missing", ()),))
            continue
        first = next(p for p in other.params if p.name == names[0])
        there = first.default.code if first.default is not None else ""
        found: list[tuple[str, tuple[str, ...]]] = []
        if param.name not in names and "self" not in (param.name, *names):
            found.append(("renamed", ()))
        if len(names) == 1 and default != there and default and there:
            found.append(("default", (default, there)))
        elif len(names) == 1 and bool(default) != bool(there):
            found.append(("required" if default else "optional", ()))
        if param.kind == "plain" and len(names) == 1 and names[0] in order and order.index(names[0]) != index:
            found.append(("position", (str(index + 1), str(order.index(names[0]) + 1))))
        ways = () if alike else dict.fromkeys(m.adapter for m in (own, *theirs) if m.adapter not in PLAIN)
        found += [(f"adapter_{way}", ()) for way in ways]
        yield Row(param.name, default, ", ".join(dict.fromkeys(names)), there, tuple(found))
