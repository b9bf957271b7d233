"""The dispatch core under everything at once: a hypothesis machine against model.py.

After every step the ledger's rows, the core's books and the model say the same of every job; each
Assign is lawful; answers that come too late have no effect at all; and once faults stop, every job ends.
"""

import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.core.snapshot import from_snapshot, snapshot
from jobs import wire
from jobs.errors import LedgerFailed
from jobs.job import Hooks, Rendition, State
from jobs.leases import count_of
from jobs.records import Where
from jobs.tenants import TenantLimits
from jobs.wire import (
    Failed,
    Failure,
    Finish,
    Finished,
    Held,
    LeaseRef,
    Publication,
    Published,
    Returned,
    Start,
    Started,
)
from stores.ledger.memory import MemoryLedger
from tests.properties.harness import OFFSET, DispatcherHarness, Done, new_job, ready, refs
from tests.properties.model import ATTEMPTS_MAX, ENDED, TENANTS, WAITING, Batch, Job, Model, original, tenant_of

WINDOW = 3
SILENCE = 5.0
CODES = (
    "undecodable", "original_missing", "memory_over_limit", "decoder_crashed", "decoder_lost", "store_error",
    "store_error", "decoder_lost", "cancelled",
)  # fmt: skip
SIZES: dict[str, dict[str, float]] = {"small": {}, "large": {"cost_ms": 900.0}, "heavy": {"cost_ms": 5_000.0}}
PICK = st.integers(0, 1_000_000)
ROUNDED = 1e-6
"""Seconds: the core judges deadlines by wall time, whose floats are that coarse."""


@dataclass
class SimulatedWorker:
    """A worker as it is: `holding` is what it believes, job -> (lease, begun). `known`: this broker welcomed it."""

    name: str
    peer: bytes
    capacity: int
    known: bool = False
    draining: bool = False
    mute: bool = False
    last_seen: float = 0.0
    holding: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def listed(self) -> tuple[Held, ...]:
        return tuple(Held(job, lease, begun) for job, (lease, begun) in self.holding.items())


