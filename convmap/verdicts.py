"""What came out of verifying a model, as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from convmap.compare import Comparison
from convmap.curves import Curve
from convmap.inputs import Case
from convmap.kinks import Kink
from convmap.rewrite.port import Use
from convmap.walks import Walk

SHOWN = 5  # lines of a kind in a text report


@dataclass
class Verdict:
    """What came out for one model and one target."""

    case: Case
    target: str
    counts: dict[str, int] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    comparisons: list[tuple[str, Comparison]] = field(default_factory=list)  # mode, comparison
    problem: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    unported: tuple[str, ...] = ()  # calls that the port leaves as they were
    noise: int = 0
    kinks: list[tuple[str, Kink]] = field(
        default_factory=list
    )  # mode, the jump: one for each sample replaced
    tensors: int = 0
    inexact: tuple[str, ...] = ()  # calls in the port that are known to be approximations
    excused: list[tuple[str, Comparison]] = field(
        default_factory=list
    )  # as comparisons, of modes that are off
    excuses: tuple[str, ...] = ()  # the recorded errors that these allow for
    seconds: float = 0.0
    points: dict[str, list[str]] = field(default_factory=dict)  # single inputs at which the two part, and how
    walk: Walk | None = None  # where a forward pass does not hold: layer by layer
    training: list[Curve] = field(default_factory=list)
    files: tuple[str, str] = ("", "")  # the source's text and the port's
    by_way: str = ""  # what stands for the source, where neither framework has float64

    def worst(self, *kinds: str) -> float:
        """Give the worst multiple of the bound over tensors of these kinds."""
        return max((c.multiple for _, c in self.comparisons if c.kind in kinds), default=0.0)

    @property
    def holds(self) -> bool:
        compared = not self.problem and bool(self.comparisons)
        return compared and all(c.holds for _, c in self.comparisons) and all(c.holds for c in self.training)

    @property
    def known(self) -> bool:
        """Whether it holds but for errors that the rules record of functions, as far as they spread."""
        off = {mode for mode, c in self.comparisons if not c.holds}
        judged = bool(self.excuses) and off <= {mode for mode, _ in self.excused} and bool(off)
        fine = judged and not self.problem and all(c.holds for _, c in self.excused)
        return fine and all(c.holds for c in self.training)


def word_of(verdict: Verdict) -> str:
    """Say what came out in a few words."""
    if verdict.holds:
        return "holds"
    return "holds but for recorded errors" if verdict.known else "DOES NOT HOLD"


def text_of(verdict: Verdict) -> str:
    calls = ", ".join(f"{n} {status}" for status, n in sorted(verdict.counts.items()))
    word = word_of(verdict)
    head = f"{verdict.case.name} -> {verdict.target}: {word} ({calls})"
    left = [f"  not ported: {text}" for text in verdict.unported[:SHOWN]]
    if len(verdict.unported) > SHOWN:
        left.append(f"  and {len(verdict.unported) - SHOWN} more that are not ported")
    if verdict.problem:
        return "\n".join([head, f"  {verdict.problem}", *left])
    lines = [
        head,
        f"  {verdict.tensors} tensors transferred, {len(verdict.left_out)} left out, "
        f"{verdict.noise} random draws fed, {verdict.seconds:.1f} s",
        *([f"  {verdict.by_way}"] if verdict.by_way else []),
    ]
    for mode in ("eval", "train"):
        for kind in ("forward", "input gradient", "weight gradient", "buffer"):
            found = [c for m, c in verdict.comparisons if m == mode and c.kind == kind]
            if found:
                worst = max(found, key=lambda c: c.multiple)
                lines.append(
                    f"  {mode:<5} {kind:<15} {len(found):>3} tensors, worst {worst.multiple:8.3f} of the bound"
                    f" (error {worst.error:.2e}, bound {worst.bound:.2e}, {worst.name})"
                )
    for curve in verdict.training:
        lines.append(_curve_text(curve))
    for mode, kink in verdict.kinks:
        lines.append(
            f"  {mode}: a sample on a kink was replaced: the float64 {kink.key[0]} of {kink.key[1]} jumps by "
            f"{kink.jump:.1e} between points {kink.width:.0e} apart"
        )
    for mode, comparison in [(m, c) for m, c in verdict.comparisons if not c.holds][:8]:
        lines.append(f"  {mode}: {comparison.kind} of {comparison.name}: {comparison.problem}")
    if verdict.walk is not None:
        lines += [f"  {verdict.walk.mode}: {verdict.walk}"]
        for word, place in (("source", verdict.walk.source_place), ("port", verdict.walk.target_place)):
            lines += [f"    {word}, line {place.line}: {place.text}"] if place else []
    if verdict.known:
        worst = max((c for _, c in verdict.excused), key=lambda c: c.multiple)
        lines.append(
            f"  with the errors below, as they spread in the source: worst {worst.multiple:.3f} of the bound"
        )
        lines += [f"  recorded: {text}" for text in verdict.excuses]
    elif not verdict.holds:
        lines += [f"  known: {text}" for text in verdict.inexact]
    if left:
        lines += ["  what is not ported counts only where the model ran it:", *left]
    return "\n".join(lines)


def table_of(verdicts: list[Verdict]) -> str:
    """Give one line for each model: its calls, the worst of what was compared, and the verdict."""
    width = max(len(v.case.name) for v in verdicts)
    lines = [f"{'model':<{width}}  exact shim  forward gradient seconds"]
    for v in verdicts:
        if v.problem:
            figures = f"{v.problem.splitlines()[0][:60]}"
        else:
            gradient = v.worst("input gradient", "weight gradient")
            figures = f"{v.worst('forward', 'buffer'):7.2f} {gradient:8.2f} {v.seconds:7.1f}"
        calls = f"{v.counts.get('exact', 0):5} {v.counts.get('shim', 0):4}"
        word = word_of(v) + (f", {len(v.unported)} not ported" if v.unported else "")
        lines.append(f"{v.case.name:<{width}}  {calls}  {figures}  {word}")
    good, known = sum(v.holds for v in verdicts), sum(v.known for v in verdicts)
    lines.append(
        f"{good} of {len(verdicts)} models hold in {verdicts[0].target} (figures in units of the bound)"
        + (f", {known} more but for recorded errors" if known else "")
    )
    return "\n".join(lines)


def json_of(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.case.name,
        "target": verdict.target,
        "holds": verdict.holds,
        "problem": verdict.problem,
        "calls": verdict.counts,
        "left_out": verdict.left_out,
        "unported": verdict.unported,
        "kinks": [{"mode": m, "tensor": k.key, "jump": k.jump, "width": k.width} for m, k in verdict.kinks],
        "inexact": verdict.inexact,
        "known": verdict.known,
        "excuses": verdict.excuses,
        "excused": [{"mode": m, **vars(c)} for m, c in verdict.excused],
        "training": [{**vars(c), "multiple": c.multiple} for c in verdict.training],
        "first_off": _walk_json(verdict.walk),
        "seconds": round(verdict.seconds, 2),
        "comparisons": [{"mode": m, **vars(c)} for m, c in verdict.comparisons],
    }


def _curve_text(curve: Curve) -> str:
    if curve.problem:
        return f"  {curve.optimizer:<5} not trained: {curve.problem}"
    last = f"loss {curve.source[0]:.6g} -> {curve.source[-1]:.6g} in the source, {curve.port[-1]:.6g} in the port"
    return (
        f"  {curve.optimizer:<5} {len(curve.port)} steps, worst {curve.multiple:8.3f} of the bound ({last})"
    )


def _walk_json(walk: Walk | None) -> dict[str, Any] | None:
    if walk is None:
        return None
    return {
        "mode": walk.mode,
        "said": str(walk),
        "source": vars(walk.source_place) if walk.source_place else None,
        "port": vars(walk.target_place) if walk.target_place else None,
        "layers": [vars(layer) for layer in walk.layers],
    }
