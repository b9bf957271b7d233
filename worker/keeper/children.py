"""The keeper's side of its children: one nursery, and through it always one warm decoder. If tenants take turns, there
are also a spare decoder and some parked ones.

Owns their sockets and lives: a decoder that ends is replaced at once, a lost nursery is started anew.
Knows no job. Tells events to a Listener.

It is one file of more than 300 lines because all its steps (birth, parking, replacement, end) change the same few
fields: the decoder, the spare one, and how many were requested.
"""

import contextlib
import os
import signal
import socket
import time
from math import inf
from typing import Any, Protocol

from host.process import launch
from host.settings.environment import without_secrets
from jobs.errors import SetupFault, WireFault
from worker.boundary import tasks
from worker.boundary.status_page import DEAF, GARBAGE, LOST, StatusPage
from worker.core.parking import Parking
from worker.keeper.decoders import Decoder
from worker.keeper.results import Run

READ_BYTES = 256 * 1024
READS_A_TURN = 16
"""After this many full reads the keeper serves its other sockets first: an endless writer blocks nobody."""
NURSERY_SECONDS_LEAST = 1.0
"""Seconds between two starts of nurseries: a nursery that cannot load its libraries must not spin."""
END_SECONDS = 1.0
"""A leaving keeper waits this long for the end of each child."""
DECODER_SECONDS_MOST = 30.0
"""A worker may be this long without a decoder: a fork takes milliseconds, a new nursery a few seconds."""


class Listener(Protocol):
    """Receives the events of the children."""

    def decoder_ready(self) -> None:
        """A decoder waits: a fresh one, or after `change` one that worked for that tenant before."""

    def sink_for(self, word: tasks.Rendered, size: int) -> tasks.Sink:
        """The sink for the `size` bytes of a rendition that the present decoder is about to send. Raises WireFault if
        nobody asked for so many."""

    def decoder_said(self, word: Any, sink: Any) -> None:
        """The present decoder sent a frame; for a rendition, the sink has its bytes. Raises WireFault if no decoder of
        ours would send it."""

    def decoder_ended(self, death: tasks.Died, run: Run) -> None:
        """The present decoder ended by itself; the status may be GARBAGE, DEAF or LOST. The next one is on its way."""

    def parked_ended(self, run: Run) -> None:
        """A parked decoder ended by itself."""