class CoreMachine(RuleBasedStateMachine):
    harness_kind = DispatcherHarness

    @initialize(
        capacity=st.integers(1, 3),
        retention=st.sampled_from([0.0, 2.0]),
        prefetch=st.sampled_from([1e6, 1e6, 0.0]),
        limits=st.dictionaries(st.sampled_from(TENANTS), st.integers(1, 2), max_size=2),
    )
    def begin(self, capacity: int, retention: float, prefetch: float, limits: dict[str, int]) -> None:
        self.harness = DispatcherHarness(
            window=WINDOW, attempts_max=ATTEMPTS_MAX, silence_seconds=SILENCE, queued_max=14,
            orphan_seconds=10.0, retention_seconds=retention, prefetch_seconds=prefetch,
            tenants={name: TenantLimits(running_max=most, weight=float(most)) for name, most in limits.items()},
        )  # fmt: skip
        self.model = Model(running_max=limits)
        self.safe = copy.deepcopy(self.model)
        self.workers: list[SimulatedWorker] = []
        self.issued: list[tuple[str, int]] = []
        self.posts: list[tuple[wire.NewJob, ...]] = []
        self.heavy: set[str] = set()
        self.light: set[str] = set()
        """The heavy jobs; and the tenants that had others."""
        self.names = 0
        self.kept: list[tuple[MemoryLedger, Model]] = []
        """Back-ups of the ledger, and what was so then."""
        self.breaking: str | None = None
        self.epoch_at = self.harness.now
        self.commit()
        self.join(capacity)

    # -- how a step is carried out

    def commit(self, tick: bool = False) -> Done | None:
        """A turn of the broker; where its commit fails, the next broker starts. None then."""
        if tick:
            self.expect_tick(self.harness.now + 0.001)
        self.harness.ledger._fail_next = self.breaking
        commits = self.harness.ledger.commits
        try:
            done = self.harness.turn(tick)
        except LedgerFailed:
            self.crashed(kept=self.breaking == "kept", first=self.harness.ledger.commits == commits)
            return None
        self.follow([send for effects in self.harness.last for send in effects.sends])
        self.expire_unbegun(due=tick)
        self.expire(due=tick)
        self.model.end_batches()
        self.deliver(done)
        self.safe = copy.deepcopy(self.model)
        return done

    def crashed(self, kept: bool, first: bool) -> None:
        assert first, "only the first commit of a turn was to fail"
        self.breaking = None
        if kept:
            self.follow(self.harness.last[-1].sends)
            self.expire_unbegun(due=False)
            self.expire(due=False)
            self.safe = copy.deepcopy(self.model)
        self.restart()

    def restart(self) -> None:
        """The broker is gone without a word; another starts on what is committed."""
        self.model = copy.deepcopy(self.safe)
        self.harness.start()
        self.epoch_at = self.harness.now
        for job in self.model.jobs.values():
            job.orphan = job.state == "running"
        for worker in self.workers:
            worker.known = False
        self.commit()

    @precondition(lambda self: len(self.kept) < 3)
    @rule()
    def back_up(self) -> None:
        self.kept.append((copy.deepcopy(self.harness.ledger), copy.deepcopy(self.safe)))

    @precondition(lambda self: self.kept)
    @rule(pick=PICK)
    def put_back(self, pick: int) -> None:
        """An older ledger is put back. Workers still hold what they were given since, and their answers are under way.
        The next broker's leases are of another term."""
        ledger, self.safe = copy.deepcopy(self.kept[pick % len(self.kept)])
        ledger.nonce = self.harness.ledger.nonce + 1
        ledger.meta.epoch = self.harness.ledger.meta.epoch
        self.harness.ledger = ledger
        self.breaking = None
        self.restart()

    def follow(self, sends: list[tuple[bytes, Any]]) -> None:
        """Judge what was given out, and take it over into the model."""
        assert max(Counter((peer, type(message)) for peer, message in sends).values(), default=0) <= len(
            self.harness.last
        )
        for peer, message in sends:
            if isinstance(message, wire.Assign):
                worker = self.worker(peer)
                assert not worker.draining, "a draining worker is given a job"
                for one in message.jobs:
                    assert (one.job, one.lease) not in self.issued, "a lease number serves twice"
                    job = self.model.jobs[one.job]
                    beside = [
                        other for other in self.model.jobs.values() if other.holder == worker.name and not other.orphan
                    ]
                    assert len(beside) < worker.capacity, "more than its capacity"
                    assert not (beside and one.alone), "to run alone, behind another"
                    assert not any(other.alone for other in beside), "behind one that runs alone"
                    assert not (beside and job.large), "a large one is prefetched"
                    assert not any(other.large for other in beside), "prefetched behind a large one"
                    assert not job.is_overdue(self.harness.now - ROUNDED), f"{job.id} is given out after its deadline"
                    self.model.assigned(job, one.lease, worker.name, one.alone)
                    assert one.memory_bytes == (1 << 30) * (2 if job.memory_tries else 1)

    def expire(self, due: bool) -> None:
        """Retention took what it took: only what is old enough, and, after a tick, all that is a beat older."""
        policy = self.harness.policy
        oldest = OFFSET + self.harness.now - policy.retention_seconds
        for job in list(self.model.jobs.values()):
            row = self.harness.ledger.job(job.id)
            if row is None and job.ended_at is not None:
                assert policy.retention_seconds and job.ended_at < oldest, f"{job.id} went too early"
                assert self.model.purge(job) is None
            elif row is not None:
                job.ended_at = row.ended_at
                late = due and policy.retention_seconds and (row.ended_at or oldest) < oldest - policy.beat_seconds
                assert not late, f"{job.id} is too old"

    def expire_unbegun(self, due: bool) -> None:
        """Deadlines took what they took: only what is overdue, and, after a tick, all that is some time overdue, and
        waits for some time: what comes back from a lost worker is looked at within 0.1 s."""
        for job in self.model.jobs.values():
            row = self.harness.ledger.job(job.id)
            if row is None:
                continue
            if row.code == "expired" and job.state in WAITING:
                assert job.is_overdue(self.harness.now + ROUNDED), f"{job.id} expired too early"
                job.end("failed", "expired")
            if job.state not in WAITING:
                job.waits_at = None
            elif job.waits_at is None:
                job.waits_at = self.harness.now
            waited = job.waits_at is not None and self.harness.now - job.waits_at >= 0.2
            assert not (due and waited and job.is_overdue(self.harness.now - 0.2)), f"{job.id} is overdue"

    def deliver(self, done: Done) -> None:
        """The workers hear what was sent to them."""
        for peer, message in done.sends:
            worker = next((worker for worker in self.workers if worker.peer == peer), None)
            if worker is None:
                continue
            if isinstance(message, wire.Assign):
                worker.holding.update((one.job, (one.lease, False)) for one in message.jobs)
                self.issued += refs(message)
            elif isinstance(message, wire.Settled):
                for job, lease in refs(message):
                    if worker.holding.get(job, (0, False))[0] == lease:
                        del worker.holding[job]
            elif isinstance(message, wire.Abandon):
                assert all(self.model.jobs[job].cancelling for job, _ in refs(message))

    def say(self, worker: SimulatedWorker, *messages: Any) -> Done | None:
        worker.last_seen = self.harness.now
        self.harness.receive(worker.peer, *messages)
        return self.commit()

    def worker(self, peer: bytes) -> SimulatedWorker:
        (found,) = [worker for worker in self.workers if worker.peer == peer]
        return found

    def fresh(self) -> str:
        self.names += 1
        return f"{self.names:04}"

    def live(self) -> list[tuple[SimulatedWorker, Job]]:
        """Every lease that its holder and the broker agree on."""
        return [
            (worker, self.model.jobs[job])
            for worker in self.workers
            if worker.known
            for job, (lease, _) in worker.holding.items()
            if job in self.model.jobs and self.holds(worker, job, lease)
        ]

    def holds(self, worker: SimulatedWorker, job: str, lease: int) -> bool:
        mine = self.model.jobs.get(job)
        return mine is not None and mine.holder == worker.name and mine.lease == lease and not mine.orphan

    def claims(self, worker: SimulatedWorker) -> None:
        """A worker that the broker had not heard of since its start names its leases."""
        for job, (lease, _) in worker.holding.items():
            mine = self.model.jobs.get(job)
            if mine is not None and mine.holder == worker.name and mine.lease == lease:
                mine.orphan = False

    def some(self, pick: int) -> tuple[SimulatedWorker, Job]:
        live = self.live()
        return live[pick % len(live)]

    def gone(self, worker: SimulatedWorker) -> None:
        """The broker is to lose this worker: its leases end."""
        worker.known = False
        for job in self.model.jobs.values():
            if job.holder == worker.name and not job.orphan:
                self.model.lose(job)

    def expect_tick(self, now: float) -> None:
        """What the passing of time is to do: silence, the end of grace; delays are judged by the rows."""
        for worker in self.workers:
            if worker.known and worker.last_seen < now - SILENCE:
                self.gone(worker)
        if now >= self.epoch_at + self.harness.policy.grace_seconds:
            for job in self.model.jobs.values():
                if job.orphan:
                    self.model.lose(job)
        for job in self.model.jobs.values():
            row = self.harness.ledger.job(job.id)
            if job.state == "delayed" and row and row.state == "delayed" and (row.due_at or 0.0) - OFFSET <= now:
                job.wait()

    # -- web

    @rule(
        count=st.integers(1, 4),
        priority=st.integers(0, 1),
        size=st.sampled_from(sorted(SIZES)),
        content=st.integers(0, 4),
        expires_in=st.sampled_from([None, None, 0.05, 2.0]),
    )
    def post(self, count: int, priority: int, size: str, content: int, expires_in: float | None) -> None:
        names = [self.fresh() for _ in range(count)]
        jobs = tuple(
            new_job(name, priority=priority, content=bytes([content]), tenant=tenant_of([content]), **SIZES[size])
            for name in names
        )
        waiting = sum(job.state in ("queued", "delayed") for job in self.model.jobs.values())
        self.harness.submit(*jobs, expires_in=expires_in)
        at = None if expires_in is None else self.harness.now + expires_in
        if waiting + count <= 14:
            self.heavy |= set(names) if size == "heavy" else set()
            self.light |= set() if size == "heavy" else {jobs[0].tenant}
            for job in jobs:
                self.model.accept(
                    job.id, job.content, size != "small", engine=any(worker.known for worker in self.workers)
                )
                self.model.jobs[job.id].deadline = at
        done = self.commit()
        if done is not None:
            due = wire.COMMITTED if waiting + count <= 14 else wire.REFUSED
            assert [ack.outcome for ack in done.acks] == [due]
            if due == wire.COMMITTED:
                self.posts.append(jobs)

    @precondition(lambda self: len(self.model.batches) < 5)
    @rule(tenant=st.sampled_from(TENANTS))
    def open_batch(self, tenant: str) -> None:
        name = "b" + self.fresh()
        self.model.batches[name] = Batch(tenant)
        self.harness.order(wire.OpenBatch("web", "b", name, tenant, Hooks(("https://a.example/x",), "http://pix")))
        self.commit()

    @precondition(lambda self: self.model.batches)
    @rule(pick=PICK)
    def close_batch(self, pick: int) -> None:
        name, batch = [*self.model.batches.items()][pick % len(self.model.batches)]
        batch.open = False
        self.harness.order(wire.CloseBatch("web", "b", name))
        self.commit()

    @precondition(lambda self: self.model.batches)
    @rule(pick=PICK, count=st.integers(1, 3))
    def post_to_batch(self, pick: int, count: int) -> None:
        name, batch = [*self.model.batches.items()][pick % len(self.model.batches)]
        content = bytes([TENANTS.index(batch.tenant)])
        jobs = [new_job(self.fresh(), content=content, tenant=batch.tenant, batch=name) for _ in range(count)]
        waiting = sum(job.state in WAITING for job in self.model.jobs.values())
        due = wire.COMMITTED if batch.open and waiting + count <= 14 else wire.REFUSED
        self.harness.post(wire.SubmitToBatch("web", "r", OFFSET + self.harness.now, jobs))
        if due == wire.COMMITTED:
            self.light.add(batch.tenant)
            for job in jobs:
                self.model.accept(job.id, content, False, engine=any(worker.known for worker in self.workers))
                self.model.jobs[job.id].batch = name
        done = self.commit()
        assert done is None or [ack.outcome for ack in done.acks] == [due]

    @precondition(lambda self: len(self.model.batches) < 5 and not self.breaking)
    @rule(tenant=st.sampled_from(TENANTS), fault=st.sampled_from(["", "restart", "kept", "lost"]))
    def end_a_batch(self, tenant: str, fault: str) -> None:
        """The rare path: its jobs end after it was closed, maybe in another term, or with a commit that fails."""
        self.open_batch(tenant)
        last = len(self.model.batches) - 1
        self.post_to_batch(last, 2)
        self.close_batch(last)
        if fault == "restart":
            self.restart()
        for job in [job for job in self.model.jobs.values() if job.batch == [*self.model.batches][last]]:
            self.breaking = fault if fault in ("kept", "lost") else None
            if self.model.cancel(self.model.jobs[job.id]) is None:
                self.harness.order(wire.Cancel("web", "o", job.id))
            self.commit()

    @precondition(lambda self: self.posts)
    @rule(pick=PICK)
    def post_again(self, pick: int) -> None:
        jobs = self.posts[pick % len(self.posts)]
        if jobs[0].id in self.model.jobs:
            self.harness.submit(*jobs, age=1e6)
            done = self.harness.turn()
            assert (done.committed, [ack.outcome for ack in done.acks]) == (False, [wire.COMMITTED])

    @precondition(lambda self: self.model.jobs)
    @rule(pick=PICK, what=st.sampled_from(["cancel", "cancel", "requeue", "purge"]))
    def order(self, pick: int, what: str) -> None:
        job = list(self.model.jobs.values())[pick % len(self.model.jobs)]
        held = job.state == "running" and not job.orphan
        expected_abandon = what == "cancel" and held and not job.cancelling
        name, lease = job.id, job.lease
        self.model.under_way = set(self.harness.dispatcher.books.sweeps.sweeping)
        refusal = getattr(self.model, what)(job)
        kind = {"cancel": wire.Cancel, "requeue": wire.Requeue, "purge": wire.Purge}[what]
        self.harness.order(kind("web", "o", name))
        done = self.commit()
        if done is not None:
            assert [ack.code for ack in done.acks] == [refusal]
            abandoned = [ref for _, m in done.sends if isinstance(m, wire.Abandon) for ref in refs(m)]
            assert ((name, lease) in abandoned) == expected_abandon

    @precondition(lambda self: any(job.state in ("failed", "dead", "cancelled") for job in self.model.jobs.values()))
    @rule(pick=PICK, died=st.booleans(), goes_on=st.booleans())
    def requeue_twice(self, pick: int, died: bool, goes_on: bool) -> None:
        """Its acknowledgement died with a broker, so web says it again; the job may have run and ended meanwhile."""
        ended = [job for job in self.model.jobs.values() if job.state in ("failed", "dead", "cancelled")]
        job = ended[pick % len(ended)]
        message = wire.Requeue("web", "o", job.id, None, self.harness.row(job.id).change)
        self.model.under_way = set(self.harness.dispatcher.books.sweeps.sweeping)
        refusal = self.model.requeue(job)
        self.harness.order(message)
        if self.commit() is None or refusal is not None:
            return
        if died:
            self.restart()
        if goes_on:
            assert self.model.cancel(self.model.jobs[job.id]) is None
            self.harness.order(wire.Cancel("web", "c", job.id))
            self.commit()
        before = self.requeued(job.id)
        self.harness.order(message)
        done = self.commit()
        assert done is not None and [ack.code for ack in done.acks] == [None]
        assert self.requeued(job.id) == before, "a repeat had an effect"

    def requeued(self, job: str) -> int:
        return sum(entry.event == "requeued" for entry in self.harness.outcome(job).timeline)

    @rule(
        what=st.sampled_from(["cancel", "requeue", "purge"]), state=st.sampled_from(["queued", "dead", "failed", None])
    )
    def order_many(self, what: str, state: str | None) -> None:
        if self.breaking or (what == "cancel" and state is None):
            return
        self.model.under_way = set(self.harness.dispatcher.books.sweeps.sweeping)
        for job in list(self.model.jobs.values()):
            if state in (None, job.state):
                getattr(self.model, what)(job)
        self.harness.order(wire.Pause("web", "p"))
        kind = {"cancel": wire.Cancel, "requeue": wire.Requeue, "purge": wire.Purge}[what]
        self.harness.order(kind("web", "o", None, Where(state=state)))
        if not self.model.paused:
            self.harness.order(wire.Resume("web", "p"))
        self.commit()

    @rule()
    def pause_or_resume(self) -> None:
        self.model.paused = not self.model.paused
        self.harness.order((wire.Pause if self.model.paused else wire.Resume)("web", "p"))
        self.commit()

    @rule(tenant=st.sampled_from(TENANTS))
    def pause_or_resume_a_tenant(self, tenant: str) -> None:
        paused = self.model.paused_tenants
        self.harness.order((wire.Resume if tenant in paused else wire.Pause)("web", "p", tenant=tenant))
        paused ^= {tenant}
        self.commit()

    # -- workers come and go

    @rule(capacity=st.integers(1, 3))
    def join(self, capacity: int) -> None:
        if len(self.workers) < 4:
            name = "w" + self.fresh()
            self.workers.append(SimulatedWorker(name, name.encode(), capacity))
            self.introduce(self.workers[-1])

    @precondition(lambda self: self.workers)
    @rule(pick=PICK, noticed=st.booleans(), slip=st.sampled_from(["", "", "forgets", "behind"]))
    def reconnect(self, pick: int, noticed: bool, slip: str) -> None:
        """A worker says Ready anew; its last Assign may not have reached it, nor the Settled before."""
        worker = self.workers[pick % len(self.workers)]
        if noticed and worker.known:
            self.harness.lose(worker.peer)
            self.gone(worker)
            if self.commit() is None:
                return
        for job, (lease, begun) in list(worker.holding.items())[:1] if slip else []:
            if not begun:
                del worker.holding[job]
                if slip == "behind" and count_of(lease) > 1:
                    worker.holding[job] = (lease - 1, False)
        worker.peer = (worker.name + self.fresh()).encode()
        self.introduce(worker)

    def introduce(self, worker: SimulatedWorker) -> None:
        self.claims(worker)
        worker.known, worker.mute, worker.last_seen = True, False, self.harness.now
        for job, (lease, begun) in worker.holding.items():
            if begun and self.holds(worker, job, lease):
                self.model.start(self.model.jobs[job])
        for mine in self.model.jobs.values():
            if mine.holder == worker.name and worker.holding.get(mine.id, (0, 0))[0] != mine.lease:
                self.model.lose(mine)
        void = [(job, lease) for job, (lease, _) in worker.holding.items() if not self.holds(worker, job, lease)]
        self.harness.receive(worker.peer, ready(worker.name, worker.capacity, worker.listed(), worker.draining))
        done = self.commit()
        if done is not None:
            assert (worker.peer, wire.Welcome(self.harness.dispatcher.epoch, SILENCE)) in done.sends
            settled = [
                ref for peer, m in done.sends if isinstance(m, wire.Settled) and peer == worker.peer for ref in refs(m)
            ]
            assert sorted(settled) == sorted(void)

    @precondition(lambda self: any(worker.known for worker in self.workers))
    @rule(pick=PICK)
    def kill_worker(self, pick: int) -> None:
        known = [worker for worker in self.workers if worker.known]
        worker = known[pick % len(known)]
        self.workers.remove(worker)
        self.harness.lose(worker.peer)
        self.gone(worker)
        self.commit()

    @precondition(lambda self: self.live())
    @rule(pick=PICK, times=st.integers(1, 3))
    def kill_while_it_runs(self, pick: int, times: int) -> None:
        """The rare path to the back-off and to attempts_used_up, in one rule."""
        for _ in range(times):
            if not self.live():
                return
            worker, _ = self.some(pick)
            self.start_job(pick)
            if not worker.known:
                return
            self.harness.lose(worker.peer)
            self.gone(worker)
            if self.commit() is None:
                return
            worker.holding.clear()
            worker.peer = (worker.name + self.fresh()).encode()
            self.introduce(worker)

    @precondition(lambda self: any(worker.known and not worker.draining for worker in self.workers))
    @rule(pick=PICK, ordered=st.booleans())
    def drain_worker(self, pick: int, ordered: bool) -> None:
        able = [worker for worker in self.workers if worker.known and not worker.draining]
        worker = able[pick % len(able)]
        worker.draining = True
        if not ordered:
            self.say(worker, wire.Draining())
            return
        self.harness.order(wire.DrainWorker("web", "d", worker.name))
        done = self.commit()
        assert done is None or (worker.peer, wire.Drain()) in done.sends

    @precondition(lambda self: any(worker.known and worker.draining for worker in self.workers))
    @rule(pick=PICK)
    def leave(self, pick: int) -> None:
        """A drained worker gives back what it has not begun, says Leaving and is gone."""
        able = [worker for worker in self.workers if worker.known and worker.draining]
        worker = able[pick % len(able)]
        for job, (lease, _) in worker.holding.items():
            if self.holds(worker, job, lease):
                self.model.give_back(self.model.jobs[job])
        answers = [LeaseRef(job, lease) for job, (lease, _) in worker.holding.items()]
        if self.say(worker, Returned(answers)) is None:
            return
        self.gone(worker)
        self.say(worker, wire.Leaving())
        self.workers.remove(worker)

    # -- workers answer

    @precondition(lambda self: self.live())
    @rule(pick=PICK)
    def start_job(self, pick: int) -> None:
        worker, job = self.some(pick)
        worker.holding[job.id] = (job.lease, True)
        self.model.start(job)
        self.say(worker, Started([Start(job.id, job.lease, 0.0)]))

    @precondition(lambda self: self.live())
    @rule(pick=PICK, cached=st.booleans())
    def finish_job(self, pick: int, cached: bool) -> None:
        worker, job = self.some(pick)
        cached = cached and not job.started
        picture = thumb(job)
        self.model.finish(job, picture.blob, cached)
        done = self.say(worker, Finished([Finish(job.id, job.lease, [picture], None, cached)]))
        assert done is None or job.id not in worker.holding or worker.holding[job.id][0] != job.lease or job.holder

    @precondition(lambda self: self.live())
    @rule(pick=PICK)
    def describe(self, pick: int) -> None:
        worker, job = self.some(pick)
        self.say(worker, wire.Described([wire.Description(job.id, job.lease, b"facts")]))

    @precondition(lambda self: self.live())
    @rule(pick=PICK, name=st.sampled_from(["thumb", "large"]))
    def publish(self, pick: int, name: str) -> None:
        worker, job = self.some(pick)
        picture = thumb(job, name)
        self.model.publish(job, picture.blob)
        self.say(worker, Published([Publication(job.id, job.lease, picture)]))

    @precondition(lambda self: self.live())
    @rule(pick=PICK, code=st.sampled_from(CODES))
    def fail_job(self, pick: int, code: str) -> None:
        worker, job = self.some(pick)
        lease = job.lease
        self.model.fail(job, code)
        done = self.say(worker, Failed([Failure(job.id, lease, code, "why")]))
        if done is not None:
            assert (job.id, lease) in [ref for _, m in done.sends if isinstance(m, wire.Settled) for ref in refs(m)]
            row = self.harness.row(job.id)
            if row.state == "delayed":
                assert row.due_at is not None
                assert 0.2 <= row.due_at - OFFSET - self.harness.now <= 5.0

    @precondition(lambda self: self.live() and not self.breaking)
    @rule(pick=PICK, code=st.sampled_from(["decoder_crashed", "decoder_crashed", "memory_over_limit"]))
    def kill_decoders(self, pick: int, code: str) -> None:
        """The rare path: the same job takes two decoders with it, whatever else must end first."""
        _, job = self.some(pick)
        for _ in range(2):
            for _ in range(40):
                if job.state != "queued" or not self.live():
                    break
                self.finish_job(0, False)
            held = [n for n, (_, other) in enumerate(self.live()) if other is job]
            if not held:
                return
            self.start_job(held[0])
            held = [n for n, (_, other) in enumerate(self.live()) if other is job]
            self.fail_job(held[0], code)
        if job.state == "dead":
            name = self.fresh()
            self.model.accept(name, job.content, False, engine=True)
            self.harness.submit(new_job(name, content=job.content, tenant=tenant_of(job.content)))
            self.commit()
            assert (self.harness.row(name).state, self.harness.row(name).attempts) == ("failed", 0)

    @precondition(lambda self: self.live())
    @rule(pick=PICK)
    def return_job(self, pick: int) -> None:
        worker, job = self.some(pick)
        lease = job.lease
        self.model.give_back(job)
        self.say(worker, Returned([LeaseRef(job.id, lease)]))

    @precondition(lambda self: self.issued and any(worker.known for worker in self.workers))
    @rule(pick=PICK, who=PICK, kind=st.integers(0, 5))
    def answer_too_late(self, pick: int, who: int, kind: int) -> None:
        """An answer under a lease that this worker does not hold now: it is settled, and no more."""
        known = [worker for worker in self.workers if worker.known]
        worker = known[who % len(known)]
        late = [ref for ref in self.issued if not self.holds(worker, *ref)]
        if not late:
            return
        job, lease = late[pick % len(late)]
        worker.last_seen = self.harness.now
        self.harness.receive(worker.peer, every_answer(job, lease)[kind])
        done = self.harness.turn()
        assert not done.committed
        assert done.acks == []
        assert done.sends == [(worker.peer, wire.Settled([LeaseRef(job, lease)]))]
        self.deliver(done)

    @rule(kind=st.integers(0, 5))
    def answer_of_a_stranger(self, kind: int) -> None:
        self.harness.receive(b"nobody", every_answer("0001", 1)[kind])
        done = self.harness.turn()
        assert (done.committed, done.sends) == (False, [(b"nobody", wire.Introduce(self.harness.dispatcher.epoch))])

    @rule()
    def sweep(self) -> None:
        """Workers delete what they were told to: the entries go, and nothing that is shown was among them."""
        if self.breaking:
            return
        for worker in [worker for worker in self.workers if worker.known]:
            books = self.harness.dispatcher.books
            mine = {job: sent for job, (by, sent, _) in books.sweeps.sweeping.items() if by.peer == worker.peer}
            for job, sent in mine.items():
                self.model.sweeps[job] -= set(sent)
                if not self.model.sweeps[job]:
                    del self.model.sweeps[job]
            if mine:
                self.say(worker, wire.Swept(list(mine)))

    @rule()
    def sweep_in_vain(self) -> None:
        """Workers could not delete: the entries stay, and nobody hears of it but those who look."""
        if self.breaking:
            return
        for worker in [worker for worker in self.workers if worker.known]:
            sweeping = self.harness.dispatcher.books.sweeps.sweeping
            mine = [job for job, (by, _, _) in sweeping.items() if by.peer == worker.peer]
            if mine:
                self.say(worker, wire.Swept([], [(job, "why") for job in mine]))

    @precondition(lambda self: self.scanner() is not None)
    @rule(pick=PICK, late=st.booleans(), ends=st.booleans())
    def scan(self, pick: int, late: bool, ends: bool) -> None:
        """A worker lists files: what each job has and may have, and what is no job's."""
        worker, jobs = self.scanner(), [f"{number:04}" for number in range(1, self.names + 2)]
        assert worker is not None
        some = [jobs[(pick + number * 7) % len(jobs)] for number in range(6)]
        names = {
            job: [original(job), *(f"processed/{job[-2:]}/{job}.{part}" for part in ("thumb", "large", "x"))]
            for job in some
        }
        if not late:
            for job, files in names.items():
                self.model.found(job, files)
        listed = [name for files in names.values() for name in files]
        worker.last_seen = self.harness.now
        self.harness.find(worker.peer, listed, None if ends else "raw/x", "elsewhere" if late else None)
        self.commit()

    def scanner(self) -> SimulatedWorker | None:
        """Who was asked for the next step of the orphan scan, if that one lives."""
        peer = self.harness.dispatcher.scan.scanner
        return next((worker for worker in self.workers if worker.known and worker.peer == peer), None)

    # -- time, silence, crashes

    @rule(seconds=st.sampled_from([0.03, 0.1, 0.5, 1.0, 2.5]))
    def wait(self, seconds: float) -> None:
        """Time passes; whoever is not mute beats each half second."""
        end = self.harness.now + seconds
        while self.harness.now < end:
            self.harness.now = min(end, self.harness.now + 0.5)
            for worker in self.workers:
                if worker.known and not worker.mute:
                    worker.last_seen = self.harness.now
                    self.harness.receive(worker.peer, wire.WorkerBeat(list(worker.listed())))
            if self.commit(tick=True) is None:
                return
            assert self.harness.dispatcher.deadline > self.harness.now, "a broker that turns in circles"

    @precondition(lambda self: any(worker.known for worker in self.workers))
    @rule(pick=PICK)
    def fall_silent(self, pick: int) -> None:
        known = [worker for worker in self.workers if worker.known]
        known[pick % len(known)].mute = True
        self.wait(2.5)
        self.wait(3.0)

    @rule(kept=st.booleans())
    def break_the_next_commit(self, kept: bool) -> None:
        self.breaking = "kept" if kept else "lost"

    @rule(back=st.integers(0, 4), late=st.booleans())
    def crash(self, back: int, late: bool) -> None:
        """The broker dies; some workers are back within its grace, the others not, or after it."""
        self.restart()
        for worker in self.workers[:back]:
            self.introduce(worker)
        if late:
            self.wait(2.5)

    # -- what holds after every step

    @invariant()
    def the_books_agree(self) -> None:
        dispatcher, books = self.harness.dispatcher, self.harness.dispatcher.books
        dispatcher.check()
        assert books.sweeps.entries.keys() == self.model.sweeps.keys()
        assert {job: set(entry.names) for job, entry in books.sweeps.entries.items()} == self.model.sweeps
        assert self.harness.ledger._purged.keys() == self.model.purged
        assert books.quarantine.entries.keys() == self.model.quarantine == self.harness.ledger._quarantine.keys()
        assert books.paused == self.model.paused
        assert {*books.holds.paused} == self.model.paused_tenants == self.harness.ledger._paused
        waiting = [entry.id for entry in books.backlog.queued()]
        assert len(waiting) == len(set(waiting)), "a job waits twice"
        for entry in books.entries.values():
            if entry.holder is not None:
                assert books.roster.by_peer.get(entry.holder.peer) is entry.holder, f"{entry.id}: its holder is gone"
            assert (entry.id in waiting) == (entry.state is State.QUEUED), f"{entry.id} is {entry.state}"

    @invariant()
    def the_rows_are_as_the_model_says(self) -> None:
        ledger = self.harness.ledger
        assert {row.id for row in ledger.rows.values()} == self.model.jobs.keys()
        for job in self.model.jobs.values():
            row, outcome = self.harness.row(job.id), self.harness.outcome(job.id)
            story = [(entry.event, entry.lease, entry.detail) for entry in outcome.timeline]
            seen = (row.state, row.code, row.lease, row.attempts, outcome.cancel_requested)
            assert seen == (job.state, job.code, job.lease, job.attempts, job.cancelling), f"{job.id}: {story}"
            assert (outcome.crashes, outcome.memory_tries, outcome.losses) == (
                job.crashes,
                job.memory_tries,
                job.losses,
            )
            assert {picture.blob for picture in outcome.renditions} == job.shown
            assert job.state != "running" or row.worker == job.holder
            assert (row.started_at is not None) == job.started
            assert (row.ended_at is not None) == (job.state in ENDED)
        counts = Counter(row.state for row in ledger.rows.values())
        assert {state: count for state, count in ledger.meta.counts.items() if count} == counts
        named = Counter((row.tenant, row.state) for row in ledger.rows.values() if row.tenant)
        assert ledger.counted() == named
        assert ledger.meta.change >= max((row.change for row in ledger.rows.values()), default=0)
        assert len({row.position for row in ledger.rows.values()}) == len(ledger.rows)

    @invariant()
    def the_batches_are_as_the_model_says(self) -> None:
        """Each end is told once, for good."""
        kept, batches = self.harness.ledger._batches, self.model.batches
        assert kept.keys() == batches.keys()
        told = Counter(row.batch for row in self.harness.told(type="batch.ended"))
        assert told == Counter(name for name, batch in batches.items() if batch.ended)
        for name, batch in batches.items():
            seen = kept[name].open_until is not None, kept[name].ended_at is not None
            assert seen == (batch.open, batch.ended), name
        opened = Counter(batch.tenant for batch in batches.values() if batch.open)
        assert self.harness.dispatcher.books.batches_open.counts == opened

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """Whoever is idle has work, unless none waits or dispatch is paused."""
        busy = {job.holder for job in self.model.jobs.values()}
        idle = [worker for worker in self.workers if worker.known and not worker.draining and worker.name not in busy]
        jobs = self.model.jobs.values()
        waiting = [job for job in jobs if job.state == "queued" and not self.model.is_held(job)]
        if not self.model.paused and idle and waiting:
            assert self.is_left_free(idle, waiting), f"{len(waiting)} wait, {idle} are idle"

    def is_left_free(self, idle: list[SimulatedWorker], waiting: list[Job]) -> bool:
        """Whether that is the worker that heavy jobs leave to other tenants."""
        at_work = any(job.id in self.heavy and job.state == "running" for job in self.model.jobs.values())
        others = self.light - {tenant_of(waiting[0].content)}
        return len(idle) == 1 and at_work and len(others) > 0 and all(job.id in self.heavy for job in waiting)

    def teardown(self) -> None:
        """Once faults stop, every job ends: none is forgotten anywhere."""
        if not hasattr(self, "harness"):
            return
        self.breaking = None
        for tenant in (None, *TENANTS):
            self.harness.order(wire.Resume("web", "p", tenant=tenant))
        self.model.paused = False
        self.model.paused_tenants.clear()
        self.commit()
        for worker in list(self.workers):
            if worker.draining and worker.known:
                self.harness.lose(worker.peer)
                self.gone(worker)
        self.commit()
        self.workers = [worker for worker in self.workers if worker.known]
        self.workers.append(SimulatedWorker("last", b"last", 2))
        self.introduce(self.workers[-1])
        for _ in range(300):
            if all(job.state in ENDED for job in self.model.jobs.values()):
                break
            for worker in self.workers:
                worker.mute = False
            self.finish_job(0, False) if self.live() else self.wait(1.0)
        self.the_rows_are_as_the_model_says()
        assert [job for job in self.model.jobs.values() if job.state not in ENDED] == []


