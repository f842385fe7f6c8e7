"""Diagnostics: stable codes, what each means, and a place in a file."""

from __future__ import annotations

from dataclasses import dataclass

# code -> what it means; severity follows from the first digit's family and the call site.
CODES = {
    "CM101": "this API is not in the rules, or not for this target",
    "CM102": "a tensor method or attribute is not in the rules, or not for this target",
    "CM103": "a class or function is passed on as a value, and its calls can't be followed",
    "CM104": "the arguments don't fit the signature",
    "CM105": "the arguments come from a * or ** expression",
    "CM106": "an import of the source framework stays, because something still uses it",
    "CM107": "whether the object is a tensor can't be told from the file",
    "CM201": "an argument's meaning can't be carried over",
    "CM202": "no call of the target is provably the same",
    "CM203": "the call was ported as documented by the target although values differ",
    "CM210": "an in-place operation may change a tensor that is used again",
    "CM301": "the target behaves differently outside of the ported calls",
    "CM900": "convmap's own check of a port failed",
}


@dataclass(frozen=True)
class Diagnostic:
    """One finding. Lines and columns count from 1; columns count characters."""

    code: str
    severity: str  # error, warning, note
    line: int
    column: int
    message: str
    advice: str = ""
    path: str = ""

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.path}:{self.line}:{self.column} {self.code} {self.message}{advice}"
