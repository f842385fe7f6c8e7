"""``convmap docs``: builds the site of API differences."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

from convmap.claims import AGREES, Outcome
from convmap.errors import ConvmapError

EXAMPLES = """examples:
  convmap docs build                      write the site to site/
  convmap docs build -o public/
  convmap docs build --run                run every example first: minutes, and the frameworks
  convmap docs check public/              follow every link of a built site
  convmap docs claims                     what MegEngine's page of mapped APIs says, and what is so
  convmap docs claims --record            run its rows again and keep what comes of them

The site is made from the rules and the recorded runs; no framework is needed (pip install
'convmap[docs]'), unless the examples are to --run again. Exit codes: 0 built, 2 an example or its record
does not hold, a link leads nowhere, or something is not installed."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "docs",
        help="build the site of API differences, in English and Chinese",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    build = actions.add_parser("build", help="write the site")
    build.add_argument("-o", "--output", default="site", metavar="FOLDER")
    build.add_argument(
        "--run", dest="run_examples", action="store_true", help="run every example, not only its record"
    )
    build.set_defaults(run=_build)
    check = actions.add_parser("check", help="follow every link of a built site")
    check.add_argument("folder", metavar="FOLDER")
    check.set_defaults(run=_check)

    said = actions.add_parser("claims", help="list the mapped rows of MegEngine's page that do not hold")
    said.add_argument("--record", action="store_true", help="run every row again, and write the evidence")
    said.set_defaults(run=_claims)


def _claims(args: argparse.Namespace) -> int:
    from convmap import claims

    found = claims.run_all(_show) if args.record else claims.recorded()
    if args.record:
        claims.record(found)
    else:
        for outcome in found:
            _show(outcome)
    off = {(o.api, o.other) for o in found if o.verdict != AGREES}
    rows = {(o.api, o.other) for o in found}
    print(f"{len(rows)} rows, {len(found)} calls: {len(off)} rows do not do the same in at least one call")
    return 0


def _show(outcome: Outcome) -> None:
    if outcome.verdict != AGREES:
        print(
            f"{outcome.api} -> {outcome.other}: {outcome.call}: {outcome.verdict}: {outcome.why}", flush=True
        )


def _build(args: argparse.Namespace) -> int:
    for module in ("mkdocs", "material", "jieba", "numpy"):
        if importlib.util.find_spec(module) is None:
            raise ConvmapError(f"{module} is not installed: pip install 'convmap[docs]'")
    from convmap.docs.site import build

    start = time.perf_counter()
    counts = build(Path(args.output), lambda line: print(line, file=sys.stderr), args.run_examples)
    seconds = time.perf_counter() - start
    print(
        f"{args.output}: {counts['pages']} pages, {counts['examples']} "
        f"{'examples run' if args.run_examples else 'recorded examples'}, "
        f"{counts['links']} links checked, {seconds:.0f} s"
    )
    return 0


def _check(args: argparse.Namespace) -> int:
    from convmap.docs.site import check_links

    folder = Path(args.folder)
    if not (folder / "index.html").exists():
        raise ConvmapError(f"{folder}: no site: it has no index.html")
    print(f"{check_links(folder)} links lead somewhere")
    return 0
