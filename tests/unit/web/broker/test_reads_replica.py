"""Lists beside a replica: read from it if it has all that the primary had, or if nobody else answers."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest

from jobs.errors import StoreFault
from jobs.records import Meta, Records
from stores.ledger import LedgerReader
from stores.ledger.memory import MemoryLedger
from tests.support.harnesses.web_harness import WebHarness, serve, turns
from web.broker import reads
from web.broker.reads import FromReplica, Reads

T = TypeVar("T")
BOUND_SECONDS = 10.0
"""A read that would wait for ever fails by then."""


class Replica:
    """A ledger of a primary, one of a replica, and how web reads lists from them. `away` names those that fail."""

    def __init__(self) -> None:
        self.primary, self.replica = MemoryLedger(), MemoryLedger()
        self.primary.restore()
        self.away = set[str]()
        self.hangs = False
        self.read: list[str] = []
        self.lists = FromReplica(self._of("primary"), self._of("long"), self._of("replica"))

    def _of(self, name: str) -> "Told":
        return Told(self, name)

    def commit(self) -> None:
        """Something changes, on the primary alone."""
        self.primary.commit(Records(meta=Meta(change=self.primary.meta.change + 1)))

    def replay(self) -> None:
        """The replica gets all that the primary has."""
        self.replica.meta = self.primary.meta

    async def page(self) -> list[str]:
        """Where a list was read, after all reads for it."""
        self.read.clear()
        async with asyncio.timeout(BOUND_SECONDS):
            await self.lists.do(lambda ledger: ledger.tenants())
        return self.read

    async def state(self) -> str:
        """What health tells of the replica."""
        async with asyncio.timeout(BOUND_SECONDS):
            return await self.lists.state()


class Told:
    """Reads at once, and tells of it."""

    def __init__(self, whole: Replica, name: str) -> None:
        self._whole, self._name = whole, name

    async def do(self, read: Callable[[LedgerReader], T]) -> T:
        self._whole.read.append(self._name)
        if self._name in self._whole.away:
            raise StoreFault("away")
        if self._name == "primary" and self._whole.hangs:
            await asyncio.get_running_loop().create_future()
        return read(self._whole.replica if self._name == "replica" else self._whole.primary)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Replica:
    monkeypatch.setattr(reads, "BEHIND_SECONDS", 0.0)
    monkeypatch.setattr(reads, "MARK_SECONDS", 0.01)
    return Replica()


def test_a_list_is_read_from_a_replica_that_has_all(both: Replica) -> None:
    both.commit()
    both.replay()
    assert asyncio.run(both.page()) == ["primary", "replica", "replica"]
    assert asyncio.run(both.state()) == "current"


def test_a_replica_that_lacks_the_last_change_or_the_last_start_is_not_read(both: Replica) -> None:
    both.replay()
    both.commit()
    assert asyncio.run(both.page()) == ["primary", "replica", "long"]
    assert asyncio.run(both.state()) == "behind"
    both.replica.meta = Meta(change=both.primary.meta.change + 5, epoch=both.primary.meta.epoch - 1)
    assert asyncio.run(both.page()) == ["primary", "replica", "long"]


def test_a_replica_that_is_a_moment_behind_is_waited_for(both: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "BEHIND_SECONDS", 60.0)
    monkeypatch.setattr(reads, "LOOK_SECONDS", 0.001)
    both.replay()
    both.commit()

    async def scenario() -> None:
        asked = asyncio.ensure_future(both.page())
        await turns()
        both.replay()
        assert (await asked)[-1] == "replica"
        assert "long" not in both.read

    asyncio.run(scenario())


@pytest.mark.parametrize("hangs", [False, True])
def test_a_replica_is_read_as_it_is_while_the_primary_tells_nothing(both: Replica, hangs: bool) -> None:
    both.replay()
    both.commit()
    both.hangs = hangs
    both.away = set() if hangs else {"primary", "long"}
    assert asyncio.run(both.page()) == ["primary", "replica"]
    assert asyncio.run(both.state()) == "readable"


@pytest.mark.parametrize("away", [{"replica"}, {"replica", "primary"}])
def test_without_the_replica_the_primary_is_read(both: Replica, away: set[str]) -> None:
    both.away = away
    if "primary" in away:
        with pytest.raises(StoreFault):
            asyncio.run(both.page())
    else:
        assert asyncio.run(both.page()) == ["primary", "replica", "long"]
    assert asyncio.run(both.state()) == "unreadable"


def test_a_read_that_the_replica_ends_is_repeated_on_the_primary(both: Replica) -> None:
    both.replay()
    seen = list[LedgerReader]()

    def ended(ledger: LedgerReader) -> bool:
        seen.append(ledger)
        if ledger is both.replica:
            raise StoreFault("canceling statement due to conflict with recovery")
        return True

    assert asyncio.run(both.lists.do(ended))
    assert seen == [both.replica, both.primary]


def test_health_tells_of_the_ledger_and_its_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "BEHIND_SECONDS", 0.0)

    async def scenario(harness: WebHarness) -> None:
        harness.beat()
        view = (await harness.client.get("/health/ready")).json()
        assert (view["ledger"], view["replica"]) == ("readable", None)
        both = Replica()
        both.commit()
        harness.web.reads = Reads(both._of("primary"), both._of("long"), both.lists, both.lists)
        answer = await harness.client.get("/health/ready")
        view = answer.json()
        assert (answer.status_code, view["ledger"], view["replica"]) == (200, "readable", "behind")
        assert "replica behind" in view["warnings"]
        both.away = {"primary"}
        both.replay()
        answer = await harness.client.get("/health/ready")
        view = answer.json()
        assert (answer.status_code, view["ledger"], view["replica"]) == (503, "unreadable", "readable")

    serve(scenario)
