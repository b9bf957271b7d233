"""Answers that nobody takes: who is cut off where they are too much in all."""

import asyncio
from collections.abc import Callable

import pytest

from jobs.limits import LIST_BYTES_MAX, UNSENT_BYTES_MAX, WRITE_BUFFER_BYTES
from tests.support.harnesses.web_harness import BASE, WebHarness, serve
from web.handlers import export
from web.handlers.files import SLICE_BYTES_FIRST, SLICE_BYTES_MAX, SLICE_BYTES_MIN, Slices
from web.http.unsent import Held, Taking, relieve
from web.streams.hub import Hub
from web.streams.streams import STREAM_BYTES_MAX, Stream

FAT: dict[str, str] = {"metadata": '"' + "m" * 2000 + '"'}


def cut_of(silent: int, taken: int, *held: tuple[int, float, float]) -> list[int]:
    """The places of those that are cut off, in order; of each is given what it holds, its silence and its rate."""
    cut: list[int] = []

    def cutting(place: int) -> Callable[[], None]:
        return lambda: cut.append(place)

    each = [Held(*told, cutting(place)) for place, told in enumerate(held)]
    assert relieve(each, silent, taken) == len(cut)
    return cut


def test_nobody_is_cut_off_within_the_bounds() -> None:
    assert cut_of(10, 10) == cut_of(10, 10, (4, 9.0, 0.0), (6, 9.0, 0.0), (10, 1.0, 1.0)) == []


def test_of_the_silent_goes_who_holds_most_for_the_longest_and_no_more_than_it_takes() -> None:
    assert cut_of(10, 0, (4, 1.0, 0.0), (4, 3.0, 0.0), (4, 2.0, 0.0)) == [1]
    assert cut_of(4, 0, (4, 1.0, 0.0), (4, 3.0, 0.0), (4, 2.0, 0.0)) == [1, 2]
    assert cut_of(10, 0, (9, 1.0, 0.0), (2, 1.0, 0.0)) == [0]
    assert cut_of(9, 0, (5, 0.0, 0.0), (5, 11.0, 9.0)) == [1]  # it took once, and nothing for long


def test_who_takes_is_not_cut_off_for_those_who_do_not_nor_they_for_him() -> None:
    assert cut_of(10, 100, (100, 9.0, 0.1), (11, 0.1, 0.0)) == [1]
    assert cut_of(10, 100, (100, 9.0, 0.1), (10, 0.1, 0.0)) == []
    assert cut_of(10, 99, (60, 1.0, 1.0), (40, 1.0, 0.1), (10, 9.0, 0.0)) == [1]  # whose rest would last longest


def test_a_thousand_phones_that_fetch_pictures_are_all_borne() -> None:
    """Each holds a slice of what is being fetched, and takes one in seconds."""
    now, phones = 100.0, []
    for number in range(1000):
        taking = Taking(now - 60)
        taking.took(now - number % 9, 200_000)
        phones.append(taking.held(now, SLICE_BYTES_MIN + WRITE_BUFFER_BYTES, lambda: None))
    lists = [Taking(now - 1).held(now, LIST_BYTES_MAX, lambda: None) for _ in range(70)]
    cut: list[str] = []
    assert relieve([held._replace(cut=lambda: cut.append("a phone")) for held in phones] + lists) == 6
    assert not cut


def test_a_silent_reader_s_first_slice_and_a_slow_one_s_next_are_small() -> None:
    slices = Slices()
    assert slices.size == SLICE_BYTES_FIRST
    slices.took(SLICE_BYTES_FIRST, 0.5)
    assert slices.size == SLICE_BYTES_MIN
    for _ in range(40):
        slices.took(slices.size, 0.0)
    assert slices.size == SLICE_BYTES_MAX
    slices.took(SLICE_BYTES_MAX, 0.5)
    slices.took(SLICE_BYTES_MIN, 0.0)
    assert slices.size == SLICE_BYTES_MIN  # what it took at once before it was slow tells nothing


def test_what_a_reader_took_before_is_no_taking_now() -> None:
    async def scenario() -> None:
        stream = Stream(BASE)
        stream.put(b"first")
        stream.held(0.0)
        await stream.take(0.0)
        stream.put(b"second")
        (reads,) = stream.held(5.0)
        (silent,) = stream.held(16.0)
        assert (reads.is_silent, reads.silent_seconds) == (False, 0.0)
        assert (silent.is_silent, silent.silent_seconds) == (True, 11.0)

    asyncio.run(scenario())


def test_streams_are_bounded_in_all() -> None:
    async def scenario() -> None:
        hub, many = Hub(), UNSENT_BYTES_MAX // STREAM_BYTES_MAX + 3
        streams = [Stream(BASE) for _ in range(many)]
        for stream in streams:
            hub.join(stream)
            stream.put(bytes(STREAM_BYTES_MAX - 1))
        assert len(hub.held(0.0)) == many
        streams[0].put(b"x")
        await streams[1].take(0.0)
        streams[1].put(bytes(STREAM_BYTES_MAX - 1))
        assert relieve(hub.held(5.0)) == 2
        assert streams[0].closed  # of equals, who holds most
        assert not streams[1].closed  # who reads
        assert sum(held.size for held in hub.held(6.0)) <= UNSENT_BYTES_MAX + STREAM_BYTES_MAX
        assert sum(stream.closed for stream in streams) == 2

    asyncio.run(scenario())


def test_a_page_ends_before_it_is_too_large_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    most = LIST_BYTES_MAX // 16
    monkeypatch.setattr(export, "LIST_BYTES_MAX", most)

    async def scenario(harness: WebHarness) -> None:
        answer = await harness.upload(headers=None, **FAT)
        original, made = answer.json()["id"], 0
        while made * 2200 < 2.5 * most:
            job = (await harness.client.post("/jobs", json={"original": original, "metadata": "m" * 2000})).json()["id"]
            made += 1
        everything, after, sizes = list[str](), "", list[int]()
        while True:
            response = await harness.client.get(f"/jobs?limit=500{after}")
            page = response.json()
            everything += [job["id"] for job in page["jobs"]]
            sizes.append(len(response.content))
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert len(everything) == len(set(everything)) == made + 1
        assert (everything[0], everything[-1]) == (job, original)
        assert max(sizes) <= most + 100
        assert len(sizes) >= 3

    serve(scenario)
