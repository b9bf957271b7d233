"""The bodies of requests, as JSON Schemas by media type. Knows no route but by its name."""

from collections.abc import Mapping
from typing import Any

from jobs.access.grants import ORIGIN
from jobs.limits import AUDIT_RECEIPTS_MAX, BATCH_JOBS_MAX, FILES_PER_POST_MAX, GRANT_COUNT_MAX
from web.api.of_jobs import IMAGES
from web.api.parameters import ADDRESS, ID, PRESET, REDIRECT, REFERENCE, TIME, UPLOAD, Schema, ecma
from web.api.words import JSON

FORM, BYTES = "multipart/form-data", "application/octet-stream"
FILE: Schema = {"type": "string", "format": "binary"}


def request_body(route: str, bytes_max: int) -> Schema | None:
    """The request body of a route, as OpenAPI has it; None: it has none. `bytes_max`: UPLOAD_BYTES_MAX."""
    image = {media: {"schema": FILE} for media in (*IMAGES, BYTES)}
    if route == "POST /upload":
        return {"required": True, "content": {FORM: _form(), **image}}
    if route == "POST /recipes/explain":
        return {"required": True, "content": image}
    body = _bodies(bytes_max).get(route)
    if body is None:
        return None
    needed = route != "POST /batches"
    return {"required": needed, "content": {JSON: {"schema": body}}}


def named_bodies(bytes_max: int) -> dict[str, Schema]:
    """The schemas of bodies that have a name."""
    return {
        "JobOfOriginal": _new_jobs("original", ID),
        "JobsOfOriginals": _new_jobs("originals", _ids()),
        "JobOfSource": _new_jobs("source_url", {**ADDRESS, "maxLength": 2000}),
        "UploadGrantAsked": _object(_grant(bytes_max)),
        "ViewGrantAsked": _object({"job": ID, "expires_at": _or_null(TIME)}, "job"),
        "BatchAsked": _object({"webhook_url": _or_null(ADDRESS)}),
        "LogIn": _object({"key": {"type": "string"}}, "key"),
    }


def _bodies(bytes_max: int) -> Mapping[str, Schema]:
    return {
        "POST /jobs": _one_of("JobOfOriginal", "JobsOfOriginals", "JobOfSource"),
        "POST /batches": _one_of("BatchAsked"),
        "POST /grants": _one_of("UploadGrantAsked", "ViewGrantAsked"),
        "POST /receipts/audit": {"type": "array", "items": {"type": "string"}, "maxItems": AUDIT_RECEIPTS_MAX},
        "POST /session": _one_of("LogIn"),
    }


def _one_of(*names: str) -> Schema:
    refs = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return refs[0] if len(refs) == 1 else {"anyOf": refs}


def _object(properties: Mapping[str, Schema], *required: str) -> Schema:
    shape: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**shape, "required": list(required)} if required else shape


def _or_null(schema: Schema) -> Schema:
    """The same, or null, which says nothing."""
    nullable = {**schema, "type": [schema["type"], "null"]}
    return {**nullable, "enum": [*schema["enum"], None]} if "enum" in schema else nullable


_NEVER_NULL = ("preset", "recipe", "metadata", "priority")


def _new_jobs(source: str, schema: Schema) -> Schema:
    """The body of POST /jobs with this source. A preset and a recipe exclude each other."""
    fields = {
        name: {"description": field.words, **(field.schema if name in _NEVER_NULL else _or_null(field.schema))}
        for name, field in UPLOAD.items()
    }
    return {**_object({source: schema, **fields}, source), "not": {"required": ["preset", "recipe"]}}


def _ids() -> Schema:
    return {"type": "array", "items": ID, "minItems": 1, "maxItems": BATCH_JOBS_MAX}


def _grant(bytes_max: int) -> Mapping[str, Schema]:
    origin = {"type": "string", "pattern": ecma(ORIGIN)}
    return {
        "preset": {"description": "The preset of its uploads.", **PRESET, "default": "default"},
        "bytes_max": {
            "description": "Bytes of one POST.", "type": "integer", "minimum": 1, "maximum": bytes_max,
        },
        "count": {
            "description": "How many images.", "type": "integer", "minimum": 1, "maximum": GRANT_COUNT_MAX,
            "default": 1,
        },
        "expires_at": {"description": "When it ends.", **_or_null(TIME)},
        "reference": {"description": "Of its jobs.", **_or_null(REFERENCE)},
        "origin": {"description": "Whose pages may use it.", **_or_null(origin)},
        "webhook_url": {"description": "Who is told of the ends.", **_or_null(ADDRESS)},
    }  # fmt: skip


def _form() -> Schema:
    """A form: its images under any name, here `image`; its fields as parts of text; others are ignored."""
    fields = {name: {"description": field.words, **field.schema} for name, field in UPLOAD.items()}
    fields["redirect"] = {"description": REDIRECT.words, **REDIRECT.schema}
    images = {"type": "array", "items": FILE, "minItems": 1, "maxItems": FILES_PER_POST_MAX}
    shape: dict[str, Any] = {
        "type": "object",
        "properties": {"image": {"description": "The images, under any name.", **images}, **fields},
        "required": ["image"],
    }
    return {
        "schema": shape,
        "encoding": {name: {"contentType": JSON} for name, field in UPLOAD.items() if field.is_json},
    }
