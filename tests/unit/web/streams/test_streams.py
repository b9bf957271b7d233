"""One stream of many jobs: by id, by grants, of a batch; from their present state until all have ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from jobs.access.grants import ViewGrant, sign
from jobs.errors import StoreFault
from jobs.ids import ID_CHARACTERS
from jobs.job import ENDED, Row
from jobs.limits import STREAM_JOBS_MAX
from tests.support.harnesses.web_broker import rendition_of
from tests.support.harnesses.web_harness import BASE, WebHarness, granted, png, serve, turns
from tests.support.harnesses.web_readers import Reader
from tests.unit.web.access.test_caller_tenants import Both, apart
from tests.unit.web.handlers.test_grants import SETTINGS
from tests.unit.web.streams.test_hub import change
from web.streams.streams import STREAM_BYTES_MAX, JobsStream
from web.views.events import REPLAY_BYTES_MAX

NOBODY = "0" * ID_CHARACTERS


def of(*jobs: str) -> str:
    return "/events?" + "&".join(f"job={job}" for job in jobs)


def states(reader: Reader) -> list[tuple[str, Any]]:
    return [(data["id"], data.get("state")) for name, _, data in reader.seen() if name == "job"]


def ends(reader: Reader) -> list[tuple[str, Any]]:
    return [(job, state) for job, state in states(reader) if state in ENDED]


def present_rows(harness: WebHarness) -> Callable[[list[str]], Awaitable[list[Row]]]:
    async def rows(jobs: list[str]) -> list[Row]:
        return harness.ledger.jobs(jobs)

    return rows


async def refused(harness: WebHarness, path: str) -> Any:
    response = await harness.client.get(path)
    return response.status_code, response.json()


def test_one_stream_of_many_jobs_until_all_have_ended() -> None:
    async def scenario(harness: WebHarness) -> None:
        other, first, second = [await harness.accepted() for _ in range(3)]
        reader = Reader(harness, of(first, second))
        await turns()
        harness.broker.start(other)
        harness.finish(second)
        await turns()
        assert not reader.ended
        harness.publish(first)
        harness.broker.cancel(first)
        await reader.task
        assert reader.ended
        assert states(reader) == [
            (first, "queued"), (second, "queued"), (first, "running"), *[(second, "running")] * 2, (second, "done"),
            *[(first, "running")] * 2, (first, "cancelled"),
        ]  # fmt: skip
        assert [data["id"] for name, _, data in reader.seen() if name == "rendition"] == [second, first]
        assert not harness.hub.listened

    serve(scenario)


def test_who_has_heard_every_end_need_not_come_again() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted() for _ in range(3)]
        for job in (jobs[2], jobs[0], jobs[1]):
            harness.finish(job)
        whole = Reader(harness, of(*jobs))
        await whole.task
        numbers = [number for _, number, _ in whole.seen()]
        last = max(row.change for job in jobs if (row := harness.ledger.job(job)))
        assert numbers == [None] * (len(numbers) - 1) + [last]  # an id says that all before it was told
        again = Reader(harness, of(*jobs), last)
        earlier = Reader(harness, of(*jobs), last - 1)
        await again.task
        await earlier.task
        assert (again.status, earlier.status) == (204, 200)
        assert len(states(earlier)) == 3

    serve(scenario)


def test_a_job_that_is_gone_is_told_as_removed_and_holds_nobody() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.finish(job)
        reader = Reader(harness, of(NOBODY, job, "no-id"))
        await reader.task
        assert [data for name, _, data in reader.seen() if data.get("removed")] == [
            {"id": NOBODY, "removed": True},
            {"id": "no-id", "removed": True},
        ]
        assert (job, "done") in states(reader)
        status, problem = await refused(harness, of(NOBODY, "no-id"))
        assert (status, problem["code"]) == (404, "not_found")
        assert problem["detail"] == f"there is no job {NOBODY}, and none of the 1 others"

    serve(scenario)


def test_a_missed_change_is_read_and_what_was_told_is_not_told_again() -> None:
    async def scenario(harness: WebHarness) -> None:
        first, second = await harness.accepted(), await harness.accepted()
        reader = Reader(harness, of(first, second))
        await turns()
        harness.tells = False
        harness.finish(first)
        harness.hub.missed(9, "", lost=False)
        await turns()
        assert states(reader) == [(first, "queued"), (second, "queued"), (first, "done")]
        harness.hub.changed([change(9, second, "done")], "")
        await reader.task

    serve(scenario)


def test_a_ledger_that_lost_commits_is_told_anew_though_its_numbers_are_lower() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        stream = JobsStream(BASE, {job: ""})
        await stream.present(present_rows(harness), "")
        stream.received(change(7, job), "")
        await stream.take(0)
        for again, told in ((stream.reread, 0), (lambda: stream.reset("b"), 1)):
            again()
            await stream.present(present_rows(harness), "b")
            shown = await stream.take(0) or b""
            assert (shown.count(b'"state":"queued"'), shown.count(b"id: 0.b\nevent: reset\n")) == (told, told)
        stream.received(change(3, job, "done"), "b")
        ended = await stream.take(0) or b""
        assert b'"state":"done"' in ended
        assert ended.startswith(b"id: 3.b\n")

    serve(scenario)


def test_ended_jobs_are_told_again_to_an_id_of_another_life() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat(history="1.1")
        job = await harness.accepted()
        harness.finish(job)
        known, strange = (Reader(harness, of(job), last) for last in (f"99.{harness.feed.life}", 99))
        await known.task
        await strange.task
        assert (known.status, strange.status) == (204, 200)
        assert [name for name, _, _ in strange.seen()] == ["reset", "rendition", "job"]

    serve(scenario)


def test_a_store_that_cannot_be_read_again_ends_the_stream() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        reader = Reader(harness, of(job))
        await turns()

        def read(_jobs: list[str]) -> list[Row]:
            raise StoreFault("database is locked")

        harness.ledger.jobs = read  # type: ignore[assignment, method-assign]
        harness.hub.missed(9, "", lost=False)
        await reader.task
        assert (reader.ended, reader.aborted, harness.hub.listened) == (True, False, False)

    serve(scenario)


def test_the_jobs_of_one_stream_are_bounded() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.finish(job)
        most = Reader(harness, of(job, *[NOBODY] * (STREAM_JOBS_MAX - 1)))
        await most.task
        assert most.status == 200
        status, problem = await refused(harness, of(*[job] * (STREAM_JOBS_MAX + 1)))
        assert (status, problem["limit"], problem["allowed"], problem["actual"]) == (
            400, "stream_jobs_max", STREAM_JOBS_MAX, STREAM_JOBS_MAX + 1,
        )  # fmt: skip
        status, problem = await refused(harness, of(*[job] * 10 * STREAM_JOBS_MAX))
        assert (status, problem["limit"]) == (400, "parameters_max")
        assert (await refused(harness, f"/jobs?{'&'.join(['state=done'] * 2)}"))[1]["code"] == "bad_parameter"

    serve(scenario)


def test_the_present_of_large_jobs_comes_in_steps_and_cuts_nobody_off() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted() for _ in range(STREAM_JOBS_MAX)]
        for job in jobs:
            harness.broker.finish(job, [rendition_of(job, f"{n:0>32}", b"pixels") for n in range(16)])
        stream, held = JobsStream(BASE, dict.fromkeys(jobs, f"?grant={'x' * 500}")), []
        await stream.present(present_rows(harness), "")
        while (data := await stream.take(0)) is not None:
            held.append(len(data))
            if stream.stale:
                await stream.present(present_rows(harness), "")
        assert sum(held) > STREAM_BYTES_MAX
        assert max(held) < 1.5 * REPLAY_BYTES_MAX
        reader = Reader(harness, of(*jobs))
        await reader.task
        assert (len(states(reader)), reader.aborted) == (STREAM_JOBS_MAX, False)

    serve(scenario)


def test_a_change_before_its_job_was_told_waits_for_the_row() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted() for _ in range(2)]
        stream = JobsStream(BASE, dict.fromkeys(jobs, ""))
        harness.hub.join(stream)
        harness.finish(jobs[0])
        assert await stream.take(0) == b""
        await stream.present(present_rows(harness), "")
        assert ((await stream.take(0)) or b"").count(b'"state":"done"') == 1
        harness.hub.leave(stream)

    serve(scenario)


class SlowRows:
    """Rows as they were when the read began; it ends when `go` is set."""

    def __init__(self, harness: WebHarness) -> None:
        self.reads = 0
        self.go = asyncio.Event()
        self._harness = harness

    async def __call__(self, jobs: list[str]) -> list[Row]:
        self.reads += 1
        rows = self._harness.ledger.jobs(jobs)
        await self.go.wait()
        return rows


def test_a_change_that_comes_while_its_row_is_read_is_not_lost() -> None:
    async def scenario(harness: WebHarness) -> None:
        job, slow = await harness.accepted(), SlowRows(harness)
        stream = JobsStream(BASE, {job: ""})
        harness.hub.join(stream)
        telling = asyncio.ensure_future(stream.present(slow, ""))
        await turns()
        harness.finish(job)
        slow.go.set()
        await telling
        told = await stream.take(0) or b""
        assert (told.count(b'"state":"done"'), told.count(b'"state":"queued"'), slow.reads) == (1, 0, 2)
        assert await stream.take(0) is None
        harness.hub.leave(stream)

    serve(scenario)


def test_a_gap_while_rows_are_read_has_them_read_again() -> None:
    async def scenario(harness: WebHarness) -> None:
        job, slow = await harness.accepted(), SlowRows(harness)
        stream = JobsStream(BASE, {job: ""})
        telling = asyncio.ensure_future(stream.present(slow, ""))
        await turns()
        harness.finish(job)
        stream.reread()
        slow.go.set()
        await telling
        assert (await stream.take(0) or b"").count(b'"state":"done"') == 1
        assert slow.reads == 2

    serve(scenario)


def test_a_change_that_the_row_has_already_needs_no_second_read() -> None:
    async def scenario(harness: WebHarness) -> None:
        job, slow = await harness.accepted(), SlowRows(harness)
        stream = JobsStream(BASE, {job: ""})
        telling = asyncio.ensure_future(stream.present(slow, ""))
        await turns()
        row = harness.ledger.job(job)
        assert row is not None
        stream.received(change(row.change, job), "")
        slow.go.set()
        await telling
        assert slow.reads == 1

    serve(scenario)


def test_a_batch_has_one_stream() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload(png(3), png(4))).json()
        jobs, batch = [job["id"] for job in answer["jobs"]], answer["batch"]
        assert batch["events_url"] == f"{BASE}/batches/{batch['id']}/events"
        assert (await harness.client.get(batch["status_url"])).json()["events_url"] == batch["events_url"]
        reader = Reader(harness, batch["events_url"])
        await turns()
        for job in jobs:
            harness.finish(job)
        await reader.task
        assert ends(reader) == [(job, "done") for job in jobs]
        assert (await refused(harness, f"/batches/{NOBODY}/events"))[0] == 404

    serve(scenario)


def test_several_grants_share_a_stream_and_each_shows_its_own_job() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload(png(3), png(4), headers=granted(harness))).json()
        jobs = {job["id"]: job["status_url"].partition("?")[2] for job in answer["jobs"]}
        address = answer["batch"]["events_url"]
        assert address == f"{BASE}/events?{'&'.join(jobs.values())}"
        reader = Reader(harness, address)
        await turns()
        for job in jobs:
            harness.finish(job)
        await reader.task
        assert sorted(ends(reader)) == sorted((job, "done") for job in jobs)
        shown = [data for name, _, data in reader.seen() if name == "rendition"]
        assert [each["rendition"]["url"].partition("?")[2] for each in shown] == [jobs[each["id"]] for each in shown]
        for each in shown:
            assert (await harness.client.get(each["rendition"]["url"])).status_code == 200

    serve(scenario, **SETTINGS)


def test_no_grant_of_several_opens_more_than_its_own() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.client.headers["Authorization"] = "Bearer w"
        job = await harness.accepted()
        del harness.client.headers["Authorization"]
        secret, until = harness.web.grant_secrets[0], int(time.time()) + 60
        found = harness.ledger.job(job)
        assert found is not None
        good = sign(secret, ViewGrant(found.tenant, job, until))
        over = sign(secret, ViewGrant(found.tenant, job, until - 120))
        foreign = sign(secret, ViewGrant("bolt", job, until))
        for query, told in (
            (f"grant={good}&grant={over}", "grant_expired"),
            (f"grant={over}&grant={good}", "grant_expired"),
            (f"grant={good}&grant={good[:-2]}", "key_wrong"),
            (f"grant={good}&job={job}", "bad_parameter"),
            (f"job={job}", "key_missing"),
            (f"grant={foreign}", "not_found"),
        ):
            assert (await refused(harness, f"/events?{query}"))[1]["code"] == told, query

    serve(scenario, **SETTINGS)


def test_another_tenant_s_job_is_none() -> None:
    async def scenario(both: Both) -> None:
        mine, theirs = await both.as_("a").accepted(), await both.as_("b").accepted()
        harness = both.as_("a")
        for job in (mine, theirs):
            harness.finish(job)
        assert (await refused(harness, of(theirs)))[0] == 404
        reader = Reader(harness, of(mine, theirs), key="a")
        await reader.task
        assert sorted(states(reader)) == sorted([(mine, "done"), (theirs, None)])
        assert [data["id"] for name, _, data in reader.seen() if name == "rendition"] == [mine]
        everybody = Reader(harness, of(mine, theirs), key="o")
        await everybody.task
        assert sorted(states(everybody)) == sorted([(mine, "done"), (theirs, "done")])

    apart(scenario)
