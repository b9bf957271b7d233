"""The keeper's side of its children: one nursery, and through it always one warm decoder, and one to spare if asked.

Owns their sockets and lives: a decoder that ends is replaced at once, a lost nursery is started anew.
Knows no job. What happens is told to a Listener.
"""

import contextlib
import fcntl
import os
import re
import signal
import socket
import struct
import sys
import termios
import time
from array import array
from math import inf
from pathlib import Path
from typing import Any, Protocol

import msgspec

from host.environment import without_secrets
from jobs.errors import SetupFault, WireFault
from worker import tasks
from worker.autopsy import DEAF, GARBAGE, LOST, Slate, where

READ_BYTES = 256 * 1024
READS_A_TURN = 16
"""After so many full reads the keeper looks around before it goes on: who writes without end holds nobody."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NURSERY_SECONDS_LEAST = 1.0
"""Between two starts of nurseries: one that cannot load its libraries must not spin."""
DECODER_SECONDS_MOST = 30.0
"""How long a worker may be without a decoder: a fork takes milliseconds, a new nursery a second or a few."""


class Listener(Protocol):
    """Who wants to know."""

    def decoder_ready(self) -> None:
        """A fresh decoder waits."""

    def room(self, word: tasks.Rendered, size: int) -> tasks.Sink:
        """Where the `size` bytes of a rendition go, which the present decoder is about to send. Raises WireFault where
        nobody asked for so much."""

    def decoder_said(self, word: Any, sink: Any) -> None:
        """A frame of the present decoder; of a rendition, the sink has its bytes. Raises WireFault where it is none
        that a decoder of ours would say."""

    def decoder_ended(self, death: tasks.Died) -> None:
        """The present decoder ended by itself; the status may be autopsy's GARBAGE, DEAF or LOST. The next is on its
        way."""


class Decoder:
    """One decoder, while it lives. `tasks` counts what it was given. Of what it writes, on its slate or its link,
    nothing is believed that would spare it: that the kernel tells."""

    def __init__(self, pid: int, link: socket.socket, watch: int, slate: Slate) -> None:
        self.pid = pid
        self.link = link
        self.tasks = 0
        self.silent = False
        self.frames = tasks.Frames()
        self._watch = watch
        self._slate = slate
        self._statm = Path(f"/proc/{pid}/statm")
        self._born_bytes = self._resident()

    def give(self, data: bytes, descriptors: list[int]) -> bool:
        """Put a task into its socket, which is empty where the decoder has taken what it was given before: False where
        there is no room. Never waits. Raises ConnectionError where it has ended."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))]
        try:
            sent = self.link.sendmsg([data], rights, socket.MSG_DONTWAIT)  # (socket.send_fds forgets its flags)
        except BlockingIOError:
            return False
        self.tasks += 1
        return sent == len(data)

    @property
    def untaken(self) -> bool:
        """Whether some of what it was given is in its socket still."""
        (size,) = struct.unpack("i", fcntl.ioctl(self.link, termios.TIOCOUTQ, bytes(4)))
        return bool(size)

    def grown_bytes(self) -> int:
        """What is resident now beyond what it was born with."""
        return self._resident() - self._born_bytes

    def _resident(self) -> int:
        try:
            return int(self._statm.read_bytes().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):  # it ended
            return 0

    def hang_up(self) -> None:
        """It closed its link: it is ending, or has to. Its own wait status is still to come."""
        self.silent = True
        self._kill()

    def end(self) -> None:
        """Kill it and hear no more of it."""
        self._kill()
        os.close(self._watch)
        self._slate.close()
        self.link.close()

    @property
    def stage(self) -> str:
        """What it does now, by its slate."""
        return self._slate.read()[0]

    def where(self) -> str:
        """The same, and its memory at most since it was given that."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            status = ""
        peak = re.search(r"VmHWM:\s*(\d+)", status)
        return where(self.stage, int(peak[1]) * 1024 if peak else 0)

    def dead(self, death: tasks.Died) -> tasks.Died:
        """Its death, with what its slate says of it."""
        stage, call = self._slate.read()
        return msgspec.structs.replace(death, stage=stage, call=call)

    def _kill(self) -> None:
        """By pidfd: its pid may be another's by now."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)


