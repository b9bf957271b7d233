"""web/broker/following.py: the highest epoch is followed, and messages of lower ones do not count."""

from web.broker.following import Following


def test_the_first_broker_that_is_heard_is_followed() -> None:
    web = Following()
    assert web.line is None
    assert web.counts(1, 0)
    assert web.line == 1


def test_a_higher_epoch_is_followed_and_the_former_counts_no_more() -> None:
    web = Following()
    assert [web.counts(0, 7), web.counts(1, 8), web.counts(0, 7), web.counts(1, 8)] == [True, True, False, True]
    assert web.line == 1


def test_another_line_of_the_same_epoch_does_not_count() -> None:
    web = Following()
    assert [web.counts(0, 7), web.counts(1, 7), web.counts(0, 7)] == [True, False, True]


def test_the_next_broker_at_the_same_address_is_followed_by_its_epoch() -> None:
    web = Following()
    assert [web.counts(0, 7), web.counts(0, 8), web.counts(0, 7)] == [True, True, False]
