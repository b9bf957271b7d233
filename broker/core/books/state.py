"""The state of the core, and the few ways in which a job changes state.

Owns the change numbers, the counts per state, and the records and messages of the turn. It decides nothing: the files
of broker/core (answers, commands, dispatcher) do.
"""

from collections import Counter
from functools import partial
from math import inf
from typing import Any

from broker.core.books.backlog import Backlog
from broker.core.books.events import Expire, FindBatches, FindOverdue, LostLease, Policy
from broker.core.books.looks import Ages, Batches, Deadlines
from broker.core.books.model import Entry, Worker
from broker.core.books.quarantine import Quarantine
from broker.core.books.rates import Rate, Share
from broker.core.books.reserve import Reserve
from broker.core.books.roster import Roster
from broker.core.books.secrets import Secrets
from broker.core.books.service import LEAST_SECONDS, Service
from broker.core.books.sweeps import Sweeps
from broker.core.books.turns import Holds
from broker.core.couriers.deliveries import Deliveries
from broker.core.figures.counts import Figures, NoFigures
from broker.core.hours.counting import Hours
from jobs.deliveries import EventType
from jobs.ids import original_name
from jobs.job import ENDED, TEXT_CHARACTERS_MAX, Code, EventKind, Fault, Rendition, State, TimelineEntry, trace_of
from jobs.lanes import tenant_of
from jobs.leases import count_of
from jobs.limits import TIMELINE_MAX
from jobs.records import (
    LANE_CHARACTERS_MAX,
    LOCAL,
    BatchEntry,
    GrantEntry,
    KeyEntry,
    PurgedEntry,
    Records,
    TenantEntry,
)
from jobs.retry import Again, End
from jobs.tenants import running_max_of
from jobs.webhooks.events import of_job, of_rendition
from jobs.wire import (
    Abandon,
    Ack,
    Assign,
    Change,
    Fetch,
    LeaseRef,
    Recall,
    Settled,
    ToWorker,
)

DELAYED, REQUEUED, ENDED_EVENT = EventKind.DELAYED.value, EventKind.REQUEUED.value, EventKind.ENDED.value
timeline_entry = partial(tuple.__new__, TimelineEntry)
"""Makes a TimelineEntry from its five values, at a third of the cost of a NamedTuple's call."""
Batched = Assign | Fetch | Recall | Abandon | Settled


