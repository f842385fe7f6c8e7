"""The words of the rules as frozen data: values, signatures, bindings, operators, plans.

Nothing here reads a file or knows a framework; every other module speaks in these types.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union


class _Unknown:
    """A value that is not known before run time."""

    _instance = None

    def __repr__(self) -> str:
        return "UNKNOWN"


class _Something(_Unknown):
    """Not known, but surely not None: by an annotation, say."""

    def __repr__(self) -> str:
        return "SOMETHING"


UNKNOWN = _Unknown()
SOMETHING = _Something()


# Slots that no API says: the rewriter fills them where it knows the layer whose weight is filled.
LAYER = "layer"
AXES = "axes"  # how many spatial axes it has


@dataclass(frozen=True)
class Named:
    """What a name stands for in every framework: the operator it is bound to, like a number format."""

    operator: str


@dataclass(frozen=True)
class Value:
    """An argument: its text, and what is known of it without running anything.

    ``shape`` is ``"scalar"`` for one number, string or object, ``"tuple"`` for a tuple or list
    whose ``items`` are known one by one, and ``"unknown"`` when it may be either. ``pure`` says
    that evaluating the text twice gives the same value and no effect; ``atom`` that the text needs
    no parentheses.
    """

    code: str
    known: Any = field(default=UNKNOWN)
    shape: str = "unknown"
    items: tuple["Value", ...] = ()
    pure: bool = True
    atom: bool = True
    kind: str = field(default="", compare=False)  # tensor, dtype, device, int ...; "" where not inferred

    @property
    def is_known(self) -> bool:
        return self.known is not UNKNOWN

    def wrapped(self) -> str:
        """Give the text so that an operator can be written beside it."""
        return self.code if self.atom else f"({self.code})"


def constant(value: Any) -> Value:
    """Make the value of a Python constant.

    >>> constant((1, 2)).code
    '(1, 2)'
    """
    if isinstance(value, (tuple, list)):
        items = tuple(constant(v) for v in value)
        return Value(repr(tuple(value)), tuple(value), "tuple", items)
    return Value(repr(value), value, "scalar")


@dataclass(frozen=True)
class Sides:
    """Two amounts for each spatial axis.

    Plain convolution and pooling: zeros added before and after. Transposed convolution: the crop at
    the beginning, and the *extra* rows kept at the end (output padding), so that the crop at the
    end is ``begin - extra`` (DESIGN.md, Transposed convolution).
    """

    axes: tuple[tuple[Value, Value], ...]


@dataclass(frozen=True)
class Opaque:
    """What one adapter read but could not take apart; only the same adapter can write it again."""

    adapter: str
    roles: tuple[tuple[str, Value], ...]


SlotValue = Union[Value, Sides, Opaque]


@dataclass(frozen=True)
class Param:
    """One parameter of a signature. ``kind``: plain, keyword-only, ``*args`` or ``**kwargs``."""

    name: str
    default: Value | None = None
    kind: str = "plain"


@dataclass(frozen=True)
class Map:
    """How parameters of a binding carry slots: one adapter with its roles."""

    adapter: str
    slots: tuple[str, ...]
    roles: tuple[tuple[str, str], ...]  # role -> parameter
    options: tuple[tuple[str, Any], ...] = ()

    def option(self, name: str, default: Any = None) -> Any:
        return dict(self.options).get(name, default)


@dataclass(frozen=True)
class Slot:
    """A named part of an operator; ``neutral`` is the value that means 'not used'."""

    name: str
    spatial: bool = False
    neutral: Value | None = None
    sides: tuple[str, str] | None = None  # what the two amounts of each axis are called


@dataclass(frozen=True)
class Operator:
    """A canonical operation; frameworks are not named here."""

    name: str
    kind: str  # layer, function, value, class
    slots: tuple[Slot, ...]
    returns: str = "tensor"
    weights: tuple[str, ...] = ()
    optional_weights: tuple[str, ...] = ()  # those a framework may do without
    fresh: int = True  # whether a tensor it gives is new; or from how many tensors on it is
    summary: str = ""
    grows: bool = False  # of a container: it may get more children later; of a call: it adds one
    gradient: bool = True  # False: no gradient goes through what it gives
    # Slots of tensors that a call gives new values, and of the flag without which it does not.
    updates: tuple[tuple[str, str], ...] = ()
    sized_by_data: bool = False  # how many elements it gives is known at run time only: none, maybe

    @property
    def crops(self) -> bool:
        """Whether it is a transposed convolution, by its sides: what is cropped and what is kept."""
        return any(s.sides == ("begin", "extra") for s in self.slots)

    def slot(self, name: str) -> Slot:
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise KeyError(name)


@dataclass(frozen=True)
class Limit:
    """A condition under which a binding can't be used: a quirk, or what the API refuses."""

    when: str
    reason: str
    evidence: str = ""
    name: str = ""
    shows: str = ""  # what a quirk changes without a word: values, gradient or rounding
    raises: tuple[str, ...] = ()  # of a shim: calls it is about, which raise; so will any met at run time

    @property
    def is_loud(self) -> bool:
        """Whether a call it is about raises, and so can't be taken for a right one."""
        return bool(self.raises) or (bool(self.name) and not self.shows)


