"""Which processes one machine should run, and what to start and signal for it. Sans I/O.

Level-triggered: an event changes the known or the wanted state, and `settle` returns the steps from one to the other.
So no step waits for another process's drain. A child is a number here; the loop owns pids, forks and clocks.

A child must say that its loop turns. Its silence is counted only while this process is awake itself. So after a pause
of the whole machine each child has as much time left as before.
"""

from math import inf
from signal import SIGKILL, SIGQUIT, SIGTERM, Signals
from typing import NamedTuple

from supervisor.core.places import Child, Shown, Slot

ROLES = BROKER, WEB, WORKER, COURIER = "broker", "web", "worker", "courier"  # the order in which a restart renews
HURRY_SECONDS = 1.0  # after a second stop: what is not gone by then is killed
ECHO_SECONDS = 0.3  # Ctrl-C reaches us twice (make and the process group): a second stop within this time is ignored
CALM_SECONDS = 30.0  # a worker that was not needed for this long is drained
LOSSES_MAX = 4  # a restart is given up when its new process has died this often before it was ready
HANG_SECONDS_MIN = 20.0  # a loop that does not turn for so long hangs: a slow disk's sync takes seconds
START_SECONDS_MAX = 600.0  # the same before it is ready: a ledger of an older version is migrated meanwhile
LOOK_SECONDS = 1.0  # how often this process notes that it is awake
LAST_WORDS_SECONDS = 1.0  # from SIGQUIT (the role logs where it hangs) to SIGKILL


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


