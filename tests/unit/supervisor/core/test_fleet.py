"""The supervisor's core on a fake clock: facts in, effects out."""

from math import inf
from signal import SIGKILL, SIGQUIT, SIGTERM

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from supervisor.core.fleet import (
    BROKER,
    COURIER,
    LOSSES_MAX,
    WEB,
    WORKER,
    Done,
    Effect,
    Fleet,
    Signal,
    Start,
)
from supervisor.core.places import BACKOFF_SECONDS_MAX

KILLED = -9
HANG_SECONDS = 5.0


def fleet(web: int = 1, workers: int = 1, most: int = 0, hang_seconds: float = inf, brokers: int = 1) -> Fleet:
    return Fleet(web, workers, max(workers, most), 30.0, hang_seconds, brokers)


def running(web: int = 1, workers: int = 1, most: int = 0, hang_seconds: float = inf, brokers: int = 1) -> Fleet:
    """A fleet whose processes are ready at time 0: the brokers are the first children, then web, then workers."""
    started = fleet(web, workers, most, hang_seconds, brokers)
    for effect in started.settle(0.0):
        assert isinstance(effect, Start)
        started.became_ready(effect.child, 0.0)
    assert started.settle(0.0) == []
    assert started.complete()
    return started


def test_starts_everything_at_once() -> None:
    assert fleet(web=2, workers=1).settle(0.0) == [Start(1, BROKER), Start(2, WEB), Start(3, WEB), Start(4, WORKER)]


def test_couriers_are_started_replaced_and_drained_before_the_broker() -> None:
    started = Fleet(1, 1, 1, 30.0, inf, couriers=1)
    effects = started.settle(0.0)
    assert effects == [Start(1, BROKER), Start(2, WEB), Start(3, WORKER), Start(4, COURIER)]
    for child in (1, 2, 3, 4):
        started.became_ready(child, 0.0)
    assert started.settle(0.0) == [] and started.complete()
    started.exited(4, KILLED, 20.0)
    assert started.settle(20.0) == [Start(5, COURIER)]
    started.became_ready(5, 20.0)
    started.stop_requested(21.0)
    assert started.settle(21.0) == [Signal(child, SIGTERM) for child in (2, 3, 5)]
    for child in (2, 3, 5):
        started.exited(child, 0, 22.0)
    assert started.settle(22.0) == [Signal(1, SIGTERM)]


def test_says_how_long_a_drain_takes_at_most() -> None:
    assert fleet().drain_seconds == 30.0 + 3.0 + 3.0, "a worker's, and then the broker's"


def test_is_complete_when_all_are_ready() -> None:
    started = fleet()
    started.settle(0.0)
    started.became_ready(1, 0.0)
    started.became_ready(2, 0.0)
    assert not started.complete()
    started.became_ready(3, 0.0)
    assert started.complete()


def test_is_never_complete_once_told_to_stop() -> None:
    started = running(web=0, workers=0)
    started.stop_requested(1.0)
    assert not started.complete()


def test_a_restart_that_is_given_up_leaves_one_process_in_each_place() -> None:
    started = running(web=2, workers=0)
    started.restart_requested(1.0)
    started.settle(1.0)
    started.exited(1, KILLED, 1.0)
    (broker,) = [effect.child for effect in started.settle(1.0) if isinstance(effect, Start)]
    started.became_ready(broker, 0.0)
    now = 1.0
    (first,) = [effect.child for effect in started.settle(now) if isinstance(effect, Start)]
    started.became_ready(first, 0.0)
    (second,) = [effect.child for effect in started.settle(now) if isinstance(effect, Start)]
    effects: list[Effect] = []
    for _ in range(LOSSES_MAX + 1):
        started.exited(first, KILLED, now)
        now += BACKOFF_SECONDS_MAX
        effects += started.settle(now)
        first = max(effect.child for effect in effects if isinstance(effect, Start))
    assert Done("restart", complete=False) in effects
    assert Signal(second, SIGTERM) in effects


def test_the_first_loss_is_replaced_at_once() -> None:
    started = running()
    started.exited(3, KILLED, 1.0)
    assert started.settle(1.0) == [Start(4, WORKER)]


def test_back_off_doubles_to_three_seconds_and_does_not_hold_up_others() -> None:
    started = running()
    now, child, pauses = 1.0, 3, []
    for _ in range(2000):
        started.exited(child, KILLED, now)
        effects = started.settle(now)
        pauses.append(0.0)
        if not effects:
            due = started.deadline(now)
            assert started.settle(due - 0.001) == []
            pauses[-1], now = round(due - now, 3), due
            effects = started.settle(now)
        (start,) = effects
        assert isinstance(start, Start)
        child = start.child
    assert pauses[:8] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0]
    assert pauses[-1] == 3.0
    started.exited(2, KILLED, now)
    assert started.settle(now) == [Start(child + 1, WEB)]


