"""Settings as the core's policy, and what a start looks at."""

from pathlib import Path

import pytest

from broker.__main__ import had_ledger
from broker.config import policy_of
from host.settings.settings import Settings


@pytest.mark.parametrize("silence", [0.1, 0.6, 2.0, 5.0, 60.0])
def test_a_broker_that_lives_is_never_taken_for_silent(silence: float) -> None:
    policy = policy_of(Settings(silence_seconds=silence))
    assert policy.beat_seconds <= 1.0
    assert policy.beat_seconds * 4 <= silence


@pytest.mark.parametrize(
    ("files", "had"),
    [
        (["raw/ab/first"], False),
        (["flight/00000001.flight"], False),
        (["flight/00000001.flight", "raw/ab/queued"], True),
        (["processed/ab/made"], True),
    ],
)
def test_what_tells_that_a_ledger_was_here_before(tmp_path: Path, files: list[str], had: bool) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert had_ledger(tmp_path) is had
