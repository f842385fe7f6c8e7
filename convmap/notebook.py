"""Jupyter notebooks: the code cells as one file, and a port of it divided into cells again."""

from __future__ import annotations

import ast
import copy
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convmap.diagnostics import Diagnostic
from convmap.errors import SourceError
from convmap.rewrite.port import Port
from convmap.source.document import Document

_BEGIN = "# convmap cell "
_MAGIC = "convmap_magic_"
# Line magics, shell commands and help stand where a statement may; the two first also behind "name =".
_LINE = re.compile(r"^(?P<indent>\s*)(?P<magic>[%!?].*|[\w.]+\?{1,2}\s*)$")
_ASSIGNED = re.compile(r"^(?P<indent>\s*)(?P<magic>[\w., ]+=\s*[%!].*)$")
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun")  # what is below their first line is Python


@dataclass
class Notebook:
    """A notebook with its code as a document; magics are stand-ins there."""

    path: Path
    content: dict[str, Any]
    document: Document
    magics: list[str]
    cells: list[int]  # the cell of each part, by its number in the notebook
    first_lines: list[int]

    def divide(self, port: Port) -> Port:
        """Give the port as a notebook: cells in place, magics back, outputs dropped."""
        content = copy.deepcopy(self.content)
        parts = re.split(rf"(?m)^{_BEGIN}(\d+)\n", port.after)
        # What stands before the first cell came with the port: it goes into that cell.
        lead, texts = parts[0], parts[2::2]
        for number, text in zip(self.cells, texts):
            cell = content["cells"][number]
            head = "".join(line + "\n" for line in _head(_text(cell)))
            body = re.sub(rf"(?m)^(\s*){_MAGIC}(\d+)$", self._magic, lead + text).removesuffix("\n")
            cell["source"] = (head + body).splitlines(keepends=True)
            lead = ""
        for cell in content["cells"]:
            if cell.get("cell_type") == "code":
                cell["outputs"], cell["execution_count"] = [], None
        data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
        found = [self._placed(d) for d in port.diagnostics]
        return replace(port, diagnostics=found, data=data, parts=self._parts())

    def _parts(self) -> dict[str, str]:
        """Give the source of each code cell, by the path and with the lines that findings have."""
        lines = self.document.text((0, len(self.document.data))).split("\n")
        ends = [first - 2 for first in self.first_lines[1:]] + [len(lines)]
        found = {}
        for number, first, end in zip(self.cells, self.first_lines, ends):
            head = len(_head(_text(self.content["cells"][number])))
            found[f"{self.path}#cell{number + 1}"] = "\n".join([""] * head + lines[first - 1 : end])
        return found

    def _magic(self, match: re.Match[str]) -> str:
        return match.group(1) + self.magics[int(match.group(2))]

    def _placed(self, found: Diagnostic) -> Diagnostic:
        """Count a finding's line within its cell, and name the cell (from 1, as Jupyter shows them)."""
        index = max((i for i, first in enumerate(self.first_lines) if first <= found.line), default=0)
        cell = self.cells[index] + 1 if self.cells else 1
        first = self.first_lines[index] if self.cells else 1
        before = first - 1 - (len(_head(_text(self.content["cells"][cell - 1]))) if self.cells else 0)
        line, end = max(found.line - before, 1), max(found.end_line - before, 0)
        return replace(found, path=f"{self.path}#cell{cell}", line=line, end_line=end)


def read(path: Path) -> Notebook:
    """Read a notebook. Raises SourceError where it is none, or its code can't be parsed, with the cell."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cells = [(n, cell) for n, cell in enumerate(content["cells"]) if cell["cell_type"] == "code"]
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: not a notebook of version 4: {type(error).__name__} {error}") from None
    magics: list[str] = []
    lines: list[str] = []
    numbers: list[int] = []
    first_lines: list[int] = []
    for number, cell in cells:
        text = _text(cell)
        head = _head(text)
        if text.lstrip().startswith("%%") and not head:
            continue  # another language
        body = [_without_magic(line, magics) for line in text.split("\n")[len(head) :]]
        try:
            ast.parse("\n".join(body))
        except SyntaxError as error:
            raise SourceError(
                f"{path}#cell{number + 1}:{(error.lineno or 1) + len(head)}: can't be parsed: {error.msg}"
            ) from None
        lines.append(f"{_BEGIN}{len(numbers)}")
        numbers.append(number)
        first_lines.append(len(lines) + 1)
        lines += body
    document = Document(("\n".join(lines) + "\n").encode(), str(path))
    return Notebook(path, content, document, magics, numbers, first_lines)


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _head(text: str) -> list[str]:
    """Give the cell magic line of a cell whose rest is Python."""
    lines = text.splitlines()
    if lines and lines[0].split(" ")[0] in _PYTHON_CELLS:
        return lines[:1]
    return []


def _without_magic(line: str, magics: list[str]) -> str:
    found = _LINE.match(line) or _ASSIGNED.match(line)
    if not found:
        return line
    magics.append(found["magic"])
    return f"{found['indent']}{_MAGIC}{len(magics) - 1}"
