"""The pytest plugin: options and backends for the suite as tests, ``pytest --pyargs convmap.parity``.

Loaded in every pytest run where convmap is installed: it imports nothing heavy before it is asked to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from convmap.parity.backends import Backend


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("convmap parity")
    group.addoption(
        "--parity-backends", metavar="NAMES", help="comma-separated, as convmap parity takes them"
    )
    group.addoption("--parity-ops", metavar="NAMES", help="operators, comma-separated; default: all")
    group.addoption(
        "--parity-cases", type=int, default=200, metavar="N", help="generated cases (default 200)"
    )
    group.addoption("--parity-seed", type=int, default=0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if not {"parity_backend", "parity_case"} & set(metafunc.fixturenames):
        return
    from convmap.parity.backends import DEFAULT
    from convmap.parity.cases import OPS, generated, named

    option = metafunc.config.getoption
    if "parity_backend" in metafunc.fixturenames:
        names = (option("--parity-backends") or ",".join(DEFAULT)).split(",")
        metafunc.parametrize("parity_backend", names, indirect=True, scope="session")
    if "parity_case" in metafunc.fixturenames:
        ops = tuple((option("--parity-ops") or ",".join(OPS)).split(","))
        cases = [case for case in named().values() if case.kind in ops]
        cases += generated(option("--parity-seed"), option("--parity-cases"), ops)
        metafunc.parametrize("parity_case", cases, ids=[case.id for case in cases])


@pytest.fixture(scope="session")
def parity_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend with its worker; skipped with the reason where it can't run."""
    from convmap.errors import ConvmapError
    from convmap.parity.backends import backend
    from convmap.rules import load

    found = backend(request.param, load())
    try:
        found.info()
    except ConvmapError as error:
        pytest.skip(f"{request.param}: {error}")
    yield found
    found.stop()
