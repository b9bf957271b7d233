"""The schemas of answers, events and recipes: JSON Schema 2020-12, made of the structs that are sent."""

import re
from typing import Any

import msgspec

from jobs.recipes.recipe import AskedRecipe
from jobs.webhooks.events import ToldBatch, ToldJob, ToldPublication
from web.api.bodies import FILE, named_bodies
from web.api.parameters import Schema, ecma
from web.api.told import ROUTES
from web.views.changes import BatchEvent, DescribedEvent, JobEvent, JobGone, RenditionEvent
from web.views.replies import Problem

TEMPLATE = "#/components/schemas/{name}"
OF_EVENTS = (JobEvent, JobGone, RenditionEvent, BatchEvent, DescribedEvent)
OF_WEBHOOKS = (ToldJob, ToldPublication, ToldBatch)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")


def plain(words: str) -> str:
    """Words without their links into docs/, which a reader of the document does not have."""
    return _LINK.sub(r"\1", words)


def of_shapes(shapes: tuple[Any, ...]) -> Schema:
    """The schema of a body that has one of these types."""
    schemas = [_of(shape) for shape in shapes]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _of(shape: Any) -> Schema:
    if shape is bytes:
        return FILE
    (schema,), _ = msgspec.json.schema_components([shape], ref_template=TEMPLATE)
    found: Schema = cleaned(schema)
    return found


def components(bytes_max: int) -> dict[str, Schema]:
    """All schemas that have a name. `bytes_max`: UPLOAD_BYTES_MAX."""
    answers = [shape for told in ROUTES.values() for answer in told.answers.values() for shape in answer.shapes]
    shapes = [shape for shape in answers if shape is not bytes] + [AskedRecipe, Problem, *OF_EVENTS, *OF_WEBHOOKS]
    found = msgspec.json.schema_components(shapes, ref_template=TEMPLATE)[1]
    named: dict[str, Schema] = cleaned({**found, **named_bodies(bytes_max)})
    return dict(sorted(named.items()))


def cleaned(value: Any) -> Any:
    """Descriptions in one line and without links, patterns as JSON Schema has them, no titles that repeat names. A
    tuple whose parts are alike is an array of so many items: not all generators of clients know tuples."""
    if isinstance(value, list):
        return [cleaned(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: cleaned(each) for name, each in value.items()}
    parts = made.get("prefixItems")
    if isinstance(parts, list) and made.get("items") is False and all(part == parts[0] for part in parts):
        del made["prefixItems"]
        made["items"] = parts[0]
    if isinstance(made.get("title"), str):
        del made["title"]
    if isinstance(made.get("description"), str):
        made["description"] = plain(" ".join(made["description"].split()))
    if isinstance(made.get("pattern"), str):
        made["pattern"] = ecma(made["pattern"])
    return made
