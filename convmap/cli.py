"""The command line: reads arguments, calls the rooms, prints. Exit codes: 0 done, 1 needs review, 2 error."""

from __future__ import annotations

import argparse
import sys

from convmap import __version__
from convmap.commands import explain, parity, port, weights
from convmap.errors import ConvmapError
from convmap.rules import load

VERIFY_EXAMPLES = """examples:
  convmap verify model.py --to mindspore --entry "Generator(100)" --input 2x100x1x1
  convmap verify model.py --to megengine --entry "Net(namespace(width=8))" --input 2x3x32x32
  convmap verify --manifest examples/models.toml --to mindspore

Verifying RUNS the model file, in the source framework and in the target (each in its own interpreter).
Exit codes: 0 every output and gradient holds, 1 one does not, 2 a usage error."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; every expected problem is one line on stderr and exit code 2."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except ConvmapError as error:
        print(f"convmap: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("convmap: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="convmap",
        description="Port deep-learning code between PyTorch, MindSpore and MegEngine, and prove each port.",
    )
    parser.add_argument("--version", action="version", version=f"convmap {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter

    port.add(commands)
    verify = commands.add_parser(
        "verify",
        help="port, run both sides and compare outputs and gradients (runs the model file)",
        epilog=VERIFY_EXAMPLES,
        formatter_class=raw,
    )
    verify.add_argument("path", nargs="?", metavar="FILE")
    verify.add_argument("--to", required=True, metavar="FRAMEWORK")
    verify.add_argument("--entry", help="Python expression that makes the model, run in the file's module")
    verify.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="SPEC",
        help="2x100x1x1, 2x8:int64:0..10, or one list of tensors: [2x8x4x4, 2x16x2x2]; repeats",
    )
    verify.add_argument("--manifest", metavar="TOML", help="verify every [[model]] of a file")
    verify.add_argument("--seed", type=int, default=0)
    verify.add_argument("--seeds", type=int, default=8, help="samples of weights and inputs (default 8)")
    verify.add_argument("--json", metavar="FILE", help="write the verdicts as JSON too")
    verify.add_argument("--format", choices=("text", "json"), default="text")
    verify.set_defaults(run=_verify)

    parity.add(commands)
    weights.add(commands)
    explain.add(commands)

    backends = commands.add_parser("backends", help="list the frameworks that can run, or install one")
    actions = backends.add_subparsers(metavar="ACTION")
    install = actions.add_parser("install", help="make the environment a framework needs")
    install.add_argument("frameworks", nargs="+", metavar="FRAMEWORK")
    backends.set_defaults(run=_backends)
    install.set_defaults(run=_install)
    return parser


def _verify(args: argparse.Namespace) -> int:
    from convmap.verify import command

    return command(args)


def _backends(args: argparse.Namespace) -> int:
    from convmap.backends import environments

    for found in environments.discover():
        if found.problem:
            print(f"{found.framework:<10} not usable: {found.problem}")
        else:
            devices = ", ".join(found.devices)
            print(f"{found.framework:<10} {found.version:<10} {found.interpreter}  [{devices}]")
    return 0


def _install(args: argparse.Namespace) -> int:
    from convmap.backends import environments

    for name in args.frameworks:
        load().framework(name)
        environments.install(name, progress=lambda line: print(line, file=sys.stderr))
    return 0


if __name__ == "__main__":
    sys.exit(main())
