"""Server-Sent Events as text. Pure: changes and rows in, bytes out. Knows no reader."""

from collections.abc import Iterable

import msgspec

from jobs.job import Row, decode_outcome
from jobs.wire import BATCH_ENDED, Change
from web.views import answers
from web.views.changes import BatchEvent, DescribedEvent, JobGone, RenditionEvent, described, job_changed, job_now

REPLAY_BYTES_MAX = 512 * 1024
"""Bytes of missed events, or of the present state, in one go: half of what a reader may be behind. The rest is for the
beat, and for changes meanwhile."""
UNKNOWN = -1
"""Older than all changes."""
_json = msgspec.json.Encoder().encode


def event(name: str, data: object, number: int | None = None, life: str = "") -> bytes:
    """One event's text. Its id is made of `number` and the ledger's `life`; None: it has no id."""
    head = f"event: {name}\n" if number is None else f"id: {event_id(number, life)}\nevent: {name}\n"
    return head.encode() + b"data: " + _json(data) + b"\n\n"


def event_id(number: int, life: str) -> str:
    """The id of an event after the change `number` of that life of the ledger ("": it has no name)."""
    return f"{number}.{life}" if life else str(number)


def number_of(text: str, life: str) -> int:
    """The number in an id of an event of this life. UNKNOWN for any other text."""
    number, _, of_life = text.partition(".")
    return int(number) if of_life == life and number.isdecimal() and len(number) < 20 else UNKNOWN


def of_changes(changes: Iterable[Change], base: str, life: str, by_grant: str = "", *, numbered: bool = True) -> bytes:
    """The events of these changes: the original's facts, a rendition's publication, else the job's new state."""
    return b"".join(_of_change(change, base, by_grant, change.change if numbered else None, life) for change in changes)


def _of_change(change: Change, base: str, by_grant: str, number: int | None, life: str) -> bytes:
    if change.state == BATCH_ENDED:
        return event("batch", BatchEvent(change.id, "ended", change.change), number, life)
    if change.facts:
        return event("described", _facts(change.id, change.change, change.facts, by_grant), number, life)
    if change.rendition is None:
        return event("job", job_changed(change), number, life)
    shown = answers.rendition(change.rendition, f"{base}/jobs/{change.id}", by_grant)
    return event("rendition", RenditionEvent(change.id, change.change, shown), number, life)


def _facts(job: str, change: int, encoded: bytes, by_grant: str) -> DescribedEvent:
    return described(job, change, encoded, private=not by_grant)


def of_row(row: Row, base: str, by_grant: str, number: int | None, life: str) -> bytes:
    """A job's present state: its facts and renditions, then the job itself, whose event has `number` in its id."""
    outcome = decode_outcome(row.outcome)
    shown = [answers.rendition(published, f"{base}/jobs/{row.id}", by_grant) for published in outcome.renditions]
    told = [event("described", _facts(row.id, row.change, outcome.facts, by_grant))] if outcome.facts else []
    told += [event("rendition", RenditionEvent(row.id, row.change, each)) for each in shown]
    return b"".join(told) + event("job", job_now(row, outcome), number, life)


def of_missing(job: str) -> bytes:
    """A job that is not there any more, or never was."""
    return event("job", JobGone(job, True))


def seen_by(sees: str | None, changes: list[Change]) -> list[Change]:
    """Those of a tenant's jobs; all for None."""
    return changes if sees is None else [change for change in changes if change.tenant == sees]


def replay(changes: list[Change], base: str, life: str) -> bytes | None:
    """Missed changes: all facts and every publication, and each job once in its newest state. None where that is more
    than REPLAY_BYTES_MAX: a reader would be cut off over it, and come again for the same."""
    newest = {change.id: change.change for change in changes}
    parts = []
    for change in changes:
        if change.rendition or change.facts:
            parts.append(_of_change(change, base, "", change.change, life))
        if newest[change.id] == change.change:
            of_job = msgspec.structs.replace(change, rendition=None, facts=b"")
            parts.append(_of_change(of_job, base, "", change.change, life))
    told = b"".join(parts)
    return told if len(told) <= REPLAY_BYTES_MAX else None
