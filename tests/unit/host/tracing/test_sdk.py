"""Which spans are made of what, over the SDK with its memory exporter."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from host.tracing.sdk import LinkBased, SdkTracer, trace_of
from host.tracing.tracer import Processed, Published
from jobs.errors import ClientFault
from jobs.trace import flags_of, id_of, span_of, state_of

ID, SPAN = "a" * 32, "b" * 16
TRACE = f"00-{ID}-{SPAN}-01 vendor=1"
UNSAMPLED = f"00-{ID}-{SPAN}-00"


class Bench:
    """A tracer, and the spans that have ended."""

    def __init__(self, root: Sampler = ALWAYS_ON) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=LinkBased(ParentBased(root)), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = SdkTracer(provider)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())


def ids(span: ReadableSpan) -> tuple[str, str]:
    """The ids of its trace and of itself."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def linked(span: ReadableSpan) -> list[tuple[str, str]]:
    return [(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def queued(operation: str, **more: Any) -> dict[str, Any]:
    """The attributes of an operation on the queue."""
    return {
        "messaging.system": "pixmill", "messaging.operation.name": operation, "messaging.operation.type": operation,
        "messaging.destination.name": "pixmill", **more,
    }  # fmt: skip


def test_one_job_is_sent_in_a_child_of_its_request_and_has_the_trace_of_that() -> None:
    bench = Bench()
    with bench.tracer.sending(TRACE, ["j1"], is_batch=False) as sending:
        assert bench.spans == []
    (span,) = bench.spans
    assert (span.name, span.kind, parent(span)) == ("send pixmill", SpanKind.PRODUCER, SPAN)
    assert attributes(span) == queued("send", **{"messaging.message.id": "j1"})
    assert span.status.status_code == StatusCode.UNSET
    (trace,) = sending.traces
    assert trace is not None
    assert ((id_of(trace), span_of(trace)), flags_of(trace), state_of(trace)) == (ids(span), 1, "vendor=1")
    assert id_of(trace) == ID


def test_a_request_without_a_trace_begins_one() -> None:
    bench = Bench()
    with bench.tracer.sending(None, ["j1"], is_batch=False) as sending:
        pass
    (span,) = bench.spans
    (trace,) = sending.traces
    assert trace is not None
    assert (parent(span), (id_of(trace), span_of(trace))) == (None, ids(span))
    assert len(trace) == len(bench.tracer.widest(None) or "")
    assert bench.tracer.widest(TRACE) == TRACE


@pytest.mark.parametrize("jobs", [["j1"], ["j1", "j2"]])
def test_each_job_of_a_batch_has_a_span_of_its_own(jobs: list[str]) -> None:
    bench = Bench()
    with bench.tracer.sending(TRACE, jobs, is_batch=True) as sending:
        pass
    *created, sent = bench.spans
    assert [(span.name, span.kind, parent(span)) for span in created] == [
        ("create pixmill", SpanKind.PRODUCER, SPAN) for _ in jobs
    ]
    assert [attributes(span) for span in created] == [queued("create", **{"messaging.message.id": job}) for job in jobs]
    assert [(id_of(trace or ""), span_of(trace or "")) for trace in sending.traces] == [ids(span) for span in created]
    assert (sent.name, sent.kind, parent(sent)) == ("send pixmill", SpanKind.CLIENT, SPAN)
    assert linked(sent) == [ids(span) for span in created]
    assert attributes(sent) == queued("send", **{"messaging.batch.message_count": len(jobs)})


def test_what_is_not_recorded_is_passed_on_as_such() -> None:
    bench = Bench()
    with bench.tracer.sending(UNSAMPLED, ["j1"], is_batch=False) as sending:
        pass
    with bench.tracer.calling("POST", "https://h.example/", UNSAMPLED) as calling:
        pass
    bench.tracer.processed(Processed("j1", sending.traces[0], 1.0, 2.0))
    assert bench.spans == []
    for trace in (*sending.traces, calling.trace):
        assert trace is not None
        assert (id_of(trace), flags_of(trace)) == (ID, 0)


def test_a_fault_ends_the_span_with_its_code_and_goes_on() -> None:
    bench = Bench()
    with pytest.raises(ClientFault), bench.tracer.sending(None, ["j1"], is_batch=False):
        raise ClientFault("too many", code="rate_limited")
    with pytest.raises(KeyError), bench.tracer.sending(None, ["j1"], is_batch=False):
        raise KeyError("j1")
    assert [attributes(span)["error.type"] for span in bench.spans] == ["rate_limited", "KeyError"]
    assert {span.status.status_code for span in bench.spans} == {StatusCode.ERROR}


def test_a_repeat_tells_the_first_job() -> None:
    bench = Bench()
    with bench.tracer.sending(None, ["j2"], is_batch=False) as sending:
        sending.repeated(["j1"])
    (span,) = bench.spans
    assert (attributes(span)["messaging.message.id"], attributes(span)["pixmill.repeated"]) == ("j1", True)


def test_a_try_is_a_trace_of_its_own_that_links_to_the_job() -> None:
    bench = Bench()
    bench.tracer.processed(
        Processed("j1", TRACE, 10.0, 12.5, renditions=[Published("thumb", 11.0), Published("large", 12.25)])
    )
    (span,) = bench.spans
    assert (span.name, span.kind, parent(span)) == ("process pixmill", SpanKind.CONSUMER, None)
    assert (linked(span), ids(span)[0] != ID) == ([(ID, SPAN)], True)
    assert attributes(span) == queued("process", **{"messaging.message.id": "j1"})
    assert (span.start_time, span.end_time) == (10_000_000_000, 12_500_000_000)
    assert [(each.name, dict(each.attributes or {}), each.timestamp) for each in span.events] == [
        ("rendition", {"pixmill.rendition.name": "thumb"}, 11_000_000_000),
        ("rendition", {"pixmill.rendition.name": "large"}, 12_250_000_000),
    ]


def test_a_try_that_fails_tells_its_code_and_one_of_the_cache_that_it_was() -> None:
    bench = Bench()
    bench.tracer.processed(Processed("j1", TRACE, 1.0, 2.0, error="undecodable"))
    bench.tracer.processed(Processed("j2", TRACE, 1.0, 2.0, cached=True))
    failed, cached = bench.spans
    assert (attributes(failed)["error.type"], failed.status.status_code) == ("undecodable", StatusCode.ERROR)
    assert (attributes(cached)["pixmill.cached"], cached.status.status_code) == (True, StatusCode.UNSET)


@pytest.mark.parametrize(("root", "count"), [(ALWAYS_OFF, 0), (ALWAYS_ON, 1)])
def test_a_try_is_recorded_as_its_job_was_and_else_as_the_sampler_says(root: Sampler, count: int) -> None:
    bench = Bench(root)
    bench.tracer.processed(Processed("j1", TRACE, 1.0, 2.0))
    assert len(bench.spans) == 1
    bench.tracer.processed(Processed("j1", UNSAMPLED, 1.0, 2.0))
    assert len(bench.spans) == 1
    bench.tracer.processed(Processed("j1", None, 1.0, 2.0))
    assert len(bench.spans) == 1 + count
    assert "LinkBased" in LinkBased(root).get_description()


def test_a_call_is_a_child_of_the_job_and_tells_no_secret() -> None:
    bench = Bench()
    url = "https://hooks.example/s3cr3t?key=s3cr3t"
    with bench.tracer.calling("POST", url, TRACE, delivery="d1-0000000") as calling:
        calling.ended(204, None)
    (span,) = bench.spans
    assert (span.name, span.kind, parent(span)) == ("POST", SpanKind.CLIENT, SPAN)
    assert attributes(span) == {
        "http.request.method": "POST", "http.response.status_code": 204, "server.address": "hooks.example",
        "server.port": 443, "pixmill.delivery": "d1-0000000",
    }  # fmt: skip
    assert calling.trace is not None
    assert ((id_of(calling.trace), span_of(calling.trace)), state_of(calling.trace)) == (ids(span), "vendor=1")
    assert "s3cr3t" not in span.to_json()


def test_a_call_that_fails_tells_why() -> None:
    bench = Bench()
    with bench.tracer.calling("GET", "s3://bucket/key", None, job="j1") as calling:
        calling.ended(0, "source_unreachable")
    (span,) = bench.spans
    assert attributes(span) == {
        "http.request.method": "GET", "server.address": "bucket", "messaging.message.id": "j1",
        "error.type": "source_unreachable",
    }  # fmt: skip
    assert span.status.status_code == StatusCode.ERROR


def test_a_span_that_is_none_passes_on_what_came() -> None:
    for given in (None, TRACE):
        assert trace_of(INVALID_SPAN, given) == given
