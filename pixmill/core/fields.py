"""The fields of an upload and the filters of a list, as the API takes them. Checks nothing that the server checks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

Recipe = str | Mapping[str, Any]
"""JSON text, or the same as a dict."""
Priority = Literal["high", "normal", "low"]
_JSON = ("recipe", "focus", "metadata")
Time = datetime | str
"""With its zone; a text as RFC 3339 has it."""


class Fields(TypedDict, total=False):
    """What is asked of a job. TRACE is sent as headers: the trace in which the job is made."""

    preset: str | None
    recipe: Recipe | None
    focus: tuple[float, float] | None
    reference: str | None
    metadata: Any
    priority: Priority | None
    expires_in: float | None
    webhook_url: str | None
    webhook_events: Literal["job.rendition"] | None
    batch: str | None
    traceparent: str | None
    tracestate: str | None


TRACE = ("traceparent", "tracestate")


class Filters(TypedDict, total=False):
    """Which jobs: by `state`, `code`, `reference` and `preset`; accepted from `accepted_after` on, and earlier than
    `accepted_before`; of one `tenant` (scope `operate`). None is any."""

    state: str | None
    code: str | None
    reference: str | None
    preset: str | None
    accepted_after: Time | None
    accepted_before: Time | None
    tenant: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """Which deliveries: by `state`, `job` and `type`, and those created `since` a time; None is any."""

    state: str | None = None
    job: str | None = None
    type: str | None = None
    since: str | None = None


def form(fields: Mapping[str, Any]) -> dict[str, str]:
    """Fields as parts of a form; those that are None are left out."""
    return {name: _text(name, value) for name, value in values(fields).items()}


def values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as members of a JSON body; those that are None are left out."""
    return {name: value for name, value in fields.items() if value is not None and name not in TRACE}


def traced(fields: Mapping[str, Any]) -> dict[str, str]:
    """The headers of the trace among the fields."""
    return {name: str(fields[name]) for name in TRACE if fields.get(name) is not None}


def filters(asked: Filters, **others: str | None) -> tuple[tuple[str, str], ...]:
    """The query of a list or of a command over many jobs."""
    named: dict[str, Any] = {**asked, **others}
    return tuple((name, _wall(value)) for name, value in named.items() if value is not None)


def told(asked: Told, **others: str | None) -> tuple[tuple[str, str], ...]:
    """The query of a list of deliveries, or of a replay of many."""
    named = {"state": asked.state, "job": asked.job, "type": asked.type, "since": asked.since, **others}
    return tuple((name, value) for name, value in named.items() if value is not None)


def explaining(
    preset: str | None, recipe: Recipe | None, focus: tuple[float, float] | None
) -> tuple[tuple[str, str], ...]:
    """The query of POST /recipes/explain."""
    return tuple(form({"preset": preset, "recipe": recipe, "focus": focus}).items())


def _wall(value: Time) -> str:
    return value.isoformat() if isinstance(value, datetime) else value


def _text(name: str, value: Any) -> str:
    if isinstance(value, str) and name != "metadata":
        return value
    return json.dumps(value, separators=(",", ":")) if name in _JSON else str(value)
