"""What a shim can't say: it raises, so that it can stand for a class or function whose calls are elsewhere."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from convmap.backends.client import Worker, WorkerError
from convmap.rewrite.port import port_document
from convmap.rules import load
from convmap.source.document import Document

RULES = load()
# framework: call of a shim, and whether it makes a layer
CALLS: dict[str, list[tuple[str, bool]]] = defaultdict(list)
for _framework in RULES.frameworks.values():
    for _binding in _framework.bindings:
        for _limit in _binding.limits:
            CALLS[_framework.name] += [(text, _binding.operator.kind == "layer") for text in _limit.raises]


@pytest.mark.frameworks
@pytest.mark.parametrize("framework", CALLS)
def test_a_shim_raises_where_the_rules_say_so(framework: str) -> None:
    folder = RULES.framework(framework).folders[0] / "shims"
    x, weight = np.ones((2, 4, 4, 4), np.float32), ["weight", "weight", np.ones((1,), np.float32)]
    alike = {"shims": str(folder), "weights": [weight], "cotangent": None, "x": x}
    with Worker(framework, 60.0) as worker:
        found = worker.ask_each(alike, [{"text": text, "layer": layer} for text, layer in CALLS[framework]])
    for (text, _), answer in zip(CALLS[framework], found):
        assert isinstance(answer, WorkerError) and answer.error in ("ValueError", "TypeError"), (text, answer)


@pytest.mark.parametrize(
    "call,codes",
    [
        ("F.normalize(x, 2, 1)", set()),
        ("F.normalize(x, 3, 1)", {"CM202"}),
        ("F.normalize(x, y, 1)", {"CM205"}),
        ("F.max_pool2d(x, 2, dilation=y)", {"CM205"}),
        ("nn.InstanceNorm2d(4, track_running_stats=y)(x)", {"CM205"}),
        ("y(F.normalize, nn.InstanceNorm2d, nn.MaxPool2d)", set()),
    ],
)
@pytest.mark.parametrize("target", ["mindspore", "megengine"])
def test_what_is_known_at_run_time_is_said(target: str, call: str, codes: set[str]) -> None:
    text = f"from torch import nn\nimport torch.nn.functional as F\ndef f(x, y):\n    return {call}\n"
    port = port_document(Document(text.encode()), RULES.framework("torch"), RULES.framework(target))
    assert {d.code for d in port.diagnostics if d.code[2] == "2"} == codes
    assert bool(port.counts["refused"]) == ("CM202" in codes)


def test_what_goes_wrong_without_a_word_stands_for_nothing() -> None:
    silent = {
        binding.shim
        for framework in RULES.frameworks.values()
        for binding in framework.bindings
        if binding.shim and not all(limit.is_loud for limit in binding.limits)
    }
    text = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\nnames = [{}]\n"
    apis = [b.api for b in RULES.framework("torch").bindings if b.operator.kind in ("function", "layer")]
    document = Document(text.format(", ".join(a for a in apis if a.startswith("torch.nn"))).encode())
    for target in ("mindspore", "megengine"):
        port = port_document(document, RULES.framework("torch"), RULES.framework(target))
        assert not silent & {use.target for use in port.uses}
