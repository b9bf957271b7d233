"""The floor of an upload: receive, hash, write, sync, rename, sync the folder, commit its row, answer; and the same for
a rendition.

    python -m bench.floors.bare_intake FOLDER RENDITION_BYTES

Serves one connection at the port that it prints, and at the end prints its CPU milliseconds per upload. It has no
framework, queue, message or second process: it does only what every server must that answers after bytes and row are
durable.
"""

import hashlib
import os
import socket
import sys
import time
from pathlib import Path

from host.files.folders import sync_folder
from jobs.job import Outcome, Row, TimelineEntry, encode
from jobs.records import Meta, Records
from stores.ledger.sqlite import open_ledger

BLOCK_BYTES = 256 * 1024
ANSWER = b'HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\n{"id":1}'


class Intake:
    """One client's uploads, durably in `folder`."""

    def __init__(self, folder: Path, client: socket.socket) -> None:
        self._fresh, self._landed = folder / "fresh", folder / "landed"
        self._landed.mkdir(parents=True)
        self._ledger = open_ledger(folder / "ledger.sqlite3")
        self._client, self._block = client, memoryview(bytearray(BLOCK_BYTES))
        self.uploads = 0

    def one(self, rendition: bytes) -> bool:
        """Take one upload, and store a rendition for it. False: the connection has ended."""
        size = self._client.recv_into(self._block)
        if not size:
            return False
        head, _, start = bytes(self._block[:size]).partition(b"\r\n\r\n")
        left = int(head.lower().partition(b"content-length:")[2].split()[0]) - len(start)
        digest = hashlib.sha256(start)
        file = self._create(start)
        while left:
            size = self._client.recv_into(self._block)
            digest.update(self._block[:size])
            os.write(file, self._block[:size])
            left -= size
        self._land(file, f"{self.uploads}.{digest.hexdigest()}")
        self._commit("queued")
        self._client.sendall(ANSWER)
        self._land(self._create(rendition), f"{self.uploads}.{hashlib.sha256(rendition).hexdigest()}")
        self._commit("done")
        self.uploads += 1
        return True

    def _commit(self, state: str) -> None:
        """The row of this upload, as it is now."""
        at, change, job = time.time(), 2 * self.uploads + 1 + (state == "done"), f"{self.uploads:026}"
        ended = at if state == "done" else None
        outcome = encode(Outcome([TimelineEntry(at, "accepted", 0, None, None)]))
        row = Row(
            self.uploads + 1, job, "default", state, 1, "s.", self.uploads + 1, 0, 0, change, at, ended, None,
            None, None, None, None, None, None, b"0" * 32, b"0" * 200, outcome,
        )  # fmt: skip
        self._ledger.commit(Records(jobs=[row], meta=Meta(change, 1, False, {state: self.uploads})))

    def _create(self, data: bytes) -> int:
        file = os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(file, data)
        return file

    def _land(self, file: int, name: str) -> None:
        os.fsync(file)
        os.close(file)
        os.rename(self._fresh, self._landed / name)
        sync_folder(self._landed)


def main(folder: Path, rendition: bytes) -> None:
    """Serve, print."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        client, _ = listener.accept()
    intake, before = Intake(folder, client), time.process_time()
    while intake.one(rendition):
        pass
    print((time.process_time() - before) * 1000 / intake.uploads)


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.urandom(int(sys.argv[2])))
