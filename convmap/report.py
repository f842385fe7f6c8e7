"""What a port says of itself: counts, diagnostics and diffs, as text or JSON."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from typing import Any

from convmap.diagnostics import codes as explain
from convmap.rewrite.port import Port

STATUSES = ("exact", "shim", "lossy", "refused")


def diff(port: Port, path: str, target_path: str, colour: bool) -> str:
    """Give a unified diff, coloured on request."""
    lines = difflib.unified_diff(
        port.before.splitlines(), port.after.splitlines(), path, target_path, lineterm=""
    )
    if not colour:
        return "\n".join(lines)
    paint = {"+": "\033[32m", "-": "\033[31m", "@": "\033[36m"}
    return "\n".join(f"{paint[line[0]]}{line}\033[0m" if line[:1] in paint else line for line in lines)


def counts_text(counts: Counter[str]) -> str:
    total = sum(counts.values())
    shown = ", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s])
    return f"{total} uses: {shown}" if total else "nothing of a known framework in it"


def statistics(ports: list[Port]) -> str:
    """Give a table: how often each code was found, and the APIs that were refused most."""
    codes = Counter(d.code for port in ports for d in port.diagnostics if d.severity != "note")
    refused = Counter(use.api for port in ports for use in port.uses if use.status == "refused")
    rows = [f"{count:6}  {code}  {explain()[code].title}" for code, count in codes.most_common()]
    rows += [f"{count:6}  refused  {api}" for api, count in refused.most_common(20)]
    return "\n".join(rows) or "no findings"


def as_json(ports: list[tuple[Port, str, tuple[str, ...]]], problems: list[str]) -> str:
    """Give the whole run as JSON: each file, what became of each use, diagnostics, checks."""
    files: list[dict[str, Any]] = []
    for port, written, proven in ports:
        files.append(
            {
                "path": port.path,
                "written": written or None,
                "source": port.source,
                "target": port.target,
                "counts": {s: port.counts[s] for s in STATUSES},
                "uses": [u._asdict() for u in port.uses],
                "diagnostics": [vars(d) for d in port.diagnostics],
                "proven": list(proven),
            }
        )
    return json.dumps({"files": files, "problems": problems}, indent=2, ensure_ascii=False)
