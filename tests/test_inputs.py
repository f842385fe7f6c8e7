"""Inputs from their specs, and what is said of a spec that is none."""

from __future__ import annotations

import numpy as np
import pytest

from convmap.errors import ConvmapError
from convmap.inputs import make_inputs, varied


@pytest.mark.parametrize(
    "spec,shapes,lists",
    [
        ("2x3", [(2, 3)], (None,)),
        ("7", [(7,)], (None,)),
        ("[2x8x4x4, 2x16x2x2]", [(2, 8, 4, 4), (2, 16, 2, 2)], (2,)),
        ("[5]", [(5,)], (1,)),
    ],
)
def test_shapes(spec: str, shapes: list[tuple[int, ...]], lists: tuple[int | None, ...]) -> None:
    made = make_inputs((spec,), np.random.RandomState(0))
    assert [a.shape for a in made.arrays] == shapes and made.lists == lists
    assert all(a.dtype == np.float32 for a in made.arrays)


def test_integers_stay_in_their_range() -> None:
    (array,) = make_inputs(("100:int64:3..6",), np.random.RandomState(0)).arrays
    assert array.dtype == np.int64 and set(array.tolist()) == {3, 4, 5}


@pytest.mark.parametrize("spec", ["2x", "2x3:float16", "[2x3", "[]", "2x3:int64:4..4", "", "two"])
def test_a_bad_spec_is_named(spec: str) -> None:
    with pytest.raises(ConvmapError, match="--input") as error:
        make_inputs((spec,), np.random.RandomState(0))
    assert repr(spec) in str(error.value)


def test_varied_weights_hide_nothing() -> None:
    fresh = {"gamma": np.ones(50, np.float32), "beta": np.zeros(50, np.float32),
             "w": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(3)}  # fmt: skip
    made = varied(fresh, np.random.RandomState(0))
    assert np.ptp(made["gamma"]) > 0.5 and made["gamma"].min() > 0 and np.abs(made["beta"]).max() > 0.1
    assert made["count"] == 3 and all(made[k].shape == v.shape for k, v in fresh.items())


@pytest.mark.parametrize("other", [1.0, -np.inf, -1e9])
def test_masks_are_not_varied(other: float) -> None:
    mask = np.triu(np.full((4, 4), other, np.float32), 1)
    fresh = {"mask": mask, "weight": np.full((4, 4), 2, np.float32), "identity": np.eye(4, dtype=np.float32)}
    made = varied(fresh, np.random.RandomState(0), frozenset({"mask"}))
    assert np.array_equal(made["mask"], mask) and np.ptp(made["weight"]) > 0
    assert np.unique(made["identity"]).size > 2  # a weight that starts as the identity is one all the same
