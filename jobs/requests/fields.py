"""The fields with which clients say what to do with their images, checked. They come in a form, a query or JSON.

Knows no request and no store.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from jobs.deliveries import EventType
from jobs.errors import ClientFault, LimitExceeded
from jobs.ids import is_id
from jobs.job import PRIORITIES
from jobs.limits import EXPIRES_IN_MAX, EXPIRES_IN_MIN, METADATA_BYTES_MAX, METADATA_DEPTH_MAX, REFERENCE_CHARACTERS_MAX
from jobs.recipes import recipe as recipes
from jobs.recipes.presets import DEFAULT_PRESET, Recipes
from jobs.recipes.recipe import Focus, Recipe
from jobs.requests.texts import bad_parameter, read_json

FIELDS = frozenset(
    {
        "preset",
        "recipe",
        "focus",
        "reference",
        "metadata",
        "priority",
        "expires_in",
        "webhook_url",
        "webhook_events",
        "batch",
    }
)
_JSON_TEXTS = ("recipe", "focus", "metadata")
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?", re.ASCII)
"""As any program writes a number of seconds: with all digits of a float."""


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """The checked fields. `recipe` is resolved, and has the focus of the upload; `preset` is its name, if it has one;
    `metadata` is JSON text; `priority` is an index. `expires_in`: seconds, None for ever. `webhook_url` is as sent,
    to be judged (hooks.py). `tells_renditions`: the receivers are told of each rendition, too. `batch`: the open batch
    that the jobs join.

    `digest` is over the fields as they were sent, so it stays the same when the preset's recipe changes.
    """

    recipe: Recipe
    preset: str | None
    reference: str | None
    metadata: str | None
    priority: int
    digest: bytes
    expires_in: float | None = None
    webhook_url: object = None
    tells_renditions: bool = False
    batch: str | None = None


def granted(fields: Mapping[str, str], decided: Mapping[str, str] | None) -> Mapping[str, str]:
    """The fields of an upload, with the values that its grant has `decided`. Without a grant (None) they are unchanged.

    Raises ClientFault `forbidden` for another value than a decided one, for a recipe, for the priority `high`, and for
    a receiver, events or a batch that the grant does not name."""
    if decided is None:
        return fields
    for name, value in fields.items():
        undecided = name in ("webhook_url", "webhook_events", "batch") and name not in decided
        if undecided or name == "recipe" or (name, value) == ("priority", "high") or decided.get(name, value) != value:
            raise ClientFault(f"this grant does not allow this {name}", code="forbidden", parameter=name)
    return {**fields, **decided}


def from_texts(fields: Mapping[str, str], known: Recipes) -> UploadRequest:
    """The fields of a form or a query, where `recipe`, `focus` and `metadata` are JSON texts. Raises ClientFault."""
    values: dict[str, Any] = dict(fields)
    if "recipe" in values:
        recipes.parse(values["recipe"], known.watermarks, vips=known.vips)
    for name in _JSON_TEXTS:
        if name in values:
            values[name] = read_json(values[name], name)
    if _NUMBER.fullmatch(fields.get("expires_in", "")):
        values["expires_in"] = float(fields["expires_in"])
    return from_values(values, known)


def from_values(values: Mapping[str, Any], known: Recipes) -> UploadRequest:
    """The fields of a JSON body. Raises ClientFault; BadRecipe for a wrong recipe."""
    preset, recipe = _recipe(values, known)
    if values.get("focus") is not None:
        recipe = recipes.focused(recipe, _focus(values["focus"]))
    reference = values.get("reference")
    if reference is not None and not isinstance(reference, str):
        raise bad_parameter("reference", "reference is a text")
    if reference and len(reference) > REFERENCE_CHARACTERS_MAX:
        raise LimitExceeded("bad_parameter", "reference_characters_max", REFERENCE_CHARACTERS_MAX, len(reference))
    priority = values.get("priority", "normal")
    if priority not in PRIORITIES:
        raise bad_parameter("priority", f"priority is one of {', '.join(PRIORITIES)}")
    metadata = _metadata(values)
    plain = {name: values[name] for name in sorted(values) if name in FIELDS}
    digest = hashlib.sha256(msgspec.json.encode(plain, order="sorted")).digest()
    return UploadRequest(
        recipe,
        preset,
        reference,
        metadata,
        PRIORITIES.index(priority),
        digest,
        _expires_in(values.get("expires_in")),
        values.get("webhook_url"),
        _tells_renditions(values.get("webhook_events")),
        _batch(values.get("batch")),
    )


def _batch(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and is_id(value)):
        raise bad_parameter("batch", f"batch is the id of an open batch, not {str(value)[:40]!r}")
    return value


def _tells_renditions(value: object) -> bool:
    if value not in (None, EventType.JOB_RENDITION.value):
        what = "the ends are told anyway"
        raise bad_parameter("webhook_events", f"webhook_events is job.rendition ({what}), not {str(value)[:40]!r}")
    return value is not None


def _expires_in(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not EXPIRES_IN_MIN <= value <= EXPIRES_IN_MAX:
        most = f"a number of seconds from {EXPIRES_IN_MIN} to {EXPIRES_IN_MAX}"
        raise bad_parameter("expires_in", f"expires_in is {most}, not {str(value)[:40]!r}")
    return float(value)


def _focus(value: object) -> Focus:
    try:
        point: Focus = msgspec.convert(value, Focus)
    except msgspec.ValidationError:
        what = "two numbers from 0 to 1: the place from the left and from the top"
        raise bad_parameter("focus", f"focus is {what}, not {str(value)[:40]!r}") from None
    return point


def _recipe(values: Mapping[str, Any], known: Recipes) -> tuple[str | None, Recipe]:
    if "recipe" in values:
        if "preset" in values:
            raise bad_parameter("recipe", "give a preset or a recipe, not both")
        return None, recipes.parse(values["recipe"], known.watermarks, vips=known.vips)
    preset = values.get("preset", DEFAULT_PRESET)
    if not isinstance(preset, str) or preset not in known.presets:
        raise ClientFault(f"there is no preset {preset!r}: use {', '.join(known.presets)}", code="unknown_preset")
    return preset, known.presets[preset]


def _metadata(values: Mapping[str, Any]) -> str | None:
    if values.get("metadata") is None:
        return None
    if (depth := _depth(values["metadata"])) > METADATA_DEPTH_MAX:
        raise LimitExceeded("bad_parameter", "metadata_depth_max", METADATA_DEPTH_MAX, depth)
    text = msgspec.json.encode(values["metadata"])
    if len(text) > METADATA_BYTES_MAX:
        raise LimitExceeded("bad_parameter", "metadata_bytes_max", METADATA_BYTES_MAX, len(text))
    return text.decode()


def _depth(value: Any) -> int:
    """How deeply lists and objects are nested."""
    depth, level = 0, [value]
    while level := [inner for inner in level if isinstance(inner, dict | list)]:
        depth += 1
        level = [each for inner in level for each in (inner.values() if isinstance(inner, dict) else inner)]
    return depth
