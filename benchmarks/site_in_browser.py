"""Opens every page of a built site in Chromium, at desktop and phone width, and reports what is wrong with it.

    convmap docs build -o site
    python benchmarks/site_in_browser.py site              every page: some minutes
    python benchmarks/site_in_browser.py site en/torch-*   pages like these

Looked for on each page: errors of the console and of scripts, answers other than 200, pictures that do not
load, text wider than the screen, pages without a heading, and markup or placeholders that show as text.
Writes results/site_in_browser.json and prints the counts. Needs playwright (convmap[test]) and a Chromium.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import http.server
import json
import multiprocessing
import re
import shutil
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

RESULTS = Path(__file__).parent / "results" / "site_in_browser.json"
EACH = 50  # pages in one tab
WIDTHS = {"desktop": 1280, "phone": 390}
# As text, outside of code: bold, links and tables of Markdown, tags, format fields, marks of the rewriter.
MARKUP = re.compile(r"\*\*\w|\]\(|^\s*\|.*\|\s*$|</?\w+>|(?<![\w{])\{\d\}|\x00", re.MULTILINE)
TEXT = """() => {
  const copy = document.querySelector('article').cloneNode(true);
  copy.querySelectorAll('code, pre, svg, script, style').forEach(part => part.remove());
  return {
    heading: (document.querySelector('article h1') || {textContent: ''}).textContent.trim(),
    text: copy.textContent,
    broken: [...document.images].filter(i => !i.complete || i.naturalWidth === 0).map(i => i.src),
  };
}"""
WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


def look(pages: list[str], folder: str, chromium: str) -> list[dict[str, str]]:
    """Open pages in one browser; give what is wrong, each with its page."""
    from playwright.sync_api import sync_playwright

    handler = functools.partial(_Quiet, directory=folder)
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found: list[dict[str, str]] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        # The index is read by every page anew; the tests search in it.
        index = json.loads((Path(folder) / "en" / "search" / "search_index.json").read_text(encoding="utf-8"))
        here, tab = "", None

        def opened() -> Page:
            new = browser.new_page()
            new.route("**/search_index.json", lambda route: route.fulfill(json={**index, "docs": []}))
            new.on(
                "console",
                lambda m: found.append({"page": here, "console": m.text}) if m.type == "error" else None,
            )
            new.on("pageerror", lambda error: found.append({"page": here, "script": str(error)}))
            return new

        for number, here in enumerate(pages):
            if number % EACH == 0:  # a tab keeps something of every page
                if tab is not None:
                    tab.close()
                tab = opened()
            assert tab is not None
            tab.set_viewport_size({"width": WIDTHS["desktop"], "height": 900})
            answer = tab.goto(f"http://127.0.0.1:{server.server_port}/{here}")
            if answer is None or answer.status != 200:
                found.append({"page": here, "answer": str(answer and answer.status)})
                continue
            seen = tab.evaluate(TEXT)
            if not seen["heading"]:
                found.append({"page": here, "heading": "none"})
            found += [{"page": here, "picture": source} for source in seen["broken"]]
            found += [{"page": here, "markup": m.group()[:60]} for m in MARKUP.finditer(seen["text"])]
            for name, width in WIDTHS.items():
                tab.set_viewport_size({"width": width, "height": 900})
                if tab.evaluate(WIDE):
                    found.append({"page": here, "wide": name})
        browser.close()
    server.shutdown()
    return found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *args: object) -> None:
        pass  # a page that is left stops reading


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", help="the folder that convmap docs build wrote")
    parser.add_argument("pages", nargs="*", help="patterns of pages, as in a shell")
    args = parser.parse_args()
    site = Path(args.site)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None or not (site / "index.html").is_file():
        print("needs a Chromium, and a site that convmap docs build wrote", file=sys.stderr)
        return 2
    names = sorted(str(p.relative_to(site)) for p in site.rglob("*.html") if p.name != "404.html")
    names = [n for n in names if "/" in n]  # the page at the top only leads to a language
    if args.pages:
        names = [n for n in names if any(fnmatch.fnmatch(n, p) for p in args.pages)]
    halves = [(names[i::2], str(site), chromium) for i in range(2)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        found = [problem for half in pool.map(look, *zip(*halves)) for problem in half]
    kinds = sorted({kind for problem in found for kind in problem if kind != "page"})
    counts = {kind: sum(kind in problem for problem in found) for kind in kinds}
    report = {"pages": len(names), "widths": WIDTHS, "problems": counts, "found": found}
    if not args.pages:
        RESULTS.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for problem in found[:40]:
        print(problem)
    print(f"{len(names)} pages at {len(WIDTHS)} widths: {counts or 'nothing wrong'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
