"""A jump of the float64 gradient is found; a steep, smooth or wrong gradient is not taken for one."""

from __future__ import annotations

import numpy as np

from convmap.kinks import HALVINGS, NUDGE, direction, find_kink, suspect

KEY = ("input gradient", "input 0")
FORWARD = ("forward", "output")
WEIGHT = ("weight gradient", "w")


def judge_of(gradient, at: float):  # type: ignore[no-untyped-def]
    """A judge of one input value ``at``, moved as kinks.find_kink says."""

    def judge(t: float, number: int) -> dict[tuple[str, str], np.ndarray]:
        (way,) = direction([(1,)], number)
        return {KEY: gradient(at + t * NUDGE * way)}

    return judge


def test_a_step_within_rounding_is_found() -> None:
    step = judge_of(lambda x: np.where(x > 1.0 + 0.1 * NUDGE, 1.0, 0.0), 1.0)
    found = find_kink(KEY, 1.0, step)
    assert found is not None and found.jump == 1.0 and found.width == NUDGE / 2**HALVINGS


def test_a_step_far_away_is_not() -> None:
    assert find_kink(KEY, 1.0, judge_of(lambda x: np.where(x > 1.1, 1.0, 0.0), 1.0)) is None


def test_a_steep_slope_is_not_a_step() -> None:
    assert find_kink(KEY, 1.0, judge_of(lambda x: (x - 1.0) * 2 / NUDGE, 1.0)) is None


def runs(*values: float) -> tuple[np.ndarray, ...]:
    return tuple(np.array([value, 5.0]) for value in values)


def test_only_gradients_beyond_rounding_are_suspect() -> None:
    same = runs(1.0, 1.0, 1.0)
    assert suspect({FORWARD: same, KEY: same, WEIGHT: same}) is None
    assert suspect({FORWARD: same, KEY: runs(1.0, 1.0001, 1.0), WEIGHT: same}) is None
    assert suspect({FORWARD: same, KEY: runs(1.0, 2.0, 1.0), WEIGHT: same}) == (KEY, 1.0)
    assert suspect({FORWARD: same, KEY: runs(3.0, 1.0, 1.0), WEIGHT: same}) == (KEY, 2.0)


def test_a_wrong_output_is_never_a_kink() -> None:
    wrong = runs(1.0, 2.0, 1.0)
    assert suspect({FORWARD: wrong, KEY: wrong, WEIGHT: wrong}) is None


def test_a_gradient_that_is_zero_in_exact_arithmetic_is_not_suspect() -> None:
    zero = (np.array([1e-8]), np.array([3e-8]), np.array([1e-17]))
    same = runs(1.0, 1.0, 1.0)
    assert suspect({FORWARD: same, WEIGHT: same, ("weight gradient", "b"): zero}) is None
