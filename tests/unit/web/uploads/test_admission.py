"""What comes in at all, by every door: no more than there is room for."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from jobs.access.keys import Scope, entry_of
from jobs.errors import StoreFull
from jobs.limits import DISK_ASKED_BYTES
from tests.support.harnesses.web_harness import WebHarness, granted, png, serve, turns
from tests.unit.web.broker.test_waiting import LARGE, beat
from web.http.diskspace import DiskSpace

MEBIBYTE = 1 << 20
JPEG = {"Content-Type": "image/png"}
KEYS = f"{entry_of('acme', Scope.WRITE, 'w')},{entry_of('bolt', Scope.WRITE, 'b')}"


async def never_read() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


def told(response: httpx2.Response) -> int | str:
    return response.status_code if response.status_code < 400 else str(response.json()["code"])


@pytest.mark.parametrize("size", [1, 1000, 256 * 1024, 3 * MEBIBYTE])
@pytest.mark.parametrize("processes", [1, 2])
def test_whatever_comes_in_pieces_the_kept_room_stays(size: int, processes: int) -> None:
    """Each process writes as long as it may; every one sees the same disk."""
    kept, free = 8 * MEBIBYTE, 16 * MEBIBYTE
    rooms = [DiskSpace(lambda: free, kept) for _ in range(processes)]
    while rooms:
        for room in tuple(rooms):
            try:
                room.take(size)
            except StoreFull:
                rooms.remove(room)
            else:
                free -= size
    assert kept - processes * DISK_ASKED_BYTES < free <= kept + size + DISK_ASKED_BYTES


def test_an_upload_ends_where_the_disk_gets_full_on_its_way() -> None:
    async def scenario(harness: WebHarness) -> None:
        came = 0
        harness.web.disk_space = DiskSpace(lambda: (10 - came) * MEBIBYTE, 4 * MEBIBYTE)

        async def endless() -> AsyncIterator[bytes]:
            nonlocal came
            yield png()
            while came < 100:
                came += 1
                yield bytes(MEBIBYTE)

        response = await harness.client.post("/upload", content=endless(), headers=JPEG)
        assert (response.status_code, response.json()["code"], came) == (507, "disk_full", 6)
        assert not harness.blobs.blobs

    serve(scenario)


def test_what_uploads_have_gathered_counts_as_written() -> None:
    """Each is admitted while the disk has room, and none has written a byte until all of them have come."""
    kept = 4 * MEBIBYTE

    async def scenario(harness: WebHarness) -> None:
        harness.blobs.room = kept + 1000
        end = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield png(filler=bytes(MEBIBYTE // 2))
            await end.wait()

        uploads = []
        for _ in range(8):
            uploads.append(asyncio.create_task(harness.client.post("/upload", content=slow(), headers=JPEG)))
            await turns(20)
        end.set()
        codes = [told(await upload) for upload in uploads]
        assert set(codes) == {202, "disk_full"}
        assert harness.blobs.free_bytes() >= kept - DISK_ASKED_BYTES
        assert harness.web.gathered == 0

    serve(scenario, disk_free_bytes_min=kept)


def test_a_declared_length_without_room_is_refused_before_the_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.blobs.room = 10 * MEBIBYTE
        for length, code in ((7 * MEBIBYTE, "disk_full"), (65 * MEBIBYTE, "disk_full"), (1 << 62, "disk_full")):
            headers = JPEG | {"Content-Length": str(length)}
            assert told(await harness.client.post("/upload", content=never_read(), headers=headers)) == code
        assert (await harness.client.post("/upload", content=png(), headers=JPEG)).status_code == 202

    serve(scenario, disk_free_bytes_min=4 * MEBIBYTE)


@pytest.mark.parametrize(
    ("settings", "code", "limit"),
    [({}, "grant_used_up", None), ({"rate_per_minute": 3}, "too_many_parts", "rate_per_minute")],
)
def test_more_images_than_could_ever_be_accepted_are_not_stored(
    settings: dict[str, int], code: str, limit: str | None
) -> None:
    async def scenario(harness: WebHarness) -> None:
        stored = 0
        real = harness.blobs.writer

        def writer(name: str, size: int = 0) -> Any:
            nonlocal stored
            stored += 1
            return real(name, size)

        harness.blobs.writer = writer  # type: ignore[method-assign]
        headers = granted(harness, count=3, bytes_max=10**6) if not settings else {"Authorization": "Bearer w"}
        refused = await harness.upload(*[png()] * 5, headers=headers)
        assert (told(refused), refused.json().get("limit"), stored) == (code, limit, 0)

    serve(scenario, api_keys=KEYS, **settings)


def test_another_recipe_comes_in_by_the_same_door() -> None:
    async def scenario(harness: WebHarness) -> None:
        small, large = await harness.accepted(), await harness.accepted(png(6000, 5000))

        async def again(job: str, **fields: str) -> int | str:
            return told(await harness.client.post("/jobs", json={"original": job, "preset": "other", **fields}))

        assert (await again(small), await again(large)) == (202, 202)
        beat(harness, queued=30)
        assert await again(small) == "wait_too_long"
        assert await again(small, priority="high") == 202
        beat(harness, queued=30, lane=LARGE)
        assert (await again(small), await again(large)) == (202, "wait_too_long")
        harness.blobs.room = 0
        assert await again(small) == "disk_full"
        harness.blobs.room = 1 << 40
        harness.beat()
        assert await again(small) == "rate_limited"

    serve(scenario, eta_seconds_max=5.0, rate_per_minute=6)
