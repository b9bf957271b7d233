"""A ledger with entries of every kind, for the tests of what must not get lost."""

import hashlib

from jobs.deliveries import DeliveryRow, Endpoint, delivery_id
from jobs.job import Original, Outcome, Rendition, Row, Spec, encode
from jobs.records import (
    ActionEntry,
    BatchEntry,
    DeadlineEntry,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Meta,
    PurgedEntry,
    QuarantineEntry,
    Records,
    SweepEntry,
    TenantEntry,
)
from stores.ledger import Ledger
from tests.contracts.rows import ended, job_id, row

PICTURE, SMALL = b"a picture of job ", b"a rendition of job "


def stored_row(seq: int) -> Row:
    """A done job with one rendition; `blobs_of` has its bytes."""
    job = job_id(seq)
    (original, picture), (blob, small) = blobs_of(seq).items()
    digests = [hashlib.sha256(each).hexdigest() for each in (picture, small)]
    spec = Spec("a.jpg", None, None, None, "{}", Original(original, "jpeg", 1, 1, len(picture), digests[0]), "t")
    rendition = Rendition("thumb", blob, "jpeg", 1, 1, len(small), digests[1])
    return row(
        seq, id=job, state="done", ended_at=2.5, spec=encode(spec), outcome=encode(Outcome(renditions=[rendition]))
    )


def blobs_of(seq: int) -> dict[str, bytes]:
    """The original of that job and its rendition, by name."""
    job, small = job_id(seq), SMALL + bytes([seq % 256]) * 3
    digest = hashlib.sha256(small).hexdigest()
    return {
        f"raw/{job[-2:]}/{job}": PICTURE + bytes([seq % 256]) * 3,
        f"processed/{job[-2:]}/{job}.thumb.{digest[:8]}.jpg": small,
    }


def _batch(number: int) -> BatchEntry:
    """Every second one has ended. The others are open, and somebody is told of them."""
    rest = (1.5 * number,) if number % 2 else (None, 2.5 * number, b"%d" % number)
    return BatchEntry(f"batch-{number}", "t", 0.5 * number, *rest)


def _delivery(n: int) -> DeliveryRow:
    at = (4.5, None) if n % 2 else (None, 5.5)
    return DeliveryRow(
        2 * n, delivery_id(n, 5), f"tenant-{n}", job_id(n), None, f"h{n} t", f"https://h{n}/ä", "job.done", b"{}", n,
        0.5, 1, 1, at[0], "waiting" if n % 2 else "failed", 500, "an error", "an answer", at[1], n % 3 and 1,
    )  # fmt: skip


def fill(ledger: Ledger, jobs: int) -> None:
    """Commit so many jobs, and some entries of each other kind."""
    ledger.restore()
    seqs = [3 * number + 1 for number in range(jobs)]  # with gaps, as purges leave
    few = range(1, jobs // 3 + 1)
    for start in range(0, jobs, 500):
        ledger.commit(
            Records(jobs=[ended(seq) if seq % 2 else row(seq, state="delayed") for seq in seqs[start : start + 500]])
        )
    ledger.commit(
        Records(
            keys=[KeyEntry(hashlib.sha256(b"%d" % n).digest(), job_id(n), bytes(32), 1.25 * n) for n in few],
            grants=[GrantEntry(f"grant-{n}", n, 1e9 + n) for n in few],
            purged=[PurgedEntry(job_id(10**6 + n), 0.1 + n) for n in few],
            sweeps=[SweepEntry(job_id(2 * 10**6 + n), (f"raw/ab/{n}", "processed/ab/ä")) for n in few],
            quarantined=[QuarantineEntry(b"%064d" % n, "engine/1", 0.5 * n) for n in few],
            deadlines=[DeadlineEntry(3 * n + 1, 1e9 + n) for n in few],
            batches=[_batch(n) for n in few],
            actions={
                job_id(n): ActionEntry(job_id(n), "0123abcd", "purge", '{"reference":"\\u0000"}', n, 0.5 * n)
                for n in few
            },
            intervals=[IntervalEntry(300 * n, b"\x00figures %d" % n) for n in few],
            paused=[f"tenant-{n}" for n in few],
            tenants=[TenantEntry(f"tenant-{n}", {"done": n, "queued": 1}) for n in few],
            deliveries=[_delivery(n) for n in few],
            endpoints=[Endpoint(f"h{n} tenant", 1.5 * n, 2.5 if n % 2 else None) for n in few],
            meta=Meta(change=10 * jobs, paused=True, counts={"done": jobs, "dead": 3}),
        )
    )
