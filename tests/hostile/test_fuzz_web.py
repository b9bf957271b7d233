"""Whatever a request says in a field, a JSON body, a header or the query: an answer with a code of ours, never a 500,
and what was accepted can be shown. In-process; torture/requests.py does it through real sockets."""

import asyncio
import base64
import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.access.grants import verify
from jobs.job import Row
from jobs.limits import LIST_MAX
from jobs.recipes.presets import Recipes
from jobs.records import Where
from jobs.requests.fields import FIELDS
from stores.ledger.memory import MemoryLedger
from tests.support.harnesses.web_harness import WebHarness, png, reads_of, turns
from tests.support.harnesses.web_readers import Reader
from web.routes import ROUTES

BRIEF = settings(max_examples=settings().max_examples // 3, deadline=None)
"""An example is a whole process of memory."""
REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 416, 422)
BOUNDARY = b"f00d"
NO_WAIT = {"wait_seconds_max": 0.0}
KEYS = (
    "name", "width", "height", "fit", "gravity", "crop", "rotate", "blur", "background", "watermark", "scale", "offset",
    "tile", "format", "chroma", "page", "frames", "x",
)  # fmt: skip
ODD = st.sampled_from([
    0, -1, 1, 2**63, -(2**63) - 1, 10**400, 1e308, "", "\0", "\u202e", "\U0001f600", "a" * 2000, "[" * 2000,
    "a\r\nb: c", "default", "thumb", "high", "queued", "undecodable", "true", "99999999999999999999", "nan", "MQ",
    "MDE", "LTE", "2³", "\u0661", "bytes=0-", "bytes=-0", "bytes=9-3", "bytes=0-0,2-3", "bytes=\u0663-", "wait=99",
    "sha-256=:AAAA:", "*", 'W/"x"',
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner),
    max_leaves=8,
)
RECIPES = st.builds(
    lambda specs, more: {"renditions": specs} | more,
    st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=3) | VALUES,
    st.just({}) | st.dictionaries(st.sampled_from(("info", "placeholder")) | st.text(max_size=3), VALUES, max_size=1),
)
JSON = (VALUES | RECIPES).map(lambda value: json.dumps(value).encode())
DEEP = st.sampled_from(
    [b"[" * 990 + b"]" * 990, b'{"a":' * 900 + b"1" + b"}" * 900, b"\xff", b'"\\ud800"', b"\xef\xbb\xbf{}"]
)
TEXTS = JSON | DEEP | st.binary(max_size=20) | ODD.map(lambda value: str(value).encode())
HEADER = TEXTS.map(lambda text: text.translate(None, b"\r\n\0"))
"""What httptools lets through, and more."""


def answered(
    harness: WebHarness, method: str, path: str, body: bytes, headers: dict[str, bytes], query: dict[str, bytes]
) -> Any:
    """The request, as raw as ASGI lets it be."""
    said = [(name.encode(), value) for name, value in headers.items()]
    address = f"{path}?{urlencode(query)}" if query else path  # the client would send bytes as their repr
    return harness.client.request(method, address, content=body, headers=said)


class Lists(MemoryLedger):
    """Of no rows, and as exact as SQL: asked only for a page of at most LIST_MAX, before a number that SQLite holds."""

    def page(self, where: Where, before: int | None, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        assert 1 <= limit <= LIST_MAX
        assert before is None or 0 <= before < 2**63
        return [], None


def on_a_harness(scenario: Any) -> None:
    """Run `scenario` on a harness with one ended job, and let nothing be raised but what it asserts."""

    async def whole() -> None:
        harness = WebHarness(**NO_WAIT)
        harness.web.reads = reads_of(harness.ledger, Lists())
        async with asyncio.timeout(20), harness.client:
            job = await harness.accepted()
            harness.finish(job)
            harness.beat()
            await scenario(harness, job)
            assert (await harness.client.get("/jobs")).status_code == 200

    asyncio.run(whole())


@BRIEF
@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.just("other"), TEXTS, max_size=3),
    st.dictionaries(st.sampled_from(["idempotency-key", "prefer", "content-digest", "origin"]), HEADER, max_size=2),
)
def test_any_field_of_a_form_is_taken_or_refused(fields: dict[str, bytes], headers: dict[str, bytes]) -> None:
    lines = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY, name.encode(), text)
        for name, text in fields.items()
    ]
    lines.append(b'--%s\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' % BOUNDARY + png())
    body = b"".join([*lines, b"\r\n--%s--\r\n" % BOUNDARY])
    headers["content-type"] = b"multipart/form-data; boundary=" + BOUNDARY

    async def scenario(harness: WebHarness, _job: str) -> None:
        taken = await answered(harness, "POST", "/upload", body, headers, {})
        assert taken.status_code in (200, 202, *REFUSALS), taken.text
        if taken.status_code == 202:
            shown = await harness.client.get(taken.headers["location"])
            assert shown.status_code == 200
            assert shown.json()["reference"] == taken.json().get("reference", shown.json()["reference"])

    on_a_harness(scenario)


