"""Uploads beside a disk that stalls, and bytes that take long to parse: neither holds anybody else."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest.mock import Mock

import pytest

from host.process.threads import T, Threads, tried
from jobs.errors import StoreFault
from jobs.images.head import HeadReader
from jobs.limits import GATHERED_BYTES
from stores.blobs.memory import MemoryBlobs, MemoryWriter
from tests.support.garbage import no_look_for_garbage
from tests.support.harnesses.web_harness import WebHarness, png, serve, turns
from web.access.parts import BLOB_THREADS
from web.handlers import explain
from web.http import body
from web.http.diskspace import DiskSpace
from web.http.multipart import BOUNDARIES_AT_ONCE, LONG_LINE_BYTES, SLICE_BYTES, Multipart
from web.uploads import incoming
from web.uploads.forms import Form
from web.uploads.incoming import VIEWED_BYTES, Incoming

LARGE = png(filler=bytes(3 * GATHERED_BYTES))
PNG = {"Content-Type": "image/png"}


async def in_pieces() -> AsyncIterator[bytes]:
    """LARGE, as it comes of a socket."""
    for at in range(0, len(LARGE), GATHERED_BYTES // 4):
        yield LARGE[at : at + GATHERED_BYTES // 4]
        await asyncio.sleep(0)


class Stalling(MemoryBlobs):
    """A store in which, once `at` is set, the next call of that name waits for `on`; `stalls` says that it does."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.stalls, self.on = "", threading.Event(), threading.Event()
        self.discarded: list[int] = []

    def reach(self, name: str) -> None:
        if name == self.at:
            self.at = ""
            self.stalls.set()
            if not self.on.wait(5):
                raise StoreFault("nobody else was served meanwhile")

    def writer(self, name: str, size: int = 0) -> MemoryWriter:
        self.reach("writer")
        return StallingWriter(self, name)

    def delete(self, names: list[str]) -> None:
        self.reach("delete")
        super().delete(names)


class StallingWriter(MemoryWriter):
    def __init__(self, blobs: Stalling, name: str) -> None:
        super().__init__(blobs, name)
        self._stalling = blobs

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._stalling.reach("write")
        super().write(data)

    def publish(self, name: str = "") -> None:
        self._stalling.reach("publish")
        super().publish(name)

    def discard(self) -> None:
        self._stalling.reach("discard")
        self._stalling.discarded.append(len(self._chunks))
        super().discard()


def on_a_stalling_disk(harness: WebHarness) -> Stalling:
    disk = Stalling()
    harness.blobs = harness.web.blobs = disk
    harness.web.write_threads, harness.web.blob_threads = Threads(BLOB_THREADS, "writes"), Threads(1, "blobs")
    return disk


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 5)


async def others_are_served(harness: WebHarness) -> None:
    assert (await harness.client.get("/health/live")).status_code == 200
    other = await harness.client.post("/upload", content=png(filler=b"other"), headers=PNG)
    assert other.status_code == 202
    assert (await harness.client.get(other.json()["url"])).content == png(filler=b"other")


@pytest.mark.parametrize("image", [png(), LARGE])
@pytest.mark.parametrize("at", ["writer", "write", "publish"])
def test_a_disk_that_stalls_holds_its_own_upload_and_nobody_else(at: str, image: bytes) -> None:
    async def scenario(harness: WebHarness) -> None:
        disk = on_a_stalling_disk(harness)
        disk.at = at
        held = asyncio.create_task(harness.client.post("/upload", content=image, headers=PNG))
        await until(disk.stalls)
        await others_are_served(harness)
        assert not held.done()
        disk.on.set()
        answer = await held
        assert answer.status_code == 202
        assert (await harness.client.get(answer.json()["url"])).content == image

    serve(scenario)


