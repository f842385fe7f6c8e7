"""The report of a verification as one self-contained page: codes, layers, error maps, losses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from convmap.curves import Curve
from convmap.verdicts import Verdict
from convmap.walks import Walk

CELL = 8  # pixels of an error map's element


def page_of(verdicts: list[Verdict]) -> str:
    """Give the HTML. Nothing is loaded from elsewhere; English and Chinese are both in it."""
    body = "\n".join(_section(v) for v in verdicts)
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    return template.substitute(body=body)


def _both(english: str, chinese: str) -> str:
    return f'<span class="en">{english}</span><span class="zh" lang="zh">{chinese}</span>'


def _section(verdict: Verdict) -> str:
    word = _both("holds", "等价") if verdict.holds else _both("does not hold", "不等价")
    if verdict.known:
        word = _both("holds but for recorded errors", "除已记录的误差外等价")
    tone = "good" if verdict.holds or verdict.known else "bad"
    head = f"<h2>{escape(verdict.case.name)} → {verdict.target}: <span class={tone}>{word}</span></h2>"
    parts = [head]
    if verdict.problem:
        parts.append(f"<p class=bad>{escape(verdict.problem)}</p>")
    if verdict.known:
        worst = max(c.multiple for _, c in verdict.excused)
        title = _both(
            f"Recorded errors; as they spread in the source, the worst tensor is {worst:.2f} of the bound",
            f"已记录的误差;按其在源模型中的传播,最差张量为界的 {worst:.2f}",
        )
        parts.append(f"<h3>{title}</h3>" + _table([""], ([escape(text)] for text in verdict.excuses)))
    elif verdict.walk is not None:
        parts.append(_walk(verdict.walk))
    if verdict.comparisons:
        parts.append(_comparisons(verdict))
    parts += [_curve(c) for c in verdict.training]
    if verdict.unported:
        title = _both("Not ported; counts only where the model ran it", "未移植;仅在模型运行到时才计入结论")
        parts.append(f"<h3>{title}</h3>" + _table([""], ([escape(text)] for text in verdict.unported)))
    if verdict.left_out:
        rows = ([escape(name), escape(why)] for name, why in verdict.left_out)
        parts.append(f"<h3>{_both('Tensors left out', '未转换的张量')}</h3>" + _table(["", ""], rows))
    if any(verdict.files):
        places = verdict.walk and (verdict.walk.source_place, verdict.walk.target_place)
        lines = tuple(p.line if p else 0 for p in places) if places else (0, 0)
        parts.append(
            f"<h3>{_both('Source and port', '源代码与移植结果')}</h3>" + _codes(*verdict.files, lines)
        )
    return "\n".join(parts)


def _table(heads: list[str], rows: Iterable[list[str]], numbers: int = 0) -> str:
    """Give a table; the last ``numbers`` columns are numbers."""
    out = ["<div class=scroll><table>"]
    if any(heads):
        out.append("<tr>" + "".join(f"<th>{h}</th>" for h in heads) + "</tr>")
    for row in rows:
        first = len(row) - numbers
        cells = (f"<td{' class=n' if i >= first else ''}>{c}</td>" for i, c in enumerate(row))
        out.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*out, "</table></div>"])


def _multiple(value: float) -> str:
    return f"<span class={'good' if value <= 1 else 'bad'}>{value:.3g}</span>"


def _comparisons(verdict: Verdict) -> str:
    rows = []
    for mode in ("eval", "train"):
        for kind in ("forward", "input gradient", "weight gradient", "buffer"):
            found = [c for m, c in verdict.comparisons if m == mode and c.kind == kind]
            if found:
                worst = max(found, key=lambda c: c.multiple)
                rows.append([mode, kind, str(len(found)), escape(worst.name), f"{worst.error:.2e}", _multiple(worst.multiple)])  # fmt: skip
    heads = [_both("mode", "模式"), _both("kind", "种类"), _both("tensors", "张量数"), _both("worst", "最差者"),
             _both("error", "误差"), _both("of the bound", "误差 / 界")]  # fmt: skip
    return f"<h3>{_both('What was compared', '比较结果')}</h3>" + _table(heads, rows, 2)


def _walk(walk: Walk) -> str:
    rows = []
    for layer in walk.layers:
        name = escape(layer.path or "·") + (f" #{layer.turn + 1}" if layer.turn else "")
        classes = [escape(c.rpartition(".")[2]) for c in (layer.source_class, layer.target_class)]
        shape = escape("×".join(map(str, layer.shape)))
        rows.append(
            [name, *classes, shape, escape(layer.pattern), _multiple(layer.before), _multiple(layer.after)]
        )
    heads = [_both("layer", "层"), _both("source", "源"), _both("port", "移植"), _both("output", "输出"),
             _both("pattern", "特征"), _both("before", "输入误差 / 界"), _both("after", "输出误差 / 界")]  # fmt: skip
    parts = [
        f"<h3>{_both('Layer by layer', '逐层比较')} ({walk.mode})</h3>",
        f"<p class=bad>{escape(str(walk))}</p>",
    ]
    for word, place in (
        (_both("source", "源"), walk.source_place),
        (_both("port", "移植"), walk.target_place),
    ):
        if place:
            parts.append(f"<p>{word}, {place.line}: <code>{escape(place.text)}</code></p>")
    if walk.image is not None:
        parts.append(_heat(walk.image))
    return "\n".join([*parts, _table(heads, rows, 2)])


def _heat(image: np.ndarray) -> str:
    """Draw an error map: the largest error over batch and channels, at each place of the last two axes."""
    top = float(image.max()) or 1.0
    height, width = image.shape
    cells = [
        f'<rect x="{x * CELL}" y="{y * CELL}" width="{CELL}" height="{CELL}"'
        f' fill="rgba(var(--heat), {image[y, x] / top:.3f})"/>'
        for y in range(height)
        for x in range(width)
        if image[y, x] > 0
    ]
    text = _both(
        f"error of the first layer that is off, up to {top:.2e}", f"首个偏离层的误差，最大 {top:.2e}"
    )
    size = f'viewBox="0 0 {width * CELL} {height * CELL}" width="{width * CELL}"'
    frame = f'<rect width="{width * CELL}" height="{height * CELL}" fill="none" stroke="currentColor"/>'
    return f"<p>{text}</p><svg {size} role=img>{''.join(cells)}{frame}</svg>"


def _curve(curve: Curve) -> str:
    head = f"<h3>{_both('Training', '训练')}: {curve.optimizer}</h3>"
    if curve.problem:
        return f"{head}<p class=bad>{escape(curve.problem)}</p>"
    rows = [
        [str(n), f"{s:.7g}", f"{p:.7g}", f"{abs(p - s):.1e}"]
        for n, (s, p) in enumerate(zip(curve.source, curve.port), 1)
    ]
    heads = [_both("step", "步"), _both("source", "源"), _both("port", "移植"), _both("difference", "差")]
    words = f"<p>{_both('worst step, of the bound', '最差一步的误差 / 界')}: {_multiple(curve.multiple)}</p>"
    return head + words + _table(heads, rows, 3)


def _codes(before: str, after: str, places: tuple[int, ...]) -> str:
    """Give both texts side by side, what differs marked, the two lines of the first layer framed."""
    left, right = before.splitlines(), after.splitlines()
    rows = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for i in range(max(b - a, d - c)):
            one, two = a + i if a + i < b else None, c + i if c + i < d else None
            framed = one is not None and one + 1 == places[0] or two is not None and two + 1 == places[1]
            cells = _line(left, one, "" if kind == "equal" else "old") + _line(
                right, two, "" if kind == "equal" else "new"
            )
            rows.append(f"<tr{' class=here' if framed else ''}>{cells}</tr>")
    return "<table class=code>" + "\n".join(rows) + "</table>"


def _line(lines: list[str], index: int | None, mark: str) -> str:
    if index is None:
        return "<td class=l></td><td></td>"
    tone = f" class={mark}" if mark else ""
    return f"<td class=l>{index + 1}</td><td{tone}>{escape(lines[index])}</td>"
