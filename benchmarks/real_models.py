"""Ports real model files without a hand edit and verifies each of them whole.

    python benchmarks/real_models.py                        every model: torch's to MindSpore and MegEngine,
                                                            MindSpore's to torch
    python benchmarks/real_models.py --to mindspore resnet smp-unet

The files come from the wheels of corpora.py and are not changed. What they import beside torch that is no
model (registries, tables of trained weights, package __init__ files) is in stand_ins/, the same for source
and port. Models are small by their arguments. Every file of the packages is ported, as one project;
verify then compares outputs, gradients and buffers in evaluation and in training. ``known``: it holds but
for errors that the rules record of functions in it. Writes results/real_models.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from corpora import wheel

from convmap.inputs import Case, read_manifest
from convmap.rules import load
from convmap.sides import workers
from convmap.verdicts import Verdict
from convmap.verify import verify

HERE = Path(__file__).parent
STAND_INS = HERE / "stand_ins"
MANIFESTS = {
    "mindspore": HERE / "real_models.toml",
    "megengine": HERE / "real_models.toml",
    "torch": HERE / "real_models_mindspore.toml",
}
RESULTS = HERE / "results" / "real_models.json"
# Beside the files of the manifest: what they take of their own package that is made of tensors.
ALSO = {
    "torchvision": [
        "_utils.py", "models/_meta.py", "models/_utils.py", "models/segmentation/_utils.py", "ops/misc.py",
        "ops/stochastic_depth.py",
    ],
    "segmentation_models_pytorch": ["base/modules.py", "base/initialization.py", "base/heads.py"],
    "mindcv": [
        "models/registry.py", *(f"models/layers/{name}.py" for name in (
            "activation", "conv_norm_act", "drop_path", "format", "helpers", "identity", "mlp", "patch_dropout",
            "patch_embed", "pooling", "selective_kernel", "squeeze_excite")),
    ],
    "mindyolo": [f"models/layers/{name}.py" for name in ("activation", "common", "conv", "pool", "utils")],
}  # fmt: skip


def unpack(cases: list[Case], folder: Path) -> None:
    """Put the packages of the models into a folder, with the stand-ins."""
    for package, also in ALSO.items():
        names = {f"{package}/{name}" for name in also}
        names |= {str(c.file.relative_to(HERE)) for c in cases if c.file.is_relative_to(HERE / package)}
        archive: zipfile.ZipFile = wheel(package)
        for name in sorted(names):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
    for path in STAND_INS.rglob("*.py"):
        target = folder / path.relative_to(STAND_INS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


def row_of(verdict: Verdict, seeds: int) -> dict[str, Any]:
    word = (
        "holds" if verdict.holds else "known" if verdict.known else "fails" if verdict.problem else "differs"
    )
    return {
        "samples": seeds,
        "verdict": word,
        "calls": verdict.counts,
        "not ported": [text.partition(" ")[2] for text in verdict.unported],
        "problem": verdict.problem.split(" | ")[0],
        "forward": round(verdict.worst("forward", "buffer"), 3),
        "gradient": round(verdict.worst("input gradient", "weight gradient"), 3),
        "seconds": round(verdict.seconds, 1),
    }


def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def _write(target: str, rows: dict[str, Any]) -> None:
    """Write the rows of one target; another run may have written those of others meanwhile."""
    report = _read() | {target: rows}
    RESULTS.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--to", action="append", choices=tuple(MANIFESTS))
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    rules, report = load(), _read()
    every = {target: read_manifest(path) for target, path in MANIFESTS.items()}
    with tempfile.TemporaryDirectory() as scratch, workers() as pool:
        unpack([case for cases in every.values() for case in cases], Path(scratch))
        for target in args.to or MANIFESTS:
            cases = every[target]
            known_names = {case.name for case in cases}
            rows = report[target] = {k: v for k, v in report.get(target, {}).items() if k in known_names}
            for case in cases:
                if args.models and case.name not in args.models:
                    continue
                moved = Case(case.name, Path(scratch) / case.file.relative_to(HERE), case.entry, case.inputs)
                row = rows[case.name] = row_of(
                    verify(moved, target, pool, rules, seeds=args.seeds), args.seeds
                )
                calls = ", ".join(f"{n} {status}" for status, n in sorted(row["calls"].items()))
                _write(target, rows)
                print(
                    f"{case.name:<18} {target:<9} {row['verdict']:<8} {row['forward']:6.2f} {row['gradient']:7.2f}"
                    f" {row['seconds']:6.1f} s  {calls}  {row['problem'][:90]}",
                    flush=True,
                )
            words = [row["verdict"] for row in rows.values()]
            counts = ", ".join(f"{words.count(w)} {w}" for w in ("holds", "known", "differs", "fails"))
            print(f"{target}: {len(words)} models: {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
