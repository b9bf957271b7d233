"""jobs/session/following.py: the highest epoch is followed, and a broker that lost the term changes nothing."""

import pytest

from jobs.session.following import Following, Heard
from jobs.wire import Abandon, Assign, BrokerBeat, Drain, Introduce, Recall, Settled, Sweep, Welcome

ORDERS = (Assign([]), Recall([]), Abandon([]), Settled([]), Drain(), Sweep([]))


def following(line: int, epoch: int, lines: int = 3) -> Following:
    """A worker that follows this line."""
    made = Following(lines)
    assert made.received(line, Welcome(epoch, 5.0)) is Heard.FOLLOW
    return made


def test_a_single_line_is_followed_whatever_it_says() -> None:
    only = Following(1)
    assert only.line == 0
    messages = (Welcome(7, 5.0), Welcome(3, 5.0), BrokerBeat(3), Introduce(3), *ORDERS)
    assert {only.received(0, message) for message in messages} == {Heard.PASS}


def test_of_several_none_is_followed_before_its_welcome() -> None:
    several = Following(2)
    assert several.line is None
    assert {several.received(1, message) for message in ORDERS} == {Heard.NOTHING}
    assert several.received(1, Welcome(7, 5.0)) is Heard.FOLLOW
    assert several.line == 1
    assert {several.received(1, message) for message in ORDERS} == {Heard.PASS}


def test_a_higher_epoch_is_followed_from_its_welcome_on() -> None:
    worker = following(0, 7)
    assert worker.received(2, Introduce(8)) is Heard.INTRODUCE
    assert worker.received(2, BrokerBeat(8)) is Heard.INTRODUCE
    assert worker.line == 0
    assert worker.received(2, Welcome(8, 5.0)) is Heard.FOLLOW
    assert worker.line == 2
    assert worker.received(2, Welcome(8, 5.0)) is Heard.PASS


@pytest.mark.parametrize("epoch", [6, 7])
def test_a_broker_of_no_higher_epoch_changes_nothing(epoch: int) -> None:
    worker = following(2, 7)
    thawed = (Welcome(epoch, 5.0), BrokerBeat(epoch), Introduce(epoch), *ORDERS)
    assert {worker.received(0, message) for message in thawed} == {Heard.NOTHING}
    assert worker.line == 2


def test_the_followed_line_may_have_a_new_broker_whose_epoch_is_the_one_to_beat() -> None:
    worker = following(0, 7)
    assert worker.received(0, Welcome(9, 5.0)) is Heard.PASS
    assert worker.received(1, Welcome(8, 5.0)) is Heard.NOTHING
    assert worker.received(1, Welcome(10, 5.0)) is Heard.FOLLOW
