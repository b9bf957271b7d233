"""The client: uploads that are promised once, jobs awaited, renditions downloaded.

An upload carries an Idempotency-Key and is repeated under it on a lost connection or a 503 (502 or 504,
as a proxy says it), until the server promises (202): however often it is sent, it makes one job.
"""

import functools
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx2

from pixmill.errors import Refused, Unreachable

DEFAULT_URL = "http://localhost:3000"
PATIENCE_SECONDS = 60.0
"""How long one call is repeated: several times what a restart of the whole server takes."""
RATE_PATIENCE_SECONDS = 180.0
"""How long one call waits for its turn under a rate: its minute, and again if others with the key were quicker."""
AUDIT_RECEIPTS = 1000
"""Of one request of `audit`: what the server takes."""
WAIT_SECONDS = 15
"""How long one request of `wait` is held by the server."""
TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may be answered: 502 and 504 are a proxy's, of a server that restarts."""
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.2, 5.0

Job = dict[str, Any]


class Client:
    """One server. `url` defaults to PIXMILL_URL, else localhost; `api_key`, for a server that asks for one, to
    PIXMILL_API_KEY. Use as a context manager, or close().

    Every method raises Refused for what the server refuses and Unreachable when it stays away.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = (url or os.environ.get("PIXMILL_URL") or DEFAULT_URL).rstrip("/")
        key = api_key or os.environ.get("PIXMILL_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(transport=transport, timeout=TIMEOUT, headers=headers)
        self._clock, self._pause = clock, pause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload(
        self,
        file: str | Path,
        *,
        preset: str | None = None,
        recipe: str | None = None,
        reference: str | None = None,
        key: str | None = None,
    ) -> Job:
        """Upload one image and return the promised job (the 202's JSON: id, state, status_url, ...).

        `recipe` is JSON text. `key` is the Idempotency-Key, by default a new one. Raises OSError where
        the file cannot be read.
        """
        asked = {"preset": preset, "recipe": recipe, "reference": reference}
        fields = {name: value for name, value in asked.items() if value is not None}
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}

        def send() -> httpx2.Response:
            with Path(file).open("rb") as image:
                parts = {"image": (Path(file).name, image)}
                return self._http.post(f"{self.url}/upload", data=fields, files=parts, headers=headers)

        return self._json(send)

    def explain(self, file: str | Path, *, preset: str | None = None, recipe: str | None = None) -> dict[str, Any]:
        """What a recipe would do to an image, without doing it: `original`, `recipe` and `plan`.

        `recipe` is JSON text. Raises OSError where the file cannot be read.
        """
        asked = {"preset": preset, "recipe": recipe}
        fields = {name: value for name, value in asked.items() if value is not None}

        def send() -> httpx2.Response:
            with Path(file).open("rb") as image:
                return self._http.post(f"{self.url}/recipes/explain", params=fields, content=image)

        return self._json(send)

    def job(self, job: str, *, wait: int | None = None) -> Job:
        """The job as it is now; with `wait`, held by the server for up to so many seconds until it has ended."""
        parameters = {} if wait is None else {"wait": wait}
        return self._json(lambda: self._http.get(f"{self.url}/jobs/{job}", params=parameters))

    def jobs(self, *, reference: str) -> Iterator[Job]:
        """All jobs of that reference, newest accepted first, without their timelines."""
        after: dict[str, str] = {}
        while True:
            asked = {"reference": reference, "limit": "500", **after}
            page = self._json(lambda asked=asked: self._http.get(f"{self.url}/jobs", params=asked))  # type: ignore[misc]
            yield from page["jobs"]
            if page["next"] is None:
                return
            after = {"after": page["next"]}

    def wait(self, job: str) -> Job:
        """The job once it has ended, however it did and however long it takes."""
        while not (found := self.job(job, wait=WAIT_SECONDS))["ended_at"]:
            pass
        return found

    def audit(self, receipts: Sequence[str]) -> list[str]:
        """What became of the job of each receipt, in the same order: `ended`, `unfinished`, `purged`,
        `expired`, `lost` or `forged`."""
        verdicts: list[str] = []
        for start in range(0, len(receipts), AUDIT_RECEIPTS):
            part = list(receipts[start : start + AUDIT_RECEIPTS])
            answer = self._json(functools.partial(self._http.post, f"{self.url}/receipts/audit", json=part))
            verdicts += cast(list[str], answer)
        return verdicts

    def download(self, url: str, path: Path) -> None:
        """Write what `url` (a rendition's or an original's, from a job) holds to `path`, whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")

        def fetch() -> httpx2.Response:
            with ExitStack() as stack:
                response = stack.enter_context(self._http.stream("GET", url))
                if response.status_code != 200:
                    response.read()
                    return response
                with partial.open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
                return response

        try:
            self._patiently(fetch)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _json(self, send: Callable[[], httpx2.Response]) -> Job:
        response = self._patiently(send)
        try:
            answer: Job = response.json()
        except ValueError:
            raise Refused(response.status_code, {"detail": f"{self.url} does not answer as pixmill does"}) from None
        return answer

    def _patiently(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """The first good answer; lost connections and what is in AGAIN are tried again, for a while."""
        now = self._clock()
        until, turn_until = now + PATIENCE_SECONDS, now + RATE_PATIENCE_SECONDS
        back_off = RETRY_SECONDS_MIN
        while True:
            try:
                response = send()
            except httpx2.TransportError as error:
                said, seconds = f"no connection to {self.url} ({error or type(error).__name__})", back_off
            else:
                if response.is_success:
                    return response
                refusal = Refused(response.status_code, _problem(response))
                if response.status_code not in AGAIN:
                    raise refusal
                said, seconds = f"{self.url} says: {refusal}", _retry_after(response, back_off)
                if response.status_code == 429:
                    if self._clock() + seconds > turn_until:
                        raise refusal
                    until += seconds
            if self._clock() + seconds > until:
                raise Unreachable(f"{said}; tried for {PATIENCE_SECONDS:.0f} s")
            self._pause(seconds)
            back_off = min(back_off * 2, RETRY_SECONDS_MAX)


def _problem(response: httpx2.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _retry_after(response: httpx2.Response, otherwise: float) -> float:
    """Seconds of Retry-After; `otherwise` where it is absent or a date."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else otherwise
