"""The words between keeper, nursery and decoder, and their frames. Local sockets; knows no zmq and no pixels.

keeper -> decoder: Task, with the original as a read-only descriptor beside it, then its watermarks.
decoder -> keeper: Unsealed where the sandbox has gaps; for each task a Seen if it asks for facts, a Rendered
with its bytes for each rendition, then Done or Fault. Broke before it ends by a fault of our own. That it began is on
its status page.
nursery -> keeper: Warm once, Born with the decoder's socket, pidfd and status page, Died.
keeper -> nursery: FORK or SPARE asks for one more decoder.

The decoder reads untrusted files: each of its messages is checked here before anybody acts on it.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol

import msgspec

from jobs.errors import WireFault
from jobs.images.facts import Facts
from jobs.job import Part, Quality, Unmet
from jobs.limits import RENDITIONS_MAX
from jobs.recipes.recipe import NAME_PATTERN

HEADER_BYTES_MAX = 64 * 1024
"""A Task carries a recipe of at most 16 KiB; every other header is smaller."""
PACKET_BYTES_MAX = 4096
FORK, SPARE = b"fork", b"spare"
"""For a decoder that is wanted now; for one that has time to make itself ready."""
_PREFIX = struct.Struct("!II")
_Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
_Word = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9]{1,8}\Z")]
_Colour = Annotated[str, msgspec.Meta(pattern=r"\A#[0-9a-f]{6}\Z")]
_Layer = Annotated[str, msgspec.Meta(pattern=r"\A[a-z-]{1,16}\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Ending = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A(undecodable|pixels_over_limit|frames_over_limit|operation_failed|memory_over_limit|store_error)\Z"
    ),
]


class _Said(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    pass


class Task(_Said, frozen=True):
    """Make the renditions of `recipe` (canonical JSON) within these limits. `memory_bytes` is what
    the task may take of address space beyond what a fresh decoder has. `watermarks` are the digests
    of those whose descriptors follow the original's."""

    recipe: str
    pixels_max: int
    frames_max: int
    memory_bytes: int
    watermarks: list[str] = []


class Seen(_Said, frozen=True):
    """The original is read, and these are its facts."""

    facts: Facts


class Rendered(_Said, frozen=True):
    """One rendition is encoded; its bytes are the frame's body. `dominant_colour` is the original's, `unmet`,
    `original`, `quality` and `box` as a job's rendition has them."""

    name: _Name
    format: _Word
    extension: _Word
    width: _Count
    height: _Count
    dominant_colour: _Colour | None = None
    unmet: Unmet = ()
    original: tuple[_Count, _Count] | None = None
    quality: Quality | None = None
    box: Part | None = None


class Done(_Said, frozen=True):
    """All are made. `peak_bytes`: resident at most. `seconds`: of decoding, of the operations, and of encoding."""

    cpu_ms: Annotated[float, msgspec.Meta(ge=0)]
    peak_bytes: _Count
    seconds: tuple[_Seconds, _Seconds, _Seconds] = (0.0, 0.0, 0.0)


class Fault(_Said, frozen=True):
    """The task ended without its renditions; `code` is one of jobs.job.Code that a decoder may say: none that would
    make its tries free."""

    code: _Ending
    detail: str


class Unsealed(_Said, frozen=True):
    """This platform lacks these layers of the sandbox."""

    layers: tuple[_Layer, ...]


class Broke(_Said, frozen=True):
    """An error that is no image's fault; the decoder ends."""

    story: str


class Warm(_Said, frozen=True):
    """The codecs are loaded; `engine` is their version."""

    engine: str


class Born(_Said, frozen=True):
    """A decoder waits at the socket beside this; the second descriptor is its pidfd, the third its status page."""

    pid: int


class Died(_Said, frozen=True):
    """A decoder ended with this wait status and peak memory. The keeper adds, from its status page, the stage and the
    forbidden system call, if there was one."""

    pid: int
    status: int
    peak_bytes: int = 0
    stage: str = ""
    call: int | None = None


FromDecoder = Seen | Rendered | Done | Fault | Unsealed | Broke
encode = msgspec.msgpack.Encoder().encode
decode_task = msgspec.msgpack.Decoder(Task).decode
decode_from_decoder = msgspec.msgpack.Decoder(FromDecoder).decode
decode_from_nursery = msgspec.msgpack.Decoder(Warm | Born | Died).decode


def frame(word: _Said, body_bytes: int = 0) -> bytes:
    """A frame's beginning; `body_bytes` bytes are to follow it."""
    header = encode(word)
    return _PREFIX.pack(len(header), body_bytes) + header


def receive_task(link: socket.socket) -> tuple[Task, list[int]] | None:
    """The next task, the descriptors of its original and watermarks; None when the keeper has closed the link."""
    start, descriptors, _, _ = socket.recv_fds(link, HEADER_BYTES_MAX, 1 + RENDITIONS_MAX)
    if not start:
        return None
    buffer = bytearray(start)
    while len(buffer) < _PREFIX.size or len(buffer) < _PREFIX.size + _PREFIX.unpack_from(buffer)[0]:
        buffer += link.recv(HEADER_BYTES_MAX)
    return decode_task(buffer[_PREFIX.size :]), descriptors


class Sink(Protocol):
    """Where the bytes of a rendition go."""

    def write(self, data: memoryview) -> None:
        """The next of them; the memory is used again."""


class Frames:
    """Cuts one decoder's stream into messages and bodies. It enforces their order: Unsealed only at first, nothing
    after Broke, bytes only after a Rendered. Holds at most a header; bodies pass through."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._want = _PREFIX.size
        self._received: set[type] = set()
        self._rendered: Rendered | None = None
        self._sink: Any = None
        self._left = 0

    def feed(self, data: memoryview, sink_for: Callable[[Rendered, int], Sink]) -> Iterator[tuple[Any, Any]]:
        """The messages that are complete now. A Rendered comes with its Sink, which `sink_for` gave for a body of this
        size. Raises WireFault on a message that no decoder of ours sends, as `sink_for` does."""
        at = 0
        while at < len(data):
            if self._rendered is None:
                part = data[at : at + self._want - len(self._header)]
                self._header += part
                if (opened := self._open()) is not None:
                    word, self._left = opened
                    if isinstance(word, Rendered):
                        self._rendered, self._sink = word, sink_for(word, self._left)
                    else:
                        yield word, None
            else:
                part = data[at : at + self._left]
                self._sink.write(part)
                self._left -= len(part)
                if not self._left:
                    rendered, self._rendered = self._rendered, None
                    yield rendered, self._sink
            at += len(part)

    def _open(self) -> tuple[Any, int] | None:
        """The word of a header that is whole, and the size of its body."""
        if len(self._header) < self._want:
            return None
        size, body = _PREFIX.unpack_from(self._header)
        if self._want == _PREFIX.size:
            if not 0 < size <= HEADER_BYTES_MAX:
                raise WireFault(f"a header of {size} bytes")
            self._want += size
            return None
        word = _word(self._header[_PREFIX.size :])
        self._header, self._want = bytearray(), _PREFIX.size
        if (body > 0) != isinstance(word, Rendered):
            raise WireFault(f"a {type(word).__name__} with {body} bytes")
        if Broke in self._received or (isinstance(word, Unsealed) and self._received):
            raise WireFault(f"a {type(word).__name__} out of turn")
        self._received.add(type(word))
        return word, body


def _word(header: bytearray) -> Any:
    try:
        return decode_from_decoder(header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireFault(f"no word of a decoder: {error}") from None
