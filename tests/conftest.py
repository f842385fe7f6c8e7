"""Shared fixtures: the workers of a test session, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from convmap import verify


@pytest.fixture(scope="session")
def pool() -> Iterator[verify.Workers]:
    with verify.workers() as found:
        yield found