def start_nursery() -> tuple[int, socket.socket]:
    """Its pid and the keeper's end of its socket. Started by exec: what opens strangers' files inherits none of the
    keeper's memory, in which the secrets are, and the keeper may have threads. The signals that are the keeper's to
    answer are blocked from its first instruction on."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "worker.nursery", str(theirs.fileno()), str(os.getpid())]
    theirs.set_inheritable(True)
    pid = os.posix_spawn(sys.executable, command, without_secrets(), setsigmask=(signal.SIGINT, signal.SIGTERM))
    theirs.close()
    return pid, ours


class Children:
    """`nursery` and `control` are the first nursery's pid and socket, as of start_nursery."""

    def __init__(self, nursery: int, control: socket.socket) -> None:
        self.decoder: Decoder | None = None
        self._spare: Decoder | None = None
        self._wanted = 1
        self._asked = 0
        """Decoders that the nursery was asked for and has not borne yet."""
        self._nursery = nursery
        self._control: socket.socket | None = control
        self._block = memoryview(bytearray(READ_BYTES))
        self._start_at = inf
        self._started_at = time.monotonic()
        self._bare_until = inf

    def wait_warm(self) -> str:
        """Wait for the first nursery; the version of its engine. Raises SetupFault where it ended."""
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
        """What to poll for reading."""
        links = [self._control] if self._control is not None else []
        if self.decoder is not None and not self.decoder.silent:
            links.append(self.decoder.link)
        return [link.fileno() for link in links]

    @property
    def deadline(self) -> float:
        """When to call `read` at the latest (monotonic seconds)."""
        return min(self._start_at, self._bare_until)

    def read(self, listener: Listener, now: float) -> None:
        """Take in all that the children said, and start a nursery if one is due. Raises SetupFault where
        no decoder comes: a worker that lives and never begins what it holds would hold it for ever."""
        self._hear(listener)
        while self._control is not None and self._hear_nursery(listener, now):
            pass
        if now >= self._bare_until:
            raise SetupFault(f"no decoder came for {DECODER_SECONDS_MOST:g} s: see to memory and image libraries")
        if now >= self._start_at:
            self._start(now)

    def hand_over(self, task: tasks.Task, descriptors: list[int], listener: Listener) -> bool:
        """Give the present decoder a task with its descriptors; whether it has it. If not, it is ending, or is ended
        because it does not take what it is given: `decoder_ended` follows or has been told."""
        assert self.decoder is not None
        try:
            if self.decoder.give(tasks.frame(task), descriptors):
                return True
        except ConnectionError:
            return False
        self._ended(listener, tasks.Died(self.decoder.pid, DEAF))
        return False

    def replace(self, listener: Listener) -> None:
        """Kill the present decoder, if there is one, and get another: told by `decoder_ready`."""
        if self.decoder is not None:
            self._end_decoder()
            self._next(listener)

    def keep_spare(self) -> None:
        """From now on have one more decoder, warm, for the next `replace`. It has seen nothing of anybody's."""
        self._wanted = 2
        self._ask()

    def close(self) -> None:
        """Kill them all; on return they are gone."""
        for decoder in (self.decoder, self._spare):
            if decoder is not None:
                decoder.end()
        if self._control is not None:
            self._control.close()
            self._end_nursery()

    def _end_decoder(self) -> None:
        assert self.decoder is not None
        self.decoder.end()
        self.decoder = None
        self._await_decoder(time.monotonic())

    def _await_decoder(self, now: float) -> None:
        self._bare_until = now + DECODER_SECONDS_MOST

    def _next(self, listener: Listener) -> None:
        """In the place of a decoder that was ended: the spare one, or the next that is born."""
        self.decoder, self._spare = self._spare, None
        self._ask()
        if self.decoder is not None:
            self._bare_until = inf
            listener.decoder_ready()

    def _ask(self) -> None:
        """For as many as are wanted and neither there nor on their way."""
        there = (self.decoder is not None) + (self._spare is not None) + self._asked
        with contextlib.suppress(OSError):  # a dying nursery is noticed where its socket is read
            while self._control is not None and there < self._wanted:
                self._control.send(tasks.FORK)
                self._asked += 1
                there += 1

    def _hear(self, listener: Listener) -> None:
        """What the present decoder has said; of much, a part."""
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
                for word, sink in decoder.frames.feed(self._block[:size], listener.room):
                    listener.decoder_said(word, sink)
                    if decoder is not self.decoder:
                        return
            except WireFault:
                self._ended(listener, tasks.Died(decoder.pid, GARBAGE))
            if 0 < size < READ_BYTES:
                return

    def _hear_nursery(self, listener: Listener, now: float) -> bool:
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
                link, watch, slate = descriptors
                self._born(listener, Decoder(pid, socket.socket(fileno=link), watch, Slate(slate)))
            case tasks.Died(pid) as death:
                if self.decoder is not None and self.decoder.pid == pid:
                    self._hear(listener)
                    self._ended(listener, death)
                elif self._spare is not None and self._spare.pid == pid:
                    self._end_spare()
                    self._ask()
        return True

    def _born(self, listener: Listener, decoder: Decoder) -> None:
        self._asked -= 1
        if self.decoder is not None:
            self._spare = decoder
            return
        self.decoder = decoder
        self._bare_until = inf
        listener.decoder_ready()

    def _end_spare(self) -> None:
        if self._spare is not None:
            self._spare.end()
            self._spare = None

    def _ended(self, listener: Listener, death: tasks.Died) -> None:
        """The present decoder, if `death` is its own: it may have been ended for what it said last."""
        if self.decoder is None or self.decoder.pid != death.pid:
            return
        death = self.decoder.dead(death)
        self._end_decoder()
        listener.decoder_ended(death)
        self._next(listener)

    def _lost(self, listener: Listener, now: float) -> None:
        assert self._control is not None
        self._control.close()
        self._control, self._asked = None, 0
        self._end_nursery()
        self._end_spare()
        self._start_at = max(now, self._started_at + NURSERY_SECONDS_LEAST)
        self._hear(listener)
        if self.decoder is not None:
            self._ended(listener, tasks.Died(self.decoder.pid, LOST))

    def _end_nursery(self) -> None:
        os.kill(self._nursery, signal.SIGKILL)
        os.waitpid(self._nursery, 0)

    def _start(self, now: float) -> None:
        self._nursery, self._control = start_nursery()
        self._control.setblocking(False)
        self._start_at, self._started_at = inf, now
