"""Which processes one machine should run, and what to start and signal for it. Sans I/O.

Level-triggered: each event changes what is known or wanted, then `settle` closes the gap, so that
nothing ever waits for another's drain. Children are numbers here; pids, forks and clocks are the loop's.
"""

from dataclasses import dataclass, field
from math import inf
from signal import SIGKILL, SIGTERM, Signals
from typing import NamedTuple

ROLES = BROKER, WEB, WORKER = "broker", "web", "worker"  # in the order in which a restart renews them
BACKOFF_SECONDS_MIN, BACKOFF_SECONDS_MAX = 0.1, 3.0
FORGET_SECONDS = 10.0  # a child that was up so long is replaced at once
HURRY_SECONDS = 1.0  # after a second stop: what is not gone by then is killed
ECHO_SECONDS = 0.3  # a stop so soon after the first is the same one, passed on by make and the process group
CALM_SECONDS = 30.0  # a worker that nobody has wished for so long is drained
LOSSES_MAX = 4  # a restart whose new process died this often before it was ready is given up


class Start(NamedTuple):
    child: int
    role: str


class Signal(NamedTuple):
    child: int
    signal: Signals


class Done(NamedTuple):
    what: str  # restart or stop
    complete: bool


Effect = Start | Signal | Done


@dataclass(slots=True)
class Child:
    """One process, started in restart `round` at `since`; told to end, it is killed at `kill_at`."""

    number: int
    role: str
    round: int
    since: float
    state: str = "starting"
    kill_at: float = inf


@dataclass(slots=True)
class Slot:
    """The place of one process (the first child; others are to follow it). Not filled before `due`."""

    role: str
    children: list[Child] = field(default_factory=list)
    losses: int = 0
    due: float = 0.0


