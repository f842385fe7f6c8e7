"""The suite as tests: each case in each backend is within the bound, or diverges as a quirk says."""

from __future__ import annotations

import pytest

from convmap.parity.backends import Backend
from convmap.parity.cases import Case
from convmap.parity.runner import run_one


def test_case(parity_backend: Backend, parity_case: Case) -> None:
    outcomes = run_one(parity_case, parity_backend)
    wrong = [f"{o.status}: {o.api}: {o.detail}" for o in outcomes if not o.expected]
    assert not wrong, "\n".join(wrong)
    if all(o.status == "refused" for o in outcomes):
        pytest.skip(outcomes[0].detail)
