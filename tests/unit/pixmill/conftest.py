"""The command before a stand-in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harnesses.command import Commands


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """Runs commands in a folder of this test's own."""
    made = Commands(tmp_path, monkeypatch)
    yield made
    made.service.close()
