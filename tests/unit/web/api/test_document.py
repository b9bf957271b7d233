"""web/api/document.py: the document is OpenAPI 3.1, and tells of every route, parameter, field and code."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from jobs.deliveries import EventType
from jobs.job import Code, Outcome, State
from jobs.webhooks.events import of_batch, of_job
from tests.contracts.rows import row
from web.access.call import Served
from web.access.caller import IN_QUERY
from web.api.codes import CODES
from web.api.document import Facts, document
from web.api.headers import taken
from web.api.schemas import cleaned, plain
from web.api.told import ROUTES as TOLD
from web.api.told import codes_of, name_of
from web.routes import ROUTES

MADE = document(ROUTES, Facts("/pix", True, 1000))


def operation(route: Served) -> dict[str, Any]:
    """What the document says of a route."""
    method = name_of(route).partition(" ")[0].lower()
    found: dict[str, Any] = MADE["paths"][route.path][method]
    return found


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": MADE["components"]}, validate_formats=True)


def refs(value: Any) -> set[str]:
    """All references in a value."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(refs(each) for each in value.values()))
    return set().union(*(refs(each) for each in value)) if isinstance(value, list) else set()


def test_it_is_openapi_3_1() -> None:
    faults = [f"{error.instance_path}: {error.message[:200]}" for error in OPENAPI_31_VALIDATOR.iter_errors(MADE)]
    assert faults == []


def test_every_schema_is_json_schema() -> None:
    for name, schema in MADE["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}), name


def test_every_reference_leads_somewhere_and_every_named_part_is_used() -> None:
    found = refs(MADE)
    for ref in found:
        place: Any = MADE
        for part in ref.removeprefix("#/").split("/"):
            place = place[part]
    named = {f"#/components/{kind}/{name}" for kind in ("schemas", "examples") for name in MADE["components"][kind]}
    assert named - found == {"#/components/examples/frames_over_limit"}  # no route answers it


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [each["operationId"] for methods in MADE["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_it_tells_of_a_route_what_the_table_has(route: Served) -> None:
    told, name = operation(route), name_of(route)
    places = {
        place: [each["name"] for each in told["parameters"] if each["in"] == place] for place in ("path", "query")
    }
    assert places["path"] == [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    assert places["query"] == [each for each in route.parameters if each != IN_QUERY]
    assert [each["name"] for each in told["parameters"] if each["in"] == "header"] == list(taken(name))
    assert all(each["description"].endswith((".", ".)")) for each in told["parameters"])
    errors = {code for each in told["responses"].values() for media in each.get("content", {}).values()
              for code in media.get("examples", {})}  # fmt: skip
    assert errors == set(codes_of(name, route.needs))
    assert {int(status) for status in told["responses"]} >= set(TOLD[name].answers)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_the_ways_to_be_admitted_are_those_of_the_table(route: Served) -> None:
    ways = operation(route)["security"]
    assert ([each["key"] for each in ways if "key" in each] == [[route.needs]]) == (route.needs is not None)
    assert any("grant" in each for each in ways) == (route.by is not None)
    assert ({} in ways) is False
    method, path = name_of(route).split()
    open_to_all = document(ROUTES, Facts("/", False, 1000))["paths"][path][method.lower()]["security"]
    assert open_to_all == [] if route.needs is None else {} in open_to_all


def test_the_examples_fit_their_schemas() -> None:
    count = 0
    for methods in MADE["paths"].values():
        for told in methods.values():
            for media in told.get("requestBody", {"content": {}})["content"].values():
                for example in media.get("examples", {}).values():
                    validator(media["schema"]).validate(example["value"])
                    count += 1
            for answer in told["responses"].values():
                for media in answer.get("content", {}).values():
                    if "example" in media:
                        validator(media["schema"]).validate(media["example"])
                        count += 1
    assert count > 10


def test_every_code_has_an_example_of_its_status() -> None:
    assert list(MADE["components"]["examples"]) == list(CODES)
    for code, example in MADE["components"]["examples"].items():
        validator({"$ref": "#/components/schemas/Problem"}).validate(example["value"])
        assert example["value"]["code"] == code


def test_an_event_that_is_sent_fits_its_webhook() -> None:
    bodies = {
        kind.value: told["post"]["requestBody"]["content"]["application/json"]["schema"]
        for kind, told in ((kind, MADE["webhooks"][kind.value]) for kind in EventType)
    }
    assert set(MADE["webhooks"]) == set(bodies)
    spec = row(1).spec
    kind, body = of_job("j", State.DONE, spec, Outcome(), batch=None, change=1, base="https://a", at=1.0)
    validator(bodies[kind]).validate(json.loads(body))
    assert not validator(bodies[EventType.JOB_FAILED]).is_valid(json.loads(body))
    kind, body = of_batch("b", {"done": 2}, closed=True, change=1, base="https://a", at=1.0)
    validator(bodies[kind]).validate(json.loads(body))


def test_the_bounds_of_the_server_are_in_it() -> None:
    assert MADE["servers"] == [{"url": "/pix"}]
    assert MADE["components"]["schemas"]["UploadGrantAsked"]["properties"]["bytes_max"]["maximum"] == 1000
    assert MADE["components"]["schemas"]["Job"]["properties"]["state"]["enum"] == [state.value for state in State]
    codes = next(each for each in MADE["paths"]["/jobs"]["get"]["parameters"] if each["name"] == "code")
    assert codes["schema"]["enum"] == [code.value for code in Code]


def test_words_keep_links_to_other_sites_only() -> None:
    assert plain("[A](a.md#b) of [C](https://c.example), `d`.") == "A of [C](https://c.example), `d`."
    assert re.findall(r"\]\((?:#|\w+\.md)[^)]*\)", json.dumps(MADE)) == []


def test_a_tuple_of_like_parts_is_told_as_an_array() -> None:
    pair = {"type": "array", "prefixItems": [{"type": "number"}] * 2, "items": False, "minItems": 2, "maxItems": 2}
    assert cleaned(pair) == {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    other = {**pair, "prefixItems": [{"type": "number"}, {"type": "string"}]}
    assert cleaned(other) == other
