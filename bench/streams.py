"""What idle readers of events cost: the memory of one web process with 2,000 of them, and how fast it ends.

Each stream is a GET /events of its own client. The memory is read before there is any stream, and again when all have
their first beat. All are open when the process gets SIGTERM.
"""

import contextlib
import os
import resource
import signal
import socket
import tempfile
import time
from pathlib import Path

from bench.parts.report import close, table
from tests.support.clusters.cluster import Cluster, alive, wait_until

STREAMS = 2000
SETTLE_SECONDS = 3.0
"""Three beats to every reader."""


def memory_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def connect(address: tuple[str, int], stack: contextlib.ExitStack) -> list[socket.socket]:
    """All the readers, each once it has heard its first beat."""
    request = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    streams = []
    for _ in range(STREAMS):
        stream = stack.enter_context(socket.create_connection(address, timeout=10))
        stream.sendall(request)
        streams.append(stream)
    for stream in streams:
        heard = b""
        while b"event: beat" not in heard:
            heard += stream.recv(65536)
    return streams


def main() -> None:
    """Weigh, connect, weigh, end, print."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder, contextlib.ExitStack() as stack:
        cluster = Cluster(Path(folder), workers=0)
        stack.callback(cluster.stop)
        cluster.start()
        [web] = cluster.pids("web")
        address = ("127.0.0.1", int(cluster.url.rpartition(":")[2]))
        time.sleep(SETTLE_SECONDS)
        before = memory_mb(web)
        connect(address, stack)
        time.sleep(SETTLE_SECONDS)
        after = memory_mb(web)
        began = time.monotonic()
        os.kill(web, signal.SIGTERM)
        wait_until(lambda: not alive(web), 30, "the web process to end")
        ended = time.monotonic() - began
    rows = [
        ("web RSS with no stream, MB", before),
        (f"with {STREAMS} idle streams, MB", after),
        ("KB a stream", (after - before) * 1000 / STREAMS),
        ("SIGTERM to its end, s", ended),
    ]
    table((f"{STREAMS:,} idle event streams", ""), rows)
    figures = {"streams": STREAMS, "rss_mb_before": round(before, 1), "rss_mb": round(after, 1)}
    close("streams", figures | {"added_mb": round(after - before, 1), "end_seconds": round(ended, 2)})


if __name__ == "__main__":
    main()
