"""The connected workers: what each holds, which can take more, which are silent.

Owns credit and the order of the workers. Credit is capacity less leases; a worker has none while its jobs are expected
to take `prefetch_seconds` or more together. Idle workers come before those that could prefetch, the least recently
served first. A choice costs O(log workers), not O(workers). Couriers are connected workers, too, but they get no image.
"""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterator

from broker.core.books.model import Entry, Worker
from jobs.lanes import HEAVY, size_of


def key_of(worker: Worker) -> str:
    """The fingerprint of the key that a worker showed: its incarnation ends in it (host/sockets/bound.py)."""
    return worker.incarnation.rpartition(".")[2]


class Roster:
    """All connected workers, by connection and by incarnation. `prefetch_seconds`: a worker prefetches while
    its jobs are expected to take less than this together. `heavy`: how many heavy jobs they hold."""

    def __init__(self, prefetch_seconds: float) -> None:
        self._prefetch_seconds = prefetch_seconds
        self.heavy = 0
        self.by_peer: dict[bytes, Worker] = {}
        self.by_incarnation: dict[str, Worker] = {}
        self.couriers: dict[bytes, Worker] = {}
        """Those of `by_peer` that speak with strangers."""
        self.engines: Counter[str] = Counter()
        """How many workers for images have each engine."""
        self.keys: Counter[str] = Counter()
        """How many workers show each key, by its fingerprint."""
        self._by_last_seen: OrderedDict[bytes, Worker] = OrderedDict()
        self._free: tuple[list[tuple[int, int, Worker]], ...] = ([], [])
        self._served = 0
        self._serial = 0
        self.idle = 0

    def add(self, worker: Worker) -> None:
        """A worker said Ready."""
        self._serial += 1
        worker.serial = self._serial
        self.by_peer[worker.peer] = worker
        self.by_incarnation[worker.incarnation] = worker
        if worker.is_courier:
            self.couriers[worker.peer] = worker
        else:
            self.engines[worker.engine] += 1
        self.keys[key_of(worker)] += 1
        self._by_last_seen[worker.peer] = worker
        self.settle(worker)

    def remove(self, worker: Worker) -> None:
        """A worker is gone. The caller must end its leases."""
        del self.by_peer[worker.peer]
        del self.by_incarnation[worker.incarnation]
        del self._by_last_seen[worker.peer]
        if self.couriers.pop(worker.peer, None) is None:
            self.engines[worker.engine] -= 1
            if not self.engines[worker.engine]:
                del self.engines[worker.engine]
        self.keys[key_of(worker)] -= 1
        if not self.keys[key_of(worker)]:
            del self.keys[key_of(worker)]
        worker.draining = True
        self._place(worker, None)

    def for_images(self) -> Iterator[Worker]:
        """Those that make renditions, and that delete and list blobs."""
        return (worker for worker in self.by_peer.values() if not worker.is_courier)

    def count_for_images(self) -> int:
        """How many those are."""
        return len(self.by_peer) - len(self.couriers)

    def seen(self, worker: Worker, now: float) -> None:
        """A sign of life."""
        worker.last_seen = now
        self._by_last_seen.move_to_end(worker.peer)

    def excuse(self, now: float) -> None:
        """Count everybody's silence from `now` on."""
        for worker in self._by_last_seen.values():
            worker.last_seen = now

    def lease(self, worker: Worker, entry: Entry) -> None:
        """The worker takes a lease."""
        self._served += 1
        worker.served = self._served
        self.adopt(worker, entry)

    def adopt(self, worker: Worker, entry: Entry) -> None:
        """The worker holds this lease: it was just given, or before the process said Ready once more."""
        if entry.unaccompanied:
            worker.alone = True
            self.heavy += entry.holder is None and size_of(entry.lane) == HEAVY
        worker.leases[entry.id] = entry
        entry.holder = worker
        worker.load += entry.seconds
        self.settle(worker)

    def release(self, entry: Entry) -> None:
        """The job's lease ended."""
        worker = entry.holder
        if worker is None:
            return
        entry.holder = None
        del worker.leases[entry.id]
        if entry.seconds or not worker.leases:
            self.known(worker, entry)
        if worker.alone:
            self.heavy -= size_of(entry.lane) == HEAVY
            worker.alone = any(other.unaccompanied for other in worker.leases.values())
        if worker.slot is None or not worker.leases:  # else it holds less, and can take more as before
            self.settle(worker)

    def known(self, worker: Worker, entry: Entry) -> None:
        """Take the job out of its worker's load: its time was measured, or it was not begun."""
        worker.load = max(0.0, worker.load - entry.seconds) if worker.leases else 0.0
        entry.seconds = 0.0

    def settle(self, worker: Worker) -> None:
        """Put the worker where it belongs after its credit changed."""
        held = len(worker.leases)
        if self.takes_none(worker, held):
            self._place(worker, None)
        else:
            self._place(worker, (1 if held else 0, worker.served))

    def takes_none(self, worker: Worker, held: int) -> bool:
        """Whether a worker that holds `held` jobs gets no other now. Matching.match lists all conditions."""
        if worker.draining or worker.alone or held >= worker.capacity:  # a courier's capacity is 0
            return True
        return held > 0 and (worker.late or worker.load >= self._prefetch_seconds)

    def next_idle(self) -> Worker | None:
        """The least recently served worker that holds nothing."""
        return self._first(0)

    def next_spare(self) -> Worker | None:
        """The least recently served worker that holds something and could take more."""
        return self._first(1)

    def silent(self, before: float) -> list[Worker]:
        """Those last heard before `before`."""
        lost = []
        for worker in self._by_last_seen.values():
            if worker.last_seen >= before:
                break
            lost.append(worker)
        return lost

    @property
    def longest_unheard(self) -> float | None:
        """When the worker that was silent for longest was last heard."""
        return next(iter(self._by_last_seen.values())).last_seen if self._by_last_seen else None

    def _place(self, worker: Worker, slot: tuple[int, int] | None) -> None:
        if worker.slot == slot:
            return
        if worker.slot is not None and worker.slot[0] == 0:
            self.idle -= 1
        worker.slot = slot
        if slot is None:
            return
        kind, served = slot
        self.idle += kind == 0
        heap = self._free[kind]
        heapq.heappush(heap, (served, worker.serial, worker))
        if len(heap) > 2 * len(self.by_peer) + 64:
            heap[:] = {id(w): (s, i, w) for s, i, w in heap if w.slot == (kind, s)}.values()
            heapq.heapify(heap)

    def _first(self, kind: int) -> Worker | None:
        heap = self._free[kind]
        while heap:
            served, _, worker = heap[0]
            if worker.slot == (kind, served):
                return worker
            heapq.heappop(heap)
        return None

    def check(self) -> None:
        """Raises AssertionError where the structures disagree."""
        assert self.engines == Counter(worker.engine for worker in self.for_images())
        assert self.couriers == {peer: worker for peer, worker in self.by_peer.items() if worker.is_courier}
        assert self.keys == Counter(map(key_of, self.by_peer.values()))
        leases = [entry for worker in self.by_peer.values() for entry in worker.leases.values()]
        assert self.heavy == sum(size_of(entry.lane) == HEAVY for entry in leases)
        assert self.idle == sum(w.slot is not None and w.slot[0] == 0 for w in self.by_peer.values())
        for peer, worker in self.by_peer.items():
            assert worker.peer == peer
            assert self.by_incarnation.get(worker.incarnation) is worker
            held = len(worker.leases)
            free = not self.takes_none(worker, held)
            assert (worker.slot is not None) == free, f"{worker.name} slot={worker.slot} held={held}"
            load = sum(entry.seconds for entry in worker.leases.values())
            assert abs(worker.load - load) < 1e-3, f"{worker.name} has {worker.load}, holds {load}"
            assert worker.slot is None or worker.slot == (1 if held else 0, worker.served)
            assert worker.slot is None or any(w is worker for _, _, w in self._free[worker.slot[0]])
            for entry in worker.leases.values():
                assert entry.holder is worker, f"{entry.id} is not held by {worker.name}"
