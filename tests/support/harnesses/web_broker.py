"""The real dispatcher as web meets it, and workers that say what a test has them say.

Owns no rule of the broker: broker/core decides every change of a job, on the driver of tests/properties/harness.py.
Frames pass through the codec in both directions, so nothing is told here that no socket could carry.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from broker.core.books.events import Policy
from broker.frames.outbox import outgoing
from broker.lookups import is_step
from jobs import wire
from jobs.ids import rendition_name
from jobs.job import Code, Cost, Rendition
from stores.ledger import Ledger
from tests.properties.harness import Driver

SENT_AS = "another"
"""The web process of the orders that a test gives itself."""


class SimulatedWorker:
    """A worker as the broker sees it: it holds what it was assigned until a test ends it. It says at once that it has
    deleted what it was told to, and that no old file is there; or `undeleted` and `unlisted`: why it cannot."""

    def __init__(
        self, broker: "WebBroker", name: str, capacity: int, draining: bool, undeleted: str, unlisted: str
    ) -> None:
        self.name, self.peer = name, name.encode()
        self.undeleted, self.unlisted = undeleted, unlisted
        self.cache = ""
        """Why its result cache fails."""
        self.leases: dict[str, int] = {}
        """The lease of each job that it holds."""
        self.begun: set[str] = set()
        self._broker = broker
        self._introduction = wire.Ready(name, name, 1, capacity, "engine", [], draining)

    def introduce(self) -> None:
        """Say Ready, with all that is held."""
        self._broker.receive(self, msgspec.structs.replace(self._introduction, holding=self.holding()))

    def holding(self) -> list[wire.Held]:
        """What it holds, as it says in a beat."""
        return [wire.Held(job, lease, job in self.begun) for job, lease in self.leases.items()]

    def begin(self, job: str) -> None:
        """A decoder begins the job, if none has yet."""
        if job not in self.begun:
            self.begun.add(job)
            at = self._broker.wall_time()
            self._broker.receive(self, wire.Started([wire.Start(job, self.leases[job], at)]))

    def describe(self, job: str, facts: bytes) -> None:
        """The facts of the original are known."""
        self.begin(job)
        self._broker.receive(self, wire.Described([wire.Description(job, self.leases[job], facts)]))

    def publish(self, job: str, rendition: Rendition) -> None:
        """A rendition landed."""
        self.begin(job)
        self._broker.receive(self, wire.Published([wire.Publication(job, self.leases[job], rendition)]))

    def finish(self, job: str, renditions: list[Rendition]) -> None:
        """The job has all its renditions."""
        self.begin(job)
        self._broker.receive(self, wire.Finished([wire.Finish(job, self.leases.pop(job), renditions, Cost(1.5, 4096))]))

    def fail(self, job: str, code: Code, detail: str) -> None:
        """The try ended without its renditions."""
        self.begin(job)
        self._broker.receive(self, wire.Failed([wire.Failure(job, self.leases.pop(job), code.value, detail)]))

    def answer(self, message: Any) -> list[Any]:
        """What it says at once to a message of the broker's."""
        match message:
            case wire.Assign(jobs=jobs):
                self.leases.update((each.job, each.lease) for each in jobs)
                self.begun.difference_update(each.job for each in jobs)
            case wire.Abandon(leases=leases):
                held = [ref for ref in leases if self.leases.pop(ref.job, None) == ref.lease]
                return [wire.Failed([wire.Failure(ref.job, ref.lease, Code.CANCELLED.value, "") for ref in held])]
            case wire.Sweep(sweeps=sweeps):
                told = [job for job, _ in sweeps]
                failed = [(job, self.undeleted) for job in told] if self.undeleted else []
                return [wire.Swept([] if failed else told, failed)]
            case wire.OrphanScan(after=after):
                return [wire.Found(after, [], None, self.unlisted)]
        return []


