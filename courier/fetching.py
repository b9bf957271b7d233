"""One fetch: an original from its address into the blob store, judged as an upload is.

Owns what an answer's status means, and the mapping from errors to codes. No detail of a result tells what the source
did: else a fetch would be a scanner of ports.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from courier.delivering import retry_after
from host.egress.addresses import Allowed, Target
from host.egress.conversation import PIECE_BYTES, REDIRECTS_MAX, Answer, Times, ask
from host.egress.gate import Gate, Stop
from host.egress.sources import Object, Prefix, is_listed, judge_source
from jobs.errors import BlobMissing, ClientFault, EgressFault, EgressRefused, LimitExceeded, StoreFault
from jobs.ids import original_name
from jobs.images import exif
from jobs.images.head import HeadReader
from jobs.images.judged import judged
from jobs.images.pieces import Passing
from jobs.job import Code
from jobs.limits import BODY_SILENCE_SECONDS
from jobs.wire import Failure, Source, SourceFetched
from stores.blobs import Blobs, BlobWriter, Objects

FIRST_SECONDS = 10.0
"""To the first byte of an answer, redirects apart."""
LATER = frozenset({408, 425, 429})
"""Statuses below 500 that may be another one later."""
DETAILS = {
    Code.SOURCE_REFUSED: "this address must not be fetched, or its server refuses it",
    Code.SOURCE_UNREACHABLE: "this address did not give its original",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What an original and its address must be: the prefixes of SOURCES, and the bounds of an upload."""

    prefixes: tuple[Prefix, ...]
    allowed: tuple[Allowed, ...]
    formats: tuple[str, ...]
    pixels_max: int


class _Refused(EgressRefused):
    """The server's answer is a refusal."""


class _Later(EgressFault):
    """The server asks to come later, after so many seconds if it says how many."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__("its server asks to come later")
        self.seconds = seconds


class _Body:
    """The bytes of one original on their way: judged, digested and written."""

    def __init__(self, source: Source, rules: Rules) -> None:
        self._source, self._rules = source, rules
        self._reader, self._turned = HeadReader(), Passing(exif.reading_orientation())
        self._sha256 = hashlib.sha256()
        self._size = 0

    def take(self, data: bytes, writer: BlobWriter | None) -> None:
        """Take the next bytes, and write them. Raises LimitExceeded, ClientFault, StoreFault."""
        self._size += len(data)
        if self._size > self._source.bytes_max:
            raise LimitExceeded("upload_too_large", "upload_bytes_max", self._source.bytes_max, self._size)
        if not self._reader.told:
            self._reader.feed(data)
            self._judge()
        self._turned.feed(data)
        self._sha256.update(data)
        if writer is not None:
            writer.write(data)

    def end(self) -> SourceFetched:
        """All bytes are here. Raises ClientFault if they are no image."""
        if not self._reader.told:
            self._reader.end()
            self._judge()
        self._turned.end()
        head = self._reader.head
        assert head is not None
        digest = self._sha256.hexdigest()
        source, turned = self._source, self._turned.found or 1
        return SourceFetched(source.job, source.lease, head.format, head.width, head.height, self._size, digest, turned)

    def _judge(self) -> None:
        if self._reader.typed:
            judged(self._reader, self._rules.formats, self._rules.pixels_max)


def fetch(
    gate: Gate, blobs: Blobs, rules: Rules, source: Source, stop: Stop, objects: Objects | None = None
) -> tuple[SourceFetched | Failure, str]:
    """Fetch the original and publish it under the job's name. `objects`: of buckets, if there are some. Returns the
    result, and for the log why it failed."""
    try:
        target = judge_source(source.url, rules.prefixes, rules.allowed)
        if isinstance(target, Object):
            return _copied(blobs, rules, source, target, stop, objects), ""
        return _fetched(gate, blobs, rules, source, stop), ""
    except _Later as fault:
        return _failure(source, Code.SOURCE_UNREACHABLE, retry=fault.seconds), fault.detail
    except EgressRefused as fault:
        return _failure(source, Code.SOURCE_REFUSED), fault.detail
    except EgressFault as fault:
        return _failure(source, Code.SOURCE_UNREACHABLE), fault.detail
    except ClientFault as fault:
        return Failure(source.job, source.lease, fault.code, fault.detail[:300]), fault.detail
    except BlobMissing as fault:
        return _failure(source, Code.SOURCE_REFUSED), fault.detail
    except StoreFault as fault:
        return Failure(source.job, source.lease, Code.STORE_ERROR, fault.detail[:300]), fault.detail


def _failure(source: Source, code: Code, retry: float | None = None) -> Failure:
    return Failure(source.job, source.lease, code.value, DETAILS[code], retry)


def _fetched(gate: Gate, blobs: Blobs, rules: Rules, source: Source, stop: Stop) -> SourceFetched:
    times = Times(source.seconds, FIRST_SECONDS, BODY_SILENCE_SECONDS)

    def may(target: Target) -> bool:
        """Whether a redirect's target is listed, as the address itself is."""
        if not is_listed(target, rules.prefixes):
            raise EgressRefused("it redirects to an address that is not below a prefix of PIXMILL_SOURCES")
        return target.scheme == "http"

    with closing(ask(gate, "GET", source.url, {}, b"", times, stop, redirects=REDIRECTS_MAX, http=may)) as answer:
        _judge_status(answer, time.time())
        return _publish(blobs, rules, source, answer.pieces(), _length(answer, source), stop)


