"""Who may do what: every route under every kind of caller. The columns are the kinds of caller in docs/security.md."""

import time
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from jobs.access.grants import Grant, UploadGrant, ViewGrant, sign
from jobs.access.keys import Scope, entry_of, open_session
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.access.caller import COOKIE
from web.app import application
from web.page import page_routes
from web.routes import ROUTES

KEYS = {"r": ("acme", Scope.READ), "w": ("acme", Scope.WRITE), "o": ("ops", Scope.OPERATE), "b": ("bolt", Scope.WRITE)}
SETTINGS = {"api_keys": ",".join(entry_of(*held, key) for key, held in KEYS.items()), "log_path": "/dev/null"}
CHALLENGED = {
    "key_missing": 'Bearer realm="pixmill"',
    "key_wrong": 'Bearer realm="pixmill", error="invalid_token"',
    "forbidden": 'Bearer realm="pixmill", error="insufficient_scope"',
}
MISSING, FORBIDDEN, NOT_FOUND, ORIGIN = "key_missing", "forbidden", "not_found", "origin_not_allowed"
EXPIRED = "grant_expired"
Expected = str | int

#            route              no key   read       write      another's  foreign Origin
TABLE: dict[tuple[str, str], tuple[Expected, Expected, Expected, Expected, Expected]] = {
    ("POST", "/upload"):                  (MISSING, FORBIDDEN, 202, 202, ORIGIN),
    ("POST", "/jobs"):                    (MISSING, FORBIDDEN, 202, NOT_FOUND, ORIGIN),
    ("GET", "/jobs"):                     (MISSING, 200, 200, 200, 200),
    ("DELETE", "/jobs"):                  (MISSING, FORBIDDEN, 200, 200, ORIGIN),
    ("POST", "/jobs/requeue"):            (MISSING, FORBIDDEN, 200, 200, ORIGIN),
    ("GET", "/jobs/{job}"):               (MISSING, 200, 200, NOT_FOUND, 200),
    ("DELETE", "/jobs/{job}"):            (MISSING, FORBIDDEN, "job_ended", NOT_FOUND, ORIGIN),
    ("POST", "/jobs/{job}/requeue"):      (MISSING, FORBIDDEN, "not_requeueable", NOT_FOUND, ORIGIN),
    ("GET", "/jobs/{job}/events"):        (MISSING, 200, 200, NOT_FOUND, 200),
    ("GET", "/jobs/{job}/logs"):          (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200),
    ("GET", "/jobs/{job}/original"):      (MISSING, 200, 200, NOT_FOUND, 200),
    ("GET", "/jobs/{job}/renditions/{name}"): (MISSING, 200, 200, NOT_FOUND, 200),
    ("POST", "/batches"):                 (MISSING, FORBIDDEN, 201, 201, ORIGIN),
    ("POST", "/batches/{batch}/close"):   (MISSING, FORBIDDEN, 202, NOT_FOUND, ORIGIN),
    ("GET", "/batches/{batch}"):          (MISSING, 200, 200, NOT_FOUND, 200),
    ("GET", "/batches/{batch}/events"):   (MISSING, 200, 200, NOT_FOUND, 200),
    ("GET", "/events"):                   (MISSING, 200, 200, 200, 200),
    ("GET", "/deliveries"):               (MISSING, 200, 200, 200, 200),
    ("POST", "/deliveries/replay"):       (MISSING, FORBIDDEN, 200, 200, ORIGIN),
    ("POST", "/deliveries/{delivery}/replay"): (MISSING, FORBIDDEN, 202, NOT_FOUND, ORIGIN),
    ("GET", "/presets"):                  (MISSING, 200, 200, 200, 200),
    ("POST", "/recipes/explain"):         (MISSING, 200, 200, 200, ORIGIN),
    ("GET", "/stats"):                    (MISSING, 200, 200, 200, 200),
    ("GET", "/stats/history"):            (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200),
    ("POST", "/queue/pause"):             (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, ORIGIN),
    ("POST", "/queue/resume"):            (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, ORIGIN),
    ("POST", "/workers/{incarnation}/drain"): (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, ORIGIN),
    ("GET", "/actions"):                  (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200),
    ("POST", "/grants"):                  (MISSING, FORBIDDEN, 201, 201, ORIGIN),
    ("POST", "/receipts/audit"):          (MISSING, 200, 200, 200, ORIGIN),
    ("GET", "/session"):                  (MISSING, 200, 200, 200, 200),
    ("POST", "/session"):                 ("key_wrong", "key_wrong", "key_wrong", "key_wrong", ORIGIN),
    ("DELETE", "/session"):               (204, 204, 204, 204, ORIGIN),
    ("GET", "/metrics"):                  (MISSING, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200),
    ("GET", "/health/live"):              (200, 200, 200, 200, 200),
    ("GET", "/health/ready"):             (200, 200, 200, 200, 200),
    ("GET", "/openapi.json"):             (200, 200, 200, 200, 200),
    ("GET", "/docs"):                     (200, 200, 200, 200, 200),
}  # fmt: skip
"""What each route answers: a status, or a problem's code. In the last column with a write key (operate where the
route needs it). A foreign Host is 421 everywhere."""

