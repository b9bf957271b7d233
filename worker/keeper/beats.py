"""Beats go on while the keeper waits for the disk: another thread says them.

Owns that thread, and the lock that says which of the two may use the session and the sockets: the keeper, but while it
is away. Knows nothing of these: what says a beat is given.
"""

import threading
from collections.abc import Callable

LOOK_SECONDS_LEAST, LOOK_SECONDS_MOST = 0.02, 1.0


class Beats:
    """Within, the thread that made this object is away: it touches nothing of what `say` uses, and `say` may be called.

    `say` returns in how many seconds it has something to say again. While nobody is away the thread sleeps: a keeper
    without work is not woken for it.
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
        """Back, once the other has finished its sentence."""
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