def test_losses_are_forgotten_after_ten_seconds_up() -> None:
    started = running()
    started.exited(3, KILLED, 1.0)
    assert started.settle(1.0) == [Start(4, WORKER)]
    started.exited(4, KILLED, 11.0)
    assert started.settle(11.0) == [Start(5, WORKER)]


def test_scale_adds_and_drains_workers_only() -> None:
    started = running(workers=2)
    started.scale_requested(3, 3)
    assert started.settle(1.0) == [Start(5, WORKER)]
    started.scale_requested(0, 0)
    assert {*started.settle(2.0)} == {Signal(3, SIGTERM), Signal(4, SIGTERM), Signal(5, SIGTERM)}
    for child in (3, 4, 5):
        started.exited(child, KILLED, 3.0)
    assert started.settle(3.0) == []
    assert [child.role for child in started.children()] == [BROKER, WEB]


def test_a_range_follows_what_the_broker_wishes() -> None:
    """Up at once, and never above; down to what was wished last once nobody has wished more for 30 s; never below."""
    started = running(workers=1, most=3)
    started.wished(2, 1.0)
    assert started.settle(1.0) == [Start(4, WORKER)]
    started.wished(9, 2.0)
    assert started.settle(2.0) == [Start(5, WORKER)]
    for now in range(3, 32):
        started.wished(2 if now < 20 else 0, float(now))
        assert started.settle(float(now)) == []
    started.wished(0, 32.0)
    assert started.settle(32.0) == [Signal(5, SIGTERM)]
    started.wished(3, 33.0)
    assert started.settle(33.0) == [Start(6, WORKER)]
    for now in range(34, 64):
        started.wished(0, float(now))
    assert {*started.settle(63.0)} == {Signal(4, SIGTERM), Signal(6, SIGTERM)}


def test_a_number_is_kept_whatever_the_broker_wishes() -> None:
    started = running(workers=2)
    for wish in (0, 9):
        started.wished(wish, 1.0)
        assert started.settle(1.0) == []


def test_a_new_range_holds_from_now_on() -> None:
    started = running(workers=1)
    started.wished(3, 1.0)
    started.scale_requested(0, 2)
    assert started.settle(1.0) == [Start(4, WORKER)]
    started.scale_requested(1, 1)
    assert started.settle(2.0) == [Signal(4, SIGTERM)]


def test_a_broker_killed_while_a_worker_drains_is_replaced_at_once() -> None:
    started = running()
    started.scale_requested(0, 0)
    started.settle(1.0)
    started.exited(1, KILLED, 2.0)
    assert started.settle(2.0) == [Start(4, BROKER)]


def test_a_drain_past_its_deadline_is_killed_once() -> None:
    started = running()
    started.scale_requested(0, 0)
    started.settle(1.0)
    assert started.deadline(1.0) == 34.0
    assert started.settle(33.9) == []
    assert started.settle(34.0) == [Signal(3, SIGKILL)]
    assert started.deadline(34.0) == inf


def test_stop_drains_web_and_workers_at_once_and_the_broker_last() -> None:
    started = running()
    started.stop_requested(1.0)
    assert started.settle(1.0) == [Signal(2, SIGTERM), Signal(3, SIGTERM)]
    started.exited(2, KILLED, 1.5)
    assert started.settle(1.5) == []
    started.exited(3, KILLED, 9.0)
    assert started.settle(9.0) == [Signal(1, SIGTERM)]
    started.exited(1, KILLED, 9.5)
    assert started.settle(9.5) == [Done("stop", True)]


def test_several_brokers_run_and_are_stopped_last() -> None:
    assert fleet(web=0, workers=1, brokers=2).settle(0.0) == [Start(1, BROKER), Start(2, BROKER), Start(3, WORKER)]
    started = running(web=0, workers=1, brokers=2)
    started.stop_requested(1.0)
    assert started.settle(1.0) == [Signal(3, SIGTERM)]
    started.exited(3, KILLED, 2.0)
    assert started.settle(2.0) == [Signal(1, SIGTERM), Signal(2, SIGTERM)]


