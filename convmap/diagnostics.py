"""Diagnostics: a place in a file with a stable code, and what each code means."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from convmap.folders import rules_folder
from convmap.rules import read_toml


@dataclass(frozen=True)
class Diagnostic:
    """One finding. Lines and columns count from 1, columns in characters; the end is behind the last.

    A finding about a whole file has no end (0).
    """

    code: str
    severity: str  # error, warning, note
    line: int
    column: int
    message: str
    advice: str = ""
    path: str = ""
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.path}:{self.line}:{self.column} {self.code} {self.message}{advice}"


@dataclass(frozen=True)
class Code:
    """What a code means: ``example`` of ``source``, ported to ``target``, gives it; "" where no file alone can."""

    title: str
    why: str
    todo: str
    example: str = ""
    target: str = ""
    source: str = "torch"


@functools.cache
def codes() -> dict[str, Code]:
    """Give every code there is, from rules/diagnostics.toml."""
    table = read_toml(rules_folder() / "diagnostics.toml")
    return {code: Code(**row) for code, row in table.items()}
