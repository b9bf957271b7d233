"""The floor of an upload: receive, hash, write, sync, rename, sync the folder, answer; and the same for a rendition.

    python -m bench.bare_intake FOLDER RENDITION_BYTES

Serves one connection at the port that it prints, and at its end prints its CPU milliseconds an upload. No framework,
queue, row or process between: what any server must do that answers once the bytes are durable.
"""

import hashlib
import os
import socket
import sys
import time
from pathlib import Path

from host.folders import sync_folder

BLOCK_BYTES = 256 * 1024
ANSWER = b'HTTP/1.1 202 Accepted\r\nContent-Length: 8\r\n\r\n{"id":1}'


class Intake:
    """One client's uploads, durably in `folder`."""

    def __init__(self, folder: Path, client: socket.socket) -> None:
        self._fresh, self._landed = folder / "fresh", folder / "landed"
        self._landed.mkdir(parents=True)
        self._client, self._block = client, memoryview(bytearray(BLOCK_BYTES))
        self.uploads = 0

    def one(self, rendition: bytes) -> bool:
        """Take one upload and keep a rendition of it; False at the end of the connection."""
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
        self._client.sendall(ANSWER)
        self._land(self._create(rendition), f"{self.uploads}.{hashlib.sha256(rendition).hexdigest()}")
        self.uploads += 1
        return True

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
