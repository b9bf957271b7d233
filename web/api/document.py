"""The document: the API as OpenAPI 3.1, made of the table of routes, of the words and of the structs that are sent.

Pure: routes and facts in, plain values out. Nothing here is written twice: what a route takes is in web/routes.py, what
it means in the words of this folder, and the fields of answers in web/views.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from jobs.access.keys import Scope
from jobs.deliveries import EventType
from jobs.webhooks.events import TYPES
from web.access.call import Served
from web.access.caller import COOKIE, IN_QUERY
from web.api import schemas
from web.api.bodies import request_body
from web.api.codes import CODES, EVENTS
from web.api.examples import ANSWERS, BODIES
from web.api.headers import ANSWERED, ASKED, OF_ERRORS, REQUEST_ID, WEBHOOK, taken
from web.api.links import links
from web.api.parameters import PATHS, Parameter, Schema, parameter
from web.api.schemas import cleaned, of_shapes, plain
from web.api.told import ROUTES, codes_of, name_of
from web.api.words import JSON, STREAM, Answer
from web.http.problems import status_of
from web.views.numbers import Stats

VERSION = "1"
"""Of the API. docs/release.md says what may change within it."""
PROBLEM = "application/problem+json"
_DESCRIPTION = (
    "Image uploads, which are processed in the background. `POST /upload` answers at once with a promise: a 202. "
    "Follow the job at its `status_url` or `events_url`.\n\nA `HEAD` is answered wherever a `GET` is. An unknown query "
    "parameter is an error that names it. Answers may get further fields: ignore those that you do not know. Every "
    "error is a problem document (RFC 9457) with a stable `code`."
)
_KEYS = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer KEY`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session of a page that `POST /session` opened. Over https its name begins with `__Host-`, "
        "or with `__Secure-` below a path. It changes things from a page of this server only.",
    },
    "grant": {
        "type": "apiKey",
        "in": "query",
        "name": IN_QUERY,
        "description": "A grant, which is also taken as a bearer.",
    },
}


class Facts(NamedTuple):
    """What depends on the server: the address that the paths of routes follow, whether it asks for keys, and
    UPLOAD_BYTES_MAX."""

    server: str
    keyed: bool
    bytes_max: int


def document(routes: Iterable[Served], facts: Facts) -> dict[str, Any]:
    """The document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        name = name_of(route)
        method = name.partition(" ")[0].lower()
        paths.setdefault(route.path, {})[method] = _operation(name, route, facts)
    return {
        "openapi": "3.1.0",
        "info": {"title": "pixmill", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": facts.server}],
        "paths": paths,
        "webhooks": _webhooks(),
        "components": {
            "schemas": schemas.components(facts.bytes_max),
            "securitySchemes": _KEYS,
            "examples": {code: _example(code) for code in CODES},
        },
    }


def _operation(name: str, route: Served, facts: Facts) -> dict[str, Any]:
    told = ROUTES[name]
    operation: dict[str, Any] = {
        "operationId": told.name,
        "tags": [route.path.split("/")[1]],
        "summary": plain(told.does.partition(". ")[0].rstrip(".")),
        "description": plain(told.does),
        "parameters": [*_in_path(route), *_in_query(name, route), *_in_head(name)],
    }
    if body := request_body(name, facts.bytes_max):
        operation["requestBody"] = _with_examples(told.name, {"description": plain(told.body), **cleaned(body)})
    operation["responses"] = _responses(name, route)
    operation["security"] = _security(route, facts.keyed)
    return operation


def _in_path(route: Served) -> list[Schema]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    return [{**_parameter(name, "path", PATHS[name]), "required": True} for name in names]


def _in_query(name: str, route: Served) -> list[Schema]:
    """The parameters of the query. A grant is told of as a way to be admitted."""
    asked = [each for each in route.parameters if each != IN_QUERY]
    return [_parameter(each, "query", parameter(name, each)) for each in asked]


def _in_head(name: str) -> list[Schema]:
    return [_parameter(each, "header", Parameter(*ASKED[each])) for each in taken(name)]


def _parameter(name: str, place: str, told: Parameter) -> Schema:
    shown: Schema = {"name": name, "in": place, "description": plain(told.words)}
    return shown | ({"content": {JSON: {"schema": told.schema}}} if told.is_json else {"schema": told.schema})


def _with_examples(operation: str, body: Schema) -> Schema:
    if examples := BODIES.get(operation):
        body["content"][JSON]["examples"] = {name: {"value": value} for name, value in examples.items()}
    return body


def _responses(name: str, route: Served) -> dict[str, Any]:
    told = ROUTES[name]
    responses = {status: _response(told.name, status, answer) for status, answer in told.answers.items()}
    for status, codes in _by_status(codes_of(name, route.needs)).items():
        error = _error(status, codes)
        if status in responses:  # of /health/ready, whose 503 is no problem document
            responses[status]["content"] |= error["content"]
        else:
            responses[status] = error
    return {str(status): response for status, response in sorted(responses.items())}


def _by_status(codes: Sequence[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for code in codes:
        found.setdefault(status_of(code), []).append(code)
    return found


def _response(operation: str, status: int, answer: Answer) -> Schema:
    shown: Schema = {"description": plain(answer.words), "headers": _headers(answer.headers)}
    if found := links(operation, status):
        shown["links"] = found
    if answer.shapes:
        shown["content"] = {media: _content(media, answer) for media in answer.media}
        if example := ANSWERS.get((operation, status)):
            shown["content"][answer.media[0]]["example"] = example
    return shown


def _content(media: str, answer: Answer) -> Schema:
    if media == JSON:
        return {"schema": of_shapes(answer.shapes)}
    if media == STREAM:
        return {"schema": {"anyOf": [_event(name, words) for name, words in EVENTS.items()]}}
    return {"schema": of_shapes(answer.shapes) if answer.shapes == (bytes,) else {"type": "string"}}


_DATA: dict[str, tuple[Any, ...]] = {
    "job": schemas.OF_EVENTS[:2],
    "rendition": schemas.OF_EVENTS[2:3],
    "batch": schemas.OF_EVENTS[3:4],
    "described": schemas.OF_EVENTS[4:],
    "beat": (Stats,),
    "reset": (),
}
"""What the data of each event is, in JSON."""


def _event(name: str, words: str) -> Schema:
    """One event of a stream: before OpenAPI 3.2, the schema of a stream is that of each of its events."""
    told = of_shapes(_DATA[name]) if _DATA[name] else {"type": "object"}
    data = {"type": "string", "contentMediaType": JSON, "contentSchema": told}
    properties = {"event": {"const": name}, "id": {"type": "string"}, "data": data}
    return {"description": plain(words), "type": "object", "properties": properties, "required": ["event", "data"]}


def _error(status: int, codes: Sequence[str]) -> Schema:
    words = f"{HTTPStatus(status).phrase}: " + ", ".join(f"`{code}`" for code in codes)
    shown: Schema = {"description": words, "headers": _headers(OF_ERRORS.get(status, ()))}
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return shown | {"content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}}


def _example(code: str) -> Schema:
    """A problem document of this code."""
    status = status_of(code)
    title, words = HTTPStatus(status).phrase, plain(CODES[code])
    value = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": words}
    return {"summary": words, "value": value}


def _headers(names: Sequence[str]) -> Schema:
    """Headers of an answer, which has a REQUEST_ID in any case."""
    headers = {name: ANSWERED[name] for name in (*names, REQUEST_ID)}
    return {name: {"description": plain(each.words), "schema": each.schema} for name, each in headers.items()}


def _security(route: Served, keyed: bool) -> list[dict[str, list[Scope]]]:
    """Which ways there are to be admitted: one of these. `{}`: none is needed."""
    if route.needs is None:
        return []
    ways: list[dict[str, list[Scope]]] = [{"key": [route.needs]}, {"session": [route.needs]}] if keyed else [{}]
    return [*ways, {"grant": []}] if route.by else ways


def _webhooks() -> Schema:
    """What receivers are sent, by type."""
    told = {kind.value: "ToldJob" for kind in TYPES.values()}
    told |= {EventType.JOB_RENDITION.value: "ToldPublication", EventType.BATCH_ENDED.value: "ToldBatch"}
    return {kind: {"post": _webhook(kind, data)} for kind, data in told.items()}


def _webhook(kind: str, data: str) -> Schema:
    body = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": kind},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"$ref": f"#/components/schemas/{data}"},
        },
        "required": ["type", "timestamp", "data"],
    }
    headers = [{**_parameter(name, "header", Parameter(*header)), "required": True} for name, header in WEBHOOK.items()]
    return {
        "operationId": f"on_{kind.replace('.', '_')}",
        "summary": f"The event {kind}",
        "description": "A delivery. It is signed as Standard Webhooks has it, and comes at least once.",
        "parameters": headers,
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {
            "2XX": {"description": "It has arrived."},
            "410": {"description": "Never send it again."},
            "default": {"description": "It is tried again later."},
        },
        "security": [],
    }
