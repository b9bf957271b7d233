"""The events of a worker's session and its effects: the data between core and keeper.

Pure data. Events are facts in the past tense; `job` and `lease` name the lease they are about.
"""

from typing import Any

import msgspec

from jobs.job import Cost, Rendition
from jobs.wire import Assignment, LeaseRef, OrphanScan


class _Event(msgspec.Struct, frozen=True, gc=False):
    pass


class Connected(_Event, frozen=True):
    """A connection to the broker stands, the first or another one."""


class Disconnected(_Event, frozen=True):
    """The connection broke, or a message could not be sent: sent messages may be lost."""


class Received(_Event, frozen=True):
    """The broker said `message` (one of jobs.wire.ToWorker)."""

    message: Any


class DecoderIdle(_Event, frozen=True):
    """A decoder waits for a job. Each takes one; a fresh DecoderIdle follows when it is free again."""


class DecoderGone(_Event, frozen=True):
    """A decoder that waited for a job ended."""


class DecoderBegan(_Event, frozen=True):
    """A decoder began the job, at wall time `at`."""

    job: str
    lease: int
    at: float


class DecoderSeen(_Event, frozen=True):
    """The decoder of the job is `where` now: its stage and memory, in words."""

    job: str
    lease: int
    where: str


class DecoderDone(_Event, frozen=True):
    """The decoder has made all of this job; what is left is to publish it, which may wait for the disk."""

    job: str
    lease: int


class RenditionLanded(_Event, frozen=True):
    """One rendition is in the blob store, durably."""

    job: str
    lease: int
    rendition: Rendition


class DecoderFinished(_Event, frozen=True):
    """All `renditions` have landed, at wall time `at`."""

    job: str
    lease: int
    renditions: list[Rendition]
    cost: Cost | None = None
    at: float | None = None


class CacheAnswered(_Event, frozen=True):
    """The result cache knew the renditions, and they are linked: no decoder began."""

    job: str
    lease: int
    renditions: list[Rendition]


class DecoderFailed(_Event, frozen=True):
    """The try ended without its renditions; `code` is a jobs.job.Code."""

    job: str
    lease: int
    code: str
    detail: str


class SweepDone(_Event, frozen=True):
    """The blobs of a job's sweep are deleted."""

    job: str


class SweepFailed(_Event, frozen=True):
    """Not all blobs of a job's sweep could be deleted."""

    job: str
    detail: str


class SweepLate(_Event, frozen=True):
    """A job's sweep took too long, or came too late: the remaining blobs must not be deleted any more."""

    job: str


class NamesFound(_Event, frozen=True):
    """The step of the orphan scan that began past `after` listed these old blobs; `following` is the `after`
    of the next one, None at the end. `failed`: why it could not, if so."""

    after: str
    names: list[str]
    following: str | None
    failed: str = ""


class DrainRequested(_Event, frozen=True):
    """Whoever started this process wants it to finish what it holds and end."""


class LeaveRequested(_Event, frozen=True):
    """Whoever started this process wants it to give back what it holds and end at once."""


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
