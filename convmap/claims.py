"""What MegEngine's page of mapped APIs says, run: the same call in both frameworks, compared by value.

The rows are rules/mapped_megengine.toml; what came of them is kept in evidence/, and the documentation
lists those that do not agree.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convmap.errors import ConvmapError, RuleError
from convmap.examples import SOURCE
from convmap.files import write
from convmap.folders import evidence_folder, rules_folder
from convmap.rules import Rules, load, read_toml

TARGET = "megengine"
SEEDS = 2
AGREES = "agrees"
_UNLIKE = "bad input shape for polyadic operator"  # MegEngine's words for shapes that don't go together
# The product is there to have a gradient where the call has none.
_BODIES = {
    "function": "f = {api}\n\n\nclass Net(Module):\n    def forward(self, x, y):\n        return {call}, x * y\n",
    "layer": "f = {api}\n\n\nclass Net(Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.layer = {call}\n\n    def forward(self, x):\n        return self.layer(x)\n",
}


@dataclass(frozen=True)
class Claim:
    """One call that a row of the page stands for; ``call`` is the same text on both sides, f being the API."""

    kind: str
    api: str
    other: str
    call: str
    inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.api}: {self.call}" + (f" on {self.inputs[0]}" if self.kind == "layer" else "")

    def text(self, framework: str) -> str:
        """Write the call as a model file of a framework."""
        api = self.other if framework == TARGET else self.api
        head: str = _table()["heads"][framework]
        return head + _BODIES[self.kind].format(api=api, call=self.call)


@dataclass(frozen=True)
class Outcome:
    """What came of a claim: agrees, values, shape, gradient or raises; ``why`` gives the number or message."""

    api: str
    other: str
    call: str
    verdict: str
    why: str = ""


def _path() -> Path:
    return rules_folder() / f"mapped_{TARGET}.toml"


def _table() -> dict[str, Any]:
    return read_toml(_path())


def claims() -> tuple[Claim, ...]:
    """Give every call of the table; raise RuleError where a row is not of the form."""
    path, table = _path(), _table()
    shapes: dict[str, str] = table["inputs"]
    out = []
    for kind, rows in table["rows"].items():
        for row in rows:
            if kind not in _BODIES or not 3 <= len(row) <= 4 or not all(isinstance(p, str) for p in row):
                raise RuleError(
                    f"{path}: {kind}: {row!r} is not [torch's API, {TARGET}'s, call] or those and an input"
                )
            spec = row[3] if len(row) > 3 else "image"
            count = 2 if kind == "function" else 1
            out.append(Claim(kind, row[0], row[1], row[2], (shapes.get(spec, spec),) * count))
    return tuple(out)


def run(claim: Claim, pool: Any, rules: Rules) -> Outcome:
    """Call both sides with the same arguments; raise ConvmapError where torch itself does not take them."""
    from convmap.inputs import Case
    from convmap.verify import verify

    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}_net.py" for name in (SOURCE, TARGET)}
        for name, file in files.items():
            file.write_text(claim.text(name), encoding="utf-8")
        case = Case(claim.name, files[SOURCE], "Net()", claim.inputs, ported=files[TARGET])
        found = verify(case, TARGET, pool, rules, seeds=SEEDS, modes=("eval",))
    said = (claim.api, claim.other, claim.call)
    problem = found.problem.removeprefix(f"{TARGET}: ").partition(" | ")[0]
    if "not comparable" in problem or _UNLIKE in problem:
        return Outcome(*said, "shape", problem)
    if found.problem.startswith(f"{TARGET}:"):
        return Outcome(*said, "raises", problem.partition(" failed at ")[0].partition(". ")[0])
    if problem:
        raise ConvmapError(f"{claim.name}: {problem}")
    for kinds, verdict in ((("forward",), "values"), (("input gradient", "weight gradient"), "gradient")):
        off = [c for _, c in found.comparisons if c.kind in kinds and not c.holds]
        if off and any(c.problem.startswith("shapes") for c in off):
            return Outcome(*said, "shape", off[0].problem)
        if off:
            return Outcome(*said, verdict, f"{max(c.furthest for c in off):.2g}")
    return Outcome(*said, AGREES)


def evidence_file() -> Path:
    return evidence_folder() / f"mapped-{TARGET}-{load().framework(TARGET).version}.json"


def run_all(shown: Callable[[Outcome], None]) -> list[Outcome]:
    """Run every claim in the real frameworks."""
    from convmap.sides import workers

    found = []
    with workers() as pool:
        for claim in claims():
            found.append(run(claim, pool, load()))
            shown(found[-1])
    return found


def record(found: list[Outcome]) -> None:
    """Write what came of the claims, beside the versions that they were run in."""
    from convmap.backends import environments

    versions = {e.framework: e.version for e in environments.discover()}
    table = {
        "versions": {name: versions[name] for name in (SOURCE, TARGET)},
        "rows": [asdict(o) for o in found],
    }
    write(evidence_file(), json.dumps(table, indent=1, ensure_ascii=False).encode() + b"\n")


def recorded() -> list[Outcome]:
    """Read what was recorded; raise ConvmapError where it is not of the calls of the table."""
    try:
        rows = json.loads(evidence_file().read_text(encoding="utf-8"))["rows"]
    except OSError:
        raise ConvmapError(
            f"{evidence_file()}: nothing is recorded; run convmap docs claims --record"
        ) from None
    found = [Outcome(**row) for row in rows]
    if [(o.api, o.other, o.call) for o in found] != [(c.api, c.other, c.call) for c in claims()]:
        raise ConvmapError(f"{evidence_file()}: not of the rows of mapped_{TARGET}.toml; record them again")
    return found
