"""Imported by every Python process whose PYTHONPATH begins with this folder. Broker, web and worker count what they
hold, the ZeroMQ messages that they send, and the SQL statements that they run. Who opens the pipe `counts-asked-PID` in
the run folder for writing makes the process write all three as JSON to `counts-PID`. (A signal would end the role.)

Knows of the roles their names alone: counts below their code, at pyzmq and sqlite3, and in any container.
"""

import contextlib
import gc
import json
import os
import sqlite3
import sys
import threading
from collections import Counter, deque
from pathlib import Path
from typing import Any

ROLES = ("broker", "web", "worker")
MESSAGES: Counter[str] = Counter()
STATEMENTS: Counter[str] = Counter()


def entries() -> int:
    """The sizes of all containers that the garbage collector tracks, and of containers in them that it does not track.
    Containers with a bound do not count."""
    gc.collect()
    gc.unfreeze()
    sizes = {
        id(one): len(one)
        for tracked in gc.get_objects()
        for one in (tracked, *gc.get_referents(tracked))
        if isinstance(one, dict | list | set) or (isinstance(one, deque) and one.maxlen is None)
    }
    return sum(sizes.values())


def type_of(part: object) -> str | None:
    """The type of a message: a frame is a msgpack array of version, type and fields (jobs/wire/codec.py)."""
    if not isinstance(part, bytes) or len(part) < 3 or part[0] != 0x93 or part[2] & 0xE0 != 0xA0:
        return None
    return part[3 : 3 + (part[2] & 0x1F)].decode()


def ran(statement: str) -> None:
    """One statement. Those of triggers come as comments."""
    word = statement.split(None, 1)[0].rstrip(";").upper()
    if word != "--":
        STATEMENTS[word] += 1


def tell(run: Path) -> None:
    """Write the counts each time that somebody asks."""
    asked, told = run / f"counts-asked-{os.getpid()}", run / f"counts-{os.getpid()}"
    with contextlib.suppress(FileExistsError):  # the worker executes itself anew
        os.mkfifo(asked)
    while True:
        asked.read_bytes()
        written = told.with_suffix(".new")
        written.write_text(json.dumps({"entries": entries(), "messages": MESSAGES, "statements": STATEMENTS}))
        written.rename(told)


def count() -> None:
    """Count from now on."""
    import zmq

    send, connect = zmq.Socket.send, sqlite3.connect

    def counted_send(self: Any, data: Any, *rest: Any, **named: Any) -> Any:
        sent = send(self, data, *rest, **named)
        if (name := type_of(data)) is not None:
            MESSAGES[name] += 1
        return sent

    def traced_connect(*words: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*words, **named)
        connection.set_trace_callback(ran)
        return connection

    zmq.Socket.send = counted_send  # type: ignore[method-assign]
    sqlite3.connect = traced_connect  # type: ignore[assignment]
    threading.Thread(target=tell, args=(Path(os.environ["PIXMILL_RUN"]),), daemon=True).start()


if "PIXMILL_RUN" in os.environ and any(role in sys.orig_argv for role in ROLES):
    count()