def _copied(
    blobs: Blobs, rules: Rules, source: Source, target: Object, stop: Stop, objects: Objects | None
) -> SourceFetched:
    """Copy an object of a bucket, within the time of a fetch."""
    if objects is None:
        raise EgressRefused("there are no buckets: PIXMILL_BLOBS_URL is none")
    until = time.monotonic() + source.seconds
    return _publish(blobs, rules, source, _in_time(objects(target.bucket, target.key), until, stop), 0, stop)


def _in_time(pieces: Iterator[bytes], until: float, stop: Stop) -> Iterator[bytes]:
    for piece in pieces:
        if stop.is_set or time.monotonic() >= until:
            raise EgressFault("no answer in time")
        yield piece


def _judge_status(answer: Answer, now: float) -> None:
    """Raises EgressFault unless it is a success."""
    if answer.status in LATER or answer.status >= 500:
        raise _Later(retry_after(answer, now))
    if not 200 <= answer.status < 300:
        raise _Refused(f"its server answers {answer.status}")


def _length(answer: Answer, source: Source) -> int:
    """The bytes that the answer announces, 0 if it does not. Raises LimitExceeded."""
    said = answer.headers.get("content-length", "0")
    length = int(said) if said.isdecimal() and len(said) < 19 else 0
    if length > source.bytes_max:
        raise LimitExceeded("upload_too_large", "upload_bytes_max", source.bytes_max, length)
    return length


def _publish(
    blobs: Blobs, rules: Rules, source: Source, pieces: Iterator[bytes], length: int, stop: Stop
) -> SourceFetched:
    writer = blobs.writer(original_name(source.job), length)
    try:
        body = _Body(source, rules)
        for piece in pieces:
            body.take(piece, writer)
        fetched = body.end()
        if stop.is_set:
            raise EgressFault("ended on request")
        if (before := _published(blobs, rules, source)) is not None:
            return before
        writer.publish()
    finally:
        writer.discard()
    return fetched


def _published(blobs: Blobs, rules: Rules, source: Source) -> SourceFetched | None:
    """The original that another fetch of this job has published, if one has. It stays, and is the one that is told: a
    courier that lost its lease in a silence may end after the one that has it now, and a source may have changed in
    between. Without this the bytes would not be those that the broker knows."""
    try:
        file = blobs.open(original_name(source.job))
    except BlobMissing:
        return None
    with file:
        body = _Body(source, rules)
        while piece := file.read(PIECE_BYTES):
            body.take(piece, None)
        return body.end()
