"""Dropout draws by itself in every framework: compared by rate and scale, never by lucky seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from convmap.examples import Example
from convmap.folders import rules_folder
from convmap.sides import Workers

NAMES = {
    "torch": ("nn.", "torch.nn."),
    "mindspore": ("nn.", "mindspore.nn."),
    "megengine": ("M.", "megengine.module."),
}
TRAINING = {"torch": ".train()", "mindspore": ".set_train()", "megengine": ""}


@pytest.mark.frameworks
@pytest.mark.parametrize("framework", ["torch", "mindspore", "megengine"])
@pytest.mark.parametrize(
    "layer,rate,axes", [("nn.Dropout(0.4)", 0.4, 4), ("nn.Dropout()", 0.5, 4), ("nn.Dropout2d(0.3)", 0.3, 2)]
)
def test_rate_and_scale(layer: str, rate: float, axes: int, framework: str, pool: Workers) -> None:
    example = Example("layer", layer, ("16x64x8x8",))
    text = layer if framework == "torch" else example.shown(example.port(framework).after)
    short, full = NAMES[framework]
    text = text.replace(short, full) + TRAINING[framework]
    folder = rules_folder() / framework / "shims"
    call = {"text": text, "layer": True, "weights": [], "x": np.ones((16, 64, 8, 8), np.float32)}
    shims = str(folder) if folder.is_dir() else ""
    (answer,) = pool[framework].ask_each({"shims": shims, "cotangent": None}, [call])
    kept = answer["output"].reshape(*(16, 64, 8, 8)[:axes], -1)
    assert (kept == kept[..., :1]).all(), "a part of a channel is dropped"
    kept = kept[..., 0]
    share = float((kept != 0).mean())
    # Six standard deviations of a binomial share: one false alarm in half a billion.
    assert abs(share - (1 - rate)) <= 6 * math.sqrt(rate * (1 - rate) / kept.size), share
    assert np.allclose(kept[kept != 0], 1 / (1 - rate), rtol=2 * np.finfo(np.float32).eps, atol=0)
