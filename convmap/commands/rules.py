"""``convmap rules``: tables of a user's own, checked and begun."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from convmap.errors import ConvmapError, Refusal, RuleError

EXAMPLES = """examples:
  convmap rules new torch.nn.Softsign -o my_rules    begin a rule, from the real signature
  convmap rules new my_layers.Block -o my_rules      of a library beside torch
  convmap rules check my_rules                       read it, and lift and lower each binding
  convmap port model.py --to mindspore --rules my_rules
  convmap verify model.py --to mindspore --rules my_rules --entry "Net()" --input 2x3x8x8

A folder of rules holds ops/*.toml (what an operator means), <framework>/*.toml (how a framework says it)
and <framework>/shims/*.py. Packages bring theirs by an entry point of the group convmap.rules whose value
is the package that holds them; CONVMAP_RULES names folders as PATH does. Exit codes: 0 done, 1 check
found something, 2 a file is wrong: its name, the key and what is near it are said."""


def option(parser: argparse.ArgumentParser) -> None:
    """Let a command use rules of the user's own."""
    parser.add_argument(
        "--rules", action="append", default=[], metavar="FOLDER", help="rules of your own; repeats"
    )


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "rules",
        help="check or begin rules of your own",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read a folder of rules and try each binding")
    check.add_argument("folder", metavar="FOLDER")
    check.set_defaults(run=_check)
    new = actions.add_parser("new", help="begin a rule from an API's real signature (imports its package)")
    new.add_argument("api", metavar="API", help="a dotted name: torch.nn.Softsign")
    new.add_argument("-o", "--output", metavar="FOLDER", help="write files there (default: print them)")
    new.add_argument("--from", dest="source", default="torch", metavar="FRAMEWORK")
    new.set_defaults(run=_new)


def _check(args: argparse.Namespace) -> int:
    from convmap import folders
    from convmap.model import Value
    from convmap.rewrite.shims import read_shims
    from convmap.rules import load
    from convmap.translate import Argument, check, lift, lower_to

    folders.add([args.folder])
    rules, folder = load(), Path(args.folder).resolve()
    found: list[str] = []
    counts: Counter[str] = Counter()
    bound: dict[str, set[str]] = {}
    for framework in rules.frameworks.values():
        for binding in (b for b in framework.bindings if folder in Path(b.file).parents):
            counts[framework.name] += 1
            bound.setdefault(binding.operator.name, set()).add(framework.name)
            where = f"{binding.file}: {binding.shim or binding.api}"
            if binding.shim and binding.shim not in read_shims(framework.folders, framework.package):
                found.append(f"{where}: no shim of this name in {folder / framework.name / 'shims'}")
            args_ = [
                Argument(Value(p.name)) for p in binding.params if p.default is None and p.kind == "plain"
            ]
            try:
                call = lift(binding, args_).call
                check(lower_to(binding, call), call)
            except Refusal as refusal:
                found.append(f"{where}: {refusal.reason}")
    for operator, there in sorted(bound.items()):
        missing = sorted(set(rules.frameworks) - there)
        if missing:
            print(f"{operator}: nothing in {' and '.join(missing)}: refused there")
    for line in found:
        print(line)
    said = ", ".join(f"{n} of {name}" for name, n in counts.items()) or "none"
    print(f"{folder}: {len(bound)} operators, bindings: {said}")
    if not counts:
        raise RuleError(f"{folder}: holds no binding; expected <framework>/*.toml with [[binding]]")
    return 1 if found else 0


def _new(args: argparse.Namespace) -> int:
    from convmap import files
    from convmap.backends.client import WorkerError
    from convmap.rules import load
    from convmap.sides import workers
    from convmap.stubs import stub

    rules = load()
    source = rules.framework(args.source)
    if args.api in source.by_api:
        raise ConvmapError(f"{args.api} is in the rules already: convmap explain {args.api}")
    with workers() as pool:
        try:
            said = pool[source.name].ask("signature", name=args.api)
        except WorkerError as error:
            raise ConvmapError(f"{args.api} can't be looked at: {error}") from None
    targets = [f for f in rules.frameworks.values() if f is not source]
    made = stub(args.api, said["kind"], said["signature"], source, targets)
    for name, text in made.items():
        if not args.output:
            print(f"# {name}\n{text}")
            continue
        path = Path(args.output) / name
        if path.exists():
            raise ConvmapError(f"{path} is there already; nothing more was written")
        files.write(path, text.encode())
        print(path, file=sys.stderr)
    return 0