class Fleet:
    """Keeps `brokers` (one is active, the others stand by), `web` web processes, `least` to `most` workers and
    `couriers` running until told to stop. Events are methods that return nothing; `settle` says what follows. `now` is
    monotonic seconds. A child that is silent for `hang_seconds` is ended."""

    def __init__(
        self, web: int, least: int, most: int, drain_seconds: float, hang_seconds: float, brokers: int = 1,
        couriers: int = 0,
    ) -> None:  # fmt: skip
        self._brokers, self._web, self._least, self._most, self._couriers = brokers, web, least, most, couriers
        self._hang_seconds, self._awake, self._looked = hang_seconds, 0.0, -inf
        self._wishes: list[tuple[float, int]] = []
        self._drain = {BROKER: 3.0, WEB: drain_seconds + 2.0, WORKER: drain_seconds + 3.0, COURIER: drain_seconds + 3.0}
        self._slots: list[Slot] = []
        self._leaving: list[Child] = []
        self._effects: list[Effect] = []
        self._started, self._round, self._rolling, self._stopped_at = 0, 0, False, inf

    def became_ready(self, number: int, now: float) -> None:
        """A child serves."""
        self.lives(number, now)
        for child in self.children():
            if child.number == number and child.state == "starting":
                child.state = "ready"

    def lives(self, number: int, now: float) -> None:
        """A child says that its loop turns."""
        self._look(now)
        for child in self.children():
            if child.number == number:
                child.last_seen = self._awake

    def exited(self, number: int, status: int, now: float) -> None:
        """A child is gone, with this exit status (of a signal: less than 0): unasked, it is replaced."""
        self._leaving = [child for child in self._leaving if child.number != number]
        for slot in self._slots:
            for child in [child for child in slot.children if child.number == number]:
                slot.lost(child, status, now)
                given_up = slot.losses >= LOSSES_MAX or child.refused(status)
                if child.round == self._round and child.state == "starting" and given_up:
                    self._end_restart(now, complete=False)

    def scale_requested(self, least: int, most: int) -> None:
        """At least and at most so many workers from now on."""
        self._least, self._most = least, most

    def wished(self, workers: int, now: float) -> None:
        """The broker says each second how many workers would keep up: more start at once, fewer after CALM_SECONDS."""
        self._wishes = [(at, wish) for at, wish in self._wishes if at > now - CALM_SECONDS] + [(now, workers)]

    def restart_requested(self, now: float) -> None:
        """Every process is to be new afterwards."""
        self._round, self._rolling = self._round + 1, True
        for slot in self._slots:
            self._retire(slot, now, slice(1, None))  # asked again: the last restart's successors go
            slot.losses, slot.due, slot.last = 0, now, ""

    def stop_requested(self, now: float) -> None:
        """Drain and end everything, the broker last; asked again, end at once."""
        first, self._stopped_at = self._stopped_at, min(self._stopped_at, now)
        if now - first >= ECHO_SECONDS:
            for child in self._leaving:
                self._effects.append(Signal(child.number, SIGTERM))
                child.kill_at = min(child.kill_at, now + HURRY_SECONDS)

    @property
    def drain_seconds(self) -> float:
        """From the first stop to the end of all, at most: the broker is told to end when all others have ended."""
        return max(self._drain[WEB], self._drain[WORKER]) + self._drain[BROKER]

    def settle(self, now: float) -> list[Effect]:
        """What is to be done now, in order. Call it after every event and at each `deadline`."""
        self._end_silent(now)
        if self._stopped_at < inf:
            self._end_restart(now, complete=False)
            wanted = self._brokers if any(child.role != BROKER for child in self.children()) else 0, 0, 0, 0
        else:
            workers = min(self._most, max([self._least, *(wish for _, wish in self._wishes)]))
            wanted = self._brokers, self._web, workers, self._couriers
        for role, number in zip(ROLES, wanted, strict=True):
            self._resize(role, number, now)
        for slot in self._slots:
            locked = slot.role == BROKER and self._brokers == 1 and any(child.role == BROKER for child in self._leaving)
            if not (slot.children or slot.due > now or locked):
                self._start(slot, now)
        if self._rolling:
            self._roll(now)
        for child in self.children():
            if child.kill_at <= now:
                child.kill_at = inf
                self._effects.append(Signal(child.number, SIGKILL))
        if self._stopped_at < inf and not self.children():
            self._effects.append(Done("stop", complete=True))
        effects, self._effects = self._effects, []
        return effects

    def deadline(self, now: float) -> float:
        """When there will be something to do (monotonic seconds; inf: never) if nothing happens before."""
        times = [slot.due for slot in self._slots if slot.due > now] + [child.kill_at for child in self.children()]
        if any(self._patience(child) < inf for child in self.children()):
            times.append(self._looked + LOOK_SECONDS)
        return min(times, default=inf)

    def children(self) -> list[Child]:
        """Every process that has not ended."""
        return [child for slot in self._slots for child in slot.children] + self._leaving

    def shown(self, now: float) -> list[Shown]:
        """The status of each process, and of each place without one."""
        lines: list[Shown] = []
        for slot in self._slots:
            lines += [self._line(child, now, slot.last) for child in slot.children]
            if not slot.children:
                lines.append(Shown(slot.role, "waiting", None, slot.due - now, slot.last))
        return lines + [self._line(child, now, "") for child in self._leaving]

    def _line(self, child: Child, now: float, last: str) -> Shown:
        """With the state that was last heard; `silent` after half of the time at which a silent child is ended."""
        quiet = child.state == "ready" and self._awake - child.last_seen >= self._patience(child) / 2
        return Shown(child.role, "silent" if quiet else child.state, child.number, now - child.since, last)

    def complete(self) -> bool:
        """Whether all that is wanted is there and ready; never again once told to stop."""
        return self._stopped_at == inf and all(it.children and it.children[0].state == "ready" for it in self._slots)

    def _look(self, now: float) -> None:
        """Count our own time awake. A longer absence (a machine asleep, a stop of all) counts as one look."""
        self._awake += min(max(now - self._looked, 0.0), LOOK_SECONDS)
        self._looked = now

    def _patience(self, child: Child) -> float:
        """For how long the child may be silent. A child that was told to end is killed by the clock instead."""
        limits = {"ready": self._hang_seconds, "starting": max(self._hang_seconds, START_SECONDS_MAX)}
        return limits.get(child.state, inf)

    def _end_silent(self, now: float) -> None:
        self._look(now)
        for child in self.children():
            if self._awake - child.last_seen >= (patience := self._patience(child)):
                child.state, child.fault = "silent", f"was silent for {patience:g} s"
                child.kill_at = now + LAST_WORDS_SECONDS
                self._effects.append(Signal(child.number, SIGQUIT))

    def _resize(self, role: str, wanted: int, now: float) -> None:
        places = [slot for slot in self._slots if slot.role == role]
        for slot in places[wanted:]:
            self._slots.remove(slot)
            self._retire(slot, now)
        self._slots += [Slot(role) for _ in range(wanted - len(places))]

    def _start(self, slot: Slot, now: float) -> None:
        self._started += 1
        slot.children.append(Child(self._started, slot.role, self._round, now, self._awake))
        self._effects.append(Start(self._started, slot.role))

    def _retire(self, slot: Slot, now: float, which: slice = slice(None)) -> None:
        for child in slot.children[which]:
            child.state, child.kill_at = "leaving", min(child.kill_at, now + self._drain[child.role])
            self._leaving.append(child)
            self._effects.append(Signal(child.number, SIGTERM))
        del slot.children[which]

    def _roll(self, now: float) -> None:
        """One step of a restart. A new process is ready before its old one is told to end, and before the next one's
        turn. An only broker is the exception: it has the term, so it ends before its successor starts."""
        for slot in self._slots:
            if not slot.children or slot.children[-1].round < self._round:
                if slot.children and slot.role == BROKER and self._brokers == 1:
                    self._retire(slot, now)
                elif slot.children and slot.due <= now:
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