class WebBroker:
    """`tell` is called with (topic, frame) of all that is published for web. Time passes only by `beat` and `now`, and
    by a thousandth of a second with each turn."""

    def __init__(
        self, policy: Policy, ledger: Ledger, wall_time: float, tell: Callable[[bytes, bytes], object]
    ) -> None:
        self.tell = tell
        self.workers: dict[bytes, SimulatedWorker] = {}
        self._driver = Driver(policy, ledger, wall_time)
        self._orders = 0
        self._passing: list[SimulatedWorker] = []
        """Workers that `holder` made, for one job each."""
        self._passers = 0

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self._driver.now

    @now.setter
    def now(self, now: float) -> None:
        self._driver.now = now

    @property
    def epoch(self) -> int:
        """The term of the broker that serves now."""
        return self._driver.dispatcher.epoch

    @property
    def change(self) -> int:
        """The number of the newest change."""
        return self._driver.dispatcher.books.change

    @property
    def paused(self) -> bool:
        """Whether dispatch is stopped."""
        return self._driver.dispatcher.books.paused

    def wall_time(self) -> float:
        """As the broker's clock has it."""
        return self._driver.now + self._driver.offset

    def restart(self) -> None:
        """Another broker starts on the ledger; its workers introduce themselves."""
        self._driver.start()
        for worker in tuple(self.workers.values()):
            worker.introduce()

    def handle(self, frame: bytes) -> None:
        """A frame of web arrives, in a turn of its own."""
        message = wire.from_web.decode(frame)
        if isinstance(message, wire.Submit):
            self._driver.post(message)
        elif is_step(message) and not isinstance(message, wire.Replay):
            self._driver.step(message, message.after)
        else:
            self._driver.order(message)
        self._turn()

    def receive(self, worker: SimulatedWorker, message: wire.FromWorker) -> None:
        """A message of a worker arrives, in a turn of its own."""
        self._take_in(worker, message)
        self._turn()

    def beat(self) -> None:
        """Let time pass until the next beat, and publish it. All workers send a sign of life before."""
        driver = self._driver
        for worker in self.workers.values():
            self._take_in(worker, wire.WorkerBeat(worker.holding(), worker.cache))
        driver.now += driver.policy.beat_seconds
        self._turn(tick=True)

    def come(
        self, name: str, capacity: int = 1, *, draining: bool = False, undeleted: str = "", unlisted: str = ""
    ) -> SimulatedWorker:
        """A worker introduces itself, under a name that is its incarnation too, and stays."""
        worker = SimulatedWorker(self, name, capacity, draining, undeleted, unlisted)
        self.workers[worker.peer] = worker
        worker.introduce()
        return worker

    def holder(self, job: str) -> SimulatedWorker:
        """The worker that holds the job. While there is none, new workers take one job each, in the broker's order.
        Each leaves after its job, so that later jobs wait again."""
        while True:
            for worker in self.workers.values():
                if job in worker.leases:
                    return worker
            self._passers += 1
            passer = self.come(f"passer-{self._passers}")
            assert passer.leases, f"{job} waits, and a new worker is given nothing"
            self._passing.append(passer)
            self.receive(passer, wire.Draining())

    def start(self, job: str) -> None:
        """A decoder begins the job."""
        self.holder(job).begin(job)

    def describe(self, job: str, facts: bytes) -> None:
        """The facts of the job's original are known."""
        self.holder(job).describe(job, facts)

    def publish(self, job: str, rendition: Rendition) -> None:
        """A rendition of the job landed."""
        self.holder(job).publish(job, rendition)

    def finish(self, job: str, renditions: list[Rendition]) -> None:
        """End the job well."""
        self.holder(job).finish(job, renditions)

    def fail(self, job: str, code: Code = Code.UNDECODABLE, detail: str = "no pixels") -> None:
        """End a try of the job."""
        self.holder(job).fail(job, code, detail)

    def cancel(self, job: str) -> None:
        """Another web process cancels the job, and whoever holds it lets go."""
        self.handle(wire.encode(wire.Cancel(SENT_AS, self._request(), job)))

    def purge(self, job: str) -> None:
        """Another web process purges the job."""
        self.handle(wire.encode(wire.Purge(SENT_AS, self._request(), job)))

    def _request(self) -> str:
        self._orders += 1
        return str(self._orders)

    def _take_in(self, worker: SimulatedWorker, message: wire.FromWorker) -> None:
        received = wire.from_worker.decode(wire.encode(message))
        if isinstance(received, wire.Found):
            self._driver.found(worker.peer, received)
        else:
            self._driver.receive(worker.peer, received)

    def _turn(self, tick: bool = False) -> None:
        """Carry out a turn, and those that follow from what workers answer at once."""
        self._driver.turn(tick)
        self._driver.dispatcher.check()
        answers: list[tuple[SimulatedWorker, wire.FromWorker]] = []
        for effects in self._driver.last:
            out = outgoing(effects, self.epoch)
            for topic, frame in (*out.acks, *out.changes):
                self.tell(topic, frame)
            for peer, frame in out.sends:
                if worker := self.workers.get(peer):
                    answers += [(worker, answer) for answer in worker.answer(wire.to_worker.decode(frame))]
        for worker in [worker for worker in self._passing if not worker.leases]:
            self._passing.remove(worker)
            del self.workers[worker.peer]
            answers.append((worker, wire.Leaving()))
        for worker, answer in answers:
            self._take_in(worker, answer)
        if answers:
            self._turn()


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def rendition_of(job: str, name: str, data: bytes) -> Rendition:
    """A rendition of these bytes, whose blob has the name that a worker of ours would give it."""
    blob = rendition_name(job, name, digest(data), "jpg")
    described = (None, ("delays",), None, 77, (0.0, 1.5, 8.0, 6.25))
    return Rendition(name, blob, "jpeg", 32, 24, len(data), digest(data), *described)
