"""Actions as the API shows them. Pure."""

import json

from jobs.records import ActionEntry
from web.views.answers import View, at

_TIMES = ("accepted_after", "accepted_before", "since")
"""Filters that are wall seconds."""


def action(entry: ActionEntry, keyed: bool) -> View:
    """A command that was carried out. Where there are no keys (`keyed`), tenants have no names."""
    named = json.loads(entry.filter)
    if not keyed and named.get("tenant") == "":
        del named["tenant"]
    return {
        "id": entry.id,
        "at": at(entry.at),
        "who": entry.who or None,
        "verb": entry.verb,
        "filter": {name: at(value) if name in _TIMES else value for name, value in named.items()},
        "count": entry.count,
    }
