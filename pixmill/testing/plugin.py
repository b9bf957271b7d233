"""The pytest fixtures of the stand-in. Put `pytest_plugins = ["pixmill.testing.plugin"]` into your conftest.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixmill.testing.service import FakePixmill


@pytest.fixture
def pixmill_recipes() -> Path | None:
    """The recipes.toml of your server. Define a fixture of this name if it has presets of yours."""
    return None


@pytest.fixture
def pixmill_service(pixmill_recipes: Path | None) -> Iterator[FakePixmill]:
    """A new service without jobs, which ends each job at once."""
    service = FakePixmill(pixmill_recipes)
    yield service
    service.close()
