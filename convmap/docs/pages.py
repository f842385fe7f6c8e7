"""The pages of the site as Markdown, each from the rules and the recorded runs."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from typing import Any

from convmap import coverage
from convmap.claims import AGREES, Outcome, recorded
from convmap.cli import parser as command_line
from convmap.diagnostics import codes
from convmap.docs.facts import Pair, pairs, shown_name, signature
from convmap.docs.pictures import crops, errors
from convmap.docs.words import Words, difference, name
from convmap.examples import SOURCE, pieces
from convmap.folders import rules_folder
from convmap.model import Binding
from convmap.rules import Framework, Rules

FORMULAS = {"conv": "formula_conv", "conv_transpose": "formula_conv_transpose"}
Evidence = dict[tuple[str, str], dict[str, Any]]


def operator_page(
    rules: Rules, operator: str, source: Framework, target: Framework, words: Words, evidence: Evidence
) -> str:
    """Give the page of an operator from one framework to another; "" where the source has no API of it."""
    found = pairs(rules, operator, source, target)
    mine = list(dict.fromkeys(b.api for b in source.bindings if b.operator.name == operator and b.api))
    if not mine:
        return ""
    lines = [f"# {mine[0]} → {name(target.name)}", ""]
    across = words("to", name(source.name), name(target.name))
    lines += [f"**{words.operator(operator)}** · {across} · " + ", ".join(f"`{api}`" for api in mine), ""]
    lines += _lowering(found, words)
    by_api: dict[str, list[Pair]] = {}
    for pair in found:
        by_api.setdefault(pair.mine.api, []).append(pair)
    for api, each in by_api.items():
        lines += [f"## {api}", ""]
        lines += _signatures(each, words)
        for pair in each:
            lines += _parameters(pair, source, target, words)
    formula = FORMULAS.get(operator.removesuffix("_function"))
    if formula:
        lines += [
            f"## {words('formulas')}",
            "",
            words(formula),
            "",
            f"[{words('pictures')}](../pictures.md)",
            "",
        ]
    if rules.operators[operator].weights:
        lines += _initialisation(target, words)
    lines += _quirks(found, words)
    lines += _official([*mine, *(p.other.api for p in found)], words)
    lines += _examples({p.mine.api for p in found} | set(mine), source, target, words, evidence)
    if any(b.operator.name == operator and b.api for b in target.bindings):
        lines += [f"[{words('back')}](../{target.name}-{source.name}/{operator}.md)", ""]
    return "\n".join(lines)


def _lowering(found: list[Pair], words: Words) -> list[str]:
    lines = [f"## {words('lowering')}", ""]
    if not found:
        return [*lines, words("status_refused"), ""]
    for pair in found:
        lines.append(f"- `{pair.mine.api}` → `{shown_name(pair.other)}`: {words('status_' + pair.status)}")
    return [*lines, "", words("choice"), ""] if len(found) > 1 else [*lines, ""]


def _signatures(each: list[Pair], words: Words) -> list[str]:
    lines = [f"### {words('signatures')}", ""]
    for pair in each:
        named = pair.other.api or pair.other.shim
        there = signature(pair.other) if named else shown_name(pair.other)
        # Side by side where there is room for both.
        lines += ['<div class="grid" markdown>', "", "```python", signature(pair.mine), "```", ""]
        lines += ["```python", there, "```", "", "</div>", ""]
        lines += _window(pair.other, words)
    return lines


def _window(binding: Binding, words: Words) -> list[str]:
    said = [words("window", binding.since)] if binding.since else []
    said += [words("window_until", binding.until)] if binding.until else []
    return [*said, ""] if said else []


def _parameters(pair: Pair, source: Framework, target: Framework, words: Words) -> list[str]:
    lines = [f"### {words('parameters')}: {shown_name(pair.other)}", ""]
    heads = (words("parameter"), words("default"), words("counterpart", name(target.name)), words("default"),
             words("difference"))  # fmt: skip
    rows = []
    for row in pair.rows:
        if row.name == "self":
            continue
        cells = (_code(row.name), _code(row.default), _code(row.other), _code(row.other_default))
        rows.append((*cells, difference(row, words) or words("none")))
    lines += _table(heads, rows) if rows else [words("no_parameters"), ""]
    if pair.extra:
        listed = ", ".join(f"`{p.name}`" for p in pair.extra)
        lines += [words("extra", f"`{shown_name(pair.other)}`", listed), ""]
    for parameter, values, why in pair.fixed:
        lines += [words("fixed", parameter, f"`{values}`") + (f" ({words('why', why)})" if why else ""), ""]
    if pair.other.limits:
        lines += [f"#### {words('limits')}", ""]
        limits = [(f"`{x.when}`", x.reason) for x in pair.other.limits]
        lines += _table((words("when"), words("reason")), limits)
    if pair.weights:
        lines += [f"#### {words('weights')}", ""]
        columns = (words("weight"), words("counterpart", name(target.name)), words("layout"))
        each = [
            (_code(mine), _code(theirs) or words("no_weight"), _code(layout) or words("same_layout"))
            for mine, theirs, layout in pair.weights
        ]
        lines += _table(columns, each)
    return lines


def _initialisation(target: Framework, words: Words) -> list[str]:
    notes = [text for code, text in target.notes if code == "CM301"]
    return [f"## {words('initialisation')}", "", *notes, ""] if notes else []


def _quirks(found: list[Pair], words: Words) -> list[str]:
    quirks = {q.id: q for pair in found for q in pair.quirks}
    if not quirks:
        return []
    lines = [f"## {words('quirks')}", ""]
    for quirk in quirks.values():
        lines += [f"**{quirk.id}** ({quirk.versions}, {quirk.device}): {quirk.effect}", ""]
        if quirk.when:
            lines += [f"- {words('when')}: `{quirk.when}`"]
        lines += [f"- {words('evidence')}: {quirk.evidence}", ""]
    return lines


def claims() -> list[dict[str, str]]:
    """Give what official pages say otherwise than the installed packages."""
    found = []
    for path in sorted(rules_folder().glob("*/official.csv")):
        with path.open(encoding="utf-8") as file:
            found += [row for row in csv.DictReader(file) if row["problem"]]
    return found


def _official(apis: Iterable[str], words: Words) -> list[str]:
    wanted = set(apis)
    rows = [row for row in claims() if row["api"] in wanted]
    mapped = [o for o in recorded() if o.verdict != AGREES and {o.api, o.other} <= wanted]
    if not rows and not mapped:
        return []
    lines = [f"## {words('official_here')}", ""]
    if rows:
        lines += _claim_table(rows, words)
    if mapped:
        lines += [words("mapped_here"), "", *_mapped_table(mapped, words)]
    return lines


def _mapped_table(outcomes: Iterable[Outcome], words: Words) -> list[str]:
    heads = (words("api_name"), words("mapped_to"), words("mapped_call"), words("mapped_came"))
    return _table(
        heads,
        [
            (
                _code(o.api),
                _code(o.other),
                _code(o.call),
                words(f"came_{o.verdict}", _code(o.why)),
            )
            for o in outcomes
        ],
    )


def _claim_table(rows: list[dict[str, str]], words: Words) -> list[str]:
    heads = (
        words("api_name"),
        words("claim"),
        words("parameter"),
        words("says"),
        words("really"),
        words("page"),
    )
    return _table(
        heads,
        [
            (
                _code(r["api"]),
                words(r["problem"]),
                _code(r["param"].replace(",", ", ")),
                _code(r["doc"]),
                _code(r["real"]),
                r["page"],
            )
            for r in rows
        ],
    )


def _examples(
    apis: set[str], source: Framework, target: Framework, words: Words, evidence: Evidence
) -> list[str]:
    lines = [f"## {words('examples')}", ""]
    recorded = evidence.get((source.name, target.name))
    if recorded is None:
        return [*lines, words("no_examples"), ""]
    versions = [f"{name(f)} {v}" for f, v in recorded["versions"].items()]
    lines += [words("examples_note", *versions), ""]
    heads = (words("source_code", name(source.name)), words("port_code"), words("shape"), words("error"),
             words("of_bound"), "")  # fmt: skip
    rows: list[tuple[str, ...]] = []
    models: list[tuple[str, ...]] = []
    code = {piece.name: piece.code for piece in pieces(source.name)}
    for title, row in recorded["examples"].items():
        used = {api for api, _, _ in row["uses"]}
        if not apis & used:
            continue
        if row["kind"] == "model":
            models.append((title.removeprefix(f"{source.name}: "), *_outcome(row, "", words)))
        elif len(used - {source.module_class}) <= 3:
            rows.append((_code(code[title]), *_outcome(row, _code(row["port"]), words)))
    if not rows and models:  # what only whole models show
        heads = (words("model"), *heads[1:])
    shown = rows or models
    return [*lines, *(_table(heads, shown[:40]) if shown else []), ""]


def _outcome(row: dict[str, Any], port: str, words: Words) -> tuple[str, ...]:
    """Give the cells of what came of one recorded example, its port first."""
    verdict = row["verdict"]
    if verdict == "refused":
        return "", row["inputs"][0], "", "", words("verdict_refused", row["why"])
    of = max(row["forward"], row.get("gradient", 0))
    error = f"{row['error']:.1e}" if "error" in row else ""
    return port, row["inputs"][0], error, f"{of:.2g}", words(f"verdict_{verdict}")


def _code(text: str) -> str:
    return f"`{' '.join(text.split())}`" if text else ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    heads = tuple(heads)
    return [line(heads), "|" + " --- |" * len(heads), *map(line, rows), ""]


def matrix_page(rules: Rules, words: Words, there: set[str]) -> str:
    """Give the table of all APIs; ``there`` are the pages that exist, as pair/operator."""
    source = rules.framework(SOURCE)
    targets = [f for f in rules.frameworks.values() if f is not source]
    tables = {t.name: {row.api: row for row in coverage.table(t.name)} for t in targets}
    common = coverage.frequent()
    proven = {t.name: sum(tables[t.name][api].status in coverage.PROVEN for api in common) for t in targets}
    runs = sum(len(coverage.read_evidence(t.name)["examples"]) for t in targets)
    note = words("matrix_note", proven["mindspore"], len(common), proven["megengine"], runs)
    lines = [f"# {words('matrix')}", "", note, ""]
    heads = [words("api_name")] + [c for t in targets for c in (name(t.name), words("cases"))]
    rows = []
    every = [*common, *(api for api in sorted(tables[targets[0].name]) if api not in common)]
    for api in every:
        bindings = source.by_api.get(api, ())
        cells = [_code(api)]
        for target in targets:
            row = tables[target.name].get(api)
            status = row.status if row else "unknown"
            pages = [f"{source.name}-{target.name}/{b.operator.name}" for b in bindings]
            page = next((p for p in pages if p in there), "")
            star = "*" if row and row.quirks else ""
            label = words(f"status_{status}").partition("：")[0].partition(":")[0] + star
            cells += [f"[{label}]({page}.md)" if page else label, str(row.cases if row else 0)]
        rows.append(cells)
    lines += _table(heads, rows)
    for other in targets:
        for one in (other, *targets):
            if one is other:
                continue
            lines += _index(rules, other, one, words, there)
        lines += _index(rules, other, source, words, there)
    return "\n".join(lines)


def _index(rules: Rules, source: Framework, target: Framework, words: Words, there: set[str]) -> list[str]:
    lines = [f"## {words('to', name(source.name), name(target.name))}", ""]
    links = []
    for operator in rules.operators:
        page = f"{source.name}-{target.name}/{operator}"
        if page in there:
            api = next(b.api for b in source.bindings if b.operator.name == operator and b.api)
            links.append(f"[{api.removeprefix(source.package + '.')}]({page}.md)")
    return [*lines, " · ".join(links), ""]


def codes_page(words: Words) -> str:
    """Give the list of diagnostic codes; each has a page."""
    lines = [f"# {words('codes')}", ""]
    rows = [(f"[{code}](codes/{code}.md)", _code_texts(code, words)["title"]) for code in codes()]
    return "\n".join([*lines, *_table((words("codes"), words("code_what")), rows)])


def code_page(code: str, words: Words) -> str:
    """Give the page of one diagnostic: what it means, what to do, an example."""
    own, page = _code_texts(code, words), codes()[code]
    lines = [f"# {code}: {own['title']}", "", f"**{words('code_what')}.** {own['why']}", ""]
    lines += [f"**{words('code_todo')}.** {own['todo']}", ""]
    if page.example:
        head = f"**{words('code_example')}** (→ {name(page.target)})"
        lines += [head, "", "```python", page.example.rstrip(), "```", ""]
    return "\n".join([*lines, f"[{words('codes')}](../codes.md)", ""])


def _code_texts(code: str, words: Words) -> dict[str, str]:
    page = codes()[code]
    return {"title": page.title, "why": page.why, "todo": page.todo, **words.page(code)}


def cli_page(words: Words) -> str:
    """Give the command line's own help, command by command."""
    lines = [f"# {words('cli')}", ""]
    for path, parser in _parsers(command_line(), "convmap"):
        parser.prog = path
        lines += [f"## {path}", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _parsers(parser: argparse.ArgumentParser, path: str) -> Iterable[tuple[str, argparse.ArgumentParser]]:
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, inner in action.choices.items():
                yield from _parsers(inner, f"{path} {word}")


def official_page(words: Words) -> str:
    rows = claims()
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["problem"]] = counts.get(row["problem"], 0) + 1
    said = ", ".join(f"{words(problem)} {n}" for problem, n in sorted(counts.items()))
    lines = [f"# {words('official_title')}", "", words("official_note", len(rows), said), ""]
    outcomes = recorded()
    off = [o for o in outcomes if o.verdict != AGREES]
    pairs, bad = {(o.api, o.other) for o in outcomes}, {(o.api, o.other) for o in off}
    lines += [*_claim_table(rows, words), "", f"## {words('mapped_title')}", ""]
    lines += [words("mapped_note", len(pairs), len(outcomes), len(bad)), ""]
    return "\n".join([*lines, *_mapped_table(off, words)])


def pictures_page(words: Words) -> str:
    labels = {key: words(f"picture_{key}") for key in ("full", "padding", "output_padding", "recipe")}
    image, share = errors()
    parts = [f"# {words('picture_title')}", words("picture_text"), crops(labels)]
    parts += [words("picture_errors", f"{share:.0%}"), image, words("picture_same")]
    parts += [words("formula_conv"), words("formula_conv_transpose")]
    return "\n\n".join(parts) + "\n"