def start_nursery() -> tuple[int, socket.socket]:
    """Start a nursery. Returns its pid and the keeper's end of its socket. It is started by exec, for two reasons: it
    opens untrusted files, so it must not inherit the keeper's memory with the secrets; and the keeper may have threads.
    The keeper's own signals are blocked in it from its first instruction on."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = launch.command("worker.decoder.nursery", str(theirs.fileno()), str(os.getpid()))
    theirs.set_inheritable(True)
    pid = os.posix_spawn(command[0], command, without_secrets(), setsigmask=(signal.SIGINT, signal.SIGTERM))
    theirs.close()
    return pid, ours


class Children:
    """`nursery` and `control` are the first nursery's pid and socket, from start_nursery. `parking` keeps decoders of
    tenants whose turn is over."""

    def __init__(self, nursery: int, control: socket.socket, parking: Parking[Decoder] | None = None) -> None:
        self.decoder: Decoder | None = None
        self._parking = parking or Parking[Decoder]()
        self._spare: Decoder | None = None
        self._ending: list[Decoder] = []
        """Killed, and not known to be gone."""
        self._wanted = 1
        self._asked = 0
        """Decoders that were requested from the nursery and do not exist yet."""
        self._nursery = nursery
        self._control: socket.socket | None = control
        self._block = memoryview(bytearray(READ_BYTES))
        self._start_at = inf
        self._started_at = time.monotonic()
        self._bare_until = inf

    def wait_warm(self) -> str:
        """Wait for the first nursery. Returns the version of its engine. Raises SetupFault if it ended."""
        assert self._control is not None
        packet = self._control.recv(tasks.PACKET_BYTES_MAX)
        if not packet:
            raise SetupFault("the image libraries do not load (the reason is above): install pixmill's roles again")
        warm = tasks.decode_from_nursery(packet)
        assert isinstance(warm, tasks.Warm)
        self._control.setblocking(False)
        self._await_decoder(time.monotonic())
        self._ask()
        return warm.engine

    def descriptors(self) -> list[int]:
        """The descriptors to poll for reading."""
        links = [self._control] if self._control is not None else []
        if self.decoder is not None and not self.decoder.silent:
            links.append(self.decoder.link)
        return [link.fileno() for link in links]

    @property
    def deadline(self) -> float:
        """When to call `read` at the latest (monotonic seconds)."""
        return min(self._start_at, self._bare_until, self._parking.deadline)

    def read(self, listener: Listener, now: float) -> None:
        """Read all messages of the children, and start a nursery if one is due. Raises SetupFault if no
        decoder comes: a live worker without a decoder would hold its leases for ever."""
        self._receive(listener)
        while self._control is not None and self._receive_from_nursery(listener, now):
            pass
        self._end(self._parking.expired(now))
        if now >= self._bare_until:
            raise SetupFault(f"no decoder came for {DECODER_SECONDS_MOST:g} s: see to memory and image libraries")
        if now >= self._start_at:
            self._start(now)

    def hand_over(self, task: tasks.Task, descriptors: list[int], listener: Listener) -> bool:
        """Give the present decoder a task with its descriptors. Returns whether it has the task. If not, it is ending,
        or it is ended because it does not take its tasks: `decoder_ended` follows or was called already."""
        assert self.decoder is not None
        try:
            if self.decoder.give(tasks.frame(task), descriptors):
                return True
        except ConnectionError:
            return False
        self._ended(listener, tasks.Died(self.decoder.pid, DEAF))
        return False

    def replace(self, listener: Listener) -> None:
        """Kill the present decoder, if there is one, and get another one. `decoder_ready` reports it."""
        if self.decoder is not None:
            self._end_decoder()
            self._next(listener)

    def change(self, tenant: str, listener: Listener) -> None:
        """Park the present decoder, which is another tenant's. Get the one that was parked for `tenant`, else a fresh
        one. `decoder_ready` reports it. From now on keep a fresh one to spare."""
        self._park()
        if (parked := self._parking.take(tenant)) is None:
            self._next(listener)
            return self.keep_spare()
        self.decoder, self._bare_until = parked, inf
        parked.go_on()
        self._receive(listener)  # a message without a task answers nothing
        if self.decoder is parked:
            listener.decoder_ready()
        return None

    def keep_spare(self) -> None:
        """From now on keep one more warm decoder for the next `replace`. It is fresh: it has seen no file."""
        self._wanted = 2
        self._ask()

    def end_parked(self) -> None:
        """End all parked decoders: their memory is needed, or no more jobs come."""
        self._end(self._parking.empty())

    def close(self) -> None:
        """Kill all children; on return they are gone."""
        self._end([each for each in (*self._parking.empty(), self.decoder, self._spare) if each is not None])
        for decoder in self._ending:
            decoder.is_gone(END_SECONDS)
        if self._control is not None:
            self._control.close()
            self._end_nursery()

    def _park(self) -> None:
        if (decoder := self.decoder) is not None:
            decoder.stop()
            now, self.decoder = time.monotonic(), None
            self._await_decoder(now)
            self._end(self._parking.park(decoder.run.tenant or "", decoder, decoder.grown_bytes(), now))

    def _end_decoder(self) -> None:
        assert self.decoder is not None
        self._end([self.decoder])
        self.decoder = None
        self._await_decoder(time.monotonic())

    def _await_decoder(self, now: float) -> None:
        self._bare_until = now + DECODER_SECONDS_MOST

    def _next(self, listener: Listener) -> None:
        """Replace a decoder that was ended: by the spare one, or by the next one from the nursery."""
        self.decoder, self._spare = self._spare, None
        self._ask()
        if self.decoder is not None:
            self._bare_until = inf
            listener.decoder_ready()

    def _ask(self) -> None:
        """Request as many decoders as are wanted and neither exist nor are on their way."""
        there = (self.decoder is not None) + (self._spare is not None) + self._asked
        with contextlib.suppress(OSError):  # a dying nursery is noticed where its socket is read
            while self._control is not None and there < self._wanted:
                self._control.send(tasks.SPARE if there else tasks.FORK)
                self._asked += 1
                there += 1

    def _receive(self, listener: Listener) -> None:
        """Read the present decoder's messages; a part, if there are many."""
        for _ in range(READS_A_TURN):
            if (decoder := self.decoder) is None or decoder.silent:
                return
            try:
                size = decoder.link.recv_into(self._block, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionError:
                size = 0
            if not size:
                decoder.hang_up()
                self._await_decoder(time.monotonic())
            try:
                for word, sink in decoder.frames.feed(self._block[:size], listener.sink_for):
                    listener.decoder_said(word, sink)
                    if decoder is not self.decoder:
                        return
            except WireFault:
                self._ended(listener, tasks.Died(decoder.pid, GARBAGE))
            if 0 < size < READ_BYTES:
                return

    def _receive_from_nursery(self, listener: Listener, now: float) -> bool:
        assert self._control is not None
        try:
            packet, descriptors, _, _ = socket.recv_fds(self._control, tasks.PACKET_BYTES_MAX, 3)
        except BlockingIOError:
            return False
        except ConnectionError:
            packet, descriptors = b"", []
        if not packet:
            self._lost(listener, now)
            return False
        match tasks.decode_from_nursery(packet):
            case tasks.Warm():
                self._ask()
            case tasks.Born(pid):
                link, watch, status_page = descriptors
                self._born(listener, Decoder(pid, socket.socket(fileno=link), watch, StatusPage(status_page)))
            case tasks.Died(pid) as death:
                if self.decoder is not None and self.decoder.pid == pid:
                    self._receive(listener)
                    self._ended(listener, death)
                elif self._spare is not None and self._spare.pid == pid:
                    self._end_spare()
                    self._ask()
                elif (parked := self._parking.ended(pid)) is not None:
                    self._end_of_parked(listener, parked)
        return True

    def _born(self, listener: Listener, decoder: Decoder) -> None:
        self._asked -= 1
        if self.decoder is not None:
            self._spare = decoder
            return
        self.decoder = decoder
        self._bare_until = inf
        listener.decoder_ready()

    def _end_of_parked(self, listener: Listener, parked: Decoder) -> None:
        self._end([parked])
        listener.parked_ended(parked.run)

    def _end_spare(self) -> None:
        if self._spare is not None:
            self._end([self._spare])
            self._spare = None

    def _ended(self, listener: Listener, death: tasks.Died) -> None:
        """The present decoder ended, if `death` is its own: it may have been ended before, for its last message."""
        if self.decoder is None or self.decoder.pid != death.pid:
            return
        death, run = self.decoder.dead(death), self.decoder.run
        self._end_decoder()
        listener.decoder_ended(death, run)
        self._next(listener)

    def _lost(self, listener: Listener, now: float) -> None:
        assert self._control is not None
        self._control.close()
        self._control, self._asked = None, 0
        self._end_nursery()
        self._end_spare()
        for parked in self._parking.empty():
            self._end_of_parked(listener, parked)
        self._start_at = max(now, self._started_at + NURSERY_SECONDS_LEAST)
        self._receive(listener)
        if self.decoder is not None:
            self._ended(listener, tasks.Died(self.decoder.pid, LOST))

    def _end_nursery(self) -> None:
        os.kill(self._nursery, signal.SIGKILL)
        os.waitpid(self._nursery, 0)

    def _start(self, now: float) -> None:
        self._nursery, self._control = start_nursery()
        self._control.setblocking(False)
        self._start_at, self._started_at = inf, now

    def _end(self, decoders: list[Decoder]) -> None:
        for decoder in decoders:
            decoder.end()
        self._ending = [each for each in (*self._ending, *decoders) if not each.is_gone()]
