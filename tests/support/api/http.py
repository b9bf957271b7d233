"""The parts of docs/http.md that are made of code: routes, fields, states and codes, with the words of told.py.

Also judges an answer by them. Knows no server.
"""

import json

import msgspec

from jobs.access.grants import UploadGrant, ViewGrant
from jobs.job import Code, State
from tests.support.api.told import CODES, ENDS, EVENTS, EVERYWHERE, KEYED, ROUTES, STATES
from web.access.call import Served
from web.http.problems import status_of
from web.routes import ROUTES as SERVED
from web.views.acted import Action
from web.views.hours import History, Interval
from web.views.numbers import Stats
from web.views.shapes import Batch, Job, Original, Promise, PromisedJob, PromiseOfOne, Rendition
from web.views.told import Delivery

_GRANTS = {UploadGrant: "an upload grant", ViewGrant: "a view grant", None: ""}
_PLAIN = EVERYWHERE.split()
_KEYED = KEYED.split()


def name_of(route: Served) -> str:
    """The route as `METHOD /path`."""
    method = next(method for method in sorted(route.methods or ()) if method != "HEAD")
    return f"{method} {route.path}"


def codes_of(name: str, route: Served) -> list[str]:
    """All codes of errors that this route may answer with."""
    return [*_PLAIN, *(_KEYED if route.needs else ()), *ROUTES[name].codes.split()]


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
    facts |= {str(status): words for status, words in told.answers.items()}
    by_status: dict[int, list[str]] = {}
    for code in told.codes.split():
        by_status.setdefault(status_of(code), []).append(f"`{code}`")
    facts["errors"] = "; ".join(f"{status} {', '.join(codes)}" for status, codes in sorted(by_status.items()))
    return f"### {name}\n\n" + "".join(f"- {key}: {words}\n" for key, words in facts.items() if words)


def words_of(shape: type[msgspec.Struct]) -> dict[str, str]:
    """What each field of an answer means, by its name and in their order."""
    properties = msgspec.json.schema_components([shape], ref_template="{name}")[1][shape.__name__]["properties"]
    return {name: field["description"] for name, field in properties.items()}


def table(shape: type[msgspec.Struct]) -> str:
    """A table of the fields of an answer."""
    words = words_of(shape).items()
    return "| field | meaning |\n|---|---|\n" + "".join(f"| `{name}` | {text} |\n" for name, text in words)


def job_tables() -> str:
    """A job's fields, its original's and its renditions'."""
    return f"{table(Job)}\n`original`:\n\n{table(Original)}\nEach of `renditions`:\n\n{table(Rendition)}"


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


_SHAPES = [set(shape.__struct_fields__) for shape in (Job, Promise, PromiseOfOne, Batch)]


def judge_answer(method: str, path: str, status: int, body: bytes) -> None:
    """Asserts that the page tells of this answer: its status and, if it is JSON, its code or its fields."""
    found = [route for route in SERVED if method in (route.methods or ()) and route.path_regex.match(path)]
    if not found:
        return
    name = name_of(found[0])
    if status >= 400 and status not in ROUTES[name].answers:
        code = json.loads(body)["code"]
        assert code in codes_of(name, found[0]), f"docs/http.md does not say that {name} answers {code}"
        return
    assert status in ROUTES[name].answers, f"docs/http.md does not say that {name} answers {status}"
    words = ROUTES[name].answers[status]
    if "the delivery]" in words:
        assert set(json.loads(body)) == set(Delivery.__struct_fields__), (
            f"{name}: its fields are not those in docs/http.md"
        )
    elif "(#an-action)" in words:
        assert all(set(each) == set(Action.__struct_fields__) for each in json.loads(body)["actions"]), (
            f"{name}: fields of an action"
        )
    elif "(#a-job" in words or "(#a-promise" in words or "(#a-batch" in words:
        told = set(json.loads(body))
        assert any(told <= fields for fields in _SHAPES), f"{name}: {told - _SHAPES[0]} is not in docs/http.md"
