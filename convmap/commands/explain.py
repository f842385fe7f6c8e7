"""``convmap explain``: the page of a diagnostic's code, or what the rules know of an API."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from convmap.commands.rules import option
from convmap.diagnostics import Code, codes
from convmap.docs.facts import Pair, pairs, shown_name, signature
from convmap.docs.words import Words, difference
from convmap.errors import ConvmapError
from convmap.rules import Framework, Rules, load

EXAMPLES = """examples:
  convmap explain CM202
  convmap explain torch.nn.ConvTranspose2d --to mindspore"""


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
    refused = source.refusal_of(name) if source else None
    if refused is not None:
        print(f"{name} is not ported: {refused[0]}\n\nWhat to do: {refused[1]}")
        return 0
    bindings = source.by_api.get(name) if source else None
    if source is None or not bindings:
        raise ConvmapError(f"{name!r} is no code and no API in the rules{_near(name, rules)}")
    wanted = [rules.framework(args.to)] if args.to else [
        f for f in rules.frameworks.values() if f is not source
    ]  # fmt: skip
    operators = dict.fromkeys(binding.operator.name for binding in bindings)
    for number, target in enumerate(wanted):
        every = [pair for operator in operators for pair in pairs(rules, operator, source, target)]
        mine = [pair for pair in every if pair.mine.api == name]
        print(("\n" if number else "") + _api_page(mine, name, source, target))
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


def _api_page(pairs: list[Pair], api: str, source: Framework, target: Framework) -> str:
    lines = []
    for signature_ in dict.fromkeys(signature(b, None) for b in source.by_api[api]):
        lines.append(f"{signature_}  [{source.name} {source.version}]")
        found = [pair for pair in pairs if signature(pair.mine, None) == signature_]
        if not found:
            lines.append(f"  -> {target.name} {target.version}: nothing in the rules; the call is refused")
        for pair in found:
            lines += [f"  {line}" for line in _counterpart(pair, target)]
    return "\n".join(lines)


def _counterpart(pair: Pair, target: Framework) -> list[str]:
    words, other = Words("en"), pair.other
    plain = bool(other.api or other.shim)
    kind = "shim" if other.shim else "call" if plain else "written as"
    there = signature(other, None) if plain else shown_name(other)
    lines = [f"-> {target.name} {target.version}, {kind}: {there}"]
    same = [row.name for row in pair.rows if row.name == row.other != "self" and not row.differences]
    if same:
        lines.append(f"   {', '.join(same)}: the same")
    for row in pair.rows:
        if row.name in ("self", *same):
            continue
        said = difference(row, words, "")
        lines.append(
            f"   {row.name}" + (f" -> {row.other}" if row.other else "") + (f": {said}" if said else "")
        )
    for parameter, values, why in pair.fixed:
        lines.append(f"   {parameter} stays {values}" + (f": {why}" if why else ""))
    for mine, theirs, layout in pair.weights:
        if mine != theirs or layout:
            lines.append(
                f"   weight {mine} -> {theirs or words('no_weight')}" + (f" as {layout}" if layout else "")
            )
    lines += [f"   not where {limit.when}: {limit.reason}" for limit in other.limits if not limit.name]
    return lines + [f"   quirk {quirk.id}: {quirk.effect}" for quirk in pair.quirks]
