"""stores/ledger/postgres/term.py: belief ends before the row does, counted from when a renewal was sent."""

from stores.ledger.postgres.term import BELIEF_SECONDS, GONE_SECONDS, RENEW_SECONDS, TERM_SECONDS, Term

HELD = Term(epoch=7, nonce=b"n", turn=0, sent_at=100.0)
IDLE_TURN_SECONDS = 1.0
"""The broker's beat: an idle broker has a turn at least this often."""


def test_belief_ends_before_another_may_take_the_term() -> None:
    assert HELD.believed_until == 100.0 + BELIEF_SECONDS
    assert BELIEF_SECONDS < TERM_SECONDS


def test_a_renewal_counts_from_when_it_was_sent_and_is_a_turn() -> None:
    renewed = HELD.renewed(103.0)
    assert renewed == Term(7, b"n", 1, 103.0)
    assert renewed.believed_until == 103.0 + BELIEF_SECONDS


def test_an_idle_holder_renews_before_it_could_be_taken_for_gone() -> None:
    assert not HELD.is_due(100.0 + RENEW_SECONDS - 0.01)
    assert HELD.is_due(100.0 + RENEW_SECONDS)
    assert RENEW_SECONDS + IDLE_TURN_SECONDS < GONE_SECONDS < BELIEF_SECONDS
