"""The command line: reads arguments, calls the rooms, prints. Exit codes: 0 done, 1 needs review, 2 error."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from typing import NoReturn

from convmap import __version__, folders
from convmap.errors import ConvmapError
from convmap.rules import load

# Modules, each read when its command is given.
COMMANDS = ("port", "parity", "verify", "weights", "explain", "coverage", "rules", "docs")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; every expected problem is one line on stderr and exit code 2."""
    given = sys.argv[1:] if argv is None else argv
    args = parser(given[0] if given else "").parse_args(given)
    try:
        folders.add(getattr(args, "rules", []))
        return int(args.run(args))
    except ConvmapError as error:
        print(f"convmap: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("convmap: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1


def run() -> NoReturn:
    """Run the command line as a process of its own."""
    code = main()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)  # the trees of a hundred files are freed one by one otherwise: a tenth of the time


def parser(command: str = "") -> argparse.ArgumentParser:
    """Make the parser of the whole command line; given a command, the others' modules are left unread."""
    parser = argparse.ArgumentParser(
        prog="convmap",
        description="Port deep-learning code between PyTorch, MindSpore and MegEngine, and prove each port.",
    )
    parser.add_argument("--version", action="version", version=f"convmap {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for name in (command,) if command in COMMANDS else COMMANDS:
        importlib.import_module(f"convmap.commands.{name}").add(commands)
    backends = commands.add_parser("backends", help="list the frameworks that can run, or install one")
    actions = backends.add_subparsers(metavar="ACTION")
    install = actions.add_parser("install", help="make the environment a framework needs")
    install.add_argument("frameworks", nargs="+", metavar="FRAMEWORK")
    backends.set_defaults(run=_backends)
    install.set_defaults(run=_install)
    return parser


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
    run()
