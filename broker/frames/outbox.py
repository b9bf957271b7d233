"""A turn's effects as frames, encoded once: the loop sends them, the flight recorder takes their digest.

Pure: owns how effects become frames, and what two turns must have alike to be the same decisions.
"""

import contextlib
import zlib
from typing import Any, NamedTuple

import msgspec

from broker.core.books.events import Effects
from jobs import wire
from jobs.errors import WireFault
from jobs.records import Records

Addressed = list[tuple[bytes, bytes]]
"""(topic or peer, frame) each."""


class Outgoing(NamedTuple):
    """The frames of one turn, in order of sending: to web, to workers, to web. `unsaid` counts what passes a frame by
    itself, and is left out."""

    acks: Addressed
    sends: Addressed
    changes: Addressed
    unsaid: int


def outgoing(effects: Effects, epoch: int) -> Outgoing:
    """What is to be sent. Whatever the effects are: what is committed must not end the broker that tells of it."""
    acks: Addressed = []
    sends: Addressed = []
    changes: Addressed = []
    unsaid = 0
    for web, said in effects.acks.items():
        topic = wire.acks_topic(web)
        frames, left_out = wire.frames(wire.Acks(epoch, said))
        acks += [(topic, frame) for frame in frames]
        unsaid += left_out
    for peer, message in effects.sends:
        frames, left_out = wire.frames(message)
        sends += [(peer, frame) for frame in frames]
        unsaid += left_out
    if effects.changes is not None:
        frames, left_out = _change_frames(effects.changes)
        changes += [(wire.CHANGES_TOPIC, frame) for frame in frames]
        unsaid += left_out
    if effects.beat is not None:
        frames, left_out = _beat_frames(effects.beat)
        changes += [(wire.BEAT_TOPIC, frame) for frame in frames]
        unsaid += left_out
    return Outgoing(acks, sends, changes, unsaid)


_encode = msgspec.msgpack.Encoder().encode


def digest(records: Records, out: Outgoing) -> int:
    """A checksum of what a turn decided: what is said to whom, each change of a job among it, and what is written
    beside the jobs' rows (they cost as much again; a replay holds the last ones against the ledger)."""
    said = [part for addressed in out[:3] for pair in addressed for part in pair]
    written = (
        records.keys, records.grants, records.removed, records.purged, records.sweeps, records.swept,
        records.quarantined, records.released, records.tenants, records.meta,
    )  # fmt: skip
    return zlib.crc32(b"".join(said), zlib.crc32(_encode(written)))


def _beat_frames(beat: wire.Beat) -> tuple[list[bytes], int]:
    """Where the queues of very many tenants pass a frame, without a forecast of them, and if need be without their
    shares, and without the workers: a beat that says less is better than none."""
    lists: tuple[dict[str, Any], ...] = ({}, {"waiting": None}, {"tenants": {}, "over": {}}, {"workers": []})
    for less in lists:
        beat = msgspec.structs.replace(beat, **less)
        if _is_bounded(beat):
            with contextlib.suppress(WireFault):
                return [wire.encode(beat)], 0
    return [], 1


def _is_bounded(beat: wire.Beat) -> bool:
    waiting = beat.waiting
    views = max(len(beat.tenants), len(beat.over), len(waiting.lanes) if waiting else 0)
    return views <= wire.VIEWS_MAX and max(len(beat.workers), len(waiting.free) if waiting else 0) <= wire.ITEMS_MAX


def _change_frames(message: wire.Changes) -> tuple[list[bytes], int]:
    """As wire.frames, but each part says which numbers it holds: a reader takes repeated ones for old. The part after
    one that is left out begins behind it, so its reader knows of a gap."""
    if len(message.changes) <= wire.ITEMS_MAX:
        try:
            return [wire.encode(message)], 0
        except WireFault:
            if len(message.changes) < 2:
                return [], 1
    half = len(message.changes) // 2
    left, right = message.changes[:half], message.changes[half:]
    middle = left[-1].change
    former, left_out = _change_frames(wire.Changes(message.epoch, message.first, middle, left))
    latter, more_out = _change_frames(wire.Changes(message.epoch, middle, message.last, right))
    return former + latter, left_out + more_out
