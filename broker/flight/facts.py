"""The recorded form of the core's input, for the flight recorder and for a replay (docs/architecture.md).

Owns the format of a segment and of each fact in it: the bytes of each message, and beside them the rows that were read
from the ledger for it. Pure: broker/flight/recorder.py writes, broker/flight/replay.py reads.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from broker.core.books.events import (
    BatchesFound,
    BatchOrdered,
    ClockRead,
    Commanded,
    DeliveriesRead,
    DueRead,
    DurabilityRead,
    Effects,
    Event,
    Expired,
    LoopRead,
    Matched,
    NamesListed,
    Ordered,
    OverdueFound,
    PeerLost,
    Received,
    Refilled,
    Replayed,
    Submitted,
)
from broker.core.dispatcher import Dispatcher
from jobs import wire
from jobs.deliveries import DeliveryRow
from jobs.job import Row
from jobs.records import BatchEntry, GrantEntry, KeyEntry, Restored

FORMAT = 4
"""Rises with each change of what a segment holds: an older one is refused, and never read as something else."""
HEAD = struct.Struct("<II")
"""Stands before each part of a segment: its length in bytes, and their CRC."""


class _Fact(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    pass


class ReceivedFrame(_Fact, frozen=True, tag="HeardFrame"):
    """A worker's frame."""

    peer: bytes
    frame: bytes


class LookedUp(_Fact, frozen=True):
    """What the ledger holds of the ids, keys, grants and open batches in the Submits that follow."""

    existing: set[str]
    keys: list[KeyEntry]
    grants: list[GrantEntry]
    batches: dict[str, tuple[BatchEntry, int]] = {}


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
    """A worker's answer to a step of the orphan scan, and the rows of the jobs that it names."""

    peer: bytes
    frame: bytes
    rows: list[Row]


class ReplayFrame(_Fact, frozen=True):
    """A replay of one delivery, or a step of many, and the rows that it names."""

    frame: bytes
    rows: list[DeliveryRow]
    following: int | None


class BatchFrame(_Fact, frozen=True):
    """A command to open or to close a batch, and what the ledger has of it."""

    frame: bytes
    known: BatchEntry | None


class OrderFrame(_Fact, frozen=True):
    """An order about dispatch or about one worker."""

    frame: bytes


Fact = (
    ReceivedFrame | LookedUp | SubmitFrame | CommandFrame | MatchFrame | OrderFrame | FoundFrame
    | PeerLost | Refilled | Expired | OverdueFound | BatchesFound | ClockRead | DurabilityRead | LoopRead | DueRead
    | DeliveriesRead | ReplayFrame | BatchFrame
)  # fmt: skip
Other = (
    Commanded | Matched | Ordered | NamesListed | PeerLost | Refilled | Expired | OverdueFound | BatchesFound
    | BatchOrdered | ClockRead | DurabilityRead | LoopRead | DueRead | DeliveriesRead | Replayed
)  # fmt: skip
"""The events that `Intake.add` takes: all but workers' messages and Submits."""


class _Part(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


class Opening(_Part, frozen=True):
    """A segment's first part: a snapshot of the core, taken at wall time `at`. `follows`: the segment with the number
    before ends in this same state. `code`: the checksum of the code of the core."""

    format: int
    number: int
    follows: bool
    at: float
    code: str
    snapshot: bytes


class Began(_Part, frozen=True):
    """A broker started, with this content of its ledger."""

    now: float
    offset: float
    restored: Restored


class Turn(_Part, frozen=True):
    """All input of the core in one turn: `facts` in order, then a tick, then drain. `all_read`: no message of a worker
    was left unread. `stop`: before all that it was told to assign nothing more."""

    now: float
    facts: list[Fact]
    all_read: bool
    stop: bool


class Decided(_Part, frozen=True):
    """The digest (broker/frames/outbox.py) of the decisions of the turn before."""

    digest: int


Part = Opening | Began | Turn | Decided
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Part).decode


