"""Builds the site: Markdown from the rules, MkDocs with the Material theme, one run for each language.

MkDocs rather than own HTML: search in both languages, light and dark, phones; pages are plain Markdown.
"""

from __future__ import annotations

import html.parser
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from convmap import claims, coverage
from convmap.diagnostics import codes
from convmap.docs import pages
from convmap.docs.interface import interface_page
from convmap.docs.words import LANGUAGES, Words
from convmap.errors import ConvmapError
from convmap.examples import Example, pieces
from convmap.rules import Rules, load

GUIDES = ("index", "tutorial", "rules")
REDIRECT = (
    '<!doctype html><meta charset="utf-8"><title>convmap</title><script>'
    'location.replace((navigator.language.startsWith("zh") ? "zh" : "en") + "/index.html")</script>'
    '<a href="en/index.html">English</a> <a href="zh/index.html">中文</a>\n'
)
# A name in a table stays in one piece: the table scrolls.
TABLES = ".md-typeset table:not([class]) code { word-break: normal; overflow-wrap: normal; }\n"
# The theme's own script would lead to the other language's home: this link keeps the page.
SWITCH = """<div class="md-header__option">
  <a class="md-header__button" id="convmap-language" onclick="event.stopPropagation()"
     href="{{ base_url }}/../{{ config.extra.other }}/{{ page.url }}">{{ config.extra.other_name }}</a>
</div>
"""


def build(output: Path, shown: Callable[[str], None] = print, run: bool = False) -> dict[str, int]:
    """Write the site below a folder; give the counts of pages, examples and checked links.

    ``run``: run every example in the real frameworks, and show these results. Raises ConvmapError where an
    example is not recorded as holding, its record is of another port than today's or its run gives another
    verdict, or a link leads nowhere.
    """
    rules = load()
    evidence = {way: coverage.read_evidence(way[1], way[0]) for way in coverage.directions()}
    _check_evidence()
    if run:
        evidence = {way: run_again(*way, found, pieces(*way), shown) for way, found in evidence.items()}
        _claims_again(shown)
    with tempfile.TemporaryDirectory() as scratch:
        runs = []
        for language in LANGUAGES:
            folder = Path(scratch) / language
            count = _write(rules, folder, Words(language), evidence)
            shown(f"{language}: {count} pages")
            command = [
                sys.executable,
                "-m",
                "mkdocs",
                "build",
                "-q",
                "--strict",
                "-f",
                str(folder / "mkdocs.yml"),
            ]
            place = ["-d", str((output / language).resolve())]
            runs.append(
                (language, count, subprocess.Popen([*command, *place], stderr=subprocess.PIPE, text=True))
            )
        for language, _, mkdocs in runs:
            said = mkdocs.communicate()[1]
            if mkdocs.returncode:
                raise ConvmapError(f"mkdocs stopped ({language}): {said.strip()[-2000:]}")
    (output / "index.html").write_text(REDIRECT, encoding="utf-8")
    links = check_links(output)
    examples = sum(len(found["examples"]) for found in evidence.values())
    return {"pages": sum(count for _, count, _ in runs), "examples": examples, "links": links}


def _claims_again(shown: Callable[[str], None]) -> None:
    """Run the rows of MegEngine's page; raise ConvmapError where one gives another verdict than recorded."""
    before = claims.recorded()
    shown(f"{len(before)} calls of MegEngine's page of mapped APIs")
    for old, new in zip(before, claims.run_all(lambda outcome: None)):
        if old.verdict != new.verdict:
            raise ConvmapError(f"{new.api}: {new.call}: {new.verdict} ({new.why}), recorded as {old.verdict}")


