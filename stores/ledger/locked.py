"""The term as locks on files of this machine: who holds them all may open the ledger, as long as its process lives.

Owns the order: the locks first, then the ledger. The kernel drops a lock when its process ends, however it ends. Knows
no ledger: whoever makes the candidate says how it is opened.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from host.files.folders import try_lock
from stores.ledger import Ledger


class LockedCandidate:
    """A broker that wants the locks at `paths`, and then the ledger. `open_ledger` opens it, or gives None if another
    broker holds a further term; `close` gives up what that left open. As Candidate."""

    def __init__(
        self,
        paths: Sequence[Path],
        refusal: str,
        open_ledger: Callable[[], Ledger | None],
        close: Callable[[], None] = lambda: None,
        again_seconds: float = 0.02,
        predecessor_seconds: float = 2.0,
    ) -> None:
        self.refusal = refusal
        self.again_seconds, self.predecessor_seconds = again_seconds, predecessor_seconds
        self._paths, self._open, self._close = paths, open_ledger, close

    def take(self) -> Ledger | None:
        """As Candidate.take. Without the ledger no lock is kept."""
        with contextlib.ExitStack() as held:
            for path in self._paths:
                if (lock := try_lock(path)) is None:
                    return None
                held.callback(os.close, lock)
            if (ledger := self._open()) is not None:
                held.pop_all()
            return ledger

    def close(self) -> None:
        """As Candidate.close."""
        self._close()
