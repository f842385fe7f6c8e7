"""The closed vocabulary of argument conversions: how parameters carry slots, in both directions.

No adapter names an operator or a framework: the rules say which parameters play its roles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from convmap.model import UNKNOWN, Map, Named, Opaque, Sides, SlotValue, Value, constant


class CannotWrite(Exception):
    """A slot's value has no form in this binding; the reason is shown to the user."""


class Context(NamedTuple):
    """What an adapter may look at: the number of spatial axes and the slots read before it."""

    dims: int | None
    slots: Mapping[str, SlotValue]

    def numbers(self, slot: str) -> tuple[int, ...] | None:
        """Give a spatial slot as one known integer for each axis, or None."""
        value = self.slots.get(slot)
        if not isinstance(value, Value) or not value.is_known or self.dims is None:
            return None
        if isinstance(value.known, int):
            return (value.known,) * self.dims
        known = tuple(value.known) if isinstance(value.known, (tuple, list)) else ()
        return known if len(known) == self.dims else None


Lift = Callable[[Map, Mapping[str, Value], Context], dict[str, SlotValue]]
Lower = Callable[[Map, Mapping[str, SlotValue], Context], dict[str, Value]]


@dataclass(frozen=True)
class Adapter:
    name: str
    roles: tuple[str, ...]
    options: tuple[str, ...]
    lift: Lift
    lower: Lower


def expand(value: Value, dims: int | None) -> tuple[Value, ...] | None:
    """Give a spatial value axis by axis, or None where int or tuple can't be told apart.

    >>> [v.code for v in expand(constant(3), 2)]
    ['3', '3']
    """
    if dims is None:
        return None
    if value.shape == "tuple":
        if len(value.items) == dims:
            return value.items
        return value.items * dims if len(value.items) == 1 else None
    if value.shape == "scalar":
        return (value,) * dims
    return None


def alike(a: Value, b: Value) -> bool:
    """Tell whether two values are the same: the same number, or the same text."""
    return a.known == b.known if a.is_known and b.is_known else a == b


def collapse(axes: tuple[Value, ...], force_tuple: bool = False) -> Value:
    """Write one value for each axis as a single number where all are the same."""
    if not force_tuple and all(alike(a, axes[0]) for a in axes):
        return axes[0]
    if any(not a.pure and axes.count(a) > 1 for a in axes):
        raise CannotWrite("an argument with a call in it would be evaluated twice")
    known = tuple(a.known for a in axes)
    code = ", ".join(a.code for a in axes)
    code = f"({code},)" if len(axes) == 1 else f"({code})"
    pure = all(a.pure for a in axes)
    return Value(code, UNKNOWN if UNKNOWN in known else known, "tuple", axes, pure)


def _single(mapping: Map, slots: Mapping[str, SlotValue]) -> Value:
    value = slots[mapping.slots[0]]
    if isinstance(value, Value):
        return value
    raise CannotWrite(f"the {mapping.slots[0]} is known only at run time")


def _same_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    return {m.slots[0]: args["param"]}


def _same_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    return {"param": _single(m, slots)}


def _check_kind(m: Map, value: Value) -> None:
    kinds = m.option("kinds", ())
    if kinds and value.kind not in kinds and type(value.known).__name__ not in kinds:
        why = m.option("why", "")
        raise CannotWrite(f"{value.code} is not known to be {' or '.join(kinds)}{why and '; ' + why}")


