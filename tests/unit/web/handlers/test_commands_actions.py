"""Who did what: each command names its key, and operators list what was carried out."""

import time
from datetime import datetime
from typing import Any

from jobs.access.keys import Scope, digest_of, entry_of
from jobs.deliveries import update_of
from jobs.records import Records
from jobs.wire import encode
from tests.properties.harness import BULK_ROWS
from tests.support.harnesses.web_harness import WebHarness, png, serve

KEYS = ",".join(
    [entry_of("acme", Scope.WRITE, "w"), entry_of("ops", Scope.OPERATE, "o"), entry_of("ops", Scope.OPERATE, "p")]
)
URL = "https://app.example/hooks"


def who(key: str) -> str:
    """What is told of a key."""
    return digest_of(key.encode()).hex()[:8]


async def as_key(harness: WebHarness, method: str, path: str, key: str = "o", **more: Any) -> Any:
    """The answer to the caller with this key."""
    answer = await harness.client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **more)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def listed(harness: WebHarness, query: str = "") -> list[dict[str, Any]]:
    """What an operator sees, the oldest first."""
    return list((await as_key(harness, "GET", f"/actions{query}"))["actions"][::-1])


async def uploaded(harness: WebHarness, **fields: str) -> str:
    """The id of a job of acme's."""
    files = [("image", ("a.png", png()))]
    return str((await as_key(harness, "POST", "/upload", "w", files=files, data=fields))["id"])


def test_each_command_tells_its_key_and_what_it_named() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await uploaded(harness, webhook_url=URL)
        await as_key(harness, "DELETE", f"/jobs/{job}", "w")
        (row,) = harness.ledger.delivery_rows.values()
        harness.ledger.commit(Records(attempted=[update_of(row._replace(due_at=None, state="failed", ended_at=1.0))]))
        harness.restart_broker()
        await as_key(harness, "POST", f"/deliveries/{row.id}/replay", "w")
        await as_key(harness, "POST", "/deliveries/replay?state=delivered", "w")
        harness.broker.come("inc")
        await as_key(harness, "POST", "/queue/pause", "o")
        await as_key(harness, "POST", f"/jobs/{job}/requeue", "w")
        await as_key(harness, "DELETE", "/jobs?state=queued", "o")
        await as_key(harness, "POST", "/queue/resume", "p")
        await as_key(harness, "POST", "/workers/inc/drain", "p")
        await as_key(harness, "DELETE", f"/jobs/{job}?purge=1", "w")
        opened = await as_key(harness, "POST", "/batches", "w")
        mine = await as_key(harness, "POST", "/batches", "w")
        await as_key(harness, "POST", f"/batches/{opened['id']}/close", "o")
        await as_key(harness, "POST", f"/batches/{mine['id']}/close", "w")
        told = [(each["who"], each["verb"], each["filter"], each["count"]) for each in await listed(harness)]
        told.sort(key=lambda each: (each[1], str(each[2])))  # the clock of ids may stand still between two commands
        w, o, p = who("w"), who("o"), who("p")
        assert told == [
            (w, "cancel", {"job": job}, 1),
            (o, "cancel", {"state": "queued"}, 1),
            (o, "close", {"batch": opened["id"]}, 1),
            (p, "drain", {"worker": "inc"}, 1),
            (o, "pause", {}, 1),
            (w, "purge", {"job": job}, 1),
            (w, "replay", {"delivery": row.id}, 1),
            (w, "replay", {"tenant": "acme", "state": "delivered"}, 0),
            (w, "requeue", {"job": job}, 1),
            (p, "resume", {}, 1),
        ]

    serve(scenario, api_keys=KEYS)


def test_a_session_is_told_as_its_key() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert (await harness.client.post("/session", json={"key": "p"})).status_code == 200
        origin = {"Origin": "http://localhost:3000"}
        assert (await harness.client.post("/queue/pause", headers=origin)).status_code == 200
        (action,) = (await harness.client.get("/actions")).json()["actions"]
        assert action["who"] == who("p")

    serve(scenario, api_keys=KEYS)


def test_without_keys_nobody_is_named_and_no_tenant() -> None:
    async def scenario(harness: WebHarness) -> None:
        before = time.time()
        await harness.accepted(reference="r")
        harness.beat()
        await harness.client.delete("/jobs?reference=r&accepted_after=2026-01-01T01:00:00%2B01:00")
        answer = await harness.client.get("/actions")
        assert answer.headers["cache-control"] == "no-store"
        (action,) = answer.json()["actions"]
        assert action | {"id": "", "at": ""} == {
            "id": "", "at": "", "who": None, "verb": "cancel", "count": 1,
            "filter": {"reference": "r", "accepted_after": "2026-01-01T00:00:00.000Z"},
        }  # fmt: skip
        assert before - 1 < datetime.fromisoformat(action["at"]).timestamp() < time.time() + 1

    serve(scenario)


def test_the_steps_of_one_command_are_one_action_and_two_commands_are_two() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = 2 * BULK_ROWS + 1
        for _ in range(jobs):
            await harness.accepted()
        await harness.client.delete("/jobs?dry_run=1")
        assert (await harness.client.get("/actions")).json() == {"actions": [], "next": None}
        await harness.client.delete("/jobs?all=1")
        assert len(harness.sent) > jobs
        await harness.client.post("/jobs/requeue?all=1")
        counts = {each["verb"]: each["count"] for each in (await harness.client.get("/actions")).json()["actions"]}
        assert counts == {"cancel": jobs, "requeue": jobs}

    serve(scenario)


def test_a_command_that_is_sent_again_is_one_action() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.answers = False
        assert (await harness.client.delete(f"/jobs/{job}")).status_code == 503
        harness.broker.handle(encode(harness.sent[-1]))
        (action,) = (await harness.client.get("/actions")).json()["actions"]
        assert (action["filter"], action["count"]) == ({"job": job}, 1)

    serve(scenario)


def test_actions_come_in_pages() -> None:
    async def scenario(harness: WebHarness) -> None:
        for path in ("/queue/pause", "/queue/resume", "/queue/pause"):
            await harness.client.post(path)
        whole = (await harness.client.get("/actions")).json()
        assert (len(whole["actions"]), whole["next"]) == (3, None)
        assert [each["id"] for each in whole["actions"]] == sorted(
            (each["id"] for each in whole["actions"]), reverse=True
        )
        first = (await harness.client.get("/actions?limit=2")).json()
        second = (await harness.client.get(f"/actions?limit=2&after={first['next']}")).json()
        assert first["actions"] + second["actions"] == whole["actions"]
        assert second["next"] is None
        for query in ("after=x", "after=%00", "limit=0", "limit=501", "state=done"):
            refused = await harness.client.get(f"/actions?{query}")
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_parameter"), query

    serve(scenario)
