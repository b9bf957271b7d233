"""What enters the core, as the flight recorder keeps it and as a replay reads it (docs/architecture.md).

Owns the form of a recorded segment and of each fact in it: messages as the very bytes that came,
and beside them what the ledger was found to hold. Pure: broker/flight/recorder.py writes, broker/flight/replay.py
reads.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from broker.core.books.events import (
    ClockRead,
    Commanded,
    Effects,
    Event,
    Expired,
    Heard,
    Matched,
    Ordered,
    PeerLost,
    Refilled,
    Submitted,
    Walked,
)
from broker.core.dispatcher import Dispatcher
from jobs import wire
from jobs.job import Row
from jobs.records import GrantEntry, KeyEntry, Restored

FORMAT = 2
HEAD = struct.Struct("<II")
"""Before each part of a segment: how many bytes it has, and their CRC."""


class _Fact(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    pass


class HeardFrame(_Fact, frozen=True):
    """A worker's frame."""

    peer: bytes
    frame: bytes


class LookedUp(_Fact, frozen=True):
    """What the ledger has of the ids, keys and grants of the Submits that follow."""

    existing: set[str]
    keys: list[KeyEntry]
    grants: list[GrantEntry]


class SubmitFrame(_Fact, frozen=True):
    """A web process's Submit."""

    frame: bytes


class CommandFrame(_Fact, frozen=True):
    """A command on one job, and its row."""

    frame: bytes
    row: Row | None


class MatchFrame(_Fact, frozen=True):
    """A step of a command over many, and the rows that it matches."""

    frame: bytes
    rows: list[Row]
    following: int | None


class FoundFrame(_Fact, frozen=True):
    """A worker's answer to a step of the walk, and the rows of the jobs that it names."""

    peer: bytes
    frame: bytes
    rows: list[Row]


class OrderFrame(_Fact, frozen=True):
    """An order about dispatch or about one worker."""

    frame: bytes


Fact = (
    HeardFrame | LookedUp | SubmitFrame | CommandFrame | MatchFrame | OrderFrame | FoundFrame
    | PeerLost | Refilled | Expired | ClockRead
)  # fmt: skip
Other = Commanded | Matched | Ordered | Walked | PeerLost | Refilled | Expired | ClockRead
"""The events that come one by one."""


class _Part(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Opening(_Part, frozen=True):
    """A segment's first part: the core as it was, and (wall time) when. `follows`: the segment of
    the number before ends with this very core. `code` tells one version of the core from another."""

    format: int
    number: int
    follows: bool
    at: float
    code: str
    snapshot: bytes


class Began(_Part, frozen=True):
    """A broker started and read this of its ledger."""

    now: float
    offset: float
    restored: Restored


class Turn(_Part, frozen=True):
    """All that entered the core in one turn: `facts` in order, then a tick, then drain. `heard_all`: no worker's mail
    was left unread. `stop`: it was told first to assign nothing more."""

    now: float
    facts: list[Fact]
    heard_all: bool
    stop: bool


class Decided(_Part, frozen=True):
    """The digest (broker/frames/outbox.py) of what the turn before decided."""

    digest: int


Part = Opening | Began | Turn | Decided
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Part).decode


class Intake:
    """The facts of one turn, gathered before any is told to the core: as events, and as they are kept."""

    __slots__ = ("events", "facts")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.facts: list[Fact] = []

    def heard(self, peer: bytes, message: Any, frame: bytes) -> None:
        """A worker's message arrived."""
        self.events.append(Heard(peer, message))
        self.facts.append(HeardFrame(peer, frame))

    def submitted(
        self,
        submits: list[tuple[wire.Submit, bytes]],
        existing: set[str],
        keys: dict[bytes, KeyEntry],
        grants: dict[str, GrantEntry],
    ) -> None:
        """Submits (with their frames) arrived, and this is what the ledger has of them."""
        self.facts.append(LookedUp(existing, list(keys.values()), list(grants.values())))
        for submit, frame in submits:
            self.events.append(Submitted(submit, existing, keys, grants))
            self.facts.append(SubmitFrame(frame))

    def add(self, event: Other, frame: bytes = b"") -> None:
        """Anything else; `frame` is that of its message."""
        self.events.append(event)
        self.facts.append(_fact(event, frame))


def _fact(event: Other, frame: bytes) -> Fact:
    if isinstance(event, Commanded):
        return CommandFrame(frame, event.row)
    if isinstance(event, Matched):
        return MatchFrame(frame, event.rows, event.following)
    if isinstance(event, Ordered):
        return OrderFrame(frame)
    if isinstance(event, Walked):
        return FoundFrame(event.peer, frame, event.rows)
    return event


def events(facts: Iterable[Fact]) -> Iterator[Event]:
    """The events that were made of these facts. Raises WireFault at a frame that is none."""
    existing: set[str] = set()
    keys: dict[bytes, KeyEntry] = {}
    grants: dict[str, GrantEntry] = {}
    for fact in facts:
        if isinstance(fact, HeardFrame):
            yield Heard(fact.peer, wire.from_worker.decode(fact.frame))
        elif isinstance(fact, LookedUp):
            existing, keys = fact.existing, {entry.key: entry for entry in fact.keys}
            grants = {entry.grant: entry for entry in fact.grants}
        elif isinstance(fact, SubmitFrame):
            yield Submitted(wire.from_web.decode(fact.frame), existing, keys, grants)
        elif isinstance(fact, CommandFrame):
            yield Commanded(wire.from_web.decode(fact.frame), fact.row)
        elif isinstance(fact, MatchFrame):
            yield Matched(wire.from_web.decode(fact.frame), fact.rows, fact.following)
        elif isinstance(fact, OrderFrame):
            yield Ordered(wire.from_web.decode(fact.frame))
        elif isinstance(fact, FoundFrame):
            yield Walked(fact.peer, wire.from_worker.decode(fact.frame), fact.rows)
        else:
            yield fact


def decide(dispatcher: Dispatcher, now: float, told: Iterable[Event], heard_all: bool, stop: bool) -> Effects:
    """One turn of the core, in the loop and in a replay."""
    if stop:
        dispatcher.stop()
    for event in told:
        dispatcher.handle(event, now)
    dispatcher.tick(now, heard_all)
    return dispatcher.drain(now)


def packed(part: Part) -> bytes:
    """A part as it stands in a segment."""
    data = _encode(part)
    return HEAD.pack(len(data), zlib.crc32(data)) + data


def parts(data: bytes) -> tuple[list[Part], int]:
    """The parts of a segment up to its end, or to where it is torn; and the bytes from there on."""
    found: list[Part] = []
    at = 0
    while at + HEAD.size <= len(data):
        length, check = HEAD.unpack_from(data, at)
        end = at + HEAD.size + length
        part = data[at + HEAD.size : end]
        if end > len(data) or zlib.crc32(part) != check:
            break
        try:
            found.append(_decode(part))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            break
        at = end
    return found, len(data) - at