def test_one_of_several_brokers_is_renewed_once_its_successor_stands_by() -> None:
    started = running(web=0, workers=0, brokers=2)
    started.restart_requested(1.0)
    assert started.settle(1.0) == [Start(3, BROKER)]
    started.became_ready(3, 2.0)
    assert started.settle(2.0) == [Signal(1, SIGTERM), Start(4, BROKER)]
    started.exited(1, KILLED, 2.5)
    started.became_ready(4, 3.0)
    assert started.settle(3.0) == [Signal(2, SIGTERM)]
    started.exited(2, KILLED, 3.5)
    assert started.settle(3.5) == [Done("restart", True)]


def test_a_broker_killed_beside_one_that_leaves_is_replaced_at_once() -> None:
    started = running(web=0, workers=0, brokers=2)
    started.restart_requested(1.0)
    started.settle(1.0)
    started.became_ready(3, 2.0)
    assert started.settle(2.0) == [Signal(1, SIGTERM), Start(4, BROKER)]
    started.exited(3, KILLED, 2.5)
    assert started.settle(2.5) == [Start(5, BROKER)]


def test_a_broker_killed_during_the_stop_comes_back_for_the_draining_workers() -> None:
    started = running()
    started.stop_requested(1.0)
    started.settle(1.0)
    started.exited(1, KILLED, 2.0)
    assert started.settle(2.0) == [Start(4, BROKER)]
    started.exited(2, KILLED, 2.0)
    started.exited(3, KILLED, 3.0)
    assert started.settle(3.0) == [Signal(4, SIGTERM)]


def test_a_second_stop_hurries_and_then_kills() -> None:
    started = running()
    started.stop_requested(1.0)
    started.settle(1.0)
    started.stop_requested(2.0)
    assert started.settle(2.0) == [Signal(2, SIGTERM), Signal(3, SIGTERM)]
    started.exited(2, KILLED, 2.1)
    assert started.deadline(2.1) == 3.0
    assert started.settle(3.0) == [Signal(3, SIGKILL)]
    started.exited(3, KILLED, 3.0)
    assert started.settle(3.0) == [Signal(1, SIGTERM)]


def test_an_echo_of_the_same_stop_hurries_nobody() -> None:
    started = running()
    started.stop_requested(1.0)
    started.settle(1.0)
    started.stop_requested(1.1)
    assert started.settle(1.1) == []


def test_nothing_is_scaled_up_after_a_stop() -> None:
    started = running()
    started.stop_requested(1.0)
    started.settle(1.0)
    started.scale_requested(3, 3)
    started.wished(3, 1.0)
    started.exited(3, KILLED, 1.1)
    assert started.settle(1.1) == []


def test_restart_renews_one_after_the_other_each_ready_before_the_next() -> None:
    started = running(web=1, workers=2)
    started.restart_requested(1.0)
    assert started.settle(1.0) == [Signal(1, SIGTERM)]
    started.exited(1, KILLED, 1.2)
    assert started.settle(1.2) == [Start(5, BROKER)]
    started.became_ready(5, 0.0)
    assert started.settle(1.3) == [Start(6, WEB)]
    started.became_ready(6, 0.0)
    assert started.settle(1.4) == [Signal(2, SIGTERM), Start(7, WORKER)]
    started.became_ready(7, 0.0)
    assert started.settle(1.5) == [Signal(3, SIGTERM), Start(8, WORKER)]
    started.became_ready(8, 0.0)
    assert started.settle(1.6) == [Signal(4, SIGTERM)]
    started.exited(2, KILLED, 1.7)
    started.exited(4, KILLED, 1.8)
    assert started.settle(1.8) == []
    started.exited(3, KILLED, 20.0)
    assert started.settle(20.0) == [Done("restart", True)]
    assert [child.number for child in started.children()] == [5, 6, 7, 8]


def test_the_old_goes_on_while_its_successor_dies_and_the_restart_is_given_up() -> None:
    started = running(web=1, workers=0)
    started.restart_requested(1.0)
    started.settle(1.0)
    started.exited(1, KILLED, 1.0)
    started.settle(1.0)
    started.became_ready(3, 0.0)
    assert started.settle(1.0) == [Start(4, WEB)]
    started.exited(4, KILLED, 1.0)
    assert started.settle(1.0) == [Start(5, WEB)]
    started.exited(5, KILLED, 1.0)
    assert started.settle(1.0) == []
    assert started.settle(1.11) == [Start(6, WEB)]
    started.exited(6, KILLED, 1.2)
    assert started.settle(1.41) == [Start(7, WEB)]
    started.exited(7, KILLED, 1.5)
    assert started.settle(1.5) == [Done("restart", False)]
    assert [(child.number, child.state) for child in started.children()] == [(3, "ready"), (2, "ready")]


