"""A run's findings as SARIF 2.1.0, for code hosts that show them at their lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from convmap import __version__
from convmap.diagnostics import Diagnostic, codes
from convmap.rewrite.port import Port

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def as_sarif(ports: list[Port], problems: list[str]) -> str:
    """Give one run: every finding with its span, every code with its page."""
    used = sorted({d.code for port in ports for d in port.diagnostics})
    rules = [_rule(code) for code in used]
    index = {code: number for number, code in enumerate(used)}
    results = [
        {
            "ruleId": d.code,
            "ruleIndex": index[d.code],
            "level": LEVELS[d.severity],
            "message": {"text": d.message + (f". {d.advice}" if d.advice else "")},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": Path(d.path).as_posix()},
                        "region": _region(d),
                    }
                }
            ],
        }
        for port in ports
        for d in port.diagnostics
    ]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "convmap", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not problems,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": problem}} for problem in problems
                ],
            }
        ],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False)


def _region(found: Diagnostic) -> dict[str, int]:
    region = {"startLine": found.line, "startColumn": found.column}
    if found.end_line:
        region |= {"endLine": found.end_line, "endColumn": found.end_column}
    return region


def _rule(code: str) -> dict[str, Any]:
    page = codes()[code]
    return {
        "id": code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.why},
        "help": {"text": page.todo},
    }
