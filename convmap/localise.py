"""Which layer of a port is the first whose values are off: both models walked side by side."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from convmap.compare import Comparison, compare
from convmap.rules import Rules
from convmap.sides import JUDGE, Sample, Sides
from convmap.walks import Layer, Walk
from convmap.witness import in_reach, testify

SIDE = 48  # elements of an error map along each axis, at most


def localise(sides: Sides, sample: Sample, mode: str, rules: Rules) -> Walk:
    """Walk a sample through the source, the target and the float64 judge, layer by layer."""
    common: dict[str, Any] = dict(
        inputs=list(sample.inputs.arrays),
        lists=list(sample.inputs.lists),
        train=mode == "train",
        noise_seed=sample.common["noise_seed"],
    )
    sides.pool[sides.source].ask("set_state", model=sides.source_model, arrays=sample.state)
    sides.pool[sides.target].ask("set_state", model=sides.target_model, arrays=sides.moved(sample.state))
    traces = {
        sides.source: sides.pool[sides.source].ask("trace", model=sides.source_model, **common),
        sides.target: sides.pool[sides.target].ask("trace", model=sides.target_model, **common),
    }
    judged = sides.source_model if sides.source == JUDGE else sides.target_model
    judge = sides.pool[JUDGE].ask("trace", model=judged, dtype="float64", **common)
    other = sides.target if sides.source == JUDGE else sides.source
    own, theirs = _by_turn(traces[JUDGE]), _by_turn(traces[other])
    layers, first, image, witness = [], None, None, ""
    for key, right in _by_turn(judge).items():
        if key not in own or key not in theirs:
            continue  # a layer of one side only: a shim's inside, or a container that is one function
        before = _worst(own[key], theirs[key], right, "inputs")
        after = _worst(own[key], theirs[key], right, "outputs")
        classes = {JUDGE: own[key]["class"], other: theirs[key]["class"]}
        layer = Layer(
            *key, classes[sides.source], classes[sides.target], before.multiple, after.multiple, after.error,
            after.problem, tuple(right["outputs"][0].shape) if right["outputs"] else (),
        )  # fmt: skip
        layers.append(layer)
        if first is None and not layer.holds:
            first, image = layer, _image(theirs[key], right)
            if layer.own:
                witness = _witness(sides, sample, rules, judged, {JUDGE: own[key], other: theirs[key]})
    return Walk(mode, tuple(layers), first, image, witness=witness)


def _witness(
    sides: Sides, sample: Sample, rules: Rules, judged: int, steps: dict[str, dict[str, Any]]
) -> str:
    """Ask the NumPy core about a layer, where it is a convolution of torch's own."""
    torch = rules.framework(JUDGE)
    path = steps[JUDGE]["path"]
    binding = torch.layer(steps[JUDGE]["class"])
    if binding is None or not in_reach(binding) or any(len(s["inputs"]) != 1 for s in steps.values()):
        return ""
    names = [p.name for p in binding.params]
    settings = sides.pool[JUDGE].ask("settings", model=judged, path=path, names=names)
    state = sample.state if sides.source == JUDGE else sides.moved(sample.state)
    tensors = [state.get(f"{path}.{w.name}" if path else w.name) for w in binding.weights]
    weight, bias = (*tensors, None)[:2]
    if weight is None:
        return ""
    runs = {name: (step["inputs"][0], step["outputs"][0]) for name, step in steps.items()}
    return testify(binding, settings, weight, bias, runs)


def _by_turn(trace: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    turns: Counter[str] = Counter()
    found = {}
    for step in trace:
        found[step["path"], turns[step["path"]]] = step
        turns[step["path"]] += 1
    return found


def _worst(own: dict[str, Any], other: dict[str, Any], judge: dict[str, Any], what: str) -> Comparison:
    found = Comparison("", "forward", 0.0, 0.0, 0.0)
    for a, b, right in zip(own[what], other[what], judge[what]):
        one = compare("", "gradient", [a], b, right)
        if one.multiple > found.multiple:
            found = one
    if len(own[what]) != len(other[what]):
        words = f"{len(own[what])} tensors in torch, {len(other[what])} in the other framework"
        return Comparison("", "forward", float("inf"), float("inf"), 0.0, words)
    return found


def _image(other: dict[str, Any], judge: dict[str, Any]) -> np.ndarray | None:
    """Give the error over the last two axes, thinned to what a picture shows."""
    for a, right in zip(other["outputs"], judge["outputs"]):
        if a.shape != right.shape or right.ndim < 2 or right.size == 0:
            continue
        off = np.abs(a.astype(np.float64) - right)
        flat = off.reshape(-1, *off.shape[-2:]).max(axis=0)
        steps = [max(1, -(-n // SIDE)) for n in flat.shape]
        rows = np.maximum.reduceat(flat, np.arange(0, flat.shape[0], steps[0]), axis=0)
        picture: np.ndarray = np.maximum.reduceat(rows, np.arange(0, flat.shape[1], steps[1]), axis=1)
        return picture
    return None
