"""The stores of one installation, each chosen by its setting: the one file that names the implementations.

Owns where in DATA the embedded ledger and the result cache are; stores/blobs/local.py has the folders of the blobs.
Callers get a contract, never a class of a store, and a driver is imported when its store is opened. Knows no role.
"""

from pathlib import Path

from host.settings.settings import Settings
from stores.blobs import Blobs
from stores.cache import Cache
from stores.ledger import Ledger, LedgerReader


def ledger_path(settings: Settings) -> Path:
    """The file of the embedded ledger."""
    return Path(settings.data) / "ledger.sqlite3"


def open_ledger(settings: Settings, *, recorded: bool) -> Ledger:
    """Open the ledger for its one writer. A missing ledger is made only if there was none before: else its loss would
    go unnoticed. Renditions prove that there was one. Originals alone do not, because a web process may start before
    the broker; but originals beside a flight recording (`recorded`) do. Raises SetupFault."""
    from stores.ledger import sqlite

    blobs = open_blobs(settings)
    known = blobs.holds("processed") or (recorded and blobs.holds("raw"))
    return sqlite.open_ledger(ledger_path(settings), settings.ledger_sync, make=not known)


def open_reader(settings: Settings, wait_seconds: float | None = None) -> LedgerReader:
    """A reader of the ledger, which need not exist yet. It waits so long for a lock (None: the store's own time)."""
    return reader_of(ledger_path(settings), wait_seconds)


def reader_of(path: Path, wait_seconds: float | None = None) -> LedgerReader:
    """A reader of a ledger's file that lies anywhere."""
    from stores.ledger import sqlite_reader

    return sqlite_reader.open_reader(path) if wait_seconds is None else sqlite_reader.open_reader(path, wait_seconds)


def copy_ledger(settings: Settings, target: Path) -> None:
    """Copy the ledger as it is at one moment into the file `target`. Raises StoreFault."""
    from stores.ledger import sqlite_reader

    sqlite_reader.copy_ledger(ledger_path(settings), target)


def open_blobs(settings: Settings, kept_bytes: int = 0) -> Blobs:
    """The blob store. What is put there leaves `kept_bytes` of its disk free. Raises StoreFault."""
    from stores.blobs.local import LocalBlobs

    return LocalBlobs(Path(settings.data), kept_bytes)


def open_cache(settings: Settings) -> Cache | None:
    """The result cache, or None where CACHE_URL is `none`."""
    if settings.cache_url == "none":
        return None
    from stores.cache.file import FileCache

    return FileCache(Path(settings.data) / "cache")
