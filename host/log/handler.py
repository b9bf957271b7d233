"""The one handler of a process's log: records become lines, repeats are counted, and each line goes to every sink.

Owns which event a record is: a record of ours names one of EVENTS; any other one is what a library said. Never raises:
a log that cannot be written stops nobody.
"""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from host.log.events import EVENTS, LIBRARY_SAID
from host.log.lines import Line, safe
from host.log.plain import cut
from host.log.repeats import Repeats

Sink = Callable[[Line], None]
"""Writes one safe line, or raises OSError."""
Key = tuple[str, str, tuple[tuple[str, object], ...]]
"""An event, its level, and the members that tell its kinds apart."""
KIND_CHARACTERS_MAX = 200
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogHandler(logging.Handler):
    """Writes the lines of this process. `secrets` are in no line."""

    def __init__(self, role: str, sinks: Sequence[Sink], secrets: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._role, self._sinks, self._secrets = role, sinks, secrets
        self._repeats = Repeats()
        self._failing: list[Sink] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write what was held back before, and then this record, unless it is one too many."""
        now = time.monotonic()
        self.tell_repeats(now)
        event, level = record.msg, record.levelname.lower()
        members = {name: given for name, given in vars(record).items() if name not in _PLAIN}
        if not isinstance(event, str) or event not in EVENTS or record.args:
            event, members = LIBRARY_SAID, {"logger": record.name, "said": _said(record)}
        if self._may(event, level, members, now):  # before the line is made: that costs most
            error = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            self._write(self._line(record.created, level, event, members, error))

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the standard one prints a traceback between the lines."""

    def tell_repeats(self, now: float | None = None) -> None:
        """Write how often lines were held back, of which the time is over at `now` (monotonic seconds)."""
        self._tell(*self._repeats.due(time.monotonic() if now is None else now))

    def close(self) -> None:
        """Write all that was held back."""
        self._tell(*self._repeats.rest())
        super().close()

    def _tell(self, *counts: tuple[Hashable, int]) -> None:
        for key, count in counts:
            event, level, members = _key(key)
            self._write(self._line(time.time(), level, event, dict(members) | {"repeated": count}))

    def _may(self, event: str, level: str, members: dict[str, object], now: float) -> bool:
        """Whether the pace of the event lets this line through."""
        pace = EVENTS[event].pace
        if pace is None:
            return True
        kind = tuple((name, _short(members.get(name))) for name in pace.members)
        other: Key = (event, level, ())
        return self._repeats.admits((event, level, kind), pace.lines, pace.seconds, now, other)

    def _line(self, at: float, level: str, event: str, members: dict[str, object], error: str = "") -> Line:
        return safe(Line(at, level, self._role, os.getpid(), event, members, error), self._secrets)

    def _write(self, line: Line) -> None:
        """To each sink that takes it. The others are told once that one does not."""
        for sink in self._sinks:
            try:
                sink(line)
            except (OSError, ValueError) as fault:  # ValueError: stderr is closed
                if sink not in self._failing:
                    self._failing.append(sink)
                    why = getattr(fault, "strerror", None) or str(fault)
                    self._write(self._line(time.time(), "warning", "log_unwritable", {"why": why}))
            else:
                if sink in self._failing:
                    self._failing.remove(sink)


def take_over(log: logging.Logger) -> None:
    """From now on warnings of Python, and faults that nobody catches, in threads too, are lines of `log`."""
    logging.captureWarnings(True)

    def unexpected(kind: type[BaseException], error: BaseException | None, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt | SystemExit):  # a thread may end so
            return
        log.critical("crashed", exc_info=(kind, error or kind(), trace))

    sys.excepthook = unexpected
    sys.unraisablehook = lambda told: unexpected(told.exc_type, told.exc_value, told.exc_traceback)

    def in_thread(told: Any) -> None:
        unexpected(told.exc_type, told.exc_value, told.exc_traceback)

    threading.excepthook = in_thread


def _key(key: Hashable) -> Key:
    assert isinstance(key, tuple)
    event, level, members = key
    return str(event), str(level), members


def _short(given: object) -> Hashable:
    """What tells the kinds of an event apart, in bounded memory."""
    return given if given is None or isinstance(given, int) else cut(str(given), KIND_CHARACTERS_MAX)


def _said(record: logging.LogRecord) -> str:
    """The text of a record that is none of ours."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # its arguments do not fit its text
        return str(record.msg)
