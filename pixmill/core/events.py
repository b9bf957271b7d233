"""Server-Sent Events as pixmill sends them: bytes in, typed events out.

A reader is told the facts, each rendition and each change of a job once, over any number of connections. Owns none of
them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixmill.core.answers import ENDED, Info, JobError, Placeholder, Rendition, Stats
from pixmill.core.named import Named
from pixmill.core.reading import Answer, Unread, read
from pixmill.core.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged(Answer):
    """A job has another state. `removed`: it is gone, or never was; nothing else is known of it then."""

    id: str
    state: str = ""
    change: int = 0
    attempts: int = 0
    error: JobError | None = None
    removed: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of this job."""
        return self.removed or self.state in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionMade(Answer):
    """A rendition can be fetched."""

    id: str
    change: int
    rendition: Rendition


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(Answer):
    """The original was read: its facts are here, before the renditions."""

    id: str
    change: int
    dominant_colour: str | None = None
    placeholder: Placeholder | None = None
    info: Info | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEnded(Answer):
    """All jobs of an upload of several images have ended, however they did. Only who follows all jobs is told."""

    id: str
    change: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat(Answer):
    """The cluster in numbers, each second."""

    stats: Stats


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Answer):
    """The stream of all jobs has a gap: read anew what you keep (`jobs`), and go on."""


Event = JobChanged | Described | RenditionMade | BatchEnded | Beat | Reset


class Following:
    """One reader of some `jobs`, or of all that the caller may see if there are none. `over`: all have ended."""

    def __init__(self, jobs: Sequence[Named]) -> None:
        self._jobs = tuple(jobs)
        self._open = {job.id for job in jobs}
        self._last = ""
        self._rest = b""
        self._told: dict[str, int] = {}
        self._described: set[str] = set()
        self._shown: set[tuple[str, str, str]] = set()
        self.over = False

    def request(self) -> Request:
        """The request of the next connection."""
        self._rest = b""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last} if self._last else {})
        by_grants = bool(self._jobs) and all(job.grant for job in self._jobs)
        query = tuple(("grant", job.grant) if by_grants else ("job", job.id) for job in self._jobs)
        return Request("GET", "/events", query, headers, stream=True)

    def received(self, data: bytes) -> list[Event]:
        """The events that are whole with these bytes, without those told before."""
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        events = [event for block in whole if (event := self._event(block)) is not None]
        self.over = bool(self._jobs) and not self._open
        return events

    def _event(self, block: bytes) -> Event | None:
        fields = dict(_fields(block))
        if not fields.get("event"):
            return None
        event = _typed(fields["event"], fields.get("data", ""))
        if found := fields.get("id"):
            self._enter(found)
        if isinstance(event, Reset) and self._jobs:
            self._forget()
            return None
        if isinstance(event, JobChanged):
            return self._of_job(event)
        if isinstance(event, Described):
            return self._of_facts(event)
        return self._of_rendition(event) if isinstance(event, RenditionMade) else event

    def _enter(self, found: str) -> None:
        """An event has this id. After the point it names the ledger's life, in which numbers may repeat."""
        if self._last and found.partition(".")[2] != self._last.partition(".")[2]:
            self._forget()
        self._last = found

    def _forget(self) -> None:
        """What was told is void, and comes anew."""
        self._told.clear()
        self._described.clear()
        self._shown.clear()

    def _of_job(self, event: JobChanged) -> JobChanged | None:
        if not self._jobs:
            return event
        if not event.removed and self._told.get(event.id, -1) >= event.change:
            return None
        self._told[event.id] = event.change
        if event.ended:
            self._open.discard(event.id)
        elif event.id not in self._open:  # requeued: it makes its renditions once more
            self._open.add(event.id)
            self._shown = {shown for shown in self._shown if shown[0] != event.id}
        return event

    def _of_facts(self, event: Described) -> Described | None:
        if self._jobs:
            if event.id in self._described:
                return None
            self._described.add(event.id)
        return event

    def _of_rendition(self, event: RenditionMade) -> RenditionMade | None:
        if self._jobs:
            shown = (event.id, event.rendition.name, event.rendition.digest)
            if shown in self._shown:
                return None
            self._shown.add(shown)
        return event


def _fields(block: bytes) -> list[tuple[str, str]]:
    lines = [line.partition(":") for line in block.decode("utf-8", "replace").split("\n") if not line.startswith(":")]
    return [(name, value.removeprefix(" ")) for name, _, value in lines]


def _typed(name: str, data: str) -> Event | None:
    """The event of that name; None for one that this client does not know."""
    try:
        value: Any = json.loads(data)
        if name == "job":
            return read(JobChanged, value)
        if name == "described":
            return read(Described, value)
        if name == "rendition":
            return read(RenditionMade, value)
        if name == "batch":
            return read(BatchEnded, value)
        if name == "beat":
            return Beat(raw=value, stats=read(Stats, value))
        return Reset(raw=value) if name == "reset" else None
    except (Unread, ValueError):
        return None
