"""A worker's other tasks for the blob store: it deletes swept blobs and lists old ones.

Decides nothing about a name: the broker does, by its rows. Facts go to the session through `notify`.
"""

import logging
from collections.abc import Callable
from typing import Any

from jobs.errors import StoreFault
from jobs.wire import OrphanScan
from stores.blobs import Blobs
from worker.core import events
from worker.keeper.checks import plain


class Housekeeping:
    """Each step is short, because the keeper waits for it. A failed step is told, and the broker repeats it later."""

    def __init__(
        self, blobs: Blobs, notify: Callable[[Any], None], log: logging.Logger, monotonic: Callable[[], float]
    ) -> None:
        self._blobs = blobs
        self._notify = notify
        self._log = log
        self._monotonic = monotonic

    def sweep(self, sweeping: events.Sweeping) -> None:
        """Delete blobs of a job that no row names, but only while no other worker can have this sweep. A late sweep
        could delete the blobs of another attempt, which have the same names."""
        job = sweeping.job
        try:
            for name in sweeping.names:
                if self._monotonic() >= sweeping.until:
                    return self._notify(events.SweepLate(job))
                self._blobs.delete([name])
        except StoreFault as fault:
            self._log.error("sweep_failed", extra={"job": job, "why": fault.detail})
            self._notify(events.SweepFailed(job, plain(fault.detail)))
        else:
            self._notify(events.SweepDone(job))
        return None

    def scan(self, asked: OrphanScan) -> None:
        """List the old blobs of one step. Before the first step, delete the left-overs of dead uploads."""
        try:
            if not asked.after and (swept := self._blobs.sweep_incoming(asked.older_than_seconds)):
                self._log.info("incoming_swept", extra={"files": swept})
            names, following = self._blobs.names(asked.after, asked.names_max, asked.older_than_seconds)
        except StoreFault as fault:
            self._log.error("orphan_scan_failed", extra={"after": asked.after, "why": fault.detail})
            self._notify(events.NamesFound(asked.after, [], None, plain(fault.detail)))
        else:
            self._notify(events.NamesFound(asked.after, names, following))
