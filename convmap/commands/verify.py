"""``convmap verify``: runs a port against its source in the real frameworks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from convmap.commands.rules import option
from convmap.errors import ConvmapError

EXAMPLES = """examples:
  convmap verify model.py --to mindspore --entry "Generator(100)" --input 2x100x1x1
  convmap verify model.py --to megengine --entry "Net(namespace(width=8))" --input 2x3x32x32
  convmap verify model.py --to mindspore --entry "Net()" --input 2x3x32x32 --weights net.pth --steps 20
  convmap verify model.py --to mindspore --ported by_hand.py --entry "Net()" --input 2x3x32x32
  convmap verify --manifest examples/models.toml --to mindspore --report report.html

Verifying RUNS the model file, in the source framework and in the target (each in its own interpreter); a
file of a package is ported and run with it. Between MindSpore and MegEngine the port to torch is verified first, and
stands for the source then. Where a port does not hold, both models are walked layer by
layer and the first that is off is named. Exit codes: 0 every output and gradient holds, or does
but for errors that the rules record of functions (the report names them), 1 one does not, 2 a usage error."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="port, run both sides and compare outputs and gradients (runs the model file)",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", nargs="?", metavar="FILE")
    parser.add_argument("--to", required=True, metavar="FRAMEWORK")
    parser.add_argument("--entry", help="Python expression that makes the model, run in the file's module")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="SPEC",
        help="2x100x1x1, 2x8:int64:0..10, or one list of tensors: [2x8x4x4, 2x16x2x2]; repeats",
    )
    parser.add_argument("--manifest", metavar="TOML", help="verify every [[model]] of a file")
    parser.add_argument("--ported", metavar="FILE", help="check this port, made by hand or by another tool")
    parser.add_argument(
        "--weights", metavar="CHECKPOINT", help="the source's trained weights, not drawn ones"
    )
    parser.add_argument("--steps", type=int, default=0, metavar="N", help="also train N steps on both sides")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=8, help="samples of weights and inputs (default 8)")
    parser.add_argument(
        "--report", metavar="HTML", help="write a page: codes side by side, layers, error maps"
    )
    parser.add_argument("--json", metavar="FILE", help="write the verdicts as JSON too")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from convmap import files
    from convmap.by_way import needs_way, verify_by_way
    from convmap.inputs import Case, read_manifest
    from convmap.page import page_of
    from convmap.rules import load
    from convmap.sides import workers
    from convmap.training import train
    from convmap.verdicts import json_of, table_of, text_of
    from convmap.verify import verify

    rules = load()
    target = rules.framework(args.to).name
    if args.manifest:
        cases = read_manifest(Path(args.manifest))
    elif args.path and args.entry and args.input:
        ported, weights = (Path(p) if p else None for p in (args.ported, args.weights))
        cases = [Case(args.path, Path(args.path), args.entry, tuple(args.input), ported, weights)]
    else:
        raise ConvmapError("verify needs FILE with --entry and --input, or --manifest")
    verdicts = []
    with workers() as pool:
        for case in cases:
            if sys.stderr.isatty():
                print(f"verifying {case.name} in {target} ...", file=sys.stderr)
            way = verify_by_way if needs_way(case, target, rules) else verify
            verdict = way(case, target, pool, rules, args.seed, args.seeds)
            if args.steps and way is verify_by_way:
                verdict.problem = (
                    verdict.problem or "--steps needs torch on one side: train the port to torch"
                )
            elif args.steps and not verdict.problem:
                verdict.training = train(case, target, pool, rules, args.steps, args.seed)
            verdicts.append(verdict)
            if args.format == "text":
                print(text_of(verdict), flush=True)
    if args.format == "json":
        print(json.dumps([json_of(v) for v in verdicts], indent=2))
    elif len(verdicts) > 1:
        print(table_of(verdicts))
    if args.json:
        files.write(Path(args.json), json.dumps([json_of(v) for v in verdicts], indent=2).encode() + b"\n")
    if args.report:
        files.write(Path(args.report), page_of(verdicts).encode())
    return 0 if all(v.holds or v.known for v in verdicts) else 1
