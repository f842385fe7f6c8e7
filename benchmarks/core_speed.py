"""Times the NumPy core against torch's own CPU calls: forward and backward, one thread and two.

Run it with an interpreter that has NumPy, array-api-compat and torch, such as the one that
``convmap backends install torch`` makes:

    ~/.local/share/convmap/backends/torch-2.13.0/bin/python benchmarks/core_speed.py

Each thread count runs in a process of its own (the libraries read it when they start). One rule
chooses the formulation for all shapes. Writes results/core_speed.json and prints the table.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "core_speed.json"
LARGE = 0.2e9  # products of a call that counts as large

# batch, in, spatial, out, kernel, stride, padding, output padding, groups, dilation
SHAPES: dict[str, tuple[int, int, tuple[int, ...], int, int, int, int, int, int, int]] = {}
for batch in (16, 64):
    SHAPES[f"dcgan1 x{batch}"] = (batch, 100, (1, 1), 512, 4, 1, 0, 0, 1, 1)
    for number, (i, n, o) in enumerate([(512, 4, 256), (256, 8, 128), (128, 16, 64), (64, 32, 3)], 2):
        SHAPES[f"dcgan{number} x{batch}"] = (batch, i, (n, n), o, 4, 2, 1, 0, 1, 1)
for number, (i, n, o) in enumerate(
    [(1024, 2, 512), (1024, 8, 512), (1024, 16, 256), (512, 32, 128), (256, 64, 64), (128, 128, 3)], 1
):
    SHAPES[f"pix2pix{number}"] = (1, i, (n, n), o, 4, 2, 1, 0, 1, 1)
for number, (i, n, o, k, s, p) in enumerate(
    [
        (512, 100, 256, 16, 8, 4),
        (256, 800, 128, 16, 8, 4),
        (128, 6400, 64, 4, 2, 1),
        (64, 12800, 32, 4, 2, 1),
    ],
    1,
):
    SHAPES[f"hifigan{number}"] = (1, i, (n,), o, k, s, p, 0, 1, 1)
for number, (i, n, o) in enumerate([(256, 8, 128), (128, 16, 64), (64, 32, 32)], 1):
    SHAPES[f"unet3d{number}"] = (1, i, (n, n, n), o, 2, 2, 0, 0, 1, 1)
SHAPES["unet2d"] = (4, 256, (32, 32), 128, 2, 2, 0, 0, 1, 1)
SHAPES["depthwise 256"] = (4, 256, (16, 16), 256, 4, 2, 1, 0, 256, 1)
SHAPES["depthwise 64"] = (4, 64, (64, 64), 64, 4, 2, 1, 0, 64, 1)
SHAPES["groups 4"] = (8, 128, (16, 16), 128, 4, 2, 1, 0, 4, 1)
SHAPES["output padding"] = (2, 128, (64, 64), 64, 3, 2, 1, 1, 1, 1)
SHAPES["dilated"] = (2, 64, (32, 32), 64, 3, 2, 2, 1, 1, 2)


def alternate(first: Callable[[], Any], second: Callable[[], Any], seconds: float) -> tuple[float, float]:
    """Run both in turn for about so long; give the medians."""
    first(), second()
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + seconds
    while len(times[0]) < 5 or (time.perf_counter() < end and len(times[0]) < 60):
        for run, kept in zip((first, second), times):
            start = time.perf_counter()
            run()
            kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def measure(name: str, seconds: float) -> dict[str, Any]:
    import numpy as np
    import torch

    sys.path.insert(0, str(Path(__file__).parent.parent))
    from convmap.numerics import core

    batch, i, spatial, o, k, s, p, e, g, d = SHAPES[name]
    n = len(spatial)
    stream = np.random.RandomState(0)
    x = stream.standard_normal((batch, i, *spatial)).astype(np.float32)
    w = stream.standard_normal((i, o // g, *[k] * n)).astype(np.float32)
    how: dict[str, Any] = {"stride": s, "dilation": d, "groups": g, "crop": [(p, p - e)] * n}
    tx, tw = torch.from_numpy(x), torch.from_numpy(w)
    call = getattr(torch.nn.functional, f"conv_transpose{n}d")

    def torch_forward() -> Any:
        return call(tx, tw, None, s, p, e, g, d)

    with torch.no_grad():
        theirs, ours = alternate(torch_forward, lambda: core.conv_transpose(x, w, **how), seconds)
    y = torch_forward()
    cotangent = np.ones(y.shape, np.float32)
    tc = torch.from_numpy(cotangent)
    gx, gw = tx.clone().requires_grad_(), tw.clone().requires_grad_()
    out = call(gx, gw, None, s, p, e, g, d)

    def torch_backward() -> Any:
        return torch.autograd.grad(out, (gx, gw), tc, retain_graph=True)

    back_theirs, back_ours = alternate(
        torch_backward, lambda: core.conv_transpose_gradients(cotangent, x, w, **how), seconds
    )
    tracemalloc.start()
    result = core.conv_transpose(x, w, **how)
    scratch = tracemalloc.get_traced_memory()[1] - result.nbytes
    tracemalloc.stop()
    return {
        "name": name,
        "products": math.prod(x.shape) * (o // g) * k**n,
        "torch_ms": round(theirs * 1e3, 4),
        "core_ms": round(ours * 1e3, 4),
        "forward": round(ours / theirs, 3),
        "torch_backward_ms": round(back_theirs * 1e3, 4),
        "core_backward_ms": round(back_ours * 1e3, 4),
        "backward": round(back_ours / back_theirs, 3),
        "scratch_mb": round(scratch / 1e6, 2),
    }


def geometric(values: list[float]) -> float:
    return round(math.exp(statistics.fmean(map(math.log, values))), 3)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    large = [r for r in rows if r["products"] >= LARGE]
    worst = max(large, key=lambda r: r["forward"])
    return {
        "forward_all": geometric([r["forward"] for r in rows]),
        "forward_large": geometric([r["forward"] for r in large]),
        "forward_worst_large": [worst["name"], worst["forward"]],
        "backward_all": geometric([r["backward"] for r in rows]),
        "backward_large": geometric([r["backward"] for r in large]),
        "scratch_mb": max(r["scratch_mb"] for r in rows),
    }


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--child":
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        print(json.dumps([measure(name, float(sys.argv[2])) for name in SHAPES]))
        return
    seconds = sys.argv[1] if len(sys.argv) > 1 else "0.6"
    report: dict[str, Any] = {
        "targets": {"forward_all": 0.70, "forward_large": 0.80, "forward_worst_large": 1.4}
    }
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        found = subprocess.run(
            [sys.executable, __file__, "--child", seconds], check=True, capture_output=True, text=True,
            env={**os.environ, **dict.fromkeys(names, threads)},
        )  # fmt: skip
        rows = json.loads(found.stdout.strip().splitlines()[-1])
        report[f"{threads} thread"] = {"summary": summary(rows), "shapes": rows}
        print(f"{threads} thread(s): {summary(rows)}")
        for r in rows:
            print(
                f"  {r['name']:<15} {r['products'] / 1e9:7.3f} G  torch {r['torch_ms']:9.3f} ms"
                f"  core {r['core_ms']:9.3f}  {r['forward']:6.2f}  backward {r['backward']:6.2f}"
                f"  scratch {r['scratch_mb']:5.2f} MB"
            )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
