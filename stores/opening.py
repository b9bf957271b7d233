"""The stores of one installation, each chosen by its setting: the one file that names the implementations.

Owns where in DATA the embedded ledger and the result cache are; stores/blobs/local.py has the folders of the blobs.
Callers get a contract, never a class of a store, and a driver is imported when its store is opened. Knows no role.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from host.files.folders import lock_name
from host.settings.brokers import broker_addresses
from host.settings.buckets import SCHEME, bucket
from host.settings.cache_url import NONE, redis_place
from host.settings.settings import Settings
from jobs.errors import SetupFault, StoreAway, StoreFault
from stores.blobs import Blobs, Objects
from stores.cache import Cache
from stores.ledger import Candidate, Ledger, LedgerReader

STORES = "install the extra `stores` (`make .venv/stores` in a checkout, else `pip install 'pixmill[roles,stores]'`)"
"""What brings the drivers of the stores beyond one machine."""
LEDGER_DRIVER = "PIXMILL_LEDGER_URL needs the package {}"


@contextlib.contextmanager
def _driver(missing: str) -> Iterator[None]:
    """Import a store in this block. Raises SetupFault if its driver, whose name goes into `missing`, is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SetupFault(f"{missing.format(error.name)}: {STORES}") from None


def ledger_path(settings: Settings) -> Path:
    """The file of the embedded ledger."""
    return Path(settings.data) / "ledger.sqlite3"


def open_candidate(
    settings: Settings, run: Path, recorded: Callable[[], bool], progress: Callable[[], None] = lambda: None
) -> Candidate:
    """A broker that wants to be the ledger's writer. `run`: the folder of its local sockets, which one broker binds.
    `recorded`: as open_ledger has it, asked when the term is taken. `progress` is called again and again while it
    migrates an older ledger, perhaps by another thread. Raises SetupFault."""
    from stores.ledger.locked import LockedCandidate

    data = Path(settings.data).absolute()
    locks = [folder / "broker.lock" for folder in (data, run)]
    if not settings.ledger_url:
        _refuse_machines(settings)
        refusal = f"another broker runs on {data}: stop it, or set PIXMILL_DATA to another folder"
        return LockedCandidate(locks, refusal, lambda: open_ledger(settings, recorded=recorded(), progress=progress))
    inner = _postgres_candidate(settings, recorded, lambda: lock_name(locks[0]), progress)
    return LockedCandidate(
        locks, inner.refusal, inner.take, inner.close, inner.again_seconds, inner.predecessor_seconds
    )


def _refuse_machines(settings: Settings) -> None:
    """Raises SetupFault for brokers on several machines: each would have an embedded ledger, and a term, of its own."""
    if len({host for host, _ in broker_addresses(settings.brokers)}) > 1:
        raise SetupFault(
            "PIXMILL_BROKERS names several machines, and the ledger is SQLite on this one: set PIXMILL_LEDGER_URL on "
            "all of them, or leave one address"
        )


def _postgres_candidate(
    settings: Settings, recorded: Callable[[], bool], lock: Callable[[], str], progress: Callable[[], None]
) -> Candidate:
    with _driver(LEDGER_DRIVER):
        from stores.ledger.postgres.candidate import PostgresCandidate
    return PostgresCandidate(
        settings.ledger_url, lambda: not _has_blobs(settings, recorded=recorded()), lock, progress=progress
    )


def open_ledger(settings: Settings, *, recorded: bool, progress: Callable[[], None] = lambda: None) -> Ledger:
    """Open the embedded ledger for its one writer, who holds the term. A missing ledger is made only if there was none
    before: else its loss would go unnoticed. `recorded`: whether there is a flight recording. `progress`: as
    open_candidate has it. Raises SetupFault."""
    from stores.ledger import sqlite

    path = ledger_path(settings)
    known = not path.exists() and _has_blobs(settings, recorded=recorded)  # a start does not need the blob store else
    return sqlite.open_ledger(path, settings.ledger_sync, make=not known, progress=progress)


def _has_blobs(settings: Settings, *, recorded: bool) -> bool:
    """Whether blobs prove that there was a ledger. Raises SetupFault."""
    blobs = open_blobs(settings)
    try:
        return blobs.holds("processed") or (recorded and blobs.holds("raw"))
    except StoreAway as fault:
        raise SetupFault(
            f"whether there was a ledger cannot be told ({fault.detail}): start again when the store of "
            "PIXMILL_BLOBS_URL answers"
        ) from None


