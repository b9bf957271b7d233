"""What may stand in a path, a query or a form: each parameter in words, and as a JSON Schema.

One home for each: queries, forms and JSON bodies of uploads take the same fields. Knows no route but by its name.
"""

from typing import Any, NamedTuple

from jobs.deliveries import DeliveryState, EventType
from jobs.job import PRIORITIES, TEXT_CHARACTERS_MAX, Code, State
from jobs.limits import (
    EXPIRES_IN_MAX,
    EXPIRES_IN_MIN,
    LIST_DEFAULT,
    LIST_MAX,
    REDIRECT_CHARACTERS_MAX,
    REFERENCE_CHARACTERS_MAX,
    WEBHOOK_CHARACTERS_MAX,
)
from jobs.recipes.recipe import NAME_PATTERN
from jobs.tenants import NAME
from web.access.paging import CURSOR_PATTERN
from web.handlers.jobs import HOURS_MAX
from web.views.fields import ID_PATTERN

Schema = dict[str, Any]


class Parameter(NamedTuple):
    """In words (Markdown, its links relative to docs/), and its values. `is_json`: in a query or a form it is the text
    of this JSON."""

    words: str
    schema: Schema
    is_json: bool = False


def _text(most: int, **beside: object) -> Schema:
    return {"type": "string", "maxLength": most, **beside}


def ecma(pattern: str) -> str:
    """A pattern of ours as JSON Schema writes it."""
    return pattern.replace(r"\A", "^").replace(r"\Z", "$")


FLAG: Schema = {"type": "string", "enum": ["0", "1", "false", "true"], "default": "0"}
ID: Schema = {"type": "string", "pattern": ID_PATTERN}
TIME: Schema = {"type": "string", "format": "date-time"}
PRESET: Schema = {"type": "string", "pattern": ecma(NAME_PATTERN)}
REFERENCE = _text(REFERENCE_CHARACTERS_MAX)
ADDRESS = _text(WEBHOOK_CHARACTERS_MAX, format="uri")
_FILTER = _text(TEXT_CHARACTERS_MAX)
_CURSOR: Schema = {"type": "string", "pattern": CURSOR_PATTERN}
_NEXT = "The `next` of an earlier page."
_TIME_WORDS = "A time with its zone, as `2026-11-30T09:00:00Z`"

UPLOAD = {
    # no `default`: generated clients would send it in the query of a form, which has its fields as parts
    "preset": Parameter("A name of `GET /presets`. Without it and without `recipe`: `default`.", PRESET),
    "recipe": Parameter("JSON ([docs/recipes.md](recipes.md)).", {"$ref": "#/components/schemas/AskedRecipe"}, True),
    "focus": Parameter(
        "`[0.5, 0.3]`: the point of the image that cuts with `gravity: focus` keep, in fractions of its upright sides. "
        "Without it they keep what draws attention. Other renditions do not use it.",
        {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 2, "maxItems": 2},
        True,
    ),
    "reference": Parameter(
        f"A text of up to {REFERENCE_CHARACTERS_MAX} characters of yours. Lists filter by it.", REFERENCE
    ),
    "metadata": Parameter("JSON of yours, up to 2 KiB.", {}, True),
    "priority": Parameter("`high`, `normal` or `low`.", {"type": "string", "enum": list(PRIORITIES)}),
    "expires_in": Parameter(
        "Seconds, from 1 to 604,800 (7 days). A job that no decoder began by then ends `failed`, `expired`. The fetch "
        "of a `source_url` begins nothing.",
        {"type": "number", "minimum": EXPIRES_IN_MIN, "maximum": EXPIRES_IN_MAX},
    ),
    "batch": Parameter("The id of a batch that `POST /batches` opened: the jobs join it. Not under a grant.", ID),
    "webhook_url": Parameter(
        "Who is told of the end ([webhooks](webhooks.md)). Under a grant only if the grant names it.", ADDRESS
    ),
    "webhook_events": Parameter(
        "`job.rendition`: they are told of each rendition, too. Not under a grant.",
        {"type": "string", "enum": [EventType.JOB_RENDITION.value]},
    ),
}
"""The fields of an upload, in the order of the page."""
REDIRECT = Parameter(
    "In a form only. The address of a page at an origin of `CORS_ORIGINS` ([for a plain form](browsers.md)). The "
    "answer is then a 303 to that page, with `job` (or `batch`) and `status_url` in its query, or with `code` and "
    "`detail`. Put it before the file.",
    _text(REDIRECT_CHARACTERS_MAX, format="uri"),
)