def run_again(
    source: str,
    target: str,
    recorded: dict[str, Any],
    chosen: Sequence[Example],
    shown: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Run the examples of a direction; raise ConvmapError where one gives another verdict than its record."""
    known = {name: row["verdict"] for name, row in recorded["examples"].items()}
    done = 0

    def count(example: Example, verdict: str) -> None:
        nonlocal done
        done += 1
        if done % 100 == 0 or done == len(chosen):
            shown(f"{source} to {target}: {done} of {len(chosen)} examples run")

    made = coverage.record(target, chosen, count)
    other = [
        f"{name}: {row['verdict']}, recorded as {known.get(name, 'nothing')}"
        for name, row in made["examples"].items()
        if row["verdict"] != known.get(name) and not {row["verdict"], known.get(name)} <= set(coverage.RUN)
    ]
    if other:
        more = f"; and {len(other) - 5} more" if len(other) > 5 else ""
        raise ConvmapError(f"{source} to {target}: {'; '.join(other[:5])}{more}")
    return made


def _check_evidence() -> None:
    for source, target in coverage.directions():
        problems = [row.problems[0] for row in coverage.table(target, source) if row.problems]
        if problems:
            raise ConvmapError(
                f"{target}: {problems[0]!r} does not hold, or its record is old: "
                f"convmap coverage --from {source} --to {target} --record"
            )


def _write(rules: Rules, folder: Path, words: Words, evidence: pages.Evidence) -> int:
    """Write the Markdown of one language and MkDocs' settings; give the number of pages."""
    docs = folder / "docs"
    written: dict[str, str] = {}
    for source, target in permutations(rules.frameworks.values(), 2):
        for operator in rules.operators:
            text = pages.operator_page(rules, operator, source, target, words, evidence)
            if text:
                written[f"{source.name}-{target.name}/{operator}"] = text
    there = set(written)
    for guide in GUIDES:
        path = Path(__file__).parent / "guides" / words.language / f"{guide}.md"
        written[guide] = path.read_text(encoding="utf-8")
    written |= {
        "matrix": pages.matrix_page(rules, words, there),
        "pictures": pages.pictures_page(words),
        "official": pages.official_page(words),
        "codes": pages.codes_page(words),
        "cli": pages.cli_page(words),
        "api": interface_page(words),
        **{f"codes/{code}": pages.code_page(code, words) for code in codes()},
    }
    for name, text in written.items():
        path = docs / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (docs / "tables.css").write_text(TABLES, encoding="utf-8")
    partials = folder / "overrides" / "partials"
    partials.mkdir(parents=True)
    (partials / "alternate.html").write_text(SWITCH, encoding="utf-8")
    (folder / "mkdocs.yml").write_text(json.dumps(_settings(words), ensure_ascii=False), encoding="utf-8")
    return len(written)


def _settings(words: Words) -> dict[str, object]:
    """Give mkdocs.yml, of which JSON is a part."""
    other = next(language for language in LANGUAGES if language != words.language)
    scheme = [
        {"media": f"(prefers-color-scheme: {name})", "scheme": scheme,
         "toggle": {"icon": icon, "name": name}}
        for name, scheme, icon in (
            ("light", "default", "material/weather-night"), ("dark", "slate", "material/weather-sunny"),
        )
    ]  # fmt: skip
    order = [
        (words("home"), "index.md"), (words("tutorial"), "tutorial.md"), (words("matrix"), "matrix.md"),
        (words("pictures"), "pictures.md"), (words("official"), "official.md"), (words("codes"), "codes.md"),
        (words("cli"), "cli.md"), (words("rules_guide"), "rules.md"), (words("api"), "api.md"),
    ]  # fmt: skip
    return {
        "site_name": words("site_name"),
        "docs_dir": "docs",
        "use_directory_urls": False,
        "theme": {
            "name": "material",
            "language": words.language,
            "font": False,
            "custom_dir": "overrides",
            "palette": scheme,
            "features": ["navigation.top", "content.code.copy", "search.highlight"],
        },
        "extra": {
            "other": other,
            "other_name": Words(other)("language"),
            "alternate": [{"name": other, "link": f"../{other}/", "lang": other}],
            "generator": False,
        },
        "extra_css": ["tables.css"],
        "plugins": [
            {"search": {"lang": ["en", "zh"], "separator": r"[\s\u200b\-,:!=\[\]()\"`/\.]+"}},
        ],
        "nav": [{title: file} for title, file in order],
        "not_in_nav": "/*-*/\n/codes/",
        "markdown_extensions": [
            "tables",
            "pymdownx.highlight",
            "pymdownx.superfences",
            {"toc": {"permalink": True}},
        ],
        "validation": {"anchors": "warn"},
    }


class _Links(html.parser.HTMLParser):
    """Collects where a page leads, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("href", "src") and value and tag in ("a", "img", "link", "script"):
                self.links.append(value)


def check_links(folder: Path) -> int:
    """Follow every link within a site; give their number, raise ConvmapError where one leads nowhere."""
    count = 0
    known: dict[Path, bool] = {}
    for page in sorted(folder.rglob("*.html")):
        found = _Links()
        found.feed(page.read_text(encoding="utf-8"))
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//") or not parts.path or page.name == "404.html":
                continue
            to = (page.parent / unquote(parts.path)).resolve()
            if to not in known:
                known[to] = to.exists()
            if not known[to]:
                raise ConvmapError(f"{page.relative_to(folder)}: the link {link!r} leads nowhere")
            count += 1
    return count
