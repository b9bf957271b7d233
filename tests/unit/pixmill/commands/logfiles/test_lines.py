"""Lines of the log: read behind prefixes, filtered, and shown."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.log import lines as written
from pixmill.commands.logfiles.lines import Line, Wanted, moment, parsed, shown

AT = "2026-11-30T21:36:29.307Z"
WHOLE = {"at": AT, "level": "info", "role": "worker", "process": 7, "event": "finished", "job": "j"}
TEXT = json.dumps(WHOLE)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def line(**members: Any) -> Line:
    found = parsed(json.dumps(WHOLE | members))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text", [TEXT, f"{TEXT}\n", f"worker-1  | {TEXT}", f"Nov 30 21:36:29 host pixmill[7]: {TEXT}", f"  {TEXT}  "]
)
def test_a_line_is_read_behind_what_others_wrote_before_it(text: str) -> None:
    assert parsed(text) == Line(AT, "info", "worker", "finished", WHOLE)


@pytest.mark.parametrize(
    "text",
    [
        "", "Traceback (most recent call last):", "{", "{}", "[1]", "null {", "x" * 300 + TEXT, TEXT[:-1], "[" * 9000,
        "{" + "[" * 60_000, TEXT.replace(AT, "yesterday"), TEXT.replace('"info"', '"loud"'),
        TEXT.replace('"j"', '"j' + "x" * 70_000 + '"'),
        TEXT.replace(f'"{AT}"', "1.5"), TEXT.replace('"finished"', "null"),
    ],
)  # fmt: skip
def test_what_is_no_line_is_none(text: str) -> None:
    assert parsed(text) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    parsed(text)
    parsed("{" + text)


def test_what_the_server_writes_is_read() -> None:
    made = written.safe(written.Line(1.0, "info", "web", 7, "uploaded", {"job": "é\u202e", "ms": 5}, "Traceback\nx"))
    found = parsed(written.as_json(made))
    assert found is not None and found.members["job"] == "é\u202e"
    assert shown(found)[0] == "1970-01-01T00:00:01.000Z web.7              uploaded job=é\\u202e ms=5"
    assert shown(found)[1:] == ["    Traceback", "    x"]


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted(named={"job": "j"}), True), (Wanted(named={"job": "k"}), False),
        (Wanted(named={"job": "j", "batch": "b"}), False),
        (Wanted(level="info"), True), (Wanted(level="warning"), False),
        (Wanted(events=("finished", "failed")), True), (Wanted(events=("failed",)), False),
        (Wanted(roles=("worker",)), True), (Wanted(roles=("web",)), False),
        (Wanted(since=AT), True), (Wanted(since="2026-11-30T21:36:29.308Z"), False),
    ],
)  # fmt: skip
def test_lines_are_filtered(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(line()) == taken


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-30T09:00:00Z", "2026-11-30T09:00:00.000Z"), ("2026-11-30T10:00:00+01:00", "2026-11-30T09:00:00.000Z"),
        ("90s", "2026-11-30T11:58:30.000Z"), ("15m", "2026-11-30T11:45:00.000Z"), ("2h", "2026-11-30T10:00:00.000Z"),
        ("1d", "2026-11-29T12:00:00.000Z"),
    ],
)  # fmt: skip
def test_a_time_is_absolute_or_ago(text: str, at: str) -> None:
    assert moment(text, NOW) == at


@pytest.mark.parametrize("text", ["now", "2026-11-30T09:00:00", "5", "5w", "-5m", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        moment(text, NOW)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50) | st.lists(st.integers(), max_size=3), max_size=5))
def test_whatever_is_in_a_file_is_printable(members: dict[str, Any]) -> None:
    found = parsed(json.dumps(members | WHOLE))
    assert found is not None
    assert all(text.isprintable() for text in shown(found))
