"""Sends beats from another thread while the keeper waits for the disk.

Owns that thread, and the lock on the session and the sockets. The keeper holds the lock, and releases it only while it
waits. Knows neither session nor sockets: it is given the function that sends a beat.
"""

import threading
from collections.abc import Callable

LOOK_SECONDS_LEAST, LOOK_SECONDS_MOST = 0.02, 1.0


class Beats:
    """Within this context the thread that made the object is away: it touches nothing that `say` uses, and `say` may be
    called.

    `say` returns the seconds until it must be called again. While nobody is away the thread sleeps, so an idle keeper
    is not woken for it.
    """

    def __init__(self, say: Callable[[], float]) -> None:
        self._say = say
        self._here = threading.Lock()
        self._here.acquire()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="beats", daemon=True)
        self._thread.start()

    def __enter__(self) -> None:
        """Away from here on."""
        self._here.release()

    def __exit__(self, *_: object) -> None:
        """Back, once the other thread has finished its call."""
        self._here.acquire()

    def stop(self) -> None:
        """For good: on return nothing is said any more."""
        self._over.set()
        with self:
            self._thread.join()

    def _speak(self) -> None:
        while True:
            with self._here:
                if self._over.is_set():
                    return
                seconds = self._say()
            self._over.wait(min(max(seconds, LOOK_SECONDS_LEAST), LOOK_SECONDS_MOST))
