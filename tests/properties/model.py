"""A small model of how each job must end: it repeats the table of outcomes in docs/architecture.md.

Owns no dispatch: which waiting job goes to which worker is the dispatcher's choice, and `assigned`
only judges whether it was a lawful one. Imports nothing of the core or of the retry policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.leases import count_of

ATTEMPTS_MAX = 4
LOSSES_MAX = 20
AT_ONCE = 2
INPUT = {"undecodable", "deadline_exceeded", "operation_failed", "sandbox_violation"}
WAITING = {"queued", "delayed"}
ENDED = {"done", "failed", "dead", "cancelled"}


def original(job: str) -> str:
    return f"raw/{job[-2:]}/{job}"


TENANTS = ("t", "u")


def tenant_of(content: Sequence[int]) -> str:
    """Two tenants share the contents."""
    return TENANTS[content[0] % 2]


@dataclass
class Job:
    """One job as it must be. `holder` is an incarnation; `started`: a decoder began under this lease;
    `orphan`: its holder has not claimed it since the broker's start."""

    id: str
    content: bytes
    large: bool = False
    state: str = "queued"
    code: str | None = None
    lease: int = 0
    attempts: int = 0
    holder: str | None = None
    started: bool = False
    orphan: bool = False
    cancelling: bool = False
    crashes: int = 0
    memory_tries: int = 0
    losses: int = 0
    shown: set[str] = field(default_factory=set)
    deadline: float | None = None
    """Monotonic seconds; None: it has none, or was requeued since."""
    waits_at: float | None = None
    """Monotonic seconds: the end of the first turn after which it waited, as it does now; None: it does not wait."""
    ended_at: float | None = None
    """As the ledger had it last: when a job ends is the dispatcher's to say."""
    batch: str | None = None

    @property
    def alone(self) -> bool:
        return self.crashes + self.memory_tries > 0

    def is_overdue(self, now: float) -> bool:
        """Whether it waits, was never begun, and its deadline has passed."""
        return self.state in WAITING and self.attempts == 0 and self.deadline is not None and now >= self.deadline

    def end(self, state: str, code: str | None = None) -> None:
        self.state, self.code = state, code
        self.holder, self.started, self.orphan = None, False, False

    def wait(self, state: str = "queued") -> None:
        self.state = state
        self.holder, self.started, self.orphan = None, False, False


@dataclass
class Batch:
    """An opened batch. `open`: jobs may join it. `ended`: that was told, for good."""

    tenant: str
    open: bool = True
    ended: bool = False


