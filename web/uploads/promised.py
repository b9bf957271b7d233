"""Finds in the ledger whether the jobs of a Submit are promised, and their rows."""

from jobs.errors import ClientFault, StoreFault
from jobs.job import Outcome, Row, State, encode
from jobs.wire import COMMITTED, CONFLICT, KNOWN, Ack, NewJob, Submit
from stores.ledger import LedgerReader
from web.broker.reads import Reading


async def look(reading: Reading, submit: Submit) -> Ack | None:
    """The answer to a Submit from its rows or its keys in the ledger. None: there are none, or it cannot be read."""
    try:
        return await reading.do(lambda ledger: _found(ledger, submit))
    except StoreFault:
        return None


def _found(ledger: LedgerReader, submit: Submit) -> Ack | None:
    if ledger.job(submit.jobs[0].id):
        return Ack(submit.request, COMMITTED)
    known = ledger.keys([job.key for job in submit.jobs if job.key])
    entries = [known[job.key] for job in submit.jobs if job.key in known]
    if any(entry.fingerprint != submit.jobs[0].fingerprint for entry in entries):
        return Ack(submit.request, CONFLICT)
    if entries:
        return Ack(submit.request, KNOWN, [entry.job for entry in entries])
    return None


async def rows(reading: Reading, submit: Submit, ack: Ack) -> list[Row]:
    """The committed rows. If the acknowledgement says when they were accepted, they are built from that; else they are
    read. A row that cannot be read, or is purged already, is built from the Submit."""
    if ack.seq:
        at, expires_in = ack.accepted_at, submit.expires_in
        return [_as_accepted(job, at, expires_in, ack.seq + index) for index, job in enumerate(submit.jobs)]
    try:
        found = await reading.do(lambda ledger: ledger.jobs([job.id for job in submit.jobs]))
    except StoreFault:
        found = []
    read = {row.id: row for row in found}
    return [read.get(job.id) or _as_accepted(job, submit.at, submit.expires_in, 0) for job in submit.jobs]


async def known_rows(reading: Reading, known: list[str]) -> list[Row]:
    """The rows of jobs that an earlier upload made under this key. Raises ClientFault `not_found`, StoreFault."""
    rows = await reading.do(lambda ledger: ledger.jobs(known))
    if not rows:  # purged since the broker looked
        raise ClientFault("the jobs of this Idempotency-Key are removed", code="not_found")
    return rows


def _as_accepted(job: NewJob, at: float, expires_in: float | None, seq: int) -> Row:
    return Row(
        seq=seq, id=job.id, tenant=job.tenant, state=State.QUEUED, priority=job.priority, lane="", position=seq,
        lease=0, attempts=0, change=seq, accepted_at=at, ended_at=None, due_at=None, started_at=None, worker=None,
        reference=job.reference, preset=job.preset, batch=job.batch, code=None, content=job.content, spec=job.spec,
        outcome=encode(Outcome(expires_at=None if expires_in is None else at + expires_in)),
    )  # fmt: skip
