"""Findings that somebody has looked at: ignore comments in the file, and a baseline of known ones."""

from __future__ import annotations

import io
import json
import re
import tokenize
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from convmap.diagnostics import Diagnostic
from convmap.errors import ConvmapError

_COMMENT = re.compile(r"#\s*convmap:\s*ignore(?:\[([A-Z0-9, ]+)\])?")
VERSION = 1


def by_comments(found: Iterable[Diagnostic], text: str, path: str) -> tuple[list[Diagnostic], int]:
    """Drop what ``# convmap: ignore[CM101]`` silences on its line; give the rest and how many went.

    A comment that silences nothing is a finding itself (a note, CM302).
    """
    found = list(found)
    if "convmap:" not in text:
        return found, 0
    comments: dict[int, set[str] | None] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        match = _COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if match:
            codes = {code.strip() for code in match[1].split(",")} if match[1] else None
            comments[token.start[0]] = codes
    kept, used = [], set()
    for finding in found:
        codes = comments.get(finding.line, set())
        if finding.severity != "note" and (codes is None or finding.code in codes):
            used.add(finding.line)
        else:
            kept.append(finding)
    for line in sorted(comments.keys() - used):
        message = "this ignore comment silences nothing"
        kept.append(Diagnostic("CM302", "note", line, 1, message, "delete it", path))
    return kept, len(found) - sum(d.code != "CM302" for d in kept)


Key = tuple[str, str, str]


def _key(finding: Diagnostic, lines: list[str]) -> Key:
    """Name a finding by its line's text, not its number: lines above it come and go."""
    text = " ".join(lines[finding.line - 1].split()) if finding.line <= len(lines) else ""
    return Path(finding.path).as_posix(), finding.code, text


class Baseline:
    """The findings that were there before: each silences as many as were counted."""

    def __init__(self, known: Counter[Key] | None = None) -> None:
        self.known = known or Counter()

    @classmethod
    def read(cls, path: Path) -> "Baseline":
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            rows = table["findings"]
            known = Counter({(r["path"], r["code"], r["line"]): int(r["count"]) for r in rows})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConvmapError(
                f"{path}: not a baseline ({error}); convmap port --write-baseline makes one"
            ) from None
        if table.get("version") != VERSION:
            raise ConvmapError(f"{path}: version {table.get('version')!r} of a baseline; {VERSION} is read")
        return cls(known)

    def silence(self, found: Iterable[Diagnostic], text: str) -> tuple[list[Diagnostic], int]:
        """Drop what the baseline knows; give the rest and how many went."""
        lines, kept, gone = text.splitlines(), [], 0
        for finding in found:
            key = _key(finding, lines)
            if finding.severity != "note" and self.known[key] > 0:
                self.known[key] -= 1
                gone += 1
            else:
                kept.append(finding)
        return kept, gone

    def add(self, found: Iterable[Diagnostic], text: str) -> None:
        lines = text.splitlines()
        self.known.update(_key(f, lines) for f in found if f.severity != "note")

    def data(self) -> bytes:
        """Give the file's bytes, in an order that makes small diffs."""
        rows = [
            {"path": path, "code": code, "line": line, "count": count}
            for (path, code, line), count in sorted(self.known.items())
        ]
        text = json.dumps({"version": VERSION, "findings": rows}, indent=1, ensure_ascii=False)
        return (text + "\n").encode()
