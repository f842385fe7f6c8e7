"""Verifies a port between two frameworks without float64: the port to torch, verified first, stands for the source."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from convmap.errors import ConvmapError
from convmap.inputs import Case
from convmap.ported import make_pair
from convmap.rewrite.port import detect_framework
from convmap.rules import Rules
from convmap.sides import JUDGE, Workers
from convmap.source.document import Document
from convmap.verdicts import Verdict, word_of
from convmap.verify import verify


def needs_way(case: Case, target: str, rules: Rules) -> bool:
    """Tell whether neither the case's framework nor the target is the judge's."""
    source = detect_framework(rules, Document.read(case.file)) if case.file.is_file() else None
    return source is not None and JUDGE not in (source.name, target)


def verify_by_way(
    case: Case, target: str, pool: Workers, rules: Rules, seed: int = 0, seeds: int = 8
) -> Verdict:
    """Verify the port to torch against the source, and the port (or the one given) against that; see ``verify``.

    Errors of the two add up: what holds is within two bounds of the source. Every failure is in the verdict.
    """
    if case.weights is not None:
        return Verdict(
            case, target, problem="trained weights go to a port by way of torch in two steps of their own"
        )
    first = verify(dataclasses.replace(case, ported=None), JUDGE, pool, rules, seed, seeds)
    if not (first.holds or first.known):
        why = first.problem or word_of(first)
        return Verdict(
            case, target, problem=f"the port to {JUDGE}, which would judge, is not verified: {why}"
        )
    try:
        with tempfile.TemporaryDirectory() as there, tempfile.TemporaryDirectory() as here:
            pair = make_pair(rules, case.file, target, Path(there), case.ported)
            standing = make_pair(rules, case.file, JUDGE, Path(here))
            between = dataclasses.replace(case, file=standing.ported, ported=pair.ported)
            verdict = verify(between, target, pool, rules, seed, seeds, made=pair.port)
    except ConvmapError as error:
        return Verdict(case, target, problem=str(error))
    text = (case.file.read_text(encoding="utf-8"), verdict.files[1])
    way = f"judged by the port to {JUDGE}, which {word_of(first)}"
    return dataclasses.replace(
        verdict, case=case, files=text, seconds=first.seconds + verdict.seconds, by_way=way
    )
