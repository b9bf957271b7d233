"""All lines of a worker or courier, one for each broker that may be active: reads them, and speaks on the followed one.

Owns the order in which lines are read. jobs/session/following.py decides which line is followed, and
host/sockets/listing.py which lines there are. Knows no lease.
"""

import logging
from collections.abc import Callable
from typing import Any

from host.process import notify
from host.sockets import curve
from host.sockets.brokers import Brokers
from host.sockets.line import CONNECTED, DISCONNECTED, Line
from host.sockets.listing import to_change
from jobs import wire
from jobs.errors import WireFault
from jobs.session import events
from jobs.session.following import Following, Heard

VISIT_MESSAGES_MAX = 256
"""Messages of a broker that are read in one turn: they are carried out before more are read."""


class Lines:
    """The worker's lines to `brokers`; each keeps its number. `tell`: takes events for the session. `introduction`:
    makes a Ready."""

    def __init__(
        self,
        brokers: Brokers,
        client: curve.Client | None,
        tell: Callable[[Any], None],
        introduction: Callable[[], wire.Ready],
        log: logging.Logger,
    ) -> None:
        self._brokers, self._client = brokers, client
        self._lines: dict[int, Line] = {}
        self._begun = 0
        self._following = Following(len(brokers.wires))
        self._settled: Any = None
        """The list and the followed line, as they were when lines were last opened and closed."""
        self._tell, self._introduction, self._log = tell, introduction, log
        self._refusals = curve.Refusals(log, client)
        self._noise = 0
        self._settle()

    def _settle(self) -> None:
        """Open and close lines, if the list or the followed line is another one."""
        listed = self._brokers.wires
        if self._settled == (listed, self._following.line):
            return
        self._settled = listed, self._following.line
        numbers = {line.wires: number for number, line in self._lines.items()}
        followed = self._lines.get(-1 if self._following.line is None else self._following.line)
        opened, closed = to_change(listed, [*numbers], followed.wires if followed else None)
        for wires in closed:
            self._lines.pop(numbers[wires]).close(0)
        for wires in opened:
            self._lines[self._begun] = Line(wires, self._client)
            self._begun += 1
        self._gather()

    def _gather(self) -> None:
        self.but_mail = {number: socket for line in self._lines.values() for number, socket in line.monitors.items()}
        """What can be read beside the brokers' messages, by descriptor."""
        self.all = self.but_mail | {
            number: socket for line in self._lines.values() for number, socket in line.mail.items()
        }

    def read(self, ready: set[Any]) -> None:
        """Read what happened to the connections in `ready`, and all brokers' messages."""
        self._settle()
        for number, line in self._lines.items():
            if not ready.isdisjoint(line.monitors.values()):
                self._read_monitor(number, line)
            self._read_mail(number, line)

    def send(self, message: Any) -> None:
        """Send it to the followed broker. The session hears if that is not possible."""
        line = self._following.line
        if line is not None and not self._lines[line].send(self._framed(message)):
            self._tell(events.Disconnected())

    def reopen(self) -> None:
        """Make fresh sockets: the broker is silent."""
        for line in self._lines.values():
            line.reopen()
        self._gather()

    def close(self, linger_ms: int) -> None:
        """Close all lines; unsent messages may take so long."""
        for line in self._lines.values():
            line.close(linger_ms)

    def _framed(self, message: Any) -> list[bytes]:
        frames, left_out = wire.frames(message)
        if left_out:
            self._log.warning("left_out", extra={"kind": type(message).__name__})
        return frames

    def _read_monitor(self, number: int, line: Line) -> None:
        for happened in line.events():
            if happened & curve.WATCHED and self._refusals.notify(happened):
                notify.status(self._refusals.why or "the broker lets us in")
            if not happened & (CONNECTED | DISCONNECTED):
                continue
            if number == self._following.line:
                self._tell(events.Connected() if happened == CONNECTED else events.Disconnected())
            elif happened == CONNECTED:
                self._introduce(line)

    def _introduce(self, line: Line) -> None:
        line.send(self._framed(self._introduction()))

    def _read_mail(self, number: int, line: Line) -> None:
        for _ in range(VISIT_MESSAGES_MAX):
            if not (frames := line.frames()):
                return
            for frame in frames:
                if (message := self._decoded(frame)) is not None:
                    self._received(number, line, message)

    def _decoded(self, frame: bytes) -> Any:
        try:
            return wire.to_worker.decode(frame)
        except WireFault as fault:
            self._noise += 1
            if self._noise == 1:
                self._log.warning("frame_dropped", extra={"why": fault.detail})
            return None

    def _received(self, number: int, line: Line, message: Any) -> None:
        if isinstance(message, wire.Welcome):
            line.welcomed()
        heard = self._following.received(number, message)
        if heard is Heard.PASS:
            self._tell(events.Received(message))
        elif heard is Heard.FOLLOW:
            self._log.info("follows", extra={"epoch": message.epoch})
            self._tell(events.Connected())
        elif heard is Heard.INTRODUCE:
            self._introduce(line)
