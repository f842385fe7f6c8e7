"""Which APIs are proven: the rules' examples, run in the real frameworks and recorded in evidence/."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convmap.errors import ConvmapError
from convmap.examples import SOURCE, Example, pieces
from convmap.folders import evidence_folder, rules_folder
from convmap.rewrite.divergences import parting
from convmap.rewrite.port import Port
from convmap.rules import load

SEEDS = 4
WANTED = 3  # argument sets of each API
RUN = ("holds", "known")
PROVEN = ("exact", "mixed", "shim", "partly")


@dataclass
class Row:
    """One API in one target: how its uses were ported, over the examples that use it."""

    api: str
    target: str
    statuses: set[str] = field(default_factory=set)  # of recorded runs that hold: exact, shim
    refused: int = 0  # examples in which it is left, with the reason; 1 where the rules refuse it at all
    cases: int = 0
    quirks: set[str] = field(default_factory=set)  # divergences of what it is ported to
    problems: list[str] = field(default_factory=list)  # examples that don't hold, or whose record is old
    bound: bool = False  # the rules have it, or it has the same name and meaning everywhere

    @property
    def status(self) -> str:
        """Give one of PROVEN, or refused, draft (not run) or unknown.

        mixed: a call, and a shim for what it can't say; partly: some forms are refused.
        """
        if self.problems:
            return "draft"
        if self.statuses:
            return "partly" if self.refused else "mixed" if len(self.statuses) > 1 else min(self.statuses)
        if self.refused:
            return "refused"
        return "draft" if self.bound else "unknown"


def evidence_file(target: str, source: str = SOURCE) -> Path:
    """Name the file of what was recorded: of torch's pieces by the target, of others' by the source."""
    framework = load().framework(target if source == SOURCE else source)
    way = "" if source == SOURCE else f"to-{target}-from-"
    return evidence_folder() / f"examples-{way}{framework.name}-{framework.version}.json"


def directions() -> list[tuple[str, str]]:
    """Give each source and target. Torch judges in float64: between two others its port stands for the source."""
    others = [name for name in load().frameworks if name != SOURCE]
    by_way = list(itertools.permutations(others, 2))
    return [(SOURCE, name) for name in others] + [(name, SOURCE) for name in others] + by_way


def read_evidence(target: str, source: str = SOURCE) -> dict[str, Any]:
    """Read what was recorded for a direction; raise ConvmapError where nothing was."""
    path = evidence_file(target, source)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ConvmapError(f"{path}: nothing is recorded; run convmap coverage --record") from None
    return found


def frequent() -> dict[str, int]:
    """Give the APIs that files with convolutions use most, each with the number of files that use it."""
    with (rules_folder() / SOURCE / "frequency.csv").open(encoding="utf-8") as file:
        return {row["api"]: int(row["files"]) for row in csv.DictReader(file)}


def digest(port: Port) -> str:
    return hashlib.sha256(port.after.encode()).hexdigest()[:12]


def record(target: str, chosen: Sequence[Example], shown: Callable[[Example, str], None]) -> dict[str, Any]:
    """Run examples in the real frameworks; give the evidence, in the order of the examples.

    ``shown`` is told each example and its verdict: holds; known (it does, but for an error that the rules
    record); refused (the port leaves a call, and says so); differs.
    """
    from convmap.backends import environments
    from convmap.sides import workers

    versions = {e.framework: e.version for e in environments.discover()}
    source = chosen[0].source
    rows: dict[str, Any] = {}
    with workers() as pool, tempfile.TemporaryDirectory() as folder:
        for example in chosen:
            rows[example.name] = run_example(example, target, pool, Path(folder))
            shown(example, rows[example.name]["verdict"])
    return {
        "target": target,
        "versions": {source: versions[source], target: versions[target]},
        "seeds": SEEDS,
        "examples": rows,
    }


def run_example(example: Example, target: str, pool: Any, folder: Path, seeds: int = SEEDS) -> dict[str, Any]:
    """Run one example in a folder of its own; give its row of the evidence."""
    from convmap.inputs import Case
    from convmap.verify import verify

    port = example.port(target)
    row: dict[str, Any] = {
        "kind": example.kind,
        "inputs": list(example.inputs),
        "port": example.shown(port.after),
        "digest": digest(port),
        "uses": sorted({(u.api, u.target, u.status) for u in port.uses}),
    }
    if port.counts["refused"]:
        reasons = [d.message for d in port.diagnostics if d.severity == "error"]
        return {**row, "verdict": "refused", "why": reasons[0]}
    file, ported = folder / "net.py", None
    file.write_text(example.text, encoding="utf-8")
    if SOURCE not in (example.source, target):
        standing = example.port(SOURCE)
        if standing.counts["refused"] or not any(u.status != "refused" for u in standing.uses):
            return {
                **row,
                "verdict": "refused",
                "why": f"its port to {SOURCE}, which would judge, is not whole",
            }
        ported = folder / "net_ported.py"
        ported.write_bytes(port.data)
        file.write_bytes(standing.data)
    case = Case(example.code, file, "Net()", example.inputs, ported)
    if example.kind == "initial":
        return {**row, **_drawn(case, target, pool)}
    for known in (False, True):
        found = verify(
            case, target, pool, load(), seeds=seeds, known=known, modes=example.modes, points=True,
            made=port if ported else None,
        )  # fmt: skip
        if found.holds or found.problem or not found.inexact:
            break
    forward = [c for _, c in found.comparisons if c.kind in ("forward", "buffer")]
    worst = max(forward, key=lambda c: c.multiple, default=None)
    row |= {"verdict": ("known" if known else "holds") if found.holds else "differs"}
    if found.problem or worst is None:
        return {**row, "why": found.problem or "nothing was compared"}
    row |= {"forward": _short(worst.multiple), "error": _short(worst.error), "bound": _short(worst.bound)}
    row |= {"gradient": _short(found.worst("input gradient", "weight gradient"))}
    if found.holds and known:
        row |= {"known": list(found.inexact)}
    if not found.holds:
        row |= {"why": next(c.problem for _, c in found.comparisons if not c.holds)}
    if found.points:
        recorded = _at_points(port, example.source, target)
        row |= {"points": {point: recorded.get(point, []) for point in found.points}}
        for point, tensors in found.points.items():
            if point not in recorded:
                row |= {"verdict": "differs", "why": f"at {point}: {tensors[0]}"}
    return row


def _at_points(port: Port, source: str, target: str) -> dict[str, list[str]]:
    """Name, by the point, the recorded quirks by which a port may part from its source."""
    rows = [row[-1] for row in parting(load().framework(source), load().framework(target), port.uses)]
    return {point: [q.id for q in rows if point in q.at_points] for q in rows for point in q.at_points}


def _drawn(case: Any, target: str, pool: Any) -> dict[str, Any]:
    """Compare what both sides start with, by distribution."""
    from convmap.distributions import distance
    from convmap.ported import make_pair
    from convmap.verify import load_sides

    try:
        with tempfile.TemporaryDirectory() as scratch:
            pair = make_pair(load(), case.file, target, Path(scratch), case.ported)
            sides, _ = load_sides(case, pair, pool)
            theirs = sides.pool[target].ask("get_state", model=sides.target_model)
            far = distance(sides.fresh["w"], theirs["w"])
    except ConvmapError as error:
        return {"verdict": "differs", "why": str(error)}
    return {"verdict": "holds" if far <= 1 else "differs", "forward": _short(far)}


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def table(target: str, start: str = SOURCE) -> list[Row]:
    """Give a row for each API of a framework: torch's frequent ones first, then the others of the rules."""
    rules = load()
    source = rules.framework(start)
    evidence, quirks = read_evidence(target, start)["examples"], rules.framework(target).quirks
    names = {
        name.replace("Module.", f"{source.module_class}.").replace("Tensor.", f"{source.tensor_class}.")
        for name in source.same
    }
    first = frequent() if start == SOURCE else {}
    rows = {api: Row(api, target) for api in [*first, *sorted(api for api in source.by_api if api)]}
    for api, row in rows.items():
        plain = api.removesuffix("_") if api.rpartition(".")[2][:-1] in source.in_place else api
        row.bound = api in names or bool({api, plain} & set(source.by_api))
        row.refused = int(not row.bound and source.refusal_of(api) is not None)
    for example in pieces(start, target):
        port = example.port(target)
        recorded = evidence.get(example.name)
        fresh = recorded is not None and recorded["digest"] == digest(port)
        for use in port.uses:
            row = rows.setdefault(use.api, Row(use.api, target, bound=use.api in source.by_api))
            if use.status == "refused":
                row.refused += 1
            elif not fresh or recorded["verdict"] not in (*RUN, "refused"):
                row.problems.append(example.name)
            elif recorded["verdict"] in RUN:
                row.statuses.add(use.status)
                row.cases += 1
                row.quirks.update(q.id for q in quirks if use.target in q.apis)
    return list(rows.values())