def _typed_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Take a value of certain kinds only: what tells overloads of one call apart."""
    _check_kind(m, args["param"])
    return {m.slots[0]: args["param"]} if m.slots else {}


def _typed_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    if not m.slots:
        return {}
    value = _single(m, slots)
    _typed_lift(m, {"param": value}, ctx)  # else it would be read as another overload
    return {"param": value}


def _implied(m: Map) -> Value:
    """Give what a call says without an argument: a constant, or a name that every framework spells."""
    name = m.option("name", "")
    kind = "dtype" if name.startswith("dtype_") else ""
    return Value(f"\0O{name}\0", Named(name), "scalar", kind=kind) if name else constant(m.option("value"))


def _implied_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    return {m.slots[0]: _implied(m)}


def _implied_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value, own = _single(m, slots), _implied(m)
    if not value.is_known or value.known != own.known:
        raise CannotWrite(f"{m.slots[0]} is always {own.known!r} here")
    return {}


def _spatial_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value = _single(m, slots)
    forms = m.option("forms", "int tuple").split()
    shape = {"scalar": "int", "tuple": "tuple"}.get(value.shape, "unknown")
    if shape in forms or (shape == "unknown" and {"int", "tuple"} <= set(forms)):
        return {"param": value}
    axes = expand(value, ctx.dims)
    if axes is None:
        raise CannotWrite(f"{m.slots[0]} may be an int or a tuple")
    if "int" in forms and all(alike(a, axes[0]) for a in axes):
        return {"param": axes[0]}
    if "tuple" in forms:
        return {"param": collapse(axes, force_tuple=True)}
    raise CannotWrite(f"{m.slots[0]} must be one int here")


def _complement(value: Value) -> Value:
    if value.is_known and isinstance(value.known, (int, float)):
        # Decimal text keeps 1 - 0.1 from being written 0.9000000000000000222.
        return constant(float(f"{1 - value.known:.12g}"))
    if value.code.startswith("1 - ") and value.items:
        return value.items[0]
    return Value(f"1 - {value.wrapped()}", UNKNOWN, "scalar", (value,), value.pure, atom=False)


def _complement_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    return {m.slots[0]: _complemented(args["param"])}


def _complement_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    return {"param": _complemented(_single(m, slots))}


def _complemented(value: Value) -> Value:
    if value.is_known and value.known is None:
        return value
    if not value.is_known and value.shape != "scalar":
        raise CannotWrite("the value may be None, which has no complement")
    return _complement(value)


def _enum_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    value, table = args["param"], dict(m.option("values"))
    if not value.is_known:
        return {m.slots[0]: Opaque("enum", (("param", value),))}
    if value.known not in table:
        raise CannotWrite(f"{value.code} is none of {', '.join(map(repr, table))}")
    return {m.slots[0]: constant(table[value.known])}


def _enum_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value, table = _single(m, slots), dict(m.option("values"))
    for mine, theirs in table.items():
        if value.is_known and theirs == value.known and type(theirs) is type(value.known):
            return {"param": constant(mine)}
    raise CannotWrite(f"{m.slots[0]} {value.code} has no counterpart")


def _or_slot_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    value = args["param"]
    if value.is_known and value.known is None:
        return {m.slots[0]: ctx.slots[m.option("other")]}
    if not value.is_known and value.shape == "unknown":
        return {m.slots[0]: Opaque("or_slot", (("param", value),))}
    return {m.slots[0]: value}


def _or_slot_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value = slots[m.slots[0]]
    if isinstance(value, Opaque) and value.adapter == "or_slot":
        return {"param": value.roles[0][1]}
    other = slots[m.option("other")]
    if value == other or (
        isinstance(value, Value) and isinstance(other, Value) and value.is_known and alike(value, other)
    ):
        return {"param": constant(None)}
    return {"param": _single(m, slots)}


def _or_default_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    value = args["param"]
    known = value.known.operator if isinstance(value.known, Named) else value.known
    given = value.is_known and known == m.option("value")
    return {m.slots[0]: constant(None) if given else value}


def _or_default_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    """Write no argument for None: this parameter's default is what None means elsewhere."""
    value = _single(m, slots)
    if value.is_known and value.known is None:
        return {}
    if not value.is_known and value.kind != "dtype":
        raise CannotWrite(f"the {m.slots[0]} may be None, which is not taken here")
    return {"param": value}


def _ignored_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    value = args["param"]
    if not value.pure:
        raise CannotWrite(f"{value.code} means nothing here, but evaluating it may do something")
    return {}


def _ignored_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    return {}


def _fixed_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    value, wanted = args["param"], m.option("values")
    if value.is_known and value.known in wanted:
        return {}
    names = " or ".join(map(repr, wanted))
    why = m.option("why", "")
    parameter = dict(m.roles)["param"]
    raise CannotWrite(f"{parameter}={value.code}: only {names} can be ported{why and '; ' + why}")


def _shape_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    return {m.slots[0]: args["param"]}


def _symmetric_crop_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    begin = expand(args["padding"], ctx.dims)
    extra = expand(args.get("output_padding", constant(0)), ctx.dims)
    if begin is None or extra is None:
        return {m.slots[0]: Opaque("symmetric_crop", tuple(args.items()))}
    return {m.slots[0]: Sides(tuple(zip(begin, extra)))}