_PLAIN = {
    "filename": Parameter(
        "The name of the file, if the image is the body. It is a label: its folders are left out.",
        {"type": "string", "examples": ["holiday.jpg"]},
    ),
    "grant": Parameter("A grant, instead of a key.", {"type": "string"}),
    "state": Parameter("Only jobs in this state.", {"type": "string", "enum": [state.value for state in State]}),
    "code": Parameter(
        "Only jobs whose last fault has this code.", {"type": "string", "enum": [code.value for code in Code]}
    ),
    "accepted_after": Parameter(f"{_TIME_WORDS}: only jobs that were accepted then or later.", TIME),
    "accepted_before": Parameter(f"{_TIME_WORDS}: only jobs that were accepted earlier.", TIME),
    "tenant": Parameter("Only this tenant's jobs, for keys with `operate`.", _FILTER),
    "limit": Parameter(
        f"How many, at most. (Of a list in NDJSON: how many of all, without the bound of {LIST_MAX}.)",
        {"type": "integer", "minimum": 1, "maximum": LIST_MAX, "default": LIST_DEFAULT},
    ),
    "after": Parameter(_NEXT, _CURSOR),
    "purge": Parameter("1: removes them with their files.", FLAG),
    "dry_run": Parameter("1: only counts them.", FLAG),
    "all": Parameter("1: all, without a filter.", FLAG),
    "wait": Parameter(
        "Seconds to wait for the end, up to a limit of the server.", {"type": "number", "minimum": 0, "default": 0}
    ),
    "hours": Parameter(
        "How many hours.", {"type": "integer", "minimum": 1, "maximum": HOURS_MAX, "default": HOURS_MAX}
    ),
    "jobs": Parameter("0: without the jobs.", {**FLAG, "default": "1"}),
    "job": Parameter("Only of this job.", ID),
    "type": Parameter("Only this event.", {"type": "string", "enum": [kind.value for kind in EventType]}),
    "since": Parameter(f"{_TIME_WORDS}: only those that were created then or later.", TIME),
}
_OF_DELIVERIES = {
    "state": Parameter("Only in this state.", {"type": "string", "enum": [state.value for state in DeliveryState]}),
}
_OF_PAUSES = {
    "tenant": Parameter("Only this tenant's jobs.", {"type": "string", "pattern": f"^(?:{NAME.pattern})$"}),
}
_OWN = {
    "GET /jobs": {
        "preset": Parameter("Only jobs with this preset.", _FILTER),
        "after": Parameter(
            "The `next` of an earlier page, or the id of a job: only older ones.", {"anyOf": [ID, _CURSOR]}
        ),
    },
    "GET /deliveries": _OF_DELIVERIES,
    "POST /deliveries/replay": _OF_DELIVERIES,
    "GET /actions": {"after": Parameter(_NEXT, ID)},
    "GET /events": {"job": Parameter("Only this job. May be given up to 100 times.", {"type": "array", "items": ID})},
    "POST /queue/pause": _OF_PAUSES,
    "POST /queue/resume": _OF_PAUSES,
    "DELETE /jobs/{job}": {"purge": Parameter("1: removes the job, which has ended, with its files.", FLAG)},
}
_FILTERS = {
    "reference": Parameter("Only jobs with this reference.", _FILTER),
    "preset": Parameter("Only jobs with this preset.", _FILTER),
}
_UPLOADING = ("POST /upload", "POST /recipes/explain")

PATHS = {
    "job": Parameter("The id of a job.", ID),
    "batch": Parameter("The id of a batch, or of a job that was uploaded alone.", ID),
    "name": Parameter("The name of a rendition, from the recipe.", PRESET),
    "delivery": Parameter("The id of a delivery.", {"type": "string"}),
    "incarnation": Parameter("Which worker, as in `/stats`.", _FILTER),
}
"""The parameters of paths."""


def parameter(route: str, name: str) -> Parameter:
    """The query parameter `name` of a route."""
    own = _OWN.get(route, {})
    if name in own:
        return own[name]
    beside = UPLOAD if route in _UPLOADING else _FILTERS
    return beside[name] if name in beside else _PLAIN[name]