def test_a_successor_takes_the_place_of_an_old_one_that_dies_first() -> None:
    started = running(web=1, workers=0)
    started.restart_requested(1.0)
    started.settle(1.0)
    started.exited(1, KILLED, 1.0)
    started.settle(1.0)
    started.became_ready(3, 0.0)
    assert started.settle(1.1) == [Start(4, WEB)]
    started.exited(2, KILLED, 1.2)
    assert started.settle(1.2) == []
    started.became_ready(4, 0.0)
    assert started.settle(1.3) == [Done("restart", True)]


def test_a_restart_requested_again_ends_the_successor_of_the_last_one() -> None:
    started = running(web=1, workers=0)
    started.restart_requested(1.0)
    started.settle(1.0)
    started.exited(1, KILLED, 1.0)
    started.settle(1.0)
    started.became_ready(3, 0.0)
    assert started.settle(1.1) == [Start(4, WEB)]
    started.restart_requested(1.2)
    assert started.settle(1.2) == [Signal(4, SIGTERM), Signal(3, SIGTERM)]
    started.exited(3, KILLED, 1.3)
    started.settle(1.3)
    started.became_ready(5, 0.0)
    assert started.settle(1.4) == [Start(6, WEB)]
    started.became_ready(6, 0.0)
    assert started.settle(1.5) == [Signal(2, SIGTERM)]


def test_a_restart_requested_again_and_again_leaves_one_successor_of_two_brokers() -> None:
    """The successor of the one broker is ready, and that of the other is not, when all is to be new once more."""
    started = running(web=0, workers=0, brokers=2)
    started.restart_requested(1.0)
    assert started.settle(1.0) == [Start(3, BROKER)]
    started.became_ready(3, 1.1)
    assert started.settle(1.1) == [Signal(1, SIGTERM), Start(4, BROKER)]
    started.restart_requested(1.2)
    assert started.settle(1.2) == [Signal(4, SIGTERM), Start(5, BROKER)]


def test_a_restart_forgives_earlier_losses() -> None:
    started = running(web=1, workers=0)
    for child, now in ((2, 1.0), (3, 1.0), (4, 1.11), (5, 1.32)):
        started.exited(child, KILLED, now)
        started.settle(now)
        started.settle(started.deadline(now) if child in (3, 4) else now)
    assert [child.role for child in started.children()] == [BROKER]
    started.restart_requested(1.33)
    assert started.settle(1.33) == [Start(6, WEB), Signal(1, SIGTERM)]
    started.exited(6, KILLED, 1.4)
    assert started.settle(1.4) == [Start(7, WEB)], "the first loss since then costs no pause"


def test_a_ready_process_that_is_killed_does_not_give_up_a_restart() -> None:
    started = running(web=1, workers=0)
    started.restart_requested(1.0)
    started.settle(1.0)
    broker = 1
    for now in (1.0, 1.2, 1.5, 2.0, 3.0):
        started.exited(broker, KILLED, now)
        (start,) = started.settle(now) or started.settle(started.deadline(now))
        assert isinstance(start, Start)
        broker = start.child
        started.became_ready(broker, 0.0)
    started.exited(broker, KILLED, 4.0)
    assert Done("restart", False) not in started.settle(4.0)


def test_a_late_ready_changes_nothing_for_a_process_told_to_end() -> None:
    started = fleet(web=0)
    started.settle(0.0)
    started.scale_requested(0, 0)
    started.settle(1.0)
    started.became_ready(2, 0.0)
    assert [(child.number, child.state) for child in started.children()] == [(1, "starting"), (2, "leaving")]


def test_a_stop_ends_a_restart() -> None:
    started = running()
    started.restart_requested(1.0)
    started.settle(1.0)
    started.stop_requested(1.1)
    assert Done("restart", False) in started.settle(1.1)


@pytest.mark.parametrize("asked", ["scale", "restart"])
def test_a_second_restart_or_scale_during_a_restart_is_carried_out(asked: str) -> None:
    machine = FleetMachine()
    machine.begin(web=2, workers=2, brokers=1)
    machine.restart()
    machine.start_is_ready(0)
    if asked == "restart":
        machine.restart()
    else:
        machine.scale(3)
    machine.quiesce()
    assert machine.results == [Done("restart", True)]


