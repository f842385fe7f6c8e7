"""Shared fixtures: the workers of a test session, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convmap.sides import Workers, workers


@pytest.fixture(scope="session")
def pool() -> Iterator[Workers]:
    with workers() as found:
        yield found
