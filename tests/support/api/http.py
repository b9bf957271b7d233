"""The parts of docs/http.md that are made of code: routes, fields, states and codes, with the words of web/api.

Also judges an answer by them, and by the schema of the API. Knows no server.
"""

import copy
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from jobs.access.grants import UploadGrant, ViewGrant
from jobs.job import Code, State
from web.access.call import Served
from web.api.codes import CODES, ENDS, EVENTS, STATES
from web.api.document import Facts, document
from web.api.headers import ANSWERED, ASKED, taken
from web.api.parameters import REDIRECT, UPLOAD
from web.api.told import ROUTES, codes_of, name_of
from web.http.problems import status_of
from web.routes import ROUTES as SERVED
from web.views.acted import Action
from web.views.hours import History, Interval
from web.views.numbers import Stats
from web.views.shapes import Batch, Info, Job, Original, Placeholder, PromisedJob, Rendition
from web.views.told import Delivery

_GRANTS = {UploadGrant: "an upload grant", ViewGrant: "a view grant", None: ""}


def routes_table() -> str:
    """A line for each route: what it does."""
    lines = ["| route | does |", "|---|---|"]
    lines += [f"| `{name}` | {ROUTES[name].does} |" for name in map(name_of, SERVED)]
    return "\n".join(lines) + "\n"


def routes_details() -> str:
    """A part for each route: who may, query, body, answers, errors."""
    return "\n".join(_details(name_of(route), route) for route in SERVED)


def _details(name: str, route: Served) -> str:
    told = ROUTES[name]
    needs = f"`{route.needs}`" if route.needs else "nothing"
    if route.by:
        needs += f", or {_GRANTS[route.by]}"
    facts = {"needs": needs, "query": ", ".join(f"`{each}`" for each in route.parameters), "body": told.body}
    facts |= {str(status): answer.words for status, answer in told.answers.items()}
    by_status: dict[int, list[str]] = {}
    for code in told.codes.split():
        by_status.setdefault(status_of(code), []).append(f"`{code}`")
    facts["errors"] = "; ".join(f"{status} {', '.join(codes)}" for status, codes in sorted(by_status.items()))
    return f"### {name}\n\n" + "".join(f"- {key}: {words}\n" for key, words in facts.items() if words)


def _table(words: Mapping[str, str], what: str = "field") -> str:
    return f"| {what} | meaning |\n|---|---|\n" + "".join(f"| `{name}` | {text} |\n" for name, text in words.items())


def words_of(shape: type[msgspec.Struct]) -> dict[str, str]:
    """What each field of an answer means, by its name and in their order."""
    properties = msgspec.json.schema_components([shape], ref_template="{name}")[1][shape.__name__]["properties"]
    return {name: field["description"] for name, field in properties.items()}


def table(shape: type[msgspec.Struct]) -> str:
    """A table of the fields of an answer."""
    return _table(words_of(shape))


def fields_table() -> str:
    """The fields of an upload."""
    return _table({name: field.words for name, field in {**UPLOAD, "redirect": REDIRECT}.items()})


def headers_table() -> str:
    """The headers of an upload."""
    return _table({name: ASKED[name].words for name in taken("POST /upload")}, "header")


def job_tables() -> str:
    """A job's fields, its original's and its renditions'."""
    parts: dict[str, type[msgspec.Struct]] = {
        "`original`": Original,
        "`info` of it": Info,
        "`placeholder`": Placeholder,
        "Each of `renditions`": Rendition,
    }
    return "\n".join([table(Job), *(f"{name}:\n\n{table(shape)}" for name, shape in parts.items())])


def promise_table() -> str:
    """The fields of each promised job."""
    return table(PromisedJob)


def delivery_table() -> str:
    """The fields of a delivery."""
    return table(Delivery)


def action_table() -> str:
    """The fields of an action."""
    return table(Action)


def batch_table() -> str:
    """The fields of a batch."""
    return table(Batch)


def stats_table() -> str:
    """The fields of the statistics."""
    return table(Stats)


def history_tables() -> str:
    """The fields of the history, and of each interval."""
    return f"{table(History)}\n### An interval\n\n{table(Interval)}"


def states_table() -> str:
    """What a state means for a client."""
    lines = [f"| `{state}` | {STATES[state][0]} | {STATES[state][1]} |" for state in State]
    return "\n".join(["| state | means | what to do |", "|---|---|---|", *lines]) + "\n"


def events_table() -> str:
    """The names of events, and their data."""
    return "| event | data |\n|---|---|\n" + "".join(f"| `{name}` | {words} |\n" for name, words in EVENTS.items())


def codes_table() -> str:
    """The codes of HTTP by status."""
    lines = [f"| {status_of(code)} | `{code}` | {CODES[code]} |" for code in sorted(CODES, key=status_of)]
    return "\n".join(["| status | code | means |", "|---|---|---|", *lines]) + "\n"


def ends_table() -> str:
    """The codes with which a job ends otherwise than well."""
    return "| code | means |\n|---|---|\n" + "".join(f"| `{code}` | {ENDS[code]} |\n" for code in Code)


@cache
def _told() -> dict[str, Any]:
    """The document, with schemas that allow no field that they do not name: so an answer tells nothing beside it."""
    made = document(SERVED, Facts("/", True, 1 << 26))
    closed = copy.deepcopy(made)
    for schema in closed["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return closed


@cache
def _validator(path: str, method: str, status: str, media: str) -> jsonschema_rs.Draft202012Validator | None:
    """Of the body of an answer, if the document has a schema of it."""
    told = _told()
    content = told["paths"][path][method]["responses"][status].get("content", {})
    assert media in content, f"/openapi.json does not say that {method} {path} answers {status} as {media or 'nothing'}"
    schema = {**content[media]["schema"], "components": told["components"]}
    return (
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        if media.endswith(("/json", "+json"))
        else None
    )


def judge_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Asserts that the document tells of this answer: its status, its media type and its headers; and if it is JSON,
    its code and all of its fields."""
    found = [route for route in SERVED if method in (route.methods or ()) and route.path_regex.match(path)]
    if not found or method == "HEAD":
        return
    name = name_of(found[0])
    if status >= 400 and status not in ROUTES[name].answers:
        code = json.loads(body)["code"]
        assert code in codes_of(name, found[0].needs), f"web/api does not say that {name} answers {code}"
    responses = _told()["paths"][found[0].path][method.lower()]["responses"]
    assert str(status) in responses, f"web/api does not say that {name} answers {status}"
    sent = {each for each in ANSWERED if each.lower() in {key.lower() for key in headers}}
    untold = sent - set(responses[str(status)].get("headers", {})) - _EVERYWHERE
    assert not untold, f"web/api does not say that the {status} of {name} has {untold}"
    media = headers.get("content-type", "").partition(";")[0]
    if not media:
        assert "content" not in responses[str(status)]
    elif validator := _validator(found[0].path, method.lower(), str(status), media):
        value = json.loads(body)
        faults = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]
        assert not faults, f"the {status} of {name} is not as web/api says: {faults[:3]}"


_EVERYWHERE = {"Vary", "Cache-Control"}
"""CORS adds the first, and no answer without a meaning of it needs the second."""
