"""Which parameter of a ported model takes which of the source's: names and layouts from the bindings.

Every tensor is accounted for: mapped, left out with a reason, or an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from convmap.errors import ConvmapError
from convmap.model import Binding
from convmap.rules import Framework


@dataclass(frozen=True)
class Transfer:
    """One tensor: its name on both sides and the target's shape (transfers never permute)."""

    source: str
    target: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class WeightPlan:
    transfers: tuple[Transfer, ...]
    left_out: tuple[tuple[str, str], ...]


def plan_weights(
    source: Framework, source_tree: list[dict[str, Any]], target: Framework, target_tree: list[dict[str, Any]]
) -> WeightPlan:
    """Match the tensors of two models of equal module paths; raise ConvmapError where one is unmatched."""
    shapes = {}
    for row in target_tree:
        for name, shape in {**row["parameters"], **row["buffers"]}.items():
            shapes[_join(row["path"], name)] = tuple(shape)
    classes = {row["path"]: row.get("bases") or [row["class"]] for row in target_tree}
    own = {row["path"]: row.get("bases") or [row["class"]] for row in source_tree}
    trained = {row["path"]: row["parameters"] for row in target_tree}
    transfers: list[Transfer] = []
    left_out: list[tuple[str, str]] = []
    wrong: list[str] = []
    alone: dict[str, str] = {}
    for row in source_tree:
        mine = source.layer_of(own[row["path"]])
        path, theirs = row["path"], None
        if mine is not None and path in classes:
            theirs = target.layer_of(classes[path])
        elif (mine is None or path not in classes) and path.rpartition(".")[0] in classes:
            # A layer that nests another (MindSpore's BatchNorm3d): its outer path has the binding.
            outer = next((r for r in source_tree if r["path"] == path.rpartition(".")[0]), None)
            if outer is not None and source.layer_of(own[outer["path"]]) is not None:
                mine, path = source.layer_of(own[outer["path"]]), outer["path"]
                theirs = target.layer_of(classes[path])
        for name, shape in {**row["parameters"], **row["buffers"]}.items():
            full = _join(row["path"], name)
            inner = full[len(path) + 1 :] if path else full
            found = _counterpart(inner, mine, theirs, dict(source.derived_weights))
            wanted = _join(path, found[0]) if found else full
            if wanted in shapes:
                problem = _shape_problem(full, tuple(shape), wanted, shapes[wanted], bool(found and found[1]))
                wrong += [problem] if problem else []
                transfers.append(Transfer(full, wanted, shapes[wanted]))
            elif found and name in row["buffers"] and not trained.get(path):
                # The layer was made without trained weights; the target's keeps none at all.
                left_out.append((full, "not trained in the source, and kept as it starts"))
            elif mine is not None and _canonical(inner, mine) in mine.operator.optional_weights:
                left_out.append((full, f"{target.name} has no such counter"))
            elif name in row["buffers"] and source.keeps_tensors == "state" and mine is None:
                left_out.append((full, "a tensor that the module keeps; the port makes its own"))
            else:
                alone[full] = wanted
    by_name = {t.source: t for t in transfers}
    for full, others in _shared(source_tree, alone):
        again = next((name for name in others if name in by_name), None)
        if again is None:
            wrong.append(f"{full} has no counterpart {alone[full]} in the port")
        else:
            left_out.append((full, f"the same tensor as {again}"))
    by_target = {t.target: t for t in transfers}
    for name, others in _shared(target_tree, [name for name in shapes if name not in by_target]):
        again = next((other for other in others if other in by_target), None)
        if again is not None:
            transfers.append(Transfer(by_target[again].source, name, shapes[name]))
    filled = {t.target for t in transfers}
    computed = {_join(row["path"], name) for row in source_tree for name in row.get("computed", ())}
    constant = {_join(row["path"], name) for row in target_tree for name in row["buffers"]}
    for name in shapes:
        if name in filled or _optional(name, target, classes):
            continue
        if name in computed:
            left_out.append((name, "in no checkpoint: the model computes it"))
        elif name in constant and target.layer_of(classes.get(name.rpartition(".")[0], [])) is not None:
            # A layer without affine parameters keeps them as untrained ones and zeros in MindSpore.
            left_out.append((name, "not trained in the port, and kept as it starts"))
        else:
            wrong.append(f"{name} of the port is filled by nothing")
    if wrong:
        raise ConvmapError("weights don't match: " + "; ".join(wrong[:6]))
    return WeightPlan(tuple(transfers), tuple(left_out))


def _shared(tree: list[dict[str, Any]], names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Give each name with the others under which the model has the same tensor."""
    ids = {_join(row["path"], name): found for row in tree for name, found in row.get("ids", {}).items()}
    groups: dict[int, list[str]] = {}
    for name, found in ids.items():
        groups.setdefault(found, []).append(name)
    for name in names:
        yield name, [other for other in groups.get(ids.get(name, 0), ()) if other != name]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _canonical(name: str, binding: Binding) -> str:
    return next((w.canonical for w in binding.weights if w.name == name), name)


def _counterpart(
    name: str, mine: Binding | None, theirs: Binding | None, derived: dict[str, str]
) -> tuple[str, bool] | None:
    """Give the target's name of a layer's parameter, and whether a layout is declared."""
    if mine is None or theirs is None:
        return None
    if name in derived:  # laid out as the weight that is computed from it, and of the same name everywhere
        whole = _counterpart(derived[name], mine, theirs, {})
        return (name, whole[1]) if whole else None
    for weight in mine.weights:
        if weight.name == name:
            for other in theirs.weights:
                if other.canonical == weight.canonical:
                    return other.name, bool(weight.layout or other.layout)
    return None


def _shape_problem(
    source: str, shape: tuple[int, ...], target: str, wanted: tuple[int, ...], layout: bool
) -> str:
    if shape == wanted:
        return ""
    size, other = 1, 1
    for n in shape:
        size *= n
    for n in wanted:
        other *= n
    # Every layout difference between the frameworks is a reshape (FACTS.md section 2). PReLU and
    # normalisation vectors differ by axes of size 1 only.
    thin = [n for n in shape if n != 1] == [n for n in wanted if n != 1]
    if size == other and (layout or thin):
        return ""
    return f"{source} {shape} does not fit {target} {wanted}"


def _optional(name: str, target: Framework, classes: dict[str, list[str]]) -> bool:
    path, _, leaf = name.rpartition(".")
    binding = target.layer_of(classes.get(path, []))
    return binding is not None and _canonical(leaf, binding) in binding.operator.optional_weights
