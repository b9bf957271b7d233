"""Commands over many jobs: one bounded step after the other, for as long as somebody waits for the end."""

import asyncio
from typing import Any

import pytest

from broker.core.books.rates import BUCKET_SECONDS
from broker.core.books.sweeps import WAITING_MAX
from broker.core.commands import PAUSED_MAX
from jobs.access.keys import Scope, entry_of
from jobs.ids import original_name
from jobs.limits import OVER_MANY_MAX
from jobs.records import Records, SweepEntry
from jobs.wire import Cancel, Purge
from tests.contracts.rows import job_id
from tests.properties.harness import BULK_ROWS
from tests.support.harnesses.web_harness import BASE, WebHarness, serve
from tests.unit.web.uploads.test_admission import KEYS
from web.handlers import asking, commands

JOBS = 2 * BULK_ROWS + 1


async def with_jobs(harness: WebHarness) -> list[int]:
    """Some jobs wait; the places from which steps begin that scan over them."""
    for _ in range(JOBS):
        await harness.accepted()
    harness.sent.clear()
    return [0, *range(BULK_ROWS, JOBS, BULK_ROWS)]


def fill_sweeps(harness: WebHarness, less: int = 0) -> None:
    """A broker starts on a ledger in which as many deletions wait as it takes, `less` so many."""
    jobs = [job_id(number) for number in range(WAITING_MAX - less)]
    harness.ledger.commit(Records(sweeps=[SweepEntry(job, (original_name(job),)) for job in jobs]))
    harness.restart_broker()


async def leave(harness: WebHarness, path: str, after: int) -> None:
    """A client sends DELETE, and leaves once so many steps were asked for."""
    body = iter([{"type": "http.request", "body": b""}])

    async def receive() -> Any:
        if message := next(body, None):
            return message
        while len(harness.sent) < after:
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        """Nobody hears it."""

    name, _, query = path.partition("?")
    scope = {
        "type": "http", "method": "DELETE", "path": name, "raw_path": name.encode(), "query_string": query.encode(),
        "headers": [(b"host", BASE.rpartition("/")[2].encode())], "scheme": "http", "http_version": "1.1",
        "client": ("::1", 1), "server": ("localhost", 3000), "root_path": "",
    }  # fmt: skip
    await harness.app(scope, receive, send)


def test_a_command_over_many_is_asked_for_step_by_step() -> None:
    async def scenario(harness: WebHarness) -> None:
        places = await with_jobs(harness)
        assert (await harness.client.delete("/jobs?all=1")).json() == {"matched": JOBS, "changed": JOBS}
        assert [message.after for message in harness.sent if isinstance(message, Cancel)] == places

    serve(scenario)


def test_nothing_is_done_for_a_client_that_has_left() -> None:
    async def scenario(harness: WebHarness) -> None:
        await with_jobs(harness)
        await leave(harness, "/jobs?all=1", after=1)
        assert len(harness.sent) == 1
        left = (await harness.client.get("/jobs?state=queued")).json()["jobs"]
        assert len(left) == JOBS - BULK_ROWS

    serve(scenario)


