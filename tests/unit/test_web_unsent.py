"""Answers that nobody takes: who is cut off where they are too much in all."""

import asyncio

from jobs.limits import LIST_BYTES_MAX, UNSENT_BYTES_MAX
from tests.support.web_kit import BASE, Kit, serve
from web.events import Hub
from web.streams import STREAM_BYTES_MAX, Stream
from web.unsent import Held, relieve

FAT: dict[str, str] = {"metadata": '"' + "m" * 2000 + '"'}


def cut_of(most: int, *held: tuple[float, int]) -> list[int]:
    """The places of those that are cut off, in order."""
    cut: list[int] = []
    relieve([Held(due, size, lambda place=place: cut.append(place)) for place, (due, size) in enumerate(held)], most)  # type: ignore[misc]
    return cut


def test_nobody_is_cut_off_within_the_bound() -> None:
    assert cut_of(10) == cut_of(10, (1.0, 4), (2.0, 6)) == []


def test_whose_time_is_up_next_goes_first_and_no_more_than_it_takes() -> None:
    assert cut_of(10, (3.0, 4), (1.0, 4), (2.0, 4)) == [1]
    assert cut_of(4, (3.0, 4), (1.0, 4), (2.0, 4)) == [1, 2]
    assert cut_of(3, (3.0, 4), (1.0, 4), (2.0, 4)) == [1, 2, 0]
    assert cut_of(10, (1.0, 2), (1.0, 9), (float("inf"), 1)) == [1]


def test_streams_are_bounded_in_all() -> None:
    async def scenario() -> None:
        hub, many = Hub(), UNSENT_BYTES_MAX // STREAM_BYTES_MAX + 3
        streams = [Stream(BASE) for _ in range(many)]
        for stream in streams:
            hub.join(stream)
            stream.put(bytes(STREAM_BYTES_MAX - 1))
        streams[0].put(b"x")
        assert relieve(hub.held(), UNSENT_BYTES_MAX) == 3
        assert streams[0].closed  # of equals, who holds most
        assert sum(held.size for held in hub.held()) <= UNSENT_BYTES_MAX
        assert sum(stream.closed for stream in streams) == 3

    asyncio.run(scenario())


def test_a_page_ends_before_it_is_too_large_and_the_next_goes_on() -> None:
    async def scenario(kit: Kit) -> None:
        answer = await kit.upload(headers=None, **FAT)
        original, made = answer.json()["id"], 0
        while made * 2200 < 2.5 * LIST_BYTES_MAX:
            job = (await kit.client.post("/jobs", json={"original": original, "metadata": "m" * 2000})).json()["id"]
            made += 1
        everything, after, sizes = list[str](), "", list[int]()
        while True:
            response = await kit.client.get(f"/jobs?limit=500{after}")
            page = response.json()
            everything += [job["id"] for job in page["jobs"]]
            sizes.append(len(response.content))
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert len(everything) == len(set(everything)) == made + 1
        assert (everything[0], everything[-1]) == (job, original)
        assert max(sizes) <= LIST_BYTES_MAX + 100
        assert len(sizes) >= 3

    serve(scenario)
