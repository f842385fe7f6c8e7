"""A run of the suite as a table, as evidence (JSON, one record for each backend) and as JUnit."""

from __future__ import annotations

from collections import Counter
from typing import Any
from xml.etree import ElementTree

from convmap.parity.judge import NAMES
from convmap.parity.runner import Report
from convmap.parity.verdict import Outcome

SHOWN = 20


def evidence(report: Report) -> list[dict[str, Any]]:
    """Give what the run shows of each backend: counts, worst errors, quirks, speed."""
    return [_record(report, name, [o for o in report.outcomes if o.backend == name]) for name in report.info]


def _record(report: Report, name: str, outcomes: list[Outcome]) -> dict[str, Any]:
    counts = Counter(o.status for o in outcomes)
    exact = [o for o in outcomes if o.status == "exact"]
    quirks: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        if outcome.status == "quirk":
            found = quirks.setdefault(
                outcome.quirk, {"cases": 0, "first": outcome.case, "effect": outcome.detail}
            )
            found["cases"] += 1
    seconds = report.seconds.get(name, 0.0)
    return {
        "backend": name,
        **report.info[name],
        "seed": report.seed,
        "cases": report.cases,
        "gradients": report.gradients,
        "judge_checked": report.checked,
        "interrupted": report.interrupted,
        "counts": dict(sorted(counts.items())),
        "through_shims": sum(o.shim for o in exact),
        "worst_of_bound": {
            tensor: round(max(o.multiples[tensor] for o in exact if tensor in o.multiples), 4)
            for tensor in NAMES
            if any(tensor in o.multiples for o in exact)
        },
        "quirks": dict(sorted(quirks.items())),
        "refused": dict(Counter(o.detail for o in outcomes if o.status == "refused").most_common()),
        "unexpected": [vars(o) for o in outcomes if not o.expected],
        "calls_per_minute": round(60 * sum(o.status != "refused" for o in outcomes) / seconds)
        if seconds
        else None,
    }


def table(report: Report) -> str:
    """Give one line for each backend, then what was unexpected, then the speed."""
    lines = [
        f"{'backend':<16} {'version':<9} {'exact':>6} {'(shim)':>7} {'quirk':>6} {'refused':>8} {'unexpected':>11}"
        "   worst of the bound: output, gradients of input, weight, bias"
    ]
    for record in evidence(report):
        counts = record["counts"]
        unexpected = len(record["unexpected"])
        worst = "  ".join(f"{record['worst_of_bound'].get(name, 0):.3f}" for name in NAMES)
        lines.append(
            f"{record['backend']:<16} {record['version'].split('+')[0]:<9} {counts.get('exact', 0):>6}"
            f" {record['through_shims']:>7} {counts.get('quirk', 0):>6} {counts.get('refused', 0):>8}"
            f" {unexpected:>11}   {worst}"
        )
    lines += [f"{name:<16} did not run: {reason}" for name, reason in report.missing.items()]
    for outcome in report.unexpected[:SHOWN]:
        lines.append(
            f"{outcome.backend}: {outcome.status}: {outcome.case}\n  {outcome.api}: {outcome.detail[:300]}"
        )
    if len(report.unexpected) > SHOWN:
        lines.append(f"... and {len(report.unexpected) - SHOWN} more")
    rate = 60 * report.cases / max(report.seconds["all"], 1e-9)
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items() if name != "all")
    lines.append(
        f"{report.cases} cases in {report.seconds['all']:.1f} s ({rate:.0f} a minute in all backends together; "
        f"{parts}); the reference confirmed {report.checked} judgements"
        + ("; interrupted" if report.interrupted else "")
    )
    return "\n".join(lines)


def junit(report: Report) -> bytes:
    """Give the run as JUnit XML: a suite for each backend, what was refused as skipped."""
    root = ElementTree.Element("testsuites", name="convmap parity")
    for name in report.info:
        outcomes = [o for o in report.outcomes if o.backend == name]
        suite = ElementTree.SubElement(
            root, "testsuite", name=name, tests=str(len(outcomes)),
            failures=str(sum(not o.expected for o in outcomes)),
            skipped=str(sum(o.status == "refused" for o in outcomes)),
        )  # fmt: skip
        for outcome in outcomes:
            title = outcome.case + (f" [{outcome.quirk}]" if outcome.quirk else "")
            element = ElementTree.SubElement(suite, "testcase", classname=name, name=title)
            if outcome.status == "refused":
                ElementTree.SubElement(element, "skipped", message=outcome.detail)
            elif not outcome.expected:
                ElementTree.SubElement(element, "failure", message=outcome.status).text = outcome.detail
    for name, reason in report.missing.items():
        suite = ElementTree.SubElement(root, "testsuite", name=name, tests="1", failures="0", skipped="1")
        element = ElementTree.SubElement(suite, "testcase", classname=name, name="start")
        ElementTree.SubElement(element, "skipped", message=reason)
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text
