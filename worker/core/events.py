"""The events of a worker's session and its effects: the data between core and keeper.

Pure data. Events are facts in the past tense; `job` and `lease` name the lease they are about. Those of every holder of
leases are in jobs/session/events.py.
"""

from typing import Any

import msgspec

from jobs.job import Cost, Rendition
from jobs.session.events import Connected, Disconnected, DrainRequested, Fact, LeaveRequested, Received
from jobs.wire import Assignment, LeaseRef, OrphanScan, Times

__all__ = [
    "CacheAnswered", "CacheChanged", "Connected", "DecoderBegan", "DecoderDone", "DecoderFailed", "DecoderFinished",
    "DecoderGone", "DecoderIdle", "DecoderSeen", "Disconnected", "DrainRequested", "Effects", "LeaveRequested",
    "NamesFound", "OriginalDescribed", "Received", "RenditionLanded", "SweepDone", "SweepFailed", "SweepLate",
    "Sweeping",
]  # fmt: skip


class DecoderIdle(Fact, frozen=True):
    """A decoder waits for a job. Each takes one; a fresh DecoderIdle follows when it is free again."""


class DecoderGone(Fact, frozen=True):
    """A decoder that waited for a job ended."""


class DecoderBegan(Fact, frozen=True):
    """A decoder began the job, at wall time `at`."""

    job: str
    lease: int
    at: float


class DecoderSeen(Fact, frozen=True):
    """The decoder of the job is `where` now: its stage and memory, in words."""

    job: str
    lease: int
    where: str


class DecoderDone(Fact, frozen=True):
    """The decoder has made all of this job; what is left is to publish it, which may wait for the disk."""

    job: str
    lease: int


class OriginalDescribed(Fact, frozen=True):
    """The decoder has found the `facts` of the job's original, as encoded."""

    job: str
    lease: int
    facts: bytes


class RenditionLanded(Fact, frozen=True):
    """One rendition is in the blob store, durably."""

    job: str
    lease: int
    rendition: Rendition


class DecoderFinished(Fact, frozen=True):
    """All `renditions` have landed, at wall time `at`. `facts`: of the original, if they were asked for."""

    job: str
    lease: int
    renditions: list[Rendition]
    cost: Cost | None = None
    at: float | None = None
    times: Times | None = None
    facts: bytes = b""


class CacheAnswered(Fact, frozen=True):
    """The result cache knew the renditions and the facts. The renditions are linked: no decoder began."""

    job: str
    lease: int
    renditions: list[Rendition]
    facts: bytes = b""


class DecoderFailed(Fact, frozen=True):
    """The try ended without its renditions; `code` is a jobs.job.Code."""

    job: str
    lease: int
    code: str
    detail: str


class CacheChanged(Fact, frozen=True):
    """The result cache fails from now on, and `why`; empty: it answers again."""

    why: str


class SweepDone(Fact, frozen=True):
    """The blobs of a job's sweep are deleted."""

    job: str


class SweepFailed(Fact, frozen=True):
    """Not all blobs of a job's sweep could be deleted."""

    job: str
    detail: str


class SweepLate(Fact, frozen=True):
    """A job's sweep took too long, or came too late: the remaining blobs must not be deleted any more."""

    job: str


class NamesFound(Fact, frozen=True):
    """The step of the orphan scan that began past `after` listed these old blobs; `following` is the `after`
    of the next one, None at the end. `failed`: why it could not, if so."""

    after: str
    names: list[str]
    following: str | None
    failed: str = ""


class Sweeping(msgspec.Struct, frozen=True, gc=False):
    """Delete these blobs of a job, none of them after `until` (monotonic seconds)."""

    job: str
    names: list[str]
    until: float


class Effects(msgspec.Struct):
    """What the session wants done, in this order of fields.

    `kill`: end the decoders of these leases (or forget the task that none has got yet) and
    publish nothing more of them. `sends`: at most one message of each type. `sweep`: delete blobs.
    `begin`: hand these to idle decoders. `scan`: list old blobs. `reconnect`: open a fresh socket.
    `leave`: end the process, sending first.
    """

    kill: list[LeaseRef]
    sends: list[Any]
    sweep: list[Sweeping]
    begin: list[Assignment]
    scan: OrphanScan | None
    reconnect: bool
    leave: bool
