"""Tells whether a migration goes on: a second connection asks the server, while the first waits for its answer.

A statement that builds an index over all jobs says nothing for minutes. A server that stands still, or a statement that
waits for a lock, is no progress. Knows no script.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from stores.ledger.postgres.connection import Connection, ServerFault
from stores.ledger.postgres.statements import asked

LOOK_SECONDS = 3.0
ANSWER_SECONDS = 3.0


@contextlib.contextmanager
def watched(url: str, progress: Callable[[], None]) -> Iterator[None]:
    """Within the block `progress` is called each LOOK_SECONDS by another thread, while the server at `url` works for a
    broker; never after the block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            if _works(url) and not over.is_set():
                progress()

    thread = threading.Thread(target=watch, name="migration", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _works(url: str) -> bool:
    try:
        connection = Connection(url, "pixmill watch")
    except ServerFault:
        return False
    try:
        ((works,),) = connection.run([asked("works")], time.monotonic() + ANSWER_SECONDS)[0]
    except ServerFault:
        return False
    finally:
        connection.close()
    return bool(works)
