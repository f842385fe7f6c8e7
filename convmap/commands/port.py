"""``convmap port``: rewrites files, folders and notebooks for another framework, and reports each use."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from convmap import files, report
from convmap.cache import Cache
from convmap.commands.rules import option
from convmap.diagnostics import Diagnostic
from convmap.errors import ConvmapError
from convmap.porting import SHARED, Request, port_files, shared_module
from convmap.rewrite.port import Port
from convmap.rules import load
from convmap.silence import Baseline, by_comments

STDOUT = "-"  # as a path
EXAMPLES = """examples:
  convmap port model.py --to mindspore              write model_mindspore.py beside it
  convmap port model.py --to megengine --diff       show the changes, write nothing
  convmap port model.py --to mindspore -o - | less  write the port to standard output, the report to the other
  convmap port src/ --to mindspore -o out/          port a package; what needs no change is copied
  convmap port tutorial.ipynb --to mindspore        port a notebook's code, drop its outputs
  convmap port src/ --to mindspore --check          write nothing; exit 1 where a call can't be ported
  convmap port src/ --to mindspore --check --baseline known.json
  convmap port model.py --to mindspore --target-version mindspore==2.7.0

Porting never runs the file. A line's findings are silenced by "# convmap: ignore[CM202]" on it.
Exit codes: 0 every use is exact or a shim, 1 something needs review, 2 a usage error or a file that
can't be read (nothing of it is written)."""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "port",
        help="rewrite files for another framework",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, notebooks or folders")
    parser.add_argument("--to", required=True, metavar="FRAMEWORK", help="torch, mindspore or megengine")
    parser.add_argument("--from", dest="source", metavar="FRAMEWORK", help="default: found from the imports")
    parser.add_argument("--target-version", metavar="NAME==X.Y.Z", help="default: the version in the rules")
    parser.add_argument(
        "--output-padding",
        choices=("exact", "documented"),
        default="exact",
        help="documented: MindSpore's own recipe, a zero Pad behind the call; it gives other values",
    )
    where = parser.add_argument_group("where the ports go")
    where.add_argument(
        "-o", "--output", metavar="PATH", help="file or folder to write to; - is standard output"
    )
    where.add_argument("--in-place", action="store_true", help="write over the source files")
    where.add_argument("--diff", action="store_true", help="print a diff and write nothing")
    where.add_argument("--check", action="store_true", help="write nothing, only report")
    said = parser.add_argument_group("what is reported")
    said.add_argument("--format", choices=("text", "json", "sarif"), default="text")
    said.add_argument("-q", "--quiet", action="store_true", help="print findings and errors only")
    said.add_argument("--statistics", action="store_true", help="count the findings by code and by API")
    said.add_argument("--baseline", metavar="FILE", help="leave out the findings that are in this file")
    said.add_argument("--write-baseline", metavar="FILE", help="write this run's findings as known ones")
    where.add_argument(
        "--shims",
        choices=("inline", "shared"),
        help="shared: in one module at the top of a folder (the default for folders), not in each file",
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=1, metavar="N", help="processes; 0: one for each core"
    )
    parser.add_argument("--no-cache", action="store_true", help="port unchanged files again too")
    option(parser)
    parser.set_defaults(run=run)


