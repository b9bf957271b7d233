"""Who says nothing is ended, and who could say nothing is not: the supervisor's core on a fake clock."""

from signal import SIGKILL, SIGQUIT, SIGTERM

import pytest

from supervisor.core.fleet import (
    BROKER,
    LAST_WORDS_SECONDS,
    LOOK_SECONDS,
    START_SECONDS_MAX,
    WEB,
    WORKER,
    Done,
    Effect,
    Fleet,
    Signal,
    Start,
)
from supervisor.core.places import FORGET_SECONDS, REFUSED, REFUSED_SECONDS_MAX, REFUSED_SECONDS_MIN

HANG_SECONDS = 20.0
TOLD_EACH = 5.0
ROLES = {1: BROKER, 2: WEB, 3: WORKER}


class Clock:
    """A fleet of a broker, a web process and a worker, and a supervisor that is awake: it settles at each deadline.
    All but `silent` say every five seconds that they live."""

    def __init__(self, *, ready: bool = True) -> None:
        self.fleet, self.now, self.silent = Fleet(1, 1, 1, 30.0, HANG_SECONDS), 0.0, set[int]()
        self.effects: list[tuple[float, Effect]] = []
        self.settle()
        if ready:
            for child in ROLES:
                self.fleet.became_ready(child, 0.0)
            assert self.fleet.complete()
        self.effects.clear()

    def settle(self) -> None:
        self.effects += [(self.now, effect) for effect in self.fleet.settle(self.now)]

    def awake(self, seconds: float) -> None:
        """Time passes, and nothing holds the supervisor up."""
        until, tell_at = self.now + seconds, self.now
        while self.now < until:
            if self.now >= tell_at:
                tell_at += TOLD_EACH
                for child in self.fleet.children():
                    if child.number not in self.silent:
                        self.fleet.lives(child.number, self.now)
            self.now = min(self.fleet.deadline(self.now), tell_at, until)
            self.settle()

    def states(self) -> dict[str, str]:
        return {line.role: line.state for line in self.fleet.shown(self.now)}


@pytest.mark.parametrize("child", ROLES)
def test_a_silent_process_is_killed_and_replaced_whatever_its_role(child: int) -> None:
    clock = Clock()
    clock.silent.add(child)
    clock.awake(HANG_SECONDS + 2 * LAST_WORDS_SECONDS)
    (asked, quit_), (killed, kill) = clock.effects
    assert (quit_, kill) == (Signal(child, SIGQUIT), Signal(child, SIGKILL))
    assert HANG_SECONDS <= asked <= HANG_SECONDS + LOOK_SECONDS
    assert killed == asked + LAST_WORDS_SECONDS
    clock.fleet.exited(child, -SIGKILL, clock.now)
    assert clock.fleet.settle(clock.now) == [Start(4, ROLES[child])]
    assert [line.last for line in clock.fleet.shown(clock.now) if line.child == 4] == ["was silent for 20 s"]


def test_who_says_that_it_lives_is_left_alone() -> None:
    clock = Clock()
    clock.awake(10 * HANG_SECONDS)
    assert clock.effects == []


def test_the_status_says_of_half_a_silence_that_it_is_one() -> None:
    clock = Clock()
    clock.silent.add(1)
    clock.awake(HANG_SECONDS / 2 + LOOK_SECONDS)
    assert clock.states() == {BROKER: "silent", WEB: "ready", WORKER: "ready"}
    clock.silent.clear()
    clock.awake(LOOK_SECONDS)
    assert clock.states()[BROKER] == "ready"
    assert clock.effects == []


@pytest.mark.parametrize("absence", [HANG_SECONDS, 45.0, 100_000.0])
def test_a_machine_that_stood_still_is_nobodys_silence(absence: float) -> None:
    """All were stopped, or the machine slept: each process has as long as before to say that it lives."""
    clock = Clock()
    clock.awake(1.0)
    clock.now += absence
    clock.settle()
    assert clock.effects == []
    clock.awake(HANG_SECONDS)
    assert clock.effects == []


def test_a_machine_that_stands_still_again_and_again_is_nobodys_silence() -> None:
    clock = Clock()
    for _ in range(30):
        clock.now += 30.0
        clock.settle()
        clock.awake(TOLD_EACH)
    assert clock.effects == []


def test_a_hang_is_found_also_where_the_machine_stood_still_meanwhile() -> None:
    clock = Clock()
    clock.silent.add(1)
    clock.awake(HANG_SECONDS / 2)
    clock.now += 3600.0
    clock.awake(HANG_SECONDS / 2)
    assert clock.effects[0][1] == Signal(1, SIGQUIT)


def test_a_start_may_take_long_and_not_for_ever() -> None:
    clock = Clock(ready=False)
    clock.silent.update(ROLES)
    clock.awake(START_SECONDS_MAX - LOOK_SECONDS)
    assert clock.effects == []
    clock.awake(2 * LOOK_SECONDS)
    assert [effect for _, effect in clock.effects[:3]] == [Signal(child, SIGQUIT) for child in ROLES]


