"""What a role tells a tracer. The one here makes no span: it passes on the trace that came.

Owns the interface, and what an address tells in a span: no path and no query, because they may be secrets.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

from jobs.trace import Trace


class Published(NamedTuple):
    """A rendition that was published at wall time `at`."""

    name: str
    at: float


class Processed(NamedTuple):
    """What a worker did for a job, between two wall times. `error`: the code of its failure. `cached`: the result cache
    answered."""

    job: str
    trace: Trace | None
    began_at: float
    ended_at: float
    error: str | None = None
    cached: bool = False
    renditions: Sequence[Published] = ()


class Sending:
    """Jobs on their way to the queue. `traces`: that of each job, in which its worker finds it."""

    def __init__(self, traces: list[Trace | None]) -> None:
        self.traces = traces

    def repeated(self, jobs: Sequence[str]) -> None:
        """The jobs are there already: these."""


class Calling:
    """A call of a stranger. `trace`: what is passed on with it."""

    def __init__(self, trace: Trace | None) -> None:
        self.trace = trace

    def ended(self, status: int, error: str | None) -> None:
        """The answer's status, 0 if there was none or it is not known; and the code of its failure, if it failed."""


class Tracer:
    """Makes no span."""

    @contextmanager
    def sending(self, trace: Trace | None, jobs: Sequence[str], *, is_batch: bool) -> Iterator[Sending]:
        """Send these jobs, whose request came in `trace`. `is_batch`: they are one, even if there is one job."""
        yield Sending([trace] * len(jobs))

    def widest(self, trace: Trace | None) -> Trace | None:
        """A trace as long as those that `sending` may give to a job."""
        return trace

    def processed(self, done: Processed) -> None:
        """A worker's try of a job has ended."""

    @contextmanager
    def calling(
        self, method: str, url: str, trace: Trace | None, *, job: str | None = None, delivery: str | None = None
    ) -> Iterator[Calling]:
        """Call a stranger for a job with this `trace`."""
        yield Calling(trace)

    def close(self) -> None:
        """Export what was not exported yet, within FLUSH_SECONDS."""


def server_of(url: str) -> tuple[str, int | None]:
    """Host and port of an address, of an object its bucket; an empty host for a text that is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.hostname or "", port
    except ValueError:
        return "", None
