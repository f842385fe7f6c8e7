"""The command line: reads arguments, calls the rooms, prints. Exit codes: 0 done, 1 needs review, 2 error."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from convmap import __version__, files, report
from convmap.commands import parity
from convmap.errors import ConvmapError, SourceError
from convmap.rewrite.port import Port, detect_framework, port_document
from convmap.rules import Rules, load
from convmap.source.document import Document

PORT_EXAMPLES = """examples:
  convmap port model.py --to mindspore              write model_mindspore.py beside it
  convmap port model.py --to megengine --diff       show the changes, write nothing
  convmap port src/ --to mindspore -o out/          port a folder
  convmap port model.py --to mindspore --check      write nothing; exit 1 where a call can't be ported
  convmap port model.py --to mindspore --target-version mindspore==2.7.0

Porting never runs the file. Exit codes: 0 every use is exact or a shim, 1 something needs review,
2 a usage error or a file that can't be read (nothing of it is written)."""

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

    port = commands.add_parser(
        "port", help="rewrite files for another framework", epilog=PORT_EXAMPLES, formatter_class=raw
    )
    port.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    port.add_argument("--to", required=True, metavar="FRAMEWORK", help="torch, mindspore or megengine")
    port.add_argument("--from", dest="source", metavar="FRAMEWORK", help="default: found from the imports")
    port.add_argument("--target-version", metavar="NAME==X.Y.Z", help="default: the version in the rules")
    port.add_argument(
        "--output-padding",
        choices=("exact", "documented"),
        default="exact",
        help="documented: MindSpore's own recipe, a zero Pad behind the call; it gives other values",
    )
    port.add_argument("--diff", action="store_true", help="print a diff and write nothing")
    port.add_argument("--check", action="store_true", help="write nothing, only report")
    port.add_argument("-o", "--output", metavar="PATH", help="file or folder to write to")
    port.add_argument("--in-place", action="store_true", help="write over the source files")
    port.add_argument("--format", choices=("text", "json"), default="text")
    port.set_defaults(run=_port)

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

    backends = commands.add_parser("backends", help="list the frameworks that can run, or install one")
    actions = backends.add_subparsers(metavar="ACTION")
    install = actions.add_parser("install", help="make the environment a framework needs")
    install.add_argument("frameworks", nargs="+", metavar="FRAMEWORK")
    backends.set_defaults(run=_backends)
    install.set_defaults(run=_install)
    return parser


def _version_of(text: str | None, target: str) -> str | None:
    if text is None:
        return None
    name, _, version = text.partition("==")
    if not version or name != target:
        raise ConvmapError(f"--target-version {text!r}: give it as {target}==X.Y.Z")
    return version


def _port(args: argparse.Namespace) -> int:
    rules = load()
    target = rules.framework(args.to)
    version = _version_of(args.target_version, target.name)
    if args.in_place and args.output:
        raise ConvmapError("--in-place and --output exclude each other")
    allowed = frozenset({"documented-output-padding"} if args.output_padding == "documented" else ())
    found = files.find(args.paths)
    gc.disable()  # syntax trees are freed by their counts; walking them all costs a seventh of the time
    many = len(found) > 1 or any(Path(p).is_dir() for p in args.paths)
    results: list[tuple[Port, str, list[str]]] = []
    problems: list[str] = []
    for file, root in found:
        try:
            port = port_file(rules, file, target.name, args.source, version, allowed)
        except (SourceError, ConvmapError) as error:
            problems.append(str(error))
            continue
        if port is None:
            continue
        path = files.destination(file, root, target.name, args.output, args.in_place, many)
        written = ""
        if args.format == "text" and args.diff:
            print(report.diff(port, str(file), str(path), sys.stdout.isatty()))
        if not (args.diff or args.check):
            files.write(path, port.data)
            written = str(path)
        results.append((port, written, _proven(port)))
    if args.format == "json":
        print(report.as_json(results, problems))
    else:
        _print_results(results, problems, len(found))
    if problems:
        return 2
    return 1 if any(port.needs_review for port, _, _ in results) else 0


def port_file(
    rules: Rules,
    file: Path,
    target: str,
    source: str | None,
    version: str | None,
    allowed: frozenset[str] = frozenset(),
) -> Port | None:
    """Port one file; None where it uses no known framework or is of the target already."""
    document = Document.read(file)
    framework = rules.framework(source) if source else detect_framework(rules, document.names)
    if framework is None or framework.name == target:
        return None
    return port_document(document, framework, rules.framework(target), version, allowed)


def _proven(port: Port) -> list[str]:
    lines = [f"{len(port.calls)} calls lift back from {port.target} to the same canonical call"]
    try:
        from convmap import proof
    except ImportError:
        return [*lines, "no numeric check: NumPy is not installed (pip install 'convmap[check]')"]
    return [*lines, *proof.check_port(port)]


def _print_results(results: list[tuple[Port, str, list[str]]], problems: list[str], seen: int) -> None:
    for port, written, proven in results:
        for diagnostic in port.diagnostics:
            print(diagnostic)
        print(f"{port.path} -> {written or port.target}: {report.counts_text(port.counts)}")
        for line in proven:
            print(f"  proven: {line}")
    for problem in problems:
        print(f"convmap: {problem}", file=sys.stderr)
    skipped = seen - len(results) - len(problems)
    if skipped:
        print(f"{skipped} file(s) without a framework to port from, left alone")


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
