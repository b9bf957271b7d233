"""Changes, gaps and streams: what a reader is sent, and when it is told to read again."""

import asyncio
import time
from functools import partial
from typing import Any

import pytest

from jobs.access.grants import ViewGrant, sign
from jobs.access.keys import Scope, entry_of, open_session
from jobs.errors import StoreFault
from jobs.images.facts import Facts, Placeholder, encode
from jobs.job import Rendition, Row, State
from jobs.limits import CHANGES_KEPT
from jobs.wire import Beat, Change, Changes, Hello
from tests.support.harnesses.web_harness import BASE, WebHarness, serve, turns
from tests.support.harnesses.web_readers import Reader, parse
from tests.unit.jobs.images.test_facts import INFO
from web.access.call import read_job
from web.access.caller import COOKIE
from web.broker.changes import ChangeFeed
from web.broker.waiting import WaitForecast
from web.handlers import follow
from web.streams import hub as events
from web.streams.hub import Hub
from web.streams.streams import STREAM_BYTES_MAX, Stream
from web.views.events import of_row, replay

RENDITION = Rendition("thumb", "processed/b", "jpeg", 32, 24, 6, "d" * 64)


class Ear:
    """A Listener that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.listened = False

    def changed(self, changes: list[Change], life: str) -> None:
        self.told.append([change.change for change in changes])

    def missed(self, last: int, life: str, *, lost: bool) -> None:
        self.told.append(f"missed up to {last}")

    def beat(self, beat: Beat, waits: WaitForecast) -> None:
        self.told.append("beat")


def change(number: int, job: str = "a", state: str = "running", **more: Any) -> Change:
    return Change(number, job, "", state, 1, **more)


def changes(first: int, *numbers: int, epoch: int = 1) -> Changes:
    return Changes(epoch, first, max([first, *numbers]), [change(number) for number in numbers])


def beat(last: int, epoch: int = 1, began: int | None = None) -> Beat:
    return Beat(epoch, 0.0, last, False, {}, None, [], 1, 0.0, 0.0, began=began)


def received(*messages: Changes | Beat | Hello) -> tuple[ChangeFeed, list[Any]]:
    ear = Ear()
    feed = ChangeFeed(ear, lambda: 0.0, {})
    for message in messages:
        if isinstance(message, Beat):
            feed.received_beat(message)
        elif isinstance(message, Hello):
            feed.received_hello(message)
        else:
            feed.received_changes(message)
    return feed, ear.told


def test_changes_in_order_are_no_gap() -> None:
    feed, told = received(changes(4, 5, 6), changes(6, 7))
    assert told == ["missed up to 4", [5, 6], [7]]
    assert [kept.change for kept in feed.since(5) or []] == [6, 7]
    assert feed.since(3) is None


def test_a_gap_forgets_what_came_before_it() -> None:
    feed, told = received(changes(4, 5), changes(7, 8))
    assert told == ["missed up to 4", [5], "missed up to 7", [8]]
    assert feed.since(6) is None
    assert [kept.change for kept in feed.since(7) or []] == [8]


def test_a_repeat_is_no_change() -> None:
    _, told = received(changes(4, 5), changes(4, 5))
    assert told == ["missed up to 4", [5]]


def test_what_a_beat_had_counted_and_nobody_told_is_missed() -> None:
    _, told = received(changes(4, 5), beat(6), changes(5, 6), beat(6), beat(9), beat(9))
    assert told == ["missed up to 4", [5], "beat", [6], "beat", "beat", "missed up to 9", "beat"]


def test_an_older_ledger_that_is_put_back_is_a_gap_and_its_numbers_count_from_there() -> None:
    feed, told = received(
        changes(4, 5, 6), beat(6), changes(3, 4, epoch=2), beat(4, 2, 3), changes(4, 5, epoch=2), beat(5, 2, 3)
    )
    assert told == ["missed up to 4", [5, 6], "beat", "missed up to 3", [4], "beat", [5], "beat"]
    assert [kept.change for kept in feed.since(3) or []] == [4, 5]


def test_lost_commits_that_only_a_beat_shows_are_a_gap_too() -> None:
    feed, told = received(changes(4, 5, 6), beat(6), beat(4, 2, 4), changes(4, 5, epoch=2), beat(5, 2, 4))
    assert told == ["missed up to 4", [5, 6], "beat", "missed up to 4", "beat", [5], "beat"]
    assert feed.since(3) is None


def test_a_hello_shows_lost_commits_before_the_first_beat() -> None:
    feed, told = received(changes(4, 5, 6), Hello(2, 4), changes(4, 5, epoch=2), beat(5, 2, 4))
    assert told == ["missed up to 4", [5, 6], "missed up to 4", [5], "beat"]
    assert feed.since(3) is None
    assert received(changes(4, 5, 6), Hello(2, 4))[1] == ["missed up to 4", [5, 6], "missed up to 4"]


def test_the_hello_of_a_plain_restart_or_of_the_release_before_is_no_gap() -> None:
    _, told = received(changes(4, 5, 6), Hello(1, 4), Hello(2, 6), Hello(3))
    assert told == ["missed up to 4", [5, 6]]


def test_a_number_that_the_ledger_has_not_come_to_is_not_known() -> None:
    feed, _ = received(changes(4, 5, 6))
    assert feed.since(6) == []
    assert feed.since(7) is None


def test_a_plain_restart_is_no_gap() -> None:
    _, told = received(changes(4, 5, 6), beat(6), changes(6, 7, epoch=2), beat(7, 2, 6))
    assert told == ["missed up to 4", [5, 6], "beat", [7], "beat"]


def test_nothing_received_is_nothing_kept() -> None:
    assert received(beat(9))[0].since(9) is None
    assert received(beat(9), beat(9))[0].since(9) == []


def test_only_recent_changes_are_kept() -> None:
    feed, _ = received(changes(0, *range(1, CHANGES_KEPT + 3)))
    assert feed.since(1) is None
    assert len(feed.since(2) or []) == CHANGES_KEPT


def test_who_waits_reads_again_after_a_gap() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        waiting = asyncio.ensure_future(harness.feed.until_ended(job, partial(read_job, harness.web), 60))
        await turns()
        harness.tells = False
        harness.finish(job)
        await turns()
        assert not waiting.done()
        harness.tells = True
        harness.beat()
        harness.beat()
        row = await waiting
        assert row is not None
        assert row.state == State.DONE
        assert not harness.feed._waiting

    serve(scenario)


def test_changes_are_awaited_while_somebody_waits_for_a_job_or_reads_a_stream() -> None:
    async def scenario(harness: WebHarness) -> None:
        polled: list[bool] = []
        harness.feed.poll_now = lambda: polled.append(True)
        job = await harness.accepted()
        assert not harness.feed.awaited
        waiting = asyncio.ensure_future(harness.feed.until_ended(job, partial(read_job, harness.web), 5))
        await turns()
        assert polled
        assert harness.feed.awaited
        harness.finish(job)
        await waiting
        assert not harness.feed.awaited
        stream = Stream(BASE)
        harness.hub.join(stream)
        assert harness.feed.awaited
        harness.hub.leave(stream)
        assert not harness.feed.awaited

    serve(scenario)


def test_replay_shows_a_job_once_in_its_newest_state() -> None:
    missed = [
        change(1, "a", "queued"),
        change(2, "b", "running"),
        change(3, "a", "running", rendition=RENDITION),
        change(4, "a", "done"),
        change(5, "b", "running", rendition=RENDITION),
    ]
    shown = [(name, number, data["id"]) for name, number, data in parse(replay(missed, "", "") or b"")]
    assert shown == [("rendition", 3, "a"), ("job", 4, "a"), ("rendition", 5, "b"), ("job", 5, "b")]


def test_facts_are_live_and_in_the_present_state() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        reader = Reader(harness, f"/jobs/{job}/events")
        await turns()
        facts = Facts((40, 30), "#102030", Placeholder(blurhash="L00000fQfQfQfQfQfQfQfQfQfQfQ"), INFO)
        harness.broker.describe(job, encode(facts))
        harness.finish(job)
        await reader.task
        told = [(name, data) for name, _, data in reader.seen() if name != "job"]
        assert [name for name, _ in told] == ["described", "rendition"]
        placeholder = {"thumbhash": None, "blurhash": facts.placeholder and facts.placeholder.blurhash, "lqip": None}
        info = told[0][1].pop("info")
        assert told[0][1] == {"id": job, "change": 4, "dominant_colour": "#102030", "placeholder": placeholder}
        assert info["location"] == {"latitude": -48.2083333, "longitude": 179.3725111, "altitude": -78.51}
        assert {name: info[name] for name in ("lens", "iso", "unmet")} == {
            "lens": INFO.lens, "iso": INFO.iso, "unmet": ["colours", "hdr"],
        }  # fmt: skip
        shown = (await harness.client.get(f"/jobs/{job}")).json()
        assert (shown["placeholder"], shown["dominant_colour"]) == (placeholder, "#102030")
        assert shown["original"]["info"] == info
        again = Reader(harness, f"/jobs/{job}/events")
        await again.task
        assert [name for name, _, _ in again.seen()] == ["described", "rendition", "job"]
        row = harness.ledger.job(job)
        assert row is not None
        public = parse(of_row(row, BASE, "?grant=g", None, ""))[0][2]["info"]
        assert public == info | {"location": None, "serial": None, "owner": None}

    serve(scenario)


def test_a_replay_has_facts_once() -> None:
    facts = encode(Facts((40, 30), None))
    missed = [change(1, "a", facts=facts), change(2, "a", "done")]
    shown = [(name, number) for name, number, _ in parse(replay(missed, "", "") or b"")]
    assert shown == [("described", 1), ("job", 2)]
    assert [name for name, _, _ in parse(replay(missed[:1], "", "") or b"")] == ["described", "job"]


def test_everything_live() -> None:
    async def scenario(harness: WebHarness) -> None:
        reader = Reader(harness, "/events")
        await turns()
        job = await harness.accepted()
        harness.broker.start(job)
        harness.publish(job)
        harness.broker.fail(job)
        harness.beat()
        await turns()
        shown = [told for told in reader.seen() if told[0] in ("job", "rendition")]
        assert [(name, number, data.get("state")) for name, number, data in shown] == [
            ("job", 1, "queued"), ("job", 2, "running"), ("job", 3, "running"), ("rendition", 4, None),
            ("job", 4, "running"), ("job", 6, "failed"),
        ]  # fmt: skip
        error = {"code": "undecodable", "detail": "no pixels"}
        assert shown[-1][2] == {"id": job, "state": "failed", "change": 6, "attempts": 1, "error": error}
        assert shown[3][2]["rendition"]["url"] == f"{BASE}/jobs/{job}/renditions/thumb"
        assert [data["jobs"]["failed"] for name, _, data in reader.seen() if name == "beat"][-1] == 1
        reader.leave()
        await reader.task
        assert not harness.hub.listened

    serve(scenario)


def test_last_event_id_is_honoured_or_reset() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted() for _ in range(3)]
        harness.broker.start(jobs[0])
        known, old, strange, lost = (Reader(harness, "/events", last) for last in (1, -1, 10**20, 6))
        await turns()
        told = [(number, data["id"]) for name, number, data in known.seen() if name == "job"]
        assert told == [(2, jobs[1]), (3, jobs[2]), (5, jobs[0])]
        for reader in (old, strange, lost):
            assert [(name, number) for name, number, _ in reader.seen()] == [("beat", None), ("reset", 5)]
        for reader in (known, old, strange, lost):
            reader.leave()
            await reader.task

    serve(scenario)


def test_an_id_of_another_life_of_the_ledger_is_reset_though_its_number_is_known() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat(history="1.1")
        jobs = [await harness.accepted() for _ in range(3)]
        first = harness.feed.life
        own = Reader(harness, "/events", f"2.{first}")
        await turns()
        assert [data["id"] for name, _, data in own.seen() if name == "job"] == jobs[2:]
        assert f"\nid: 3.{first}\n".encode() in own.body
        harness.beat(history="1.2", began=2)
        await harness.accepted()
        await harness.accepted()
        assert harness.feed.life not in ("", first)
        here, *others = (Reader(harness, "/events", f"4{tag}") for tag in (f".{harness.feed.life}", f".{first}", ""))
        await turns()
        assert [name for name, _, _ in here.seen()] == ["beat", "job"]
        for reader in others:
            assert [name for name, _, _ in reader.seen()] == ["beat", "reset"]
            assert f"\nid: {harness.feed.last}.{harness.feed.life}\n".encode() in reader.body
        assert ("reset", 3) in [(name, number) for name, number, _ in own.seen()]
        for reader in (own, here, *others):
            reader.leave()
            await reader.task

    serve(scenario)


def test_a_replay_that_would_cut_its_reader_off_is_a_reset() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat()
        told = [change(number, f"{number:026}") for number in range(1, CHANGES_KEPT + 1)]
        harness.feed.received_changes(Changes(1, 0, CHANGES_KEPT, told))
        reader = Reader(harness, "/events", 0)
        await turns()
        assert [(name, number) for name, number, _ in reader.seen()] == [("beat", None), ("reset", CHANGES_KEPT)]
        assert not reader.aborted
        reader.leave()
        await reader.task

    serve(scenario)


def test_one_job_until_its_end() -> None:
    async def scenario(harness: WebHarness) -> None:
        job, other = await harness.accepted(), await harness.accepted()
        reader = Reader(harness, f"/jobs/{job}/events")
        await turns()
        harness.broker.start(other)
        harness.broker.start(job)
        harness.publish(job)
        harness.finish(job)
        await reader.task
        assert reader.ended
        shown = [(name, data.get("state")) for name, _, data in reader.seen()]
        running = [("job", "running")] * 2  # assigned, begun
        assert shown == [("job", "queued"), *running, ("rendition", None), ("job", "done")]

    serve(scenario)


def test_what_the_row_had_shown_is_not_told_again() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.broker.start(job)
        reader = Reader(harness, f"/jobs/{job}/events")
        await turns()
        harness.hub.changed([change(3, job), change(4, job, "done")], "")
        await reader.task
        assert [number for _, number, _ in reader.seen()] == [3, 4]

    serve(scenario)


def test_one_job_that_has_ended() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.finish(job)
        reader = Reader(harness, f"/jobs/{job}/events")
        await reader.task
        assert [name for name, _, _ in reader.seen()] == ["rendition", "job"]
        assert reader.ended
        again = Reader(harness, f"/jobs/{job}/events", last=harness.broker.change)
        await again.task
        assert again.status == 204
        nothing = Reader(harness, f"/jobs/{'0' * 26}/events")
        await nothing.task
        assert nothing.status == 404

    serve(scenario)


def test_a_stream_that_cannot_begin_is_none() -> None:
    async def scenario(harness: WebHarness) -> None:
        accepted = await harness.accepted()

        def read(jobs: list[str]) -> list[Row]:
            raise StoreFault(f"{jobs} cannot be read")

        harness.ledger.jobs = read  # type: ignore[assignment, method-assign]
        reader = Reader(harness, f"/jobs/{accepted}/events")
        await reader.task
        assert (reader.status, harness.hub.listened) == (503, False)

    serve(scenario)


def test_one_job_whose_end_was_missed() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        reader = Reader(harness, f"/jobs/{job}/events")
        await turns()
        harness.tells = False
        harness.finish(job)
        harness.hub.missed(9, "", lost=False)
        await reader.task
        assert [data.get("state") for _, _, data in reader.seen()] == ["queued", None, "done"]

    serve(scenario)


def test_a_purged_job_ends_its_stream() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        everything = Reader(harness, "/events")
        await turns()
        harness.broker.cancel(job)
        await harness.client.delete(f"/jobs/{job}?purge=1")
        await turns()
        assert everything.seen()[-1][2]["removed"] is True
        everything.leave()
        await everything.task

    serve(scenario)


def test_a_slow_reader_is_cut_off_and_holds_nobody() -> None:
    async def scenario(harness: WebHarness) -> None:
        slow, quick = Reader(harness, "/events"), Reader(harness, "/events")
        await turns()
        slow.stall()
        size, number = 0, 0
        while size <= STREAM_BYTES_MAX + 2 * 20_000:  # two are on their way
            number += 1
            message = Changes(1, number - 1, number, [change(number, detail="x" * 20_000, code="c")])
            harness.feed.received_changes(message)
            size += 20_000
            await turns()
        assert (slow.aborted, quick.aborted) == (True, False)
        await slow.task
        assert len(quick.body) > STREAM_BYTES_MAX
        quick.leave()
        await quick.task

    serve(scenario)


def test_all_streams_end_with_the_process() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        readers = [Reader(harness, "/events"), Reader(harness, f"/jobs/{job}/events")]
        stuck = Reader(harness, "/events")
        await turns()
        stuck.stall()
        harness.hub.beat(beat(1), harness.feed.forecast)
        await turns()
        harness.hub.stop()
        for reader in readers:
            await reader.task
            assert reader.ended
        assert not stuck.task.done()
        harness.hub.abort()
        await stuck.task

    serve(scenario)


@pytest.mark.parametrize(("session", "stream"), [(2, 60.0), (3600, 0.05)])
def test_a_stream_does_not_outlive_its_session(monkeypatch: pytest.MonkeyPatch, session: int, stream: float) -> None:
    """It ends with the session, and after SESSION_STREAM_SECONDS, for who has logged out comes again without it."""
    monkeypatch.setattr(follow, "SESSION_STREAM_SECONDS", stream)

    async def scenario(harness: WebHarness) -> None:
        harness.client.headers["Authorization"] = "Bearer w"
        job = await harness.accepted()
        cookie = f"{COOKIE}={open_session(harness.web.session_secret, harness.web.keys[0], time.time() + session)}"
        by_session = [Reader(harness, path, cookie=cookie) for path in ("/events", f"/jobs/{job}/events")]
        by_key = Reader(harness, "/events", key="w")
        for reader in by_session:
            await reader.task
            assert (reader.status, reader.ended, reader.aborted) == (200, True, False)
        assert not by_key.task.done()
        by_key.leave()
        await by_key.task
        logged_out = Reader(harness, "/events", last=1)
        await logged_out.task
        assert logged_out.status == 401

    serve(scenario, api_keys=entry_of("acme", Scope.WRITE, "w"))


def test_a_stream_does_not_outlive_its_grant() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        grant = sign(harness.web.grant_secrets[0], ViewGrant("", job, int(time.time()) + 2))
        reader = Reader(harness, f"/jobs/{job}/events", key=grant)
        await reader.task
        assert (reader.status, reader.ended, reader.aborted) == (200, True, False)

    serve(scenario)


def test_a_comment_breaks_the_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "COMMENT_SECONDS", 0.001)

    async def scenario(harness: WebHarness) -> None:
        reader = Reader(harness, "/events")
        while b"\n:\n\n" not in reader.body:
            await turns()
        reader.leave()
        await reader.task

    serve(scenario)


def test_an_event_is_encoded_once_for_all_its_readers() -> None:
    hub = Hub()
    streams = [Stream("http://a"), Stream("http://a"), Stream("http://b")]
    for stream in streams:
        hub.join(stream)
    hub.changed([change(1, rendition=RENDITION)], "")
    parts = [stream._parts[0] for stream in streams]
    assert parts[0] is parts[1]
    assert b"http://b/jobs" in parts[2]