def test_a_count_ends_when_its_client_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "LIST_SCAN_MAX", 2)
    scanned: list[int | None] = []

    async def scenario(harness: WebHarness) -> None:
        await with_jobs(harness)
        count = harness.ledger.count

        def counted(where: Any, before: int | None, scan_max: int) -> tuple[int, int | None]:
            scanned.append(before)
            return count(where, before, scan_max)

        monkeypatch.setattr(harness.ledger, "count", counted)
        monkeypatch.setattr(harness.ledger, "page", None)
        assert (await harness.client.delete("/jobs?dry_run=1")).json() == {"matched": JOBS, "changed": 0}
        steps = len(scanned)
        assert steps == -(-JOBS // 2)
        await leave(harness, "/jobs?dry_run=1", after=0)
        assert len(scanned) < 2 * steps

    serve(scenario)


def test_a_purge_waits_for_the_deletions_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SWEEPS_SECONDS", 0.001)

    async def scenario(harness: WebHarness) -> None:
        places = await with_jobs(harness)
        await harness.client.delete("/jobs?all=1")
        fill_sweeps(harness)
        harness.sent.clear()
        purging = asyncio.create_task(harness.client.delete("/jobs?purge=1&all=1"))
        while len(harness.sent) < 2:
            await asyncio.sleep(0)
        harness.broker.come("sweeper")
        assert (await purging).json() == {"matched": JOBS, "changed": JOBS}
        asked = [message.after for message in harness.sent if isinstance(message, Purge)]
        assert asked == [0, 0, *places]

    serve(scenario, accept_seconds=1.0)


def test_a_purge_that_waits_asks_no_more_for_a_client_that_has_left() -> None:
    async def scenario(harness: WebHarness) -> None:
        await with_jobs(harness)
        await harness.client.delete("/jobs?all=1")
        fill_sweeps(harness)
        harness.sent.clear()
        await leave(harness, "/jobs?purge=1&all=1", after=1)
        assert len(harness.sent) == 1

    serve(scenario)


def test_a_purge_that_does_not_come_on_says_how_far_it_came() -> None:
    async def scenario(harness: WebHarness) -> None:
        await with_jobs(harness)
        await harness.client.delete("/jobs?all=1")
        fill_sweeps(harness, less=1)
        response = await harness.client.delete("/jobs?purge=1&all=1")
        problem = response.json()
        assert (response.status_code, problem["code"]) == (503, "sweeps_full")
        assert (problem["matched"], problem["changed"]) == (BULK_ROWS, BULK_ROWS)
        assert harness.web.over_many.total == 0

    serve(scenario)


def test_only_so_many_are_under_way_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "OVER_MANY_MAX", 1)

    async def scenario(harness: WebHarness) -> None:
        await with_jobs(harness)
        harness.works = False
        first = asyncio.create_task(harness.client.delete("/jobs?all=1"))
        while not harness.sent:
            await asyncio.sleep(0)
        for path in ("/jobs?all=1", "/jobs?dry_run=1"):
            refused = await harness.client.delete(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
        assert (await first).json()["code"] == "broker_silent"
        assert len(harness.sent) == 1, "it is not asked for again"
        harness.works = True
        assert (await harness.client.delete("/jobs?all=1")).status_code == 200

    serve(scenario)


def test_a_caller_has_no_more_than_half_of_them() -> None:
    async def scenario(harness: WebHarness) -> None:
        async def delete(key: str) -> str:
            response = await harness.client.delete("/jobs?all=1", headers={"Authorization": f"Bearer {key}"})
            return str(response.json()["code"])

        harness.works = False
        first = [asyncio.create_task(delete("w")) for _ in range(OVER_MANY_MAX // 2)]
        while len(harness.sent) < len(first):
            await asyncio.sleep(0)
        assert [await delete("w"), await delete("b")] == ["too_many_at_once", "broker_silent"]
        assert {await task for task in first} == {"broker_silent"}

    serve(scenario, api_keys=KEYS)


def test_what_was_over_the_rate_in_any_step_is_told_when_to_come_again() -> None:
    """Also where the last step, of a job that is done, was not over it."""

    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted() for _ in range(JOBS)]
        harness.finish(jobs[-1])
        await harness.client.delete("/jobs?all=1")
        answer = await harness.client.post("/jobs/requeue?all=1")
        assert answer.json() == {"matched": JOBS, "changed": BULK_ROWS - 1}
        assert answer.headers["retry-after"] == str(BUCKET_SECONDS)

    serve(scenario, rate_per_minute=JOBS + BULK_ROWS - 1)


def test_what_has_no_room_in_the_queue_is_left_and_that_is_told() -> None:
    async def scenario(harness: WebHarness) -> None:
        ended = await harness.accepted()
        harness.broker.cancel(ended)
        also = await harness.accepted()
        harness.broker.cancel(also)
        await harness.accepted()
        answer = await harness.client.post("/jobs/requeue?all=1")
        assert answer.json() == {"matched": 3, "changed": 1}
        assert answer.headers["retry-after"]
        for path in ("/jobs/requeue?state=cancelled", f"/jobs/{also}/requeue"):
            refused = await harness.client.post(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")

    serve(scenario, queued_max=2)


def test_a_job_that_runs_once_more_is_one_of_the_tenant_s_rate() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.broker.cancel(job)
        refused = await harness.client.post(f"/jobs/{job}/requeue")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.headers["retry-after"] == str(BUCKET_SECONDS)
        harness.now += BUCKET_SECONDS
        assert (await harness.client.post(f"/jobs/{job}/requeue")).status_code == 202

    serve(scenario, rate_per_minute=1)


OPERATED = f"{KEYS},{entry_of('ops', Scope.OPERATE, 'o')}"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def queue_of(harness: WebHarness, key: str) -> Any:
    """What /stats says of the queue to the holder of this key."""
    return (await harness.client.get("/stats", headers=bearer(key))).json()["queue"]


def test_one_tenant_is_paused_and_resumed() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat()
        paused = await harness.client.post("/queue/pause?tenant=acme", headers=bearer("o"))
        assert (paused.status_code, paused.json()) == (200, {"paused": True, "tenant": "acme"})
        harness.beat()
        told = [await queue_of(harness, key) for key in "owb"]
        assert [(queue["paused"], queue["paused_tenants"]) for queue in told] == [
            (False, ["acme"]), (True, ["acme"]), (False, []),
        ]  # fmt: skip
        ready = (await harness.client.get("/health/ready")).json()
        assert "paused for 1 tenants: their accepted jobs wait" in ready["warnings"]
        resumed = await harness.client.post("/queue/resume?tenant=acme", headers=bearer("o"))
        assert resumed.json() == {"paused": False, "tenant": "acme"}
        harness.beat()
        assert (await queue_of(harness, "o"))["paused_tenants"] == []

    serve(scenario, api_keys=OPERATED)


def test_a_tenant_that_cannot_be_one_is_refused_and_pauses_nothing() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat()
        for path in ("/queue/pause", "/queue/resume"):
            for name, shown in (("", "''"), ("a%20b", "'a b'"), ("a" * 65, "a'"), ("%00", r"'\x00'")):
                refused = await harness.client.post(f"{path}?tenant={name}", headers=bearer("o"))
                assert (refused.status_code, refused.json()["parameter"]) == (400, "tenant")
                assert "letters, digits and ._@-, not " in refused.json()["detail"]
                assert refused.json()["detail"].endswith(shown)
        refused = await harness.client.post("/queue/pause?tenant=acme", headers=bearer("w"))
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert harness.sent == []

    serve(scenario, api_keys=OPERATED)


def test_a_broker_that_would_pause_all_is_not_asked() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.beat(edition=1)
        refused = await harness.client.post("/queue/pause?tenant=acme")
        assert (refused.status_code, refused.json()["code"]) == (503, "broker_silent")
        assert "no pause of one tenant" in refused.json()["detail"]
        assert harness.sent == []

    serve(scenario)


def test_more_pauses_than_may_be_are_refused() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.ledger.commit(Records(paused=[f"t{number}" for number in range(PAUSED_MAX)]))
        harness.restart_broker()
        harness.beat()
        refused = await harness.client.post("/queue/pause?tenant=acme")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_parameter")

    serve(scenario)
