"""The words of the site in its languages: texts.toml."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from convmap.docs.facts import Row
from convmap.rules import read_toml

LANGUAGES = ("en", "zh")
NAMES = {"torch": "PyTorch", "mindspore": "MindSpore", "megengine": "MegEngine"}


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    return read_toml(Path(__file__).parent / "texts.toml")


class Words:
    """One language: ``words("renamed")``; a key that is not there is a KeyError."""

    def __init__(self, language: str) -> None:
        self.language, self.table = language, _table()[language]

    def __call__(self, key: str, *values: object) -> str:
        text: str = self.table[key]
        return text.format(*values) if values else text

    def page(self, code: str) -> dict[str, str]:
        """Give the page of a diagnostic where this language has its own."""
        found: dict[str, str] = self.table.get("pages", {}).get(code, {})
        return found

    def operator(self, operator: str) -> str:
        """Give what this language calls an operator: its own name where there is none."""
        known: dict[str, str] = self.table.get("operators", {})
        return known.get(operator, operator.replace("_", " "))


def difference(row: Row, words: Words, quote: str = "`") -> str:
    """Say how a parameter differs, in one line; "" where it does not."""
    said, forms = [], []
    for key, values in row.differences:
        if key.startswith("adapter_"):
            forms.append(words(key))
            continue
        shown = values if key == "position" else [f"{quote}{value}{quote}" for value in values]
        said.append(words("default_differs" if key == "default" else key, *shown))
    return "; ".join(said + ([" → ".join(forms)] if forms else []))


def name(framework: str) -> str:
    return NAMES.get(framework, framework)
