"""Lines that come too often are counted, and their number is told."""

from hypothesis import given
from hypothesis import strategies as st

from host.log.repeats import Repeats


def admitted(repeats: Repeats, key: str, *times: float) -> list[bool]:
    return [repeats.admits(key, 2, 10.0, now, "others") for now in times]


def test_the_first_lines_of_a_window_are_written_and_the_rest_is_told_at_its_end() -> None:
    repeats = Repeats()
    assert admitted(repeats, "a", 0.0, 1.0, 2.0, 3.0) == [True, True, False, False]
    assert list(repeats.due(9.9)) == []
    assert list(repeats.due(10.0)) == [("a", 2)]
    assert list(repeats.due(99.0)) == [], "told once"
    assert admitted(repeats, "a", 10.0) == [True]


def test_keys_do_not_disturb_each_other() -> None:
    repeats = Repeats()
    assert admitted(repeats, "a", 0.0, 0.0, 0.0) == [True, True, False]
    assert admitted(repeats, "b", 5.0) == [True]
    assert list(repeats.due(10.0)) == [("a", 1)]
    assert admitted(repeats, "b", 11.0, 11.0) == [True, False]
    assert list(repeats.rest()) == [("b", 1)]


def test_too_many_keys_share_one_and_memory_is_bounded() -> None:
    repeats = Repeats(keys_max=3)
    written = [repeats.admits(f"k{number}", 1, 10.0, 0.0, "others") for number in range(1000)]
    assert written == [True] * 4 + [False] * 996
    assert dict(repeats.due(10.0)) == {"others": 996}
    assert repeats.admits("k999", 1, 10.0, 10.0, "others")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 5)), max_size=200))
def test_every_line_is_written_or_counted(lines: list[tuple[str, float]]) -> None:
    repeats, now, written, told = Repeats(keys_max=3), 0.0, 0, 0
    for key, wait in lines:
        now += wait
        told += sum(count for _, count in repeats.due(now))
        written += repeats.admits(key, 1, 7.0, now, "others")
    assert written + told + sum(count for _, count in repeats.rest()) == len(lines)
