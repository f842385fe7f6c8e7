"""``convmap coverage``: which APIs are proven in which target, by recorded runs."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections import Counter
from typing import Any

from convmap.errors import ConvmapError

EXAMPLES = """examples:
  convmap coverage --to mindspore                    the APIs that models with convolutions use most
  convmap coverage --to megengine --all              every API of the rules
  convmap coverage --to mindspore --missing          those that are not proven
  convmap coverage --to mindspore --api '*interpolate*' --format json
  convmap coverage --from mindspore --to torch       the other way
  convmap coverage --to mindspore --record           run every example again (needs the frameworks)
  convmap coverage --to mindspore --record --stale   run those that are new, or whose port changed

An API is exact or a shim where every example that uses it was run in both frameworks, forward and
gradients, and held; mixed: a call, and a shim for what it can't say; partly: some forms are refused. A draft is in the rules
and has no such run, or one of another port than today's: it does not count. Exit codes: 0 done, 1 an
example does not hold or its record is old, 2 a usage error."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "coverage",
        help="list which APIs are proven by recorded runs",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--to", required=True, metavar="FRAMEWORK")
    parser.add_argument("--from", dest="source", default="torch", metavar="FRAMEWORK")
    parser.add_argument("--api", metavar="PATTERN", help="only APIs like this, as in a shell")
    parser.add_argument("--all", action="store_true", help="every API of the rules, not only the frequent")
    parser.add_argument("--missing", action="store_true", help="only what is not proven")
    parser.add_argument("--record", action="store_true", help="run the examples and write the evidence")
    parser.add_argument(
        "--stale", action="store_true", help="with --record: only those without a record of today's port"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from convmap.coverage import PROVEN, WANTED, directions, frequent, read_evidence, table
    from convmap.examples import SOURCE
    from convmap.rules import load

    target, source = load().framework(args.to).name, load().framework(args.source).name
    if (source, target) not in directions():
        raise ConvmapError(f"{source} to {target} is no direction: say two frameworks")
    if args.record:
        _record(source, target, args.api, args.stale)
    common = frequent()
    rows = [
        row
        for row in table(target, source)
        if (args.all or source != SOURCE or row.api in common)
        and (not args.api or fnmatch.fnmatchcase(row.api, args.api))
        and (not args.missing or row.status not in PROVEN)
    ]
    versions = ", ".join(
        f"{name} {version}" for name, version in read_evidence(target, source)["versions"].items()
    )
    if args.api and not rows and not args.missing:
        raise ConvmapError(f"no API is like {args.api!r}; --all looks at every API of the rules")
    counts = Counter(row.status for row in rows)
    if args.format == "json":
        shown = [
            {"api": r.api, "status": r.status, "cases": r.cases, "refused": r.refused,
             "quirks": sorted(r.quirks), "problems": r.problems} for r in rows
        ]  # fmt: skip
        print(json.dumps({"target": target, "versions": versions, "apis": shown}, indent=1))
    elif rows:
        width = max(len(row.api) for row in rows)
        print(f"{'API':<{width}}  {target:<9} cases  refused")
        for row in rows:
            note = f"  not as recorded: {row.problems[0]}" if row.problems else ""
            few = "*" if row.status in PROVEN and row.cases < WANTED else " "
            print(f"{row.api:<{width}}  {row.status:<9} {row.cases:>5}{few} {row.refused or '':>7}{note}")
        print(f"{len(rows)} APIs: {', '.join(f'{n} {status}' for status, n in counts.most_common())}")
        print(f"run in {versions}; *: fewer than {WANTED} argument sets")
    return 1 if any(row.problems for row in rows) else 0


def _record(source: str, target: str, pattern: str | None, stale: bool) -> None:
    from convmap import files
    from convmap.coverage import digest, evidence_file, read_evidence, record
    from convmap.examples import Example, pieces

    chosen = [
        e
        for e in pieces(source, target)
        if not pattern or any(fnmatch.fnmatchcase(u.api, pattern) for u in e.port(target).uses)
    ]
    if not chosen:
        raise ConvmapError(f"no example uses an API like {pattern!r}")
    path = evidence_file(target, source)
    if stale and path.exists():
        kept = read_evidence(target, source)["examples"]
        chosen = [e for e in chosen if kept.get(e.name, {}).get("digest") != digest(e.port(target))]
    done = 0

    def shown(example: Example, verdict: str) -> None:
        nonlocal done
        done += 1
        if sys.stderr.isatty():
            print(f"\r{done} of {len(chosen)} ", end="", file=sys.stderr)
        if verdict == "differs":
            print(f"{example.name}: differs", file=sys.stderr)

    made = record(target, chosen, shown) if chosen else read_evidence(target, source)
    if len(chosen) < len(pieces(source, target)) and path.exists():
        kept = read_evidence(target, source)["examples"]
        known = {e.name: e for e in pieces(source, target)}
        made["examples"] = {n: r for n, r in {**kept, **made["examples"]}.items() if n in known}
    files.write(path, json.dumps(made, indent=0, ensure_ascii=False).encode() + b"\n")
