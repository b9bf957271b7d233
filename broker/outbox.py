"""A turn's effects as frames, encoded once: the loop sends them, the flight recorder takes their digest.

Pure: owns how effects become frames, and what two turns must have alike to be the same decisions.
"""

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from broker.core.events import Effects
from jobs import wire
from jobs.errors import WireFault
from jobs.records import Records

Addressed = list[tuple[bytes, bytes]]
"""(topic or peer, frame) each."""


class Outgoing(NamedTuple):
    """The frames of one turn, in order of sending: to web, to workers, to web."""

    receipts: Addressed
    sends: Addressed
    changes: Addressed


def outgoing(effects: Effects, epoch: int) -> Outgoing:
    """What is to be sent. Raises WireFault where one item alone passes a frame."""
    out = Outgoing([], [], [])
    for web, receipts in effects.receipts.items():
        topic = wire.receipts_topic(web)
        out.receipts.extend((topic, part) for part in _frames(wire.Receipts(epoch, receipts), "receipts"))
    for peer, message in effects.sends:
        field = message.__struct_fields__[0] if message.__struct_fields__ else ""
        out.sends.extend((peer, part) for part in _frames(message, field))
    if effects.changes is not None:
        out.changes.extend((wire.CHANGES_TOPIC, part) for part in _change_frames(effects.changes))
    if effects.beat is not None:
        out.changes.append((wire.BEAT_TOPIC, _beat_frame(effects.beat)))
    return out


_encode = msgspec.msgpack.Encoder().encode


def digest(records: Records, out: Outgoing) -> int:
    """A checksum of what a turn decided: what is said to whom, each change of a job among it, and what is written
    beside the jobs' rows (they cost as much again; a replay holds the last ones against the ledger)."""
    said = [part for addressed in out for pair in addressed for part in pair]
    written = (
        records.keys, records.grants, records.removed, records.purged, records.sweeps, records.swept,
        records.quarantined, records.released, records.tenants, records.meta,
    )  # fmt: skip
    return zlib.crc32(b"".join(said), zlib.crc32(_encode(written)))


def _beat_frame(beat: wire.Beat) -> bytes:
    """Where the queues of very many tenants pass a frame, without a forecast of them, and if need be without their
    shares: a beat that says less is better than a broker that ends."""
    lists: tuple[dict[str, Any], ...] = ({}, {"waiting": None}, {"tenants": {}, "over": {}}, {"workers": []})
    for less in lists:
        beat = msgspec.structs.replace(beat, **less)
        with contextlib.suppress(WireFault):
            return wire.encode(beat)
    raise WireFault("a beat without any list passes a frame")


def _frames(message: Any, field: str) -> Iterator[bytes]:
    """The frame of a message, or of its halves where the list `field` is too long for one."""
    try:
        yield wire.encode(message)
    except WireFault:
        items = getattr(message, field)
        if not isinstance(items, list) or len(items) < 2:
            raise
        half = len(items) // 2
        for part in (items[:half], items[half:]):
            yield from _frames(msgspec.structs.replace(message, **{field: part}), field)


def _change_frames(message: wire.Changes) -> Iterator[bytes]:
    """As _frames, but each part says which numbers it holds: a reader takes repeated ones for old."""
    try:
        yield wire.encode(message)
    except WireFault:
        if len(message.changes) < 2:
            raise
        half = len(message.changes) // 2
        left, right = message.changes[:half], message.changes[half:]
        middle = left[-1].change
        yield from _change_frames(wire.Changes(message.epoch, message.first, middle, left))
        yield from _change_frames(wire.Changes(message.epoch, middle, message.last, right))
