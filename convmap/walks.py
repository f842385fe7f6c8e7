"""A walk through both models, layer by layer, and the first that is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convmap.source.locate import Place


@dataclass(frozen=True)
class Layer:
    """One layer's turn in a forward pass: how far off what it takes is, and what it gives, in bounds."""

    path: str
    turn: int  # 0 for the first time that the layer runs
    source_class: str
    target_class: str
    before: float
    after: float
    error: float
    pattern: str
    shape: tuple[int, ...]

    @property
    def holds(self) -> bool:
        return self.after <= 1

    @property
    def own(self) -> bool:
        """Whether the layer itself is off: what it takes is right."""
        return not self.holds and self.before <= 1


@dataclass(frozen=True)
class Walk:
    """All layers in the order they finish, the first that is off, and where its values are off."""

    mode: str
    layers: tuple[Layer, ...]
    first: Layer | None
    image: np.ndarray | None = None  # the error over the last two axes, largest over the others
    source_place: Place | None = None
    target_place: Place | None = None
    witness: str = ""  # what the NumPy core says of the first that is off

    def __str__(self) -> str:
        if self.first is None:
            return "every layer holds: the difference is made outside of layers, behind the last"
        layer = self.first
        if not layer.own:
            return (
                f"what {_shown(layer)} takes is off already, and every layer before it holds: the difference"
                " is made between them, in a forward method"
            )
        return (
            f"the first layer that is off is {_shown(layer)}: {layer.after:.3g} of the bound, {layer.pattern};"
            f" what it takes holds ({layer.before:.2g})" + (f"; {self.witness}" if self.witness else "")
        )


def _shown(layer: Layer) -> str:
    name = layer.source_class.rpartition(".")[2]
    return f"{layer.path or 'the model itself'} ({name}" + (
        f", turn {layer.turn + 1})" if layer.turn else ")"
    )
