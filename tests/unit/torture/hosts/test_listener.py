"""Which of the messages that were heard came too late."""

from pathlib import Path

import pytest

from torture.hosts.listener import Listener


@pytest.mark.parametrize(("epochs", "late"), [([1, 1, 2, 2], 0), ([1, 2, 1, 2, 1], 2), ([], 0)])
def test_a_message_of_an_older_epoch_is_late(epochs: list[int], late: int) -> None:
    listener = Listener(Path(), [])
    listener.heard = [(float(at), "broker", epoch) for at, epoch in enumerate(epochs)]
    assert listener.late() == late