class InTurn(Threads):
    """One thread in name: does one piece of work in each turn of the loop, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__(0, "")
        self._works: list[Callable[[], None]] = []

    def do(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._works.append(lambda: self._done(future, tried(future, work)))
        asyncio.get_running_loop().call_soon(lambda: self._works.pop(0)())
        return future


def test_an_upload_comes_between_the_many_originals_of_another() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        linked, real = 0, harness.blobs.link

        def link(source: str, name: str) -> None:
            nonlocal linked
            linked += 1
            real(source, name)

        harness.blobs.link = link  # type: ignore[method-assign]
        harness.web.write_threads = InTurn()
        many = asyncio.create_task(harness.client.post("/jobs", json={"originals": [job] * 400}))
        while not linked:
            await asyncio.sleep(0)
        assert (await harness.upload()).status_code == 202
        assert linked < 200
        assert (await many).status_code == 202

    serve(scenario)


@pytest.mark.parametrize("at", ["discard", "delete"])
def test_nor_does_one_that_stalls_as_what_was_refused_is_removed(at: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        disk = on_a_stalling_disk(harness)
        disk.at = at
        if at == "discard":
            digest = {"Content-Digest": "sha-256=:" + "A" * 43 + "=:"}
            held = asyncio.create_task(harness.client.post("/upload", content=in_pieces(), headers=PNG | digest))
        else:
            key = {"Idempotency-Key": "k"}
            assert (await harness.client.post("/upload", content=png(), headers=PNG | key)).status_code == 202
            held = asyncio.create_task(harness.client.post("/upload", content=LARGE, headers=PNG | key))
        await until(disk.stalls)
        await others_are_served(harness)
        disk.on.set()
        assert (await held).json()["code"] == ("digest_mismatch" if at == "discard" else "idempotency_key_reused")
        assert len(harness.blobs.blobs) == (1 if at == "discard" else 2)
        assert harness.web.gathered == 0

    serve(scenario)


def test_the_time_of_a_stalled_disk_is_not_the_sender_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SILENCE_SECONDS", 0.3)

    async def scenario(harness: WebHarness) -> None:
        disk = on_a_stalling_disk(harness)
        disk.at = "write"
        held = asyncio.create_task(harness.client.post("/upload", content=in_pieces(), headers=PNG))
        await until(disk.stalls)
        await asyncio.wait({held}, timeout=0.5)
        assert not held.done()
        disk.on.set()
        assert (await held).status_code == 202

    serve(scenario)


def test_a_fault_of_the_disk_on_the_way_is_told_and_leaves_nothing() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.blobs.room = GATHERED_BYTES + 100
        harness.web.disk_space = DiskSpace(lambda: 1 << 40, 0)
        came = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal came
            yield png()
            while came < 100:
                came += 1
                yield bytes(GATHERED_BYTES // 2)

        answer = await harness.client.post("/upload", content=endless(), headers=PNG)
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
        assert came < 10
        assert not harness.blobs.blobs
        assert harness.web.gathered == 0

    serve(scenario)


@pytest.mark.parametrize("size", [len(png()) - 1, GATHERED_BYTES + 100])
def test_an_upload_that_fails_leaves_no_bytes_in_memory(size: int) -> None:
    """Not even until the next look for garbage: on a full disk there are many, and web seldom looks at all objects."""

    async def scenario(harness: WebHarness) -> None:
        on_a_stalling_disk(harness).room = size
        harness.web.disk_space = DiskSpace(lambda: 1 << 40, 0)
        image = png() if size < len(png()) else in_pieces()
        assert (await harness.client.post("/upload", content=image, headers=PNG)).status_code == 507
        while any(isinstance(each, Incoming) for each in gc.get_objects()):
            await asyncio.sleep(0)

    with no_look_for_garbage():
        serve(scenario)


@pytest.mark.parametrize(("end", "status"), [(b"\r\n--X--\r\n", 202), (b"", 400), (b"\r\n--X?", 400)])
def test_a_form_leaves_nothing_in_memory(end: bytes, status: int) -> None:
    """As above: what arrives slowly outlives the looks at new objects, and there may be many such forms an hour."""
    form = b'--X\r\nContent-Disposition: form-data; name="i"; filename="a.png"\r\n\r\n' + png() + end

    async def scenario(harness: WebHarness) -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=X"}
        assert (await harness.client.post("/upload", content=form, headers=headers)).status_code == status
        while any(isinstance(each, Form | Multipart | Incoming) for each in gc.get_objects()):
            await asyncio.sleep(0)

    with no_look_for_garbage():
        serve(scenario)


def test_what_waits_to_be_written_is_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "GATHERED_BYTES_MAX", 1000)

    async def scenario(harness: WebHarness) -> None:
        more, most = asyncio.Event(), 0

        async def slow() -> AsyncIterator[bytes]:
            yield png(filler=bytes(300))
            await more.wait()

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(harness.client.post("/upload", content=slow(), headers=PNG))
            for _ in range(10):
                await turns(5)
                most = max(most, harness.web.gathered)
            assert 0 < most < 1000 + len(png()) + 300
            more.set()
        assert harness.web.gathered == 0

    serve(scenario)


def test_what_waits_for_the_broker_alone_is_written() -> None:
    """Else a broker that starts anew would have everybody write piece by piece."""

    async def scenario(harness: WebHarness) -> None:
        harness.works = False
        waiting = asyncio.create_task(harness.client.post("/upload", content=png(filler=bytes(1000)), headers=PNG))
        while not harness.sent:
            await asyncio.sleep(0)
        assert harness.web.gathered == 0
        assert (await waiting).status_code == 503
        assert harness.web.gathered == 0

    serve(scenario, accept_seconds=0.3)


def test_an_original_is_whole_in_whatever_pieces_it_came() -> None:
    blobs = MemoryBlobs()
    incoming, pieces = Incoming(blobs, "raw/ab/x"), list[bytes]()
    for number, size in enumerate([1, 2, VIEWED_BYTES, 3, VIEWED_BYTES - 1, VIEWED_BYTES + 1, 1, 1]):
        pieces.append(bytes([number]) * size)
        incoming.take(memoryview(pieces[-1]))
        if number == 4:
            incoming.handing()()
    incoming.publish()
    incoming.discard()
    assert blobs.blobs == {"raw/ab/x": b"".join(pieces)}


def test_what_is_handed_over_and_then_discarded_is_never_stored() -> None:
    """Threads may come to it in that order."""
    blobs = Mock()
    incoming = Incoming(blobs, "raw/ab/x")
    incoming.take(b"x")
    store = incoming.handing()
    incoming.discard()
    store()
    assert not blobs.writer.called


def test_tiny_pieces_are_held_as_what_they_weigh() -> None:
    incoming = Incoming(MemoryBlobs(), "raw/ab/x")
    for _ in range(1000):
        incoming.take(b"x")
    assert (incoming.gathered, len(incoming._parts)) == (1000, 1)


def test_bytes_that_take_long_give_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that each slice moves: some milliseconds, as the worst known do, or none."""
    clock, slices, turn = 0.0, list[int](), 0
    monkeypatch.setattr(time, "perf_counter", lambda: clock)

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def feeding(seconds: float) -> Any:
        def feed(data: bytes) -> None:
            nonlocal clock
            clock += seconds
            slices.append(turn)

        return feed

    async def scenario() -> None:
        other = asyncio.ensure_future(others())
        for seconds, turns_taken in ((body.TURN_SECONDS * 2, 9), (body.TURN_SECONDS / 100, 1)):
            slices.clear()
            await body._in_turns([b"slice"] * 9, feeding(seconds))
            assert (len(slices), len(set(slices))) == (9, turns_taken)
        other.cancel()

    asyncio.run(scenario())