@dataclass
class _Results:
    """What is printed at the end: each file's last result, in order, and what was silenced."""

    ports: dict[Path, tuple[Port, str, tuple[str, ...]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    roots: dict[Path, Path] = field(default_factory=dict)
    alone: list[tuple[Path, Path]] = field(default_factory=list)
    silenced: Counter[str] = field(default_factory=Counter)


def run(args: argparse.Namespace) -> int:
    request, found = _request(args), files.find(args.paths, args.output)
    _refuse_beside(args)
    gc.disable()  # syntax trees are freed by their counts; walking them all costs a seventh of the time
    many = len(found) > 1 or any(Path(p).is_dir() for p in args.paths)
    cache = None if args.no_cache else Cache(str(file) for file, _ in found)
    jobs = args.jobs or os.cpu_count() or 1
    results = _Results()
    for done in _shown(port_files(request, found, jobs, cache), len(found)):
        if done.problem:
            results.problems.append(done.problem)
        elif done.port is None:
            results.alone.append((done.file, done.root))
        else:
            results.ports[done.file] = (done.port, "", done.proven)
            results.roots[done.file] = done.root
            path = files.destination(done.file, done.root, request.target, args.output, args.in_place, many)
            if not (args.diff or args.check or args.output == STDOUT):
                files.write(path, done.port.data)
                results.ports[done.file] = (done.port, str(path), done.proven)
    if request.shared and not (args.diff or args.check):
        _write_shared(args, results, request.target)
    copied = _copy(args, results, found) if args.output and many and not (args.diff or args.check) else 0
    if cache:
        cache.prune()
    baseline = Baseline.read(Path(args.baseline)) if args.baseline else Baseline()
    _silence(results, baseline)
    if args.write_baseline:
        known = Baseline()
        for port, _, _ in results.ports.values():
            for place, text in (port.parts or {port.path: port.before}).items():
                known.add([d for d in port.diagnostics if d.path == place], text)
        files.write(Path(args.write_baseline), known.data())
    if args.output == STDOUT:
        _to_stdout(results)
    with contextlib.redirect_stdout(sys.stderr if args.output == STDOUT else sys.stdout):
        _print(args, results, copied, request.target)
    if results.problems:
        return 2
    return 1 if any(port.needs_review for port, _, _ in results.ports.values()) else 0


def _to_stdout(results: _Results) -> None:
    """Write the port of the one file, or the file itself where nothing in it is ported."""
    sys.stdout.flush()
    for port, _, _ in results.ports.values():
        sys.stdout.buffer.write(port.data)
    for file, _ in results.alone:
        sys.stdout.buffer.write(file.read_bytes())
    sys.stdout.buffer.flush()


def _request(args: argparse.Namespace) -> Request:
    rules = load()
    target = rules.framework(args.to)
    source = rules.framework(args.source).name if args.source else None
    if source == target.name:
        raise ConvmapError(f"--from and --to are both {source}")
    if args.output == STDOUT and (len(args.paths) != 1 or not Path(args.paths[0]).is_file()):
        raise ConvmapError("-o - writes to standard output, which takes one file")
    if args.output == STDOUT and (args.diff or args.check):
        raise ConvmapError("-o - writes the port to standard output: leave --diff and --check out")
    if args.in_place and args.output:
        raise ConvmapError("--in-place and --output exclude each other")
    if args.jobs < 0:
        raise ConvmapError(f"--jobs {args.jobs}: give a number of processes, or 0 for one for each core")
    allowed = frozenset({"documented-output-padding"} if args.output_padding == "documented" else ())
    shared = args.shims == "shared" or (args.shims is None and any(Path(p).is_dir() for p in args.paths))
    return Request(target.name, source, _version_of(args.target_version, target.name), allowed, shared)


def _version_of(text: str | None, target: str) -> str | None:
    if text is None:
        return None
    name, _, version = text.partition("==")
    if not version or name != target:
        raise ConvmapError(f"--target-version {text!r}: give it as {target}==X.Y.Z")
    return version


def _refuse_beside(args: argparse.Namespace) -> None:
    """A package's files import each other by name: beside their sources the ports would mix with them."""
    writes = not (args.diff or args.check or args.in_place or args.output)
    folders = [p for p in args.paths if Path(p).is_dir()]
    if writes and folders:
        raise ConvmapError(f"{folders[0]}: a folder needs -o FOLDER, or --in-place, --diff or --check")


def _shown(found: Any, total: int) -> Any:
    """Show progress on long work, on a terminal, where tqdm is installed."""
    if total < 20 or not sys.stderr.isatty():
        return found
    try:
        from tqdm import tqdm
    except ImportError:
        return found
    return tqdm(found, total=total, unit=" files", leave=False)


def _write_shared(args: argparse.Namespace, results: _Results, target: str) -> None:
    for root in sorted(set(results.roots.values())):
        ports = [results.ports[file][0] for file, of in results.roots.items() if of == root]
        path = (root if args.in_place else Path(args.output)) / f"{SHARED}.py"
        data = shared_module(target, [p for p in ports if not p.path.endswith(".ipynb")], path)
        if data is not None:
            files.write(path, data)


def _copy(args: argparse.Namespace, results: _Results, found: list[tuple[Path, Path]]) -> int:
    """Copy what needs no change, and the data of a package, beside the ports."""
    left = list(results.alone)
    for folder in (p for p in args.paths if Path(p).is_dir()):
        left += files.data_of(Path(folder), Path(args.output), {file for file, _ in found})
    for file, root in left:
        files.write(files.destination(file, root, "", args.output, False, True), file.read_bytes())
    return len(left)


def _silence(results: _Results, baseline: Baseline) -> None:
    for file, (port, written, proven) in results.ports.items():
        left: list[Diagnostic] = []
        # The findings of a notebook are of its cells, each with lines of its own.
        for path, text in (port.parts or {port.path: port.before}).items():
            found = [d for d in port.diagnostics if d.path == path]
            found, gone = by_comments(found, text, path)
            results.silenced["a comment"] += gone
            found, gone = baseline.silence(found, text)
            results.silenced["the baseline"] += gone
            left += found
        results.ports[file] = (replace(port, diagnostics=left), written, proven)


def _print(args: argparse.Namespace, results: _Results, copied: int, target: str) -> None:
    if args.format == "json":
        print(report.as_json(list(results.ports.values()), results.problems))
        return
    if args.format == "sarif":
        from convmap.sarif import as_sarif

        print(as_sarif([port for port, _, _ in results.ports.values()], results.problems))
        return
    noted: set[str] = set()
    for port, written, proven in results.ports.values():
        if args.diff:
            shown = written or str(files.suffixed(Path(port.path), target))
            print(report.diff(port, port.path, shown, sys.stdout.isatty()))
        for diagnostic in port.diagnostics:
            # What a framework, or a call of it, does by itself is said once, not for each file.
            if diagnostic.code not in ("CM206", "CM301") or diagnostic.message not in noted:
                print(diagnostic)
            noted.add(diagnostic.message)
        if not args.quiet:
            print(f"{port.path} -> {written or port.target}: {report.counts_text(port.counts)}")
            for line in proven if len(results.ports) == 1 else ():
                print(f"  proven: {line}")
    for problem in results.problems:
        print(f"convmap: {problem}", file=sys.stderr)
    if args.statistics:
        print(report.statistics([port for port, _, _ in results.ports.values()]))
    if args.quiet:
        return
    for by, number in results.silenced.items():
        if number:
            print(f"{number} finding(s) silenced by {by}")
    if len(results.ports) > 1:
        total = sum((port.counts for port, _, _ in results.ports.values()), Counter[str]())
        print(f"{len(results.ports)} files: {report.counts_text(total)}")
    if results.alone:
        print(
            f"{len(results.alone)} file(s) without a framework to port from, "
            + ("copied" if copied else "left alone")
        )
