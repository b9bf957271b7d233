"""The batch that a request names, as its caller may see it.

A batch is counted without its rows. The rows of a large one are read in a thread, as they may be 1,000 of several KB.
"""

from collections import Counter

from jobs.errors import ClientFault
from jobs.job import Row
from jobs.limits import FILES_PER_POST_MAX
from jobs.records import BatchEntry
from jobs.wire import BATCHES_EDITION
from stores.ledger import LedgerReader
from web.access.call import Call, find_job
from web.views.answers import FoundBatch


async def batch_of_call(call: Call) -> FoundBatch:
    """The batch that the path names; a single job is a batch by its own id. Raises ClientFault `not_found`, also for
    another tenant's."""
    batch = call.parameter("batch")
    single = await find_job(call.web, call.caller, batch)
    if single and single.batch is None:
        return FoundBatch(batch, None, Counter([single.state]), single)
    return await find_batch(call, batch)


async def find_batch(call: Call, batch: str) -> FoundBatch:
    """The batch of that id, which is no single job. Raises as `batch_of_call`."""
    sees, beat = call.caller.sees, call.web.feed.latest_beat
    is_kept = beat is None or beat.edition >= BATCHES_EDITION  # the ledger of an older broker lacks these columns

    def read(ledger: LedgerReader) -> tuple[BatchEntry | None, dict[tuple[str, str], int]]:
        return ledger.batch_entry(batch) if is_kept else None, ledger.batch_counts(batch)

    entry, found = await call.web.reads.quick.do(read)
    counts = Counter[str]()
    for (tenant, state), number in found.items():
        counts[state] += number if sees in (None, tenant) else 0
    if not counts.total() and (entry is None or sees not in (None, entry.tenant)):
        raise ClientFault(f"there is no batch {batch}", code="not_found")
    return FoundBatch(batch, entry, +counts)


async def rows_of(call: Call, found: FoundBatch) -> list[Row]:
    """The jobs of a batch, in the order in which they came. They are read after it was: if it was closed, they are
    all."""
    if found.single:
        return [found.single]
    reading = call.web.reads.quick if found.total <= FILES_PER_POST_MAX else call.web.reads.long
    rows = await reading.do(lambda ledger: ledger.batch(found.id))
    return [row for row in rows if call.caller.sees in (None, row.tenant)]
