"""One job at a time: from its Assignment, through cache, original and decoder, to the facts about it.

Owns the present try and the one before it (that one is published while the decoder works on the next). Makes
each rendition durable before it is told. Knows no socket: facts go to the session through `notify`; children and
stores are passed in.
"""

import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import Any, BinaryIO

import msgspec

from host.settings.settings import Settings
from host.tracing.tracer import Processed, Tracer
from jobs.errors import BlobMissing, ImageFault, PixmillError, StoreAway, StoreFault
from jobs.ids import original_name
from jobs.images.head import Head
from jobs.job import Code, Cost, Spec, decode_spec, trace_of
from jobs.leases import count_of
from jobs.trace import member_of
from jobs.wire import Assignment, LeaseRef
from stores.blobs import Blobs
from worker.boundary import tasks
from worker.core import events
from worker.core.parking import GROWTH_SHARE
from worker.keeper import checks
from worker.keeper.autopsy import judge
from worker.keeper.bodies import Body
from worker.keeper.children import Children
from worker.keeper.results import Results, Run
from worker.keeper.tries import Try
from worker.keeper.watermarks import Watermarks, resolved

AGAIN_SECONDS = 1.0
"""A store that is away is asked again after this time."""


class Work:
    """The Listener of the worker's children. Tells at most one DecoderBegan and one end of every try. Offers
    each free decoder by DecoderIdle, before the end of its last job: so it has its next job while the last
    one is published. A store that is away fails no try: a job waits here before it begins, and afterwards for up to a
    minute with its renditions."""

    def __init__(
        self,
        settings: Settings,
        children: Children,
        blobs: Blobs,
        results: Results,
        notify: Callable[[Any], None],
        log: logging.Logger,
        away: AbstractContextManager[None] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._settings = settings
        self._children = children
        self._blobs = blobs
        self._results = results
        self._watermarks = Watermarks(settings, away or nullcontext())
        self._notify = notify
        self._log = log
        self._tracer = tracer or Tracer()
        self._try: Try | None = None
        self._ended: list[Try] = []
        self._postponed: Assignment | None = None
        self._again_at = 0.0
        """When the store, which was away, is asked again (monotonic seconds)."""
        self._offered = False
        self._story = ""
        self._unsealed: tuple[str, ...] | None = None

    # -- what the session wants

    def begin(self, assignment: Assignment) -> None:
        """Take on a job for the decoder that was offered. If that one worked for another tenant, use another decoder:
        foreign code in it could read this original, or leak what it saw before."""
        self._offered = False
        if time.monotonic() < self._again_at:
            self._postponed = assignment
            return None
        began_at = time.time()
        began = perf_counter()
        try:
            spec = decode_spec(assignment.spec)
            if (found := self._results.find(assignment.job, spec)) is not None:
                self._notify(events.CacheAnswered(assignment.job, assignment.lease, *found))
                self._log.info("finished", extra={"job": assignment.job, "cached": True, **member_of(spec.trace)})
                self._tracer.processed(Processed(assignment.job, spec.trace, began_at, time.time(), cached=True))
                return self._offer()
            watermarks = self._watermarks.of(spec.recipe)
            head = Head(spec.original.format, spec.original.width, spec.original.height)
            allowed = checks.allowed(spec.recipe, head, self._settings.frames_max)
            original = self._open(assignment.job, spec)
        except msgspec.MsgspecError as error:
            return self._refuse(assignment, Code.OPERATION_FAILED, f"its spec cannot be read: {error}")
        except StoreAway:
            self._postponed = assignment
            return self._leave_store()
        except (ImageFault, StoreFault) as fault:
            return self._refuse(assignment, _code(fault), fault.detail)
        read_seconds = perf_counter() - began
        self._try = Try(assignment, spec, allowed, original, watermarks, read_seconds=read_seconds)
        decoder = self._children.decoder
        if assignment.alone:
            self._children.end_parked()  # their memory is for this job
        if decoder is None or not decoder.tasks:
            self._hand_over()
        elif assignment.alone:
            self._replace("alone")
        elif decoder.run.tenant != spec.tenant:
            self._children.change(spec.tenant, self)
        else:
            self._hand_over()
        return None

    def kill(self, ref: LeaseRef) -> None:
        """Stop work on this lease at once. Nothing more of it is published or told."""
        for ended in [ended for ended in self._ended if ended.is_under(ref)]:
            ended.discard()
            self._ended.remove(ended)
            self._trace_end(ended, Code.CANCELLED)
        if self._postponed is not None and (self._postponed.job, self._postponed.lease) == (ref.job, ref.lease):
            self._postponed = None
            self._offer()
        if self._try is None or not self._try.is_under(ref):
            return
        work = self._try
        self._forget()
        if work.handed_at is not None:
            is_late = time.time() >= work.handed_at + work.assignment.seconds
            if is_late:
                self._results.spoil(work.run)
            self._trace_end(work, Code.DEADLINE_EXCEEDED if is_late else Code.CANCELLED)
            self._replace("killed")
        else:
            self._offer()

    def publish(self) -> None:
        """Make finished renditions durable, and tell of them. Call it at the end of a turn: the decoder has its
        next job by then, and need not wait for the disk. What a store was away for is done again here: a keeper turns
        at least once in a beat."""
        if time.monotonic() < self._again_at:
            return
        while self._ended and self._land(self._ended[0]):
            ended = self._ended[0]
            if ended.made:
                return
            self._ended.pop(0)
            self._finish(ended)
        if self._try is not None:
            self._land(self._try)
        if self._postponed is not None:
            postponed, self._postponed = self._postponed, None
            self.begin(postponed)

    def look(self) -> None:
        """Tell the decoder's progress, because the session's deadline is near: that it has the job, or perhaps the
        end of the present try."""
        work, decoder = self._try, self._children.decoder
        if work is not None and work.handed_at is not None and decoder is not None:
            self._begin(work)
            self._notify(events.DecoderSeen(work.assignment.job, work.assignment.lease, decoder.where()))

    # -- what the children tell

    def decoder_ready(self) -> None:
        """As Listener.decoder_ready."""
        if self._try is not None:
            self._hand_over()
        elif self._postponed is None:
            self._offer()

    def sink_for(self, word: tasks.Rendered, size: int) -> Body:
        """As Listener.sink_for."""
        return self._working(word).sink_for(self._blobs, word, size)

    def decoder_said(self, word: Any, sink: Any) -> None:
        """As Listener.decoder_said."""
        if isinstance(word, tasks.Unsealed | tasks.Broke):
            return self._note(word)
        work = self._working(word)
        match word:
            case tasks.Seen():
                wanted = resolved(work.spec.recipe).asks_facts and not work.facts and not work.names()
                work.facts = checks.seen(word, wanted=wanted)
            case tasks.Rendered():
                checks.check_whole(word, sink.head())
                work.made.append((word, sink))
                work.coming = None
            case tasks.Done():
                lacks_facts = resolved(work.spec.recipe).asks_facts and not work.facts
                checks.check_done(word, len(work.allowed), len(work.names()), lacks_facts=lacks_facts)
                work.done, self._try = word, None
                self._ended.append(work)
                self._notify(events.DecoderDone(work.assignment.job, work.assignment.lease))
                self._offer_or_recycle()
            case tasks.Fault(code, detail) if self._fail(work, code, detail):
                if code == Code.MEMORY_OVER_LIMIT:
                    self._replace("memory")
                else:
                    self._offer_or_recycle()

    def decoder_ended(self, death: tasks.Died, run: Run) -> None:
        """As Listener.decoder_ended."""
        code, detail = judge(death)
        self._log.warning("decoder_died", extra={"why": judge(death, self._story)[1]})
        self._results.spoil(run)
        self._story = ""
        if self._offered:
            self._offered = False
            self._notify(events.DecoderGone())
        elif self._try is not None and self._try.handed_at is not None:
            self._fail(self._try, code, detail)

    def parked_ended(self, run: Run) -> None:
        """As Listener.parked_ended."""
        self._log.warning("parked_decoder_ended")
        self._results.spoil(run)

    def _working(self, word: tasks.Seen | tasks.Rendered | tasks.Done | tasks.Fault) -> Try:
        """The try that this message can answer. Raises WireFault if there is none."""
        work, decoder = self._try, self._children.decoder
        if work is None or work.handed_at is None or decoder is None or decoder.untaken:
            raise checks.unexpected(word)
        return work

    def _note(self, word: tasks.Unsealed | tasks.Broke) -> None:
        match word:
            case tasks.Broke(story):
                self._story = checks.plain(story)
            case tasks.Unsealed(layers) if self._unsealed is None:
                self._unsealed = layers
                self._log.warning("sandbox_lacks_layer", extra={"layers": ", ".join(layers)})

    # -- the present try

    def _open(self, job: str, spec: Spec) -> BinaryIO:
        original = self._blobs.open(original_name(job))
        size = os.fstat(original.fileno()).st_size
        if size != spec.original.bytes:
            original.close()
            raise BlobMissing(f"the original had {spec.original.bytes} bytes and has {size}")
        return original

    def _hand_over(self) -> None:
        work, decoder = self._try, self._children.decoder
        if work is None or decoder is None:
            return
        task = tasks.Task(
            work.spec.recipe,
            self._settings.pixels_max,
            self._settings.frames_max,
            work.assignment.memory_bytes,
            list(work.watermarks),
        )
        if self._children.hand_over(task, [work.original.fileno(), *work.watermarks.values()], self):
            work.original.close()
            work.handed_at, work.run, decoder.run.tenant = time.time(), decoder.run, work.spec.tenant

    def _begin(self, work: Try) -> None:
        """Tell once that the decoder began. Having the task counts as the start: only the decoder knows when it looks
        at it. Finished renditions must be durable first. If the try has ended by then, its end is told with it."""
        if not work.begun and work.handed_at is not None:
            work.begun = True
            self._notify(events.DecoderBegan(work.assignment.job, work.assignment.lease, work.handed_at))

    def _land(self, work: Try) -> bool:
        """Publish the decoder's renditions. False if the store failed, and so the try. While the store is away, they
        stay in `made`. Facts of the original are told first."""
        if work.facts and not work.described:
            work.described = True
            self._begin(work)
            self._notify(events.OriginalDescribed(work.assignment.job, work.assignment.lease, work.facts))
        while work.made and (now := time.monotonic()) >= self._again_at:
            try:
                rendition = work.publish_next()
            except StoreFault as fault:
                if isinstance(fault, StoreAway) and work.waits_for_store(now):
                    self._leave_store()
                    return True
                self._lose(work, fault)
                return False
            self._begin(work)
            self._notify(events.RenditionLanded(work.assignment.job, work.assignment.lease, rendition))
        return True

    def _lose(self, work: Try, fault: StoreFault) -> None:
        """The store failed this try."""
        work.discard()
        self._begin(work)
        self._say_failed(work.assignment, Code.STORE_ERROR, fault.detail)
        self._trace_end(work, Code.STORE_ERROR)
        if work is self._try:
            self._forget()
            self._replace("store")
        else:
            self._ended.remove(work)

    def _leave_store(self) -> None:
        """The store is away: nothing is asked of it for a while, and nothing is failed for it."""
        self._again_at = time.monotonic() + AGAIN_SECONDS

    def _finish(self, work: Try) -> None:
        assert work.done is not None and work.handed_at is not None
        self._begin(work)
        self._results.keep(work.spec, work.renditions, work.run, work.facts)
        cost = Cost(work.done.cpu_ms, work.done.peak_bytes)
        job, lease, at = work.assignment.job, work.assignment.lease, time.time()
        self._notify(events.DecoderFinished(job, lease, work.renditions, cost, at, work.times(), work.facts))
        ms = round((at - work.handed_at) * 1000)
        extra = {"job": job, "lease": count_of(lease), "ms": ms, **member_of(work.spec.trace)}
        self._log.info("finished", extra=extra)
        self._tracer.processed(work.processed(at))

    def _fail(self, work: Try, code: str, detail: str) -> bool:
        """Fail the present try, once its earlier renditions are published. False if that failed, and so the try."""
        if not self._land(work):
            return False
        self._begin(work)
        self._forget()
        self._say_failed(work.assignment, code, detail)
        self._trace_end(work, code)
        return True

    def _refuse(self, assignment: Assignment, code: str, detail: str) -> None:
        self._say_failed(assignment, code, detail)
        self._offer()

    def _say_failed(self, assignment: Assignment, code: str, detail: str) -> None:
        self._notify(events.DecoderFailed(assignment.job, assignment.lease, code, checks.plain(detail)))
        traced = member_of(trace_of(assignment.spec))
        extra = {"job": assignment.job, "lease": count_of(assignment.lease), "code": str(code), "detail": detail}
        self._log.info("failed", extra=extra | traced)

    def _trace_end(self, work: Try, code: str) -> None:
        """The try has ended without its renditions."""
        if work.handed_at is not None:
            self._tracer.processed(work.processed(time.time(), str(code)))

    def _forget(self) -> None:
        if self._try is not None:
            self._try.discard()
            self._try = None

    # -- the decoder

    def _offer(self) -> None:
        if self._children.decoder is not None:
            self._offered = True
            self._notify(events.DecoderIdle())

    def _offer_or_recycle(self) -> None:
        decoder, most = self._children.decoder, self._settings.decoder_bytes_max // GROWTH_SHARE
        if decoder and (decoder.tasks >= self._settings.decoder_jobs_max or decoder.grown_bytes() > most):
            self._replace("worn")
        else:
            self._offer()

    def _replace(self, why: str) -> None:
        self._log.info("decoder_replaced", extra={"why": why})
        self._children.replace(self)


def _code(fault: PixmillError) -> str:
    """The code of a fault that keeps a try from beginning."""
    return Code.STORE_ERROR if isinstance(fault, StoreFault) and not isinstance(fault, BlobMissing) else fault.code
