"""Puts a port's text together: what it imports, its shims, and the edited source."""

from __future__ import annotations

import re

from convmap.rewrite import imports, shims
from convmap.rewrite.edits import Edits
from convmap.rules import Framework
from convmap.source.document import Document
from convmap.source.names import Imported, Names


class Layout:
    """The end of one file's port."""

    def __init__(self, document: Document, names: Names, edits: Edits, target: Framework) -> None:
        self.document, self.names, self.edits, self.target = document, names, edits, target

    def text(
        self, going: list[Imported], moved: list[Imported], used: list[str], shared: str, ported: bool
    ) -> tuple[str, list[str]]:
        """Give the new text: without the imports that go or are moved, with the shims or their import.

        Also the parts of it that changed: the head of the file, and statements at its top level.
        """
        spelling = imports.Spelling(self.target, imports.taken_names(self.names, going))
        inserted = [] if shared else shims.needed(self.target, used)
        shim_text = shims.text_of(inserted)
        for name in [*self.edits.references(), *re.findall("\0R([^\0]+)\0", shim_text)]:
            spelling(name)
        ends = self.document.newline
        new = sorted({s for shim in inserted for s in shim.imports}) + spelling.statements()
        if shared and used:
            new.append(shims.import_of(shared, used, spelling))
        left = (
            imports.edit_imports(self.document, self.names, self.edits, [*going, *moved], new)
            if ported
            else ""
        )
        if not left and not shim_text:
            parts = self._parts(0, spelling)
            return "".join(text for text, _ in parts), [text for text, changed in parts if changed]
        spelled = re.sub("\0R([^\0]+)\0", lambda m: spelling(m.group(1)), shim_text)
        return self._with(left, spelled.replace("\n", ends), spelling)

    def _parts(self, start: int, spelling: imports.Spelling) -> list[tuple[str, bool]]:
        """Render the file from an offset on, cut where statements at its top level start."""
        firsts = [(getattr(n, "decorator_list", None) or [n])[0] for n in self.document.tree.body]
        cuts = [
            self.document.offset(first.lineno, 0)
            for first, node in zip(firsts, self.document.tree.body)
            if not node.col_offset  # behind a semicolon there is no cut
        ]
        return self.edits.render_parts((start, len(self.document.data)), cuts, spelling)

    def _with(self, statements: str, shim_text: str, spelling: imports.Spelling) -> tuple[str, list[str]]:
        """Give the file's new text with what comes behind its imports."""
        ends, document = self.document.newline, self.document
        at = imports.place_after_imports(document, document.tree)
        at = imports.line_end(document, at) if at else 0
        head = self.edits.render((0, at), spelling)
        parts = self._parts(at, spelling)
        rest = "".join(text for text, _ in parts)
        if head and not head.endswith(("\n", "\r")):
            head += ends
        if statements:
            head += statements + ends
        if shim_text:
            head += f"{ends}{ends}{shim_text}{ends}"
            rest = f"{ends}{ends}" + rest.lstrip("\r\n")
        return head + rest, [head, *(text for text, changed in parts if changed)]
