"""The types of fields that answers share, and the words for them. Pure.

An answer is a struct (msgspec). The docs and the schema are made of its fields: their types, their order, and the words
beside them (web/api). Knows no answer.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta

from jobs.deliveries import DeliveryState
from jobs.ids import ALPHABET, ID_CHARACTERS
from jobs.job import PRIORITIES, State

ID_PATTERN = rf"^[0-7][{ALPHABET}]{{{ID_CHARACTERS - 1}}}$"
Id = Annotated[str, Meta(pattern=ID_PATTERN, examples=["01m8mjpfqmq6v3hp4xyv9jn1kj"])]
"""The id of a job, a batch or an action."""
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-30T09:00:00.000Z"])]
"""RFC 3339 in UTC, as `at` writes it."""
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
Digest = Annotated[str, Meta(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
"""SHA-256, in hex."""
Whole = Annotated[int, Meta(ge=0)]
Number = Annotated[float, Meta(ge=0)]
Json = Any
"""Any JSON value, null included."""


def one_of(names: Any) -> Meta:
    """The text is one of these."""
    return Meta(extra_json_schema={"enum": [str(name) for name in names]})


StateName = Annotated[str, one_of(State)]
Counts = dict[str, int]
"""Jobs by state."""
PriorityName = Annotated[str, one_of(PRIORITIES)]
Verdict = Annotated[str, one_of(("ended", "unfinished", "purged", "expired", "lost", "forged"))]
"""What became of the job of a receipt."""
DeliveryStateName = Annotated[str, one_of(DeliveryState)]


def says(words: str) -> Meta:
    """What a field means, as Markdown whose links are relative to docs/."""
    return Meta(description=words)


def at(seconds: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    return None if seconds is None else moment(seconds)


def moment(seconds: float) -> str:
    """The same of a time that is there."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
