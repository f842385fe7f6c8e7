"""Reads the rule table: TOML to frozen data, strictly.

An unknown key, adapter or slot is an error that names the file and the key: a rule that is silently
not read would be a wrong port.
"""

from __future__ import annotations

import ast
import difflib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli

from convmap.adapters import ADAPTERS
from convmap.conditions import parse as parse_condition
from convmap.errors import ConvmapError, RuleError
from convmap.folders import own_folders, rules_folder
from convmap.model import (
    UNKNOWN,
    Binding,
    Limit,
    Map,
    Operator,
    Param,
    Slot,
    Value,
    Weight,
    constant,
)
from convmap.versions import admits

_BINDING_KEYS = {
    "api", "dims", "op", "signature", "maps", "limits", "weights", "attributes", "heeds", "grows", "statement", "wrong_with", "write_only", "since",
    "until", "write",
    "shim", "note", "evidence", "slots", "read_only", "earlier", "lossy", "method",
}  # fmt: skip
_OP_KEYS = {
    "kind",
    "slots",
    "returns",
    "weights",
    "optional_weights",
    "fresh",
    "summary",
    "grows",
    "gradient",
    "updates",
    "sized_by_data",
}


SHIM = "_shim"  # behind a shim's name where a file uses it for something else
OTHER_VALUES, RIGHT_VALUES = "other values", "right values"


@dataclass(frozen=True)
class Quirk:
    """A measured divergence of some APIs from what they document.

    ``when``: a condition over the call, which lowering avoids; ``input_when``: one over the input's sizes
    too, which only the parity suite knows; ``accuracy``: the measured error as a part of the largest
    value. ``raises``: the types of the errors, where it raises instead of giving OTHER_VALUES; with
    RIGHT_VALUES among them it is right at times, under no condition that is known.
    """

    id: str
    apis: frozenset[str]
    versions: str
    device: str
    effect: str
    evidence: str
    when: str = ""
    input_when: str = ""
    accuracy: float = 0.0
    functions: tuple[str, ...] = ()  # torch's names of what ``accuracy`` is of, where errors of values spread
    mode: str = ""  # train or eval, where ``functions`` have the error in one only
    at_points: tuple[
        str, ...
    ] = ()  # single inputs at which values or gradients are others (points.py; infinities, axes of one): ports say so
    read_only: bool = False  # ports are written in another way of the APIs, which is right
    by_channel: bool = False  # the error is one for all of a channel: it does not average out
    raises: tuple[str, ...] = (OTHER_VALUES,)
    shows: str = "values"  # what differs where nothing is raised: values, gradient or rounding


