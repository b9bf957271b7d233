"""web/broker/history.py: commits that the ledger has lost are noticed once, and a plain restart is none."""

from web.broker.history import History


def heard(last: int) -> History:
    """Web heard the changes up to `last` of epoch 7, on the life A of the ledger."""
    history = History()
    assert not history.is_lost_by_term(7, 0, "A", -1)
    assert not history.is_lost_by_changes(7, last - 1, last - 1)
    return history


def test_a_restart_goes_on_where_the_former_term_ended() -> None:
    history = heard(20)
    assert not history.is_lost_by_changes(8, 20, 20)
    assert not history.is_lost_by_term(8, 20, "A", 21)
    assert not history.is_lost_by_term(9, 25, "A", 25)


def test_a_restart_with_changes_that_were_never_heard_is_a_plain_one() -> None:
    assert not heard(20).is_lost_by_term(8, 30, "A", 20)


def test_a_term_that_begins_below_what_was_heard_has_lost_commits() -> None:
    history = heard(20)
    assert history.is_lost_by_term(8, 19, "A", 20)
    assert not history.is_lost_by_term(8, 19, "A", 19), "once"


def test_changes_that_begin_below_what_was_heard_show_it_too() -> None:
    history = heard(20)
    assert history.is_lost_by_changes(8, 19, 20)
    assert not history.is_lost_by_changes(8, 20, 20)
    assert not history.is_lost_by_term(8, 10, "A", 21), "once"


def test_a_term_that_has_surpassed_the_lost_changes_is_found_out_by_its_beat() -> None:
    history = heard(20)
    assert not history.is_lost_by_changes(8, 25, 20)
    assert history.is_lost_by_term(8, 15, "A", 30)


def test_another_life_of_the_ledger_has_lost_commits_whatever_the_numbers_say() -> None:
    history = heard(20)
    assert history.is_lost_by_term(8, 20, "B", 20)
    assert not history.is_lost_by_term(9, 20, "B", 20)


def test_each_life_has_a_name_of_its_own_and_no_life_has_none() -> None:
    history = History()
    assert history.life == ""
    found = []
    for epoch, name in enumerate(("", "A", "", "B", "A")):
        history.is_lost_by_term(epoch, 20, name, 20)
        found.append(history.life)
    assert found[0] == ""
    assert found[1] == found[2] == found[4] != found[3]
    assert all(len(life) == 8 for life in found[1:])


def test_a_broker_of_the_release_before_says_nothing_of_it() -> None:
    history = heard(20)
    assert not history.is_lost_by_term(8, None, "", 20)
    assert not history.is_lost_by_term(9, 20, "A", 20)
    assert not history.is_lost_by_term(10, None, "", 20)
    assert history.is_lost_by_term(11, 20, "B", 20), "another life behind that broker"


def test_a_web_process_that_heard_nothing_has_nothing_to_lose() -> None:
    assert not History().is_lost_by_term(8, 0, "", -1)