#            route              to upload  to view    over     of another job
GRANTS: dict[tuple[str, str], tuple[Expected, Expected, Expected, Expected]] = {
    ("POST", "/upload"):                  (202, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/jobs"):                    (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/jobs"):                     (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("DELETE", "/jobs"):                  (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/jobs/requeue"):            (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/jobs/{job}"):               (FORBIDDEN, 200, EXPIRED, NOT_FOUND),
    ("DELETE", "/jobs/{job}"):            (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/jobs/{job}/requeue"):      (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/jobs/{job}/events"):        (FORBIDDEN, 200, EXPIRED, NOT_FOUND),
    ("GET", "/jobs/{job}/logs"):          (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/jobs/{job}/original"):      (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/jobs/{job}/renditions/{name}"): (FORBIDDEN, 200, EXPIRED, NOT_FOUND),
    ("POST", "/batches"):                 (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/batches/{batch}/close"):   (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/batches/{batch}"):          (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/batches/{batch}/events"):   (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/events"):                   (FORBIDDEN, 200, EXPIRED, NOT_FOUND),
    ("GET", "/deliveries"):               (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/deliveries/replay"):       (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/deliveries/{delivery}/replay"): (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/presets"):                  (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/recipes/explain"):         (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/stats"):                    (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/stats/history"):            (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/queue/pause"):             (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/queue/resume"):            (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/workers/{incarnation}/drain"): (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/actions"):                  (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/grants"):                  (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/receipts/audit"):          (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/session"):                  (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("POST", "/session"):                 ("key_wrong", "key_wrong", "key_wrong", "key_wrong"),
    ("DELETE", "/session"):               (204, 204, 204, 204),
    ("GET", "/metrics"):                  (FORBIDDEN, FORBIDDEN, EXPIRED, FORBIDDEN),
    ("GET", "/health/live"):              (200, 200, 200, 200),
    ("GET", "/health/ready"):             (200, 200, 200, 200),
    ("GET", "/openapi.json"):             (200, 200, 200, 200),
    ("GET", "/docs"):                     (200, 200, 200, 200),
}  # fmt: skip
"""The same of callers with a grant and nothing else."""
OPERATED = {path for (_, path), row in TABLE.items() if row[2] == FORBIDDEN}


BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/jobs"): {}, ("POST", "/session"): {"key": "?"}, ("POST", "/receipts/audit"): [], ("POST", "/grants"): {},
}  # fmt: skip


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def stage(harness: WebHarness) -> dict[str, str]:
    """A done job of acme's with its delivery, and a worker: what the paths name."""
    harness.client.headers["Authorization"] = "Bearer w"
    job = await harness.accepted(webhook_url="https://app.example/")
    harness.finish(job)
    opened = (await harness.client.post("/batches")).json()["id"]
    del harness.client.headers["Authorization"]
    harness.broker.come("inc")
    harness.beat()
    (delivery,) = harness.ledger.deliveries_of(job)
    return {
        "job": job, "batch": job, "opened": opened, "name": "thumb", "incarnation": "inc", "delivery": delivery.id,
    }  # fmt: skip


async def call(
    harness: WebHarness, method: str, path: str, names: dict[str, str], headers: dict[str, str], query: str = ""
) -> httpx2.Response:
    """One good request to a route, its caller apart. Streams of events are ended, so that they answer whole."""
    body: dict[str, Any] = {}
    if method == "POST" and path == "/upload":
        body = {"content": png(), "headers": {"Content-Type": "image/png"}}
    elif path == "/recipes/explain":
        body = {"content": png()}
    elif (method, path) in BODIES:
        body = {"json": {"original": names["job"]} if path == "/jobs" else BODIES[method, path]}
    if (method, path) in (("DELETE", "/jobs"), ("POST", "/jobs/requeue"), ("POST", "/deliveries/replay")):
        query = f"{query}&all=1" if query else "?all=1"
    if path == "/batches/{batch}/close":
        names = names | {"batch": names["opened"]}
    request = harness.client.build_request(method, path.format(**names) + query, **body)
    request.headers.update(headers)
    return await harness.client.send(request)


def outcome(response: httpx2.Response) -> str | int:
    """The code of a refusal, whose challenge must fit; else the status."""
    if response.status_code < 400:
        return response.status_code
    code = response.json()["code"]
    assert response.headers.get("www-authenticate") == CHALLENGED.get(code)
    statuses = {"key_missing": 401, "key_wrong": 401, "forbidden": 403, "grant_expired": 403, "not_found": 404}
    assert response.status_code == statuses.get(code, response.status_code)
    return str(code)


def test_the_table_has_every_route() -> None:
    served = [(method, route.path) for route in ROUTES for method in route.methods or () if method != "HEAD"]
    assert sorted(TABLE) == sorted(GRANTS) == sorted(served)


def test_every_other_address_of_the_application_is_a_file_of_the_page() -> None:
    harness = WebHarness()
    paths = {route.path for route in application(harness.web).routes if isinstance(route, Route)}
    assert paths - {route.path for route in ROUTES} == {route.path for route in page_routes(harness.web)}


@pytest.mark.parametrize(("method", "path"), sorted(TABLE))
def test_who_may(method: str, path: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.hub.join = lambda stream: stream.close()  # type: ignore[method-assign]
        names = await stage(harness)
        without, read, write, anothers, foreign = TABLE[method, path]
        mighty = bearer("o" if path in OPERATED else "w")
        for headers, expected in [
            ({}, without),
            (bearer("r"), read),
            (bearer("w"), write),
            (bearer("b"), anothers),
            (mighty | {"Origin": "https://evil.example"}, foreign),
            (mighty | {"Host": "evil.example"}, "wrong_host"),
            ({"Host": "evil.example"}, "wrong_host"),
        ]:
            assert outcome(await call(harness, method, path, names, headers)) == expected, headers
        if without == MISSING:
            assert outcome(await call(harness, method, path, names, bearer("unknown"))) == "key_wrong"
            assert outcome(await call(harness, method, path, names, {"Authorization": "Basic dzp3"})) == MISSING
        assert outcome(await call(harness, method, path, names, bearer("o"))) not in (MISSING, FORBIDDEN, NOT_FOUND)

    serve(scenario, **SETTINGS)


def grants_of(harness: WebHarness, job: str) -> list[str]:
    """One to upload, one to view `job`; one that is over; one to view another job."""
    now = int(time.time())
    made: list[Grant] = [
        UploadGrant("u" * 16, "acme", "default", 1000, 5, now + 60),
        ViewGrant("acme", job, now + 60),
        ViewGrant("acme", job, now),
        ViewGrant("acme", "0" * 26, now + 60),
    ]
    return [sign(harness.web.grant_secrets[0], grant) for grant in made]


@pytest.mark.parametrize(("method", "path"), sorted(GRANTS))
def test_who_may_by_a_grant(method: str, path: str) -> None:
    """As bearer; in the query, where the route knows it; and whatever else is shown beside it."""

    async def scenario(harness: WebHarness) -> None:
        harness.hub.join = lambda stream: stream.close()  # type: ignore[method-assign]
        names = await stage(harness)
        expectations = list(zip(grants_of(harness, names["job"]), GRANTS[method, path], strict=True))
        for grant, expected in expectations:
            assert outcome(await call(harness, method, path, names, bearer(grant))) == expected, grant
            foreign = bearer(grant) | {"Host": "evil.example"}
            assert outcome(await call(harness, method, path, names, foreign)) == "wrong_host"
            if TABLE[method, path][0] == MISSING:
                assert outcome(await call(harness, method, path, names, bearer("o"), f"?grant={grant}")) == expected
                forged = bearer(grant[:-1] + ("A" if grant[-1] != "A" else "B"))
                assert outcome(await call(harness, method, path, names, forged)) == "key_wrong"
            else:
                told = outcome(await call(harness, method, path, names, {}, f"?grant={grant}"))
                assert told == "bad_parameter"

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize(("method", "path"), sorted(GRANTS))
def test_without_keys_a_grant_is_a_limit_all_the_same(method: str, path: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.hub.join = lambda stream: stream.close()  # type: ignore[method-assign]
        names = await stage(harness)
        now = int(time.time())
        made: list[Grant] = [
            UploadGrant("u" * 16, "", "default", 1000, 5, now + 60),
            ViewGrant("", names["job"], now + 60),
            ViewGrant("", names["job"], now),
            ViewGrant("", "0" * 26, now + 60),
        ]
        for grant, expected in zip(made, GRANTS[method, path], strict=True):
            shown = bearer(sign(harness.web.grant_secrets[0], grant))
            assert outcome(await call(harness, method, path, names, shown)) == expected, grant

    serve(scenario)


def test_a_grant_ends_with_the_last_key_of_its_tenant() -> None:
    async def scenario(harness: WebHarness) -> None:
        grant = UploadGrant("u" * 16, "gone", "default", 1000, 5, int(time.time()) + 60)
        shown = bearer(sign(harness.web.grant_secrets[0], grant)) | {"Content-Type": "image/png"}
        assert outcome(await harness.client.post("/upload", content=png(), headers=shown)) == "key_wrong"

    serve(scenario, **SETTINGS)


def test_a_caller_is_judged_before_his_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        async def body() -> Any:
            raise AssertionError("the body was read")
            yield b""

        response = await harness.client.post("/upload", content=body(), headers={"Content-Type": "image/png"})
        assert outcome(response) == MISSING

    serve(scenario, **SETTINGS)


async def logged_in(harness: WebHarness, key: str, **more: str) -> httpx2.Response:
    response = await harness.client.post("/session", json={"key": key}, headers=more)
    assert response.status_code == 200, response.text
    return response


def test_a_session_is_its_key_s_and_no_script_s() -> None:
    async def scenario(harness: WebHarness) -> None:
        opened = await logged_in(harness, "r")
        assert opened.json() | {"expires_at": ""} == {
            "keys": True, "tenant": "acme", "scope": "read", "expires_at": "",
        }  # fmt: skip
        cookie = opened.headers["set-cookie"]
        assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
            "httponly", "samesite=strict", "path=/", "max-age=43200",
        }  # fmt: skip
        assert entry_of("acme", Scope.READ, "r")[-64:] not in cookie
        assert (await harness.client.get("/session")).json() == {"keys": True, "tenant": "acme", "scope": "read"}
        assert outcome(
            await harness.client.post("/upload", content=png(), headers={"Origin": "http://localhost:3000"})
        ) == (FORBIDDEN)
        assert (await harness.client.delete("/session")).status_code == 204
        assert outcome(await harness.client.get("/jobs")) == MISSING

    serve(scenario, **SETTINGS)


def test_an_operator_chooses_the_tenant_whose_jobs_they_see() -> None:
    async def scenario(harness: WebHarness) -> None:
        jobs = {}
        for key in ("w", "b"):
            harness.client.headers["Authorization"] = f"Bearer {key}"
            jobs[key] = await harness.accepted()

        async def listed(key: str, tenant: str) -> Any:
            answer = await harness.client.get(f"/jobs?tenant={tenant}", headers=bearer(key))
            return [job["id"] for job in answer.json()["jobs"]] if answer.status_code == 200 else outcome(answer)

        session = await harness.client.get("/session", headers=bearer("o"))
        assert session.json()["tenants"] == ["acme", "bolt", "ops"]
        assert await listed("o", "acme") == [jobs["w"]]
        assert await listed("o", "bolt") == [jobs["b"]]
        assert await listed("o", "nobody") == []
        assert await listed("w", "acme") == [jobs["w"]]
        assert await listed("w", "bolt") == FORBIDDEN
        assert await listed("o", "x" * 256) == "bad_parameter"
        for method, path in (("DELETE", "/jobs"), ("POST", "/jobs/requeue")):
            refused = await harness.client.request(method, f"{path}?tenant=bolt&all=1", headers=bearer("w"))
            assert outcome(refused) == FORBIDDEN
            unconfirmed = await harness.client.request(method, f"{path}?tenant=bolt", headers=bearer("o"))
            assert outcome(unconfirmed) == "bad_parameter"
        cancelled = await harness.client.delete("/jobs?tenant=bolt&all=1", headers=bearer("o"))
        assert cancelled.json() == {"matched": 1, "changed": 1}
        assert (await harness.client.get(f"/jobs/{jobs['w']}", headers=bearer("w"))).json()["state"] == "queued"

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize(
    ("settings", "starts", "secure", "path"),
    [
        ({}, "pixmill_session=", False, "/"),
        ({"root_path": "pix"}, "pixmill_session=", False, "/pix"),
        ({"public_url": "https://pix.example/app"}, "__Host-pixmill_session=", True, "/"),
        ({"public_url": "https://pix.example", "root_path": "pix"}, "__Secure-pixmill_session=", True, "/pix"),
    ],
)
def test_a_session_s_cookie_is_for_our_own_address(
    settings: dict[str, str], starts: str, secure: bool, path: str
) -> None:
    """A name with __Host- is refused by browsers without Secure, and with another path than /."""

    async def scenario(harness: WebHarness) -> None:
        cookie = (await logged_in(harness, "r")).headers["set-cookie"]
        attributes = [part.strip().lower() for part in cookie.split(";")[1:]]
        assert cookie.startswith(starts)
        assert ("secure" in attributes) == secure
        assert f"path={path}" in attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)
        held = cookie.partition(";")[0]
        harness.client.cookies.clear()
        assert (await harness.client.get("/jobs", headers={"Cookie": held})).status_code == 200
        closed = (await harness.client.delete("/session")).headers["set-cookie"]
        assert closed.startswith(starts)
        plain = "pixmill_session" + held.removeprefix(starts.rstrip("=")) if secure else f"__Host-{held}"
        assert outcome(await harness.client.get("/jobs", headers={"Cookie": plain})) == MISSING, (
            "a neighbour may set that"
        )

    serve(scenario, **SETTINGS, **settings)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:3000", 200),
        ("https://pix.example", 200),
        (None, ORIGIN),
        ("null", ORIGIN),
        ("https://shop.example", ORIGIN),
        ("https://evil.example", ORIGIN),
    ],
)
def test_a_session_changes_things_from_our_own_page_only(origin: str | None, expected: str | int) -> None:
    """Not even from a site that may call us with a key: a cookie goes along whoever asks the browser to."""

    async def scenario(harness: WebHarness) -> None:
        token = open_session(harness.web.session_secret, harness.web.keys[1], time.time() + 60)
        harness.client.cookies.set(f"__Host-{COOKIE}", token)
        headers = {} if origin is None else {"Origin": origin}
        assert outcome(await harness.client.delete("/jobs?dry_run=1", headers=headers)) == expected
        assert (await harness.client.get("/jobs", headers=headers)).status_code == 200

    serve(scenario, **SETTINGS, public_url="https://pix.example/app", cors_origins="https://shop.example")


