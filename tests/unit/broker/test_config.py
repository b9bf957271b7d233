"""Settings as the core's policy."""

import pytest

from broker.config import policy_of
from host.settings.settings import Settings


@pytest.mark.parametrize("silence", [0.1, 0.6, 2.0, 5.0, 60.0])
def test_a_broker_that_lives_is_never_taken_for_silent(silence: float) -> None:
    policy = policy_of(Settings(silence_seconds=silence))
    assert policy.beat_seconds <= 1.0
    assert policy.beat_seconds * 4 <= silence
