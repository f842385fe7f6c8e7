"""What a port says of itself: counts, diagnostics and diffs, as text or JSON."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from typing import Any

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


def as_json(ports: list[tuple[Port, str, list[str]]], problems: list[str]) -> str:
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
                "uses": [vars(u) for u in port.uses],
                "diagnostics": [vars(d) for d in port.diagnostics],
                "proven": proven,
            }
        )
    return json.dumps({"files": files, "problems": problems}, indent=2, ensure_ascii=False)
