"""The courier's loop towards the brokers, around courier/core/session.py: it reads all messages, feeds the session and
carries out its effects. Decides nothing. Never waits for a stranger: calls are made in threads.
"""

import contextlib
import logging
import os
import socket
import time
from typing import Any

from courier.calls import Calls, Work, error_of, in_trace, trace_of
from courier.core import events
from courier.core.events import CallResult
from courier.core.session import Session
from courier.delivering import deliver
from courier.fetching import Rules, fetch
from host.egress.addresses import parse_allowed
from host.egress.gate import Gate, Stop
from host.egress.proxies import parse_proxy
from host.egress.sources import parse_sources
from host.files import folders
from host.process import notify
from host.settings.extras import formats_read
from host.settings.settings import Settings
from host.sockets import curve
from host.sockets.bound import fresh_incarnation, own_name
from host.sockets.brokers import Brokers
from host.sockets.lines import Lines
from host.sockets.readiness import readable
from host.tracing.opening import open_tracer
from jobs.wire import Delivery
from stores.opening import open_blobs, open_objects, proven_blobs

SLOTS = 32
"""Calls at once. Each waits for a stranger most of its time."""
LAST_WORDS_MS = 500
"""The last answers may take this long to leave the socket."""


class Courier:
    """One courier process, from its first connection to its leaving."""

    def __init__(self, settings: Settings, signals: socket.socket, log: logging.Logger) -> None:
        folders.data_folder(settings)
        self._brokers = Brokers(settings, log)
        client = curve.Client(self._brokers.curve) if self._brokers.curve else None
        self._name, self._log, self._signals = own_name(), log, signals
        incarnation = fresh_incarnation(client.key if client else None)
        self._session = Session(
            incarnation, self._name, os.getpid(), SLOTS, settings.drain_seconds, settings.silence_seconds,
            time.monotonic(),
        )  # fmt: skip
        allowed = parse_allowed(settings.egress_allow)
        proxy = parse_proxy(settings.egress_proxy)
        self._gate = Gate(allowed, proxy)
        self._blobs = open_blobs(settings, settings.disk_free_bytes_min)
        self._objects = open_objects(settings)
        if settings.blobs_url:
            log.info("blobs_proven", extra={"store": proven_blobs(settings, self._blobs)})
        if proxy is not None:
            log.info("egress_by_proxy", extra={"proxy": f"{proxy.host}:{proxy.port}"})
        self._rules = Rules(parse_sources(settings.sources), allowed, formats_read(), settings.pixels_max)
        self._tracer = open_tracer("courier", log)
        self._calls = Calls(SLOTS, self._call, log)
        self._watchdog = notify.Watchdog()
        self._lines = Lines(self._brokers, client, self._tell, self._session.introduction, log)

    def run(self) -> None:
        """Serve until the session leaves."""
        self._brokers.watch()
        self._log.info("started", extra={"courier": self._name, "slots": SLOTS})
        notify.ready()
        leave = False
        while not leave:
            ready = self._wait()
            now = time.monotonic()
            for result in self._calls.ended():
                self._session.handle(events.CallEnded(result), now)
            self._lines.read(ready)
            if self._signals.fileno() in ready:
                self._read_signals()
            self._session.tick(now)
            leave = self._carry_out()
            self._watchdog.turned(now)
        self._calls.close()
        self._lines.close(LAST_WORDS_MS)
        self._tracer.close()
        self._log.info("left", extra={"courier": self._name})

    def _call(self, work: Work, stop: Stop) -> tuple[CallResult, str]:
        """Make one call; in a thread of its own."""
        if isinstance(work, Delivery):
            with self._tracer.calling("POST", work.url, trace_of(work), delivery=work.id) as calling:
                attempted, why = deliver(self._gate, in_trace(work, calling.trace), stop)
                calling.ended(attempted.status, error_of(attempted))
            return attempted, why
        with self._tracer.calling("GET", work.url, work.trace, job=work.job) as calling:
            fetched, why = fetch(self._gate, self._blobs, self._rules, work, stop, self._objects)
            calling.ended(0, error_of(fetched))
        return fetched, why

    def _tell(self, event: Any) -> None:
        self._session.handle(event, time.monotonic())

    def _wait(self) -> set[Any]:
        others = [self._signals.fileno(), self._calls.descriptor]
        seconds = min(self._session.deadline - time.monotonic(), self._watchdog.seconds)
        return readable(self._lines.all, others, seconds)

    def _carry_out(self) -> bool:
        effects = self._session.drain()
        for ref in effects.kill:
            self._calls.kill(ref)
        for message in effects.sends:
            self._lines.send(message)
        for work in effects.begin:
            self._calls.begin(work)
        if effects.reconnect:
            self._log.warning("broker_silent", extra={"courier": self._name})
            self._lines.reopen()
        return effects.leave

    def _read_signals(self) -> None:
        """The first signal asks to drain, every later one to leave."""
        with contextlib.suppress(BlockingIOError):
            for _ in self._signals.recv(64):
                self._tell(events.LeaveRequested() if self._session.draining else events.DrainRequested())
