"""Puts a port's text together: what it imports, its shims, and the edited source."""

from __future__ import annotations

import re

from convmap.rewrite import imports, shims
from convmap.rewrite.edits import Edits
from convmap.rewrite.parsing import Piece, check
from convmap.rules import Framework
from convmap.source.document import Document
from convmap.source.names import Imported, Names


class Layout:
    """The end of one file's port."""

    def __init__(self, document: Document, names: Names, edits: Edits, target: Framework) -> None:
        self.document, self.names, self.edits, self.target = document, names, edits, target

    def text(
        self, going: list[Imported], moved: list[Imported], used: list[str], shared: str, ported: bool
    ) -> str:
        """Give the new text: without the imports that go or are moved, with the shims or their import.

        Raises SourceError where what changed does not parse.
        """
        spelling = imports.Spelling(self.target, imports.taken_names(self.names, going))
        inserted = [] if shared else shims.needed(self.target, used)
        shim_text = shims.text_of(inserted)
        for name in [*self.edits.references(), *re.findall("\0R([^\0]+)\0", shim_text)]:
            spelling(name)
        first = self._first(spelling, bool(shared and used))
        ends = self.document.newline
        new = sorted({s for shim in inserted for s in shim.imports}) + spelling.statements()
        if shared and used:
            new.append(shims.import_of(shared, used, spelling))
        left = (
            imports.edit_imports(self.document, self.names, self.edits, [*going, *moved], new)
            if ported
            else ""
        )
        pieces = self.edits.pieces(spelling)
        spelled = re.sub("\0R([^\0]+)\0", lambda m: spelling(m.group(1)), shim_text)
        if left or shim_text or first:
            at = imports.place_after_imports(self.document, self.document.tree)
            at = imports.line_end(self.document, at) if at else 0
            text = self._with(left, first, spelled.replace("\n", ends), *self._split(pieces, at))
        else:
            text = "".join(self._split(pieces, 0))
        check(self.document, pieces, self.edits.free, left, text)
        return text

    def _first(self, spelling: imports.Spelling, imported: bool) -> str:
        """Give the statements that set up the target, where the file uses it and has them not yet."""
        if not spelling.needed and not imported:
            return ""
        missing = [(n, v) for n, v in self.target.setup if n.encode() not in self.document.data]
        return self.document.newline.join(f"{spelling(name)} = {value}" for name, value in missing)

    def _split(self, pieces: list[Piece], at: int) -> tuple[str, str]:
        """Join the text of pieces before and behind an offset."""
        head: list[str] = []
        rest: list[str] = []
        for (start, stop), new in pieces:
            if new is not None:
                (head if stop <= at and start < at else rest).append(new)
            elif start < at < stop:
                head.append(self.document.text((start, at)))
                rest.append(self.document.text((at, stop)))
            else:
                (head if stop <= at else rest).append(self.document.text((start, stop)))
        return "".join(head), "".join(rest)

    def _with(self, statements: str, first: str, shim_text: str, head: str, rest: str) -> str:
        """Put what is new behind the imports."""
        ends = self.document.newline
        if head and not head.endswith(("\n", "\r")):
            head += ends
        if statements:
            head += statements + ends
        if first:
            head += f"{ends}{first}{ends}"
        if shim_text:
            head += f"{ends}{ends}{shim_text}{ends}"
            rest = f"{ends}{ends}" + rest.lstrip("\r\n")
        return head + rest
