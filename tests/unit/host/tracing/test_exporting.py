"""Where spans go, what is said of a failing exporter, and that it holds no end up."""

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from host.tracing import exporting
from host.tracing.exporting import ExportingTracer
from host.tracing.tracer import Processed
from jobs.errors import SetupFault

LOG = logging.getLogger("test_exporting")


class EntryPoint:
    """An installed exporter."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def load(self) -> Any:
        return self._made


class Flaky(SpanExporter):
    """Fails as often as it is told to: by its result, or by raising."""

    def __init__(self, *results: SpanExportResult | Exception) -> None:
        self.results, self.exported = list(results), 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.results.pop(0) if self.results else SpanExportResult.SUCCESS
        if isinstance(result, Exception):
            raise result
        self.exported += len(spans) if result is SpanExportResult.SUCCESS else 0
        return result


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """The logs of the SDK are as they were."""
    loggers = [logging.getLogger(name) for name in (*exporting._COMPLAINING, exporting._OF_CLIENTS)]
    before = [(each.handlers[:], each.propagate, each.level) for each in loggers]
    yield
    for own, (handlers, propagate, level) in zip(loggers, before, strict=True):
        own.handlers[:], own.propagate = handlers, propagate
        own.setLevel(level)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The installed exporters, by name."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(
        exporting, "entry_points", lambda group, name: [EntryPoint(found[name])] if name in found else []
    )
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    return found


def service_of(span: ReadableSpan) -> object:
    return span.resource.attributes["service.name"]


def test_spans_go_to_each_exporter_at_the_end_at_the_latest(installed: dict[str, Any]) -> None:
    first, second = InMemorySpanExporter(), InMemorySpanExporter()
    installed |= {"a": lambda: first, "b": lambda: second}
    tracer = ExportingTracer("worker", ["a", "b"], LOG)
    tracer.processed(Processed("j", None, 1.0, 2.0))
    tracer.close()
    for exporter in (first, second):
        (span,) = exporter.get_finished_spans()
        assert (span.name, service_of(span)) == ("process pixmill", "pixmill-worker")


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_SERVICE_NAME", "shop"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=shop")]
)
def test_the_service_has_the_name_that_is_asked_for(
    installed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    exporter = InMemorySpanExporter()
    installed["a"] = lambda: exporter
    tracer = ExportingTracer("web", ["a"], LOG)
    tracer.processed(Processed("j", None, 1.0, 2.0))
    tracer.close()
    assert [service_of(span) for span in exporter.get_finished_spans()] == ["shop"]


@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, ConnectionError("refused")])
def test_a_failing_exporter_is_told_once_and_touches_nothing(
    installed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    result: SpanExportResult | Exception,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    exporter = Flaky(result, result)
    installed["a"] = lambda: exporter
    tracer = ExportingTracer("worker", ["a"], LOG)
    for _ in range(4):
        tracer.processed(Processed("j", None, 1.0, 2.0))
    tracer.close()
    assert exporter.exported == 2
    said = [record.message for record in caplog.records if record.name == LOG.name]
    assert said == ["tracing", "spans_lost", "spans_exported_again"]
    assert {record.name for record in caplog.records} == {LOG.name}


def test_the_end_waits_no_longer_than_it_may(installed: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "FLUSH_SECONDS", 0.01)
    go = threading.Event()

    class Stuck(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            go.wait()
            return SpanExportResult.SUCCESS

    installed["a"] = Stuck
    tracer = ExportingTracer("web", ["a"], LOG)
    tracer.processed(Processed("j", None, 1.0, 2.0))
    tracer.close()
    go.set()


def test_an_exporter_that_is_not_there_or_cannot_be_made_is_a_setup_fault(installed: dict[str, Any]) -> None:
    def broken() -> SpanExporter:
        raise ValueError("OTEL_EXPORTER_OTLP_TIMEOUT is no number")

    installed["broken"] = broken
    for name, why in (("otlp_proto_grpc", "install it"), ("broken", "no number")):
        with pytest.raises(SetupFault, match=why):
            ExportingTracer("web", [name], LOG)


def test_a_client_cannot_write_lines_of_our_log(installed: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    installed["a"] = InMemorySpanExporter
    tracer = ExportingTracer("web", ["a"], LOG)
    with tracer.sending(f"00-{'a' * 32}-{'b' * 16}-01 1starts-with-a-digit=x", ["j"], is_batch=False) as sending:
        pass
    tracer.close()
    assert caplog.messages == []
    assert (sending.traces[0] or "").endswith(" 1starts-with-a-digit=x"), "the SDK drops it, and it goes on"
