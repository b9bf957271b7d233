"""Who may send what: a key that was removed, a key of the other role, another's name."""

import logging

import pytest

from broker.frames.gate import Gate
from host.sockets.allowed import Role
from host.sockets.bound import bound
from jobs import wire

KEY, OTHER = b"k" * 40, b"o" * 40


class Door:
    def __init__(self, *grants: tuple[bytes, Role]) -> None:
        self.grants = set(grants)

    def holds(self, key: bytes, role: Role) -> bool:
        return (key, role) in self.grants


def ready(key: bytes) -> list[bytes]:
    return [wire.encode(wire.Ready(bound("00", key), "w", 1, 1, "engine", []))]


@pytest.mark.parametrize(
    ("key", "frames", "is_read"), [(KEY, ready(KEY), True), (KEY, ready(OTHER), False), (OTHER, ready(OTHER), False)]
)
def test_a_worker_speaks_for_its_own_key_as_long_as_that_is_allowed(
    key: bytes, frames: list[bytes], is_read: bool
) -> None:
    gate = Gate(logging.getLogger("test"), Door((KEY, Role.WORKER), (OTHER, Role.WEB)))
    assert (gate.read(wire.from_worker, b"peer", frames, key) is not None) is is_read
    assert gate.dropped == (not is_read)


def test_a_key_that_was_removed_is_heard_no_more_on_its_open_connection() -> None:
    door = Door((KEY, Role.WEB))
    gate, pause = Gate(logging.getLogger("test"), door), [wire.encode(wire.Pause("w", "r"))]
    assert gate.read(wire.from_web, b"web", pause, KEY) == wire.Pause("w", "r")
    door.grants.clear()
    assert gate.read(wire.from_web, b"web", pause, KEY) is None


def test_local_sockets_have_no_keys() -> None:
    assert Gate(logging.getLogger("test")).read(wire.from_worker, b"peer", ready(KEY), None) is not None
