"""``convmap parity``: the frameworks and the core against float64, over a sweep of convolutions."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain, islice
from pathlib import Path
from typing import Any

from convmap import files
from convmap.errors import ConvmapError

EXAMPLES = """examples:
  convmap parity                                     named cases and 500 generated ones
  convmap parity --backends torch,mindspore,megengine --ops conv_transpose2d --cases 2000 --seed 7
  convmap parity --list --ops conv2d --cases 20      print the cases, run nothing
  convmap parity --case conv/x1.2.5/o3/k3/s2/d1/g1/p1_0/b1/r7
  convmap parity --device cuda --evidence evidence/  torch and the core on a GPU
  convmap parity record --backends torch -o torch.safetensors
  convmap parity replay torch.safetensors --backends mindspore

Each case runs as the rules write it, and as the plain call where a quirk keeps them from it; float64
and a bound by element judge. Exit codes: 0 everything as expected, 1 something is not, 2 an error."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "parity",
        help="compare the frameworks' convolutions with a float64 judge over a sweep",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _select(parser)
    parser.add_argument("--case", action="append", metavar="ID", help="look at one case closely; repeats")
    parser.add_argument("--list", action="store_true", help="print the cases, run nothing")
    parser.add_argument("--json", metavar="FILE", help="write the evidence of all backends as JSON")
    parser.add_argument("--junit", metavar="FILE", help="write JUnit XML")
    parser.add_argument("--evidence", metavar="FOLDER", help="write one JSON file for each backend")
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(metavar="ACTION")
    record = actions.add_parser("record", help="write inputs, weights and outputs of one backend to a file")
    _select(record)
    record.add_argument("-o", "--output", required=True, metavar="FILE", help="a .safetensors file")
    record.set_defaults(run=run_record)
    replay = actions.add_parser("replay", help="run a recording's cases here, on its inputs and weights")
    replay.add_argument("recording", metavar="FILE")
    replay.add_argument("--backends", metavar="NAMES", help="default: all that are installed")
    replay.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")
    replay.set_defaults(run=run_replay)


def _select(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backends", metavar="NAMES", help="comma-separated; default: all that are installed"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="cuda: the backends on a GPU"
    )
    parser.add_argument("--ops", metavar="NAMES", help="conv2d, conv_transpose3d_function, ...; default: all")
    parser.add_argument("--cases", type=int, default=500, metavar="N", help="generated ones (default 500)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-gradients", action="store_true", help="forward only")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for one case")


def _names(args: argparse.Namespace) -> tuple[str, ...]:
    from convmap.parity import backends

    if args.backends:
        return tuple(name for name in args.backends.split(",") if name)
    return backends.CUDA if getattr(args, "device", "cpu") == "cuda" else backends.DEFAULT


def _cases(args: argparse.Namespace) -> list[Any]:
    """Give the named cases of the operators asked for, then the generated ones."""
    from convmap.parity.cases import OPS, generated, named

    ops = tuple(args.ops.split(",")) if args.ops else OPS
    for op in ops:
        if op not in OPS:
            raise ConvmapError(f"--ops {op!r}: give some of {', '.join(OPS)}")
    if args.cases < 0:
        raise ConvmapError(f"--cases {args.cases}: give a whole number from 0 on")
    first = (case for case in named().values() if case.kind in ops)
    return list(chain(first, islice(generated(args.seed, args.cases, ops), args.cases)))


def run(args: argparse.Namespace) -> int:
    try:
        import convmap.parity.judge  # noqa: F401 - NumPy and array-api-compat
    except ImportError as error:
        raise ConvmapError(f"parity needs {error.name}: pip install 'convmap[check]'") from None
    from convmap.parity import report, runner
    from convmap.parity.backends import opened
    from convmap.parity.cases import parse
    from convmap.parity.closeup import closeup
    from convmap.rules import load

    asked = [parse(text) for text in args.case or ()]
    cases = [] if asked else _cases(args)
    if args.list:
        print("\n".join(case.id for case in asked or cases))
        return 0
    gradients = not args.no_gradients
    with opened(_names(args), load(), args.timeout) as backends:
        if asked:
            found = [closeup(case, backends, gradients) for case in asked]
            print("\n\n".join(text for text, _ in found))
            return 0 if all(expected for _, expected in found) else 1
        with _progress(len(cases)) as progress:
            result = runner.run(cases, backends, gradients, args.seed, progress)
    _missing(result.missing, bool(args.backends))
    print(report.table(result))
    records = report.evidence(result)
    if args.json:
        files.write(Path(args.json), _json(records))
    if args.junit:
        files.write(Path(args.junit), report.junit(result))
    for record in records if args.evidence else ():
        name = f"{record['backend']}-{record['version'].split('+')[0]}.json"
        files.write(Path(args.evidence) / name, _json(record))
    if result.interrupted:
        return 130
    return 1 if result.unexpected else 0


def run_record(args: argparse.Namespace) -> int:
    from convmap.parity.backends import opened
    from convmap.parity.recording import record
    from convmap.rules import load

    names = _names(args) if args.backends else ()
    if len(names) != 1:
        raise ConvmapError("record takes one backend: --backends torch")
    with opened(names, load(), args.timeout) as (backend,):
        count, left_out = record(_cases(args), backend, Path(args.output), not args.no_gradients)
    for line in left_out:
        print(f"left out: {line}")
    print(f"{count} cases of {names[0]} -> {args.output}, {len(left_out)} left out")
    return 0 if count else 1


def run_replay(args: argparse.Namespace) -> int:
    from convmap.parity import report, runner
    from convmap.parity.backends import opened
    from convmap.parity.recording import Recorded
    from convmap.rules import load

    recorded = Recorded(Path(args.recording))
    with opened(_names(args), load(), args.timeout) as backends, _progress(len(recorded.cases)) as progress:
        result = runner.run(
            recorded.cases, [recorded, *backends], recorded.gradients, None, progress, recorded.data
        )
    _missing(result.missing, bool(args.backends))
    print(report.table(result))
    return 1 if result.unexpected else 0


def _missing(missing: dict[str, str], asked: bool) -> None:
    """Raise for a backend that was asked for by name and can't run; the report names the others."""
    if missing and asked:
        raise ConvmapError("; ".join(f"{name} can't run: {reason}" for name, reason in missing.items()))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


class _progress:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="case", disable=not sys.stderr.isatty(), leave=False)

    def __enter__(self) -> Any:
        return self._bar.update

    def __exit__(self, *error: object) -> None:
        self._bar.close()
