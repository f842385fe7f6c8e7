"""The losses of a source and its port along training, and how far apart they may be."""

from __future__ import annotations

from dataclasses import dataclass

from convmap.compare import GROWTH, ROUNDOFF


@dataclass(frozen=True)
class Curve:
    """The losses of one optimizer, step by step."""

    optimizer: str
    source: tuple[float, ...]
    port: tuple[float, ...]
    judge: tuple[float, ...]
    problem: str = ""
    judged: str = "source"  # which of the two is torch, whose own rounding is the measure
    nearby: tuple[
        tuple[float, ...], ...
    ] = ()  # torch without oneDNN, and from weights one unit in the last place away

    @property
    def multiple(self) -> float:
        """The worst step, in units of what it may be off."""
        worst, own = 0.0, 0.0
        mine, other = (self.source, self.port) if self.judged == "source" else (self.port, self.source)
        runs = zip(*(mine, *self.nearby))
        for ours, theirs, judge in zip(runs, other, self.judge):
            own = max(own, *(abs(loss - judge) for loss in ours))
            allowed = GROWTH * own + ROUNDOFF * abs(judge)
            off = abs(theirs - judge)
            worst = max(worst, off / allowed if allowed else float(off > 0))
        return worst

    @property
    def holds(self) -> bool:
        return not self.problem and bool(self.port) and self.multiple <= 1
