"""The keeper: the worker's process towards the brokers.

Owns the poll loop around worker/core/session.py: it reads all messages (host/sockets/lines.py), feeds the session and
carries out its effects. Decides nothing, and never imports PIL.
"""

import contextlib
import logging
import os
import socket
import time
from typing import Any

from host.files import folders
from host.process import notify
from host.settings.settings import Settings
from host.sockets import curve
from host.sockets.bound import fresh_incarnation, own_name
from host.sockets.brokers import Brokers
from host.sockets.lines import Lines
from host.sockets.readiness import readable
from host.tracing.opening import open_tracer
from stores.opening import open_cache
from worker.core import events
from worker.core.session import Session
from worker.keeper import config
from worker.keeper.beats import Beats
from worker.keeper.children import Children
from worker.keeper.housekeeping import Housekeeping
from worker.keeper.results import Results
from worker.keeper.waiting import WaitingBlobs, WaitingCache
from worker.keeper.work import Work

MAIL_SECONDS = 0.03
"""The broker's messages may stay unread this long while the decoder works: most jobs end sooner, and each look costs a
wake-up. A cancel or a recall waits at most this long."""
LAST_WORDS_MS = 500
"""The last answers may take this long to leave the socket."""


class Keeper:
    """One worker process, from its first warm decoder to its leaving."""

    def __init__(
        self, settings: Settings, children: Children, signals: socket.socket, engine: str, log: logging.Logger
    ) -> None:
        folders.data_folder(settings)
        brokers = Brokers(settings, log)
        client = curve.Client(brokers.curve) if brokers.curve else None
        self._name = own_name()
        self._log = log
        self._children = children
        self._signals = signals
        self._capacity = settings.capacity
        self._session = Session(
            fresh_incarnation(client.key if client else None),
            self._name,
            os.getpid(),
            settings.capacity,
            engine,
            settings.drain_seconds,
            settings.silence_seconds,
            time.monotonic(),
        )
        self._beats = Beats(self._speak)
        blobs = WaitingBlobs(config.blobs(settings, log), self._beats)
        cache = open_cache(settings)
        cache = cache and WaitingCache(cache, self._beats, self._cache_changed)
        self._results = Results(cache, blobs, engine)
        self._tracer = open_tracer("worker", log)
        self._work = Work(settings, children, blobs, self._results, self._notify, log, self._beats, self._tracer)
        self._housekeeping = Housekeeping(blobs, self._notify, log, time.monotonic)
        self._watchdog = notify.Watchdog()
        self._notified = False
        self._ready_said = False
        self._read_at = 0.0
        """When the broker's messages were last read (monotonic seconds)."""
        self._brokers = brokers
        self._lines = Lines(brokers, client, self._notify, self._session.introduction, log)

    def run(self) -> None:
        """Serve until the session leaves. All children are gone on return."""
        self._brokers.watch()
        self._log.info("started", extra={"worker": self._name, "capacity": self._capacity})
        leave = False
        while not leave:
            ready = self._wait()
            now = self._read_at = time.monotonic()
            if now >= self._children.deadline or not ready.isdisjoint(self._children.descriptors()):
                self._children.read(self._work, now)
            self._lines.read(ready)
            if self._signals.fileno() in ready:
                self._read_signals()
            if now >= self._session.deadline:
                self._work.look()
            self._session.tick(now)
            if self._session.draining:
                self._children.end_parked()
            leave = self._carry_out()
            self._work.publish()
            if not self._session.occupied:
                self._results.look()
            if self._notified and not leave:
                leave = self._carry_out()
            if self._ready_said:
                self._watchdog.turned(now)
            self._session.turned(time.monotonic())
        self._beats.stop()
        self._children.close()
        self._lines.close(LAST_WORDS_MS)
        self._tracer.close()
        self._log.info("left", extra={"worker": self._name})

    def _notify(self, event: Any) -> None:
        self._notified = True
        self._session.handle(event, time.monotonic())

    def _cache_changed(self, why: str) -> None:
        if why:
            self._log.warning("cache_failing", extra={"why": why})
        else:
            self._log.info("cache_answering")
        self._notify(events.CacheChanged(why))

    def _speak(self) -> float:
        """Send what is due. Runs in the thread of the beats, while the keeper's own waits for the disk."""
        for message in self._session.meanwhile(time.monotonic()):
            self._lines.send(message)
        return self._session.beat_at - time.monotonic()

    def _wait(self) -> set[Any]:
        """Everything that can be read. The broker's messages are read in each turn in any case."""
        due = 0.0 if self._notified else min(self._session.deadline, self._children.deadline)
        sockets = self._lines.all
        if self._session.occupied:
            due, sockets = min(due, self._read_at + MAIL_SECONDS), self._lines.but_mail
        others = [self._signals.fileno(), *self._children.descriptors()]
        return readable(sockets, others, due - time.monotonic())

    def _carry_out(self) -> bool:
        self._notified = False
        effects = self._session.drain()
        for ref in effects.kill:
            self._work.kill(ref)
        for message in effects.sends:
            self._lines.send(message)
        for sweeping in effects.sweep:  # before a requeued job makes blobs of the same names again
            self._housekeeping.sweep(sweeping)
        for assignment in effects.begin:
            self._work.begin(assignment)
        if effects.scan is not None:
            self._housekeeping.scan(effects.scan)
        if effects.reconnect:
            self._log.warning("broker_silent", extra={"worker": self._name})
            self._lines.reopen()
        if self._children.decoder is not None and not self._ready_said:
            self._ready_said = True
            notify.ready()
        return effects.leave

    def _read_signals(self) -> None:
        """The first signal asks to drain, every later one to leave."""
        with contextlib.suppress(BlockingIOError):
            for _ in self._signals.recv(64):
                self._notify(events.LeaveRequested() if self._session.draining else events.DrainRequested())
