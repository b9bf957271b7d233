"""One line in both formats, whatever is in it."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from host.log.lines import FIXED, LINE_BYTES_MAX, Line, as_json, as_text, safe, stamp

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.binary(max_size=20)


def line(error: str = "", **members: object) -> Line:
    return safe(Line(0.0, "info", "worker", 7, "finished", members, error))


def test_a_line_of_json_has_the_fixed_members_first_and_its_time_in_rfc_3339() -> None:
    assert as_json(line(job="j", ms=5)) == (
        '{"at":"1970-01-01T00:00:00.000Z","level":"info","role":"worker","process":7,"event":"finished",'
        '"job":"j","ms":5}'
    )
    assert stamp(1.9996) == "1970-01-01T00:00:01.999Z"


@given(st.dictionaries(st.sampled_from(["job", "why", "x", "at", "error", "event"]), VALUES), st.text(max_size=9000))
def test_any_line_is_one_bounded_printable_object(members: dict[str, object], error: str) -> None:
    text = as_json(safe(Line(0.0, "info", "worker", 7, "finished", members, error)))
    assert text.isprintable() and len(text.encode()) < LINE_BYTES_MAX
    told = json.loads(text, parse_constant=lambda word: (_ for _ in ()).throw(AssertionError(word)))
    assert tuple(told)[: len(FIXED)] == FIXED and told["event"] == "finished"


def test_even_the_worst_texts_keep_the_bound() -> None:
    told = json.loads(as_json(line("\x00" * 9000, **{f"m{number}": "\u202e" * 9000 for number in range(6)})))
    assert told["event"] == "finished"


@given(st.dictionaries(st.sampled_from(["job", "why"]), VALUES), st.text(max_size=500))
def test_a_line_of_text_forges_no_other_line_and_no_other_member(members: dict[str, object], error: str) -> None:
    first, *rest = as_text(line(error, **members), colour=False).split("\n")
    assert first.isprintable() and all(each.startswith("    ") and each.isprintable() for each in rest)
    assert len(rest) == len(safe(line(error)).error.splitlines())
    pairs = re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|[^ ="]+)', first.partition(" finished")[2])
    assert [name for name, _ in pairs] == list(members)


def test_a_traceback_keeps_its_end() -> None:
    error = json.loads(as_json(line("Traceback\n" + "x" * 9000 + "\nOSError: the reason")))["error"]
    assert error.startswith("Traceback") and error.endswith("OSError: the reason")


def test_half_a_surrogate_pair_is_escaped() -> None:
    """As in the name of a file that is no UTF-8."""
    assert json.loads(as_json(safe(line(path="a\udcffb"))))["path"] == "a\udcffb"
