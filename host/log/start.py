"""Sets up the log of a process: one handler on the root logger, which all libraries share.

log = start_log("broker", settings)
log.info("assigned", extra={"job": id, "worker": name})    # a word of host/log/events.py

Owns where lines go: stderr, as text or JSON, and LOG_PATH, always as JSON.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from typing import TextIO

from host.log.file import LogFile
from host.log.handler import LogHandler, Sink, take_over
from host.log.lines import Line, as_json, as_text, safe
from host.log.plain import printable, secrets_of
from host.settings.settings import SECRETS, Settings
from jobs.errors import PixmillError, SetupFault

JSON = "json"
_FORMAT = "PIXMILL_LOG_FORMAT"


def start_log(role: str, settings: Settings) -> logging.Logger:
    """The logger of this process, set up."""
    sinks = [to_stream(sys.stderr, settings.log_format)]
    if settings.log_path:
        sinks.append(to_file(settings.log_path, settings.log_bytes_max))
    secrets = secrets_of(getattr(settings, name) for name in SECRETS)
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(role, sinks, secrets)]
    root.setLevel(settings.log_level.upper())
    _spare()
    log = logging.getLogger(role)
    take_over(log)
    return log


def _spare() -> None:
    """What no line tells is not looked up: the caller's place, thread and task (Python's logging, "Optimization")."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.logAsyncioTasks = False  # type: ignore[attr-defined]  # since Python 3.12


def to_stream(stream: TextIO, log_format: str) -> Sink:
    """Writes lines to `stream`: JSON by setting, else text, with colours on a terminal without NO_COLOR."""
    colour = (stream.isatty() or log_format == "console") and not os.environ.get("NO_COLOR")

    def write(line: Line) -> None:
        text = as_json(line) if log_format == JSON else as_text(line, colour)
        stream.write(f"{text}\n")
        stream.flush()

    return write


def to_file(path: str, bytes_max: int = 0) -> Sink:
    """Appends lines to the file at `path`, as LogFile does."""
    file = LogFile(path, bytes_max)
    return lambda line: file.append(as_json(line))


def welcome(log: logging.Logger, text: str, url: str, *more: object) -> None:
    """Say that all runs at `url`: by a line, and on stdout by a `text` of these for the person who started it, unless
    all is JSON."""
    log.info("running", extra={"url": url})
    if os.environ.get(_FORMAT) != JSON:
        print(text.format(url, *more), flush=True)


@contextlib.contextmanager
def setup_faults_end(role: str) -> Iterator[None]:
    """On a SetupFault, ends the process with status 2 and one sentence, without a traceback."""
    try:
        yield
    except SetupFault as fault:
        say_refused(role, fault)
        sys.exit(2)


def say_refused(role: str, fault: PixmillError) -> None:
    """Write why a process cannot start. Its settings may be the fault, so only LOG_FORMAT is looked at."""
    if os.environ.get(_FORMAT) == JSON:
        text = as_json(safe(Line(time.time(), "error", role, os.getpid(), "start_refused", {"why": fault.detail})))
    else:
        text = f"{role}: {printable(fault.detail)}"
    print(text, file=sys.stderr)
