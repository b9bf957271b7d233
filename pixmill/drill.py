"""A drill: uploads at a steady pace to one's own cluster while it is killed, and whether each promise was kept.

Speaks HTTP through the client alone. Who is killed, and whether at all, is the caller's to say.
"""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256

from pixmill.client.blocking import Client
from pixmill.core.answers import Job
from pixmill.core.errors import PixmillError, Refused
from pixmill.pictures import NUMBER_MAX, RECIPE, numbered

PHASES = ("before", "during", "after")
"""The thirds of a drill; only in the second one is anything killed."""
END_SECONDS = 120.0
"""How long an accepted job may take to its end before it counts as lost."""
BROKEN = ("lost", "doubled", "wrong", "unanswered")
THREADS = 64
KILL_SECONDS = 2.0
"""Between kills."""


@dataclass
class Upload:
    """One picture. `due` is seconds from the drill's start. `promised` (its 202) and `ended` are seconds after `due`,
    so that a stall does not hide delays. `broken` is empty, `unanswered`, `lost`, `doubled` or `wrong`."""

    number: int
    due: float
    job: str | None = None
    promised: float | None = None
    ended: float | None = None
    broken: str = ""
    detail: str = ""


@dataclass
class Result:
    """A drill's outcome: every upload, and jobs under its reference that nobody was promised."""

    seconds: float
    uploads: list[Upload]
    strays: list[str] = field(default_factory=list)

    def count(self, broken: str) -> int:
        """How many are broken in that way."""
        strays = len(self.strays) if broken == "doubled" else 0
        return strays + sum(upload.broken == broken for upload in self.uploads)

    def phase(self, name: str) -> list[Upload]:
        """The uploads that were due in that third."""
        third = self.seconds / len(PHASES)
        return [upload for upload in self.uploads if PHASES[min(2, int(upload.due / third))] == name]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.strays and not any(upload.broken for upload in self.uploads)


def drill(client: Client, seconds: float, rate: float, kill: Callable[[], None], say: Callable[[str], None]) -> Result:
    """Upload `rate` pictures a second for `seconds`, wait for all to end, judge. `kill` is called every KILL_SECONDS
    of the second third, in a thread of its own. The jobs are purged if every promise was kept. Raises PixmillError
    where the server cannot be reached at all."""
    name = f"drill-{secrets.token_hex(4)}"
    first = random.randrange(NUMBER_MAX // 2)
    list(client.jobs(reference=name))
    say(f"{name}: {seconds:g} s, {rate:g} uploads a second to {client.url}")
    uploads = [Upload(first + n, n / rate) for n in range(int(seconds * rate))]
    began = time.monotonic()
    over, carried = threading.Event(), list[Future[None]]()
    killer = threading.Thread(target=_kill_on, args=(kill, seconds / 3, over), daemon=True)
    with ThreadPoolExecutor(THREADS) as pool:
        killer.start()
        for upload in uploads:
            time.sleep(max(0.0, began + upload.due - time.monotonic()))
            carried.append(pool.submit(carry, client, upload, name, lambda: time.monotonic() - began))
    over.set()
    killer.join()
    for future in carried:
        future.result()
    result = Result(seconds, uploads, strays(uploads, [job.id for job in client.jobs(reference=name)]))
    if result.kept:
        client.purge_all(reference=name)
    else:
        say(f"its jobs are kept, to be looked at: pixmill jobs --reference {name}")
    return result


def _kill_on(kill: Callable[[], None], third: float, over: threading.Event) -> None:
    if over.wait(third):
        return
    until = time.monotonic() + third
    while time.monotonic() < until and not over.is_set():
        kill()
        over.wait(KILL_SECONDS)


def carry(client: Client, upload: Upload, name: str, clock: Callable[[], float]) -> None:
    """Take one upload to its end and judge it. `clock` tells seconds since the drill's start."""
    picture, filename = numbered(upload.number), f"{upload.number}.png"

    def send() -> str:
        key = f"{name}-{upload.number}"
        return client.upload(picture, filename=filename, recipe=RECIPE, reference=name, key=key).id

    try:
        upload.job = send()
    except PixmillError as fault:
        upload.broken, upload.detail = "unanswered", str(fault)
        return
    upload.promised = clock() - upload.due
    try:
        job = client.wait(upload.job, seconds=END_SECONDS)
        upload.ended = clock() - upload.due
        upload.broken, upload.detail = judge(job, digests(client, job), send())
    except Refused as fault:
        upload.broken, upload.detail = "lost", str(fault)
    except PixmillError as fault:
        upload.broken, upload.detail = "unanswered", str(fault)


def digests(client: Client, job: Job) -> dict[str, str]:
    """The SHA-256 of each rendition's bytes, by its name."""
    return {rendition.name: sha256(client.read(rendition)).hexdigest() for rendition in job.renditions}


def judge(job: Job, digests: dict[str, str], again: str) -> tuple[str, str]:
    """Judge an accepted job: (what is broken, or empty; the same in words). `digests`: of the bytes from its addresses.
    `again`: the id that its key got when it was sent again."""
    if job.state != "done":
        return "lost", f"{job.id} is {job.state} ({job.error.code if job.error else 'not ended'})"
    ends = [entry.event for entry in job.timeline].count("ended")
    if again != job.id:
        return "doubled", f"the key of {job.id} got {again} when it was sent again"
    if ends != 1:
        return "doubled", f"{job.id} ended {ends} times"
    if not digests or digests != {rendition.name: rendition.digest for rendition in job.renditions}:
        return "wrong", f"{job.id} has renditions whose bytes are not of their digest"
    return "", ""


def strays(uploads: Sequence[Upload], listed: Iterable[str]) -> list[str]:
    """Jobs under the drill's reference that nobody was promised: one for each unanswered upload may be there."""
    unanswered = sum(upload.job is None for upload in uploads)
    found = sorted(set(listed) - {upload.job for upload in uploads})
    return found[unanswered:]


def counts(result: Result) -> dict[str, int]:
    """A drill in numbers."""
    accepted = sum(upload.promised is not None for upload in result.uploads)
    return {"accepted": accepted, **{kind: result.count(kind) for kind in BROKEN}}


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the values lie; None of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
