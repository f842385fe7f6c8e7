"""The comparer must fail where it should, and say what it sees."""

from __future__ import annotations

import numpy as np
import pytest

from convmap.compare import compare

JUDGE = np.random.RandomState(0).standard_normal((2, 3, 6, 7))
SOURCE = JUDGE.astype(np.float32)


def zeroed() -> np.ndarray:
    out = SOURCE.copy()
    out[:, :, -1] = 0
    return out


def shifted() -> np.ndarray:
    return np.roll(SOURCE, 1, axis=3)


def biased() -> np.ndarray:
    return SOURCE + np.array([1, -2, 3], np.float32).reshape(1, 3, 1, 1)


@pytest.mark.parametrize(
    "target,pattern",
    [
        (zeroed(), "last row of axis 2 is zero"),
        (shifted(), "shifted by one along axis 3"),
        (biased(), "a bias is missing"),
        (SOURCE[::-1], "values differ"),
        (SOURCE * np.float32(1 + 1e-5), "rounding"),
        (SOURCE[:, :, :-1], "shapes"),
        (np.full_like(SOURCE, np.nan), "not finite"),
    ],
)
def test_a_difference_is_found_and_named(target: np.ndarray, pattern: str) -> None:
    found = compare("y", "forward", [SOURCE], target, JUDGE)
    assert not found.holds and pattern in found.problem


def test_rounding_of_the_source_is_accepted() -> None:
    assert compare("y", "forward", [SOURCE], np.nextafter(SOURCE, np.float32(9)), JUDGE).holds


def test_infinities_that_all_runs_share_are_right_and_hide_nothing() -> None:
    masked = [np.where(SOURCE > 1, -np.inf, run) for run in (SOURCE, JUDGE)]
    assert compare("mask", "buffer", [masked[0]], masked[0], masked[1]).holds
    assert not compare("mask", "buffer", [masked[0]], -masked[0], masked[1]).holds
    off = np.where(masked[0] == masked[0][0, 0, 0, 0], np.float32(9), masked[0])
    assert not compare("mask", "buffer", [masked[0]], off, masked[1]).holds
    assert not compare("mask", "buffer", [masked[0]], SOURCE, masked[1]).holds


def test_a_source_that_is_wrong_itself_gives_no_verdict() -> None:
    found = compare("y", "buffer", [SOURCE, SOURCE + np.float32(0.3)], SOURCE, JUDGE)
    assert not found.holds and "no verdict" in found.problem