@pytest.mark.parametrize("boundary", [b"X", b"-", b"X" * (LONG_LINE_BYTES - 5), b"X" * 70])
def test_what_is_full_of_boundaries_comes_in_slices_and_else_whole(boundary: bytes) -> None:
    form = Multipart(boundary, Mock())
    piece = 256 * 1024 if len(boundary) < LONG_LINE_BYTES - 4 else 512 * 1024
    assert list(form.slices(b"\r\n--" + b"X" * 200_000)) == [b"\r\n--" + b"X" * 200_000]
    for unit in (b"\r\n--" + boundary + b"Y", b"\r\n--" + boundary + b"-", b"\r\n--" + boundary):
        data = (unit * piece)[:piece]
        slices = list(form.slices(data))
        assert b"".join(slices) == data
        assert max(each.count(b"\r\n--" + boundary) for each in slices) <= SLICE_BYTES / len(unit) + 1
        assert len(slices) == (piece // SLICE_BYTES if data.count(unit) > BOUNDARIES_AT_ONCE else 1)
    for quick in (bytes(piece), b"\r\n--" + boundary + bytes(piece), b"\r\n" * 1000):
        assert list(form.slices(quick)) == [quick]


def test_a_plan_s_image_is_read_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is walked through for its orientation, and some 100 ns a byte is what the worst takes."""
    fed = list[int]()

    def noting() -> HeadReader:
        reader = HeadReader()
        feed = reader.feed
        reader.feed = lambda data: (fed.append(len(data)), feed(data))[1]  # type: ignore[func-returns-value]
        return reader

    monkeypatch.setattr(explain, "HeadReader", noting)

    async def scenario(harness: WebHarness) -> None:
        image = png(filler=bytes(256 * 1024))
        assert (await harness.client.post("/recipes/explain", content=image)).status_code == 200
        assert sum(fed) == len(image)
        assert max(fed) <= body.SLICE_BYTES

    serve(scenario)


def test_a_form_full_of_boundaries_is_the_same_in_slices() -> None:
    content = b"\r\n--X-" * 40_000 + b"\r\n--XY" * 40_000
    form = (
        b'--X\r\nContent-Disposition: form-data; name="i"; filename="a.png"\r\n\r\n'
        + png()
        + content
        + b"\r\n--X--\r\n"
    )

    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.post(
            "/upload", content=form, headers={"Content-Type": "multipart/form-data; boundary=X"}
        )
        assert answer.status_code == 202
        assert (await harness.client.get(answer.json()["url"])).content == png() + content

    serve(scenario)