def _symmetric_crop_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    sides = slots[m.slots[0]]
    if isinstance(sides, Opaque):
        if sides.adapter != "symmetric_crop":
            raise CannotWrite("the padding is known only at run time")
        roles = dict(sides.roles)
        kept = {role: roles[role] for role in dict(m.roles) if role in roles}
        if set(roles) - set(kept):
            raise CannotWrite("no output_padding here")
        return kept
    assert isinstance(sides, Sides)
    stride, dilation = ctx.numbers("stride"), ctx.numbers("dilation")
    for axis, (begin, extra) in enumerate(sides.axes):
        if extra.is_known and extra.known < 0:
            raise CannotWrite("the crop is larger at the end than at the beginning")
        if begin.is_known and begin.known < 0:
            raise CannotWrite("zeros are added at the beginning")
        if extra.is_known and extra.known > 0 and stride and dilation:
            if extra.known >= max(stride[axis], dilation[axis]):
                raise CannotWrite("output_padding must be smaller than stride or dilation")
    out = {"padding": collapse(tuple(b for b, _ in sides.axes))}
    extra = collapse(tuple(e for _, e in sides.axes))
    if "output_padding" in dict(m.roles):
        out["output_padding"] = extra
    elif not (extra.is_known and extra.known == 0):
        raise CannotWrite("no output_padding here")
    return out


def _auto_crop(mode: str, ctx: Context) -> tuple[tuple[int, int], ...] | None:
    """Resolve 'same' and 'valid' of a transposed convolution to (begin, extra), per axis.

    Measured on 420 combinations (FACTS.md section 5): 'same' crops ``max(k_eff - stride, 0)`` in
    all, the smaller half first; both pad to a whole stride when the kernel is smaller.
    """
    kernel, stride, dilation = (ctx.numbers(s) for s in ("kernel", "stride", "dilation"))
    if kernel is None or stride is None or dilation is None:
        return None
    out = []
    for k, s, d in zip(kernel, stride, dilation):
        reach = d * (k - 1) + 1
        total = max(reach - s, 0) if mode == "same" else 0
        begin, end = total // 2, total - total // 2 - max(s - reach, 0)
        out.append((begin, begin - end))
    return tuple(out)


def _sides_crop_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    mode, padding = args["mode"], args["padding"]
    opaque: dict[str, SlotValue] = {m.slots[0]: Opaque("sides_crop", tuple(args.items()))}
    if not mode.is_known or ctx.dims is None:
        return opaque
    if mode.known in ("same", "valid"):
        resolved = _auto_crop(mode.known, ctx)
        if resolved is None:
            return opaque
        axes = tuple((constant(b), constant(e)) for b, e in resolved)
        return {m.slots[0]: Sides(axes)}
    pairs = _pairs(padding, ctx.dims)
    if pairs is None:
        return opaque
    return {m.slots[0]: Sides(tuple((b, _difference(b, e)) for b, e in pairs))}


def _difference(begin: Value, end: Value) -> Value:
    if alike(begin, end):
        return constant(0)
    if begin.is_known and end.is_known:
        return constant(begin.known - end.known)
    code = f"{begin.wrapped()} - {end.wrapped()}"
    return Value(code, UNKNOWN, "scalar", (), begin.pure and end.pure, atom=False)


def _pairs(padding: Value, dims: int) -> tuple[tuple[Value, Value], ...] | None:
    """Read an int, or a flat tuple with a begin and an end for each axis."""
    if padding.shape == "tuple" and len(padding.items) == 2 * dims:
        return tuple((padding.items[2 * i], padding.items[2 * i + 1]) for i in range(dims))
    if padding.shape == "scalar":
        return ((padding, padding),) * dims
    if padding.shape == "tuple" and len(padding.items) == 1:
        return ((padding.items[0], padding.items[0]),) * dims
    return None


def _write_pairs(m: Map, pairs: tuple[tuple[Value, Value], ...]) -> Value:
    flat = tuple(v for pair in pairs for v in pair)
    if all(alike(v, flat[0]) for v in flat):
        return flat[0]
    if "tuple" not in m.option("forms", "int tuple").split():
        raise CannotWrite("the two sides differ, and padding must be one int here")
    return collapse(flat, force_tuple=True)


