"""pixmill/core/watching.py: a file is complete once it has not changed for a while."""

from pixmill.core.watching import SETTLED_SECONDS, Watched

SMALL, LARGE = (10, 1), (20, 2)


def test_a_file_that_does_not_change_is_complete_after_a_while_and_stays_so() -> None:
    watched = Watched()
    assert watched.look({"a": SMALL}, 0.0) == []
    assert watched.look({"a": SMALL}, SETTLED_SECONDS - 0.1) == []
    assert watched.look({"a": SMALL}, SETTLED_SECONDS) == ["a"]
    assert watched.look({"a": SMALL}, SETTLED_SECONDS + 1) == ["a"]


def test_each_change_begins_the_time_anew() -> None:
    watched = Watched()
    watched.look({"a": SMALL, "b": SMALL}, 0.0)
    assert watched.look({"a": LARGE, "b": SMALL}, 2.0) == ["b"]
    assert watched.look({"a": LARGE}, 3.9) == []
    assert watched.look({"a": LARGE}, 4.0) == ["a"]


def test_a_file_that_went_and_came_is_new() -> None:
    watched = Watched()
    watched.look({"a": SMALL}, 0.0)
    watched.look({}, 1.0)
    assert watched.look({"a": SMALL}, 2.0) == []


def test_what_could_not_be_sent_waits_once_more() -> None:
    watched = Watched()
    watched.look({"a": SMALL}, 0.0)
    watched.again("a", 5.0)
    watched.again("gone", 5.0)
    assert watched.look({"a": SMALL}, 6.0) == []
    assert watched.look({"a": SMALL}, 7.0) == ["a"]
