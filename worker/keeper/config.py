"""The worker's part of the settings: who it is, and the room that it leaves."""

import logging
from importlib import metadata
from typing import Any

from host.settings.settings import Settings
from jobs.errors import SetupFault
from stores.blobs import Blobs
from stores.opening import open_blobs, proven_blobs
from worker.core.parking import GROWTH_SHARE, Parking

LEDGER_SHARE = 4
"""One in so many bytes of DISK_FREE_BYTES_MIN is the ledger's alone: 64 MiB, which are 50,000 jobs."""
PILLOW_LEAST = 13
"""The first version with the reading limits on which worker/images/imagefile.py relies."""


def refuse_old_pillow() -> None:
    """Raises SetupFault if Pillow is missing or too old. Does not import it."""
    try:
        found = metadata.version("pillow")
    except metadata.PackageNotFoundError:
        found = "none"
    major = found.partition(".")[0]
    if not major.isdecimal() or int(major) < PILLOW_LEAST:
        raise SetupFault(
            f"Pillow {found} is installed and {PILLOW_LEAST} is needed: pip install 'pillow>={PILLOW_LEAST}'"
        )


def parking(settings: Settings) -> Parking[Any]:
    """Room for decoders of tenants whose turn is over: as many as this worker can hold jobs."""
    return Parking(settings.capacity, settings.decoder_bytes_max // GROWTH_SHARE)


def blobs(settings: Settings, log: logging.Logger) -> Blobs:
    """The blob store of this installation. Of the room that uploads leave free, renditions leave a part for the ledger:
    a broker that cannot commit ends. Raises SetupFault."""
    store = open_blobs(settings, settings.disk_free_bytes_min // LEDGER_SHARE)
    if settings.blobs_url:
        log.info("blobs_proven", extra={"store": proven_blobs(settings, store)})
    return store
