"""worker/keeper/beats.py, worker/keeper/waiting.py: the broker hears beats while the keeper's disk stalls."""

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from jobs.errors import StoreFault
from stores.blobs import Blobs, BlobWriter
from stores.blobs.memory import MemoryBlobs
from stores.cache import Cache
from stores.cache.memory import MemoryCache
from worker.keeper.beats import Beats
from worker.keeper.waiting import WaitingBlobs, WaitingCache, WaitingWriter

BEATS = 3
SECONDS = 10.0
"""After which a test fails."""


class Disk:
    """A disk that stalls until so many beats were said."""

    def __init__(self) -> None:
        self.said = 0
        self._enough = threading.Event()
        self.beats = Beats(self._say)

    def _say(self) -> float:
        self.said += 1
        if self.said >= BEATS:
            self._enough.set()
        return 0.0

    def stall(self) -> None:
        assert self._enough.wait(SECONDS), f"{self.said} beats were said"


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.beats.stop()


class Stalled:
    """A store of which every method stalls; then it does what the real one does."""

    def __init__(self, store: Any, disk: Disk) -> None:
        self._store, self._disk = store, disk

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def method(*arguments: Any) -> Any:
            self._disk.stall()
            return getattr(self._store, name)(*arguments)

        return method


CALLS: dict[str, tuple[Any, ...]] = {
    "writer": ("raw/ab/two",),
    "put": ("raw/ab/two", b"bytes"),
    "open": ("raw/ab/one",),
    "link": ("raw/ab/one", "raw/ab/two"),
    "delete": (["raw/ab/one"],),
    "holds": ("raw",),
    "names": ("", 10, 0.0),
    "sweep_incoming": (1.0,),
    "free_bytes": (),
    "reader": ("raw/ab/one", 0, 1),
    "address": ("raw/ab/one", 0.0, {}),
    "look": (),
    "prove": (),
    "claim": ("ledger",),
}
WRITER_CALLS: dict[str, tuple[Any, ...]] = {"write": (b"bytes",), "publish": ("raw/ab/two",), "discard": ()}
CACHE_CALLS: dict[str, tuple[Any, ...]] = {"get": ("ab",), "put": ("ab", b"value"), "drop": ("ab",), "failing": ()}


@pytest.mark.parametrize("method", CALLS)
def test_beats_go_on_whatever_the_store_waits_for(method: str, disk: Disk) -> None:
    blobs = MemoryBlobs()
    blobs.put("raw/ab/one", b"bytes")
    found = getattr(WaitingBlobs(cast(Blobs, Stalled(blobs, disk)), disk.beats), method)(*CALLS[method])
    if method in ("open", "reader"):
        found.close()
    assert disk.said >= BEATS


@pytest.mark.parametrize("method", WRITER_CALLS)
def test_so_they_do_while_a_rendition_is_written_and_synced(method: str, disk: Disk) -> None:
    writer = MemoryBlobs().writer("raw/ab/two")
    getattr(WaitingWriter(cast(BlobWriter, Stalled(writer, disk)), disk.beats), method)(*WRITER_CALLS[method])
    assert disk.said >= BEATS


@pytest.mark.parametrize("method", CACHE_CALLS)
def test_and_while_the_cache_is_asked(method: str, disk: Disk) -> None:
    cache = WaitingCache(cast(Cache, Stalled(MemoryCache(), disk)), disk.beats, list[str]().append)
    getattr(cache, method)(*CACHE_CALLS[method])
    assert disk.said >= BEATS


@pytest.mark.parametrize("method", ["get", "put", "drop"])
def test_a_change_of_the_cache_is_told_once_and_by_a_keeper_that_is_back(method: str, disk: Disk) -> None:
    cache, told = MemoryCache(), list[tuple[str, bool]]()
    waiting = WaitingCache(cache, disk.beats, lambda why: told.append((why, disk.beats._here.locked())))
    for cache.broken in (False, True, True, False):
        getattr(waiting, method)(*CACHE_CALLS[method])
    assert told == [("broken", True), ("", True)]


@pytest.mark.parametrize(
    ("contract", "waiting", "calls"),
    [(Blobs, WaitingBlobs, CALLS), (BlobWriter, WaitingWriter, WRITER_CALLS), (Cache, WaitingCache, CACHE_CALLS)],
)
def test_no_method_of_a_store_is_left_out(contract: type, waiting: type, calls: dict[str, Any]) -> None:
    methods = {name for name, _ in inspect.getmembers(contract, inspect.isfunction) if not name.startswith("_")}
    assert methods == calls.keys() <= vars(waiting).keys()


def test_a_fault_of_the_store_brings_the_keeper_back(disk: Disk) -> None:
    class Full(MemoryBlobs):
        def put(self, name: str, data: bytes | bytearray) -> None:
            disk.stall()
            raise StoreFault("full")

    with pytest.raises(StoreFault):
        WaitingBlobs(Full(), disk.beats).put("raw/ab/one", b"bytes")
    with disk.beats:
        pass


def test_nothing_is_said_while_the_keeper_is_here() -> None:
    speaking, said = threading.Event(), threading.Event()

    def say() -> float:
        speaking.set()
        said.wait(0.001)
        speaking.clear()
        said.set()
        return 0.0

    beats = Beats(say)
    for _ in range(1000):
        with beats:
            pass
        assert not speaking.is_set()
    with beats:
        assert said.wait(SECONDS)
    beats.stop()


def test_nothing_is_said_after_the_stop() -> None:
    disk = Disk()
    disk.beats.stop()
    said = disk.said
    with disk.beats:
        pass
    assert disk.said == said <= 1