class Intake:
    """The input of one turn, gathered before the core gets any of it: as events for the core, and as facts to
    record."""

    __slots__ = ("events", "facts")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.facts: list[Fact] = []

    def received(self, peer: bytes, message: Any, frame: bytes) -> None:
        """A worker's message arrived."""
        self.events.append(Received(peer, message))
        self.facts.append(ReceivedFrame(peer, frame))

    def submitted(
        self,
        submits: list[tuple[wire.Submit, bytes]],
        existing: set[str],
        keys: dict[bytes, KeyEntry],
        grants: dict[str, GrantEntry],
        batches: dict[str, tuple[BatchEntry, int]],
    ) -> None:
        """Submits arrived, with their frames. The other arguments are what the ledger holds for them."""
        self.facts.append(LookedUp(existing, list(keys.values()), list(grants.values()), batches))
        for submit, frame in submits:
            self.events.append(Submitted(submit, existing, keys, grants, batches))
            self.facts.append(SubmitFrame(frame))

    def add(self, event: Other, frame: bytes = b"") -> None:
        """Any other event. `frame`: its message, if it came in one."""
        self.events.append(event)
        self.facts.append(_fact(event, frame))


def _fact(event: Other, frame: bytes) -> Fact:
    if isinstance(event, Commanded):
        return CommandFrame(frame, event.row)
    if isinstance(event, Matched):
        return MatchFrame(frame, event.rows, event.following)
    if isinstance(event, Ordered):
        return OrderFrame(frame)
    if isinstance(event, Replayed):
        return ReplayFrame(frame, event.rows, event.following)
    if isinstance(event, BatchOrdered):
        return BatchFrame(frame, event.known)
    if isinstance(event, NamesListed):
        return FoundFrame(event.peer, frame, event.rows)
    return event


def events(facts: Iterable[Fact]) -> Iterator[Event]:
    """The events that these facts were recorded from. Raises WireFault at a frame that is not a message."""
    existing: set[str] = set()
    keys: dict[bytes, KeyEntry] = {}
    grants: dict[str, GrantEntry] = {}
    batches: dict[str, tuple[BatchEntry, int]] = {}
    for fact in facts:
        if isinstance(fact, ReceivedFrame):
            yield Received(fact.peer, wire.from_worker.decode(fact.frame))
        elif isinstance(fact, LookedUp):
            existing, keys = fact.existing, {entry.key: entry for entry in fact.keys}
            grants, batches = {entry.grant: entry for entry in fact.grants}, fact.batches
        elif isinstance(fact, SubmitFrame):
            yield Submitted(wire.from_web.decode(fact.frame), existing, keys, grants, batches)
        elif isinstance(fact, CommandFrame):
            yield Commanded(wire.from_web.decode(fact.frame), fact.row)
        elif isinstance(fact, MatchFrame):
            yield Matched(wire.from_web.decode(fact.frame), fact.rows, fact.following)
        elif isinstance(fact, ReplayFrame):
            yield Replayed(wire.from_web.decode(fact.frame), fact.rows, fact.following)
        elif isinstance(fact, BatchFrame):
            yield BatchOrdered(wire.from_web.decode(fact.frame), fact.known)
        elif isinstance(fact, OrderFrame):
            yield Ordered(wire.from_web.decode(fact.frame))
        elif isinstance(fact, FoundFrame):
            yield NamesListed(fact.peer, wire.from_worker.decode(fact.frame), fact.rows)
        else:
            yield fact


def decide(dispatcher: Dispatcher, now: float, received: Iterable[Event], all_read: bool, stop: bool) -> Effects:
    """Run one turn of the core. The loop and a replay both use it."""
    if stop:
        dispatcher.stop()
    for event in received:
        dispatcher.handle(event, now)
    dispatcher.tick(now, all_read)
    return dispatcher.drain(now)


def packed(part: Part) -> bytes:
    """A part with its head, as a segment has it."""
    data = _encode(part)
    return HEAD.pack(len(data), zlib.crc32(data)) + data


def parts(data: bytes) -> tuple[list[Part], int]:
    """The readable parts of a segment, and how many bytes follow them because the segment is torn there."""
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
