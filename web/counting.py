"""Opens the metrics of one web process.

Owns what happens where the shared file cannot be had: web serves without metrics, because nobody's upload depends on
them.
"""

import logging
from pathlib import Path

from web.metrics.counts import Counts
from web.metrics.families import layout
from web.metrics.shared import Shared
from web.routes import TITLES


def open_counts(run: Path, log: logging.Logger) -> Counts | None:
    """Where this process counts from now on, in the folder `run`; None: there is no room for it."""
    laid = layout(TITLES)
    try:
        shared = Shared(run, laid.digest, laid.size)
    except OSError as error:
        log.warning("metrics_off", extra={"folder": str(run), "why": error.strerror or str(error)})
        return None
    return Counts(laid, shared.cells, shared.slots)
