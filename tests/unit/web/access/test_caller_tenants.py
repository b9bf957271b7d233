"""Tenants apart: neither sees the other's jobs anywhere, and equal bytes of both have nothing in common."""

from collections.abc import Awaitable, Callable
from typing import Any

from jobs.access.keys import Scope, entry_of
from jobs.job import decode_spec
from jobs.wire import Submit
from tests.support.harnesses.web_harness import WebHarness, png, serve, turns
from tests.support.harnesses.web_readers import Reader
from worker.keeper import results

HELD = {"a": ("acme", Scope.WRITE), "b": ("bolt", Scope.WRITE), "o": ("ops", Scope.OPERATE)}
SETTINGS = {"api_keys": ",".join(entry_of(*held, key) for key, held in HELD.items())}


class Both:
    """The jobs of two tenants on one server; `as_` makes a key's requests."""

    def __init__(self, harness: WebHarness) -> None:
        self.harness = harness

    def as_(self, key: str) -> WebHarness:
        self.harness.client.headers["Authorization"] = f"Bearer {key}"
        return self.harness

    async def get(self, key: str, path: str) -> Any:
        response = await self.as_(key).client.get(path)
        assert response.status_code == 200, response.text
        return response.json()


def apart(scenario: Callable[[Both], Awaitable[None]]) -> None:
    serve(lambda harness: scenario(Both(harness)), **SETTINGS)


def test_lists_and_batches_are_of_one_tenant_but_for_who_operates() -> None:
    async def scenario(both: Both) -> None:
        mine = (await both.as_("a").upload(reference="r")).json()
        batch = (await both.as_("b").upload(png(3), png(4), reference="r")).json()
        theirs = [job["id"] for job in batch["jobs"]]
        for path in ("/jobs", "/jobs?reference=r", "/jobs?state=queued", "/jobs?preset=default"):
            assert [job["id"] for job in (await both.get("a", path))["jobs"]] == [mine["id"]]
            assert {job["id"] for job in (await both.get("b", path))["jobs"]} == set(theirs)
            assert {job["id"] for job in (await both.get("o", path))["jobs"]} == {mine["id"], *theirs}
        there = batch["batch"]["id"]
        assert (await both.as_("a").client.get(f"/batches/{there}")).status_code == 404
        assert (await both.get("o", f"/batches/{there}"))["total"] == 2

    apart(scenario)


def test_commands_over_many_reach_the_caller_s_own_jobs() -> None:
    async def scenario(both: Both) -> None:
        mine, theirs = await both.as_("a").accepted(), await both.as_("b").accepted()
        counted = await both.as_("a").client.delete("/jobs?dry_run=1")
        assert counted.json() == {"matched": 1, "changed": 0}
        assert (await both.as_("a").client.delete("/jobs?state=queued")).json()["changed"] == 1
        assert (await both.get("b", f"/jobs/{theirs}"))["state"] == "queued"
        assert (await both.as_("b").client.post("/jobs/requeue?state=cancelled")).json()["matched"] == 0
        assert (await both.get("a", f"/jobs/{mine}"))["state"] == "cancelled"
        assert (await both.as_("o").client.post("/jobs/requeue?state=cancelled")).json()["changed"] == 1

    apart(scenario)


def test_streams_tell_each_tenant_of_his_own_jobs_live_and_after_a_pause() -> None:
    async def scenario(both: Both) -> None:
        harness = both.harness
        live = {key: Reader(harness, "/events", key=key) for key in HELD}
        await turns()
        jobs = {"a": await both.as_("a").accepted(), "b": await both.as_("b").accepted()}
        harness.finish(jobs["a"])
        harness.beat()
        await turns()
        replayed = {key: Reader(harness, "/events", 0, key=key) for key in HELD}
        await turns()
        for readers in (live, replayed):
            told = {
                key: {shown["id"] for _, _, shown in reader.seen() if "id" in shown} for key, reader in readers.items()
            }
            assert told == {"a": {jobs["a"]}, "b": {jobs["b"]}, "o": set(jobs.values())}
        beats = {
            key: [shown["jobs"] for name, _, shown in reader.seen() if name == "beat"][-1]
            for key, reader in live.items()
        }
        assert {key: (beat["queued"], beat["done"]) for key, beat in beats.items()} == {
            "a": (0, 1),
            "b": (1, 0),
            "o": (1, 1),
        }
        for reader in (*live.values(), *replayed.values()):
            reader.leave()
            await reader.task

    apart(scenario)


