"""All that the core knows, and the few ways in which a job's state changes.

Owns the change numbers, the counts per state and what is still to be written or sent. The files
beside it (answers, commands, dispatcher) decide; this one keeps the books.
"""

from collections import Counter, OrderedDict
from functools import partial
from typing import Any

from broker.core.books.backlog import Backlog
from broker.core.books.events import Expire, Policy
from broker.core.books.model import Entry, Worker
from broker.core.books.rates import Rate, Share
from broker.core.books.reserve import Reserve
from broker.core.books.roster import Roster
from broker.core.books.service import LEAST_SECONDS, Service
from broker.core.books.sweeps import Sweeps
from jobs.ids import original_name
from jobs.job import ENDED, TEXT_CHARACTERS_MAX, Code, Fault, Happening, Moment, Rendition, State
from jobs.lanes import tenant_of
from jobs.limits import QUARANTINE_MAX, QUARANTINE_SECONDS, TIMELINE_MAX
from jobs.records import (
    LANE_CHARACTERS_MAX,
    GrantEntry,
    KeyEntry,
    PurgedEntry,
    QuarantineEntry,
    Records,
    TenantEntry,
)
from jobs.retry import Again, End
from jobs.wire import (
    Abandon,
    Ack,
    Assign,
    Change,
    LeaseRef,
    Recall,
    Settled,
    ToWorker,
)

DELAYED, REQUEUED, ENDED_EVENT = Happening.DELAYED.value, Happening.REQUEUED.value, Happening.ENDED.value
RELEASED_PER_BEAT = 1000
moment = partial(tuple.__new__, Moment)
"""A Moment of its five values: a third of what the call of a NamedTuple costs."""
Batched = Assign | Recall | Abandon | Settled


