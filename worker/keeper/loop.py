"""The keeper: the worker's process towards the broker. The only zmq of the role.

Owns the DEALER, its monitor and the poll loop around worker/core/session.py: it reads all messages,
feeds the session and carries out its effects. Decides nothing, and never imports PIL.
"""

import contextlib
import logging
import os
import socket
import time
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from host.files import folders
from host.process import notify
from host.settings.settings import Settings
from host.sockets import curve
from host.sockets.addresses import wires_of
from host.sockets.readiness import descriptors, has_mail, readable
from jobs import wire
from jobs.errors import WireFault
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

RECONNECT_MS_FIRST, RECONNECT_MS_MAX = 10, 500
MAIL_SECONDS = 0.03
"""The broker's messages may stay unread this long while the decoder works: most jobs end sooner, and each look costs a
wake-up. A cancel or a recall waits at most this long."""
VISIT_MESSAGES_MAX = 256
"""Messages of the broker that are read in one turn: they are carried out before more are read."""
LAST_WORDS_MS = 500
"""The last answers may take this long to leave the socket."""
WATCHED = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
"""Monitored events of a connection; on tcp refusals as well."""


class Keeper:
    """One worker process, from its first warm decoder to its leaving."""

    def __init__(
        self, settings: Settings, children: Children, signals: socket.socket, engine: str, log: logging.Logger
    ) -> None:
        folders.data_folder(settings)
        self._wires = wires_of(settings)
        self._client = curve.Client(self._wires.curve) if self._wires.curve else None
        self._refusals = curve.Refusals(log)
        self._name = config.name()
        self._log = log
        self._children = children
        self._signals = signals
        self._capacity = settings.capacity
        self._session = Session(
            config.incarnation(self._client.key if self._client else None),
            self._name,
            os.getpid(),
            settings.capacity,
            engine,
            settings.drain_seconds,
            settings.silence_seconds,
            time.monotonic(),
        )
        self._beats = Beats(self._speak)
        blobs = WaitingBlobs(config.blobs(settings), self._beats)
        cache = open_cache(settings)
        results = Results(WaitingCache(cache, self._beats) if cache is not None else None, blobs, engine)
        self._work = Work(settings, children, blobs, results, self._notify, log, self._beats)
        self._housekeeping = Housekeeping(blobs, self._notify, log, time.monotonic)
        self._watchdog = notify.Watchdog()
        self._notified = False
        self._ready_said = False
        self._noise = 0
        self._read_at = 0.0
        """When the broker's messages were last read (monotonic seconds)."""
        self._context = zmq.Context()
        self._former: Any = None
        """The socket that the broker knows, until it welcomes the present one."""
        self._open()

    def run(self) -> None:
        """Serve until the session leaves. All children are gone on return."""
        self._log.info("started", extra={"worker": self._name, "capacity": self._capacity})
        leave = False
        while not leave:
            ready = self._wait()
            now = self._read_at = time.monotonic()
            if now >= self._children.deadline or not ready.isdisjoint(self._children.descriptors()):
                self._children.read(self._work, now)
            if self._monitor in ready:
                self._read_monitor()
            self._read_broker()
            if self._signals.fileno() in ready:
                self._read_signals()
            if now >= self._session.deadline:
                self._work.look()
            self._session.tick(now)
            if self._session.draining:
                self._children.end_parked()
            leave = self._carry_out()
            self._work.publish()
            if self._notified and not leave:
                leave = self._carry_out()
            if self._ready_said:
                self._watchdog.turned(now)
            self._session.turned(time.monotonic())
        self._beats.stop()
        self._children.close()
        self._close(LAST_WORDS_MS)
        self._context.term()
        self._log.info("left", extra={"worker": self._name})

    def _notify(self, event: Any) -> None:
        self._notified = True
        self._session.handle(event, time.monotonic())

    def _speak(self) -> float:
        """Send what is due. Runs in the thread of the beats, while the keeper's own waits for the disk."""
        for message in self._session.meanwhile(time.monotonic()):
            self._send(message)
        return self._session.beat_at - time.monotonic()

    def _wait(self) -> set[Any]:
        """Everything that can be read. The broker's messages are read in each turn in any case."""
        due = 0.0 if self._notified else min(self._session.deadline, self._children.deadline)
        sockets = self._all_sockets
        if self._session.occupied:
            due, sockets = min(due, self._read_at + MAIL_SECONDS), self._but_mail
        others = [self._signals.fileno(), *self._children.descriptors()]
        return readable(sockets, others, due - time.monotonic())

    def _carry_out(self) -> bool:
        self._notified = False
        effects = self._session.drain()
        for ref in effects.kill:
            self._work.kill(ref)
        for message in effects.sends:
            self._send(message)
        for sweeping in effects.sweep:  # before a requeued job makes blobs of the same names again
            self._housekeeping.sweep(sweeping)
        for assignment in effects.begin:
            self._work.begin(assignment)
        if effects.scan is not None:
            self._housekeeping.scan(effects.scan)
        if effects.reconnect:
            self._log.warning("broker silent", extra={"worker": self._name})
            self._reopen()
        if self._children.decoder is not None and not self._ready_said:
            self._ready_said = True
            notify.ready()
        return effects.leave

    # -- the socket

    def _open(self) -> None:
        self._dealer = self._context.socket(zmq.DEALER)
        self._dealer.linger = 0
        self._dealer.maxmsgsize = wire.FRAME_BYTES_MAX
        self._dealer.reconnect_ivl = RECONNECT_MS_FIRST
        self._dealer.reconnect_ivl_max = RECONNECT_MS_MAX
        self._monitor = self._dealer.get_monitor_socket(WATCHED | (curve.REFUSED if self._wires.address else 0))
        self._wires.tune(self._dealer)
        if self._client:
            self._client.dress(self._dealer)
        self._dealer.connect(self._wires.endpoint("workers"))
        self._but_mail = descriptors(self._monitor)
        self._all_sockets = self._but_mail | descriptors(self._dealer)
        self._welcome = False

    def _reopen(self) -> None:
        """Open a fresh socket. The one that the broker knows stays open until the new one is welcome. If the broker
        only paused, it would take that socket's end for ours, and our running jobs for lost."""
        self._dealer.disable_monitor()
        self._monitor.close(0)
        if self._welcome:
            self._former = self._dealer
        else:
            self._dealer.close(0)
        self._open()

    def _close(self, linger_ms: int) -> None:
        self._dealer.disable_monitor()
        self._monitor.close(0)
        self._dealer.close(linger_ms)
        self._leave_former()

    def _leave_former(self) -> None:
        if self._former is not None:
            self._former.close(0)
            self._former = None

    def _send(self, message: Any) -> None:
        frames, left_out = wire.frames(message)
        if left_out:
            self._log.error("too long to be sent, left out", extra={"message": type(message).__name__})
        try:
            for frame in frames:
                self._dealer.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            self._notify(events.Disconnected())

    def _read_broker(self) -> None:
        for _ in range(VISIT_MESSAGES_MAX):
            if not has_mail(self._dealer):
                return
            for frame in self._dealer.recv_multipart(zmq.NOBLOCK):
                try:
                    message = wire.to_worker.decode(frame)
                except WireFault as fault:
                    self._noise += 1
                    if self._noise == 1:
                        self._log.warning("noise", extra={"why": fault.detail})
                    continue
                if isinstance(message, wire.Welcome):
                    self._welcome = True
                    self._leave_former()
                self._notify(events.Received(message))

    def _read_monitor(self) -> None:
        while has_mail(self._monitor):
            happened = recv_monitor_message(self._monitor)["event"]
            if happened & curve.REFUSED:
                self._refusals.notify(happened)
                continue
            connected = happened == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._notify(events.Connected() if connected else events.Disconnected())

    def _read_signals(self) -> None:
        """The first signal asks to drain, every later one to leave."""
        with contextlib.suppress(BlockingIOError):
            for _ in self._signals.recv(64):
                self._notify(events.LeaveRequested() if self._session.draining else events.DrainRequested())