@dataclass(frozen=True)
class Weight:
    """A parameter of a layer: its canonical name and the name and layout a framework gives it."""

    canonical: str
    name: str
    layout: str = ""


@dataclass(frozen=True)
class Binding:
    """One framework API bound to an operator."""

    framework: str
    api: str
    operator: Operator
    dims: int | None
    params: tuple[Param, ...]
    maps: tuple[Map, ...]
    limits: tuple[Limit, ...] = ()
    weights: tuple[Weight, ...] = ()
    grows: bool = False  # a container that takes more children later, by the source's methods
    attributes: tuple[tuple[str, str], ...] = ()  # of a layer: torch's name, and the one of equal value here
    since: str = ""
    until: str = ""
    write: str = ""
    shim: str = ""
    note: str = ""
    read_only: bool = False
    wrong_with: str = ""  # tensors of which it gives what is in memory: "no elements", "infinities"
    write_only: bool = False  # it does more than the operator asks, so it says another one where it is read
    statement: bool = False  # it gives nothing, so its result can't be used
    lossy: str = ""  # the name under which a user asks for it; never used otherwise
    evidence: str = ""
    file: str = ""
    heeds: tuple[str, ...] = ()  # quirks of the API that ports of it look out for when they run

    @functools.cached_property
    def is_method(self) -> bool:
        return bool(self.params) and self.params[0].name == "self"

    @functools.cached_property
    def star(self) -> Param | None:
        """The parameter that takes all positional arguments that are left."""
        return next((p for p in self.params if p.kind == "args"), None)

    @functools.cached_property
    def rest(self) -> Param | None:
        """The parameter that takes all keywords that are left."""
        return next((p for p in self.params if p.kind == "kwargs"), None)

    @functools.cached_property
    def plain(self) -> tuple[Param, ...]:
        """The parameters that may be given by position."""
        return tuple(p for p in self.params if p.kind == "plain")

    @functools.cached_property
    def named(self) -> frozenset[str]:
        """The names of those that may be given by keyword."""
        return frozenset(p.name for p in self.params if p.kind in ("plain", "keyword"))

    def param(self, name: str) -> Param:
        for param in self.params:
            if param.name == name:
                return param
        raise KeyError(name)


class OpCall(NamedTuple):
    """A canonical call: what a framework's call means. Equality is equality of meaning."""

    operator: Operator
    dims: int | None
    slots: tuple[tuple[str, SlotValue], ...]

    def get(self, name: str) -> SlotValue:
        return dict(self.slots)[name]


class Write(NamedTuple):
    """One argument of a lowered call, with the source parameters that its place is taken from."""

    param: Param
    value: Value
    sources: tuple[str, ...] = ()


class Plan(NamedTuple):
    """A lowered call: the binding to write and its arguments in the target's order."""

    binding: Binding
    writes: tuple[Write, ...]
    status: str  # exact, shim, lossy
    notes: tuple[str, ...] = ()
