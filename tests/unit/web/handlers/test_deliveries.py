"""Receivers: who may name one, what is listed of them, and replays."""

import base64
import json

import msgspec
import pytest

from jobs.deliveries import DeliveryRow, update_of
from jobs.job import Hooks
from jobs.limits import WEBHOOK_CHARACTERS_MAX
from jobs.records import Records
from jobs.wire import (
    COURIER,
    COURIERS_EDITION,
    TIMES_EDITION,
    DeliveriesView,
    Replay,
    Submit,
    SubmitForCouriers,
    WorkerView,
)
from tests.support.harnesses.web_harness import BASE, WebHarness, granted, png, serve
from tests.unit.web.uploads.test_admission import KEYS

URL = "https://app.example/hooks?key=secret"
SHOWN = "https://app.example/hooks"


def hooks_sent(harness: WebHarness) -> list[Hooks | None]:
    """Of each POST that the broker got."""
    return [message.hooks for message in harness.sent if isinstance(message, Submit)]


def rows(harness: WebHarness) -> list[DeliveryRow]:
    return [*harness.ledger.delivery_rows.values()]


async def told(harness: WebHarness, *, state: str = "failed") -> str:
    """A job has ended, and its one delivery is in this state. The delivery's id."""
    harness.finish(await harness.accepted(webhook_url=URL))
    row = rows(harness)[-1]._replace(attempts=3, tries=3, due_at=None, state=state, status=500, error="e", ended_at=9.0)
    harness.ledger.commit(Records(attempted=[update_of(row)]))
    harness.restart_broker()
    return row.id


def test_an_upload_names_a_receiver_which_is_told_of_its_end() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted(webhook_url=URL)
        assert hooks_sent(harness) == [Hooks((URL,), BASE)]
        assert rows(harness) == []
        harness.finish(job)
        (row,) = rows(harness)
        assert (row.url, row.job, row.state) == (URL, job, "waiting")
        assert json.loads(row.body)["data"]["status_url"] == f"{BASE}/jobs/{job}"

    serve(scenario)


def test_an_upload_that_names_none_has_none() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.finish(await harness.accepted())
        assert hooks_sent(harness) == [None]
        assert rows(harness) == []

    serve(scenario)