@BRIEF
@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES | RECIPES, max_size=3),
    st.dictionaries(st.sampled_from(["idempotency-key", "prefer"]), HEADER),
)
def test_any_value_of_another_recipe_is_taken_or_refused(values: dict[str, Any], headers: dict[str, bytes]) -> None:
    async def scenario(harness: WebHarness, job: str) -> None:
        body = json.dumps({"original": job} | values).encode()
        taken = await answered(harness, "POST", "/jobs", body, headers, {})
        assert taken.status_code in (200, 202, *REFUSALS), taken.text

    on_a_harness(scenario)


GRANTED = ("preset", "bytes_max", "count", "expires_at", "reference", "origin", "job", "x")
MEANT = st.sampled_from([5, "default", "https://shop.example", "2030-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00"])


@BRIEF
@given(
    st.dictionaries(st.sampled_from(GRANTED), MEANT | VALUES, max_size=3), st.sampled_from(["g1.", "v1.", ""]), TEXTS
)
def test_any_grant_is_made_or_refused_and_any_token_judged(values: dict[str, Any], kind: str, token: bytes) -> None:
    async def scenario(harness: WebHarness, job: str) -> None:
        made = await answered(harness, "POST", "/grants", json.dumps(values).encode(), {}, {})
        assert made.status_code in (201, *REFUSALS), made.text
        if made.status_code == 201:
            assert verify(harness.web.grant_secrets, made.json()["grant"]), "what is made is honoured"
        judged = await answered(harness, "GET", f"/jobs/{job}", b"", {}, {"grant": kind.encode() + token})
        assert judged.json()["code"] == "key_wrong"

    on_a_harness(scenario)


POSTS = sorted(route.path for route in ROUTES if "POST" in (route.methods or ()))
SAID = st.sampled_from(["idempotency-key", "prefer", "content-type", "content-digest"])
ASKED = st.sampled_from(["preset", "recipe", "metadata", "state", "dry_run", "x"])


@BRIEF
@given(
    st.sampled_from(POSTS),
    JSON | DEEP,
    st.dictionaries(SAID, HEADER, max_size=2),
    st.dictionaries(ASKED, TEXTS, max_size=2),
)
def test_any_body_of_any_post_is_taken_or_refused(
    path: str, body: bytes, headers: dict[str, bytes], query: dict[str, bytes]
) -> None:
    async def scenario(harness: WebHarness, job: str) -> None:
        there = path.replace("{job}", job).replace("{incarnation}", "0" * 16)
        taken = await answered(harness, "POST", there, body, headers, query)
        assert taken.status_code in (200, 201, 202, *REFUSALS), taken.text

    on_a_harness(scenario)


GETS = sorted(route.path for route in ROUTES if "GET" in (route.methods or ()) and route.path != "/events")
READING = st.sampled_from(["range", "last-event-id", "if-none-match", "if-range", "cookie", "authorization"])
FILTERS = st.sampled_from(["after", "limit", "wait", "state", "code", "reference", "preset"])


@BRIEF
@given(
    st.sampled_from(GETS),
    st.sampled_from(["thumb", "", "%00", "..", "%ff", "%ed%a0%80", "a" * 2000]),
    st.dictionaries(READING, HEADER),
    st.dictionaries(FILTERS, TEXTS, max_size=2),
)
def test_any_header_and_query_of_any_get_is_answered(
    path: str, name: str, headers: dict[str, bytes], query: dict[str, bytes]
) -> None:
    async def scenario(harness: WebHarness, job: str) -> None:
        there = path.replace("{job}", job).replace("{batch}", job).replace("{name}", name)
        told = await answered(harness, "GET", there, b"", headers, query)
        assert told.status_code in (200, 204, 206, 304, *REFUSALS), told.text

    on_a_harness(scenario)


NUMBERS = st.builds(lambda zeros, number: "0" * zeros + str(number), st.integers(0, 12), st.integers(-2, 2**80))


@BRIEF
@given(NUMBERS, NUMBERS)
def test_whatever_page_is_asked_a_ledger_is_asked_for_a_small_one(limit: str, before: str) -> None:
    async def scenario(harness: WebHarness, _job: str) -> None:
        after = base64.urlsafe_b64encode(before.encode()).rstrip(b"=")
        for query in ({"limit": limit.encode()}, {"after": after}):
            told = await answered(harness, "GET", "/jobs", b"", {}, query)
            assert told.status_code in (200, 400), told.text

    on_a_harness(scenario)


@BRIEF
@given(HEADER)
def test_any_last_event_id_opens_the_stream(last: bytes) -> None:
    async def scenario(harness: WebHarness, _job: str) -> None:
        reader = Reader(harness, "/events", last.decode("latin-1"))
        await turns()
        assert reader.status == 200
        reader.leave()
        await reader.task

    on_a_harness(scenario)


@BRIEF
@given(JSON | DEEP)
def test_a_recipe_that_is_taken_is_explained(recipe: bytes) -> None:
    async def scenario(harness: WebHarness, _job: str) -> None:
        harness.web.recipes = Recipes(harness.web.recipes.presets, {"mark": "0" * 64})
        query = {"recipe": recipe}
        told = await answered(harness, "POST", "/recipes/explain", png(), {"content-type": b"image/png"}, query)
        assert told.status_code in (200, *REFUSALS), told.text

    on_a_harness(scenario)
