"""One logger per role: an action word plus key=value; colours on a terminal without NO_COLOR, JSON by setting.

log = host.settings.log.start("broker", settings)
log.info("assigned", extra={"job": id, "worker": name})
"""

import json
import logging
import os
import sys
import time
from typing import Any

from host.settings.settings import Settings

COLOURS = {"supervisor": "37", "web": "36", "broker": "33", "worker": "32", "courier": "35"}
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def start(role: str, settings: Settings, process: str = "") -> logging.Logger:
    """Set up logging of this process to stderr; `process` tells several of one role apart."""
    stream = sys.stderr
    handler = logging.StreamHandler(stream)
    as_json = settings.log_format == "json"
    colour = (stream.isatty() or settings.log_format == "console") and not os.environ.get("NO_COLOR")
    handler.setFormatter(_Json() if as_json else _Console(colour))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    logger = logging.getLogger(f"{role}.{process}" if process else role)
    return logger


def _members(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def _plain(value: str) -> str:
    """The value on one line: names that others chose must not write lines of their own, nor colour the terminal."""
    return (
        value if value.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in value)
    )


class _Console(logging.Formatter):
    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created)) + f".{int(record.msecs):03d}"
        members = " ".join(f"{name}={_plain(str(value))}" for name, value in _members(record).items())
        level = "" if record.levelno == logging.INFO else f" {record.levelname}"
        who = f"{record.name:<12}"
        if self._colour:
            who = f"\x1b[{COLOURS.get(record.name.split('.')[0], '0')}m{who}\x1b[0m"
        text = f"{at} {who}{level} {record.getMessage()} {members}".rstrip()
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": record.created, "role": record.name, "level": record.levelname.lower(),
                "event": record.getMessage(), **_members(record)}  # fmt: skip
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