@dataclass
class Model:
    """All jobs, and what outlives a broker beside them."""

    jobs: dict[str, Job] = field(default_factory=dict)
    quarantine: set[bytes] = field(default_factory=set)
    sweeps: dict[str, set[str]] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    under_way: set[str] = field(default_factory=set)
    """Jobs whose sweep a worker was given when the turn began."""
    paused: bool = False
    paused_tenants: set[str] = field(default_factory=set)
    running_max: dict[str, int] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)

    def accept(self, job: str, content: bytes, large: bool, *, engine: bool) -> None:
        """`engine`: whether a worker is there, all of which have the one that was killed."""
        self.jobs[job] = Job(job, content, large)
        if engine and content in self.quarantine:
            self.jobs[job].end("failed", "quarantined")

    def assigned(self, job: Job, lease: int, holder: str, alone: bool) -> None:
        assert job.state in WAITING, f"{job.id} was given out while {job.state}"
        assert count_of(lease) == count_of(job.lease) + 1, f"{job.id}: lease {lease} after {job.lease}"
        assert alone == job.alone, f"{job.id}: alone is {alone}"
        assert not self.paused, "dispatch goes on while paused"
        assert not self.is_held(job), f"{job.id} was given out while its tenant is held"
        job.state, job.lease, job.holder, job.started = "running", lease, holder, False

    def is_held(self, job: Job) -> bool:
        """Whether its tenant is paused, or has as many running jobs as it may."""
        tenant = tenant_of(job.content)
        others = sum(each.state == "running" and tenant_of(each.content) == tenant for each in self.jobs.values())
        return tenant in self.paused_tenants or others >= self.running_max.get(tenant, len(self.jobs) + 1)

    def start(self, job: Job) -> None:
        if not job.started:
            job.started = True
            job.attempts += 1

    def finish(self, job: Job, blob: str, cached: bool) -> None:
        if job.cancelling:
            self._hide(job, blob)
            return job.end("cancelled", "cancelled")
        if not cached:
            self.start(job)
        job.shown = {blob}
        return job.end("done")

    def publish(self, job: Job, blob: str) -> None:
        if job.cancelling:
            self._hide(job, blob)
        else:
            job.shown.add(blob)

    def give_back(self, job: Job) -> None:
        job.attempts -= job.started
        if job.cancelling:
            job.end("cancelled", "cancelled")
        else:
            job.wait()

    def lose(self, job: Job) -> None:
        self._again(job, "decoder_lost")

    def fail(self, job: Job, code: str) -> None:
        if code == "cancelled":
            return self.give_back(job) if not job.cancelling else job.end("cancelled", "cancelled")
        job.crashes += code == "decoder_crashed"
        job.memory_tries += code == "memory_over_limit"
        if code in ("decoder_lost", "store_error"):
            return self._again(job, code)
        if job.cancelling:
            return job.end("cancelled", "cancelled")
        if code in INPUT:
            return job.end("failed", code)
        if code == "original_missing":
            return job.end("dead", code)
        if code == "memory_over_limit":
            return job.wait() if job.memory_tries < 2 else job.end("failed", code)
        assert code == "decoder_crashed"
        if job.crashes < 2:
            return job.wait()
        self.quarantine.add(job.content)
        return job.end("dead", code)

    def _again(self, job: Job, code: str) -> None:
        job.losses += not job.started
        if job.cancelling:
            job.end("cancelled", "cancelled")
        elif not job.started and code == "store_error":
            used_up = job.attempts + job.losses >= ATTEMPTS_MAX
            job.end("dead", "attempts_used_up") if used_up else job.wait("delayed")
        elif not job.started:
            job.wait() if job.losses < LOSSES_MAX else job.end("dead", "lost_too_often")
        elif job.attempts >= ATTEMPTS_MAX:
            job.end("dead", "attempts_used_up")
        else:
            job.wait("delayed" if code == "store_error" or job.attempts > AT_ONCE else "queued")

    def cancel(self, job: Job) -> str | None:
        """The code of the refusal that is due."""
        if job.state in ENDED:
            return None if job.state == "cancelled" else "job_ended"
        job.cancelling = True
        if job.state in WAITING:
            job.end("cancelled", "cancelled")
        return None

    def requeue(self, job: Job) -> str | None:
        if job.state not in ENDED - {"done"}:
            return "not_requeueable"
        if job.id in self.under_way:
            return "broker_silent"
        job.wait()
        job.code, job.cancelling, job.deadline = None, False, None
        job.attempts = job.crashes = job.memory_tries = job.losses = 0
        self.quarantine.discard(job.content)
        self.sweeps.pop(job.id, None)
        return None

    def purge(self, job: Job) -> str | None:
        if job.state not in ENDED:
            return "job_not_ended"
        del self.jobs[job.id]
        self.purged.add(job.id)
        self.sweeps.setdefault(job.id, set()).update({original(job.id)} | job.shown)
        return None

    def end_batches(self) -> None:
        """The turn is over: closed batches all of whose jobs have ended, or are purged, have ended, too."""
        waiting = {job.batch for job in self.jobs.values() if job.state not in ENDED}
        for name, batch in self.batches.items():
            batch.ended = batch.ended or (not batch.open and name not in waiting)

    def found(self, job: str, names: list[str]) -> None:
        """Old files of a job were listed: those that it does not name, now that it has ended, are to go."""
        mine = self.jobs.get(job)
        if mine is not None and mine.state not in ENDED:
            return
        kept = {original(job)} | mine.shown if mine else set()
        orphans = set(names) - kept - self.sweeps.get(job, set())
        if orphans:
            self.sweeps.setdefault(job, set()).update(orphans)

    def _hide(self, job: Job, blob: str) -> None:
        if blob not in job.shown:
            self.sweeps.setdefault(job.id, set()).add(blob)
