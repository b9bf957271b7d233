"""The tracer over OpenTelemetry's SDK. Owns which spans there are, their kinds, parents and links.

A span of a worker links to the job's trace, and is not its child: a queue lies between them. But it follows the
decision there whether the trace is recorded.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Tracer as Spans
from opentelemetry.util.types import Attributes

from host.tracing import names
from host.tracing.tracer import Calling, Processed, Sending, Tracer, server_of
from jobs import trace as traces
from jobs.trace import STATE_CHARACTERS_MAX, Trace, written

BLANK = written("f" * 32, "f" * 16, traces.SAMPLED)
"""As long as a trace that begins here."""
NANOSECONDS = 1_000_000_000


class LinkBased(Sampler):
    """Decides for a span without a parent as was decided for what it links to; else as `others` does."""

    def __init__(self, others: Sampler) -> None:
        self._others = others

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """As the SDK asks it."""
        if not links or get_current_span(parent_context).get_span_context().is_valid:
            return self._others.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if any(link.context.trace_flags.sampled for link in links):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """Its name."""
        return f"LinkBased{{{self._others.get_description()}}}"


class _SpanSending(Sending):
    def __init__(self, traces: list[Trace | None], span: Span) -> None:
        super().__init__(traces)
        self._span = span

    def repeated(self, jobs: Sequence[str]) -> None:
        self._span.set_attribute(names.REPEATED, True)
        if len(jobs) == 1:
            self._span.set_attribute(names.MESSAGE_ID, jobs[0])


class _SpanCalling(Calling):
    def __init__(self, span: Span, given: Trace | None) -> None:
        super().__init__(trace_of(span, given))
        self._span = span

    def ended(self, status: int, error: str | None) -> None:
        if status:
            self._span.set_attribute(names.HTTP_STATUS, status)
        if error is not None:
            _fail(self._span, error)


class SdkTracer(Tracer):
    """Makes spans by `provider`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._spans: Spans = provider.get_tracer(names.SCOPE)

    @contextmanager
    def sending(self, trace: Trace | None, jobs: Sequence[str], *, is_batch: bool) -> Iterator[Sending]:
        """As Tracer: a span `send`, a child of the request's trace. If there are several jobs, each has one more,
        `create`."""
        parent = context_of(trace)
        if is_batch or len(jobs) > 1:
            made = [self._created(parent, job) for job in jobs]
            links = [Link(span.get_span_context()) for span in made]
            span = self._span(names.SEND, SpanKind.CLIENT, parent, {names.MESSAGE_COUNT: len(jobs)}, links=links)
        else:
            span = self._span(names.SEND, SpanKind.PRODUCER, parent, {names.MESSAGE_ID: jobs[0]})
            made = [span]
        with _ended(span):
            yield _SpanSending([trace_of(each, trace) for each in made], span)

    def widest(self, trace: Trace | None) -> Trace | None:
        """As Tracer."""
        return trace or BLANK

    def processed(self, done: Processed) -> None:
        """As Tracer: a span `process`, from the decoder's start to the last rendition."""
        links = [] if done.trace is None else [Link(span_context_of(done.trace))]
        more = {names.MESSAGE_ID: done.job, **({names.CACHED: True} if done.cached else {})}
        span = self._span(names.PROCESS, SpanKind.CONSUMER, Context(), more, links=links, began_at=done.began_at)
        for each in done.renditions:
            span.add_event(names.RENDITION, {names.RENDITION_NAME: each.name}, int(each.at * NANOSECONDS))
        if done.error is not None:
            _fail(span, done.error)
        span.end(int(done.ended_at * NANOSECONDS))

    @contextmanager
    def calling(
        self, method: str, url: str, trace: Trace | None, *, job: str | None = None, delivery: str | None = None
    ) -> Iterator[Calling]:
        """As Tracer: a span of an HTTP client, a child of the job's trace."""
        host, port = server_of(url)
        known = {
            names.HTTP_METHOD: method, names.SERVER_ADDRESS: host, names.SERVER_PORT: port, names.MESSAGE_ID: job,
            names.DELIVERY: delivery,
        }  # fmt: skip
        attributes = {name: value for name, value in known.items() if value is not None}
        span = self._spans.start_span(method, context_of(trace), SpanKind.CLIENT, attributes)
        with _ended(span):
            yield _SpanCalling(span, trace)

    def _created(self, parent: Context, job: str) -> Span:
        span = self._span(names.CREATE, SpanKind.PRODUCER, parent, {names.MESSAGE_ID: job})
        span.end()
        return span

    def _span(
        self,
        operation: str,
        kind: SpanKind,
        parent: Context,
        more: dict[str, Any],
        *,
        links: Sequence[Link] = (),
        began_at: float | None = None,
    ) -> Span:
        attributes = {
            names.MESSAGING_SYSTEM: names.SYSTEM, names.OPERATION_NAME: operation, names.OPERATION_TYPE: operation,
            names.DESTINATION: names.SYSTEM, **more,
        }  # fmt: skip
        start = None if began_at is None else int(began_at * NANOSECONDS)
        return self._spans.start_span(names.span(operation), parent, kind, attributes, links, start)


@contextmanager
def _ended(span: Span) -> Iterator[None]:
    """Ends the span. It tells the code of the error that is raised meanwhile."""
    try:
        yield
    except BaseException as fault:
        _fail(span, getattr(fault, "code", None) or type(fault).__name__)
        raise
    finally:
        span.end()


def _fail(span: Span, code: str) -> None:
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute(names.ERROR_TYPE, str(code))


def span_context_of(trace: Trace) -> SpanContext:
    """The place in its trace where a job was made."""
    return SpanContext(
        int(traces.id_of(trace), 16),
        int(traces.span_of(trace), 16),
        is_remote=True,
        trace_flags=TraceFlags(traces.flags_of(trace)),
        trace_state=TraceState.from_header([traces.state_of(trace)]),
    )


def context_of(trace: Trace | None) -> Context:
    """The context of a span's parent. Without a trace it is empty, so the span begins a trace."""
    return Context() if trace is None else set_span_in_context(NonRecordingSpan(span_context_of(trace)), Context())


def trace_of(span: Span, given: Trace | None) -> Trace | None:
    """The trace that a span passes on, whose parent is in the trace `given`. The SDK drops a tracestate that only level
    2 of the specification allows: then that of `given` stays. A span that is none passes on what was given."""
    made = span.get_span_context()
    if not made.is_valid:
        return given
    state = made.trace_state.to_header() or (traces.state_of(given) if given else "")
    kept = state if len(state) <= STATE_CHARACTERS_MAX else ""
    return written(f"{made.trace_id:032x}", f"{made.span_id:016x}", made.trace_flags, kept)