@dataclass(frozen=True)
class Framework:
    """A dialect: how a file of it looks, and its bindings by API name."""

    name: str
    version: str
    package: str
    imports: tuple[tuple[str, str, str], ...]  # module, statement, local name
    forward: str
    module_class: str
    tensor_class: str
    notes: tuple[tuple[str, str], ...]
    same: frozenset[str]
    bindings: tuple[Binding, ...]
    folders: tuple[Path, ...]  # convmap's, then those of users
    quirks: tuple[Quirk, ...] = ()
    in_place: frozenset[str] = frozenset()  # methods: add_ leaves in the tensor what add gives
    module_methods: frozenset[str] = frozenset()
    tensor_methods: frozenset[str] = frozenset()  # of tensors alone, and without a binding
    # Shims that make NumPy's numbers Python's, by place: left or right of an operator, arguments of a call.
    numpy_numbers: tuple[tuple[str, str], ...] = ()
    needs_forward: bool = False  # a class of modules without one can't be made
    filling_drops_gradient: bool = False  # a parameter filled where a gradient is recorded has none
    unsettable: frozenset[str] = frozenset()  # attributes of tensors that can be read alone
    module_only: frozenset[str] = frozenset()  # methods of nothing else
    tensor_only: frozenset[str] = frozenset()  # methods of nothing else
    tensor_only_of_constants: frozenset[str] = frozenset()  # with constants as arguments
    tensor_only_given: frozenset[str] = frozenset()  # with constants as arguments, and at least one
    tensor_only_of_sizes: frozenset[str] = frozenset()  # with a number among the arguments, or a row of them
    tensor_only_from: tuple[tuple[str, int], ...] = ()  # with this many positional arguments
    parallel_prefix: str = ""  # what a data parallel wrapper puts before the names of its model
    growing: frozenset[str] = frozenset()  # methods that add children to a container
    # Of methods of modules, the signature to have, their name here, the decorator of the method that makes parents call them.
    overriding: tuple[tuple[str, tuple[str, str, str]], ...] = ()
    after_growth: str = ""  # a statement behind an __init__ that appends to lists of modules
    tensor_index: str = ""  # the shim around a tensor that makes x[i] exact, i a tensor of negative numbers
    stepped_slice: str = ""  # the shim around a tensor that makes x[:, ::2] exact
    operators: tuple[
        tuple[str, str], ...
    ] = ()  # those that mean another thing on tensors, and the shim for them
    buffer_assignment: str = ""  # the method that gives a registered buffer another tensor; "": assignment
    parameter_assignment: str = ""  # the operator that self.weight = tensor is of a parameter; "": none
    data_assignment: str = ""  # the operator that stands for p.data = tensor; "": assignment
    parts_of_parameters: str = ""  # what p[i] = x writes behind p where p itself takes no change
    parts_in_lists: bool = False  # a module takes those of its lists, tuples and dictionaries for parts
    keeping_tensors: tuple[tuple[str, str], ...] = ()  # statements that keep tensors as other frameworks do
    keeps_tensors: str = (
        ""  # a tensor that is an attribute is in the "state", or "placed" where the module is
    )
    mask_assignment: str = ""  # what is wrong with x[mask] = y; "" where it is right
    assigning: tuple[tuple[str, str], ...] = ()  # x[i].fill_(v) is x[i] = v: methods, and what they assign
    refused: tuple[
        tuple[str, str, str], ...
    ] = ()  # APIs, or their prefixes: why they are not ported, what to do
    derived_weights: tuple[tuple[str, str], ...] = ()  # parameters that a layer's own is computed from
    dtype_words: tuple[tuple[str, str], ...] = ()  # texts that stand for number formats, and their operators
    keeps_arguments: bool = False  # a layer has an attribute of each argument's name
    families: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # classes that only isinstance asks for, and theirs
    setup: tuple[tuple[str, str], ...] = ()  # what a file that uses it sets first: names, and values with why
    settings: tuple[str, ...] = ()  # what layers read of themselves when they run, by names that tell a layer
    numpy_formats: bool = False  # formats of tensors are NumPy's: they equal texts, and are no keys of tables
    numbers_in_tuples: bool = False  # its own layers and functions may refuse [3, 3] where they take (3, 3)
    asking: tuple[
        tuple[str, str], ...
    ] = ()  # shims that ask layers of any class: class_name, get, has, set, instance, classed
    settable: tuple[str, ...] = ()  # settings that the shim "set" can give a layer
    modules: tuple[tuple[str, str], ...] = ()  # other names of its modules, the longest first
    aliases: tuple[tuple[str, str], ...] = ()  # other names that functions take for a parameter
    types: tuple[
        tuple[str, str], ...
    ] = ()  # what annotations write for a type, and its name in all frameworks

    @functools.cached_property
    def by_api(self) -> dict[str, tuple[Binding, ...]]:
        table: dict[str, list[Binding]] = {}
        for binding in self.bindings:
            if binding.api and admits(binding, self.version) and not binding.write_only:
                table.setdefault(binding.api, []).append(binding)
        return {api: tuple(found) for api, found in table.items()}

    @functools.cached_property
    def _dotted(self) -> set[str]:
        parts = (api.split(".") for api in self.by_api)
        return {".".join(p[:end]) for p in parts for end in range(1, len(p) + 1)}

    @functools.cached_property
    def weight_names(self) -> frozenset[str]:
        """Every name that a tensor of some layer has."""
        return frozenset(w.name for b in self.bindings for w in b.weights)

    def owns(self, qualified: str) -> bool:
        """Tell whether a dotted name is the framework's, or of a library that a user's rules name."""
        return qualified.split(".")[0] == self.package or qualified in self.by_api

    def usual(self, qualified: str) -> str:
        """Give one of its dotted names as the rules write it: through the module that is usually named."""
        if qualified in self.by_api:  # megengine.tensor is a function, and the module that it comes from
            return qualified
        for module, name in self.modules:
            if qualified == module or qualified.startswith(module + "."):
                return name + qualified[len(module) :]
        return qualified

    def refusal_of(self, api: str) -> tuple[str, str] | None:
        """Say why an API is not ported, and what to do; None where nothing is known of it."""
        if api in self.by_api:
            return None
        for name, why, todo in self.refused:
            if api == name or (name.endswith(".") and api.startswith(name)):
                return why, todo
        return None

    def knows(self, dotted: str) -> bool:
        """Tell whether a dotted name is an API of the rules, or a module that holds one."""
        return dotted in self._dotted

    def layer_of(self, class_names: list[str]) -> Binding | None:
        """Find the binding of a class or of the nearest of its bases, in the order given."""
        found = (self.layer(name) for name in class_names)
        return next((binding for binding in found if binding is not None), None)

    def layer(self, class_name: str) -> Binding | None:
        """Find the binding of a layer's class at run time, by its own name: a layer's or a shim's."""
        own = class_name.rpartition(".")[2].removesuffix(SHIM)
        inside = class_name.split(".")[0] == self.package
        for binding in self.bindings:
            if binding.operator.kind == "layer":
                if binding.shim == own or (inside and binding.api.rpartition(".")[2] == own):
                    return binding
        return None

    @functools.cached_property
    def _by_operator(self) -> dict[tuple[str, int | None], list[Binding]]:
        table: dict[tuple[str, int | None], list[Binding]] = {}
        for binding in self.bindings:
            table.setdefault((binding.operator.name, binding.dims), []).append(binding)
        return table

    @functools.cached_property
    def _renamed(self) -> dict[str, frozenset[str]]:
        return {}

    @functools.cached_property
    def _writing(self) -> dict[tuple[str, int | None, frozenset[str]], list[Binding]]:
        return {}

    @functools.cached_property
    def _safe(self) -> dict[str, Framework]:
        return {}

    def safe_with(self, hazard: str) -> Framework:
        """Give the framework without the calls that are wrong with such tensors."""
        if hazard not in self._safe:
            left = tuple(b for b in self.bindings if b.wrong_with != hazard)
            self._safe[hazard] = replace(self, bindings=left)
        return self._safe[hazard]

    def asks(self, part: str) -> str | None:
        """Name the shim for a question to a layer of any class; None where the layer itself answers right."""
        return dict(self.asking).get(part)

    def renamed(self, source: Framework) -> frozenset[str]:
        """Name the parameters of a source's layers that some layer has by another name here."""
        if source.name not in self._renamed:
            found = set()
            for binding in source.bindings:
                others = self.for_operator(binding.operator, binding.dims) if binding.weights else []
                theirs = {w.canonical: w.name for other in others for w in other.weights}
                found |= {w.name for w in binding.weights if theirs.get(w.canonical, w.name) != w.name}
            self._renamed[source.name] = frozenset(found)
        return self._renamed[source.name]

    @functools.cached_property
    def layouts(self) -> tuple[str, ...]:
        """How tensors of layers are laid out where that is not torch's way: ``api: name: layout``."""
        rows = ((b.api or b.shim, w) for b in self.bindings for w in b.weights if w.layout)
        return tuple(sorted({f"{api}: {w.canonical}: {w.layout}" for api, w in rows}))

    @functools.cached_property
    def layer_apis(self) -> tuple[str, ...]:
        """The layers that this framework itself has."""
        own = ((api, rows) for api, rows in self.by_api.items() if api.startswith(self.package + "."))
        return tuple(api for api, rows in own if any(b.operator.kind == "layer" for b in rows))

    @functools.cached_property
    def applying_methods(self) -> tuple[str, ...]:
        """The methods of modules that call a function with every module inside."""
        inside = self.module_class + "."
        own = ((api, rows) for api, rows in self.by_api.items() if api.startswith(inside))
        found = (api for api, rows in own if any(b.operator.name == "module_apply" for b in rows))
        return tuple(api.removeprefix(inside) for api in found)

    @functools.cached_property
    def adding_methods(self) -> frozenset[str]:
        """The methods that add a child to a container under a name."""
        rows = (b for b in self.bindings if b.operator.grows and b.operator.kind == "attribute" and b.api)
        return frozenset(b.api.rpartition(".")[2] for b in rows)

    def for_operator(
        self, operator: Operator, dims: int | None, allowed: frozenset[str] = frozenset()
    ) -> list[Binding]:
        """Give the bindings that may write an operator: plain calls first, shims last.

        Lossy ones come before all, and only where their name is allowed.
        """
        key = (operator.name, dims, allowed)
        if key not in self._writing:
            found = self._by_operator.get(key[:2], ())
            usable = (b for b in found if not b.read_only and (not b.lossy or b.lossy in allowed))
            self._writing[key] = sorted(usable, key=lambda b: (not b.lossy, bool(b.shim)))
        return self._writing[key]


