"""``convmap weights``: converts a checkpoint to the weights of a port."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from convmap.commands.rules import option

EXAMPLES = """examples:
  convmap weights model.py --entry "Generator(100)" --to mindspore generator.pth -o generator.ckpt
  convmap weights model.py --entry "Generator(100)" --to megengine generator.pth -o generator.pkl
  convmap weights model.py --entry "Net()" --to mindspore run.pt --key ema -o net.safetensors
  convmap weights model_ms.py --entry "Net()" --to torch net.ckpt -o net.pth

Makes both models (this RUNS the model file, in workers), maps every tensor by the rules, writes tensor by
tensor, and loads the result into the port to compare it. Nothing in a checkpoint is run: torch files are
read with weights_only. Files: .pth .pt .bin (torch), .ckpt (MindSpore), .pkl .mge (MegEngine),
.safetensors and .npz (any). Exit codes: 0 written, 2 an error (nothing is written)."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "weights",
        help="convert a checkpoint to the weights of a port (runs the model file)",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the model file in the source framework")
    parser.add_argument("checkpoint", metavar="CHECKPOINT")
    parser.add_argument("--entry", required=True, help="Python expression that makes the model, run in FILE")
    parser.add_argument("--to", required=True, metavar="FRAMEWORK")
    parser.add_argument("-o", "--output", required=True, metavar="CHECKPOINT")
    parser.add_argument("--from", dest="source", metavar="FRAMEWORK", help="default: found from the imports")
    parser.add_argument("--ported", metavar="FILE", help="the port, where it was edited by hand")
    parser.add_argument("--key", default="", help="where the state dict is in the file: model, or ema.model")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="GLOB", help="leave out tensors; repeats"
    )
    parser.add_argument("--no-read-back", action="store_true", help="don't load the result into the port")
    parser.add_argument("--list", action="store_true", help="print every tensor, not only the counts")
    parser.add_argument("--json", metavar="FILE", help="write what became of every tensor")
    option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from convmap import files
    from convmap.ported import make_pair
    from convmap.rules import load
    from convmap.sides import workers
    from convmap.transfer import convert, load_models

    with tempfile.TemporaryDirectory() as scratch, workers() as pool:
        given = Path(args.ported) if args.ported else None
        pair = make_pair(load(), Path(args.file), args.to, Path(scratch), given, args.source)
        for text in pair.unported:
            print(f"not ported: {text}", file=sys.stderr)
        models, plan = load_models(pair, args.entry, pool)
        found = convert(
            models,
            plan,
            Path(args.checkpoint),
            Path(args.output),
            pool,
            args.key,
            args.ignore,
            _shown,
            not args.no_read_back,
        )
    if args.list:
        for step in found.steps:
            print(step)
    size = sum(step.target.bytes for step in found.steps)
    print(f"{args.checkpoint} -> {args.output}: {len(found.steps)} tensors, {size / 1e6:.1f} MB")
    wider = Counter(
        (s.source.format, s.target.format) for s in found.steps if s.source.format != s.target.format
    )
    for (narrow, wide), number in wider.items():
        print(f"  widened: {number} from {narrow} to {wide}, each value as it was")
    for reason, number in Counter(reason for _, reason in found.left_out).items():
        names = [name for name, why in found.left_out if why == reason]
        shown = ", ".join(names[:3]) + (", ..." if number > 3 else "")
        print(f"  left out: {number} ({reason}): {shown}")
    print(f"  {found.read_back}")
    if args.json:
        table = {
            "tensors": [{"source": vars(step.source), "target": vars(step.target)} for step in found.steps],
            "left_out": dict(found.left_out),
            "read_back": found.read_back,
        }
        files.write(Path(args.json), json.dumps(table, indent=1, ensure_ascii=False).encode() + b"\n")
    return 0


def _shown(steps: list[Any]) -> Iterable[Any]:
    """Show progress in bytes, on a terminal."""
    if not sys.stderr.isatty():
        yield from steps
        return
    from tqdm import tqdm

    with tqdm(total=sum(s.target.bytes for s in steps), unit="B", unit_scale=True, leave=False) as bar:
        for step in steps:
            yield step
            bar.update(step.target.bytes)