def test_a_reader_whose_tenant_nothing_happened_to_is_sent_nothing() -> None:
    async def scenario(both: Both) -> None:
        await both.as_("b").accepted()
        reader = Reader(both.harness, "/events", key="a")
        await turns()
        before = reader.body
        await both.as_("b").accepted()
        await turns()
        assert reader.body == before
        reader.leave()
        await reader.task

    apart(scenario)


def test_statistics_are_of_the_caller_s_own_jobs() -> None:
    async def scenario(both: Both) -> None:
        harness = both.harness
        purged = await both.as_("b").accepted()
        harness.finish(purged)
        mine, theirs = await both.as_("a").accepted(), await both.as_("b").accepted()
        for name in ("first", "second"):
            harness.broker.come(name, undeleted="Permission denied")
        await both.as_("a").accepted()
        assert (await both.as_("b").client.delete(f"/jobs/{purged}?purge=1")).status_code == 204
        harness.beat()
        stats = {key: await both.get(key, "/stats") for key in HELD}
        assert {
            key: [[job["id"] for job in worker["jobs"]] for worker in each["workers"]] for key, each in stats.items()
        } == {"a": [[mine], []], "b": [[], [theirs]], "o": [[mine], [theirs]]}
        assert {key: (each["queue"]["depth"], each["jobs"]["running"]) for key, each in stats.items()} == {
            "a": (1, 1),
            "b": (0, 1),
            "o": (1, 2),
        }
        assert [each["queue"]["oldest_seconds"] is None for each in stats.values()] == [False, True, False]
        assert {key: tuple(each["rates"].values()) for key, each in stats.items()} == {
            "a": (2.0, 0.0),
            "b": (2.0, 1.0),
            "o": (4.0, 1.0),
        }
        assert [each["sweeps"] is None for each in stats.values()] == [True, True, False], "they name others' jobs"
        assert [each["deliveries"] is None for each in stats.values()] == [True, True, False]
        assert stats["o"]["sweeps"]["why"] == "Permission denied"

    apart(scenario)


def test_who_never_had_a_job_has_statistics_too() -> None:
    async def scenario(both: Both) -> None:
        await both.as_("b").accepted()
        both.harness.beat()
        assert (await both.get("a", "/stats"))["jobs"]["queued"] == 0

    apart(scenario)


def test_another_s_receipt_is_no_receipt() -> None:
    async def scenario(both: Both) -> None:
        receipts = [(await both.as_(key).upload()).json()["receipt"] for key in HELD]
        audits = {key: (await both.as_(key).client.post("/receipts/audit", json=receipts)).json() for key in HELD}
        assert audits == {
            "a": ["unfinished", "forged", "forged"],
            "b": ["forged", "unfinished", "forged"],
            "o": ["unfinished"] * 3,
        }

    apart(scenario)


def test_equal_bytes_of_two_tenants_have_nothing_in_common() -> None:
    """Not the Idempotency-Key, not what is quarantined, not the entry in the result cache."""

    async def scenario(both: Both) -> None:
        for key in ("a", "b", "a"):
            assert (await both.as_(key).upload(headers={"Idempotency-Key": "k"})).status_code == 202
        jobs = [message.jobs[0] for message in both.harness.sent if isinstance(message, Submit)]
        assert len(both.harness.ledger.rows) == 2
        mine, theirs, again = jobs
        assert (mine.tenant, theirs.tenant) == ("acme", "bolt")
        for differs in ("key", "content"):
            assert getattr(mine, differs) == getattr(again, differs)
            assert getattr(mine, differs) != getattr(theirs, differs)
        cached = [results.key(decode_spec(job.spec), "engine") for job in jobs]
        assert cached[0] == cached[2] != cached[1]
        assert len({decode_spec(job.spec).original.digest for job in jobs}) == 1

    apart(scenario)


def test_who_operates_makes_jobs_of_his_own_tenant() -> None:
    async def scenario(both: Both) -> None:
        theirs = await both.as_("b").accepted()
        made = (await both.as_("o").client.post("/jobs", json={"original": theirs})).json()["id"]
        row = both.harness.ledger.job(made)
        assert row and row.tenant == "ops"
        assert (await both.as_("b").client.get(f"/jobs/{made}")).status_code == 404

    apart(scenario)
