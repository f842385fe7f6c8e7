"""MegEngine's arange, linspace and gather: of two that it runs ahead, the first may have the second's numbers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from dialects import port_text

from convmap.backends.environments import clean_environment, locate
from convmap.rules import load

# Pairs of calls that are made one behind the other, as a torch file has them and as MegEngine has the like.
PAIRS = {
    "arange": ("torch.arange(0, 16), torch.arange(5, 21)", "F.arange(0, 16), F.arange(5, 21)"),
    "linspace": ("torch.linspace(0, 1, 16), torch.linspace(0, 2, 16)", "F.linspace(0, 1, 16), F.linspace(0, 2, 16)"),
    "gather": ("torch.gather(x, 1, i), torch.gather(x[:2], 1, i[:2])", "F.gather(x, 1, i), F.gather(x[:2], 1, i[:2])"),
}  # fmt: skip
SOURCE = "import torch\n" + "".join(
    f"\n\ndef {name}(x, i):\n    return {pair}\n" for name, (pair, _) in PAIRS.items()
)
LOOP = """
import json, sys
import megengine, megengine.functional as F
import numpy as np
sys.path.insert(0, {folder!r})
import ported

x = megengine.tensor(np.random.RandomState(0).rand(40, 4).astype("float32"))
i = megengine.tensor(np.random.RandomState(0).randint(0, 4, (40, 2)).astype("int32"))
plain = {{{plain}}}
counted = np.arange(16, dtype="float32")
right = {{
    "arange": counted,
    "linspace": np.linspace(0, 1, 16).astype("float32"),
    "gather": np.take_along_axis(x.numpy(), i.numpy(), 1),
}}
found = {{name: [0, 0] for name in right}}
for name, value in right.items():
    for which, (call, tries) in enumerate(((plain[name], {plain_tries}), (getattr(ported, name), {tries}))):
        for _ in range(tries):
            try:
                first, second = call(x, i)
                found[name][which] += not np.array_equal(first.numpy(), value)
            except RuntimeError:  # of gather, where the wrong place is beyond the tensor
                found[name][which] += 1
            if found[name][which]:
                break
print(json.dumps(found))
"""
TRIES = 3000  # arange and linspace were wrong once in 20 to 300
PLAIN_TRIES = 20000  # at most: the first wrong one ends them


@pytest.mark.parametrize("name", PAIRS)
def test_ports_call_none_of_them(name: str) -> None:
    (quirk,) = (q for q in load().framework("megengine").quirks if q.id == "megengine-numbers-made-ahead")
    assert f"megengine.functional.{name}" in quirk.apis
    assert f"F.{name}(" not in port_text(SOURCE, "torch", "megengine").after


@pytest.mark.frameworks
def test_ports_have_their_own_numbers_and_plain_calls_now_and_then_not(tmp_path: Path) -> None:
    """Strictly, both: should a later MegEngine be right, the shims and the quirk are to go."""
    (tmp_path / "ported.py").write_text(port_text(SOURCE, "torch", "megengine").after)
    plain = ", ".join(f"{name!r}: lambda x, i: ({calls})" for name, (_, calls) in PAIRS.items())
    code = LOOP.format(folder=str(tmp_path), plain=plain, tries=TRIES, plain_tries=PLAIN_TRIES)
    run = subprocess.run(
        [locate("megengine"), "-c", code],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert {name: ported for name, (_, ported) in found.items()} == dict.fromkeys(PAIRS, 0), found
    assert found["arange"][0] and found["linspace"][0], found
