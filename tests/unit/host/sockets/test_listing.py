"""host/sockets/listing.py: what the list of brokers says, and which connections follow from it."""

from hypothesis import given
from hypothesis import strategies as st

from host.sockets.listing import LINES_MAX, Listing, to_change

NAME, OTHER = ("broker", 7000), ("north", 7000)
ONE, TWO, THREE = (("10.0.0.1", 7000), ("10.0.0.2", 7000), ("10.0.0.3", 7000))


def test_a_name_may_have_several_addresses_in_any_order() -> None:
    listing = Listing()
    assert listing.read([NAME, THREE], {NAME: [TWO, ONE], THREE: [THREE]}) == ""
    assert [*listing.addresses] == [ONE, TWO, THREE]
    assert listing.read([THREE, NAME], {NAME: [ONE, TWO], THREE: [THREE]}) == ""
    assert [*listing.addresses] == [THREE, ONE, TWO], "the list's order"


def test_an_address_under_two_names_counts_once() -> None:
    listing = Listing()
    listing.read([NAME, OTHER], {NAME: [TWO, ONE], OTHER: [ONE]})
    assert listing.addresses == (ONE, TWO)


def test_a_look_up_that_fails_changes_nothing() -> None:
    listing = Listing()
    listing.read([NAME, OTHER], {NAME: [ONE], OTHER: [TWO]})
    assert listing.read([NAME, OTHER], {NAME: [], OTHER: [THREE]}) == "no address of broker was found"
    assert listing.addresses == (ONE, THREE)
    assert listing.read([NAME, OTHER], {}) == "no address of broker, north was found"
    assert listing.addresses == (ONE, THREE)


def test_an_entry_that_vanished_is_forgotten() -> None:
    listing = Listing()
    listing.read([NAME, OTHER], {NAME: [ONE], OTHER: [TWO]})
    listing.read([OTHER], {OTHER: [TWO]})
    assert listing.addresses == (TWO,)
    listing.read([NAME, OTHER], {OTHER: [TWO]})
    assert listing.addresses == (TWO,)


def test_a_list_of_too_many_addresses_changes_nothing() -> None:
    listing = Listing()
    five = [(f"10.0.0.{number}", 7000) for number in range(1, 6)]
    assert listing.read([NAME], {NAME: five}) == ""
    assert "6 addresses" in listing.read([NAME], {NAME: [("10.0.0.6", 7000), *five]})
    assert listing.addresses == tuple(five)
    assert listing.read([NAME], {NAME: five[:1]}) == ""
    assert listing.addresses == (ONE,)


def test_a_new_broker_is_connected_to_and_the_followed_one_stays_until_another_serves() -> None:
    assert to_change("b", "a", "a") == (["b"], [])
    assert to_change("b", "ab", "a") == ([], [])
    assert to_change("b", "ab", "b") == ([], ["a"])


def test_others_that_vanished_are_left_while_one_serves() -> None:
    assert to_change("ad", "abc", "a") == (["d"], ["b", "c"])
    assert to_change("d", "abc", "a") == (["d"], ["b", "c"])


def test_while_nobody_serves_the_vanished_stay_as_far_as_there_is_room() -> None:
    assert to_change("b", "a", None) == (["b"], [])
    assert to_change((), "abcdefghi", None) == ([], []), "one place is free"
    assert to_change("vwxyz", "abcdef", None) == (["v", "w", "x", "y", "z"], ["a"])


def test_what_is_as_listed_stays() -> None:
    assert to_change("ab", "ba", None) == to_change("ab", "ba", "a") == ([], [])


letters = st.lists(st.sampled_from("abcdefghijklmno"), max_size=5, unique=True)


@given(st.lists(st.tuples(letters, st.booleans()), max_size=20))
def test_lines_are_bounded_and_none_that_may_serve_is_closed(lists: list[tuple[list[str], bool]]) -> None:
    lines, followed = list[str](), None
    for listed, serves in lists:
        opened, closed = to_change(listed, lines, followed)
        assert followed not in closed
        assert not set(closed) & set(listed)
        lines = [line for line in lines if line not in closed] + opened
        assert set(listed) <= set(lines)
        assert len(lines) == len(set(lines)) <= LINES_MAX
        if followed is not None:
            assert set(lines) <= {*listed, followed}
        if serves and lines:
            followed = lines[-1]
    assert to_change(lists[-1][0] if lists else [], lines, followed)[0] == []
