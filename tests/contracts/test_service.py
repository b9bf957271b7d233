"""The contract of the service, for its clients: over the stand-in of pixmill.testing, and over a running cluster.

Each test runs with both clients. It knows the service by the client alone.
"""

import datetime
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pixmill import BatchEnded, Client, Conflict, Described, JobChanged, NoAccess, NotFound, Refused, RenditionMade
from pixmill.core.events import Beat
from pixmill.pictures import RECIPE, numbered
from pixmill.testing import FakePixmill
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.harnesses.awaited import Awaited
from tests.support.harnesses.web_harness import png

_numbers = itertools.count(1)
Service = FakePixmill | Cluster


@pytest.fixture(scope="module", params=["stand-in", pytest.param("cluster", marks=pytest.mark.cluster)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service; all tests share its jobs, and tell theirs apart by references."""
    if request.param == "stand-in":
        yield FakePixmill()
        return
    with ExitStack() as stack:
        cluster = Cluster(tmp_path_factory.mktemp("service"), couriers=1)
        stack.callback(cluster.stop)
        yield cluster.start()


@pytest.fixture(params=["Client", "AsyncClient"])
def client(service: Service, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Either client of the service."""
    made: Any
    if isinstance(service, Cluster):
        made = Client(service.url) if request.param == "Client" else Awaited(service.url)
    else:
        made = service.client() if request.param == "Client" else Awaited(client=service.async_client())
    with made:
        yield made


@pytest.fixture
def with_grant(service: Service, client: Any) -> Iterator[Callable[[str], Any]]:
    """Makes another client of the same kind, which has a grant and no key."""
    with ExitStack() as stack:

        def made(text: str) -> Any:
            if isinstance(service, Cluster):
                other: Any = type(client)(service.url, api_key=text)
            elif isinstance(client, Client):
                other = service.client(api_key=text)
            else:
                other = Awaited(client=service.async_client(api_key=text))
            return stack.enter_context(other)

        yield made


@pytest.fixture
def picture() -> bytes:
    """A picture that no other test uploads."""
    return numbered(next(_numbers))


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> str:
    """A reference of this test's own."""
    return str(request.node.name)


@pytest.fixture
def paused(client: Any) -> Iterator[None]:
    """The queue is paused: jobs that come now wait."""
    assert client.pause() is True
    yield
    assert client.resume() is False


def test_an_upload_is_promised_and_done(client: Any, picture: bytes, reference: str) -> None:
    promise = client.upload(picture, filename="a.png", reference=reference, metadata={"user": 17}, priority="high")
    assert (promise.filename, promise.ignored) == ("a.png", ())
    job = client.wait(promise)
    assert (job.id, job.state, job.error, job.attempts, job.ended) == (promise.id, "done", None, 1, True)
    assert (job.reference, job.metadata, job.priority, job.preset) == (reference, {"user": 17}, "high", "default")
    assert [each.name for each in job.renditions] == ["large", "thumb"]
    assert job.timeline[0].event == "accepted"
    assert client.read(job) == picture
    assert client.audit([promise.receipt, "r1.no"]) == ["ended", "forged"]


def test_a_job_is_made_in_the_trace_of_its_caller(client: Any, picture: bytes) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    asked = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "tracestate": "vendor=1"}
    job = client.upload(picture, recipe=RECIPE, wait=30, **asked)
    assert (job.state, job.trace) == ("done", trace)
    assert client.derive(job, wait=30, **asked).trace == trace
    assert client.derive(job, wait=30, traceparent="00-0-0-01").trace is None


def test_an_upload_may_wait_and_names_its_recipe(client: Any, picture: bytes) -> None:
    job = client.upload(picture, recipe=RECIPE, wait=30)
    assert (job.state, job.preset, [each.name for each in job.renditions]) == ("done", None, ["tiny"])
    assert job.receipt
    assert job.rendition("tiny").bytes == len(client.read(job.rendition("tiny")))
    again = client.upload(picture, recipe={"renditions": [{"name": "tiny", "width": 16, "format": "png"}]}, wait=30)
    assert again.recipe == job.recipe


def test_a_rendition_is_downloaded(client: Any, picture: bytes, tmp_path: Path) -> None:
    job = client.upload(picture, recipe=RECIPE, wait=30)
    client.download(job.renditions[0], tmp_path / "tiny.png")
    assert (tmp_path / "tiny.png").read_bytes() == client.read(job.renditions[0].url)
    with pytest.raises(NotFound):
        client.read(job.renditions[0].url.replace("tiny", "none"))


def test_a_key_makes_one_job(client: Any, picture: bytes, reference: str) -> None:
    first = client.upload(picture, reference=reference, key=f"k-{reference}")
    assert client.upload(picture, filename="b.png", reference=reference, key=f"k-{reference}").id == first.id
    with pytest.raises(Refused) as refused:
        client.upload(numbered(next(_numbers)), reference=reference, key=f"k-{reference}")
    assert refused.value.code == "idempotency_key_reused"
    assert len(list(client.jobs(reference=reference))) == 1


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"preset": "none"}, 422, "unknown_preset", None),
        ({"recipe": '{"renditions":'}, 422, "bad_recipe", "$"),
        ({"recipe": RECIPE, "preset": "web"}, 400, "bad_parameter", "recipe"),
        ({"priority": "soon"}, 400, "bad_parameter", "priority"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    client: Any, picture: bytes, fields: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client.upload(picture, **fields)
    assert (refused.value.status, refused.value.code, refused.value.field) == (status, code, field)


def _of(**keys: object) -> dict[str, Any]:
    """The fields of an upload with one rendition of these keys."""
    return {"recipe": {"renditions": [{"name": "a", **keys}]}}


@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "none"},
        {"recipe": {}},
        {"recipe": {"renditions": []}},
        {"recipe": {"renditions": [{"name": "a"}] * 2}},
        {"recipe": {"renditions": [{"name": f"a{n}"} for n in range(17)]}},
        {"recipe": {"palette": 4, "renditions": [{"name": "a"}]}},
        {"recipe": {"colour": "red"}},
        {"recipe": "{"},
        {"recipe": "[]"},
        _of(widht=3),
        _of(width=-3),
        _of(width=0.5),
        _of(fit="round"),
        _of(name="A b"),
        _of(format="tiff"),
        _of(watermark={"name": "nobody"}),
        _of(format="png", quality=50),
        {"recipe": {"renditions": [{"name": "a"}]}, "preset": "web"},
        {"reference": "r" * 201},
        {"metadata": {"a": "m" * 3000}},
        {"metadata": json.loads("[" * 40 + "]" * 40)},
        {"priority": "soon"},
        {"expires_in": 0},
        {"expires_in": 604_801},
        {"focus": (2, 0.5)},
        {"webhook_url": "ftp://hooks.example/"},
        {"webhook_url": "https://hooks.example/" + "p" * 1000},
        {"webhook_events": "job.rendition"},
        {"webhook_url": "https://hooks.example/", "webhook_events": "job.done"},
        {"batch": "none"},
        {"batch": "01kc0000000000000000000000"},
        {"key": "two words"},
        {"key": "k" * 256},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_a_wrong_field_is_refused_in_the_same_words(client: Any, picture: bytes, fields: dict[str, Any]) -> None:
    """The stand-in refuses what the server refuses, member by member."""
    with pytest.raises(Refused) as refused:
        client.upload(picture, **fields)
    with pytest.raises(Refused) as expected:
        FakePixmill().client().upload(picture, **fields)
    assert refused.value.members == expected.value.members


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\0\1\2\3",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        png(20_000, 20_000),
        png() + bytes(64 * 1024 * 1024),
        png() + bytes(66 * 1024 * 1024),
    ],
    ids=["empty", "text", "svg", "pdf", "unknown", "video", "pixels", "bytes", "length"],
)
def test_a_wrong_file_is_refused_in_the_same_words(client: Any, data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        client.upload(data, filename="a.png")
    with pytest.raises(Refused) as expected:
        FakePixmill().client().upload(data, filename="a.png")
    assert _without_size(refused.value.members) == _without_size(expected.value.members)


def _without_size(members: Mapping[str, Any]) -> Mapping[str, Any]:
    """A server refuses too many bytes by the announced length, or at the piece that is too much: what came differs."""
    if members["code"] != "upload_too_large":
        return members
    assert members["actual"] > members["allowed"]
    kept = {name: members[name] for name in members if name not in ("actual", "filename", "index")}
    return {**kept, "detail": members["detail"].partition(";")[2]}


def test_too_many_files_are_refused_in_the_same_words(client: Any) -> None:
    files = [(f"{n}.png", png()) for n in range(101)]
    with pytest.raises(Refused) as refused:
        client.upload_batch(files)
    with pytest.raises(Refused) as expected:
        FakePixmill().client().upload_batch(files)
    assert refused.value.members == expected.value.members


@pytest.mark.parametrize(
    "body", [{"original": 1}, {"originals": []}, {"originals": ["a"], "original": "a"}, {"colour": 1}]
)
def test_a_wrong_body_is_refused_in_the_same_words(service: Service, body: dict[str, Any]) -> None:
    meant = FakePixmill().answer(httpx2.Request("POST", "http://pixmill.test/jobs", json=body)).json()
    if isinstance(service, Cluster):
        told = httpx2.post(f"{service.url}/jobs", json=body).json()
    else:
        told = service.answer(httpx2.Request("POST", "http://pixmill.test/jobs", json=body)).json()
    assert told == meant


def test_what_is_no_image_is_refused(client: Any) -> None:
    with pytest.raises(Refused) as refused:
        client.upload(b"a text", filename="a.txt")
    assert (refused.value.status, refused.value.code, refused.value.members["filename"]) == (
        415,
        "unsupported_type",
        "a.txt",
    )


def test_one_line_makes_several_renditions_and_an_image_has_a_focus(client: Any, picture: bytes) -> None:
    cut = {"name": "card", "ratio": "2:1", "fit": "cover", "gravity": "focus"}
    recipe = {"renditions": [{**cut, "widths": [8, 16], "dpr": [1, 1.5], "format": "png"}]}
    job = client.upload(picture, recipe=recipe, focus=(0.25, 1), wait=30)
    assert {each.name for each in job.renditions} == {"card-8w-1x", "card-8w-1_5x", "card-16w-1x", "card-16w-1_5x"}
    assert all(each.box is not None and each.box.width > 0 for each in job.renditions)
    derived = client.derive(job, recipe=recipe, focus=(1, 0), wait=30)
    assert derived.state == "done"
    client.explain(picture, recipe=recipe, focus=(0.5, 0.5))
    for wrong in ((0.5, 1.5), (-1, 0)):
        with pytest.raises(Refused, match="focus"):
            client.upload(picture, recipe=recipe, focus=wrong)


def test_a_picture_in_several_formats_has_one_address_and_a_srcset(client: Any, picture: bytes) -> None:
    recipe = {"renditions": [{"name": "card", "widths": [8, 16], "formats": ["webp", "png"], "enlarge": True}]}
    job = client.upload(picture, recipe=recipe, wait=30)
    names = {f"card-{width}w-{format}" for width in (8, 16) for format in ("webp", "png")}
    assert {each.name for each in job.renditions} == names
    assert {each.name for each in job.srcset} == {"card"}
    assert {each.type for each in job.srcset} >= {"image/png"}
    for each in job.srcset:
        assert all(part.split()[1].endswith("w") for part in each.srcset.split(", "))
    assert client.read(job.rendition("card-16w-png"))
    assert {each.srcset for each in client.jobs(state="done")} == {()}


def test_another_recipe_runs_on_a_stored_original(client: Any, picture: bytes) -> None:
    job = client.upload(picture, filename="c.png", wait=30)
    derived = client.derive(job, recipe=RECIPE, key=f"d-{job.id}", wait=30)
    assert (derived.filename, [each.name for each in derived.renditions]) == ("c.png", ["tiny"])
    assert client.derive(job, recipe=RECIPE, key=f"d-{job.id}").id == derived.id
    with pytest.raises(NotFound):
        client.derive("none", preset="web")


def test_an_address_that_nobody_listed_is_refused(client: Any) -> None:
    with pytest.raises(Refused) as refused:
        client.fetch("https://cdn.example/a.png", preset="web")
    assert (refused.value.status, refused.value.code) == (422, "source_refused")


def test_jobs_are_listed_by_what_they_are(client: Any, reference: str) -> None:
    made = [client.upload(numbered(next(_numbers)), reference=reference, recipe=RECIPE, wait=30).id for _ in range(3)]
    assert [job.id for job in client.jobs(reference=reference)] == made[::-1]
    assert [job.id for job in client.jobs(reference=reference, state="done")] == made[::-1]
    assert list(client.jobs(reference=reference, state="failed")) == []
    assert list(client.jobs(reference=reference, preset="web")) == []
    with pytest.raises(Refused, match="state"):
        list(client.jobs(state="asleep"))


def test_jobs_of_a_time_are_listed_and_counted(client: Any, reference: str) -> None:
    made = [client.upload(numbered(next(_numbers)), reference=reference, recipe=RECIPE, wait=30) for _ in range(2)]
    first = made[0].accepted_at
    day = datetime.timedelta(days=1)
    early, late = (datetime.datetime.now(datetime.UTC) + step for step in (-day, day))
    for filters, ids in (
        ({"accepted_after": early, "accepted_before": late}, {job.id for job in made}),
        ({"accepted_after": late}, set()),
        ({"accepted_before": first}, set()),
        ({"accepted_after": first}, {job.id for job in made}),
        ({"tenant": "acme"}, set()),
    ):
        assert {job.id for job in client.jobs(reference=reference, **filters)} == ids
        counted = client.purge_all(reference=reference, dry_run=True, **filters)
        assert (counted.matched, counted.changed) == (len(ids), 0)
    assert client.purge_all(reference=reference, accepted_after=first, accepted_before=late).changed == 2
    with pytest.raises(Refused, match="zone"):
        list(client.jobs(accepted_after="yesterday"))


def test_a_list_goes_over_many_pages(client: Any, reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixmill.core.calls.PAGE_JOBS", 2)
    made = [client.upload(numbered(next(_numbers)), reference=reference).id for _ in range(5)]
    assert [job.id for job in client.jobs(reference=reference)] == made[::-1]


@pytest.mark.usefixtures("paused")
def test_a_job_that_is_not_begun_in_time_expires(client: Any, picture: bytes) -> None:
    promise = client.upload(picture, recipe=RECIPE, expires_in=1)
    kept = client.upload(picture, recipe=RECIPE, expires_in=604_800)
    wait_until(lambda: client.job(promise.id).ended, 10, "the job's end")
    job = client.job(promise.id)
    assert (job.state, job.error.code, job.attempts) == ("failed", "expired", 0)
    assert job.expires_at is not None
    assert client.job(kept.id).state == "queued"
    with pytest.raises(Refused, match="expires_in"):
        client.upload(picture, expires_in=0)
    assert client.requeue(job).state == "queued"
    client.resume()
    assert [client.wait(each).state for each in (promise, kept)] == ["done", "done"]


def test_a_list_is_exported_in_one_answer(client: Any, reference: str) -> None:
    made = [client.upload(numbered(next(_numbers)), reference=reference).id for _ in range(5)]
    assert [job.id for job in client.export(reference=reference)] == made[::-1]
    assert [job.id for job in client.export(reference=reference, limit=3)] == made[:1:-1]
    assert list(client.export(reference=reference, limit=0)) == []
    with pytest.raises(Refused, match="state"):
        list(client.export(state="asleep"))


def test_one_tenant_is_paused_and_resumed(client: Any) -> None:
    assert client.pause("acme") is True
    wait_until(lambda: client.stats().queue.paused_tenants == ("acme",), 10, "the pause in the statistics")
    assert client.stats().queue.paused is False
    assert client.resume("acme") is False
    wait_until(lambda: client.stats().queue.paused_tenants == (), 10, "its end")
    with pytest.raises(Refused) as refused:
        client.pause("a b")
    assert (refused.value.status, refused.value.code) == (400, "bad_parameter")


@pytest.mark.usefixtures("paused")
def test_a_job_that_waits_can_be_cancelled_requeued_and_purged(client: Any, picture: bytes) -> None:
    promise = client.upload(picture, recipe=RECIPE)
    assert client.wait(promise, seconds=0).state == "queued"
    for change, code in ((client.requeue, "not_requeueable"), (client.purge, "job_not_ended")):
        with pytest.raises(Conflict) as refused:
            change(promise)
        assert (refused.value.status, refused.value.code) == (409, code)
    assert client.cancel(promise).state == "cancelled"
    assert client.cancel(promise).state == "cancelled"
    assert client.requeue(promise).state == "queued"
    client.resume()
    job = client.wait(promise)
    assert job.state == "done"
    with pytest.raises(Conflict, match="job_ended"):
        client.cancel(job)
    client.purge(job)
    with pytest.raises(NotFound):
        client.job(job.id)


@pytest.mark.usefixtures("paused")
def test_many_are_changed_by_one_command(client: Any, reference: str) -> None:
    for _ in range(3):
        client.upload(numbered(next(_numbers)), reference=reference, recipe=RECIPE)
    counted = client.cancel_all(reference=reference, dry_run=True)
    assert (counted.matched, counted.changed) == (3, 0)
    done = client.cancel_all(reference=reference)
    assert (done.matched, done.changed) == (3, 3)
    assert client.requeue_all(reference=reference, state="cancelled").changed == 3
    client.resume()
    for job in client.jobs(reference=reference):
        assert client.wait(job).state == "done"
    assert client.purge_all(reference=reference).changed == 3
    assert list(client.jobs(reference=reference)) == []
    for change in (client.cancel_all, client.requeue_all, client.purge_all):
        with pytest.raises(Refused) as refused:
            change()
        assert (refused.value.code, refused.value.field) == ("bad_parameter", "all")


def test_a_receiver_is_told_of_an_end_and_its_delivery_is_listed_and_replayed(client: Any, picture: bytes) -> None:
    job = client.upload(picture, recipe=RECIPE, webhook_url="https://hooks.invalid/told?key=secret", wait=30)
    (delivery,) = client.job(job.id).deliveries
    assert (delivery.type, delivery.job, delivery.url) == ("job.done", job.id, "https://hooks.invalid/told")
    assert delivery.state in ("waiting", "failed")
    assert [each.id for each in client.deliveries(job=job.id, type="job.done")] == [delivery.id]
    assert list(client.deliveries(job=job.id, state="delivered")) == []
    assert client.replay(delivery).id == delivery.id
    assert client.replay_all(job=job.id, dry_run=True).matched == 1
    assert client.replay_all(job=job.id).matched == 1
    with pytest.raises(NotFound):
        client.replay("d0-0000000")
    with pytest.raises(Refused) as refused:
        client.replay_all()
    assert (refused.value.code, refused.value.field) == ("bad_parameter", "all")
    plain = client.upload(numbered(next(_numbers)), recipe=RECIPE, wait=30)
    assert client.job(plain.id).deliveries == ()


def test_a_receiver_may_be_told_of_each_rendition_too(client: Any, picture: bytes) -> None:
    hook = {"webhook_url": "https://hooks.invalid/told"}
    job = client.upload(picture, recipe=RECIPE, webhook_events="job.rendition", wait=30, **hook)
    told = client.job(job.id).deliveries
    assert [each.type for each in told] == ["job.rendition", "job.done"]
    assert told[0].change < told[1].change
    for wrong in ({"webhook_events": "job.rendition"}, {"webhook_events": "job.done", **hook}):
        with pytest.raises(Refused) as refused:
            client.upload(picture, recipe=RECIPE, **wrong)
        assert (refused.value.code, refused.value.field) == ("bad_parameter", "webhook_events")


def test_commands_are_told_with_what_they_changed(client: Any, picture: bytes, reference: str) -> None:
    before = next((action.id for action in itertools.islice(client.actions(), 1)), "")
    client.pause()
    one = client.upload(picture, recipe=RECIPE, reference=reference)
    two = client.upload(numbered(next(_numbers)), recipe=RECIPE, reference=reference)
    client.cancel(one)
    with pytest.raises(Conflict):
        client.purge(two)
    client.requeue(one)
    client.cancel_all(reference=reference, dry_run=True)
    client.cancel_all(reference=reference)
    client.resume()
    client.purge_all(reference=reference)
    found = list(itertools.takewhile(lambda action: action.id > before, client.actions()))[::-1]
    assert [(action.verb, action.filter, action.count) for action in found] == [
        ("pause", {}, 1), ("cancel", {"job": one.id}, 1), ("requeue", {"job": one.id}, 1),
        ("cancel", {"reference": reference}, 2), ("resume", {}, 1), ("purge", {"reference": reference}, 2),
    ]  # fmt: skip
    assert {action.who for action in found} == {None}
    assert [action.at for action in found] == sorted(action.at for action in found)


def test_without_a_file_of_the_log_there_are_no_lines_of_a_job(client: Any, picture: bytes) -> None:
    job = client.upload(picture, recipe=RECIPE)
    with pytest.raises(NotFound) as none:
        client.job_log(job.id)
    assert "PIXMILL_LOG_PATH" in str(none.value)


def test_a_recipe_may_ask_for_placeholders_alone(client: Any) -> None:
    recipe = {"placeholder": ["thumbhash", "lqip"]}
    promise = client.upload(numbered(next(_numbers)), recipe=recipe)
    events = list(client.follow(promise))
    (told,) = [event for event in events if isinstance(event, Described)]
    assert told.placeholder is not None and told.placeholder.lqip is not None
    assert told.placeholder.lqip.startswith("data:image/webp;base64,")
    assert told.placeholder.thumbhash and told.placeholder.blurhash is None and told.dominant_colour
    job = client.wait(promise)
    assert (job.state, job.renditions, job.placeholder) == ("done", (), told.placeholder)
    with pytest.raises(Refused) as refused:
        client.upload(numbered(next(_numbers)), recipe={"renditions": []})
    assert refused.value.code == "bad_recipe"


def test_facts_are_told_with_the_original(client: Any) -> None:
    recipe = {"renditions": [{"name": "tiny", "width": 16, "format": "png"}], "info": True, "palette": 2}
    job = client.upload(numbered(next(_numbers)), recipe=recipe, wait=30)
    info = job.original.info
    assert (info.frames, info.bits, info.space, info.alpha, info.captured_at) == (1, 8, "rgb", False, None)
    assert len(info.phash) == 16 and info.palette and info.location is None
    assert client.upload(numbered(next(_numbers)), recipe=RECIPE, wait=30).original.info is None


def test_events_of_jobs_are_told_once_until_all_have_ended(client: Any) -> None:
    promises = [client.upload(numbered(next(_numbers)), recipe=RECIPE) for _ in range(3)]
    events = list(client.follow(*promises))
    ended = [event.id for event in events if isinstance(event, JobChanged) and event.ended]
    assert sorted(ended) == sorted(promise.id for promise in promises)
    made = [(event.id, event.rendition.name) for event in events if isinstance(event, RenditionMade)]
    assert sorted(made) == sorted((promise.id, "tiny") for promise in promises)
    read = client.read(next(event.rendition for event in events if isinstance(event, RenditionMade)))
    assert read.startswith(b"\x89PNG")
    with pytest.raises(NotFound):
        list(client.follow("none"))


def test_the_end_of_a_batch_is_told_to_who_follows_all(client: Any, reference: str) -> None:
    events = client.follow()
    next(event for event in events if isinstance(event, Beat))
    sent = client.upload_batch([numbered(next(_numbers)) for _ in range(2)], reference=reference, recipe=RECIPE)
    told = next(event for event in events if isinstance(event, BatchEnded) and event.id == sent.id)
    assert (told["state"], client.batch(sent).ended) == ("ended", 2)


def test_an_open_batch_ends_when_it_is_closed(client: Any, reference: str) -> None:
    events = client.follow()
    next(event for event in events if isinstance(event, Beat))
    opened = client.open_batch()
    assert (client.batch(opened).open, client.batch(opened).total) == (True, 0)
    sent = client.upload(numbered(next(_numbers)), reference=reference, recipe=RECIPE, batch=opened.id)
    client.wait(sent)
    assert client.batch(opened).counts == {"done": 1}
    closed = client.close_batch(opened)
    assert (closed.open, closed.total, client.job(sent.id).batch) == (False, 1, opened.id)
    told = next(event for event in events if isinstance(event, BatchEnded) and event.id == opened.id)
    assert told["state"] == "ended"
    with pytest.raises(Conflict) as refused:
        client.upload(numbered(next(_numbers)), recipe=RECIPE, batch=opened.id)
    assert refused.value.code == "batch_closed"
    with pytest.raises(NotFound):
        client.close_batch(sent.id)


def test_a_batch_without_jobs_has_nothing_to_follow(client: Any) -> None:
    empty = client.batch(client.open_batch())
    assert empty.events_url is None
    assert list(client.follow(empty)) == []
    promise = client.upload(*some(1), recipe=RECIPE)
    assert {each.id for each in client.follow(empty, promise) if isinstance(each, JobChanged)} == {promise.id}


def test_another_recipe_runs_on_many_originals_as_one_batch(client: Any, reference: str) -> None:
    sent = client.upload_batch(some(2), recipe=RECIPE, reference=reference)
    client.wait_batch(sent)
    again = client.derive_batch(sent.jobs, recipe=RECIPE)
    assert (again.id != sent.id, len(again.jobs)) == (True, 2)
    assert client.wait_batch(again).counts == {"done": 2}
    assert client.derive_batch([sent.jobs[0]], recipe=RECIPE).id != sent.jobs[0].id
    with pytest.raises(NotFound):
        client.derive_batch([sent.jobs[0], "0" * 26], recipe=RECIPE)


@pytest.mark.usefixtures("paused")
def test_a_batch_has_a_bound_and_no_batch_is_of_nothing(client: Any, picture: bytes, reference: str) -> None:
    job = client.upload(picture, recipe=RECIPE, reference=reference)
    with pytest.raises(Refused) as refused:
        client.derive_batch([], recipe=RECIPE)
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, "bad_parameter", "originals")
    with pytest.raises(Refused) as refused:
        client.derive_batch([job] * 1001, recipe=RECIPE)
    assert (refused.value.status, refused.value.members["limit"]) == (400, "batch_jobs_max")
    opened = client.open_batch()
    client.derive_batch([job] * 600, recipe=RECIPE, reference=reference, batch=opened.id)
    with pytest.raises(Refused) as refused:
        client.derive_batch([job] * 401, recipe=RECIPE, reference=reference, batch=opened.id)
    told = [refused.value.members[name] for name in ("limit", "allowed", "actual")]
    assert (refused.value.code, told) == ("too_many_parts", ["batch_jobs_max", 1000, 1001])
    assert client.batch(opened).total == 600
    assert client.cancel_all(reference=reference).changed == 601


def test_all_jobs_are_followed_by_beats_and_changes(client: Any, picture: bytes) -> None:
    events = client.follow()
    beat = next(event for event in events if isinstance(event, Beat))
    assert beat.stats.jobs["done"] >= 0
    promise = client.upload(picture, recipe=RECIPE)
    seen = next(event for event in events if isinstance(event, JobChanged) and event.id == promise.id and event.ended)
    assert seen.state == "done"


def test_the_last_hours_are_told_in_intervals(client: Any) -> None:
    def told() -> tuple[int, int]:
        intervals = client.history(hours=1).intervals
        return sum(each.accepted for each in intervals), sum(each.ended.get("done", 0) for each in intervals)

    accepted, done = told()
    client.upload(numbered(next(_numbers)), recipe=RECIPE, wait=30)
    wait_until(lambda: told() >= (accepted + 1, done + 1), 30, "the interval's next write")
    history = client.history()
    assert history.step_seconds == 300
    assert [each.at for each in history.intervals] == sorted(each.at for each in history.intervals)
    assert len(history.hour.slowest) <= 5
    with pytest.raises(Refused) as refused:
        client.history(hours=25)
    assert (refused.value.code, refused.value.field) == ("bad_parameter", "hours")


def test_the_cluster_is_told_in_numbers(client: Any) -> None:
    before = client.stats()
    client.upload(numbered(next(_numbers)), recipe=RECIPE, wait=30)

    def counted() -> bool:
        return bool(client.stats().jobs["done"] > before.jobs["done"])

    assert _soon(counted)
    assert before.queue.paused is False
    assert {"default", "web", "avatar"} <= set(client.presets())
    assert client.presets()["default"]["renditions"][0]["name"] == "large"


def _soon(probe: Callable[[], bool]) -> bool:
    """Within some beats of the broker, one a second."""
    return wait_until(probe, 10.0, "the next beat")


def test_a_plan_is_explained(client: Any, picture: bytes) -> None:
    answer = client.explain(picture, recipe=RECIPE)
    assert answer["original"]["format"] == "png"
    assert answer["recipe"]["renditions"][0]["name"] == "tiny"
    with pytest.raises(Refused, match="unknown_preset"):
        client.explain(picture, preset="none")


def some(number: int) -> list[bytes]:
    """Pictures that no other test uploads."""
    return [numbered(next(_numbers)) for _ in range(number)]


def test_a_batch_is_promised_as_a_whole(client: Any, reference: str) -> None:
    first, second = some(2)
    promise = client.upload_batch([("a.png", first), second], recipe=RECIPE, reference=reference, key=f"b-{reference}")
    assert [job.filename for job in promise.jobs] == ["a.png", "image"]
    batch = client.wait_batch(promise)
    assert (batch.id, batch.total, batch.ended, batch.counts) == (promise.id, 2, 2, {"done": 2})
    assert [job.id for job in batch.jobs] == [job.id for job in promise.jobs]
    assert {job.batch for job in batch.jobs} == {promise.id}
    assert [client.read(job) for job in batch.jobs] == [first, second]
    assert client.audit([job.receipt for job in promise.jobs]) == ["ended", "ended"]
    assert client.batch(promise.id).counts == {"done": 2}
    again = client.upload_batch([first, second], recipe=RECIPE, reference=reference, key=f"b-{reference}")
    assert [job.id for job in again.jobs] == [job.id for job in promise.jobs]


def test_of_a_batch_with_a_bad_file_nothing_is_taken(client: Any, reference: str) -> None:
    with pytest.raises(Refused) as refused:
        client.upload_batch([*some(1), ("b.txt", b"a text")], reference=reference)
    assert (refused.value.code, refused.value.members["filename"], refused.value.members["index"]) == (
        "unsupported_type",
        "b.txt",
        1,
    )
    with pytest.raises(Refused) as refused:
        client.upload_batch(some(101), reference=reference)
    assert (refused.value.status, refused.value.code) == (413, "too_many_parts")
    assert list(client.jobs(reference=reference)) == []
    with pytest.raises(NotFound):
        client.batch("none")


def test_one_file_is_a_batch_by_its_own_id(client: Any) -> None:
    promise = client.upload_batch(some(1), recipe=RECIPE)
    assert promise.id == promise.jobs[0].id
    assert client.wait_batch(promise.id, seconds=30).counts == {"done": 1}
    alone = client.upload(*some(1), recipe=RECIPE)
    assert client.wait_batch(alone.id).jobs[0].id == alone.id


def test_a_batch_is_followed_to_its_end(client: Any) -> None:
    promise = client.upload_batch(some(3), recipe=RECIPE)
    ended = [event.id for event in client.follow(promise) if isinstance(event, JobChanged) and event.ended]
    assert sorted(ended) == sorted(job.id for job in promise.jobs)
    again = client.follow(client.batch(promise.id))
    assert {event.id for event in again if isinstance(event, JobChanged)} == set(ended)


@pytest.mark.usefixtures("paused")
def test_a_batch_that_waits_is_shown_as_it_is(client: Any) -> None:
    promise = client.upload_batch(some(2), recipe=RECIPE)
    assert client.wait_batch(promise, seconds=0.1).counts == {"queued": 2}
    client.purge(client.cancel(promise.jobs[0]))
    client.resume()
    assert (client.wait_batch(promise).total, client.wait_batch(promise).counts) == (1, {"done": 1})


def test_a_grant_uploads_and_sees_what_it_uploaded(
    client: Any, with_grant: Any, picture: bytes, reference: str
) -> None:
    made = client.grant(preset="avatar", count=3, reference=reference, bytes_max=100_000)
    assert (made.preset, made.count, made.reference, made.bytes_max) == ("avatar", 3, reference, 100_000)
    page = with_grant(made.grant)
    job = page.upload(picture, filename="a.png", wait=30)
    assert (job.state, job.reference, job.preset) == ("done", reference, "avatar")
    assert page.read(job.rendition("small")) == client.read(client.job(job.id).rendition("small"))
    promise = page.upload_batch(some(2))
    events = list(page.follow(promise))
    assert {event.id for event in events if isinstance(event, JobChanged) and event.ended} == {
        each.id for each in promise.jobs
    }
    assert page.read(next(event.rendition for event in events if isinstance(event, RenditionMade)))
    assert page.wait(promise.jobs[0]).state == "done"
    with pytest.raises(NoAccess) as refused:
        page.upload(*some(1))
    assert (refused.value.code, refused.value.members["left"]) == ("grant_used_up", 0)


def test_under_a_grant_only_its_own_receiver_is_told(client: Any, with_grant: Any) -> None:
    hook = "https://hooks.invalid/granted"
    made = client.grant(count=2, webhook_url=hook)
    assert (made.webhook_url, client.grant().webhook_url) == (hook, None)
    page = with_grant(made.grant)
    job = page.upload(*some(1), wait=30)
    assert [each.url for each in client.job(job.id).deliveries] == [hook]
    assert page.upload(*some(1), webhook_url=hook, wait=30).state == "done"
    for text, other in ((made.grant, "https://hooks.invalid/other"), (client.grant().grant, hook)):
        with pytest.raises(NoAccess) as refused:
            with_grant(text).upload(*some(1), webhook_url=other)
        assert (refused.value.code, refused.value.field) == ("forbidden", "webhook_url")


def test_a_grant_opens_nothing_else(client: Any, with_grant: Any, picture: bytes) -> None:
    page = with_grant(client.grant(count=2, bytes_max=200).grant)
    other = client.upload(picture, recipe=RECIPE, wait=30)
    for ask in (
        lambda: page.upload(picture, preset="web"),
        lambda: page.upload(picture, recipe=RECIPE),
        lambda: page.upload(picture, priority="high"),
        lambda: page.job(other.id),
        lambda: list(page.jobs()),
        lambda: page.cancel_all(everything=True),
        page.stats,
    ):
        with pytest.raises(NoAccess, match="forbidden"):
            ask()
    with pytest.raises(Refused, match="upload_too_large"):
        page.upload(picture + bytes(200))
    with pytest.raises(NoAccess, match="key_wrong"):
        with_grant(client.grant().grant[:-4] + "AAAA").upload(picture)


def test_a_grant_looks_at_one_job(client: Any, with_grant: Any, picture: bytes) -> None:
    job, other = (client.upload(each, recipe=RECIPE, wait=30) for each in (picture, *some(1)))
    made = client.view_grant(job, expires_at=time.time() + 60)
    assert made.job == job.id
    guest = with_grant(made.grant)
    assert guest.read(guest.job(job.id).rendition("tiny")) == client.read(job.rendition("tiny"))
    assert guest.wait(job.id).state == "done"
    with pytest.raises(NotFound):
        guest.job(other.id)
    with pytest.raises(NoAccess):
        guest.read(job)
    with pytest.raises(NoAccess):
        guest.upload(picture)


@pytest.mark.parametrize(
    ("terms", "status", "code", "field"),
    [
        ({"preset": "none"}, 422, "unknown_preset", None),
        ({"count": 0}, 400, "bad_parameter", "count"),
        ({"origin": "shop.example/x"}, 400, "bad_parameter", "origin"),
        ({"expires_at": 10.0}, 400, "bad_parameter", "expires_at"),
    ],
)
def test_a_term_of_a_grant_that_is_wrong_is_named(
    client: Any, terms: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client.grant(**terms)
    assert (refused.value.status, refused.value.code, refused.value.field) == (status, code, field)
