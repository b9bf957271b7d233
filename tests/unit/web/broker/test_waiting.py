"""What web says of waiting, and the uploads that it refuses because of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobs.records import Lane
from jobs.wire import Change, LaneView, Waiting
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.broker import waiting
from web.broker.forecast import Forecast
from web.streams.streams import Stream

SMALL, LARGE = Lane(1, "s."), Lane(1, "l.")
JPEG = {"Content-Type": "image/jpeg"}


def beat(harness: WebHarness, queued: int = 0, lane: Lane = SMALL, seconds: float = 2.0, workers: int = 1) -> None:
    """The broker says that so many jobs wait in a lane, each of so many seconds, with no worker free at once."""
    marks = [(0, 1), (queued - 1, queued)][:queued]
    views = [LaneView(lane, queued, marks)] if queued else []
    waiting = Waiting({"s": seconds, "l": seconds}, views, [0.0] * workers)
    harness.beat(waiting=waiting)


async def problem(harness: WebHarness, **arguments: Any) -> tuple[int, str, str | None]:
    response = await harness.client.post("/upload", **arguments)
    return response.status_code, response.json().get("code", ""), response.headers.get("retry-after")


async def never_read() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


def test_a_job_says_its_place_and_when_it_is_expected_to_end() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        view = (await harness.client.get(f"/jobs/{job}")).json()
        assert (view["queue_position"], view["eta_seconds"]) == (None, None)
        beat(harness, queued=1)
        harness.now += 0.5
        response = await harness.client.get(f"/jobs/{job}")
        view = response.json()
        assert (view["queue_position"], view["eta_seconds"]) == (1, 2.0)
        assert response.headers["retry-after"] == "2"
        assert (await harness.client.get("/jobs")).json()["jobs"][0]["eta_seconds"] == 2.0
        assert (await harness.client.get(f"/batches/{job}")).json()["jobs"][0]["queue_position"] == 1
        harness.broker.start(job)
        assert (await harness.client.get(f"/jobs/{job}")).json()["queue_position"] is None
        harness.now += 11
        assert (await harness.client.get(f"/jobs/{job}")).json()["eta_seconds"] is None

    serve(scenario)


def test_statistics_say_how_long_a_new_upload_would_wait() -> None:
    async def scenario(harness: WebHarness) -> None:
        beat(harness)
        assert (await harness.client.get("/stats")).json()["queue"]["wait_seconds"] == 0.0
        beat(harness, queued=10, workers=2)
        assert (await harness.client.get("/stats")).json()["queue"]["wait_seconds"] == 9.5
        harness.beat()
        assert (await harness.client.get("/stats")).json()["queue"]["wait_seconds"] is None

    serve(scenario, accept_seconds=10)


def test_an_upload_that_would_wait_too_long_is_refused_before_its_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        beat(harness, queued=3)
        assert await problem(harness, content=never_read(), headers=JPEG) == (503, "wait_too_long", "1")
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        beat(harness, queued=30)
        assert await problem(harness, content=never_read(), headers=form) == (503, "wait_too_long", "55")
        document = (await harness.client.post("/upload", content=never_read(), headers=form)).json()
        assert (document["limit"], document["allowed"], document["actual"]) == ("eta_seconds_max", 5.0, 60.0)
        assert (await harness.client.post("/upload?priority=high", content=png(), headers=JPEG)).status_code == 202
        beat(harness, queued=2)
        assert (await harness.upload()).status_code == 202

    serve(scenario, eta_seconds_max=5.0)


def test_a_large_image_is_refused_once_its_head_tells_its_lane() -> None:
    async def scenario(harness: WebHarness) -> None:
        beat(harness, queued=30, lane=LARGE)
        assert await problem(harness, content=png(6000, 5000), headers=JPEG) == (503, "wait_too_long", "55")
        assert (await harness.client.post("/upload", content=png(400, 300), headers=JPEG)).status_code == 202
        assert len(harness.blobs.blobs) == 1

    serve(scenario, eta_seconds_max=5.0)


def test_a_form_is_judged_by_the_recipe_that_comes_after_its_image() -> None:
    async def scenario(harness: WebHarness) -> None:
        beat(harness, queued=30, lane=LARGE)
        costly = json.dumps({"renditions": [{"name": "a", "format": "webp", "lossless": True}]})
        files: dict[str, Any] = {"files": ("a.png", png(1500, 1000), "image/png"), "recipe": (None, costly)}
        assert await problem(harness, files=files) == (503, "wait_too_long", "55")
        assert harness.blobs.blobs == {}
        assert (await harness.client.post("/upload", files={"files": files["files"]})).status_code == 202

    serve(scenario, eta_seconds_max=5.0)


def test_many_pixels_that_cost_little_wait_in_the_lane_of_small_jobs() -> None:
    async def scenario(harness: WebHarness) -> None:
        beat(harness, queued=30, lane=LARGE)
        thumb = json.dumps({"renditions": [{"name": "a", "width": 100, "format": "jpeg"}]})
        many: dict[str, Any] = {"content": png(4000, 3000), "headers": JPEG}
        assert (await harness.client.post("/upload", params={"recipe": thumb}, **many)).status_code == 202
        costly = json.dumps({"renditions": [{"name": "a", "width": 1200, "format": "webp", "lossless": True}]})
        refused = await harness.client.post("/upload", params={"recipe": costly}, **many)
        assert refused.json()["code"] == "wait_too_long"

    serve(scenario, eta_seconds_max=5.0)


def test_a_repeat_under_its_key_is_answered_however_long_the_queue_is() -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.upload(headers={"Idempotency-Key": "k"})
        beat(harness, queued=30)
        again = await harness.upload(headers={"Idempotency-Key": "k"})
        assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
        assert (await harness.upload(headers={"Idempotency-Key": "other"})).status_code == 503

    serve(scenario, eta_seconds_max=5.0)


@pytest.mark.parametrize(("queued", "seconds"), [(1, "2"), (600, "120")])
def test_a_full_queue_says_when_a_tenth_of_it_will_be_done(queued: int, seconds: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        beat(harness, queued)
        assert await problem(harness, content=png(), headers=JPEG) == (503, "queue_full", seconds)

    serve(scenario, queued_max=1)


def test_what_came_and_went_between_two_beats_is_waited_for_no_more() -> None:
    async def scenario(harness: WebHarness) -> None:
        await harness.accepted()
        beat(harness)
        came = Change(100, "j", "", "running", 0, lane=SMALL, position=100)
        harness.feed.forecast.received_changes([came])
        busy = harness.feed.forecast.of_new(1, "", 0)
        harness.feed.forecast.received_changes([Change(101, "j", "", "done", 1)])
        free = harness.feed.forecast.of_new(1, "", 0)
        assert busy is not None and free is not None
        assert (busy.wait_seconds, free.wait_seconds) == (2.0, 0.0)

    serve(scenario)


def test_one_forecast_serves_a_beat_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs milliseconds of all streams' time where there are thousands of lanes."""
    made: list[Forecast] = []

    def counted(*told: Any) -> Forecast:
        made.append(Forecast(*told))
        return made[-1]

    async def scenario(harness: WebHarness) -> None:
        streams = [Stream(f"http://{base}", f"t{tenant}") for base in "ab" for tenant in range(50)]
        for stream in streams:
            harness.hub.join(stream)
        for beats in (1, 2):
            beat(harness, queued=3)
            assert all(stream.held(0.0) for stream in streams), "they hear how long they would wait"
            await harness.client.get("/stats")
            await harness.client.get("/jobs")
            assert len(made) == beats

    monkeypatch.setattr(waiting, "Forecast", counted)
    serve(scenario)
