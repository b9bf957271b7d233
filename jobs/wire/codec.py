"""Messages as frames, and back. One message is one frame: a msgpack array of version, type and fields.

`decode` raises WireFault, and nothing else, on anything that is not a message of ours. Owns the directions: a message
of one direction is malformed in another. Owns no socket.
"""

from typing import Any, get_args

import msgspec

from jobs.errors import WireFault
from jobs.wire.courier import (
    Deliver,
    Delivered,
    Fetch,
    Fetched,
)
from jobs.wire.fields import (
    FRAME_BYTES_MAX,
    ITEMS_MAX,
    VERSION,
    VERSIONS,
    Message,
)
from jobs.wire.web import (
    Acks,
    FromWeb,
    ToWeb,
)
from jobs.wire.worker import (
    Abandon,
    Assign,
    Described,
    Failed,
    Finished,
    FromWorker,
    OrphanScan,
    Published,
    Recall,
    Returned,
    Settled,
    Started,
    Sweep,
    Swept,
    ToWorker,
    WorkerBeat,
)

FROM_WEB = get_args(FromWeb)
TO_WEB = get_args(ToWeb)
FROM_WORKER = get_args(FromWorker)
TO_WORKER = get_args(ToWorker)
TYPES: tuple[type[Message], ...] = FROM_WEB + TO_WEB + FROM_WORKER + TO_WORKER
_OLDER_NAMES: dict[type[Message], str] = {Acks: "Receipts", OrphanScan: "Walk"}
"""Names on the wire that differ from those in the code. The wire keeps them, so that a release understands the one
before it during an upgrade."""
_NAMES = {kind: _OLDER_NAMES.get(kind, kind.__name__) for kind in TYPES}
_encode = msgspec.msgpack.Encoder().encode


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    version: int
    type: str
    fields: msgspec.Raw


_open = msgspec.msgpack.Decoder(_Frame).decode


def encode(message: Message) -> bytes:
    """The frame of a message. Raises WireFault if it exceeds FRAME_BYTES_MAX or has text that UTF-8 cannot encode."""
    name = _NAMES[type(message)]
    try:
        frame = _encode((VERSION, name, message))
    except (UnicodeEncodeError, OverflowError) as error:
        raise WireFault(f"a {name} cannot be encoded: {error}") from None
    if len(frame) > FRAME_BYTES_MAX:
        raise WireFault(f"a {name} of {len(frame)} bytes passes {FRAME_BYTES_MAX}")
    return frame


_PARTS: dict[type[Message], str] = {
    Acks: "acks", Started: "jobs", Described: "jobs", Published: "renditions", Finished: "jobs", Failed: "jobs",
    Returned: "leases", Swept: "jobs", WorkerBeat: "holding", Assign: "jobs", Recall: "leases", Abandon: "leases",
    Settled: "leases", Sweep: "sweeps", Deliver: "deliveries", Delivered: "deliveries", Fetch: "jobs", Fetched: "jobs",
}  # fmt: skip
"""The list field of each message that can be split into several: half of the list each time."""
_OTHER_LISTS: dict[type[Message], dict[str, list[Any]]] = {Swept: {"jobs": [], "failed": []}}
"""A message with two lists is split at the longer one. The other list goes with the first half."""


def frames(message: Message) -> tuple[list[bytes], int]:
    """The frame of a message, or the frames of its parts if its list is too long for one. The number counts the items
    that alone exceed a frame or cannot be encoded: they are left out, so that the sender can send the rest."""
    field = _PARTS.get(type(message), "")
    if type(message) is Swept and len(message.failed) > len(message.jobs):
        field = "failed"
    items: list[Any] = getattr(message, field) if field else []
    if len(items) <= ITEMS_MAX:
        try:
            return [encode(message)], 0
        except WireFault:
            if len(items) < 2:
                return [], 1
    made: list[bytes] = []
    left_out, half = 0, len(items) // 2
    for part in ({field: items[:half]}, {**_OTHER_LISTS.get(type(message), {}), field: items[half:]}):
        more, out = frames(msgspec.structs.replace(message, **part))
        made += more
        left_out += out
    return made, left_out


class Reader:
    """Decodes the frames of one direction. A type of another direction is malformed."""

    def __init__(self, *types: type[Message]) -> None:
        self._decoders = {_NAMES[kind]: msgspec.msgpack.Decoder(kind).decode for kind in types}

    def decode(self, frame: bytes) -> Any:
        """The message in `frame`. Raises WireFault, and nothing else, where there is none."""
        try:
            opened = _open(frame)
            if opened.version not in VERSIONS:
                raise WireFault(f"unknown protocol version {opened.version}", code="unknown_version")
            return self._decoders[opened.type](opened.fields)
        except (msgspec.MsgspecError, KeyError, ValueError, RecursionError) as error:
            raise WireFault(f"malformed frame of {len(frame)} bytes: {error}") from None


from_web = Reader(*FROM_WEB)
to_web = Reader(*TO_WEB)
from_worker = Reader(*FROM_WORKER)
to_worker = Reader(*TO_WORKER)
