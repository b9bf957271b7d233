"""Jobs, lists, batches, commands, statistics and health as the API shows them."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from PIL import Image

from jobs.errors import StoreFault
from jobs.images.facts import Facts
from jobs.images.facts import encode as encode_facts
from jobs.job import Code, Original, Outcome, Rendition, Spec, State, encode
from jobs.wire import Cancel, Purge, Requeue
from stores.ledger.memory import MemoryLedger
from tests.contracts.rows import row
from tests.support.harnesses.web_harness import BASE, WebHarness, png, serve, turns
from web.broker.waiting import Place
from web.views import answers

ROOT = Path(__file__).parents[4]
FIELDS = [
    "id", "state", "filename", "reference", "metadata", "preset", "recipe", "priority", "attempts", "cached", "error",
    "original", "source_url", "renditions", "srcset", "dominant_colour", "placeholder", "timeline", "cost",
    "queue_position", "eta_seconds", "batch", "accepted_at", "ended_at", "expires_at", "change", "trace", "status_url",
    "events_url",
    "deliveries",
]  # fmt: skip


async def get(harness: WebHarness, path: str, status: int = 200) -> Any:
    response = await harness.client.get(path)
    assert response.status_code == status, response.text
    return response.json()


def test_a_job_has_all_its_fields() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        rendition = harness.finish(job)
        shown = await get(harness, f"/jobs/{job}")
        assert list(shown) == FIELDS
        assert shown["original"]["url"] == f"{BASE}/jobs/{job}/original"
        [shown_rendition] = shown["renditions"]
        assert shown_rendition == {
            "name": "thumb", "width": 32, "height": 24, "format": "jpeg", "bytes": rendition.bytes,
            "digest": rendition.digest, "quality": 77, "unmet": ["delays"],
            "box": {"left": 0.0, "top": 1.5, "width": 8.0, "height": 6.25},
            "url": f"{BASE}/jobs/{job}/renditions/thumb",
        }  # fmt: skip
        assert shown["cost"] == {"cpu_ms": 1.5, "peak_bytes": 4096}
        assert shown["timeline"][0] == {
            "at": shown["accepted_at"], "event": "accepted", "lease": 0, "worker": None, "detail": None,
        }  # fmt: skip
        assert shown["accepted_at"][-5:-1].startswith(".")
        assert shown["ended_at"].endswith("Z")
        assert shown["renditions"][0]["name"] == shown["recipe"]["renditions"][0]["name"]

    serve(scenario)


def test_sides_that_the_head_did_not_tell_are_the_decoder_s() -> None:
    spec = Spec("a.jpg", None, None, "default", "{}", Original("raw/a", "jpeg", 0, 0, 5, "d"), "")
    found = Rendition("a", "processed/a", "jpeg", 9, 6, 5, "d" * 64, original=(96, 64))
    for renditions, sides in (([], [None, None]), ([found], [96, 64])):
        outcome = Outcome(renditions=renditions)
        job = answers.job(row(1, spec=encode(spec), outcome=encode(outcome)), BASE, Place(None, None))
        assert [getattr(job.original, side) for side in ("width", "height")] == sides
    told = Outcome(facts=encode_facts(Facts((96, 64), "#102030")))
    job = answers.job(row(1, spec=encode(spec), outcome=encode(told)), BASE, Place(None, None))
    assert (job.original.width, job.original.height, job.dominant_colour) == (96, 64, "#102030")


@pytest.mark.parametrize(
    ("orientation", "upright"), [(0, [None, None]), (1, [96, 64]), (3, [96, 64]), (6, [64, 96]), (8, [64, 96])]
)
def test_the_original_tells_its_upright_sides(orientation: int, upright: list[int | None]) -> None:
    original = Original("raw/a", "jpeg", 96, 64, 5, "d", orientation)
    job = answers.job(
        row(1, spec=encode(Spec("a.jpg", None, None, None, "{}", original, "")), outcome=encode(Outcome())),
        BASE,
        Place(None, None),
    )
    assert [getattr(job.original, f"upright_{side}") for side in ("width", "height")] == upright
    assert [getattr(job.original, side) for side in ("width", "height")] == [96, 64]


@pytest.mark.parametrize("size", [7, 1000, 10**6])
def test_an_upload_s_orientation_is_read_as_it_comes(size: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        image = (ROOT / "test-data" / "sample.jpg").read_bytes()
        pieces = (image[at : at + size] for at in range(0, len(image), size))

        async def sent() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        accepted = await harness.client.post("/upload", content=sent(), headers={"Content-Type": "image/jpeg"})
        shown = (await get(harness, f"/jobs/{accepted.json()['id']}"))["original"]
        with Image.open(io.BytesIO(image)) as stored:
            assert (shown["width"], shown["height"]) == stored.size
            assert (shown["upright_width"], shown["upright_height"]) == stored.size[::-1]

    serve(scenario)


def test_what_is_not_there() -> None:
    async def scenario(harness: WebHarness) -> None:
        for path in ("/jobs/nothing", f"/jobs/{'0' * 26}", f"/batches/{'0' * 26}", "/nowhere", "/jobs/", "/batches/x"):
            problem = await get(harness, path, 404)
            assert (problem["code"], problem["status"]) == ("not_found", 404)
        wrong = await harness.client.put("/jobs")
        assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
        assert wrong.headers["allow"] == "DELETE, GET, HEAD, POST"
        assert wrong.headers["content-type"] == "application/problem+json"

    serve(scenario)


def test_waiting_for_the_end() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        unfinished = await harness.client.get(f"/jobs/{job}?wait=0.01")
        assert (unfinished.json()["state"], unfinished.headers["retry-after"]) == ("queued", "1")
        waiting = asyncio.ensure_future(get(harness, f"/jobs/{job}?wait=5"))
        await turns(20)
        harness.broker.start(job)
        await turns(20)
        assert not waiting.done()
        harness.broker.fail(job)
        ended = await waiting
        assert (ended["state"], ended["error"]) == ("failed", {"code": "undecodable", "detail": "no pixels"})
        assert "retry-after" not in (await harness.client.get(f"/jobs/{job}?wait=5")).headers
        assert (await get(harness, f"/jobs/{job}?wait=soon", 400))["parameter"] == "wait"

    serve(scenario)


def test_waiting_ends_with_the_process() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        waiting = asyncio.ensure_future(get(harness, f"/jobs/{job}?wait=60"))
        await turns(20)
        harness.feed.stop()
        assert (await waiting)["state"] == "queued"

    serve(scenario)


def test_lists_are_pages_from_the_newest() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted(reference="even" if number % 2 == 0 else "odd") for number in range(5)]
        harness.finish(jobs[0])
        first = await get(harness, "/jobs?limit=2")
        assert [job["id"] for job in first["jobs"]] == jobs[:2:-1]
        assert list(first["jobs"][0]) == [
            name for name in FIELDS if name not in ("recipe", "timeline", "srcset", "deliveries")
        ]
        second = await get(harness, f"/jobs?limit=3&after={first['next']}")
        assert [job["id"] for job in second["jobs"]] == jobs[2::-1]
        assert second["next"] is None
        assert [job["id"] for job in (await get(harness, "/jobs?reference=odd"))["jobs"]] == [jobs[3], jobs[1]]
        assert [job["id"] for job in (await get(harness, "/jobs?state=done"))["jobs"]] == [jobs[0]]
        assert (await get(harness, "/jobs?preset=other"))["jobs"] == []

    serve(scenario)


@pytest.mark.parametrize(
    "query",
    [
        "state=gone",
        "code=none",
        "limit=0",
        "limit=501",
        "limit=0000005009999999",
        "limit=x",
        "after=x",
        "after=%FF",
        "order=up",
        f"reference={'x' * 256}",
        f"preset={'x' * 256}",
        "limit=1&limit=2",
    ],
)
def test_lists_refuse_what_they_do_not_know(query: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        problem = await get(harness, f"/jobs?{query}", 400)
        assert (problem["code"], problem["parameter"]) == ("bad_parameter", query.partition("=")[0])

    serve(scenario)


def test_one_file_is_a_batch_by_its_own_id() -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = (await harness.upload()).json()
        batch = await get(harness, answer["batch"]["status_url"])
        assert (batch["id"], batch["total"], batch["jobs"][0]["id"]) == (answer["id"], 1, answer["id"])
        several = (await harness.upload(png(1), png(2))).json()
        await get(harness, f"/batches/{several['jobs'][0]['id']}", 404)

    serve(scenario)


def test_cancelling() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        first, second = await harness.client.delete(f"/jobs/{job}"), await harness.client.delete(f"/jobs/{job}")
        assert (first.status_code, first.json()["state"]) == (202, "cancelled")
        assert second.status_code == 200
        done = await harness.accepted()
        harness.finish(done)
        late = await harness.client.delete(f"/jobs/{done}")
        assert (late.status_code, late.json()["code"]) == (409, "job_ended")
        assert "?purge=1" in late.json()["detail"]
        assert (await harness.client.delete(f"/jobs/{'0' * 26}")).status_code == 404

    serve(scenario)


def test_purging() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        early = await harness.client.delete(f"/jobs/{job}?purge=true")
        assert (early.status_code, early.json()["code"]) == (409, "job_not_ended")
        harness.finish(job)
        purged = await harness.client.delete(f"/jobs/{job}?purge=1")
        assert (purged.status_code, purged.content) == (204, b"")
        await get(harness, f"/jobs/{job}", 404)
        assert (await harness.client.delete(f"/jobs/{job}?purge=yes")).status_code == 400

    serve(scenario)


def test_requeueing() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        early = await harness.client.post(f"/jobs/{job}/requeue")
        assert (early.status_code, early.json()["code"]) == (409, "not_requeueable")
        harness.broker.fail(job, Code.ORIGINAL_MISSING)
        again = await harness.client.post(f"/jobs/{job}/requeue")
        assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "queued", 0)

    serve(scenario)


@pytest.mark.parametrize(("method", "address", "status"), [("POST", "/requeue", 202), ("DELETE", "?purge=true", 204)])
def test_a_command_whose_ack_died_with_its_broker_is_done_once(method: str, address: str, status: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.broker.fail(job)
        harness.answers = False
        asked = asyncio.create_task(harness.client.request(method, f"/jobs/{job}{address}"))
        await turns()
        change, harness.answers = harness.broker.change, True
        harness.restart_broker()
        assert (await asked).status_code == status
        assert harness.broker.change == change
        assert len([message for message in harness.sent if isinstance(message, Requeue | Purge)]) == 2
        assert (await harness.client.request(method, f"/jobs/{job}{address}")).status_code in (404, 409)

    serve(scenario)


def test_commands_over_all_that_match() -> None:
    async def scenario(harness: WebHarness) -> None:
        for reference in ("a", "a", "b"):
            await harness.accepted(reference=reference)
        sent = len(harness.sent)
        dry = await harness.client.delete("/jobs?reference=a&dry_run=1")
        assert dry.json() == {"matched": 2, "changed": 0}
        assert len(harness.sent) == sent
        cancelled = await harness.client.delete("/jobs?reference=a")
        assert cancelled.json() == {"matched": 2, "changed": 2}
        requeued = await harness.client.post("/jobs/requeue?state=cancelled")
        assert requeued.json() == {"matched": 2, "changed": 2}
        purged = await harness.client.delete("/jobs?purge=true&all=1")
        assert purged.json() == {"matched": 3, "changed": 0}
        assert [type(message) for message in harness.sent[sent:]] == [Cancel, Requeue, Purge]
        refused = await harness.client.post("/jobs/requeue?purge=1")
        assert (refused.status_code, refused.json()["parameter"]) == (400, "purge")

    serve(scenario)


def test_commands_over_all_of_a_time_and_a_preset() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = [await harness.accepted() for _ in range(2)]
        harness.beat()
        at = (await get(harness, f"/jobs/{jobs[0]}"))["accepted_at"]
        for query, matched in ((f"accepted_after={at}", 2), (f"accepted_before={at}", 0), ("preset=default", 2)):
            for command, path in (("DELETE", "/jobs"), ("POST", "/jobs/requeue")):
                dry = await harness.client.request(command, f"{path}?{query}&dry_run=1")
                assert dry.json() == {"matched": matched, "changed": 0}
            assert len((await get(harness, f"/jobs?{query}"))["jobs"]) == matched
        assert (await harness.client.delete(f"/jobs?accepted_before={at}")).json() == {"matched": 0, "changed": 0}
        assert (await harness.client.delete(f"/jobs?accepted_after={at}")).json() == {"matched": 2, "changed": 2}

    serve(scenario)


def test_a_broker_that_knows_no_times_is_sent_none() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        harness.beat(edition=0)
        sent = len(harness.sent)
        refused = await harness.client.delete("/jobs?accepted_before=2000-01-01T00:00:00Z&purge=1")
        assert (refused.status_code, refused.json()["code"]) == (503, "broker_silent")
        assert "earlier release" in refused.json()["detail"]
        assert len(harness.sent) == sent

    serve(scenario)


def test_a_silent_broker_and_a_command() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.works = False
        response = await harness.client.post("/queue/pause")
        assert (response.status_code, response.json()["code"]) == (503, "broker_silent")

    serve(scenario, accept_seconds=0.05)


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/jobs"), ("POST", "/jobs/requeue")])
def test_a_filter_that_no_message_takes_is_refused_and_not_left_unanswered(method: str, path: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.request(method, f"{path}?reference={'x' * 256}")
        assert (answer.status_code, answer.json()["parameter"]) == (400, "reference")
        assert "255" in answer.json()["detail"]
        assert "256" in answer.json()["detail"]

    serve(scenario)


def test_pause_resume_and_drain() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert (await harness.client.post("/queue/pause")).json() == {"paused": True}
        assert harness.broker.paused
        assert (await harness.client.post("/queue/resume")).json() == {"paused": False}
        assert not harness.broker.paused
        assert (await harness.client.post("/workers/w9/drain")).status_code == 404
        assert (await harness.client.post(f"/workers/{'w' * 256}/drain")).status_code == 404
        harness.broker.come("w9")
        assert (await harness.client.post("/workers/w9/drain")).status_code == 202

    serve(scenario)


def test_statistics_are_the_latest_beat() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert (await get(harness, "/stats", 503))["code"] == "broker_silent"
        job = await harness.accepted()
        await harness.accepted()
        harness.broker.come("box/1").begin(job)
        harness.broker.come("box/2")
        await harness.accepted()
        harness.now += 2
        harness.beat()
        stats = await get(harness, "/stats")
        assert list(stats) == ["queue", "jobs", "workers", "workers_wanted", "sweeps", "deliveries", "rates"]
        assert (stats["queue"]["depth"], stats["queue"]["paused"]) == (1, False)
        assert stats["queue"]["oldest_seconds"] >= 0
        assert stats["jobs"] == dict.fromkeys((state.value for state in State), 0) | {"queued": 1, "running": 2}
        worker, other = stats["workers"]
        assert (worker["name"], worker["incarnation"], worker["state"]) == ("box/1", "box/1", "busy")
        assert worker["kind"] == "images"
        assert worker["since"][-5:-1].startswith(".")
        assert 2 <= worker["jobs"][0]["seconds"] < 10
        assert [held["seconds"] for held in other["jobs"]] == [None]
        harness.now += 11
        await get(harness, "/stats", 503)

    serve(scenario, accept_seconds=10)


def test_statistics_wait_for_the_first_beat_of_a_process_that_has_just_begun() -> None:
    async def scenario(harness: WebHarness) -> None:
        asked = asyncio.ensure_future(get(harness, "/stats"))
        await turns()
        assert not asked.done()
        harness.beat()
        assert (await asked)["queue"]["depth"] == 0

    serve(scenario, accept_seconds=5)


def test_ready_warns_of_web_hosts_with_different_secrets() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.broker.come("one")
        for secret, warned in ((harness.web.key_secret, 0), (b"that of another host", 1)):
            harness.web.key_secret = secret
            await harness.accepted()
            harness.beat()
            found = await get(harness, "/health/ready")
            assert found["status"] == "ready"
            assert len(found["warnings"]) == warned
        assert found["warnings"][0].startswith("the web hosts have 2 different key.secret: copy one of them to all")

    serve(scenario)


def test_ready_and_stats_say_whose_cache_fails_and_that_it_answers_again() -> None:
    async def scenario(harness: WebHarness) -> None:
        one, _ = (harness.broker.come(name) for name in ("one", "two"))
        for one.cache, warnings in [
            ("no connection", ["the result cache fails for 1 of 2 workers (no connection): images are processed anew"]),
            ("", []),
        ]:
            harness.beat()
            assert [worker["cache"] for worker in (await get(harness, "/stats"))["workers"]] == [
                one.cache or None,
                None,
            ]
            found = await get(harness, "/health/ready")
            assert (found["status"], found["warnings"]) == ("ready", warnings)

    serve(scenario)


@pytest.mark.parametrize(
    ("states", "paused", "failing", "walk", "workers", "warnings"),
    [
        (["busy", "idle", "draining"], False, 0, "", 2, []),
        ([], False, 0, "", 0, ["no worker takes jobs: accepted jobs wait"]),
        (["draining"], False, 0, "", 0, ["no worker takes jobs: accepted jobs wait"]),
        (["idle"], True, 0, "", 1, ["paused: accepted jobs wait"]),
        (
            ["idle"],
            False,
            0,
            "no right",
            1,
            ["the search for files without a job has stopped: /stats and a worker's log say why"],
        ),
        (["idle"], False, 7, "", 1, ["deletions of files fail (7): /stats and a worker's log say why"]),
    ],
)
def test_ready_says_what_does_not_go_on_as_it_should(
    states: list[str], paused: bool, failing: int, walk: str, workers: int, warnings: list[str]
) -> None:
    """It stays ready: uploads are taken, and kept."""

    async def scenario(harness: WebHarness) -> None:
        for _ in range(failing):
            job = await harness.accepted()
            harness.broker.cancel(job)
            harness.broker.purge(job)
        for state in states:
            if state == "busy":
                await harness.accepted()
            harness.broker.come(state, draining=state == "draining", undeleted="read-only", unlisted=walk)
        if paused:
            await harness.client.post("/queue/pause")
        for _ in range(2):  # the first one begins the search
            harness.beat()
        stats = await get(harness, "/stats")
        assert [worker["state"] for worker in stats["workers"]] == states
        assert stats["sweeps"] == {
            "waiting": failing,
            "failing": failing,
            "why": "read-only" if failing else None,
            "walk": walk or None,
        }
        found = await get(harness, "/health/ready")
        assert (found["status"], found["workers"], found["warnings"]) == ("ready", workers, warnings)
        harness.now += 11
        assert found["durability"] == "local"
        unheard = await get(harness, "/health/ready", 503)
        assert (unheard["workers"], unheard["warnings"]) == (None, []), "what was heard so long ago is not said"
        assert unheard["durability"] is None

    serve(scenario, accept_seconds=10)


def test_ready_says_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_ledger: MemoryLedger, _job: str) -> None:
        raise StoreFault("gone")

    async def scenario(harness: WebHarness) -> None:
        assert await get(harness, "/health/live") == {"status": "live"}
        assert (await get(harness, "/health/ready", 503))["reasons"] == ["broker unheard"]
        harness.feed.refusal = "our key is refused"
        assert (await get(harness, "/health/ready", 503))["reasons"] == ["broker unheard", "our key is refused"]
        harness.beat()
        assert (await get(harness, "/health/ready"))["reasons"] == [], "one broker refuses us, and another serves"
        harness.feed.refusal = ""
        harness.now += 11
        harness.web.draining = True
        monkeypatch.setattr(MemoryLedger, "job", unreadable)
        harness.blobs.room = -1
        reasons = (await get(harness, "/health/ready", 503))["reasons"]
        assert reasons == ["draining", "broker unheard", "ledger unreadable", "disk nearly full"]
        monkeypatch.setattr(harness.blobs, "free_bytes", Mock(side_effect=StoreFault("the data folder is read-only")))
        assert "the data folder is read-only" in (await get(harness, "/health/ready", 503))["reasons"]
        assert await get(harness, "/health/live") == {"status": "live"}

    serve(scenario, accept_seconds=10)


def test_presets_come_resolved() -> None:
    async def scenario(harness: WebHarness) -> None:
        presets = (await get(harness, "/presets"))["presets"]
        assert list(presets) == ["default", "other"]
        assert presets["default"]["renditions"][0]["fit"] == "inside"

    serve(scenario)


def test_no_trace_leaves_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_ledger: MemoryLedger, _job: str) -> None:
        raise RuntimeError("secret detail")

    async def scenario(harness: WebHarness) -> None:
        monkeypatch.setattr(MemoryLedger, "job", broken)
        harness.client._transport.raise_app_exceptions = False  # type: ignore[attr-defined]
        response = await harness.client.get(f"/jobs/{'0' * 26}")
        assert (response.status_code, response.json()["code"]) == (500, "internal")
        assert "secret" not in response.text

    serve(scenario)


def test_what_changes_all_jobs_wants_a_word() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        for method, path in (("DELETE", "/jobs"), ("DELETE", "/jobs?purge=1&all=0"), ("POST", "/jobs/requeue")):
            refused = await harness.client.request(method, path)
            assert (refused.status_code, refused.json()["parameter"]) == (400, "all")
        assert len(harness.sent) == 1
        assert (await harness.client.delete("/jobs?dry_run=1")).json()["matched"] == 1
        assert (await harness.client.delete("/jobs?all=1")).json()["changed"] == 1
        assert (await harness.client.post("/jobs/requeue?all=true")).json()["changed"] == 1

    serve(scenario)


def test_a_key_serves_again_once_its_jobs_are_purged() -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = {"Idempotency-Key": "k"}
        first = (await harness.upload(png(1), png(2), headers=headers)).json()["jobs"]
        for job in first:
            harness.finish(job["id"])
        assert (await harness.client.delete(f"/jobs/{first[0]['id']}?purge=1")).status_code == 204
        left = await harness.upload(png(1), png(2), headers=headers)
        assert [job["id"] for job in left.json()["jobs"]] == [first[1]["id"]]
        assert (await harness.upload(png(3), png(2), headers=headers)).json()["code"] == "idempotency_key_reused"
        assert (await harness.client.delete(f"/jobs/{first[1]['id']}?purge=1")).status_code == 204
        again = await harness.upload(png(3), headers=headers)
        assert again.status_code == 202
        assert (await harness.upload(png(3), headers=headers)).json()["id"] == again.json()["id"]

    serve(scenario)