def test_a_session_that_is_over_is_told_so() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.client.cookies.set(COOKIE, open_session(harness.web.session_secret, harness.web.keys[0], 1))
        assert outcome(await harness.client.get("/jobs")) == "key_wrong"
        assert (await harness.client.get("/jobs", headers=bearer("r"))).status_code == 200

    serve(scenario, **SETTINGS)


@pytest.mark.parametrize("body", ["{}", '{"key": 1}', '{"key": "w", "more": 1}', '"w"', "w"])
def test_a_session_is_opened_by_a_key_alone(body: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        assert outcome(await harness.client.post("/session", content=body)) == "bad_parameter"

    serve(scenario, **SETTINGS)


def test_without_keys_everyone_may_everything() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert (await harness.client.get("/session")).json() == {"keys": False, "tenant": "", "scope": "operate"}
        assert (await harness.client.post("/queue/pause", headers=bearer("anything"))).status_code == 200
        assert outcome(await harness.client.post("/session", json={"key": "w"})) == "key_wrong"

    serve(scenario)


def test_a_path_without_parameters_is_never_another_route_s() -> None:
    async def scenario(harness: WebHarness) -> None:
        wrong = await harness.client.get("/jobs/requeue")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert (await harness.client.get("/jobs/requeues")).status_code == 404

    serve(scenario)
