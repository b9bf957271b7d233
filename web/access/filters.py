"""The filter over jobs in a query: of lists, and of commands over many jobs. Knows no caller."""

from datetime import datetime

from jobs.job import TEXT_CHARACTERS_MAX, Code, State
from jobs.records import Where
from jobs.requests.texts import bad_parameter

_TEXTS = ("state", "code", "reference", "preset")
_TIMES = ("accepted_after", "accepted_before")
FILTERS = (*_TEXTS, *_TIMES)
DELIVERY_FILTERS = ("state", "job", "type", "since")
"""Those over deliveries."""
TENANT = "tenant"
"""Whose jobs; a key with `operate` may name any. It confirms no command over many jobs, as FILTERS do."""
_SECONDS_MAX = 1e11
"""A later time, of the year 5138 or after it, counts as this one: the broker's messages take no greater number."""


def filter_of(query: dict[str, str], whose: str | None) -> Where:
    """The filter in the query, over the jobs of the tenant `whose` (None: of all). Raises ClientFault for an unknown
    state or code, for a text that is longer than any text of a job (no message to the broker takes it), and for a time
    without a zone."""
    for name in (*FILTERS, TENANT):
        if (length := len(query.get(name, ""))) > TEXT_CHARACTERS_MAX:
            raise bad_parameter(name, f"{name} has at most {TEXT_CHARACTERS_MAX} characters, this has {length}")
    for name, choices in (("state", State), ("code", Code)):
        value = query.get(name)
        if value is not None and value not in list(choices):
            raise bad_parameter(name, f"{name} is one of {', '.join(choices)}, not {value!r}")
    after, before = (time_of(query, name) for name in _TIMES)
    state, code, reference, preset = map(query.get, _TEXTS)
    return Where(whose, state, code, reference, preset, after, before)


def has_times(where: Where) -> bool:
    """Whether the filter has a time."""
    return (where.accepted_after, where.accepted_before) != (None, None)


def time_of(query: dict[str, str], name: str) -> float | None:
    """A wall time in seconds, of 1970 or later; None: the query has none. Raises ClientFault where it has no zone."""
    value = query.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise bad_parameter(name, f"{name} is a time with its zone, as 2026-11-30T09:00:00Z, not {value!r}")
    return min(max(at.timestamp(), 0.0), _SECONDS_MAX)
