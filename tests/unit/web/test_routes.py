"""No fault of a store is a fault of web: for every route of the table, whichever call of a store fails, the answer is
a problem that is documented, and never a traceback.

A route is in it by being in ROUTES. One that needs a body or a parameter has its requests in SENT.
"""

import asyncio
import json
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import httpx2
import pytest
from starlette.routing import Route

from jobs.errors import BlobMissing, LedgerBusy, LedgerDamaged, LedgerFailed, StoreFault, StoreFull
from stores.blobs import Blobs
from stores.ledger import LedgerReader
from tests.support.harnesses.web_harness import WebHarness, png, reads_of, turns
from web.broker import reads
from web.handlers.files import SLICE_BYTES_FIRST
from web.http.diskspace import DiskSpace
from web.http.problems import STATUS
from web.http.unsent import ABORT
from web.routes import ROUTES

FAULTS: dict[str, tuple[type[Exception], ...]] = {
    "reader": (StoreFault, LedgerBusy, LedgerFailed, LedgerDamaged),
    "lists": (StoreFault, LedgerBusy, LedgerFailed, LedgerDamaged),
    "blobs": (StoreFault, StoreFull, BlobMissing),
    "writer": (StoreFault, StoreFull),
    "file": (OSError,),
}
"""What the calls of a store may raise. `writer` and `file` are what the blob store gives."""
LONG = struct.pack(">I4s", 2 * SLICE_BYTES_FIRST, b"IDAT") + bytes(2 * SLICE_BYTES_FIRST)
"""So many bytes are read in several pieces. A PNG has them in one chunk: zeros alone are thousands, each looked at."""
KEY = {"Idempotency-Key": "order-7"}


class Sent(NamedTuple):
    """One request: `body` as JSON, or `images` as a form's files."""

    query: str = ""
    body: Callable[["Setting"], Any] = lambda _setting: None
    images: int = 0
    headers: dict[str, str] = {}
    ended: bool = True
    """Of a job that has ended, else of one that is queued."""


SENT: dict[tuple[str, str], tuple[Sent, ...]] = {
    ("POST", "/upload"): (
        Sent(images=1),
        Sent(images=2, headers=KEY),
        Sent(images=1, headers=KEY | {"Prefer": "wait=0.01"}),
        Sent(images=2, headers={"Idempotency-Key": "known"}),
    ),
    ("POST", "/jobs"): (
        Sent(body=lambda it: {"original": it.job, "preset": "other"}),
        Sent(body=lambda it: {"original": it.job, "preset": "other"}, headers=KEY),
    ),
    ("DELETE", "/jobs"): (Sent("?all=1"), Sent("?all=1&dry_run=1"), Sent("?all=1&purge=1")),
    ("POST", "/jobs/requeue"): (Sent("?all=1"), Sent("?all=1&dry_run=1")),
    ("POST", "/deliveries/replay"): (Sent("?all=1"), Sent("?all=1&dry_run=1")),
    ("GET", "/jobs/{job}"): (Sent(), Sent("?wait=0.01", ended=False)),
    ("DELETE", "/jobs/{job}"): (Sent(ended=False), Sent("?purge=1")),
    ("GET", "/events"): (Sent(), Sent("?job={job}")),
    ("POST", "/recipes/explain"): (Sent(headers={"Content-Type": "image/png"}, body=lambda _: png()),),
    ("POST", "/grants"): (Sent(body=lambda _: {"count": 3}), Sent(body=lambda it: {"job": it.job})),
    ("POST", "/receipts/audit"): (Sent(body=lambda it: [it.receipt, "forged"]),),
    ("POST", "/session"): (Sent(body=lambda _: {"key": "no key of ours"}),),
}
REFUSED = {
    ("POST", "/session"): 401,
    ("POST", "/workers/{incarnation}/drain"): 404,
    ("POST", "/jobs/{job}/requeue"): 409,
    ("GET", "/jobs/{job}/logs"): 404,
    ("HEAD", "/jobs/{job}/logs"): 404,
}
"""What is refused although no store fails: the way to the refusal is what is tried."""
CASES = [
    (route, method, sent)
    for route in ROUTES
    for method in sorted(route.methods or ())
    for sent in SENT.get((method.replace("HEAD", "GET"), route.path), (Sent(),))
]


class Faulty:
    """A store whose calls are counted by `calls`, and fail from the one on that `calls` says."""

    def __init__(self, store: Any, kind: str, calls: "Calls") -> None:
        self._store, self._kind, self._calls = store, kind, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return partial(self._call, name, found) if callable(found) else found

    def __enter__(self) -> "Faulty":
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def _call(self, name: str, real: Callable[..., Any], *arguments: Any) -> Any:
        self._calls.comes(self._kind, name)
        made = real(*arguments)
        if self._kind == "blobs" and name in ("writer", "open"):
            return Faulty(made, {"writer": "writer", "open": "file"}[name], self._calls)
        return made