def test_a_broker_that_tells_no_end_of_a_batch_accepts_none_with_receivers() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.beat(edition=COURIERS_EDITION)
        sent = len(harness.sent)
        for refused in (
            await harness.upload(png(1), png(2), webhook_url=URL),
            await harness.client.post("/jobs", json={"originals": [job], "webhook_url": URL}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (503, "broker_silent")
            assert "earlier release" in refused.json()["detail"]
        assert len(harness.sent) == sent
        for accepted in (
            await harness.upload(png(1), png(2)),
            await harness.upload(webhook_url=URL),
            await harness.client.post("/jobs", json={"original": job, "webhook_url": URL}),
        ):
            assert accepted.status_code == 202

    serve(scenario)


def test_a_broker_that_knows_no_receivers_accepts_none_of_their_jobs() -> None:
    async def scenario(harness: WebHarness) -> None:
        delivery = await told(harness)
        harness.beat(edition=TIMES_EDITION)
        sent = len(harness.sent)
        for refused in (
            await harness.upload(webhook_url=URL),
            await harness.client.post(f"/deliveries/{delivery}/replay"),
            await harness.client.post("/deliveries/replay", params={"all": 1}),
        ):
            assert (refused.status_code, refused.json()["code"]) == (503, "broker_silent")
            assert "earlier release" in refused.json()["detail"]
        assert len(harness.sent) == sent
        assert (await harness.upload()).status_code == 202
        assert (await harness.client.post("/deliveries/replay", params={"dry_run": 1})).json()["matched"] == 1

    serve(scenario)


def test_before_the_first_beat_a_receiver_goes_out_under_a_name_that_an_older_broker_drops() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert harness.feed.latest_beat is None
        await harness.accepted(webhook_url=URL)
        await harness.accepted()
        assert [type(message) for message in harness.sent] == [SubmitForCouriers, Submit]

    serve(scenario)


def test_raw_uploads_and_jobs_of_stored_originals_name_one_too() -> None:
    async def scenario(harness: WebHarness) -> None:
        raw = await harness.client.post("/upload", content=png(), params={"webhook_url": URL})
        assert raw.status_code == 202
        again = await harness.client.post("/jobs", json={"original": raw.json()["id"], "webhook_url": URL})
        assert again.status_code == 202
        assert hooks_sent(harness) == [Hooks((URL,), BASE)] * 2

    serve(scenario)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://app.example/", "https"),
        ("http://app.example/", "http is refused"),
        ("https://127.0.0.1/", "not public"),
        ("https://[::1]/", "not public"),
        ("https://2130706433/", "four numbers"),
        ("https://app.example:8443/", "port 8443"),
        ("https://user:password@app.example/", "user name"),
        ("https://app.example/" + "x" * WEBHOOK_CHARACTERS_MAX, "1000 characters"),
        ("https://app.example/ä", "ASCII"),
        ("no address", "ASCII"),
    ],
)
def test_an_address_that_may_not_be_called_is_refused_before_anything_is_stored(url: str, why: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.upload(webhook_url=url)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_parameter")
        assert refused.json()["parameter"] == "webhook_url"
        assert why in refused.json()["detail"]
        assert not harness.blobs.blobs

    serve(scenario)


def test_an_address_in_json_must_be_a_text() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        refused = await harness.client.post("/jobs", json={"original": job, "webhook_url": 5})
        assert (refused.status_code, refused.json()["parameter"]) == (400, "webhook_url")

    serve(scenario)


def test_without_couriers_an_upload_that_names_one_is_refused() -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.upload(webhook_url=URL)
        assert refused.status_code == 400
        assert "PIXMILL_COURIERS is 0" in refused.json()["detail"]
        assert (await harness.upload()).status_code == 202

    async def elsewhere(harness: WebHarness) -> None:
        assert (await harness.upload(webhook_url=URL)).status_code == 202

    serve(scenario, couriers="0")
    serve(elsewhere, couriers="elsewhere")


def test_on_the_network_no_client_chooses_the_addresses_in_an_event() -> None:
    async def unnamed(harness: WebHarness) -> None:
        refused = await harness.upload(webhook_url=URL, headers={"Host": "evil.example"})
        assert (refused.status_code, refused.json()["parameter"]) == (400, "webhook_url")
        assert "PIXMILL_PUBLIC_URL" in refused.json()["detail"]
        assert not harness.blobs.blobs
        assert (await harness.upload()).status_code == 202

    async def named(harness: WebHarness) -> None:
        posted = await harness.upload(webhook_url=URL, headers={"Host": "evil.example"})
        assert posted.status_code == 202
        assert hooks_sent(harness) == [Hooks((URL,), "https://pix.example")]

    serve(unnamed, host="0.0.0.0")
    serve(named, host="0.0.0.0", public_url="https://pix.example")


def test_the_receiver_of_a_tenant_is_told_too_but_once() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.web.receivers = {"": "https://all.example/"}
        await harness.accepted()
        await harness.accepted(webhook_url=URL)
        await harness.accepted(webhook_url="https://all.example/")
        urls = [hooks.urls for hooks in hooks_sent(harness) if hooks]
        assert urls == [("https://all.example/",), (URL, "https://all.example/"), ("https://all.example/",)]

    serve(scenario)


def test_an_upload_may_choose_to_tell_of_renditions() -> None:
    async def scenario(harness: WebHarness) -> None:
        chosen = {"webhook_events": "job.rendition"}
        harness.finish(await harness.accepted(webhook_url=URL, **chosen))
        assert hooks_sent(harness) == [Hooks((URL,), BASE, True)]
        assert [row.type for row in rows(harness)] == ["job.rendition", "job.done"]
        listed = await harness.client.get("/deliveries", params={"type": "job.rendition"})
        assert len(listed.json()["deliveries"]) == 1
        for wrong in ({"webhook_events": "job.done", "webhook_url": URL}, chosen):
            refused = await harness.upload(headers=None, **wrong)
            assert (refused.status_code, refused.json()["parameter"]) == (400, "webhook_events")
        harness.web.receivers = {"": "https://all.example/"}
        assert (await harness.upload(headers=None, **chosen)).status_code == 202, "the tenant's receiver is told"

    serve(scenario)


def test_under_a_grant_only_its_own_receiver_is_told() -> None:
    async def scenario(harness: WebHarness) -> None:
        without, named = granted(harness), granted(harness, webhook_url=URL)
        refused = await harness.upload(headers=without, webhook_url=URL)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        refused = await harness.upload(headers=named, webhook_url="https://other.example/")
        assert refused.status_code == 403
        assert (await harness.upload(headers=without)).status_code == 202
        assert (await harness.upload(headers=named)).status_code == 202
        assert [hooks and hooks.urls for hooks in hooks_sent(harness)] == [None, (URL,)]

    serve(scenario, api_keys=KEYS)


def test_a_grant_is_made_with_a_receiver_that_may_be_called() -> None:
    async def scenario(harness: WebHarness) -> None:
        made = await harness.client.post("/grants", json={"webhook_url": URL})
        assert (made.status_code, made.json()["webhook_url"]) == (201, URL)
        headers = {"Authorization": f"Bearer {made.json()['grant']}"}
        assert (await harness.upload(headers=headers)).status_code == 202
        assert hooks_sent(harness) == [Hooks((URL,), BASE)]
        refused = await harness.client.post("/grants", json={"webhook_url": "https://127.0.0.1/"})
        assert refused.status_code == 400

    serve(scenario)


def test_a_receiver_is_part_of_what_an_idempotency_key_stands_for() -> None:
    async def scenario(harness: WebHarness) -> None:
        key = {"Idempotency-Key": "k"}
        assert (await harness.upload(headers=key, webhook_url=URL)).status_code == 202
        assert (await harness.upload(headers=key, webhook_url=URL)).status_code == 202
        assert (await harness.upload(headers=key)).json()["code"] == "idempotency_key_reused"

    serve(scenario)


def test_deliveries_are_listed_filtered_and_paged() -> None:
    async def scenario(harness: WebHarness) -> None:
        ids = [await told(harness) for _ in range(3)]
        harness.finish(await harness.accepted(webhook_url=URL))
        whole = (await harness.client.get("/deliveries")).json()
        assert [each["id"] for each in whole["deliveries"]][1:] == ids[::-1]
        assert whole["next"] is None
        first = whole["deliveries"][1]
        assert (first["url"], first["state"], first["status"], first["attempts"]) == (SHOWN, "failed", 500, 3)
        failed = (await harness.client.get("/deliveries", params={"state": "failed", "limit": 2})).json()
        assert [each["id"] for each in failed["deliveries"]] == [ids[2], ids[1]]
        rest = await harness.client.get("/deliveries", params={"state": "failed", "after": failed["next"]})
        assert [each["id"] for each in rest.json()["deliveries"]] == [ids[0]]
        of_job = await harness.client.get("/deliveries", params={"job": first["job"], "type": "job.done"})
        assert [each["id"] for each in of_job.json()["deliveries"]] == [first["id"]]
        ever = await harness.client.get("/deliveries", params={"since": "0511-01-07T09:43:43Z"})
        assert len(ever.json()["deliveries"]) > 0
        later = await harness.client.get("/deliveries", params={"since": "2100-01-01T00:00:00Z"})
        assert later.json()["deliveries"] == []

    serve(scenario)


@pytest.mark.parametrize(
    "query", [{"state": "done"}, {"type": "job"}, {"job": "x"}, {"since": "yesterday"}, {"since": "2026-01-01"},
              {"after": "x"}, {"limit": "0"}, {"url": "x"}],
)  # fmt: skip
def test_a_wrong_filter_is_named(query: dict[str, str]) -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.client.get("/deliveries", params=query)
        assert (refused.status_code, refused.json()["parameter"]) == (400, next(iter(query)))

    serve(scenario)


def test_a_job_tells_of_its_deliveries_but_not_to_who_may_only_view_it() -> None:
    async def scenario(harness: WebHarness) -> None:
        delivery = await told(harness)
        (row,) = rows(harness)
        job = (await harness.client.get(f"/jobs/{row.job}")).json()
        assert [each["id"] for each in job["deliveries"]] == [delivery]
        grant = (await harness.client.post("/grants", json={"job": row.job})).json()["grant"]
        viewed = (await harness.client.get(f"/jobs/{row.job}", params={"grant": grant})).json()
        assert viewed["deliveries"] == []
        other = await harness.accepted()
        assert (await harness.client.get(f"/jobs/{other}")).json()["deliveries"] == []

    serve(scenario)


def test_one_delivery_is_replayed() -> None:
    async def scenario(harness: WebHarness) -> None:
        delivery = await told(harness, state="stopped")
        replayed = await harness.client.post(f"/deliveries/{delivery}/replay")
        assert (replayed.status_code, replayed.json()["state"], replayed.json()["id"]) == (202, "waiting", delivery)
        for unknown in (delivery[:-1] + ("0" if delivery[-1] != "0" else "1"), "x", "d9-0000000"):
            refused = await harness.client.post(f"/deliveries/{unknown}/replay")
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found")

    serve(scenario)


def test_all_that_match_are_replayed_or_counted() -> None:
    async def scenario(harness: WebHarness) -> None:
        for state in ("failed", "stopped", "failed", "failed", "failed"):
            await told(harness, state=state)
        harness.sent.clear()
        counted = await harness.client.post("/deliveries/replay", params={"state": "failed", "dry_run": 1})
        assert counted.json() == {"matched": 4, "changed": 0}
        assert harness.sent == []
        refused = await harness.client.post("/deliveries/replay")
        assert (refused.status_code, refused.json()["parameter"]) == (400, "all")
        done = await harness.client.post("/deliveries/replay", params={"state": "failed"})
        assert done.json() == {"matched": 4, "changed": 4}
        assert len([message for message in harness.sent if isinstance(message, Replay)]) > 1, "in steps"
        assert sorted(row.state for row in rows(harness)) == ["stopped", *["waiting"] * 4]

    serve(scenario)


def test_statistics_count_deliveries_and_health_warns_of_those_that_nobody_gets() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.finish(await harness.accepted(webhook_url=URL))
        harness.broker.come("w")
        harness.beat()
        counts = {"waiting": 1, "failed": 0, "failing": 0, "paused": 0}
        assert (await harness.client.get("/stats")).json()["deliveries"] == counts
        (warning,) = (await harness.client.get("/health/ready")).json()["warnings"]
        assert warning == "no courier takes deliveries: 1 webhooks wait"
        workers = [WorkerView(kind, kind, "idle", 1, [], 1.0, "", kind) for kind in ("images", COURIER)]
        harness.beat(deliveries=DeliveriesView(1, 7, 3, 2), workers=workers)
        ready = await harness.client.get("/health/ready")
        assert ready.status_code == 200
        (warning,) = ready.json()["warnings"]
        assert warning.startswith("2 receivers of webhooks are paused")
        harness.beat(deliveries=None, workers=workers)
        assert (await harness.client.get("/stats")).json()["deliveries"] is None
        assert (await harness.client.get("/health/ready")).json()["warnings"] == []

    serve(scenario)


def test_other_tenants_see_and_replay_nothing() -> None:
    async def scenario(harness: WebHarness) -> None:
        acme, other = ({"Authorization": f"Bearer {key}"} for key in ("w", "b"))
        posted = await harness.upload(headers=acme, webhook_url=URL)
        harness.finish(posted.json()["id"])
        (row,) = rows(harness)
        assert len((await harness.client.get("/deliveries", headers=acme)).json()["deliveries"]) == 1
        assert (await harness.client.get("/deliveries", headers=other)).json()["deliveries"] == []
        assert (await harness.client.post(f"/deliveries/{row.id}/replay", headers=other)).status_code == 404
        done = await harness.client.post("/deliveries/replay", headers=other, params={"all": 1})
        assert done.json() == {"matched": 0, "changed": 0}

    serve(scenario, api_keys=KEYS)


def test_a_grant_of_the_release_before_is_valid_and_ours_without_a_receiver_has_its_form() -> None:
    async def scenario(harness: WebHarness) -> None:
        text = granted(harness)["Authorization"].partition(" ")[2]
        fields = text.split(".")[1]
        assert len(msgspec.json.decode(base64.urlsafe_b64decode(fields + "=" * (-len(fields) % 4)))) == 8
        assert (await harness.upload(headers={"Authorization": f"Bearer {text}"})).status_code == 202

    serve(scenario, api_keys=KEYS)
