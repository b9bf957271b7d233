"""The pytest fixture of the stand-in. Put `pytest_plugins = ["pixmill.testing.plugin"]` into your conftest.py."""

from collections.abc import Iterator

import pytest

from pixmill.testing.service import FakePixmill


@pytest.fixture
def pixmill_service() -> Iterator[FakePixmill]:
    """A new service without jobs, which ends each job at once."""
    service = FakePixmill()
    yield service
    service.close()
