"""The plan of a chaos run: a pure function of its seed that covers what it must; and how jobs and faults keep pace."""

from collections import Counter

import pytest

from torture.chaos.plan import BROKER, DECODER, KILLED, LAST, SUPERVISOR, Kind, Pace, plan

SILENCE_SECONDS = 2.0


def test_a_seed_gives_one_plan_and_another_seed_another() -> None:
    assert plan(7, 50, SILENCE_SECONDS) == plan(7, 50, SILENCE_SECONDS)
    assert plan(7, 50, SILENCE_SECONDS) != plan(8, 50, SILENCE_SECONDS)


@pytest.mark.parametrize("kills", [len(KILLED), 20, 1000])
def test_there_are_just_so_many_kills_and_every_target_is_among_them(kills: int) -> None:
    killed = Counter(fault.target for fault in plan(1, kills, SILENCE_SECONDS) if fault.kind is Kind.KILL)
    assert sum(killed.values()) == kills
    assert set(killed) == set(KILLED)


def test_a_long_plan_has_everything_in_its_shares() -> None:
    faults = plan(1, 1000, SILENCE_SECONDS)
    kinds = Counter(fault.kind for fault in faults)
    assert (len(faults), set(kinds)) == (1500, set(Kind))
    assert Counter(fault.target for fault in faults if fault.kind is Kind.KILL)[DECODER] >= 300
    assert {fault.target for fault in faults if fault.kind is Kind.RESTART} == {SUPERVISOR}


def test_workers_are_killed_last_so_that_no_new_broker_hides_a_stranded_job() -> None:
    assert [(fault.kind, fault.target) for fault in plan(1, 20, SILENCE_SECONDS)[-3:]] == [
        (Kind.KILL, target) for target in LAST
    ]


def test_stops_are_shorter_and_longer_than_the_silence_and_nothing_else_lasts() -> None:
    for fault in plan(3, 500, SILENCE_SECONDS):
        match fault.kind:
            case Kind.STOP_SHORT:
                assert 0 < fault.stop_seconds < SILENCE_SECONDS
            case Kind.STOP_LONG:
                assert SILENCE_SECONDS < fault.stop_seconds < 3 * SILENCE_SECONDS
            case _:
                assert fault.stop_seconds == 0
        assert 0 < fault.gap_seconds <= 1
        assert 0 <= fault.pick < 1


def test_the_targets_are_not_hit_in_a_fixed_order() -> None:
    order = [fault.target for fault in plan(1, 100, SILENCE_SECONDS)]
    assert order != sorted(order)
    assert order.index(BROKER) != order.index(SUPERVISOR)


def test_neither_jobs_nor_faults_run_away() -> None:
    pace = Pace(jobs=1000, faults=100)
    pace.sent = 101
    assert not pace.may_send(), "100 jobs are ten faults' worth, and none was injected"
    pace.injected = 1
    assert pace.may_send()
    pace.injected = 11
    assert not pace.may_inject(), "nothing has ended yet"
    pace.ended = 10
    assert pace.may_inject()


def test_the_backlog_has_a_bound_and_the_last_jobs_need_no_fault() -> None:
    pace = Pace(jobs=100_000, faults=10)
    pace.injected, pace.sent = 10, 50_000
    assert not pace.may_send()
    pace.ended = 50_000 - Pace.BACKLOG + 1
    assert pace.may_send()


def test_the_two_never_wait_for_each_other() -> None:
    """Whatever is sent ends at once here: faults and uploads in turn come to their end."""
    pace = Pace(jobs=300, faults=60)
    while pace.injected < pace.faults or pace.sent < pace.jobs:
        before = (pace.injected, pace.sent)
        if pace.sent < pace.jobs and pace.may_send():
            pace.sent = pace.ended = pace.sent + 1
        if pace.injected < pace.faults and pace.may_inject():
            pace.injected += 1
        assert (pace.injected, pace.sent) != before
