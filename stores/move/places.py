"""The two ends of a ledger's move: a folder with the embedded ledger, or a PostgreSQL database.

Owns how each is opened so that no broker can use it meanwhile, and how it is marked: not yet whole, whole, or moved
elsewhere. Only this file knows which ledger is behind an end.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Any, Protocol

from host.files.folders import sync_folder, try_lock
from jobs.errors import LedgerFailed, SetupFault
from stores.ledger import Candidate, Ledger, MovableLedger
from stores.opening import STORES

POSTGRES = ("postgresql://", "postgres://")
LEDGER = "ledger.sqlite3"
FILLING, MOVED = f"{LEDGER}.moving", f"{LEDGER}.moved"
"""The file's name while a move fills it, and after it was moved elsewhere. With neither a broker starts."""


class End(Protocol):
    """One end of the move. `whole`: of TO, whether it is a ledger already. `moved`: of FROM, whether it was moved
    before. `ledger` is open, under its term."""

    ledger: MovableLedger
    whole: bool
    moved: bool

    def put_in_use(self) -> None:
        """TO is whole now: a broker may start on it."""

    def put_out_of_use(self) -> None:
        """FROM is moved: no broker starts on it any more."""

    def close(self) -> None:
        """Close the ledger and give its term back."""


class FolderEnd:
    """The embedded ledger of the DATA folder `folder`, whose broker's lock is held."""

    def __init__(self, folder: Path, *, source: bool) -> None:
        from stores.ledger import sqlite

        if not folder.is_dir():
            raise SetupFault(f"{folder} is no folder: give the PIXMILL_DATA of the ledger, or make it")
        self._folder = folder
        self.whole = (folder / LEDGER).exists()
        self.moved = source and not self.whole and (folder / MOVED).exists()
        if source and not self.whole and not self.moved:
            raise SetupFault(f"{folder} has no {LEDGER}: give the PIXMILL_DATA of the ledger")
        self._path = folder / (LEDGER if self.whole else MOVED if source else FILLING)
        lock = try_lock(folder / "broker.lock")
        if lock is None:
            raise SetupFault(f"a broker runs on {folder}: stop pixmill before its ledger is moved")
        self._lock = lock
        self.ledger: MovableLedger = sqlite.open_ledger(self._path, make=not source)

    def put_in_use(self) -> None:
        self._rename(LEDGER)

    def put_out_of_use(self) -> None:
        self._rename(MOVED)

    def close(self) -> None:
        self.ledger.close()
        os.close(self._lock)

    def _rename(self, name: str) -> None:
        self.ledger.close()  # this moves the log into the file, and removes it
        os.replace(self._path, self._folder / name)
        sync_folder(self._folder)


class PostgresEnd:
    """The ledger in the database at `url`, whose term is held."""

    def __init__(self, url: str, *, source: bool) -> None:
        try:
            from stores.ledger.postgres import schema
            from stores.ledger.postgres.candidate import PostgresCandidate
            from stores.ledger.postgres.ledger import PostgresLedger
        except ModuleNotFoundError as error:
            raise SetupFault(f"{url.partition(':')[0]} needs the package {error.name}: {STORES}") from None
        self._schema = schema
        uses = (schema.WHOLE, schema.MOVED) if source else (schema.WHOLE, schema.FILLING)
        ledger: PostgresLedger = _taken(PostgresCandidate(url, make=lambda: not source, uses=uses))
        self._ledger = ledger
        self.ledger: MovableLedger = ledger
        use, empty = ledger.use(), ledger.restore().meta.change == 0
        self.moved = use == schema.MOVED
        self.whole = use == schema.WHOLE and not empty
        if not source and not self.whole:
            ledger.put_use(schema.FILLING)

    def put_in_use(self) -> None:
        self._ledger.put_use(self._schema.WHOLE)

    def put_out_of_use(self) -> None:
        self._ledger.put_use(self._schema.MOVED)

    def close(self) -> None:
        self.ledger.close()


def _taken(candidate: Candidate) -> Any:
    """The ledger, once the term is free: a predecessor may keep it for a time. Raises SetupFault."""
    until = time.monotonic() + candidate.predecessor_seconds
    with contextlib.closing(candidate):
        while (ledger := _tried(candidate)) is None:
            if time.monotonic() >= until:
                raise SetupFault(candidate.refusal)
            time.sleep(candidate.again_seconds)
    return ledger


def _tried(candidate: Candidate) -> Ledger | None:
    try:
        return candidate.take()
    except LedgerFailed as fault:
        raise SetupFault(f"{fault.detail}: start it, and move again") from None


def end_at(place: str, *, source: bool) -> End:
    """The end that `place` names: an address of PostgreSQL, or a folder. Raises SetupFault."""
    if place.startswith(POSTGRES):
        return PostgresEnd(place, source=source)
    return FolderEnd(Path(place).absolute(), source=source)
