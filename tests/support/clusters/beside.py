"""Threads that work beside a test or a benchmark while a `with` block runs, and are joined at its end."""

import threading
from collections.abc import Callable
from typing import Self


class Beside:
    """`count` threads run `work` while the block runs. `work` must return soon after `over` is set."""

    def __init__(self, work: Callable[[], object], count: int = 1) -> None:
        self.over = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def done(self) -> bool:
        """Whether all have returned."""
        return not any(thread.is_alive() for thread in self._threads)


class Repeated(Beside):
    """One thread that calls `step` again and again."""

    def __init__(self, step: Callable[[], object]) -> None:
        super().__init__(self._go_on)
        self._step = step

    def _go_on(self) -> None:
        while not self.over.is_set():
            self._step()
