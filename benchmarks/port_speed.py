"""Measures the speed of ``convmap port`` on timm's models, side by side with paconvert.

    python benchmarks/port_speed.py                 five runs of each, in turn
    python benchmarks/port_speed.py --runs 3 --alone

The sources are those of corpora.py. paconvert (a torch-to-Paddle translator, the fastest rival known) is
installed into an environment of its own in the user's cache, and does not format. Every run is a process
of its own, start-up included; CPU seconds are user time, memory is the peak of the process. Writes
results/port_speed.json and prints the table.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

from corpora import wheel

RIVAL = "paconvert==3.3.1"
RESULTS = Path(__file__).parent / "results" / "port_speed.json"
SMALL = 100  # lines of the file that start-up is measured with


def rival() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "convmap" / "paconvert"
    program = cache / "bin" / "paconvert"
    if not program.exists():
        venv.create(cache, with_pip=True)
        subprocess.run([cache / "bin" / "python", "-m", "pip", "install", "-q", RIVAL], check=True)
    return program


def run(command: list[str]) -> dict[str, float]:
    """Run a program; give its user CPU seconds, wall seconds and peak memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed with {os.waitstatus_to_exitcode(status)}")
    return {
        "user": usage.ru_utime,
        "wall": time.perf_counter() - start,
        "mib": usage.ru_maxrss / 1024,  # Linux counts in KiB
    }


def unparsable(folder: Path) -> int:
    count = 0
    for file in folder.rglob("*.py"):
        try:
            ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError):
            count += 1
    return count


def comments(folder: Path) -> int:
    return sum(
        line.lstrip().startswith("#")
        for file in folder.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
    )


def middle(runs: list[dict[str, float]], key: str) -> float:
    return round(statistics.median(r[key] for r in runs), 3)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without paconvert")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        wheel("timm").extractall(scratch)
        source = scratch / "timm" / "models"
        text = (source / "resnet.py").read_text(encoding="utf-8").splitlines(keepends=True)
        small = scratch / "small.py"
        small.write_text("".join(text[: _end_near(text, SMALL)]), encoding="utf-8")
        port = [str(Path(sys.executable).parent / "convmap"), "port", "--to", "mindspore", "--no-cache", "-q"]
        commands = {
            "convmap port": [*port, str(source), "-o", str(scratch / "out")],
            "convmap port -j 2": [*port, str(source), "-j", "2", "-o", str(scratch / "out2")],
            f"convmap port, {SMALL} lines": [*port, str(small), "-o", str(scratch / "small_out.py")],
        }
        if not args.alone:
            commands[f"{RIVAL} --no_format"] = [
                str(rival()), "--no_format", "--log_level", "WARNING", "-i", str(source),
                "-o", str(scratch / "rival"), "--log_dir", str(scratch / "log"),
            ]  # fmt: skip
        runs: dict[str, list[dict[str, float]]] = {label: [] for label in commands}
        for number in range(args.runs):
            for label, command in commands.items():
                for folder in ("out", "out2", "rival"):
                    shutil.rmtree(scratch / folder, ignore_errors=True)
                runs[label].append(run(command))
                print(f"\rrun {number + 1} of {args.runs}: {label:<40}", end="", file=sys.stderr)
                if number == args.runs - 1 and label == "convmap port":
                    shutil.copytree(scratch / "out", scratch / "kept")
        print(file=sys.stderr)
        lines = sum(f.read_bytes().count(b"\n") for f in source.rglob("*.py"))
        report: dict[str, Any] = {"source": "timm 1.0.15, timm/models", "lines": lines, "runs": args.runs}
        report["programs"] = {
            label: {key: middle(found, key) for key in ("user", "wall", "mib")}
            for label, found in runs.items()
        }
        report["comment lines"] = {"source": comments(source), "convmap": comments(scratch / "kept")}
        report["unparsable"] = {"convmap": unparsable(scratch / "kept")}
        if not args.alone:
            report["comment lines"]["paconvert"] = comments(scratch / "rival")
            report["unparsable"]["paconvert"] = unparsable(scratch / "rival")
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{lines} lines, median of {args.runs}")
    for label, row in report["programs"].items():
        rate = f"{lines / row['user']:8.0f} lines/s" if "lines" not in label else " " * 16
        print(f"{label:32} {row['user']:7.2f} s user {row['wall']:7.2f} s wall {row['mib']:6.0f} MiB {rate}")
    for what in ("comment lines", "unparsable"):
        print(f"{what}: {', '.join(f'{k} {v}' for k, v in report[what].items())}")
    return 0


def _end_near(lines: list[str], wanted: int) -> int:
    """Find where the first top-level statement ends that reaches a number of lines."""
    body = ast.parse("".join(lines)).body
    return next(n.end_lineno for n in body if n.end_lineno and n.end_lineno >= wanted) or wanted


if __name__ == "__main__":
    sys.exit(main())
