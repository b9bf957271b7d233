"""The orphan scan: finds files that no row names, one step at a time. Any free worker lists the names.

Owns its pace and decides which files are orphans. Opens no folder: a worker lists, and the loop reads the
rows from the ledger.
"""

from math import inf

from broker.core.books.events import NamesListed
from broker.core.books.model import Entry, Progress, Worker
from broker.core.books.state import Books
from jobs.ids import is_id, is_published, job_of, minted_at, original_name
from jobs.job import ENDED
from jobs.wire import OrphanScan

NAMES_PER_STEP = 250
STEP_SECONDS = 0.1
"""Between an answer and the next step. At most 2,500 names a second keep the load of a scan low."""
REPEAT_SECONDS = 10.0
"""A step without an answer is repeated after this time: its worker is gone."""
WAIT_SECONDS = 1.0
"""To the next try while no worker can scan, or too many sweeps wait."""
AGAIN_SECONDS_MAX = 3600.0
"""The longest back-off of a step that failed. It begins at REPEAT_SECONDS and doubles each time."""


def step(books: Books, scan: Progress, now: float) -> None:
    """Ask a worker for the next names, if a step is due. In a bucket that may be another ledger's there is none."""
    if now < scan.due:
        return
    if books.policy.no_scan:
        scan.why, scan.due = books.policy.no_scan, inf
        return
    scanner = books.roster.next_idle() or _able(books)
    if scanner is None or not books.sweeps.may_add():
        scan.due = now + WAIT_SECONDS
        return
    if not scan.after:
        scan.began = now
    scan.scanner, scan.due = scanner.peer, now + REPEAT_SECONDS
    books.send(scanner.peer, OrphanScan(scan.after, books.policy.orphan_seconds, NAMES_PER_STEP))


def _able(books: Books) -> Worker | None:
    return next((worker for worker in books.roster.for_images() if not worker.draining), None)


def scanned(books: Books, scan: Progress, event: NamesListed, now: float) -> None:
    """Take in the old names of one step: orphans become sweeps. An answer to an earlier step is ignored."""
    found = event.found
    if scan.scanner != event.peer or scan.after != found.after:
        return
    scan.why = found.failed
    if found.failed:
        scan.scanner, scan.due = None, now + min(REPEAT_SECONDS * 2 ** min(scan.tries, 9), AGAIN_SECONDS_MAX)
        scan.tries += 1
        return
    scan.tries = 0
    rows = {row.id: row for row in event.rows}
    for job, names in _by_job(found.names).items():
        entry = books.entries.get(job) or (Entry.from_row(rows[job]) if job in rows else None)
        orphans = _orphans(books, job, names, entry, now)
        if orphans:
            books.sweeps.add(job, orphans)
    scan.scanner, scan.after = None, found.following or ""
    scan.due = now + STEP_SECONDS
    if found.following is None:
        scan.due = max(scan.due, scan.began + books.policy.orphan_seconds)


def _by_job(names: list[str]) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = {}
    for name in names:
        if is_published(name):  # a forged name could be in DATA/curve or another folder of the broker
            jobs.setdefault(job_of(name), []).append(name)
    return jobs


def _orphans(books: Books, job: str, names: list[str], entry: Entry | None, now: float) -> tuple[str, ...]:
    """The orphans among a job's files: its row does not name them, and no sweep has them yet. A job that has not ended
    may still name any of them. A job without a row may still be submitted while its id is young."""
    if entry is None:
        young = is_id(job) and now + books.offset - minted_at(job) <= books.policy.orphan_seconds
        named = set(names) if young else set()
    elif entry.state in ENDED:
        named = {original_name(job), *(rendition.blob for rendition in entry.outcome.renditions)}
    else:
        named = set(names)
    if job in books.sweeps.entries:
        named.update(books.sweeps.entries[job].names)
    return tuple(name for name in names if name not in named)
