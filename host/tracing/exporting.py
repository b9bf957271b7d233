"""Where spans go: OpenTelemetry's exporters, each behind a bounded queue and a thread of its own.

A failing exporter is told once in our log, until it works again. It touches no job: spans beyond the queue are dropped.
The exporters, and the queues' bounds (OTEL_BSP_*), are the SDK's.
"""

import logging
import threading
from collections.abc import Sequence
from importlib.metadata import entry_points

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from host.tracing import names
from host.tracing.sdk import LinkBased, SdkTracer
from jobs.errors import SetupFault

FLUSH_SECONDS = 1.0
"""The last spans may take this long at the end of a process: less than the supervisor grants beyond DRAIN_SECONDS."""
_GROUP = "opentelemetry_traces_exporter"
_UNKNOWN = "unknown_service"
_COMPLAINING = ("opentelemetry.exporter", "opentelemetry.sdk.trace.export", "opentelemetry.sdk._shared_internal")
"""The SDK's loggers that tell of exports. All others are libraries as any other."""
_OF_CLIENTS = "opentelemetry.trace.span"
"""Warns of entries of a tracestate that it does not know: clients would write lines of our log."""


class Told(logging.Handler):
    """Takes the SDK's own log. Its first complaint goes to `log`, and no other one until an export works."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__(logging.WARNING)
        self._log, self._is_failing = log, False

    def emit(self, record: logging.LogRecord) -> None:
        """The SDK complains."""
        why = record.exc_info[1] if record.exc_info else None
        self.fails(str(why or record.getMessage()))

    def fails(self, why: str) -> None:
        """An export failed."""
        if not self._is_failing:
            self._is_failing = True
            self._log.warning("spans_lost", extra={"why": why[:300]})

    def works(self) -> None:
        """An export worked."""
        if self._is_failing:
            self._is_failing = False
            self._log.info("spans_exported_again")


class Watched(SpanExporter):
    """An exporter, whose results are told."""

    def __init__(self, exporter: SpanExporter, told: Told) -> None:
        self._exporter, self._told = exporter, told

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As SpanExporter."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._told.works()
        else:
            self._told.fails("the exporter could not export")
        return result

    def shutdown(self) -> None:
        """As SpanExporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As SpanExporter."""
        return self._exporter.force_flush(timeout_millis)


class ExportingTracer(SdkTracer):
    """The tracer of a process of this role, with these exporters. Its threads begin here, so a process that forks must
    have done so before. Raises SetupFault if an exporter cannot be made."""

    def __init__(self, role: str, exporters: Sequence[str], log: logging.Logger) -> None:
        told = Told(log)
        for name in _COMPLAINING:
            own = logging.getLogger(name)
            own.handlers[:], own.propagate = [told], False
        logging.getLogger(_OF_CLIENTS).setLevel(logging.ERROR)
        made = [Watched(_made(name), told) for name in exporters]
        self._provider = TracerProvider(resource=_resource(role), shutdown_on_exit=False)
        self._provider.sampler = LinkBased(self._provider.sampler)
        for exporter in made:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        super().__init__(self._provider)
        log.info("tracing", extra={"exporters": ",".join(exporters)})

    def close(self) -> None:
        """As Tracer. What takes longer is lost."""
        ending = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


def _made(name: str) -> SpanExporter:
    found = next(iter(entry_points(group=_GROUP, name=name)), None)
    if found is None:
        raise SetupFault(f"there is no exporter {name} for traces: install it, or change OTEL_TRACES_EXPORTER")
    try:
        made: SpanExporter = found.load()()
    except (ImportError, TypeError, ValueError) as fault:
        raise SetupFault(f"the exporter {name} for traces cannot be made ({fault}): correct OTEL_EXPORTER_*") from None
    return made


def _resource(role: str) -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say; by default the service is named after the role."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith(_UNKNOWN):
        return resource.merge(Resource({SERVICE_NAME: names.SERVICE.format(role)}))
    return resource
