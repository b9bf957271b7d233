"""Actions as the API shows them. Pure."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Struct

from jobs.records import ActionEntry
from web.views.fields import Id, Moment, Whole, at, moment, says

_TIMES = ("accepted_after", "accepted_before", "since")
"""Filters that are wall seconds."""


class Action(Struct, frozen=True):
    """A command that was carried out."""

    id: Annotated[Id, says("Its own.")]
    at: Annotated[Moment, says("RFC 3339, UTC: when it began.")]
    who: Annotated[
        str | None,
        says("The first 8 hex digits of the SHA-256 of the key that gave it, also by a session; null without keys."),
    ]
    verb: Annotated[
        str,
        says(
            "`cancel`, `requeue`, `purge`, `replay`, `pause`, `resume`, `drain`, or `close` (of a batch, by an "
            "operator's key)."
        ),
    ]
    filter: Annotated[
        dict[str, Any],
        says(
            "What it named: one `job`, `delivery`, `batch` or `worker` (its incarnation), or the filters that were "
            "set. A key of one tenant adds that `tenant`. `{}`: everything."
        ),
    ]
    count: Annotated[
        Whole,
        says(
            "How many jobs or deliveries it changed so far; for the queue, workers and batches 1, or 0 if it was so "
            "already."
        ),
    ]


class ActionPage(Struct, frozen=True):
    """A page of actions, the newest first."""

    actions: Annotated[Sequence[Action], says("Each as [an action](#an-action).")]
    next: Annotated[str | None, says("To be sent as `after`, for the next page; null: this is the last one.")]


def action(entry: ActionEntry, keyed: bool) -> Action:
    """A command that was carried out. Where there are no keys (`keyed`), tenants have no names."""
    named = json.loads(entry.filter)
    if not keyed and named.get("tenant") == "":
        del named["tenant"]
    return Action(
        id=entry.id,
        at=moment(entry.at),
        who=entry.who or None,
        verb=entry.verb,
        filter={name: at(value) if name in _TIMES else value for name, value in named.items()},
        count=entry.count,
    )
