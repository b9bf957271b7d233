"""One picture through everything, for a monitor: uploaded, processed, read back, removed.

Speaks HTTP through the client alone. Owns what counts as well, and the removal of what earlier probes left. Knows no
file and no metric.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from pixmill.client.blocking import Client
from pixmill.core.answers import Job
from pixmill.core.errors import NotFound, PixmillError, Unreachable
from pixmill.drill import digests, judge
from pixmill.pictures import NUMBER_MAX, RECIPE, numbered

REFERENCE = "pixmill-drill-once"
"""Of each probe's job: a job that a probe could not remove is found by it."""
TIMEOUT_SECONDS, TIMEOUT_SECONDS_MAX = 30.0, 300.0
LEFT_SECONDS = 2 * TIMEOUT_SECONDS_MAX
"""A probe's job of this age belongs to no probe that still waits for it. Until then a failed one can be looked at."""
LEFT_MAX = 20
"""One probe removes at most so many of them, and has time for its own picture."""
WAIT_SECONDS = 1.0
"""How long the upload itself is held: a probe knows early whether it was promised."""


@dataclass(frozen=True, slots=True)
class Probed:
    """How a probe ended. `at`: wall time of its end. `seconds`: from the first byte to the checked rendition, or to the
    fault. `fault`: what went wrong, None if nothing did."""

    at: float
    seconds: float
    fault: PixmillError | None = None


def probe(client: Client, timeout: float, clock: Callable[[], float] = time.monotonic) -> Probed:
    """Take one picture through everything, and remove its job. It ends after `timeout` seconds at the latest: what
    still runs then is left behind, and a later probe removes its job."""
    run = _Run(client, timeout, clock)
    thread = threading.Thread(target=run.whole, daemon=True)
    thread.start()
    thread.join(timeout)
    return run.result(late=thread.is_alive())


class _Run:
    """One probe, carried out in a thread of its own: a server that answers nothing cannot hold the other."""

    def __init__(self, client: Client, timeout: float, clock: Callable[[], float]) -> None:
        self._client, self._timeout, self._clock = client, timeout, clock
        self._began = clock()
        self._promised: Job | None = None
        self._seconds: float | None = None
        self._fault: PixmillError | None = PixmillError("the drill itself broke", code="drill_failed")

    def whole(self) -> None:
        """All steps. What goes wrong is the result's."""
        try:
            job = self._processed()
            _, broken = judge(job, digests(self._client, job), again=job.id)
            if job.cached:  # no two pictures are equal, so the cache knows none
                broken = f"{job.id} was answered by the result cache: nothing was processed"
            self._seconds = self._clock() - self._began
            if broken:
                raise PixmillError(broken, code="drill_failed")
            self._client.purge(job)
            _remove_left(self._client)
            self._fault = None
        except PixmillError as fault:
            self._fault = fault

    def _processed(self) -> Job:
        """The job once it has ended."""
        picture = numbered(secrets.randbelow(NUMBER_MAX + 1))
        wait = min(self._timeout, WAIT_SECONDS)
        job = self._client.upload(picture, filename="drill.png", recipe=RECIPE, reference=REFERENCE, wait=wait)
        self._promised = job
        return self._client.wait(job)

    def result(self, *, late: bool) -> Probed:
        """What is known now. `late`: the time is over, and a step is still under way."""
        seconds = self._clock() - self._began if self._seconds is None else self._seconds
        return Probed(time.time(), seconds, self._late() if late else self._fault)

    def _late(self) -> PixmillError:
        over = f"within {self._timeout:g} s"
        if self._promised is None:
            return Unreachable(f"{self._client.url} promised no upload {over}", code="no_promise")
        step = "processed and read back" if self._seconds is None else "removed"
        return PixmillError(f"{self._promised.id} was not {step} {over}", code="drill_late")


def _remove_left(client: Client) -> None:
    """Remove the jobs of earlier probes that could not do it. Most times there is none: then it is one request."""
    before = datetime.now(UTC) - timedelta(seconds=LEFT_SECONDS)
    for job in islice(client.jobs(reference=REFERENCE, accepted_before=before), LEFT_MAX):
        try:
            if not job.ended:
                client.cancel(job)
            client.purge(job)
        except NotFound:  # another probe was quicker
            continue
