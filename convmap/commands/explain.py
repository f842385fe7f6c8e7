"""``convmap explain``: the page of a diagnostic's code, or what the rules know of an API."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from convmap.commands.rules import option
from convmap.diagnostics import Code, codes
from convmap.errors import ConvmapError
from convmap.model import Binding
from convmap.rules import Framework, Rules, load
from convmap.versions import admits

EXAMPLES = """examples:
  convmap explain CM202
  convmap explain torch.nn.ConvTranspose2d --to mindspore"""

PLAIN = ("same", "spatial")  # adapters that change nothing worth a word


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "explain",
        help="say what a code means, or how an API maps to another framework",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="CODE_OR_API", help="CM202, or torch.nn.ConvTranspose2d")
    parser.add_argument("--to", metavar="FRAMEWORK", help="default: both others")
    option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    name: str = args.name
    if name.upper() in codes():
        print(_code_page(name.upper(), codes()[name.upper()]))
        return 0
    rules = load()
    source = next((f for f in rules.frameworks.values() if name.split(".")[0] == f.package), None)
    bindings = source.by_api.get(name) if source else None
    if source is None or not bindings:
        raise ConvmapError(f"{name!r} is no code and no API in the rules{_near(name, rules)}")
    wanted = [rules.framework(args.to)] if args.to else [
        f for f in rules.frameworks.values() if f is not source
    ]  # fmt: skip
    print("\n\n".join(_api_page(bindings, source, target) for target in wanted))
    return 0


def _near(name: str, rules: Rules) -> str:
    known = [api for f in rules.frameworks.values() for api in f.by_api if api] + list(codes())
    tail = name.rpartition(".")[2]
    same = [api for api in known if api.rpartition(".")[2] == tail]
    near = same[:3] or difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _code_page(code: str, page: Code) -> str:
    lines = [f"{code}: {page.title}", "", page.why, "", f"What to do: {page.todo}"]
    if page.example:
        lines += ["", "Example:", *("  " + line for line in page.example.rstrip().splitlines())]
    return "\n".join(lines)


def _signature(binding: Binding) -> str:
    parts, star = [], False
    for p in binding.params:
        if p.kind == "keyword" and not star:
            parts.append("*")
            star = True
        star = star or p.kind == "args"
        prefix = {"args": "*", "kwargs": "**"}.get(p.kind, "")
        parts.append(prefix + p.name + (f"={p.default.code}" if p.default is not None else ""))
    return f"({', '.join(parts)})"


def _name(binding: Binding) -> str:
    return binding.shim or binding.api or binding.write


def _api_page(bindings: tuple[Binding, ...], source: Framework, target: Framework) -> str:
    lines = []
    for binding in bindings:
        lines.append(f"{binding.api}{_signature(binding)}  [{source.name} {source.version}]")
        every = target.for_operator(binding.operator, binding.dims)
        found = [b for b in every if admits(b, target.version)]
        if not found:
            lines.append(f"  -> {target.name} {target.version}: nothing in the rules; the call is refused")
            continue
        for other in found:
            lines += [f"  {line}" for line in _counterpart(binding, other, target)]
    return "\n".join(lines)


def _counterpart(mine: Binding, other: Binding, target: Framework) -> list[str]:
    kind = "shim" if other.shim else "written as" if other.write and not other.api else "call"
    signature = "" if other.write and not other.api else _signature(other)
    lines = [f"-> {target.name} {target.version}, {kind}: {_name(other)}{signature}"]
    slots = {
        slot: (", ".join(p for _, p in m.roles), m.adapter) for m in other.maps for slot in m.slots if m.roles
    }
    for mapping in mine.maps:
        for slot in mapping.slots:
            names = ", ".join(p for _, p in mapping.roles)
            if not names:
                continue
            if slot not in slots:
                lines.append(f"   {names}: nothing to say it with; only its neutral value is ported")
                continue
            there, adapter = slots[slot]
            ways = dict.fromkeys(a.replace("_", " ") for a in (mapping.adapter, adapter) if a not in PLAIN)
            how = f" ({', '.join(ways)})" if ways else ""
            line = f"   {names} -> {there}{how}" + _default_note(mine, names, other, there)
            if line not in lines:
                lines.append(line)
    for weight in other.weights:
        if weight.name != weight.canonical or weight.layout:
            lines.append(
                f"   weight {weight.canonical} -> {weight.name}" + (weight.layout and f" as {weight.layout}")
            )
    lines += [f"   not where {limit.when}: {limit.reason}" for limit in other.limits if not limit.name]
    for quirk in target.quirks:
        if _name(other) in quirk.apis:
            lines.append(f"   quirk {quirk.id}: {quirk.effect}")
    return lines


def _default_note(mine: Binding, name: str, other: Binding, there: str) -> str:
    own = next((p.default for p in mine.params if p.name == name), None)
    default = next((p.default for p in other.params if p.name == there), None)
    if own is None or default is None or own.code == default.code:
        return ""
    return f"; default {own.code} -> {default.code}"