def test_one_that_was_silent_while_it_started_has_its_time_once_it_is_ready() -> None:
    clock = Clock(ready=False)
    clock.silent.update(ROLES)
    clock.awake(2 * HANG_SECONDS)
    for child in ROLES:
        clock.fleet.became_ready(child, clock.now)
    clock.awake(HANG_SECONDS - LOOK_SECONDS)
    assert clock.effects == []


def test_a_stop_puts_the_kill_of_a_silent_process_off_for_nothing() -> None:
    clock = Clock()
    clock.silent.add(3)
    while not clock.effects:
        clock.awake(LOOK_SECONDS)
    ((asked, _),) = clock.effects
    clock.fleet.stop_requested(clock.now)
    clock.awake(LAST_WORDS_SECONDS)
    assert (asked + LAST_WORDS_SECONDS, Signal(3, SIGKILL)) in clock.effects


def test_who_was_told_to_end_has_its_drain_however_silent() -> None:
    clock = Clock()
    clock.silent.update({2, 3})
    clock.fleet.stop_requested(0.0)
    clock.settle()
    clock.awake(31.9)
    assert [effect for _, effect in clock.effects] == [Signal(2, SIGTERM), Signal(3, SIGTERM)]
    clock.awake(2.0)
    assert [effect for _, effect in clock.effects[2:]] == [Signal(2, SIGKILL), Signal(3, SIGKILL)]


def test_one_that_cannot_start_as_configured_is_tried_each_minute_and_shown() -> None:
    fleet, now, pauses = Fleet(1, 0, 0, 30.0, HANG_SECONDS), 0.0, list[float]()
    fleet.settle(now)
    child = 2
    for _ in range(9):
        fleet.exited(child, REFUSED, now)
        fleet.settle(now)
        (shown,) = [line for line in fleet.shown(now) if line.role == WEB]
        assert (shown.state, shown.child) == ("waiting", None)
        assert shown.last == "cannot start as configured, its log says why"
        pauses.append(shown.seconds)
        now += shown.seconds
        (start,) = fleet.settle(now)
        assert isinstance(start, Start)
        child = start.child
    assert pauses[0] == REFUSED_SECONDS_MIN
    assert pauses == sorted(pauses)
    assert pauses[-1] == REFUSED_SECONDS_MAX


def test_one_that_takes_long_to_say_that_it_cannot_start_is_tried_ever_more_seldom_too() -> None:
    fleet, now, pauses = Fleet(0, 0, 0, 30.0, HANG_SECONDS), 0.0, list[float]()
    for child in range(1, 5):
        assert fleet.settle(now) == [Start(child, BROKER)]
        now += 2 * FORGET_SECONDS
        fleet.exited(child, REFUSED, now)
        (shown,) = fleet.shown(now)
        pauses.append(shown.seconds)
        now += shown.seconds
    assert pauses == [REFUSED_SECONDS_MIN * 2**nth for nth in range(4)]


def test_one_that_served_and_ends_with_that_status_is_replaced_at_once() -> None:
    clock = Clock()
    clock.fleet.exited(3, REFUSED, 1.0)
    assert clock.fleet.settle(1.0) == [Start(4, WORKER)]


def test_a_restart_into_a_configuration_that_cannot_start_is_given_up_at_once() -> None:
    clock = Clock()
    clock.fleet.restart_requested(1.0)
    clock.fleet.settle(1.0)
    clock.fleet.exited(1, 0, 1.0)
    (start,) = clock.fleet.settle(1.0)
    assert isinstance(start, Start)
    clock.fleet.became_ready(start.child, 1.1)
    (web,) = clock.fleet.settle(1.1)
    assert isinstance(web, Start)
    clock.fleet.exited(web.child, REFUSED, 1.2)
    assert Done("restart", complete=False) in clock.fleet.settle(1.2)
    assert clock.states() == {BROKER: "ready", WEB: "ready", WORKER: "ready"}


def test_a_restart_goes_on_though_one_of_before_it_cannot_start() -> None:
    """It was started with the old configuration, and says nothing about the new one."""
    fleet = Fleet(1, 0, 0, 30.0, HANG_SECONDS)
    fleet.settle(0.0)
    fleet.became_ready(1, 0.0)
    fleet.restart_requested(1.0)
    fleet.settle(1.0)
    fleet.exited(2, REFUSED, 1.1)
    assert Done("restart", complete=False) not in fleet.settle(1.1)


def test_a_restart_that_is_asked_tries_at_once_what_was_corrected() -> None:
    fleet = Fleet(1, 0, 0, 30.0, HANG_SECONDS)
    fleet.settle(0.0)
    fleet.exited(2, REFUSED, 0.0)
    assert fleet.settle(0.1) == []
    fleet.restart_requested(0.2)
    assert Start(3, WEB) in fleet.settle(0.2)
