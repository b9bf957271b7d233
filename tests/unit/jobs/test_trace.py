"""W3C Trace Context: which headers are a trace, and what is passed on of them."""

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.trace import (
    STATE_CHARACTERS_MAX,
    TRACE_CHARACTERS_MAX,
    Trace,
    flags_of,
    headers_of,
    headers_read,
    id_of,
    member_of,
    read,
    span_of,
    state_of,
    written,
)

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{ID}-{SPAN}-01"


def test_a_traceparent_is_read() -> None:
    found = read([PARENT], [])
    assert found == PARENT
    assert (id_of(found), span_of(found), flags_of(found), state_of(found)) == (ID, SPAN, 1, "")
    assert headers_of(found) == {"traceparent": PARENT}
    assert member_of(found) == {"trace": ID}


def test_nothing_is_passed_on_of_no_trace() -> None:
    assert read([], ["a=1"]) is None
    assert (headers_of(None), member_of(None), headers_read({})) == ({}, {}, None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{ID}-{SPAN}-01",
        f"0-{ID}-{SPAN}-01",
        f"0x-{ID}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
        f"00-{ID.upper()}-{SPAN}-01",
        f"00-{ID}-{SPAN.upper()}-01",
        f"00-{ID[:-1]}-{SPAN}-01",
        f"00-{ID}-{SPAN[:-1]}-01",
        f"00-{ID}-{SPAN}-0",
        f"00-{ID}-{SPAN}-0g",
        f"00-{ID}-{SPAN}-0A",
        f"00-{ID}-{SPAN}-01-",
        f"00-{ID}-{SPAN}-01-more",
        f"01-{ID}-{SPAN}-01more",
        f"{PARENT},{PARENT}",
        f"{PARENT}\n",
        f"00-{ID}-{SPAN}-\N{ARABIC-INDIC DIGIT ZERO}1",
    ],
)
def test_an_invalid_traceparent_is_ignored(value: str) -> None:
    assert read([value], ["a=1"]) is None


def test_two_traceparents_are_none() -> None:
    assert read([PARENT, PARENT], []) is None


@pytest.mark.parametrize("value", [f"cc-{ID}-{SPAN}-01", f"01-{ID}-{SPAN}-01-what-comes-later", f" \t{PARENT} "])
def test_a_later_version_is_passed_on_as_version_00(value: str) -> None:
    assert read([value], []) == PARENT


@pytest.mark.parametrize(("given", "passed"), [("00", "00"), ("03", "03"), ("fd", "01"), ("fe", "02")])
def test_flags_that_are_not_known_become_0(given: str, passed: str) -> None:
    assert read([f"00-{ID}-{SPAN}-{given}"], []) == f"00-{ID}-{SPAN}-{passed}"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (["rojo=00f067aa0ba902b7,congo=t61"], "rojo=00f067aa0ba902b7,congo=t61"),
        (["a=1 , b=2", "", "c= 3\t"], "a=1,b=2,c= 3"),
        (["t0@v-_*/=x~!"], "t0@v-_*/=x~!"),
        ([" , ,"], ""),
        (["a=1,a=2"], ""),
        (["a=1", "a=2"], ""),
        (["A=1"], ""),
        (["a"], ""),
        (["a="], ""),
        (["=1"], ""),
        (["a=1=2"], ""),
        (["a=é"], ""),
        (["a=\x01"], ""),
        ([f"{'k' * 257}=1"], ""),
        ([f"k={'v' * 257}"], ""),
        ([",".join(f"k{each}=1" for each in range(33))], ""),
    ],
)
def test_a_tracestate_is_one_list_without_blanks_or_none(values: list[str], state: str) -> None:
    found = read([PARENT], values)
    assert found is not None
    assert (found[: len(PARENT)], state_of(found)) == (PARENT, state)
    assert headers_of(found).get("tracestate", "") == state
    assert headers_read(headers_of(found)) == found


def test_a_long_tracestate_loses_long_entries_first_and_then_the_last_ones() -> None:
    long, short = f"long={'v' * 200}", [f"k{each:02}={'v' * 40}" for each in range(10)]
    assert state_of(read([PARENT], [",".join([long, *short])]) or "") == ",".join(short)
    many = [f"k{each:02}={'v' * 40}" for each in range(32)]
    assert state_of(read([PARENT], [",".join(many)]) or "") == ",".join(many[:11])
    assert len(",".join(many[:12])) > STATE_CHARACTERS_MAX >= len(",".join(many[:11]))
    two_long = [f"{name}={'v' * 250}" for name in "abc"]
    assert state_of(read([PARENT], two_long) or "") == ",".join(two_long[:2])


IDS = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: text.strip("0"))
NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
VALUES = st.text("".join(set(string.printable[:95]) - {",", "="}), min_size=1, max_size=256).filter(
    lambda text: not text.endswith(" ")
)


@given(IDS, IDS, st.integers(0, 255), st.dictionaries(NAMES, VALUES, max_size=32))
def test_what_is_passed_on_is_read_as_the_same(trace: str, span: str, flags: int, state: dict[str, str]) -> None:
    parent = f"00-{trace}-{span[:16].replace('0', '1')}-{flags:02x}"
    found = read([parent], [",".join(f"{name}={value}" for name, value in state.items())])
    assert found is not None and len(found) <= TRACE_CHARACTERS_MAX
    assert id_of(found) == trace and flags_of(found) == flags & 3
    headers = headers_of(found)
    assert read([headers["traceparent"]], [headers.get("tracestate", "")]) == found == headers_read(headers)
    assert written(id_of(found), span_of(found), flags_of(found), state_of(found)) == found
    assert msgspec.convert(found, Trace) == found


@given(st.lists(st.text(max_size=80) | st.just(PARENT), max_size=2), st.lists(st.text(), max_size=3))
def test_whatever_comes_is_a_trace_or_none(parents: list[str], states: list[str]) -> None:
    found = read(parents, states)
    assert found is None or msgspec.convert(found, Trace) == found


@pytest.mark.parametrize(
    "text", ["", f"{PARENT} ", f"{PARENT}  a=1", f"{PARENT} a=1\r\nx: y", f"{PARENT} {'a' * 513}", f"01{PARENT[2:]}"]
)
def test_another_text_is_no_trace(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Trace)
