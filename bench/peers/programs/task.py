"""The one task of all Python peers: an upload becomes its renditions, or a no-op is counted.

Owns the files of a peer: uploads/JOB, results/JOB.RENDITION.FORMAT (which appear whole, by a rename), `starts` (a line
for each start of a task) and `ended` (a byte for each no-op). Knows no queue and no HTTP.

PEER_FOLDER: the folder of these files. PEER_PRESETS: a JSON file with the renditions of each preset. PEER_ENGINE: naive
or engine. PEER_SAFE=1: uploads and results are synced, as pixmill syncs them.
"""

import json
import os
import shutil
import time
from pathlib import Path
from typing import BinaryIO

FOLDER = Path(os.environ["PEER_FOLDER"])
SAFE = os.environ.get("PEER_SAFE") == "1"
QUICK = os.environ.get("PEER_QUICK") == "1"
"""Whether the tasks are many and short, so that a worker may hold many."""
PRESETS = json.loads(Path(os.environ["PEER_PRESETS"]).read_text())
NO_OP = "no-op"
if os.environ["PEER_ENGINE"] == "engine":
    from bench.peers.makers import pixmill as _make
else:
    from bench.peers.typical import naive as _make


def keep(job: str, upload: BinaryIO) -> None:
    """Store an upload."""
    with (FOLDER / "uploads" / job).open("wb") as file:
        shutil.copyfileobj(upload, file, 1 << 20)
        _synced(file)
    _synced_folder("uploads")


def run(job: str, preset: str) -> None:
    """Do the task of a job."""
    if preset == NO_OP:
        append("ended", b".")
        return
    append("starts", f"{job} {time.time()} {os.getpid()}\n".encode())
    wanted = PRESETS[preset]
    for one, data in zip(wanted, _make(FOLDER / "uploads" / job, wanted), strict=True):
        name = f"{job}.{one['name']}.{one['format']}"
        with (FOLDER / "results" / f".{name}").open("wb") as file:
            file.write(data)
            _synced(file)
        (FOLDER / "results" / f".{name}").rename(FOLDER / "results" / name)
    _synced_folder("results")


def append(name: str, line: bytes) -> None:
    """Add to a file that all processes write: one call each, which the kernel does not interleave."""
    found = os.open(FOLDER / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(found, line)
    os.close(found)


def _synced(file: BinaryIO) -> None:
    if SAFE:
        file.flush()
        os.fsync(file.fileno())


def _synced_folder(name: str) -> None:
    if SAFE:
        found = os.open(FOLDER / name, os.O_RDONLY)
        os.fsync(found)
        os.close(found)
