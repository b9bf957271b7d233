"""Server-Sent Events as text. Pure: changes and rows in, bytes out. Knows no reader."""

from collections.abc import Iterable

import msgspec

from jobs.job import Row, decode_outcome
from jobs.wire import Change
from web.views import answers

REPLAY_BYTES_MAX = 512 * 1024
"""Bytes of missed events, or of the present state, in one go: half of what a reader may be behind. The rest is for the
beat, and for changes meanwhile."""
_json = msgspec.json.Encoder().encode


def event(name: str, data: object, number: int | None = None) -> bytes:
    """One event's text; `number` is its id."""
    head = f"event: {name}\n" if number is None else f"id: {number}\nevent: {name}\n"
    return head.encode() + b"data: " + _json(data) + b"\n\n"


def of_changes(changes: Iterable[Change], base: str, by_grant: str = "", *, numbered: bool = True) -> bytes:
    """The events of these changes: a rendition's publication, else the job's new state."""
    return b"".join(_of_change(change, base, by_grant, change.change if numbered else None) for change in changes)


def _of_change(change: Change, base: str, by_grant: str, number: int | None) -> bytes:
    if change.rendition is None:
        return event("job", answers.change(change), number)
    shown = answers.rendition(change.rendition, f"{base}/jobs/{change.id}", by_grant)
    return event("rendition", {"id": change.id, "change": change.change, "rendition": shown}, number)


def of_row(row: Row, base: str, by_grant: str, number: int | None) -> bytes:
    """A job's present state: its renditions, then the job itself, whose event has `number` as its id."""
    outcome = decode_outcome(row.outcome)
    shown = [answers.rendition(published, f"{base}/jobs/{row.id}", by_grant) for published in outcome.renditions]
    told = [event("rendition", {"id": row.id, "change": row.change, "rendition": each}) for each in shown]
    return b"".join(told) + event("job", answers.state(row, outcome), number)


def of_missing(job: str, number: int | None) -> bytes:
    """A job that is not there any more, or never was."""
    return event("job", {"id": job, "removed": True}, number)


def seen_by(sees: str | None, changes: list[Change]) -> list[Change]:
    """Those of a tenant's jobs; all for None."""
    return changes if sees is None else [change for change in changes if change.tenant == sees]


def replay(changes: list[Change], base: str) -> bytes | None:
    """Missed changes: every publication, and each job once in its newest state. None where that is more than
    REPLAY_BYTES_MAX: a reader would be cut off over it, and come again for the same."""
    newest = {change.id: change.change for change in changes}
    parts = []
    for change in changes:
        if change.rendition:
            parts.append(_of_change(change, base, "", change.change))
        if newest[change.id] == change.change:
            parts.append(event("job", answers.change(change), change.change))
    told = b"".join(parts)
    return told if len(told) <= REPLAY_BYTES_MAX else None
