"""One upload's spans, from its traceparent to the last rendition and the webhook, as the processes export them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixmill.pictures import numbered
from tests.support.clusters.cluster import wait_until
from tests.support.pictures.trace import CALLER, IN_TRACE, RECIPE, TRACE, Traced, names, traced, upload
from tests.support.pictures.waterfall import Span, id_of, kind_of, links_of, printed, role_of, trace_of, waterfall

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with traced(tmp_path_factory.mktemp("traced")) as running:
        yield running


def of_job(spans: list[Span], job: str) -> list[Span]:
    """The spans that name this job."""
    return [span for span in spans if span["attributes"].get("messaging.message.id") == job]


def test_an_upload_is_told_from_its_traceparent_to_the_last_rendition_and_the_webhook(made: Traced) -> None:
    job = made.client.wait(upload(made, numbered(1)))
    assert (job.state, job.trace) == ("done", TRACE)
    spans = made.spans(lambda spans: {"send pixmill", "process pixmill", "POST"} <= set(names(spans)))
    send, process = of_job(spans, job.id)
    (post,) = [span for span in spans if span["name"] == "POST"]
    assert [(span["name"], kind_of(span), role_of(span)) for span in (send, process, post)] == [
        ("send pixmill", "PRODUCER", "web"),
        ("process pixmill", "CONSUMER", "worker"),
        ("POST", "CLIENT", "courier"),
    ]
    assert (trace_of(send), send["parent_id"]) == (TRACE, f"0x{CALLER}")
    assert (trace_of(post), post["parent_id"]) == (TRACE, f"0x{id_of(send)}")
    assert trace_of(process) != TRACE and process["parent_id"] is None
    assert links_of(process) == [id_of(send)]
    assert [each["attributes"]["pixmill.rendition.name"] for each in process["events"]] == [
        each["name"] for each in RECIPE["renditions"]
    ]
    (heard,) = made.receiver.heard
    assert heard.headers["traceparent"] == f"00-{TRACE}-{id_of(post)}-01"
    assert heard.headers["tracestate"] == IN_TRACE["tracestate"]
    assert not any("s3cr3t" in str(span) for span in spans)
    assert f"trace={TRACE}" in made.cluster.log()
    assert waterfall([send, process, post], "t").count("<rect") == 4, "the page, and a bar for each"


def test_each_job_of_a_batch_has_its_own_span_and_a_fetch_has_one(made: Traced) -> None:
    batch = made.client.upload_batch([("a.png", numbered(2)), ("b.png", numbered(3))], recipe=RECIPE, **IN_TRACE)
    made.client.wait_batch(batch.id)
    made.client.fetch(f"{made.receiver.url}/no.png", recipe=RECIPE, **IN_TRACE)
    spans = made.spans(
        lambda spans: (
            "GET" in names(spans)
            and all(names(of_job(spans, job.id)).count("process pixmill") for job in batch.jobs)
            and names(spans).count("create pixmill") == 2
            and any(span["attributes"].get("messaging.batch.message_count") for span in spans)
        )
    )
    created = [span for span in spans if span["name"] == "create pixmill"]
    assert [span["attributes"]["messaging.message.id"] for span in created] == [job.id for job in batch.jobs]
    (sent,) = [span for span in spans if span["attributes"].get("messaging.batch.message_count") == 2]
    assert (sent["name"], kind_of(sent), links_of(sent)) == (
        "send pixmill",
        "CLIENT",
        [id_of(each) for each in created],
    )
    for span, job in zip(created, batch.jobs, strict=True):
        assert (kind_of(span), trace_of(span), span["parent_id"]) == ("PRODUCER", TRACE, f"0x{CALLER}")
        (process,) = [each for each in of_job(spans, job.id) if each["name"] == "process pixmill"]
        assert links_of(process) == [id_of(span)]
    (get,) = [span for span in spans if span["name"] == "GET"]
    assert (kind_of(get), role_of(get), trace_of(get)) == ("CLIENT", "courier", TRACE)
    assert "traceparent" not in made.receiver.heard[-1].headers, "the source is told nothing"


def test_the_last_spans_are_exported_at_the_end(tmp_path: Path) -> None:
    with traced(tmp_path, OTEL_TRACES_EXPORTER="console", OTEL_BSP_SCHEDULE_DELAY="3600000") as made:
        made.client.wait(upload(made, numbered(4)))
        wait_until(lambda: made.receiver.heard, 10.0, "the webhook")
        assert printed(made.cluster.log()) == []
        made.cluster.stop()
        assert {"send pixmill", "process pixmill", "POST"} <= set(names(printed(made.cluster.log())))


def test_without_spans_the_trace_is_passed_on_as_it_came(tmp_path: Path) -> None:
    with traced(tmp_path, OTEL_TRACES_EXPORTER="none") as made:
        job = made.client.wait(upload(made, numbered(5)))
        assert (job.state, job.trace) == ("done", TRACE)
        wait_until(lambda: made.receiver.heard, 10.0, "the webhook")
        assert made.receiver.heard[0].headers["traceparent"] == IN_TRACE["traceparent"]
        assert "tracing" not in made.cluster.log()
