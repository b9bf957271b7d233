"""The stand-in for the service: an address book of routes over the jobs, behind transports of httpx2.

It answers as the service does, and refuses by the same rules: tests/contracts/test_service.py runs over both. It
differs in what it cannot have: it decodes no image, and has no workers and no tenants.
"""

import asyncio
import re
import threading
from collections.abc import Collection
from pathlib import Path

import httpx2

from pixmill.client.aio import AsyncClient
from pixmill.client.blocking import Client
from pixmill.testing import rules
from pixmill.testing.asked import IN_QUERY, Asked
from pixmill.testing.grants import SECRET, UPLOAD, VIEW, Grants, Opened
from pixmill.testing.jobs import BASE, FakeJob, Jobs
from pixmill.testing.messages import Refusal, as_problem
from pixmill.testing.routes import ROUTES

HOUR_SECONDS = 3600.0


class FakePixmill:
    """A service of one process, without jobs at first. `client()` and `async_client()` speak to it.

    Each job is `done` at once, unless `fail` or `hold` was called. Threads may share it.
    `recipes`: the recipes.toml of your server, whose presets it knows; None for that of pixmill.
    `keys`: the API keys that it knows; without any, it asks for none.
    """

    def __init__(self, recipes: Path | None = None, keys: Collection[str] = ()) -> None:
        self._known, self._keys = rules.known(recipes), frozenset(keys)
        self._jobs, self._grants = Jobs(self._end), Grants()
        self._failing: list[tuple[str, dict[str, str]]] = []
        self._refusing: list[Refusal] = []
        self._losing = 0
        self._now = 0.0
        self._clients: list[Client] = []
        self._lock = threading.RLock()
        self.grant_secret = SECRET
        """Signs its grants: pixmill.grant makes some of it."""
        self.requests: list[httpx2.Request] = []
        """Every request that came."""

    @property
    def jobs(self) -> list[str]:
        """The ids of all jobs, the oldest first."""
        return list(self._jobs.by_id)

    def client(self, *, api_key: str | None = None) -> Client:
        """A client of this service; closed with the service. It never sleeps: its clock is the service's. A grant may
        be its `api_key`."""
        transport = httpx2.MockTransport(self.answer)
        client = Client(BASE, api_key=api_key, transport=transport, clock=lambda: self._now, pause=self._pause)
        self._clients.append(client)
        return client

    def async_client(self, *, api_key: str | None = None) -> AsyncClient:
        """The same for asyncio; the caller closes it."""

        async def answer(request: httpx2.Request) -> httpx2.Response:
            await request.aread()
            return self.answer(request)

        async def pause(seconds: float) -> None:
            self._pause(seconds)
            await asyncio.sleep(0)  # the other tasks run

        transport = httpx2.MockTransport(answer)
        return AsyncClient(BASE, api_key=api_key, transport=transport, clock=lambda: self._now, pause=pause)

    def _pause(self, seconds: float) -> None:
        self._now += seconds
        if self._now > HOUR_SECONDS:
            raise RuntimeError("this test has waited for an hour of the stand-in's time: does it hold jobs?")

    def fail(
        self, code: str = "undecodable", detail: str = "told to fail", *, state: str = "failed", times: int = 1
    ) -> None:
        """The next `times` jobs end as `failed` (or `dead`) with this code."""
        self._failing += [(state, {"code": code, "detail": detail})] * times

    def refuse(self, code: str, detail: str = "told to refuse", *, times: int = 1) -> None:
        """The next `times` requests get this problem: `rate_limited` is a 429, `broker_silent` a 503."""
        self._refusing += [Refusal(code, detail)] * times

    def accept(self) -> None:
        """No further request is refused or lost."""
        self._refusing.clear()
        self._losing = 0

    def lose(self, times: int = 1) -> None:
        """The next `times` requests lose their connection after they were done: nobody hears the answer."""
        self._losing += times

    def hold(self) -> None:
        """Jobs that come from now on wait, until `release`."""
        self._jobs.held = True

    def release(self) -> None:
        """All jobs that wait end."""
        with self._lock:
            self._jobs.held = False
            self._jobs.work_all()

    def close(self) -> None:
        """Close the clients that this service made."""
        for client in self._clients:
            client.close()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to one request. Raises httpx2.RequestError where it is lost."""
        with self._lock:
            self.requests.append(request)
            if self._refusing:
                return as_problem(self._refusing.pop(0))
            answer = self._answer(request)
            if self._losing:
                self._losing -= 1
                raise httpx2.ReadError("told to lose the connection", request=request)
            return answer

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        methods = []
        try:
            for method, path, handler, opened_by in ROUTES:
                if found := re.fullmatch(path, request.url.path):
                    methods.append(method)
                    if method == request.method:
                        grant = self._grant(request, opened_by)
                        return handler(Asked(self._jobs, self._known, request, found.groups(), self._grants, grant))
            if methods:
                raise Refusal("method_not_allowed", f"{request.url.path} knows {', '.join(methods)}")
            raise Refusal("not_found", f"there is no {request.url.path}")
        except Refusal as refusal:
            return as_problem(refusal)
        except rules.ClientFault as fault:
            return as_problem(Refusal(fault.code, fault.detail, **fault.members))

    def _grant(self, request: httpx2.Request, opened_by: str) -> Opened | None:
        """The grant of a request, which the route must accept. Raises Refusal."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        text = request.url.params.get(IN_QUERY, bearer if bearer.startswith((f"{UPLOAD}.", f"{VIEW}.")) else None)
        if text is None:
            self._judge_key(bearer)
            return None
        grant = self._grants.opened(text)
        if grant.kind != opened_by:
            opens = "uploads" if grant.kind == UPLOAD else "one job's state, events and renditions"
            raise Refusal("forbidden", f"this grant opens {opens}, not this")
        if grant.terms.get("origin") not in (None, request.headers.get("Origin")):
            raise Refusal("origin_not_allowed", f"this grant is for pages of {grant.terms['origin']}")
        return grant

    def _judge_key(self, bearer: str) -> None:
        """Raises Refusal `key_missing` or `key_wrong`, if there are keys."""
        if self._keys and not bearer:
            raise Refusal("key_missing", "send a key: Authorization: Bearer KEY")
        if self._keys and bearer not in self._keys:
            raise Refusal("key_wrong", "there is no such key")

    def _end(self, _job: FakeJob) -> tuple[str, dict[str, str] | None]:
        return self._failing.pop(0) if self._failing else ("done", None)
