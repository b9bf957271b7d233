"""The trace of a job: a W3C Trace Context as one text, from a request's headers to its log lines, its worker and the
requests that tell of it.

Owns how the headers `traceparent` and `tracestate` are read (W3C Trace Context, level 2) and written. A header that the
specification calls invalid is ignored, and never an error. Knows no span: host/tracing makes those.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

PARENT, STATE = HEADERS = "traceparent", "tracestate"
STATE_CHARACTERS_MAX = 512
"""Of a tracestate: the specification asks to keep so many at least. Behind them, entries are left out."""
STATE_ENTRIES_MAX = 32
LONG_ENTRY_CHARACTERS = 128
"""Entries that are longer are left out first."""
PARENT_CHARACTERS = 55
TRACE_CHARACTERS_MAX = PARENT_CHARACTERS + 1 + STATE_CHARACTERS_MAX
_TEXT = r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]"
Trace = Annotated[str, Meta(pattern=rf"\A{_TEXT}( [!-~]([ -~]{{0,510}}[!-~])?)?\Z", max_length=TRACE_CHARACTERS_MAX)]
"""A traceparent of version 00; if there is a tracestate, a space and the tracestate."""

SAMPLED, RANDOM = 1, 2
_PARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_ENTRY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]")


def read(parents: Sequence[str], states: Iterable[str]) -> Trace | None:
    """The trace that a request's headers tell: all values of `traceparent`, and all of `tracestate`. None: there is
    none, or it is invalid, as two traceparents are."""
    found = _PARENT.fullmatch(parents[0].strip(" \t")) if len(parents) == 1 else None
    if found is None or (found["version"] == "00" and found["more"] is not None):
        return None
    return written(found["trace"], found["span"], int(found["flags"], 16), _state(states))


def written(trace_id: str, span_id: str, flags: int, state: str = "") -> Trace:
    """The trace of these ids (32 and 16 lower-case hex digits). Flags that version 00 does not know become 0."""
    parent = f"00-{trace_id}-{span_id}-{flags & (SAMPLED | RANDOM):02x}"
    return f"{parent} {state}" if state else parent


def id_of(trace: Trace) -> str:
    """The trace's id, by which trace stores find it."""
    return trace[3:35]


def span_of(trace: Trace) -> str:
    """The id of the span in which the job was made."""
    return trace[36:52]


def flags_of(trace: Trace) -> int:
    """Its flags, as SAMPLED."""
    return int(trace[53:PARENT_CHARACTERS], 16)


def state_of(trace: Trace) -> str:
    """Its tracestate, empty if there is none."""
    return trace[PARENT_CHARACTERS + 1 :]


def headers_of(trace: Trace | None) -> dict[str, str]:
    """The headers that pass the trace on; none if there is none."""
    if trace is None:
        return {}
    headers = {PARENT: trace[:PARENT_CHARACTERS]}
    if state := state_of(trace):
        headers[STATE] = state
    return headers


def headers_read(headers: Mapping[str, str]) -> Trace | None:
    """The trace in what `headers_of` made."""
    parent, state = headers.get(PARENT), headers.get(STATE)
    return parent and (f"{parent} {state}" if state else parent)


def member_of(trace: Trace | None) -> dict[str, str]:
    """The member `trace` of a log line; none if there is none."""
    return {} if trace is None else {"trace": id_of(trace)}


def _state(values: Iterable[str]) -> str:
    """The tracestate of these header lines, without blanks between its entries. Empty if one entry is invalid or given
    twice, or if there are too many. Entries beyond the limit of characters are left out: long ones first, then the last
    ones."""
    entries = [entry for value in values for each in value.split(",") if (entry := each.strip(" \t"))]
    names = {entry.partition("=")[0] for entry in entries}
    if len(entries) > STATE_ENTRIES_MAX or len(names) < len(entries) or not all(map(_ENTRY.fullmatch, entries)):
        return ""
    for least in (LONG_ENTRY_CHARACTERS + 1, 0):
        for entry in reversed(entries[:]):
            if len(",".join(entries)) > STATE_CHARACTERS_MAX and len(entry) >= least:
                entries.remove(entry)
    return ",".join(entries)
