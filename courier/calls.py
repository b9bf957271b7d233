"""The calls that a courier makes at once, each in a thread. Owns the threads, and hands each result to the loop.

A call that is ended gets no further: its connection is shut, and its result is dropped. A call that breaks by a fault
of our own has a result, too: else its lease would never end. Decides nothing.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial

import msgspec

from courier.core.events import CallResult
from courier.delivering import SILENT
from courier.fetching import DETAILS
from host.egress.gate import Stop
from host.process.threads import tried
from jobs.job import Code
from jobs.trace import HEADERS, Trace, headers_of, headers_read, member_of
from jobs.webhooks.schedule import is_success
from jobs.wire import Attempted, Delivery, Failure, LeaseRef, Source

Work = Delivery | Source
Do = Callable[[Work, Stop], tuple[CallResult, str]]
"""Makes one call. Returns its result, and for the log why it failed."""
NO_ANSWER = "no_answer"
Made = Future[tuple[CallResult, str]]
"""What a call came to, also an exception that nobody expected."""


def ref_of(work: Work) -> LeaseRef:
    """The lease under which a call is made."""
    return LeaseRef(work.id, work.attempt) if isinstance(work, Delivery) else LeaseRef(work.job, work.lease)


def trace_of(work: Work) -> Trace | None:
    """The trace of the job that a call is for."""
    return headers_read(work.headers) if isinstance(work, Delivery) else work.trace


def in_trace(work: Delivery, trace: Trace | None) -> Delivery:
    """The delivery with the headers of this trace, in place of its job's."""
    if trace == trace_of(work):
        return work
    plain = {name: value for name, value in work.headers.items() if name not in HEADERS}
    return msgspec.structs.replace(work, headers=plain | headers_of(trace))


def error_of(result: CallResult) -> str | None:
    """The code of a call that failed: that of the job's error, or the status of the receiver's answer."""
    if isinstance(result, Failure):
        return result.code
    if not isinstance(result, Attempted) or is_success(result.status):
        return None
    return str(result.status) if result.status else NO_ANSWER


def broken(work: Work) -> CallResult:
    """The result of a call that broke by a fault of our own: it is made again, as after a silence."""
    if isinstance(work, Delivery):
        return Attempted(work.id, work.attempt, 0, 0.0, error=SILENT)
    code = Code.SOURCE_UNREACHABLE
    return Failure(work.job, work.lease, code.value, DETAILS[code])


class _Data(msgspec.Struct):
    id: str = ""


class _Body(msgspec.Struct):
    type: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


def _about(body: bytes) -> dict[str, str]:
    """The job or the batch that an event tells of, for the log."""
    try:
        told = msgspec.json.decode(body, type=_Body)
    except msgspec.MsgspecError:
        return {}
    return {told.type.partition(".")[0]: told.data.id} if told.data.id else {}


class Calls:
    """At most `count` calls at once; more of them wait for a thread. `descriptor` can be read when a call has ended."""

    def __init__(self, count: int, do: Do, log: logging.Logger) -> None:
        self._count, self._do, self._log = count, do, log
        self._begun: queue.SimpleQueue[tuple[Work, Stop]] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Work, Stop, Made]] = queue.SimpleQueue()
        self._stops: dict[LeaseRef, Stop] = {}
        self._threads = self._under_way = 0
        self._lock = threading.Lock()
        self._is_closed = False
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def begin(self, work: Work) -> None:
        """Begin a call."""
        stop = Stop()
        if (former := self._stops.get(ref_of(work))) is not None:
            former.set()
        self._stops[ref_of(work)] = stop
        with self._lock:
            self._under_way += 1  # a call that was killed counts until its thread is free
        if self._threads < min(self._count, self._under_way):
            self._start()
        self._begun.put((work, stop))

    def kill(self, ref: LeaseRef) -> None:
        """End a call. Harmless if it has ended."""
        if (stop := self._stops.pop(ref, None)) is not None:
            stop.set()

    def ended(self) -> Iterator[CallResult]:
        """The results of the calls that have ended since, but of none that was killed."""
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return
        while not self._ended.empty():
            work, stop, made = self._ended.get()
            if self._stops.get(ref_of(work)) is stop:
                del self._stops[ref_of(work)]
                yield self._result(work, made)

    def close(self) -> None:
        """End all calls. Their threads end with the process, and tell nobody any more."""
        for ref in list(self._stops):
            self.kill(ref)
        with self._lock:
            self._is_closed = True
            os.close(self.descriptor)

    def _start(self) -> None:
        """One thread more. Raises RuntimeError if there is none at all: where the system gives no more, those that are
        there take the calls one after the other."""
        thread = threading.Thread(target=self._run, name=f"call-{self._threads + 1}", daemon=True)
        try:
            thread.start()
        except RuntimeError as fault:
            if not self._threads:
                raise
            self._log.warning("thread_missing", extra={"why": str(fault), "threads": self._threads})
        else:
            self._threads += 1

    def _result(self, work: Work, made: Made) -> CallResult:
        ref = ref_of(work)
        kind = {"delivery": ref.job, **_about(work.body)} if isinstance(work, Delivery) else {"job": ref.job}
        kind |= member_of(trace_of(work))
        if (fault := made.exception()) is not None:
            self._log.error("call_broke", extra=kind, exc_info=fault)
            return broken(work)
        result, why = made.result()
        if why:
            self._log.warning("call_failed", extra={**kind, "why": why})
        elif isinstance(result, Attempted):
            self._log.info("webhook_told", extra={**kind, "status": result.status, "ms": round(result.seconds * 1000)})
        else:
            self._log.info("fetched", extra=kind)
        return result

    def _run(self) -> None:
        while True:
            work, stop = self._begun.get()
            made: Made = Future()
            tried(made, partial(self._do, work, stop))()
            self._ended.put((work, stop, made))
            with self._lock:
                self._under_way -= 1
                if not self._is_closed:
                    os.eventfd_write(self.descriptor, 1)