def thumb(job: Job, name: str = "thumb") -> Rendition:
    return Rendition(name, f"processed/{job.id[-2:]}/{job.id}.{name}", "jpeg", 1, 1, 1, "d" * 64)


def every_answer(job: str, lease: int) -> list[Any]:
    picture = Rendition("late", f"processed/{job[-2:]}/{job}.late", "jpeg", 1, 1, 1, "d" * 64)
    return [
        Started([Start(job, lease, 0.0)]),
        wire.Described([wire.Description(job, lease, b"late")]),
        Published([Publication(job, lease, picture)]),
        Finished([Finish(job, lease, [picture])]),
        Failed([Failure(job, lease, "undecodable", "")]),
        Returned([LeaseRef(job, lease)]),
        wire.WorkerBeat([Held(job, lease, True)]),
    ]


TestCore = CoreMachine.TestCase
TestCore.settings = settings(
    max_examples=250, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


class Thawed(DispatcherHarness):
    """A harness whose dispatcher is made anew of its snapshot after every turn."""

    def turn(self, tick: bool = False) -> Done:
        done = super().turn(tick)
        self.dispatcher = from_snapshot(snapshot(self.dispatcher))
        return done


class ThawedMachine(CoreMachine):
    """A core made of a snapshot knows all that the model expects of it."""

    harness_kind = Thawed


TestThawed = ThawedMachine.TestCase
TestThawed.settings = settings(TestCore.settings, max_examples=60)
