"""The plan of a chaos run: a pure function of its seed that covers what it must; and how jobs and strikes keep pace."""

from collections import Counter

import pytest

from torture.chaos.plan import BROKER, DECODER, KILLED, LAST, SUPERVISOR, Kind, Pace, plan

SILENCE_SECONDS = 2.0


def test_a_seed_gives_one_plan_and_another_seed_another() -> None:
    assert plan(7, 50, SILENCE_SECONDS) == plan(7, 50, SILENCE_SECONDS)
    assert plan(7, 50, SILENCE_SECONDS) != plan(8, 50, SILENCE_SECONDS)


@pytest.mark.parametrize("kills", [len(KILLED), 20, 1000])
def test_there_are_just_so_many_kills_and_every_target_is_among_them(kills: int) -> None:
    killed = Counter(strike.target for strike in plan(1, kills, SILENCE_SECONDS) if strike.kind is Kind.KILL)
    assert sum(killed.values()) == kills
    assert set(killed) == set(KILLED)


def test_a_long_plan_has_everything_in_its_shares() -> None:
    strikes = plan(1, 1000, SILENCE_SECONDS)
    kinds = Counter(strike.kind for strike in strikes)
    assert (len(strikes), set(kinds)) == (1500, set(Kind))
    assert Counter(strike.target for strike in strikes if strike.kind is Kind.KILL)[DECODER] >= 300
    assert {strike.target for strike in strikes if strike.kind is Kind.RESTART} == {SUPERVISOR}


def test_workers_are_killed_last_so_that_no_new_broker_hides_a_stranded_job() -> None:
    assert [(strike.kind, strike.target) for strike in plan(1, 20, SILENCE_SECONDS)[-3:]] == [
        (Kind.KILL, target) for target in LAST
    ]


def test_stops_are_shorter_and_longer_than_the_silence_and_nothing_else_lasts() -> None:
    for strike in plan(3, 500, SILENCE_SECONDS):
        match strike.kind:
            case Kind.STOP_SHORT:
                assert 0 < strike.stop_seconds < SILENCE_SECONDS
            case Kind.STOP_LONG:
                assert SILENCE_SECONDS < strike.stop_seconds < 3 * SILENCE_SECONDS
            case _:
                assert strike.stop_seconds == 0
        assert 0 < strike.gap_seconds <= 1
        assert 0 <= strike.pick < 1


def test_the_victims_are_not_struck_in_a_fixed_order() -> None:
    order = [strike.target for strike in plan(1, 100, SILENCE_SECONDS)]
    assert order != sorted(order)
    assert order.index(BROKER) != order.index(SUPERVISOR)


def test_neither_jobs_nor_strikes_run_away() -> None:
    pace = Pace(jobs=1000, strikes=100)
    pace.sent = 101
    assert not pace.may_send(), "100 jobs are ten strikes' worth, and none was struck"
    pace.struck = 1
    assert pace.may_send()
    pace.struck = 11
    assert not pace.may_strike(), "nothing has ended yet"
    pace.ended = 10
    assert pace.may_strike()


def test_the_backlog_has_a_bound_and_the_last_jobs_need_no_strike() -> None:
    pace = Pace(jobs=100_000, strikes=10)
    pace.struck, pace.sent = 10, 50_000
    assert not pace.may_send()
    pace.ended = 50_000 - Pace.BACKLOG + 1
    assert pace.may_send()


def test_the_two_never_wait_for_each_other() -> None:
    """Whatever is sent ends at once here: strikes and uploads in turn come to their end."""
    pace = Pace(jobs=300, strikes=60)
    while pace.struck < pace.strikes or pace.sent < pace.jobs:
        before = (pace.struck, pace.sent)
        if pace.sent < pace.jobs and pace.may_send():
            pace.sent = pace.ended = pace.sent + 1
        if pace.struck < pace.strikes and pace.may_strike():
            pace.struck += 1
        assert (pace.struck, pace.sent) != before
