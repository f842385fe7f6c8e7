"""Pictures of transposed convolution, drawn from its algebra with NumPy: numbers, crops, wrong values."""

from __future__ import annotations

from html import escape

import numpy as np

from convmap.numerics.reference import conv_transpose

CELL, GAP, LEFT = 34, 12, 210


def full_output(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    """Give the transposed convolution of one row with a kernel, nothing cropped (float64)."""
    out = conv_transpose(x.reshape(1, 1, -1), w.reshape(1, 1, -1), None, (stride,), (1,), 1, [(0, 0)])
    return np.asarray(out).ravel()


def _cell(x: int, y: int, text: str, kind: str) -> str:
    return (
        f'<g class="{kind}"><rect x="{x}" y="{y}" width="{CELL}" height="{CELL}"/>'
        f'<text x="{x + CELL // 2}" y="{y + CELL // 2 + 5}" text-anchor="middle">{escape(text)}</text></g>'
    )


STYLE = (
    "<style>text{font:13px sans-serif;fill:currentColor}rect{fill:none;stroke:currentColor;stroke-opacity:.5}"
    ".kept rect{fill:#2e7d32;fill-opacity:.25}.cut rect{stroke-dasharray:3}.cut text{opacity:.45}"
    ".wrong rect{fill:#c62828;fill-opacity:.4}.more rect{fill:#1565c0;fill-opacity:.3}</style>"
)


def crops(words: dict[str, str], padding: int = 1, stride: int = 2, size: int = 3, kernel: int = 3) -> str:
    """Draw which part of the full output each way of saying it keeps, with the values themselves."""
    x = np.arange(1.0, size + 1)
    w = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])[:kernel]
    full = full_output(x, w, stride)
    n = len(full)
    kept = full[padding : n - padding]
    more = full[padding : n - padding + 1]
    recipe = np.append(kept, 0.0)
    rows: list[tuple[str, list[tuple[int, float, str]]]] = [
        (words["full"], [(i, v, "cut") for i, v in enumerate(full)]),
        (
            words["padding"],
            [(i, v, "kept" if padding <= i < n - padding else "cut") for i, v in enumerate(full)],
        ),
        (
            words["output_padding"],
            [
                (i, v, "more" if i == n - padding else "kept" if padding <= i < n - padding else "cut")
                for i, v in enumerate(full)
            ],
        ),
        (
            words["recipe"],
            [(padding + i, v, "kept" if v == more[i] else "wrong") for i, v in enumerate(recipe)],
        ),
    ]
    width, height = LEFT + (n + 1) * CELL, len(rows) * (CELL + GAP) + GAP
    parts = []
    for number, (label, cells) in enumerate(rows):
        y = GAP + number * (CELL + GAP)
        parts.append(f'<text x="0" y="{y + CELL // 2 + 5}">{escape(label)}</text>')
        parts += [_cell(LEFT + i * CELL, y, f"{v:g}", kind) for i, v, kind in cells]
    return _svg(width, height, parts)


def errors(size: int = 5, seed: int = 0) -> tuple[str, float]:
    """Map where the documented recipe is wrong on one image; give the map and the share of wrong values.

    ConvTranspose2d(k=3, stride 2, padding 1, output_padding 1) against no output padding and a zero Pad
    behind it, in float64.
    """
    stream = np.random.RandomState(seed)
    x, w = stream.standard_normal((1, 1, size, size)), stream.standard_normal((1, 1, 3, 3))
    right = np.asarray(conv_transpose(x, w, None, (2, 2), (1, 1), 1, [(1, 0), (1, 0)]))[0, 0]
    plain = np.asarray(conv_transpose(x, w, None, (2, 2), (1, 1), 1, [(1, 1), (1, 1)]))[0, 0]
    off = np.abs(np.pad(plain, ((0, 1), (0, 1))) - right)
    side, parts = 22, []
    for (row, column), value in np.ndenumerate(off):
        shade = value / off.max()
        parts.append(
            f'<rect x="{column * side}" y="{row * side}" width="{side}" height="{side}"'
            f' style="fill:#c62828;fill-opacity:{shade:.2f}"><title>{value:.3f}</title></rect>'
        )
    return _svg(off.shape[1] * side, off.shape[0] * side, parts), float((off > 0).mean())


def _svg(width: int, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' style="max-width:100%" role="img">{STYLE}{"".join(parts)}</svg>'
    )