class FleetMachine(RuleBasedStateMachine):
    """Random events against a fake machine: processes start, become ready, die and obey signals."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.alive: dict[int, str] = {}
        self.ready: set[int] = set()
        self.told: set[int] = set()
        self.hung: set[int] = set()
        self.results: list[Effect] = []
        self.wanted = 0
        self.stopping = self.restarted = False

    @initialize(web=st.integers(1, 3), workers=st.integers(0, 3), brokers=st.integers(1, 2))
    def begin(self, web: int, workers: int, brokers: int) -> None:
        self.fleet = Fleet(web, workers, workers, 5.0, HANG_SECONDS, brokers)
        self.wanted, self.web, self.brokers = workers, web, brokers
        self.settle()

    def settle(self) -> None:
        while effects := self.fleet.settle(self.now):
            for effect in effects:
                match effect:
                    case Start(child, role):
                        assert child not in self.alive
                        assert role != BROKER or self.brokers > 1 or BROKER not in self.alive.values(), "two brokers"
                        self.alive[child] = role
                    case Signal(child, number):
                        assert child in self.alive, "a signal to the dead"
                        if number == SIGQUIT:
                            assert child in self.hung, "killed, though it said that it lives"
                            continue
                        self.told.add(child)
                        if number == SIGKILL:
                            self.die(child)
                    case Done():
                        self.results.append(effect)
            if Done("stop", True) in effects:
                return

    def die(self, child: int) -> None:
        del self.alive[child]
        self.hung.discard(child)
        self.fleet.exited(child, KILLED, self.now)

    @precondition(lambda self: self.alive)
    @rule(index=st.integers(0, 20))
    def start_is_ready(self, index: int) -> None:
        child = sorted(self.alive)[index % len(self.alive)]
        self.ready.add(child)
        self.fleet.became_ready(child, self.now)
        self.settle()

    @precondition(lambda self: self.ready & self.alive.keys())
    @rule(index=st.integers(0, 20))
    def one_hangs(self, index: int) -> None:
        serving = sorted(self.ready & self.alive.keys())
        self.hung.add(serving[index % len(serving)])

    @precondition(lambda self: self.alive)
    @rule(index=st.integers(0, 20))
    def one_dies(self, index: int) -> None:
        self.die(sorted(self.alive)[index % len(self.alive)])
        self.settle()

    @rule(seconds=st.floats(0.01, 20.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.others_live()
        self.settle()

    def others_live(self) -> None:
        for child in self.alive.keys() - self.hung:
            self.fleet.lives(child, self.now)

    @rule(workers=st.integers(0, 5))
    def scale(self, workers: int) -> None:
        self.fleet.scale_requested(workers, workers)
        if not self.stopping:
            self.wanted = workers
        self.settle()

    @rule(workers=st.integers(0, 5))
    def wish(self, workers: int) -> None:
        self.fleet.wished(workers, self.now)
        self.settle()

    @rule()
    def restart(self) -> None:
        self.restarted = True
        self.before = set(self.alive)
        self.fleet.restart_requested(self.now)
        self.settle()

    @precondition(lambda self: self.steps_so_far > 8)
    @rule()
    def stop(self) -> None:
        self.stopping = True
        self.fleet.stop_requested(self.now)
        self.settle()

    steps_so_far = 0

    @invariant()
    def counts(self) -> None:
        self.steps_so_far += 1
        if not hasattr(self, "fleet"):
            return
        assert sorted(child.number for child in self.fleet.children()) == sorted(self.alive)
        staying = [role for child, role in self.alive.items() if child not in self.told]
        assert staying.count(BROKER) <= (1 if self.brokers == 1 else self.brokers + 1)
        if not self.stopping:
            assert staying.count(WEB) <= self.web + 1, "more than one successor at a time"

    def quiesce(self) -> None:
        """From now on everything told to end does, and everything started becomes ready; but what hangs, hangs."""
        for _ in range(200):
            for child in [child for child in self.alive if child in self.told - self.hung]:
                self.die(child)
            for child in self.alive.keys() - self.hung:
                self.ready.add(child)
                self.fleet.became_ready(child, self.now)
            self.others_live()
            self.settle()
            self.now += 1.0

    def teardown(self) -> None:
        if not hasattr(self, "fleet"):
            return
        self.quiesce()
        assert not self.hung, "what hangs is never replaced"
        roles = list(self.alive.values())
        expected = (0, 0, 0) if self.stopping else (self.brokers, self.web, self.wanted)
        assert (roles.count(BROKER), roles.count(WEB), roles.count(WORKER)) == expected
        if self.stopping:
            assert self.results[-1] == Done("stop", True)
        elif self.restarted and self.results and self.results[-1] == Done("restart", True):
            assert not self.before & set(self.alive), "an old process survived a complete restart"
        assert self.stopping or not self.restarted or self.results, "a restart without a result"


TestFleet = FleetMachine.TestCase
TestFleet.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
