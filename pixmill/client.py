"""The client: uploads that are promised once, jobs awaited, renditions downloaded.

An upload carries an Idempotency-Key. After a lost connection or a 503 (or a proxy's 502 or 504) it is
repeated under this key until the server promises (202): so it makes one job, however often it is sent.
The API key is sent to the server of `url` alone, whatever addresses its answers name.
"""

import functools
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx2

from pixmill.errors import PixmillError, Refused, Unreachable
from pixmill.origin import DEFAULT_URL, KeyOfOrigin, origin, origin_of
from pixmill.retries import PATIENCE_SECONDS, BackOff, Patience, retry_after

AUDIT_RECEIPTS = 1000
"""Of one request of `audit`: what the server takes."""
WAIT_SECONDS = 15
"""The server holds one request of `wait` at most this long. Also the longest pause after one that it does not hold."""
TIMEOUT = httpx2.Timeout(30.0, connect=5.0)
AGAIN = frozenset({502, 503, 504})
"""Statuses after which the same request may be answered: 502 and 504 are a proxy's, of a server that restarts."""
JOB_MEMBERS = ("id", "state", "filename", "error", "renditions", "ended_at")
"""What the command reads of a job."""

Job = dict[str, Any]


class Client:
    """One server. `url` defaults to PIXMILL_URL, else localhost; `api_key` (if the server asks for one) defaults to
    PIXMILL_API_KEY. Use it as a context manager, or call close(). Raises ValueError if one of them is malformed.

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
        self._origin = origin_of(self.url)
        key = api_key or os.environ.get("PIXMILL_API_KEY")
        auth = KeyOfOrigin(key, self._origin) if key else None
        self._http = httpx2.Client(transport=transport, timeout=TIMEOUT, auth=auth)
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
        the file cannot be read. A name that is not UTF-8 is sent with U+FFFD for the bytes that are not.
        """
        asked = {"preset": preset, "recipe": recipe, "reference": reference}
        fields = {name: value for name, value in asked.items() if value is not None}
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}

        def send() -> httpx2.Response:
            with _opened(file) as image:
                parts = {"image": (_name(file), image)}
                return self._http.post(f"{self.url}/upload", data=fields, files=parts, headers=headers)

        return self._json(send, "id", "state", "filename")

    def explain(self, file: str | Path, *, preset: str | None = None, recipe: str | None = None) -> dict[str, Any]:
        """What a recipe would do to an image, without doing it: `original`, `recipe` and `plan`.

        `recipe` is JSON text. Raises OSError where the file cannot be read.
        """
        asked = {"preset": preset, "recipe": recipe}
        fields = {name: value for name, value in asked.items() if value is not None}

        def send() -> httpx2.Response:
            with _opened(file) as image:
                return self._http.post(f"{self.url}/recipes/explain", params=fields, content=image)

        return self._json(send, "original", "plan")

    def job(self, job: str, *, wait: int | None = None) -> Job:
        """The job as it is now; with `wait`, held by the server for up to so many seconds until it has ended."""
        return _answer(self._patiently(functools.partial(self._get_job, job, wait)), self.url, *JOB_MEMBERS)

    def jobs(self, *, reference: str) -> Iterator[Job]:
        """All jobs of that reference, newest accepted first, without their timelines."""
        after: dict[str, str] = {}
        while True:
            asked = {"reference": reference, "limit": "500", **after}
            page = self._json(functools.partial(self._http.get, f"{self.url}/jobs", params=asked), "jobs", "next")
            yield from page["jobs"]
            if page["next"] is None:
                return
            after = {"after": page["next"]}

    def wait(self, job: str) -> Job:
        """The job once it has ended, however it did and however long it takes."""
        for found in self.follow(job):
            last = found
        return last

    def follow(self, job: str) -> Iterator[Job]:
        """The job's present state, again and again until it has ended. The caller may stop at any time.

        The server holds each request until the job has ended, at most for WAIT_SECONDS. If it answers sooner, a pause
        follows: as long as the answer's Retry-After says, at most WAIT_SECONDS.
        """
        asked_at, back_off = self._clock(), BackOff()

        def ask() -> httpx2.Response:
            nonlocal asked_at
            asked_at = self._clock()
            return self._get_job(job, WAIT_SECONDS)

        while True:
            response = self._patiently(ask)
            found = _answer(response, self.url, *JOB_MEMBERS)
            yield found
            if found["ended_at"]:
                return
            due = asked_at + min(WAIT_SECONDS, back_off.pause(retry_after(response.headers, time.time())))
            if (left := due - self._clock()) > 0:
                self._pause(left)

    def _get_job(self, job: str, wait: int | None) -> httpx2.Response:
        address = f"{self.url}/jobs/{quote(job, safe='')}"
        return self._http.get(address, params={} if wait is None else {"wait": wait})

    def audit(self, receipts: Sequence[str]) -> list[str]:
        """What became of the job of each receipt, in the same order: `ended`, `unfinished`, `purged`,
        `expired`, `lost` or `forged`."""
        verdicts: list[str] = []
        for start in range(0, len(receipts), AUDIT_RECEIPTS):
            part = list(receipts[start : start + AUDIT_RECEIPTS])
            response = self._patiently(functools.partial(self._http.post, f"{self.url}/receipts/audit", json=part))
            answer = _parsed(response)
            if not isinstance(answer, list) or len(answer) != len(part):
                raise _not_pixmill(response, self.url)
            verdicts += map(str, answer)
        return verdicts

    def download(self, url: str, path: Path, *, exclusive: bool = False) -> None:
        """Write what `url` (a rendition's or an original's, from a job) holds to `path`, whole or not at all.

        Raises OSError where it cannot be written; FileExistsError where there is a file and `exclusive` is asked.
        """
        try:
            origin_of(url)
        except ValueError as error:
            raise PixmillError(str(error)) from None
        partial = path.with_name(f".pixmill-{uuid.uuid4().hex}.partial")

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
            response = self._patiently(fetch)
            if response.status_code != 200:
                raise _not_pixmill(response, url)
            if exclusive:
                path.open("x").close()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _json(self, send: Callable[[], httpx2.Response], *members: str) -> Job:
        return _answer(self._patiently(send), self.url, *members)

    def _patiently(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """The first good answer; lost connections and what is in AGAIN are tried again, for a while."""
        patience = Patience(self._clock())
        fault: PixmillError
        while True:
            try:
                response = send()
            except httpx2.RequestError as error:
                fault = _given_up(f"no connection to {self.url} ({error or type(error).__name__})")
                seconds = patience.pause(self._clock(), 0.0)
            else:
                if response.is_success:
                    return response
                fault, seconds = self._unwell(response, patience)
            if seconds is None:
                raise fault
            self._pause(seconds)

    def _unwell(self, response: httpx2.Response, patience: Patience) -> tuple[PixmillError, float | None]:
        """What an answer that is no good one means in the end, and seconds to the next try if there is one."""
        refusal, asked = self._refusal(response), retry_after(response.headers, time.time())
        if response.status_code == 429:
            return refusal, patience.turn(self._clock(), asked)
        if response.status_code in AGAIN:
            return _given_up(f"{self.url} says: {refusal}"), patience.pause(self._clock(), asked)
        return refusal, None

    def _refusal(self, response: httpx2.Response) -> Refused:
        """What a refusal says; and what to do where it is one of an address other than ours."""
        problem = _parsed(response)
        said = dict(problem) if isinstance(problem, dict) else {}
        if response.has_redirect_location:
            target = response.headers["Location"]
            said["detail"] = f"{response.url} sends on to {target}: name the server by the address that it has"
        elif response.status_code in (401, 403) and origin(response.url) != self._origin:
            detail = said.get("detail", f"HTTP status {response.status_code}")
            said["detail"] = f"{response.url} says: {detail}; the API key is sent to {self.url} alone"
        return Refused(response.status_code, said)


def _opened(file: str | Path) -> BinaryIO:
    """The file, open to be read. Raises OSError, also for a pipe or a device: it could not be sent once more."""
    if not Path(file).is_file() and Path(file).exists():
        raise OSError("this is no regular file")
    return Path(file).open("rb")


def _name(file: str | Path) -> str:
    return os.fsencode(Path(file).name).decode("utf-8", "replace")


def _answer(response: httpx2.Response, url: str, *members: str) -> Job:
    """The object in JSON that has these members."""
    answer = _parsed(response)
    if not isinstance(answer, dict) or not all(member in answer for member in members):
        raise _not_pixmill(response, url)
    return answer


def _given_up(said: str) -> Unreachable:
    return Unreachable(f"{said}; tried for {PATIENCE_SECONDS:.0f} s")


def _not_pixmill(response: httpx2.Response, url: str) -> Refused:
    return Refused(response.status_code, {"detail": f"{url} does not answer as pixmill does"})


def _parsed(response: httpx2.Response) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return response.json()
    except ValueError:
        return None