def _sides_crop_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    sides = slots[m.slots[0]]
    if isinstance(sides, Opaque):
        if sides.adapter == "sides_crop":
            return dict(sides.roles)
        raise CannotWrite("padding may be an int or a tuple")
    assert isinstance(sides, Sides)
    negative = "negative" in m.option("forms", "").split()
    pairs = []
    for begin, extra in sides.axes:
        if extra.is_known and extra.known == 0:
            pairs.append((begin, begin))
        elif not (extra.is_known and begin.is_known):
            raise CannotWrite("whether output_padding exceeds padding is known only at run time")
        elif begin.known < 0 or begin.known - extra.known < 0 and not negative:
            raise CannotWrite("output_padding exceeds padding: zeros go before the bias")
        else:
            pairs.append((begin, constant(begin.known - extra.known)))
    padding = _write_pairs(m, tuple(pairs))
    if padding.is_known and padding.known == 0 and _auto_crop("valid", ctx) == ((0, 0),) * len(pairs):
        return {"mode": constant("valid"), "padding": padding}
    return {"mode": constant("pad"), "padding": padding}


def _auto_pads(ctx: Context) -> Sides | None:
    """Resolve 'same' of a plain convolution where it does not depend on the input: stride 1.

    The odd zero goes to the end, in torch and MindSpore alike (FACTS.md section 6).
    """
    kernel, stride, dilation = (ctx.numbers(s) for s in ("kernel", "stride", "dilation"))
    if kernel is None or stride is None or dilation is None or any(s != 1 for s in stride):
        return None
    total = [d * (k - 1) for k, d in zip(kernel, dilation)]
    return Sides(tuple((constant(t // 2), constant(t - t // 2)) for t in total))


def _numbers(sides: Sides | None) -> Any:
    return None if sides is None else [(b.known, e.known) for b, e in sides.axes]


def _mode_pads(mode: str, m: Map, ctx: Context, args: Mapping[str, Value]) -> SlotValue:
    if mode == "valid":
        return Sides(((constant(0), constant(0)),) * (ctx.dims or 0))
    resolved = _auto_pads(ctx)
    return Opaque("auto_same", ()) if resolved is None else resolved


def _symmetric_pads_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    padding = args["padding"]
    if padding.is_known and isinstance(padding.known, str):
        if padding.known not in ("same", "valid"):
            raise CannotWrite(f"padding={padding.code} is neither 'same' nor 'valid'")
        return {m.slots[0]: _mode_pads(padding.known, m, ctx, args)}
    axes = expand(padding, ctx.dims)
    if axes is None:
        return {m.slots[0]: Opaque("symmetric_pads", tuple(args.items()))}
    return {m.slots[0]: Sides(tuple((a, a) for a in axes))}


def _symmetric_pads_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    sides = slots[m.slots[0]]
    forms = m.option("forms", "int tuple").split()
    strings = "string" in forms
    if isinstance(sides, Opaque):
        if sides.adapter == "symmetric_pads":
            value = dict(sides.roles)["padding"]
            # "unknown": no source of this operator takes a string.
            if strings or "unknown" in forms or value.shape != "unknown":
                return {"padding": value}
            raise CannotWrite("padding may be an int, a tuple or a string")
        stride = ctx.numbers("stride")
        if sides.adapter == "auto_same" and strings and stride and set(stride) == {1}:
            return {"padding": constant("same")}
        raise CannotWrite("'same' padding depends on the input's size")
    assert isinstance(sides, Sides)
    if all(alike(b, e) for b, e in sides.axes):
        return {"padding": collapse(tuple(b for b, _ in sides.axes))}
    if strings and _numbers(sides) == _numbers(_auto_pads(ctx)):
        return {"padding": constant("same")}
    raise CannotWrite("the two sides of the padding differ")


def _sides_pads_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    mode = args["mode"]
    if mode.is_known and ctx.dims is not None:
        if mode.known in ("same", "valid"):
            return {m.slots[0]: _mode_pads(mode.known, m, ctx, args)}
        pairs = _pairs(args["padding"], ctx.dims)
        if pairs is not None:
            return {m.slots[0]: Sides(pairs)}
    return {m.slots[0]: Opaque("sides_pads", tuple(args.items()))}


def _sides_pads_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    sides = slots[m.slots[0]]
    if isinstance(sides, Opaque):
        if sides.adapter == "sides_pads":
            return dict(sides.roles)
        if sides.adapter == "auto_same":
            return {"mode": constant("same"), "padding": constant(0)}
        raise CannotWrite("padding may be an int or a tuple")
    assert isinstance(sides, Sides)
    padding = _write_pairs(m, sides.axes)
    mode = "valid" if padding.is_known and padding.known == 0 else "pad"
    return {"mode": constant(mode), "padding": padding}


def _varargs_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read ``f(a, b)`` and ``f((a, b))`` as one shape; of ``f(a)`` only certain kinds where some are named."""
    items = args["param"].items
    if m.option("kinds", ()) and not items:
        raise CannotWrite("without arguments it is another call")
    if len(items) == 1 and not items[0].code.startswith("*"):
        _check_kind(m, items[0])
        if items[0].shape != "scalar":
            return {m.slots[0]: items[0]}
    return {m.slots[0]: args["param"]}


def _varargs_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value = _single(m, slots)
    if value.shape == "tuple" and value.items and not value.code.startswith("\0"):
        return {"param": value}
    return {"param": Value(value.code, UNKNOWN, "tuple", (value,), value.pure)}


def _splat_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    """Write ``f(a, b)`` for what was given as ``f([a, b])`` too: the target takes no list."""
    value = _single(m, slots)
    if value.shape == "tuple" and not (value.items and not value.code.startswith("\0")):
        starred = Value(f"*{value.wrapped()}", UNKNOWN, "tuple", value.items, value.pure)
        return {"param": Value(value.code, UNKNOWN, "tuple", (starred,), value.pure)}
    if value.shape == "unknown":
        raise CannotWrite(f"{value.code} may be one tensor or a list of them")
    return _varargs_lower(m, slots, ctx)


def _splat_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read ``f(a, b)``, ``f([a, b])`` and ``f(*[a, b])`` as one list."""
    items = args["param"].items
    if len(items) == 1 and items[0].code.startswith("*"):
        one = items[0]
        return {m.slots[0]: Value(one.code[1:], UNKNOWN, "tuple", one.items, one.pure)}
    return _varargs_lift(m, args, ctx)


_LISTS = ("modules", "tensors", "tuple")  # kinds of sequences


def _spread_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read ``f(*x)`` and ``f(x)`` of a list x as the list, ``f(x)`` of anything else as it is."""
    items = args["param"].items
    if len(items) != 1:
        return {m.slots[0]: args["param"]}
    one = items[0]
    if one.code.startswith("*") or one.kind in _LISTS:
        one = Value(one.code.removeprefix("*"), UNKNOWN, "unknown", (), one.pure, True, "modules")
    return {m.slots[0]: one}


def _spread_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    """Write ``f(*x)`` for a list x where only modules are taken, ``f(x)`` where both are."""
    value = _single(m, slots)
    if value.code.startswith("(") and value.shape == "tuple":
        return {"param": value}  # several arguments, or none
    both = m.option("forms", "") == "both"
    if value.kind not in (*_LISTS, "module") and not both:
        raise CannotWrite(f"{value.code} may be a module or a list of them")
    star = "*" if value.kind in _LISTS and not both else ""
    one = Value(star + value.code, UNKNOWN, "unknown", (), value.pure)
    return {"param": Value(one.code, UNKNOWN, "tuple", (one,), value.pure)}


def _listed_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read ``list(x)`` as x."""
    value = args["param"]
    if value.code.startswith("(list("):
        return {m.slots[0]: Value(value.code[6:-2], UNKNOWN, "unknown", (), value.pure)}
    return {m.slots[0]: value}


def _listed_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    """Make a list of a generator: the target takes no iterator."""
    value = _single(m, slots)
    if value.kind != "generator":
        return {"param": value}
    # The place of f(x for x in y)'s argument includes the call's parentheses.
    return {"param": Value(f"(list({value.code}))", UNKNOWN, "unknown", (), value.pure)}


def _tuple_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read one number as a tuple of one."""
    value = args["param"]
    return {m.slots[0]: collapse((value,), force_tuple=True) if value.shape == "scalar" else value}


def _tuple_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value = _single(m, slots)
    if value.shape == "scalar":
        return {"param": collapse((value,), force_tuple=True)}
    return {"param": value}


def _one_in_list_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read a list of one as what is in it."""
    value = args["param"]
    return {m.slots[0]: value.items[0] if len(value.items) == 1 else value}


def _one_in_list_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    """Put one value into a list."""
    value = _single(m, slots)
    if value.shape == "tuple":
        raise CannotWrite(f"{value.code} is taken for one number")
    return {"param": Value(f"[{value.code}]", UNKNOWN, "tuple", (value,), value.pure)}


def _filled(m: Map, ctx: Context) -> str | None:
    """Fill a template: ``{slot}`` is a slot's text, ``{slot*}`` the product over its axes."""

    def one(match: re.Match[str]) -> str:
        value = ctx.slots[match.group(1)]
        if not isinstance(value, Value):
            raise CannotWrite(f"the {match.group(1)} is known only at run time")
        if not match.group(2):
            return value.wrapped()
        axes = expand(value, ctx.dims)
        if axes is None:
            raise CannotWrite(f"{match.group(1)} may be an int or a tuple")
        return " * ".join(a.wrapped() for a in axes)

    unless = ctx.slots.get(m.option("only_with", ""))
    if isinstance(unless, Value) and unless.is_known and not unless.known:
        return None
    text = re.sub(r"\{(\w+)(\*)?\}", one, m.option("template"))
    return re.sub(r"@([\w.]+)@", "\0R\\1\0", text)


def plain_names(text: str) -> str:
    """Spell the target's names in a text in full, as where no file's imports decide it."""
    return re.sub("\0R([^\0]+)\0", r"\1", text)


def _template_lift(m: Map, args: Mapping[str, Value], ctx: Context) -> dict[str, SlotValue]:
    """Read what the template writes as None: the distribution that the others have by default."""
    text = _filled(m, ctx)
    return {m.slots[0]: constant(None) if text is None or args["param"].code == text else args["param"]}


def _template_lower(m: Map, slots: Mapping[str, SlotValue], ctx: Context) -> dict[str, Value]:
    value = _single(m, slots)
    if not (value.is_known and value.known is None):
        return {"param": value}
    text = _filled(m, ctx)
    return {} if text is None else {"param": Value(text, UNKNOWN, "scalar", (), True)}


ADAPTERS = {
    a.name: a
    for a in (
        Adapter("same", ("param",), (), _same_lift, _same_lower),
        Adapter("typed", ("param",), ("kinds", "why"), _typed_lift, _typed_lower),
        Adapter("implied", (), ("value", "name"), _implied_lift, _implied_lower),
        Adapter("spatial", ("param",), ("forms",), _same_lift, _spatial_lower),
        Adapter("complement", ("param",), (), _complement_lift, _complement_lower),
        Adapter("enum", ("param",), ("values",), _enum_lift, _enum_lower),
        Adapter("or_slot", ("param",), ("other",), _or_slot_lift, _or_slot_lower),
        Adapter("or_default", ("param",), ("value",), _or_default_lift, _or_default_lower),
        Adapter("ignored", ("param",), (), _ignored_lift, _ignored_lower),
        Adapter("fixed", ("param",), ("values", "why"), _fixed_lift, _ignored_lower),
        Adapter("varargs", ("param",), ("kinds", "why"), _varargs_lift, _varargs_lower),
        Adapter("splat", ("param",), (), _splat_lift, _splat_lower),
        Adapter("spread", ("param",), ("forms",), _spread_lift, _spread_lower),
        Adapter("listed", ("param",), (), _listed_lift, _listed_lower),
        Adapter("tuple", ("param",), (), _tuple_lift, _tuple_lower),
        Adapter("one_in_list", ("param",), (), _one_in_list_lift, _one_in_list_lower),
        Adapter("template", ("param",), ("template", "only_with"), _template_lift, _template_lower),
        Adapter(
            "symmetric_crop", ("padding", "output_padding"), (),
            _symmetric_crop_lift, _symmetric_crop_lower,
        ),
        Adapter(
            "sides_crop", ("mode", "padding"), ("forms",), _sides_crop_lift, _sides_crop_lower
        ),
        Adapter(
            "symmetric_pads", ("padding",), ("forms",),
            _symmetric_pads_lift, _symmetric_pads_lower,
        ),
        Adapter(
            "sides_pads", ("mode", "padding"), ("forms",), _sides_pads_lift, _sides_pads_lower
        ),
    )
}  # fmt: skip