def open_reader(settings: Settings, wait_seconds: float | None = None) -> LedgerReader:
    """A reader of the ledger, which need not exist yet. It waits so long for a lock (None: the store's own time).
    Raises SetupFault."""
    if settings.ledger_url:
        reader: LedgerReader = _postgres().open_reader(settings.ledger_url)
        return reader
    return reader_of(ledger_path(settings), wait_seconds)


def open_replica(settings: Settings) -> LedgerReader:
    """A reader of the server that LEDGER_READ_URL names, for reads by which nothing is decided. Raises SetupFault."""
    reader: LedgerReader = _postgres().open_replica(settings.ledger_read_url)
    return reader


def _postgres() -> ModuleType:
    """The module of PostgreSQL's readers."""
    with _driver(LEDGER_DRIVER):
        from stores.ledger.postgres import reader
    return reader


def reader_of(path: Path, wait_seconds: float | None = None) -> LedgerReader:
    """A reader of a ledger's file that lies anywhere."""
    from stores.ledger import sqlite_reader

    return sqlite_reader.open_reader(path) if wait_seconds is None else sqlite_reader.open_reader(path, wait_seconds)


def copy_ledger(settings: Settings, target: Path) -> None:
    """Copy the ledger as it is at one moment into the file `target`. Raises StoreFault, and SetupFault for a ledger on
    a server."""
    if settings.ledger_url:
        raise SetupFault(
            "the ledger is in PostgreSQL: back it up by the server's own means, as pg_dump (docs/reliability.md)"
        )
    from stores.ledger import sqlite_reader

    sqlite_reader.copy_ledger(ledger_path(settings), target)


def open_blobs(settings: Settings, kept_bytes: int = 0) -> Blobs:
    """The blob store. What it writes to this machine's disk leaves `kept_bytes` of it free. Raises StoreFault,
    SetupFault."""
    return _blobs(settings.blobs_url, Path(settings.data), kept_bytes)


def open_objects(settings: Settings) -> Objects | None:
    """The objects of all buckets that the store of BLOBS_URL has, by the server's own credentials; None where blobs
    are files. Each bucket has one client, for all threads. Raises SetupFault."""
    if not settings.blobs_url:
        return None
    with _driver("{} is not installed, and PIXMILL_BLOBS_URL needs it"):
        from stores.blobs.s3.driver import Driver
    ours, drivers, lock = bucket(settings.blobs_url), dict[str, Driver](), threading.Lock()

    def pieces(name: str, key: str) -> Iterator[bytes]:
        with lock:
            if name not in drivers:
                drivers[name] = Driver(ours._replace(name=name, prefix=""))
        return drivers[name].pieces(key)

    return pieces


def blobs_at(settings: Settings, place: str) -> Blobs:
    """The blob store at `place`: a bucket's address, with temporary files in this installation's DATA; or a folder.
    Raises StoreFault, SetupFault."""
    return _blobs(place, Path(settings.data)) if place.startswith(SCHEME) else _blobs("", Path(place))


def _blobs(url: str, data: Path, kept_bytes: int = 0) -> Blobs:
    if not url:
        from stores.blobs.local import LocalBlobs

        return LocalBlobs(data, kept_bytes)
    with _driver("{} is not installed, and PIXMILL_BLOBS_URL needs it"):
        from stores.blobs.s3.store import S3Blobs
    try:
        return S3Blobs(bucket(url), data, kept_bytes)
    except ValueError as fault:
        raise SetupFault(f"the address of the bucket {fault}") from None


def proven_blobs(settings: Settings, blobs: Blobs) -> str:
    """Try the blob store at a start: what it is, in a few words. A store that does not answer yet is no fault. Raises
    SetupFault."""
    if settings.blobs_redirect and blobs.address("raw/aa/none", 0.0, {}) is None:
        raise SetupFault(
            "PIXMILL_BLOBS_REDIRECT=1 signs addresses, and an instance's keys are not told to us: set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset it"
        )
    return blobs.prove()


def claim_blobs(settings: Settings, owner: str) -> str:
    """Mark the bucket as that of the ledger `owner`. Returns why that could not be told, or "". Raises SetupFault if it
    is another ledger's."""
    if not settings.blobs_url:
        return ""
    try:
        open_blobs(settings).claim(owner)
    except StoreFault as fault:
        return fault.detail
    return ""


def open_cache(settings: Settings) -> Cache | None:
    """The result cache, or None where CACHE_URL is `none`. Raises SetupFault if its driver is not installed."""
    if settings.cache_url == NONE:
        return None
    if place := redis_place(settings.cache_url):
        with _driver("{} is not installed, and PIXMILL_CACHE_URL needs it"):
            from stores.cache.redis import RedisCache
        return RedisCache(place)
    from stores.cache.file import FileCache

    return FileCache(Path(settings.data) / "cache")