class Calls:
    """The calls of the stores, in order; the `nth` of them raises `fault`, and so do all after it if `lasting`."""

    def __init__(self, nth: int = -1, fault: type[Exception] = StoreFault, *, lasting: bool = False) -> None:
        self.came: list[tuple[str, str]] = []
        self._nth, self._fault, self._lasting = nth, fault, lasting

    def comes(self, kind: str, name: str) -> None:
        at = len(self.came)
        self.came.append((kind, name))
        fails = at == self._nth or (self._lasting and 0 <= self._nth < at)
        if fails and self._fault in FAULTS[kind] and name not in ("close", "discard"):
            raise self._fault(f"{kind}.{name} fails")


class Setting:
    """A harness with a job that has ended and one that is queued, and stores that fail as `calls` says."""

    def __init__(self, calls: Calls) -> None:
        self.harness = WebHarness(rate_per_minute=1000, wait_seconds_max=0.01, accept_seconds=0.05)
        self.calls = calls
        self.job: str = ""
        self.queued: str = ""
        self.receipt: str = ""
        self.delivery: str = ""
        self.opened: str = ""
        self.aborted = False

    async def prepare(self) -> None:
        """Before any store may fail."""
        harness, web = self.harness, self.harness.web
        promised = (await harness.upload(png(filler=LONG), webhook_url="https://app.example/")).json()
        self.job, self.receipt = promised["id"], promised["receipt"]
        harness.finish(self.job, LONG)
        self.delivery = harness.ledger.deliveries_of(self.job)[0].id
        self.queued = await harness.accepted()
        self.opened = (await harness.client.post("/batches")).json()["id"]
        await harness.upload(png(), png(), headers={"Idempotency-Key": "known"})
        harness.beat()
        reader, lists = (cast(LedgerReader, Faulty(harness.ledger, name, self.calls)) for name in ("reader", "lists"))
        web.reads = reads_of(reader, lists)
        web.blobs = cast(Blobs, Faulty(web.blobs, "blobs", self.calls))
        web.disk_space = DiskSpace(web.blobs.free_bytes, 0)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The application on a connection that can be cut: its client has left then."""
        cut = asyncio.Event()

        async def receive_or_left() -> Any:
            waits = [asyncio.ensure_future(each) for each in (receive(), cut.wait())]
            done, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in left:
                each.cancel()
            return {"type": "http.disconnect"} if cut.is_set() else done.pop().result()

        await self.harness.app({**scope, "extensions": {ABORT: cut.set}}, receive_or_left, send)
        if cut.is_set():
            self.aborted = True
            await send({"type": "http.response.body", "body": b""})

    async def answer(self, route: Route, method: str, sent: Sent) -> httpx2.Response:
        """What is answered. An endless stream is ended, as at the end of the process."""
        job = self.job if sent.ended else self.queued
        batch = self.opened if route.path.endswith("/close") else job
        names = {"job": job, "batch": batch, "name": "thumb", "incarnation": "w", "delivery": self.delivery}
        path = (route.path + sent.query).format(**names)
        given: dict[str, Any] = {"headers": sent.headers}
        if sent.images:
            given["files"] = [("image", (f"{index}.png", png())) for index in range(sent.images)]
        elif (body := sent.body(self)) is not None:
            given["content"] = body if isinstance(body, bytes) else json.dumps(body).encode()
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://localhost:3000")
        async with asyncio.timeout(10), client:
            posted = asyncio.ensure_future(client.request(method, path, **given))
            await turns(50)
            self.harness.hub.stop()
            return await posted


def answered(route: Route, method: str, sent: Sent, calls: Calls) -> tuple[httpx2.Response, bool]:
    """The answer, and whether its connection was cut. Raises whatever the application raises."""

    async def whole() -> tuple[httpx2.Response, bool]:
        setting = Setting(calls)
        async with setting.harness.client:
            await setting.prepare()
            return await setting.answer(route, method, sent), setting.aborted

    return asyncio.run(whole())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "BUSY_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("route", "method", "sent"), CASES, ids=[f"{method} {route.path}{sent.query}" for route, method, sent in CASES]
)
def test_whichever_call_of_a_store_fails_the_answer_is_a_problem_and_no_traceback(
    route: Route, method: str, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    plain = Calls()
    response, _ = answered(route, method, sent, plain)
    expected = REFUSED.get((method, route.path))
    assert response.status_code == expected if expected else response.status_code < 400, response.text
    for nth, (kind, name) in enumerate(plain.came):
        for fault in FAULTS[kind]:
            for lasting in (False, True):
                calls = Calls(nth, fault, lasting=lasting)
                response, cut = answered(route, method, sent, calls)
                story = f"{fault.__name__} of {kind}.{name}: {response.status_code} {response.text[:200]}"
                assert "internal_error" not in caplog.messages, story
                if response.status_code >= 400 and response.headers["content-type"] != "application/json":
                    problem = response.json() if method != "HEAD" else None
                    assert problem is None or is_documented(problem), story
                    assert response.status_code != 500, story
                whole = int(response.headers.get("content-length", len(response.content))) == len(response.content)
                assert whole or cut or method == "HEAD", story


def is_documented(problem: dict[str, Any]) -> bool:
    """Whether its code is of the table, or is known as one that a repeat may mend: 503."""
    known = {code for codes in STATUS.values() for code in codes} - {"internal"}
    return problem["code"] in known or (
        problem["status"] == 503 and problem["code"] in ("store_error", "broker_silent")
    )
