"""Connections of a key are bounded in number, by a count of those that were let in and the kernel's table."""

import socket
from pathlib import Path

import pytest

from host.sockets import connections
from host.sockets.allowed import Role
from host.sockets.connections import AGAIN_SECONDS, Connections, of_kernel, plain

KEY, OTHER = b"key", b"other"
PORTS: dict[Role, list[int]] = {Role.WEB: [7000, 7002, 7003], Role.WORKER: [7001]}
MAX = 5


class Bench:
    """The count of a broker, beside a kernel's table that the test writes."""

    def __init__(self) -> None:
        self.table: list[tuple[int, str]] = []
        self.readings = 0
        self.connections = Connections(PORTS, self._read)

    def _read(self) -> list[tuple[int, str]]:
        self.readings += 1
        return self.table

    def comes(
        self, count: int, key: bytes = KEY, role: Role = Role.WEB, address: str = "10.0.0.1", now: float = 0.0
    ) -> int:
        """So many try to come in; how many may."""
        return sum(self.connections.admit(key, role, address, now) for _ in range(count))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", MAX)
    return Bench()


def test_a_key_has_a_bound_as_each_role_and_takes_nobody_elses_room(bench: Bench) -> None:
    bench.table = [(7000, "10.0.0.1")] * MAX
    assert bench.comes(MAX + 3) == MAX
    assert bench.comes(MAX + 3, role=Role.WORKER, address="10.0.0.2") == MAX
    assert bench.comes(1, OTHER) == 1


def test_who_stays_below_the_bound_costs_no_reading(bench: Bench) -> None:
    bench.comes(MAX)
    assert bench.readings == 0


def test_ended_connections_make_room_at_the_next_reading(bench: Bench) -> None:
    assert bench.comes(MAX) == MAX
    bench.table = [(7002, "10.0.0.1")] * (MAX - 1) + [(7001, "10.0.0.1"), (7000, "10.0.0.9"), (80, "10.0.0.1")]
    assert bench.comes(3) == 1, "only those to the role's own ports, from this key's address, count"
    bench.table = []
    assert bench.comes(3, now=AGAIN_SECONDS / 2) == 0, "the table is not read for each try"
    assert bench.readings == 1
    assert bench.comes(MAX + 1, now=AGAIN_SECONDS) == MAX


def test_several_addresses_of_a_key_count_together_and_forgotten_ones_leave_nothing(bench: Bench) -> None:
    bench.table = [(7000, "10.0.0.1"), (7000, "10.0.0.1"), *[(7003, "10.0.0.2")] * 3]
    assert bench.comes(2, address="10.0.0.1") + bench.comes(4, address="::ffff:10.0.0.2") == MAX
    bench.table = bench.table[1:]
    assert bench.comes(MAX, now=2 * AGAIN_SECONDS) == 1
    bench.table = []
    bench.comes(1, OTHER)
    bench.comes(MAX, OTHER, now=4 * AGAIN_SECONDS)
    assert bench.connections._addresses.keys() == {(OTHER, Role.WEB)}


def test_an_address_is_the_same_however_it_came() -> None:
    assert [plain(text) for text in ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:DB8::1", "odd")] == [
        "10.0.0.1", "10.0.0.1", "fe80::1", "2001:db8::1", "odd",
    ]  # fmt: skip


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_kernel_s_table_has_this_very_connection_until_its_end(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        before = of_kernel().count((port, host))
        with socket.create_connection((host, port)), listener.accept()[0]:
            assert of_kernel().count((port, host)) == before + 1
        assert of_kernel().count((port, host)) == before


def test_a_machine_without_a_table_has_no_connections(tmp_path: Path) -> None:
    assert of_kernel([tmp_path / "none"]) == []