class Frameworks(Mapping[str, Framework]):
    """The frameworks by name; the rules of one are read when it is first asked for."""

    def __init__(self, read: dict[str, Callable[[], Framework]], packages: dict[str, str]) -> None:
        self._read, self.packages = read, packages  # packages: the name of the framework of each
        self._found: dict[str, Framework] = {}

    def __getitem__(self, name: str) -> Framework:
        if name not in self._found:
            self._found[name] = self._read[name]()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)

    def __contains__(self, name: object) -> bool:
        return name in self._read


@dataclass(frozen=True)
class Rules:
    operators: dict[str, Operator]
    frameworks: Frameworks

    def framework(self, name: str) -> Framework:
        if name in self.frameworks:
            return self.frameworks[name]
        near = difflib.get_close_matches(name, self.frameworks, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        known = ", ".join(sorted(self.frameworks))
        raise ConvmapError(f"unknown framework {name!r} (known: {known}){hint}")


def load(folder: Path | None = None) -> Rules:
    """Read every rule file below a folder (default: convmap's own, and the users' beside it)."""
    return _load(folder) if folder else _load(rules_folder(), own_folders())


@functools.cache
def _load(folder: Path, own: tuple[Path, ...] = ()) -> Rules:
    operators: dict[str, Operator] = {}
    for path in [path for place in (folder, *own) for path in sorted((place / "ops").glob("*.toml"))]:
        for name, table in read_toml(path).items():
            if name in operators:
                raise RuleError(f"{path}: operator {name!r} is defined twice")
            operators[name] = _operator(path, name, table)
    frameworks: dict[str, Callable[[], Framework]] = {}
    packages: dict[str, str] = {}
    for path in sorted(folder.glob("*/framework.toml")):
        beside = tuple(place / path.parent.name for place in own if (place / path.parent.name).is_dir())
        table = read_toml(path)
        frameworks[table["name"]] = functools.partial(_framework, path, table, operators, beside)
        packages[table["package"]] = table["name"]
    return Rules(operators, Frameworks(frameworks, packages))


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomli.loads(path.read_text(encoding="utf-8"))
    except tomli.TOMLDecodeError as error:
        raise RuleError(f"{path}: {error}") from None


def _check_keys(where: str, table: Iterable[str], allowed: Iterable[str]) -> None:
    for key in table:
        if key not in allowed:
            near = difflib.get_close_matches(key, list(allowed), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RuleError(f"{where}: unknown key {key!r}{hint}")


def _literal(where: str, text: str) -> Value:
    try:
        return constant(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return Value(text, UNKNOWN, "scalar")


def _operator(path: Path, name: str, table: dict[str, Any]) -> Operator:
    where = f"{path}: [{name}]"
    _check_keys(where, table, _OP_KEYS)
    slots = []
    for text in table.get("slots", ()):
        match = re.fullmatch(r"(\w+)(\*?)(?:\[(\w+), *(\w+)\])?(?:=(.+))?", text)
        if not match:
            raise RuleError(f"{where}: slot {text!r} is not name, name*, name[a, b] or name=value")
        slot, star, first, second, neutral = match.groups()
        value = _literal(where, neutral) if neutral else None
        slots.append(Slot(slot, bool(star), value, (first, second) if first else None))
    return Operator(
        name,
        table.get("kind", "function"),
        tuple(slots),
        table.get("returns", "tensor"),
        tuple(table.get("weights", ())),
        tuple(table.get("optional_weights", ())),
        table.get("fresh", True),
        table.get("summary", ""),
        table.get("grows", False),
        table.get("gradient", True),
        tuple(table.get("updates", {}).items()),
        table.get("sized_by_data", False),
    )


def parse_signature(where: str, text: str) -> tuple[Param, ...]:
    """Read ``"a, b=1, *c, d=2"``.

    >>> [p.name for p in parse_signature("here", "self, x, *, y=1")]
    ['self', 'x', 'y']
    """
    try:
        return _params(text)
    except SyntaxError:
        raise RuleError(f"{where}: signature {text!r} is not one") from None


@functools.cache
def _params(text: str) -> tuple[Param, ...]:
    node = ast.parse(f"def f({text}): pass").body[0]
    assert isinstance(node, ast.FunctionDef)
    args = node.args
    plain = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(plain) - len(args.defaults)) + list(args.defaults)
    out = [Param(a.arg, _default(d)) for a, d in zip(plain, defaults)]
    if args.vararg:
        out.append(Param(args.vararg.arg, None, "args"))
    out += [Param(a.arg, _default(d), "keyword") for a, d in zip(args.kwonlyargs, args.kw_defaults)]
    if args.kwarg:
        out.append(Param(args.kwarg.arg, None, "kwargs"))
    return tuple(out)


def _default(node: ast.expr | None) -> Value | None:
    if node is None:
        return None
    try:
        return constant(ast.literal_eval(node))
    except ValueError:
        return Value(ast.unparse(node), UNKNOWN, "scalar")


def _framework(
    path: Path, table: dict[str, Any], operators: dict[str, Operator], own: tuple[Path, ...]
) -> Framework:
    _check_keys(
        str(path),
        table,
        {"name", "version", "package", "imports", "forward", "module_class", "tensor_class",
         "notes", "same", "shims_since", "in_place", "assigning", "refused", "types", "modules", "aliases", "derived_weights", "asking", "settable", "keeps_arguments", "families", "setup", "settings", "numbers_in_tuples", "dtype_words", "numpy_formats",
         "module_methods", "tensor_methods", "numpy_numbers", "needs_forward", "filling_drops_gradient", "unsettable", "module_only", "tensor_only", "tensor_only_of_constants", "tensor_only_given", "tensor_only_of_sizes", "tensor_only_from", "growing", "parallel_prefix", "overriding", "after_growth", "tensor_index", "stepped_slice", "operators", "buffer_assignment", "parameter_assignment", "data_assignment", "parts_of_parameters", "mask_assignment", "parts_in_lists", "keeping_tensors", "keeps_tensors"},
    )  # fmt: skip
    name = table["name"]
    bindings: list[Binding] = []
    folders = (path.parent, *own)
    quirks = tuple(quirk for folder in folders for quirk in _quirks(folder / "quirks.toml"))
    limits: dict[str, list[Limit]] = {}
    for quirk in quirks:
        for api in quirk.apis if quirk.when else ():
            shows = quirk.shows if OTHER_VALUES in quirk.raises else ""
            limits.setdefault(api, []).append(
                Limit(quirk.when, quirk.effect, quirk.evidence, quirk.id, shows)
            )
    for file in [file for folder in folders for file in sorted(folder.glob("*.toml"))]:
        if file.name in ("framework.toml", "quirks.toml"):
            continue
        content = read_toml(file)
        _check_keys(str(file), content, {"binding"})
        for number, row in enumerate(_with_earlier(file, content.get("binding", ())), 1):
            if "shim" in row:
                row = {"since": table.get("shims_since", ""), **row}
            for one in _spread(row, table["tensor_class"]):
                bindings += _bindings(file, number, one, name, operators, limits)
    known = {b.api for b in bindings} | {b.shim for b in bindings}
    for api in limits:
        if api not in known:
            raise RuleError(f"{path.parent / 'quirks.toml'}: no binding has the api {api!r}")
    return Framework(
        name,
        table["version"],
        table["package"],
        tuple((i["module"], i["statement"], i["name"]) for i in table["imports"]),
        table["forward"],
        table["module_class"],
        table["tensor_class"],
        tuple(table.get("notes", {}).items()),
        frozenset(table.get("same", ())),
        tuple(bindings),
        folders,
        quirks,
        frozenset(f"{name}_" for name in table.get("in_place", ())),
        frozenset(table.get("module_methods", ())),
        frozenset(table.get("tensor_methods", ())),
        tuple(table.get("numpy_numbers", {}).items()),
        table.get("needs_forward", False),
        table.get("filling_drops_gradient", False),
        frozenset(table.get("unsettable", ())),
        frozenset(table.get("module_only", ())),
        frozenset(table.get("tensor_only", ())),
        frozenset(table.get("tensor_only_of_constants", ())),
        frozenset(table.get("tensor_only_given", ())),
        frozenset(table.get("tensor_only_of_sizes", ())),
        tuple(table.get("tensor_only_from", {}).items()),
        table.get("parallel_prefix", ""),
        frozenset(table.get("growing", ())),
        tuple((name, tuple(row)) for name, row in table.get("overriding", {}).items()),
        table.get("after_growth", ""),
        table.get("tensor_index", ""),
        table.get("stepped_slice", ""),
        tuple(table.get("operators", {}).items()),
        table.get("buffer_assignment", ""),
        table.get("parameter_assignment", ""),
        table.get("data_assignment", ""),
        table.get("parts_of_parameters", ""),
        table.get("parts_in_lists", False),
        tuple(table.get("keeping_tensors", {}).items()),
        table.get("keeps_tensors", ""),
        table.get("mask_assignment", ""),
        tuple(table.get("assigning", {}).items()),
        tuple((api, row["why"], row["todo"]) for api, row in table.get("refused", {}).items()),
        tuple(table.get("derived_weights", {}).items()),
        tuple(table.get("dtype_words", {}).items()),
        table.get("keeps_arguments", False),
        tuple((name, tuple(members)) for name, members in table.get("families", {}).items()),
        tuple(table.get("setup", {}).items()),
        tuple(table.get("settings", ())),
        table.get("numpy_formats", False),
        table.get("numbers_in_tuples", False),
        tuple(table.get("asking", {}).items()),
        tuple(table.get("settable", ())),
        tuple(sorted(table.get("modules", {}).items(), reverse=True)),
        tuple(table.get("aliases", {}).items()),
        tuple(table.get("types", {}).items()),
    )


def _spread(row: dict[str, Any], tensor_class: str) -> Iterable[dict[str, Any]]:
    """Give a row for each operator of a list, ``{op}`` filled in; ``method``: also as a tensor's method."""
    ops = row.get("op")
    for op in ops if isinstance(ops, list) else [ops]:
        one = {k: _filled(v, str(op)) for k, v in row.items() if k not in ("method", "op")}
        one["op"] = op
        yield one
        if row.get("method"):
            first = re.match(r"\s*(\w+)", one["signature"])
            assert first is not None
            apis = one["api"] if isinstance(one["api"], list) else [one["api"]]
            maps = [
                {k: "self" if v == first[1] and k != "slot" else v for k, v in m.items()}
                for m in one.get("maps", ())
            ]
            if not any("self" in m.values() for m in maps):
                maps.append({"slot": first[1], "param": "self"})
            yield {
                **one,
                "api": [f"{tensor_class}.{api.rpartition('.')[2]}" for api in apis],
                "signature": "self" + one["signature"][first.end() :],
                "maps": maps,
                "read_only": True,
            }


def _filled(value: Any, op: str) -> Any:
    if isinstance(value, list):
        return [_filled(v, op) for v in value]
    return value.replace("{op}", op) if isinstance(value, str) else value


def _with_earlier(file: Path, rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Add a binding for earlier versions where a row says what differed there."""
    for row in rows:
        earlier = row.pop("earlier", None)
        yield row
        if earlier is None:
            continue
        where = f"{file}: {row.get('api')}: earlier"
        _check_keys(where, earlier, {"since", "until", "defaults", "maps"})
        signature = row["signature"]
        for name, default in earlier["defaults"].items():
            signature, count = re.subn(rf"\b{name}=[^,]+", f"{name}={default}", signature)
            if not count:
                raise RuleError(f"{where}: no parameter {name!r} with a default")
        maps = [*row.get("maps", ()), *earlier.get("maps", ())]
        window = {"since": earlier["since"], "until": earlier["until"]}
        yield {**row, "signature": signature, "maps": maps, **window}


def _quirks(path: Path) -> tuple[Quirk, ...]:
    found = []
    fields = set(Quirk.__dataclass_fields__)
    for row in read_toml(path).get("quirk", ()) if path.exists() else ():
        where = f"{path}: quirk {row.get('id')!r}"
        _check_keys(where, row, fields)
        missing = [k for k in ("id", "apis", "versions", "device", "effect", "evidence") if not row.get(k)]
        if missing:
            raise RuleError(f"{where}: lacks {', '.join(missing)}")
        for key in ("when", "input_when"):
            if key in row:
                parse_condition(row[key])
        lists: dict[str, Any] = {"apis": frozenset(row["apis"]), "functions": tuple(row.get("functions", ()))}
        lists["at_points"] = tuple(row.get("at_points", ()))
        lists["raises"] = tuple(row.get("raises", (OTHER_VALUES,)))
        found.append(Quirk(**{**row, **lists}))
    return tuple(found)


def _bindings(
    file: Path,
    number: int,
    row: dict[str, Any],
    framework: str,
    operators: dict[str, Operator],
    quirks: dict[str, list[Limit]],
) -> list[Binding]:
    apis = row.get("api")
    where = f"{file}: binding {number} ({apis})"
    _check_keys(where, row, _BINDING_KEYS)
    if row.get("op") not in operators:
        near = difflib.get_close_matches(str(row.get("op")), operators, n=1)
        raise RuleError(f"{where}: no operator {row.get('op')!r}{near and f'; {near[0]}?' or ''}")
    operator = operators[row["op"]]
    out = []
    for position, template in enumerate([apis] if isinstance(apis, str) else apis or [""]):
        for dims in row.get("dims", [None]):
            fill = functools.partial(_fill, dims=dims)
            params = parse_signature(where, fill(row.get("signature", "")))
            api = fill(template)
            shim = fill(row.get("shim", ""))
            limits = [
                Limit(
                    x["when"],
                    x["reason"],
                    x.get("evidence", ""),
                    shows=x.get("shows", ""),
                    raises=tuple(map(fill, x.get("raises", ()))),
                )
                for x in row.get("limits", ())
            ]
            for limit in limits:
                parse_condition(limit.when)
            out.append(
                Binding(
                    framework,
                    api,
                    operator,
                    dims,
                    params,
                    _maps(where, row.get("maps", ()), params, operator),
                    (
                        *limits,
                        *(q for q in quirks.get(api or shim, ()) if q.name not in row.get("heeds", ())),
                    ),
                    _weights(where, row.get("weights", {}), operator),
                    row.get("grows", False),
                    tuple(row.get("attributes", {}).items()),
                    row.get("since", ""),
                    row.get("until", ""),
                    fill(row.get("write", "")),
                    shim,
                    row.get("note", ""),
                    # Later names of one API are understood, and the first is written.
                    row.get("read_only", False) or position > 0,
                    row.get("wrong_with", ""),
                    row.get("write_only", False),
                    row.get("statement", False),
                    row.get("lossy", ""),
                    row.get("evidence", ""),
                    str(file),
                    tuple(row.get("heeds", ())),
                )
            )
    return out


def _fill(text: str, dims: int | None) -> str:
    return text if dims is None else text.replace("{n}", str(dims))


def _weights(where: str, table: dict[str, str], operator: Operator) -> tuple[Weight, ...]:
    _check_keys(where, table, operator.weights)
    out = []
    for canonical in operator.weights:
        name, _, layout = table.get(canonical, canonical).partition(":")
        out.append(Weight(canonical, name.strip(), layout.strip()))
    return tuple(out)


def _maps(
    where: str, rows: Iterable[dict[str, Any]], params: tuple[Param, ...], operator: Operator
) -> tuple[Map, ...]:
    """Read the maps; a parameter with a slot's own name maps to it, one without a slot is fixed."""
    slots = {s.name: s for s in operator.slots}
    by_name = {p.name: p for p in params}
    explicit: list[Map] = []
    for row in rows:
        named = row.get("adapter")
        slot = row.get("slot")
        if slot is not None and slot not in slots:
            raise RuleError(f"{where}: operator {operator.name} has no slot {slot!r}")
        if named is None:
            named = "spatial" if slot and slots[slot].spatial else "same"
        if named not in ADAPTERS:
            raise RuleError(f"{where}: no adapter {named!r}; there are {', '.join(ADAPTERS)}")
        adapter = ADAPTERS[named]
        _check_keys(where, row, {"adapter", "slot", *adapter.roles, *adapter.options})
        roles = tuple((r, row[r]) for r in adapter.roles if r in row)
        for _, param in roles:
            if param not in by_name:
                raise RuleError(f"{where}: no parameter {param!r} in the signature")
        options = tuple((o, _option(row[o])) for o in adapter.options if o in row)
        explicit.append(Map(named, (slot,) if slot else (), roles, options))
    taken = {param for m in explicit for _, param in m.roles}
    filled = {s for m in explicit for s in m.slots}
    first: list[Map] = []
    for param in params:
        if param.name in taken or param.kind == "kwargs":
            continue
        if param.name in slots and param.name not in filled:
            adapter_name = "spatial" if slots[param.name].spatial else "same"
            first.append(Map(adapter_name, (param.name,), (("param", param.name),)))
        elif param.default is not None and param.default.is_known:
            options = (("values", (param.default.known,)),)
            first.append(Map("fixed", (), (("param", param.name),), options))
        else:
            raise RuleError(f"{where}: parameter {param.name!r} has no slot and no known default")
    for m in (*first, *explicit):
        for _, name in m.roles if m.slots and m.adapter != "template" else ():
            default = by_name[name].default
            if default is not None and not default.is_known:
                raise RuleError(f"{where}: the default {default.code!r} of {name!r} means nothing elsewhere")
    simple = [m for m in explicit if m.adapter in ("same", "spatial")]
    return (*simple, *first, *(m for m in explicit if m not in simple))


def _option(value: Any) -> Any:
    if isinstance(value, dict):
        # TOML keys are strings; "True", "2" and "None" stand for the Python values.
        return tuple((_key(k), v) for k, v in value.items())
    return tuple(value) if isinstance(value, list) else value


def _key(text: str) -> Any:
    return {"True": True, "False": False, "None": None}.get(text, text)
