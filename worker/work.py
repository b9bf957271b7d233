"""One job at a time: from its Assignment, through cache, original and decoder, to the facts about it.

Owns the present try and the one before it, which is published while the decoder computes again; and that
a rendition is durable before anybody hears of it. Knows no socket: facts go to the session through `tell`,
children and stores are given.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec

from jobs.errors import BlobMissing, ImageFault, PixmillError, StoreFault
from jobs.ids import rendition_name
from jobs.job import Code, Cost, Rendition, Spec, decode_spec
from jobs.settings import Settings
from jobs.wire import Assignment, LeaseRef
from stores.blobs import Blobs
from worker import autopsy, believed, tasks
from worker.children import Children
from worker.core import events
from worker.results import Results
from worker.watermarks import Watermarks, resolved

GROWTH_SHARE = 4
"""A decoder that keeps more than DECODER_BYTES_MAX / 4 between jobs is replaced."""


@dataclass(slots=True)
class Try:
    """One job on its way through the decoder. `asked`: the names of its renditions. `handed_at`: since when (wall time)
    the decoder has it, and no longer `original`. `begun`: the session was told so. `made` is not published yet; `done`
    is what the decoder said at its end."""

    assignment: Assignment
    spec: Spec
    asked: frozenset[str]
    original: BinaryIO
    watermarks: dict[str, int]
    handed_at: float | None = None
    begun: bool = False
    renditions: list[Rendition] = field(default_factory=list)
    made: list[tuple[tasks.Rendered, bytes]] = field(default_factory=list)
    done: tasks.Done | None = None

    def names(self) -> set[str]:
        """Of the renditions that were made, published or not."""
        return {one.name for one in self.renditions} | {one.name for one, _ in self.made}


class Work:
    """The Listener of the worker's children. Tells of every try one DecoderBegan at most and one end,
    and offers each free decoder by DecoderIdle: before the end of what it worked on, so that it has its
    next job while that is published."""

    def __init__(
        self,
        settings: Settings,
        children: Children,
        blobs: Blobs,
        results: Results,
        tell: Callable[[Any], None],
        log: logging.Logger,
    ) -> None:
        self._settings = settings
        self._children = children
        self._blobs = blobs
        self._results = results
        self._watermarks = Watermarks(settings)
        self._tell = tell
        self._log = log
        self._try: Try | None = None
        self._ended: Try | None = None
        self._offered = False
        self._story = ""
        self._unsealed: tuple[str, ...] | None = None

    # -- what the session wants

    def begin(self, assignment: Assignment) -> None:
        """Take on a job, for the decoder that was offered."""
        self._offered = False
        try:
            spec = decode_spec(assignment.spec)
            if (renditions := self._results.find(assignment.job, spec)) is not None:
                self._tell(events.CacheAnswered(assignment.job, assignment.lease, renditions))
                self._log.info("finished", extra={"job": assignment.job, "cached": True})
                return self._offer()
            watermarks = self._watermarks.of(spec.recipe)
            asked = frozenset(one.name for one in resolved(spec.recipe))
            original = self._open(spec)
        except msgspec.MsgspecError as error:
            return self._refuse(assignment, Code.OPERATION_FAILED, f"its spec cannot be read: {error}")
        except (ImageFault, StoreFault) as fault:
            return self._refuse(assignment, _code(fault), fault.detail)
        self._try = Try(assignment, spec, asked, original, watermarks)
        if assignment.alone and self._children.decoder is not None and self._children.decoder.tasks:
            self._replace("alone")
        self._hand_over()
        return None

    def kill(self, ref: LeaseRef) -> None:
        """Stop working on this lease at once; nothing more of it is published or told."""
        if _is(self._ended, ref):
            self._ended = None
        if self._try is None or not _is(self._try, ref):
            return
        handed_at = self._try.handed_at
        self._forget()
        if handed_at is not None:
            self._replace("killed")
        else:
            self._offer()

    def publish(self) -> None:
        """Make durable what was made, and tell. For the end of a turn: the decoder has its next job by then,
        and need not wait for the disk."""
        ended, self._ended = self._ended, None
        if ended is not None and self._land(ended):
            self._finish(ended)
        if self._try is not None:
            self._land(self._try)

    def look(self) -> None:
        """Tell where the decoder is: the session's deadline is near. Whether it began, or, it may be, the present
        try's last word."""
        work, decoder = self._try, self._children.decoder
        if work is not None and work.handed_at is not None and decoder is not None:
            if decoder.stage != autopsy.IDLE:
                self._begin(work)
            self._tell(events.DecoderSeen(work.assignment.job, work.assignment.lease, decoder.where()))

    # -- what the children tell

    def decoder_ready(self) -> None:
        """As Listener.decoder_ready."""
        if self._try is not None:
            self._hand_over()
        else:
            self._offer()

    def decoder_said(self, word: Any, body: bytes) -> None:
        """As Listener.decoder_said."""
        if isinstance(word, tasks.Unsealed | tasks.Broke):
            self._note(word)
        if self._try is None or self._try.handed_at is None:
            return
        if isinstance(word, tasks.Rendered | tasks.Done):
            believed.check(word, self._try.asked, self._try.names())
        match word:
            case tasks.Rendered():
                self._try.made.append((word, body))
            case tasks.Done():
                self._try.done, self._ended = word, self._try
                self._forget()
                self._offer_or_recycle(word.grown_bytes)
            case tasks.Fault(code, detail, grown_bytes):
                self._fail(code, detail)
                if code == Code.MEMORY_OVER_LIMIT:
                    self._replace("memory")
                else:
                    self._offer_or_recycle(grown_bytes)

    def decoder_ended(self, death: tasks.Died) -> None:
        """As Listener.decoder_ended."""
        code, detail = autopsy.judge(death)
        self._log.warning("decoder replaced", extra={"why": autopsy.judge(death, self._story)[1]})
        self._story = ""
        if self._offered:
            self._offered = False
            self._tell(events.DecoderGone())
        elif self._try is not None and self._try.handed_at is not None:
            self._fail(code, detail, begun=autopsy.had_begun(death))

    def _note(self, word: tasks.Unsealed | tasks.Broke) -> None:
        match word:
            case tasks.Broke(story):
                self._story = believed.plain(story)
            case tasks.Unsealed(layers) if self._unsealed is None:
                self._unsealed = layers
                self._log.warning("decoders lack a layer of the sandbox", extra={"layers": ", ".join(layers)})

    # -- the present try

    def _open(self, spec: Spec) -> BinaryIO:
        original = self._blobs.open(spec.original.name)
        size = os.fstat(original.fileno()).st_size
        if size != spec.original.bytes:
            original.close()
            raise BlobMissing(f"the original had {spec.original.bytes} bytes and has {size}")
        return original

    def _hand_over(self) -> None:
        work = self._try
        if work is None or self._children.decoder is None:
            return
        task = tasks.Task(
            work.spec.recipe,
            self._settings.pixels_max,
            self._settings.frames_max,
            work.assignment.memory_bytes,
            list(work.watermarks),
        )
        self._children.hand_over(task, [work.original.fileno(), *work.watermarks.values()])
        work.original.close()
        work.handed_at = time.time()

    def _begin(self, work: Try) -> None:
        """Tell, once, that the decoder began: as soon as it is known, but not before what came of it is durable. What
        has ended by then is told in the same breath."""
        if not work.begun and work.handed_at is not None:
            work.begun = True
            self._tell(events.DecoderBegan(work.assignment.job, work.assignment.lease, work.handed_at))

    def _land(self, work: Try) -> bool:
        """Publish what the decoder made; False where the store failed, and so the try."""
        made, work.made = work.made, []
        for word, body in made:
            digest = hashlib.sha256(body).hexdigest()
            blob = rendition_name(work.assignment.job, word.name, digest, word.extension)
            try:
                self._blobs.put(blob, body)
            except StoreFault as fault:
                self._begin(work)
                self._say_failed(work.assignment, Code.STORE_ERROR, fault.detail)
                if work is self._try:
                    self._forget()
                    self._replace("store")
                return False
            told = (word.format, word.width, word.height, len(body), digest, word.dominant_colour, word.unmet)
            rendition = Rendition(word.name, blob, *told)
            work.renditions.append(rendition)
            self._begin(work)
            self._tell(events.RenditionLanded(work.assignment.job, work.assignment.lease, rendition))
        return True

    def _finish(self, work: Try) -> None:
        assert work.done is not None and work.handed_at is not None
        self._begin(work)
        self._results.keep(work.spec, work.renditions)
        cost = Cost(work.done.cpu_ms, work.done.peak_bytes)
        job, lease, at = work.assignment.job, work.assignment.lease, time.time()
        self._tell(events.DecoderFinished(job, lease, work.renditions, cost, at))
        ms = round((at - work.handed_at) * 1000)
        self._log.info("finished", extra={"job": work.assignment.job, "ms": ms})

    def _fail(self, code: str, detail: str, *, begun: bool = True) -> None:
        """The present try, once what it made before is published."""
        work = self._try
        if work is not None and self._land(work):
            if begun:
                self._begin(work)
            self._forget()
            self._say_failed(work.assignment, code, detail)

    def _refuse(self, assignment: Assignment, code: str, detail: str) -> None:
        self._say_failed(assignment, code, detail)
        self._offer()

    def _say_failed(self, assignment: Assignment, code: str, detail: str) -> None:
        self._tell(events.DecoderFailed(assignment.job, assignment.lease, code, believed.plain(detail)))
        self._log.info("failed", extra={"job": assignment.job, "code": str(code)})

    def _forget(self) -> None:
        if self._try is not None:
            self._try.original.close()
            self._try = None

    # -- the decoder

    def _offer(self) -> None:
        if self._children.decoder is not None:
            self._offered = True
            self._tell(events.DecoderIdle())

    def _offer_or_recycle(self, grown_bytes: int) -> None:
        decoder = self._children.decoder
        worn = decoder is not None and decoder.tasks >= self._settings.decoder_jobs_max
        if worn or grown_bytes > self._settings.decoder_bytes_max // GROWTH_SHARE:
            self._replace("worn")
        else:
            self._offer()

    def _replace(self, why: str) -> None:
        self._children.replace()
        self._log.info("decoder replaced", extra={"why": why})


def _is(work: Try | None, ref: LeaseRef) -> bool:
    return work is not None and (work.assignment.job, work.assignment.lease) == (ref.job, ref.lease)


def _code(fault: PixmillError) -> str:
    """Of what keeps a try from beginning."""
    return Code.STORE_ERROR if isinstance(fault, StoreFault) and not isinstance(fault, BlobMissing) else fault.code
