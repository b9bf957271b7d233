"""Named places in the real processes, at which a test kills or stops them. The product's code needs no change for this.

`python -m tests.support.clusters.faults ROLE` runs the role as `python -m ROLE` does, with these functions wrapped:
`jobs.wire`'s encode (before a message is sent) and decode (after one arrived), SqliteLedger's commit and checkpoint,
LocalWriter's write, os.fsync and os.replace. Each wrapper checks whether its step is armed.

The file named by FAULTS arms one step once: {"step": ..., "fault": "kill"}. There the process kills itself; with "stop"
it stops itself, so that strace can attach. `arm` and `hit` are the test's side.
"""

import json
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs import wire
from jobs.job import State, decode_outcome
from jobs.records import Records
from jobs.wire import codec

VARIABLE = "FAULTS"
CHECKPOINT_PAGES = 60
"""Pages of log between checkpoints: so few that each second job causes one."""


def arm(file: Path, step: str, fault: str) -> None:
    """Make the next process that reaches `step` `kill` or `stop` itself there."""
    _hit_file(file).unlink(missing_ok=True)
    fresh = file.with_suffix(".fresh")
    fresh.write_text(json.dumps({"step": step, "fault": fault}))
    fresh.replace(file)


def hit(file: Path) -> dict[str, Any] | None:
    """The process that reached the armed step: its `pid`, and the `path` of the step, if it has one. None: not yet."""
    try:
        found: dict[str, Any] = json.loads(_hit_file(file).read_text())
    except FileNotFoundError:
        return None
    return found


def _hit_file(file: Path) -> Path:
    return file.with_suffix(".hit")


def reached(step: str, path: str = "") -> None:
    """This process is about to do `step`."""
    file = Path(os.environ[VARIABLE])
    try:
        armed = json.loads(file.read_text())
        if armed["step"] != step:
            return
        file.unlink()
    except FileNotFoundError:
        return
    fresh = file.with_suffix(".fresh")
    fresh.write_text(json.dumps({"pid": os.getpid(), "path": path}))
    fresh.replace(_hit_file(file))
    number = signal.SIGKILL if armed["fault"] == "kill" else signal.SIGSTOP
    signal.pthread_kill(threading.get_ident(), number)  # sent to the process, it lets this thread run on for a while


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a function by `around(original, *arguments)`."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *arguments, **named: around(original, *arguments, **named))


def _words(role: str) -> None:
    def say(encode: Callable[[Any], bytes], message: Any) -> bytes:
        reached(f"{role} says {_name(message)}")
        return encode(message)

    def receive(decode: Callable[..., Any], reader: Any, frame: bytes) -> Any:
        message = decode(reader, frame)
        reached(f"{role} hears {_name(message)}")
        return message

    for home in (wire, codec):
        _wrap(home, "encode", say)
    _wrap(wire.Reader, "decode", receive)


def _name(message: Any) -> str:
    ends = isinstance(message, wire.Changes) and any(change.state == State.DONE for change in message.changes)
    return f"{type(message).__name__}{' of done' if ends else ''}"


def _ledger() -> None:
    from stores.ledger import sqlite

    def commit(write: Callable[..., None], ledger: Any, records: Records) -> None:
        what, log = _written(records), f"{ledger._path}-wal"
        reached(f"broker commits {what}", log)
        write(ledger, records)
        reached(f"broker committed {what}", log)

    def checkpoint(move: Callable[..., None], ledger: Any) -> None:
        reached("broker checkpoints", str(ledger._path))
        move(ledger)

    _wrap(sqlite.SqliteLedger, "commit", commit)
    _wrap(sqlite.SqliteLedger, "_checkpoint", checkpoint)
    sqlite._CHECKPOINT_PAGES = CHECKPOINT_PAGES


def _written(records: Records) -> str:
    """The step of a job that a commit writes: accepted, started, rendition, done; "no job" if it writes none."""
    for row in records.jobs:
        events = [entry.event for entry in decode_outcome(row.outcome).timeline]
        if row.state == State.DONE:
            return "done"
        return "accepted" if events[-1] == "assigned" else events[-1]
    return "no job"


def _files(role: str) -> None:
    from stores.blobs import local

    def write(append: Callable[..., None], writer: Any, data: bytes) -> None:
        reached(f"{role} writes a blob", str(writer._fresh))
        append(writer, data)

    def sync(fsync: Callable[[int], None], descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if "/incoming/" in path:
            reached(f"{role} syncs a blob", path)
        elif Path(path).parent.name in ("raw", "processed"):
            reached(f"{role} syncs its folder", path)
        fsync(descriptor)

    def rename(replace: Callable[..., None], source: Any, target: Any) -> None:
        if "/incoming/" in str(source):
            reached(f"{role} renames a blob", str(source))
        replace(source, target)

    _wrap(local.LocalWriter, "write", write)
    _wrap(os, "fsync", sync)
    _wrap(os, "replace", rename)


def main(role: str) -> None:
    """Run `role` with the wrapped functions."""
    _words(role)
    if role == "broker":
        _ledger()
    else:
        _files(role)
    sys.argv = [role]
    runpy.run_module(role, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
