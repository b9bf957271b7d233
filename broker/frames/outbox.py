"""Encodes the effects of a turn as frames, once: the loop sends them, and the flight recorder takes their digest.

Pure. Owns how effects become frames, and what must be equal for two turns to count as the same decisions.
"""

import contextlib
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from broker.core.books.events import Effects
from broker.core.couriers.deliveries import Sending
from jobs import wire
from jobs.errors import WireFault
from jobs.records import Records

Addressed = list[tuple[bytes, bytes]]
"""(topic or peer, frame) each."""


class Outgoing(NamedTuple):
    """The frames of one turn, in order of sending: acknowledgements to web, messages to workers, changes to web.
    `unsaid`: how many messages were left out, because a single item exceeds a frame. `unsigned`: the attempts of
    deliveries, whose frames are not made here: each is signed first."""

    acks: Addressed
    sends: Addressed
    changes: Addressed
    unsaid: int
    unsigned: Sequence[Sending]


def outgoing(effects: Effects, epoch: int) -> Outgoing:
    """The frames to send. Raises nothing, whatever the effects are: committed changes must not end the broker."""
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
    return Outgoing(acks, sends, changes, unsaid, effects.sendings)


_encode = msgspec.msgpack.Encoder().encode


def digest(records: Records, out: Outgoing) -> int:
    """A checksum of a turn's decisions: all frames with their receivers, and all records but the jobs' rows. Each
    change of a job is in the frames already; its row would cost as much again, and a replay can compare the last rows
    with the ledger."""
    said = [part for addressed in out[:3] for pair in addressed for part in pair]
    said += [_encode(sending) for sending in out.unsigned]
    written = (
        records.keys, records.grants, records.removed, records.purged, records.sweeps, records.swept,
        records.quarantined, records.released, records.tenants, records.meta,
    )  # fmt: skip
    check = zlib.crc32(b"".join(said), zlib.crc32(_encode(written)))
    told = (
        records.deliveries, records.attempted, records.untold, records.endpoints, records.recovered, records.deadlines,
        records.batches, records.actions, records.paused, records.resumed, records.intervals,
    )  # fmt: skip
    return zlib.crc32(_encode(told), check) if any(told) else check


def _beat_frames(beat: wire.Beat) -> tuple[list[bytes], int]:
    """Encode a beat. With very many tenants it exceeds a frame: then it is sent without the forecast, then also without
    the tenants' counts, then also without the workers. A beat that says less is better than none."""
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
    """Split changes into frames. Unlike wire.frames, each part names the range of its change numbers, because readers
    ignore numbers that they have seen. If a part is left out, the next part's range shows the gap."""
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
