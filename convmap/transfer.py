"""Converts a checkpoint to the weights of a port: every tensor mapped, left out with a reason, or an error."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convmap.backends import tensorfile
from convmap.backends.client import Worker
from convmap.checkpoints import FORMATS, Reader, Row, framework_of, open_checkpoint, save_checkpoint, widened
from convmap.errors import ConvmapError
from convmap.ported import Pair
from convmap.weights import WeightPlan, plan_weights

READ_BACK = 1 << 30  # bytes: a larger model is not loaded again to compare


@dataclass(frozen=True)
class Step:
    """One tensor on its way: a reshape, and a wider number format where the target's is one."""

    source: Row
    target: Row

    def __str__(self) -> str:
        change = []
        if self.source.shape != self.target.shape:
            change.append(f"{self.source.shape} -> {self.target.shape}")
        if self.source.format != self.target.format:
            change.append(f"{self.source.format} -> {self.target.format}")
        return f"{self.source.name} -> {self.target.name}" + (f" ({', '.join(change)})" if change else "")


@dataclass(frozen=True)
class Conversion:
    """A finished conversion."""

    steps: tuple[Step, ...]
    left_out: tuple[tuple[str, str], ...]
    read_back: str  # what loading the file into the port showed


@dataclass(frozen=True)
class Models:
    """The two models, loaded in their workers."""

    source: str
    target: str
    source_tree: list[dict[str, Any]]
    target_tree: list[dict[str, Any]]
    target_file: Path
    entry: str
    prefix: str = ""  # see Framework.parallel_prefix


def load_models(pair: Pair, entry: str, pool: Any) -> tuple[Models, WeightPlan]:
    """Make both models without their weights and match their tensors by the rules."""
    source, target, ported = pair.source, pair.target, pair.ported.resolve()
    one = pool[source.name].ask("load", path=str(pair.file.resolve()), entry=entry, shapes_only=True)
    two = pool[target.name].ask("load", path=str(ported), entry=entry, shapes_only=True)
    models = Models(source.name, target.name, one["tree"], two["tree"], ported, entry, source.parallel_prefix)
    return models, plan_weights(source, one["tree"], target, two["tree"])


def convert(
    models: Models,
    plan: WeightPlan,
    checkpoint: Path,
    output: Path,
    pool: Any,
    key: str = "",
    ignored: Iterable[str] = (),
    progress: Callable[[list[Step]], Iterable[Step]] = iter,
    read_back: bool = True,
) -> Conversion:
    """Write the target's checkpoint from the source's, tensor by tensor."""
    own = framework_of(output)
    if own and own != models.target:
        raise ConvmapError(f"{output}: a {own} file, but the port is of {models.target}")
    reader = open_checkpoint(checkpoint, key, pool)
    steps, left_out = account(reader, models, plan, tuple(ignored))

    def arrays() -> Iterator[np.ndarray]:
        for step in progress(steps):
            # No name for it here: that would keep it beside the next one.
            yield widened(reader.read(step.source.name), step.source.format, step.target.format).reshape(
                step.target.shape
            )

    save_checkpoint(output, [s.target for s in steps], arrays(), pool)
    shown = "not read back"
    size = sum(s.target.bytes for s in steps)
    if read_back and own and size <= READ_BACK:
        shown = _read_back(models, reader, steps, output, pool[models.target])
    elif own and read_back:
        shown = f"not read back: {size / 2**30:.1f} GiB"
    return Conversion(tuple(steps), tuple(left_out), shown)


def account(
    reader: Reader, models: Models, plan: WeightPlan, ignored: tuple[str, ...]
) -> tuple[list[Step], list[tuple[str, str]]]:
    """Say what becomes of every tensor of the file; raise ConvmapError where one has no place."""
    rows = {r.name: r for r in reader.rows}
    prefix = models.prefix
    parallel = bool(prefix and rows) and all(name.startswith(prefix) for name in rows)
    wanted = {t.source: t for t in plan.transfers}
    if parallel and not any(name in wanted for name in rows):
        rows = {name[len(prefix) :]: row for name, row in rows.items()}
    sizes, formats = _declared(models.source_tree), _formats(models.target_tree)
    reasons = dict(plan.left_out)
    steps, left_out, wrong = (
        [],
        [(name, "no tensor: optimizer state is not converted") for name in reader.others],
        [],
    )
    for name, row in rows.items():
        if name in wanted:
            transfer = wanted[name]
            kind = formats.get(transfer.target, row.format)
            if row.shape != sizes[name]:
                wrong.append(f"{name} is {row.shape} in the file and {sizes[name]} in the model")
                continue
            try:
                widened(np.empty(0, tensorfile.FORMATS[row.format]), row.format, kind)
            except ValueError as error:
                wrong.append(f"{name}: {error}")
                continue
            steps.append(Step(row, Row(transfer.target, kind, transfer.shape)))
        elif name in reasons:
            left_out.append((name, reasons[name]))
        elif any(fnmatch.fnmatch(name, pattern) for pattern in ignored):
            left_out.append((name, "asked for by --ignore"))
        else:
            wrong.append(f"{name} {row.shape} is in the file, and the model has no such tensor")
    wrong += [f"{name} of the model is not in the file" for name in wanted if name not in rows]
    if wrong:
        more = f"; and {len(wrong) - 8} more" if len(wrong) > 8 else ""
        raise ConvmapError("nothing was written: " + "; ".join(wrong[:8]) + more)
    left_out += [(n, why) for n, why in plan.left_out if n not in rows]
    return steps, left_out


def _declared(tree: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    return {
        f"{row['path']}.{name}" if row["path"] else name: tuple(shape)
        for row in tree
        for name, shape in {**row["parameters"], **row["buffers"]}.items()
    }


def _formats(tree: list[dict[str, Any]]) -> dict[str, str]:
    return {
        f"{row['path']}.{name}" if row["path"] else name: FORMATS[kind]
        for row in tree
        for name, kind in row["formats"].items()
        if kind in FORMATS
    }


def _read_back(models: Models, reader: Reader, steps: list[Step], output: Path, worker: Worker) -> str:
    """Load the file into the port as its users will, and compare every tensor, bit by bit."""
    made = worker.ask("load", path=str(models.target_file), entry=models.entry)["model"]
    found = worker.ask("load_checkpoint", model=made, path=str(output.resolve()))
    state = worker.ask("get_state", model=made)
    if found["unexpected"]:
        raise ConvmapError(f"{output}: {models.target} does not take {', '.join(found['unexpected'][:4])}")
    for step in steps:
        if step.target.format == "BF16":
            continue
        array = widened(reader.read(step.source.name), step.source.format, step.target.format)
        if not np.array_equal(
            state[step.target.name], array.reshape(step.target.shape), equal_nan=array.dtype.kind == "f"
        ):
            raise ConvmapError(f"{output}: {step.target.name} is another after loading in {models.target}")
    return f"{models.target} loads the file, and all {len(steps)} tensors are equal to the bit"
