"""What a worker's connection and a machine's key may send, by a clock that the test holds."""

from collections.abc import Iterable

import pytest

from broker.frames import budget
from broker.frames.budget import (
    BURST_SECONDS,
    BYTES_PER_SECOND,
    DEBT_SECONDS,
    FRAMES_PER_SECOND,
    KEY_RATE,
    Budget,
    Budgets,
    Verdict,
)
from jobs import wire

BURST = int(BURST_SECONDS * FRAMES_PER_SECOND)
SHORT = 0
LONG = wire.FRAME_BYTES_MAX


def sent(budgets: Budgets, count: int, now: float, peer: bytes = b"w", key: bytes | None = None) -> list[Verdict]:
    """What becomes of so many empty frames."""
    return [budgets.judge(peer, key, SHORT, now) for _ in range(count)]


def read(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict is Verdict.READ for verdict in verdicts)


def test_a_sender_of_less_than_its_rate_is_always_read() -> None:
    budgets, gap = Budgets(), 1 / (FRAMES_PER_SECOND - 1)
    assert all(budgets.judge(b"w", b"k", SHORT, number * gap) is Verdict.READ for number in range(2 * BURST))


def test_bytes_cost_beside_the_frame() -> None:
    budgets, gap = Budgets(), LONG / (BYTES_PER_SECOND - 10_000)
    assert all(budgets.judge(b"w", None, LONG, number * gap) is Verdict.READ for number in range(50))
    fast = Budgets()
    assert Verdict.PART in [fast.judge(b"w", None, LONG, number * gap / 2) for number in range(50)]


def test_the_longest_frame_passes_after_a_quiet_time() -> None:
    assert Budgets().judge(b"w", b"k", LONG, 0.0) is Verdict.READ


def test_the_first_frame_over_a_burst_gives_its_sender_up_and_the_others_are_dropped() -> None:
    said = sent(Budgets(), BURST + 50, 1.0)
    assert abs(read(said) - BURST) <= 1
    assert said[read(said) :] == [Verdict.PART] + [Verdict.DROP] * (len(said) - read(said) - 1)


def test_who_goes_on_is_heard_no_more() -> None:
    budgets = Budgets()
    sent(budgets, BURST + 2, 0.0)
    later = [budgets.judge(b"w", None, SHORT, number / (2 * FRAMES_PER_SECOND)) for number in range(5 * BURST)]
    assert read(later) == 0


def test_who_stops_is_heard_again_once_all_is_paid_and_has_a_whole_burst() -> None:
    budgets = Budgets()
    sent(budgets, 2 * BURST, 0.0)
    assert sent(budgets, 1, BURST_SECONDS) == [Verdict.DROP]
    assert sent(budgets, 1, BURST_SECONDS + DEBT_SECONDS - 0.01) == [Verdict.DROP]
    again = BURST_SECONDS + 2 * DEBT_SECONDS
    assert abs(read(sent(budgets, BURST + 9, again)) - BURST) <= 1


def test_it_is_given_up_once_more_if_it_floods_once_more() -> None:
    budgets = Budgets()
    for now in (0.0, 100.0):
        assert sent(budgets, BURST + 9, now).count(Verdict.PART) == 1


def test_nobody_pays_for_another() -> None:
    budgets = Budgets()
    sent(budgets, BURST + 9, 0.0, b"loud", b"theirs")
    assert sent(budgets, 9, 0.0, b"quiet", b"ours") == [Verdict.READ] * 9
    assert sent(budgets, 1, 0.0, b"loud", b"theirs") == [Verdict.DROP]


def test_the_connections_of_a_key_share_what_it_may_send() -> None:
    budgets, count = Budgets(), 4 * KEY_RATE
    said = [budgets.judge(b"%d" % (number % count), b"k", SHORT, 0.0) for number in range(count * BURST)]
    assert abs(read(said) - KEY_RATE * BURST) <= 1
    assert said.count(Verdict.PART) == count, "each of them is given up once"
    assert sent(budgets, 1, 0.0, b"fresh", b"k") == [Verdict.PART], "a new connection is no way out"
    assert sent(budgets, 1, 0.0, b"fresh", b"other") == [Verdict.READ]


def test_without_keys_each_connection_is_judged_alone() -> None:
    budgets = Budgets()
    for number in range(2 * KEY_RATE):
        assert read(sent(budgets, BURST - 1, 0.0, b"%d" % number)) == BURST - 1


def test_senders_beyond_the_bound_share_one_budget_until_others_owe_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SENDERS_MAX", 3)
    budgets = Budget(1.0)
    for number in range(3):
        assert budgets.spend(b"%d" % number, LONG if number == 2 else SHORT, 10.0)
    within = [budgets.spend(b"many-%d" % number, LONG, 10.0) for number in range(9)]
    assert (within[0], within[-1]) == (True, False)
    assert len(budgets._paid_at) == 4
    assert not budgets.spend(b"9", SHORT, 10.5), "no look for room within a second"
    assert budgets.spend(b"9", SHORT, 100.0)
    assert set(budgets._paid_at) == {b"9"}
    assert not budgets.over