class Fleet:
    """Keeps one broker, `web` web processes and `least` to `most` workers running until told to stop. Events are
    methods that return nothing; `settle` says what follows. `now` is monotonic seconds."""

    def __init__(self, web: int, least: int, most: int, drain_seconds: float) -> None:
        self._web, self._least, self._most = web, least, most
        self._wishes: list[tuple[float, int]] = []
        self._drain = {BROKER: 3.0, WEB: drain_seconds + 2.0, WORKER: drain_seconds + 3.0}
        self._slots: list[Slot] = []
        self._leaving: list[Child] = []
        self._effects: list[Effect] = []
        self._started, self._round, self._rolling = 0, 0, False
        self._stopped_at = inf

    def became_ready(self, number: int) -> None:
        """A child serves."""
        for child in self.children():
            if child.number == number and child.state == "starting":
                child.state = "ready"

    def exited(self, number: int, now: float) -> None:
        """A child is gone, whatever its exit status: unasked, it is replaced."""
        self._leaving = [child for child in self._leaving if child.number != number]
        for slot in self._slots:
            for child in [child for child in slot.children if child.number == number]:
                slot.children.remove(child)
                slot.losses = 1 if now - child.since >= FORGET_SECONDS else slot.losses + 1
                pause = min(BACKOFF_SECONDS_MIN * 2 ** min(slot.losses - 2, 9), BACKOFF_SECONDS_MAX)
                slot.due = now if slot.losses == 1 else now + pause
                if child.round == self._round and child.state == "starting" and slot.losses >= LOSSES_MAX:
                    self._end_restart(now, complete=False)

    def scale_asked(self, least: int, most: int) -> None:
        """At least and at most so many workers from now on."""
        self._least, self._most = least, most

    def wished(self, workers: int, now: float) -> None:
        """So many would keep up, says the broker each second: more begin at once, fewer after CALM_SECONDS."""
        self._wishes = [(at, wish) for at, wish in self._wishes if at > now - CALM_SECONDS] + [(now, workers)]

    def restart_asked(self, now: float) -> None:
        """Every process is to be new afterwards."""
        self._round, self._rolling = self._round + 1, True
        for slot in self._slots:
            slot.losses, slot.due = 0, now

    def stop_asked(self, now: float) -> None:
        """Drain and end everything, the broker last; asked again, end at once."""
        first, self._stopped_at = self._stopped_at, min(self._stopped_at, now)
        if now - first >= ECHO_SECONDS:
            for child in self._leaving:
                self._effects.append(Signal(child.number, SIGTERM))
                child.kill_at = min(child.kill_at, now + HURRY_SECONDS)

    def settle(self, now: float) -> list[Effect]:
        """What is to be done now, in order: to be asked after every event and at each `deadline`."""
        if self._stopped_at < inf:
            self._end_restart(now, complete=False)
            wanted = int(any(child.role != BROKER for child in self.children())), 0, 0
        else:
            wanted = 1, self._web, min(self._most, max([self._least, *(wish for _, wish in self._wishes)]))
        for role, number in zip(ROLES, wanted, strict=True):
            self._resize(role, number, now)
        for slot in self._slots:
            locked = slot.role == BROKER and any(child.role == BROKER for child in self._leaving)
            if not (slot.children or slot.due > now or locked):
                self._start(slot, now)
        if self._rolling:
            self._roll(now)
        for child in self._leaving:
            if child.kill_at <= now:
                child.kill_at = inf
                self._effects.append(Signal(child.number, SIGKILL))
        if self._stopped_at < inf and not self.children():
            self._effects.append(Done("stop", complete=True))
        effects, self._effects = self._effects, []
        return effects

    def deadline(self, now: float) -> float:
        """When there will be something to do (monotonic seconds; inf: never) if nothing happens before."""
        times = [slot.due for slot in self._slots if slot.due > now]
        return min(times + [child.kill_at for child in self._leaving], default=inf)

    def children(self) -> list[Child]:
        """Every process that has not ended."""
        return [child for slot in self._slots for child in slot.children] + self._leaving

    def complete(self) -> bool:
        """Whether all that is wanted is there and ready; never again once told to stop."""
        return self._stopped_at == inf and all(it.children and it.children[0].state == "ready" for it in self._slots)

    def _resize(self, role: str, wanted: int, now: float) -> None:
        places = [slot for slot in self._slots if slot.role == role]
        for slot in places[wanted:]:
            self._slots.remove(slot)
            self._retire(slot, now)
        self._slots += [Slot(role) for _ in range(wanted - len(places))]

    def _start(self, slot: Slot, now: float) -> None:
        self._started += 1
        slot.children.append(Child(self._started, slot.role, self._round, now))
        self._effects.append(Start(self._started, slot.role))

    def _retire(self, slot: Slot, now: float, which: slice = slice(None)) -> None:
        for child in slot.children[which]:
            child.state, child.kill_at = "leaving", now + self._drain[child.role]
            self._leaving.append(child)
            self._effects.append(Signal(child.number, SIGTERM))
        del slot.children[which]

    def _roll(self, now: float) -> None:
        """One step: a new process is ready before its old one is told to end, and before the next one's
        turn; only the broker, which holds a lock, is gone before its successor begins."""
        for slot in self._slots:
            if not slot.children or slot.children[-1].round < self._round:
                if slot.children and slot.role == BROKER:
                    self._retire(slot, now)
                elif slot.children and slot.due <= now:
                    self._retire(slot, now, slice(1, None))  # asked again: the last restart's successor goes
                    self._start(slot, now)
                return
            if slot.children[-1].state != "ready":
                return
            self._retire(slot, now, slice(-1))
        if all(child.round == self._round for child in self._leaving):
            self._end_restart(now, complete=True)

    def _end_restart(self, now: float, *, complete: bool) -> None:
        if self._rolling:
            self._rolling = False
            self._effects.append(Done("restart", complete))
            for slot in self._slots:  # a successor whose turn it still was goes
                self._retire(slot, now, slice(1, None))