class Books:
    """The books. `entries`: every job in memory (queued in a window, delayed, running, or dirty)."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.service = Service()
        self.backlog = Backlog(policy.window, self.service)
        self.reserve = Reserve()
        self.roster = Roster(policy.prefetch_seconds)
        self.entries: dict[str, Entry] = {}
        self.orphans: dict[str, Entry] = {}
        """Running jobs whose holder has not said Ready since the restart, until `grace_until`."""
        self.grace_until = 0.0
        self.prefetched: dict[str, tuple[Entry, float]] = {}
        """Unstarted leases behind other work, oldest first, with their time of assignment."""
        self.recalled: set[str] = set()
        self.quarantine: OrderedDict[bytes, QuarantineEntry] = OrderedDict()
        """By content, the oldest first."""
        self.sweeps = Sweeps(policy.silence_seconds)
        self.accepted, self.ended = Rate(), Rate()
        self.change = self.change_sent = self.epoch = 0
        self.paused = False
        self.expire_at = 0.0
        """When to look for jobs that are too old next."""
        self.trusted_at = 0.0
        """From when on the wall clock is believed: it was put forward."""
        self.counts: Counter[str] = Counter()
        self.shares: dict[str, Share] = {}
        self.offset = 0.0
        self.clear()

    def clear(self) -> None:
        """Begin a turn: nothing to write, nothing to send."""
        self.sweeps.clear()
        self.dirty: list[Entry] = []
        self.records = Records()
        self.fresh_ids: set[str] = set()
        self.fresh_keys: dict[bytes, KeyEntry] = {}
        self.fresh_grants: dict[str, GrantEntry] = {}
        self.gone: set[str] = set()
        self.meta_changed = False
        self.counted: dict[str, Share] = {}
        """The tenants whose counts changed."""
        self.roster_changed = False
        self.acks: dict[str, list[Ack]] = {}
        self.messages: dict[tuple[bytes, type[ToWorker]], ToWorker] = {}
        self.batches: dict[tuple[bytes, type[Batched]], list[Any]] = {}
        self.changes: list[Change] = []
        self.expire: Expire | None = None

    def touch(self, entry: Entry) -> None:
        """The job changed: it gets the next change number and will be written once this turn."""
        self.change += 1
        entry.change = self.change
        if not entry.dirty:
            entry.dirty = True
            self.dirty.append(entry)
            self.entries[entry.id] = entry

    def log(self, entry: Entry, event: str, now: float, detail: str | None = None) -> None:
        """Something happened to the job: a change and a line of its timeline, of which the first stays and the
        oldest others go."""
        holder = entry.holder
        timeline = entry.outcome.timeline
        timeline.append(moment((now + self.offset, event, entry.lease, holder.name if holder else None, detail)))
        if len(timeline) > TIMELINE_MAX:
            del timeline[1]
        self.touch(entry)

    def move(self, entry: Entry, state: State) -> None:
        """Change a job's state, keeping the counts."""
        counts, before = self.counts, entry.state
        entry.move(state)
        counts[before] -= 1
        counts[state] += 1
        if entry.tenant:
            counts = self.share_counted(entry.tenant).counts
            counts[before] -= 1
            counts[state] += 1

    def share(self, tenant: str) -> Share:
        """The tenant's part of the books, begun by his first job."""
        share = self.shares.get(tenant)
        if share is None:
            share = self.shares[tenant] = Share()
        return share

    def restore_share(self, entry: TenantEntry) -> None:
        """The counts of a tenant in the ledger. An earlier version took names that no message can tell: those
        are cut now, and so are their jobs'. Their counts move to the cut name."""
        name = entry.tenant[:TEXT_CHARACTERS_MAX]
        if name == entry.tenant:
            self.share(name).counts.update(entry.counts)
        elif any(entry.counts.values()):
            self.share_counted(name).counts.update(entry.counts)
            self.records.tenants.append(TenantEntry(entry.tenant, {}))

    def share_counted(self, tenant: str) -> Share:
        """The same, whose counts are about to change."""
        share = self.counted[tenant] = self.share(tenant)
        return share

    def count(self, entry: Entry, by: int) -> None:
        """A job more, or less, in the state that it is in: of all, and of its tenant."""
        self.counts[entry.state] += by
        if entry.tenant:
            self.share_counted(entry.tenant).counts[entry.state] += by

    def release(self, entry: Entry) -> None:
        """The job's lease is over. What was not begun cost its tenant nothing."""
        self.prefetched.pop(entry.id, None)
        self.recalled.discard(entry.id)
        if entry.seconds and entry.started_at is None:
            self.backlog.turns.correct(tenant_of(entry.lane), -entry.seconds)
        self.roster.release(entry)
        entry.started_at = None

    def requeue_head(self, entry: Entry) -> None:
        """A running or delayed job waits again, first in its lane."""
        self.move(entry, State.QUEUED)
        entry.due_at = None
        self.backlog.push_back(entry)

    def end(self, entry: Entry, state: State, now: float, fault: Fault | None = None) -> None:
        """The job ends."""
        self.log(entry, ENDED_EVENT, now, fault.code if fault else None)
        self.release(entry)
        self.move(entry, state)
        entry.ended_at = now + self.offset
        entry.due_at = None
        if fault is not None:
            entry.outcome.error = fault
            entry.code = fault.code
        self.ended.add(now)
        if entry.tenant:
            self.share(entry.tenant).ended.add(now)

    def follow(self, entry: Entry, verdict: Again | End, now: float, detail: str) -> None:
        """Do what the retry policy says about a running job whose lease is over."""
        if entry.outcome.cancel_requested:
            return self.cancel(entry, now)
        if isinstance(verdict, End):
            if verdict.quarantine:
                self._quarantine(entry, now)
            return self.end(entry, verdict.state, now, Fault(verdict.code.value, detail))
        self.release(entry)
        if verdict.delay_seconds <= 0.0:
            return self.requeue_head(entry)
        self.move(entry, State.DELAYED)
        entry.due_at = now + self.offset + verdict.delay_seconds
        self.log(entry, DELAYED, now, f"{verdict.delay_seconds:.1f} s")
        self.backlog.delay(entry, now + verdict.delay_seconds)

    def _quarantine(self, entry: Entry, now: float) -> None:
        """Its content killed two decoders of its worker's engine."""
        engine = entry.holder.engine if entry.holder is not None else ""
        self.quarantine.pop(entry.content, None)
        if entry.content in self.records.released:  # earlier in this turn, and what is released is written last
            self.records.released.remove(entry.content)
        self.quarantine[entry.content] = known = QuarantineEntry(entry.content, engine, now + self.offset)
        self.records.quarantined.append(known)
        if len(self.quarantine) > QUARANTINE_MAX:
            self.release_quarantine(next(iter(self.quarantine)))

    def is_quarantined(self, content: bytes) -> bool:
        """Whether whoever is here to work on it has the engine that it killed. Nobody knows that of nobody."""
        known = self.quarantine.get(content)
        return known is not None and self.roster.engines.keys() == {known.engine}

    def release_quarantine(self, content: bytes) -> None:
        """It may be tried again."""
        if self.quarantine.pop(content, None) is not None:
            self.records.released.append(content)

    def age_quarantine(self, now: float) -> None:
        """What is in quarantine for too long goes, some of it at each beat; not by a clock that is not trusted."""
        while now >= self.trusted_at and self.quarantine and len(self.records.released) < RELEASED_PER_BEAT:
            content, oldest = next(iter(self.quarantine.items()))
            if oldest.at > now + self.offset - QUARANTINE_SECONDS:
                return
            self.release_quarantine(content)

    def cancel(self, entry: Entry, now: float) -> None:
        """The job ends cancelled."""
        self.end(entry, State.CANCELLED, now, Fault(Code.CANCELLED.value, "cancelled on request"))

    def settle(self, peer: bytes, job: str, lease: int) -> None:
        """Tell the worker, once this turn is committed, that it may forget the lease."""
        self.batch(peer, Settled, LeaseRef(job, lease))

    def batch(self, peer: bytes, kind: "type[Batched]", item: Any) -> None:
        """Add to the one message of this kind that goes to the worker once this turn is committed."""
        key = (peer, kind)
        items = self.batches.get(key)
        if items is None:
            self.batches[key] = [item]
        else:
            items.append(item)

    def send(self, peer: bytes, message: ToWorker) -> None:
        """Send this once this turn is committed: the last of its type."""
        self.messages[peer, type(message)] = message

    def ack(self, web: str, ack: Ack) -> None:
        """Answer a request once this turn is committed."""
        self.acks.setdefault(web, []).append(ack)

    def served(self, entry: Entry, now: float) -> None:
        """Its worker is done with the job, however it went."""
        worker = entry.holder
        if worker is not None:
            self.service.took(entry.lane, max(0.0, now - worker.busy_since))
            self.spent(entry, worker, now)

    def spent(self, entry: Entry, worker: Worker, now: float) -> None:
        """The worker is at this job no more: its tenant has had that time."""
        seconds = now - worker.busy_since
        if seconds < LEAST_SECONDS:
            seconds = LEAST_SECONDS
        self.backlog.turns.correct(tenant_of(entry.lane), seconds - entry.seconds)
        self.roster.known(worker, entry)
        worker.busy_since = now
        worker.late = False

    def remove(self, entry: Entry, now: float) -> None:
        """Purge an ended job: its row goes, its id stays behind, its names are to be swept."""
        assert entry.state in ENDED
        self.touch(entry)
        self.count(entry, -1)
        self.records.removed.append(entry.seq)
        self.records.purged.append(PurgedEntry(entry.id, now + self.offset))
        self.gone.add(entry.id)
        self.sweeps.add(entry.id, (original_name(entry.id), *(r.blob for r in entry.outcome.renditions)))

    def change_of(self, entry: Entry, rendition: Rendition | None = None) -> Change:
        """The job's newest change as web hears it."""
        error = entry.outcome.error
        waits = entry.started_at is None and entry.ended_at is None and len(entry.lane.name) <= LANE_CHARACTERS_MAX
        return Change(
            entry.change, entry.id, entry.tenant, entry.state._value_, entry.attempts,
            error.code if error else None, error.detail if error else None, rendition, entry.id in self.gone,
            entry.lane if waits else None, entry.position if waits else 0,
        )  # fmt: skip

    def sends(self) -> list[tuple[bytes, ToWorker]]:
        """Everything for the workers: at most one message of a type each, new work first."""
        batched = [(peer, kind(items)) for (peer, kind), items in self.batches.items()]
        batched.sort(key=lambda send: type(send[1]) is not Assign)
        return [(peer, message) for (peer, _), message in self.messages.items()] + batched


def plain(counts: "Counter[str]") -> dict[str, int]:
    return {str(state): count for state, count in counts.items()}