class Books:
    """The whole state of one core. `entries`: every job in memory (queued in a window, delayed, running, or dirty)."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.service = Service()
        weights = {name: each.weight for name, each in policy.tenants.items() if each.weight != 1.0}
        self.backlog = Backlog(policy.window, self.service, weights)
        self.sources = Backlog(policy.window, Service(), weights)
        """The jobs that wait for a courier to fetch their originals."""
        self.stuck: object = None
        """What was so when no courier could take any of those (broker/core/strangers/fetches.py)."""
        self.holds = Holds([self.backlog.turns, self.sources.turns], running_max_of(policy.tenants))
        self.ages = Ages(policy.retention_seconds, policy.tenants)
        self.reserve = Reserve()
        self.roster = Roster(policy.prefetch_seconds)
        self.entries: dict[str, Entry] = {}
        self.orphans: dict[str, Entry] = {}
        """Running jobs whose worker has not said Ready since the broker's restart. They wait until `grace_until`."""
        self.grace_until = 0.0
        self.prefetched: dict[str, tuple[Entry, float]] = {}
        """Unstarted jobs that wait at a worker behind others, oldest first, with their time of assignment."""
        self.recalled: set[str] = set()
        self.quarantine = Quarantine()
        self.sweeps = Sweeps(policy.silence_seconds)
        self.deliveries = Deliveries()
        self.deadlines = Deadlines()
        self.batches_open = Batches()
        self.accepted, self.ended = Rate(), Rate()
        self.hours = Hours()
        self.accepted_ever = 0
        """Jobs since the broker's start. (`accepted` has requeues, too: they count for a rate.)"""
        self.figures = Figures() if policy.metrics else NoFigures()
        self.secrets = Secrets()
        self.change = self.change_sent = self.epoch = 0
        self.began, self.history = 0, ""
        """The last change number before this term; and what changes if the ledger may have lost commits."""
        self.nonce = 0
        """What each lease of this term carries (jobs/leases.py)."""
        self.paused = False
        self.durability = LOCAL
        self.expire_at = 0.0
        """When to look for jobs over the retention next."""
        self.trim_at = 0.0
        """When to look for actions that are too old next."""
        self.trusted_at = 0.0
        """From when on the wall clock is trusted again, after it was put forward."""
        self.offset_before = 0.0
        """What the offset was before that."""
        self.counts: Counter[str] = Counter()
        self.shares: dict[str, Share] = {}
        self.offset = 0.0
        self.clear()

    def clear(self) -> None:
        """Begin a turn, with nothing to write and nothing to send."""
        self.sweeps.clear()
        self.holds.clear()
        self.quarantine.clear()
        self.deliveries.clear()
        self.dirty: list[Entry] = []
        self.records = Records()
        self.fresh_ids: set[str] = set()
        self.fresh_keys: dict[bytes, KeyEntry] = {}
        self.fresh_grants: dict[str, GrantEntry] = {}
        self.fresh_batches: dict[str, tuple[BatchEntry, int]] = {}
        """As this turn has changed them, with the numbers of their jobs."""
        self.gone: set[str] = set()
        self.meta_changed = False
        self.counted: dict[str, Share] = {}
        """The tenants whose counts changed."""
        self.roster_changed = self.figures_due = False
        self.acks: dict[str, list[Ack]] = {}
        self.messages: dict[tuple[bytes, type[ToWorker]], ToWorker] = {}
        self.batches: dict[tuple[bytes, type[Batched]], list[Any]] = {}
        self.changes: list[Change] = []
        self.lost: list[LostLease] = []
        self.expire: Expire | None = None
        self.find_overdue: FindOverdue | None = None
        self.find_batches: FindBatches | None = None
        self.forget_actions: float | None = None

    def believed_at(self, now: float) -> float:
        """The wall time, as it was before the clock was put forward while that is not trusted yet."""
        return now + (self.offset if now >= self.trusted_at else min(self.offset, self.offset_before))

    def touch(self, entry: Entry) -> None:
        """The job changed: it gets the next change number, and is written at the end of this turn (once)."""
        self.change += 1
        entry.change = self.change
        if not entry.dirty:
            entry.dirty = True
            self.dirty.append(entry)
            self.entries[entry.id] = entry

    def log(self, entry: Entry, event: str, now: float, detail: str | None = None) -> None:
        """Something happened to the job: add a line to its timeline, and count a change. A full timeline drops its
        second line, so that the first one (accepted) stays."""
        holder = entry.holder
        timeline = entry.outcome.timeline
        timeline.append(
            timeline_entry((now + self.offset, event, count_of(entry.lease), holder.name if holder else None, detail))
        )
        if len(timeline) > TIMELINE_MAX:
            del timeline[1]
        self.touch(entry)

    def move(self, entry: Entry, state: State) -> None:
        """Change a job's state, and the counts with it."""
        counts, before = self.counts, entry.state
        entry.move(state)
        counts[before] -= 1
        counts[state] += 1
        if entry.tenant:
            counts = self.share_counted(entry.tenant).counts
            counts[before] -= 1
            counts[state] += 1
            if entry.tenant in self.holds.running_max:
                self.holds.ran(entry.tenant, counts[State.RUNNING])

    def share(self, tenant: str) -> Share:
        """The tenant's counts. They are created when first asked for."""
        share = self.shares.get(tenant)
        if share is None:
            share = self.shares[tenant] = Share()
        return share

    def restore_share(self, entry: TenantEntry) -> None:
        """Take in a tenant's counts from the ledger. An earlier version accepted names too long for a message: these
        are cut, here and in their jobs, and the counts move to the cut name."""
        name = entry.tenant[:TEXT_CHARACTERS_MAX]
        if name == entry.tenant:
            self.share(name).counts.update(entry.counts)
        elif any(entry.counts.values()):
            self.share_counted(name).counts.update(entry.counts)
            self.records.tenants.append(TenantEntry(entry.tenant, {}))

    def restore_holds(self, paused: list[str]) -> None:
        """Begin with these tenants paused, and with as many jobs running as the counts say."""
        self.holds.restore(paused)
        for tenant in self.holds.running_max:
            self.holds.ran(tenant, self.shares[tenant].counts[State.RUNNING] if tenant in self.shares else 0)

    def share_counted(self, tenant: str) -> Share:
        """The tenant's counts, which are about to change: they are written at the end of this turn."""
        share = self.counted[tenant] = self.share(tenant)
        return share

    def count(self, entry: Entry, by: int) -> None:
        """Add `by` to the counts of the job's state, in total and for its tenant."""
        self.counts[entry.state] += by
        if entry.tenant:
            self.share_counted(entry.tenant).counts[entry.state] += by

    def release(self, entry: Entry) -> None:
        """The job's lease is over. If it was not begun, its tenant's charge is taken back."""
        self.prefetched.pop(entry.id, None)
        self.recalled.discard(entry.id)
        if entry.seconds and entry.started_at is None:
            self.backlog.turns.correct(tenant_of(entry.lane), -entry.seconds)
        self.roster.release(entry)
        entry.started_at = None

    def backlog_of(self, entry: Entry) -> Backlog:
        """Where the job waits: for a worker, or for a courier."""
        return self.sources if entry.is_fetch else self.backlog

    def requeue_head(self, entry: Entry) -> None:
        """A running or delayed job waits again, first in its lane."""
        self.move(entry, State.QUEUED)
        entry.due_at = None
        self.mind_deadline(entry)
        self.backlog_of(entry).push_back(entry)

    def end(self, entry: Entry, state: State, now: float, fault: Fault | None = None) -> None:
        """The job ends."""
        code, at = fault.code if fault else None, now + self.offset
        self.log(entry, ENDED_EVENT, now, code)
        accepted_at = entry.accepted_at if entry.position == entry.seq else inf  # a requeued job waited for its user
        self.hours.ended(entry.id, entry.tenant, state._value_, code, accepted_at, entry.started_at, at)
        self.release(entry)
        self.move(entry, state)
        entry.ended_at = at
        entry.due_at = None
        if fault is not None:
            entry.outcome.error = fault
            entry.code = fault.code
        if entry.outcome.hooks is not None:
            self.tell(entry)
        self.ended.add(now)
        if state is not State.DONE:  # these are counted with what they cost
            self.figures.ended(state._value_, fault.code if fault else None)
        if entry.batch is not None:
            self.batches_open.unsure[entry.batch] = None
        if entry.tenant:
            self.share(entry.tenant).ended.add(now)

    def mind_deadline(self, entry: Entry) -> None:
        """The job waits from now on. If it has a deadline, that may be the first one."""
        if (expires_at := entry.outcome.expires_at) is not None:
            self.deadlines.came(expires_at)

    def end_if_late(self, entry: Entry, now: float) -> bool:
        """End a waiting job if its deadline has passed. Returns whether it has. A job that was begun has none, except
        if it was given back. A fetch begins nothing. A requeue takes the deadline away."""
        at = entry.outcome.expires_at
        if at is None or at > now + self.offset or entry.attempts:
            return False
        if entry.windowed:
            self.backlog_of(entry).remove(entry)
        fault = Fault(Code.EXPIRED.value, f"it was not begun within {at - entry.accepted_at:g} s")
        self.end(entry, State.FAILED, now, fault)
        return True

    def tell(self, entry: Entry) -> None:
        """The job has ended, and somebody asked to be told."""
        hooks, at = entry.outcome.hooks, entry.ended_at
        assert hooks is not None and at is not None
        type_, body = of_job(
            entry.id, entry.state, entry.spec, entry.outcome,
            batch=entry.batch, change=entry.change, base=hooks.base, at=at,
        )  # fmt: skip
        self._deliver(entry, hooks.urls, type_, body, at)

    def tell_rendition(self, entry: Entry, rendition: Rendition, now: float) -> None:
        """A rendition was published, and somebody asked to be told."""
        hooks, at = entry.outcome.hooks, now + self.offset
        assert hooks is not None
        type_, body = of_rendition(
            entry.id, rendition, entry.spec, batch=entry.batch, change=entry.change, base=hooks.base, at=at
        )
        self._deliver(entry, hooks.urls, type_, body, at)

    def _deliver(self, entry: Entry, urls: tuple[str, ...], type_: EventType, body: bytes, at: float) -> None:
        self.deliveries.tell(
            entry.tenant, urls, type_.value, body, entry.change, at,
            job=entry.id, batch=entry.batch, trace=trace_of(entry.spec),
        )  # fmt: skip

    def follow(self, entry: Entry, verdict: Again | End, now: float, detail: str) -> None:
        """Carry out the retry policy's verdict on a running job whose lease is over."""
        if entry.outcome.cancel_requested:
            return self.cancel(entry, now)
        if isinstance(verdict, End):
            if verdict.quarantine:
                engine = entry.holder.engine if entry.holder is not None else ""
                self.quarantine.add(entry.content, engine, now + self.offset)
            return self.end(entry, verdict.state, now, Fault(verdict.code.value, detail))
        self.release(entry)
        if verdict.delay_seconds <= 0.0:
            return self.requeue_head(entry)
        self.move(entry, State.DELAYED)
        self.mind_deadline(entry)
        entry.due_at = now + self.offset + verdict.delay_seconds
        self.log(entry, DELAYED, now, f"{verdict.delay_seconds:.1f} s")
        self.backlog.delay(entry, now + verdict.delay_seconds)

    def cancel(self, entry: Entry, now: float) -> None:
        """The job ends cancelled."""
        self.end(entry, State.CANCELLED, now, Fault(Code.CANCELLED.value, "cancelled on request"))

    def settle(self, peer: bytes, job: str, lease: int) -> None:
        """Tell the worker, after the commit, that it may forget the lease."""
        self.batch(peer, Settled, LeaseRef(job, lease))

    def batch(self, peer: bytes, kind: "type[Batched]", item: Any) -> None:
        """Add an item to the message of this type that the worker gets after the commit."""
        key = (peer, kind)
        items = self.batches.get(key)
        if items is None:
            self.batches[key] = [item]
        else:
            items.append(item)

    def send(self, peer: bytes, message: ToWorker) -> None:
        """Send this after the commit. It replaces an earlier message of its type to this worker."""
        self.messages[peer, type(message)] = message

    def ack(self, web: str, ack: Ack) -> None:
        """Answer a request once this turn is committed."""
        self.acks.setdefault(web, []).append(ack)

    def record_service_time(self, entry: Entry, now: float) -> None:
        """The job's worker is done with it, with any result: measure the time that it took."""
        worker = entry.holder
        if worker is not None:
            self.service.took(entry.lane, max(0.0, now - worker.busy_since))
            self.spent(entry, worker, now)

    def spent(self, entry: Entry, worker: Worker, now: float) -> None:
        """The worker works on this job no more: charge the tenant the real time."""
        seconds = now - worker.busy_since
        if seconds < LEAST_SECONDS:
            seconds = LEAST_SECONDS
        self.backlog.turns.correct(tenant_of(entry.lane), seconds - entry.seconds)
        self.roster.known(worker, entry)
        worker.busy_since = now
        worker.late = False

    def remove(self, entry: Entry, now: float) -> None:
        """Purge an ended job: its row is removed, its id is remembered, its blobs are to be swept."""
        assert entry.state in ENDED
        self.touch(entry)
        self.count(entry, -1)
        self.records.removed.append(entry.seq)
        self.records.purged.append(PurgedEntry(entry.id, now + self.offset))
        if entry.outcome.hooks is not None:
            self.records.untold.append(entry.id)
        self.gone.add(entry.id)
        self.sweeps.add(entry.id, (original_name(entry.id), *(r.blob for r in entry.outcome.renditions)))

    def change_of(self, entry: Entry, rendition: Rendition | None = None, facts: bytes = b"") -> Change:
        """The job's newest change, as web gets it."""
        error = entry.outcome.error
        waits = entry.started_at is None and entry.ended_at is None and len(entry.lane.name) <= LANE_CHARACTERS_MAX
        return Change(
            entry.change, entry.id, entry.tenant, entry.state._value_, entry.attempts,
            error.code if error else None, error.detail if error else None, rendition, entry.id in self.gone,
            entry.lane if waits else None, entry.position if waits else 0, facts,
        )  # fmt: skip

    def sends(self) -> list[tuple[bytes, ToWorker]]:
        """All messages for the workers: at most one of each type for each worker, Assign first among the batches."""
        batched = [(peer, kind(items)) for (peer, kind), items in self.batches.items()]
        batched.sort(key=lambda send: type(send[1]) is not Assign)
        return [(peer, message) for (peer, _), message in self.messages.items()] + batched


def plain(counts: "Counter[str]") -> dict[str, int]:
    """The counts with plain texts as keys, as the ledger and the wire have them."""
    return {str(state): count for state, count in counts.items()}
