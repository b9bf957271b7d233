"""The floor of a durable dispatch: the broker's sockets, messages, table and commits, and no core.

    python -m bench.floors.bare_loop

Its ledger and its folders are those of the settings. Where the ledger is a server, each turn asks once for the new ids,
as the broker does: a round trip. In SQLite a look-up costs next to nothing, and is left out. The loop has no lanes,
fairness, fencing, retries, keys, silence or restore: jobs go in order to any worker with free capacity.
"""

import gc
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zmq

from host.files.folders import endpoint
from host.settings.environment import load_settings
from jobs import wire
from jobs.job import Outcome, Row, TimelineEntry, encode
from jobs.records import LookUp, Meta, Records
from stores.ledger import Ledger
from stores.opening import open_candidate

Settlements = dict[bytes, list[wire.LeaseRef]]


def waiting(source: Any) -> Iterator[list[bytes]]:
    """Every message that can be read without waiting."""
    while True:
        try:
            yield source.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return


class Bare:
    """One turn at a time: read, commit, send."""

    def __init__(self, ledger: Ledger, run: Path, looks_up: bool) -> None:
        self.ledger, self.looks_up = ledger, looks_up
        self.epoch = self.ledger.restore().meta.epoch
        context = zmq.Context()
        self.pull, self.router = context.socket(zmq.PULL), context.socket(zmq.ROUTER)
        self.acks, self.changes = context.socket(zmq.XPUB), context.socket(zmq.XPUB)
        self.acks.setsockopt(zmq.XPUB_VERBOSE, 1)
        names = {"jobs": self.pull, "workers": self.router, "receipts": self.acks, "changes": self.changes}
        for name, bound in names.items():
            bound.bind(endpoint(run, name))
        self.poller = zmq.Poller()
        for bound in names.values():
            self.poller.register(bound, zmq.POLLIN)
        self.room: dict[bytes, int] = {}
        self.queue: deque[str] = deque()
        self.rows: dict[str, tuple[list[Any], Outcome]] = {}
        self.change = 0
        self.done = 0

    def turn(self) -> None:
        """Wait, read everything, commit, send."""
        self.poller.poll(1000)
        dirty: dict[str, None] = {}
        acks: list[tuple[str, wire.Ack]] = []
        settled: Settlements = {}
        for peer, frame in waiting(self.router):
            self.receive(peer, wire.from_worker.decode(frame), dirty, settled)
        submits = [wire.from_web.decode(frame) for (frame,) in waiting(self.pull)]
        if self.looks_up and submits:
            self.ledger.look_up(LookUp(ids=[job.id for submit in submits for job in submit.jobs]))
        for submit in submits:
            for job in submit.jobs:
                self.accept(job, dirty)
            acks.append((submit.web, wire.Ack(submit.request, wire.COMMITTED, [j.id for j in submit.jobs])))
        assigns = self.assign(dirty)
        for publisher in (self.acks, self.changes):
            for (topic,) in waiting(publisher):
                if publisher is self.acks and topic[:1] == b"\x01":
                    publisher.send_multipart([topic[1:], wire.encode(wire.Hello(self.epoch))])
        if dirty:
            self.commit(dirty)
        self.send(acks, settled, assigns, dirty)

    def accept(self, job: wire.NewJob, dirty: dict[str, None]) -> None:
        """A new row."""
        at = time.time()
        self.change += 1
        row = [
            self.change, job.id, job.tenant, "queued", job.priority, "s.", self.change, 0, 0, self.change, at, None,
            None, None, None, job.reference, job.preset, job.batch, None, job.content, job.spec, b"",
        ]  # fmt: skip
        self.rows[job.id] = (row, Outcome([TimelineEntry(at, "accepted", 0, None, None)]))
        self.queue.append(job.id)
        dirty[job.id] = None

    def receive(
        self, peer: bytes, message: Any, dirty: dict[str, None], settled: dict[bytes, list[wire.LeaseRef]]
    ) -> None:
        """A worker's answer changes rows, and frees its capacity."""
        at = time.time()
        if isinstance(message, wire.Ready):
            self.room[peer] = message.capacity
            self.router.send_multipart([peer, wire.encode(wire.Welcome(self.epoch, 60.0))])
        elif isinstance(message, wire.Started):
            for start in message.jobs:
                row, outcome = self.rows[start.job]
                row[8], row[13] = 1, at
                outcome.timeline.append(TimelineEntry(at, "started", 1, "stub", None))
                self.touch(row, dirty)
        elif isinstance(message, wire.Finished):
            self.room[peer] += len(message.jobs)
            for finish in message.jobs:
                row, outcome = self.rows[finish.job]
                row[3], row[8], row[11], row[13] = "done", 1, at, at
                outcome.renditions, outcome.cost = finish.renditions, finish.cost
                outcome.timeline.append(TimelineEntry(at, "ended", 1, "stub", None))
                self.touch(row, dirty)
                settled.setdefault(peer, []).append(wire.LeaseRef(finish.job, finish.lease))

    def assign(self, dirty: dict[str, None]) -> dict[bytes, list[wire.Assignment]]:
        """Assign queued jobs to workers with free capacity."""
        at = time.time()
        assigns: dict[bytes, list[wire.Assignment]] = {}
        for peer, room in self.room.items():
            while room and self.queue:
                row, outcome = self.rows[self.queue.popleft()]
                row[3], row[7] = "running", 1
                outcome.timeline.append(TimelineEntry(at, "assigned", 1, "stub", None))
                self.touch(row, dirty)
                assigns.setdefault(peer, []).append(wire.Assignment(row[1], 1, 60.0, 1 << 30, False, row[20]))
                room -= 1
            self.room[peer] = room
        return assigns

    def touch(self, row: list[Any], dirty: dict[str, None]) -> None:
        """The row gets the next change number."""
        self.change += 1
        row[9] = self.change
        dirty[row[1]] = None

    def commit(self, dirty: dict[str, None]) -> None:
        """One transaction for the turn."""
        rows = []
        for job in dirty:
            row, outcome = self.rows[job]
            row[21] = encode(outcome)
            rows.append(Row(*row))
            self.done += row[3] == "done"
        counts = {"queued": len(self.queue), "done": self.done}
        self.ledger.commit(Records(jobs=rows, meta=Meta(self.change, self.epoch, False, counts)))

    def send(
        self,
        acks: list[tuple[str, wire.Ack]],
        settled: Settlements,
        assigns: dict[bytes, list[wire.Assignment]],
        dirty: dict[str, None],
    ) -> None:
        """One message of a type to each peer, and the changes."""
        for web in {web for web, _ in acks}:
            mine = [ack for name, ack in acks if name == web]
            self.acks.send_multipart([wire.acks_topic(web), wire.encode(wire.Acks(self.epoch, mine))])
        for peer, jobs in assigns.items():
            self.router.send_multipart([peer, wire.encode(wire.Assign(jobs))])
        for peer, leases in settled.items():
            self.router.send_multipart([peer, wire.encode(wire.Settled(leases))])
        changes = []
        for job in dirty:
            row, _ = self.rows[job]
            changes.append(wire.Change(row[9], job, row[2], row[3], row[8]))
            if row[3] == "done":
                del self.rows[job]
        if changes:
            message = wire.Changes(self.epoch, 0, self.change, changes)
            self.changes.send_multipart([wire.CHANGES_TOPIC, wire.encode(message)])


if __name__ == "__main__":
    settings, _ = load_settings()
    taken = open_candidate(settings, Path(settings.run), lambda: False).take()
    assert taken, "another broker runs"
    bare = Bare(taken, Path(settings.run), looks_up=bool(settings.ledger_url))
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    while True:
        bare.turn()
