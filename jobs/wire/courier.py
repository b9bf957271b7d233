"""Between broker and courier: deliveries to receivers, originals from addresses, and their answers.

A delivery is held under its id and the number of its attempt, as a job is under its lease. So Held, LeaseRef, Recall,
Returned, Abandon and Settled name deliveries, too. No delivery has the id of a job.
"""

from typing import Annotated

from msgspec import Meta

from jobs.job import Address, Count, HexDigest, Text
from jobs.trace import Trace
from jobs.wire.fields import DeliveryBody, Detail, Header, Many, Message, Seconds

# --- broker -> courier (ROUTER -> DEALER) ---


class Delivery(Message, frozen=True):
    """One attempt of a delivery: POST `body` to `url` with these headers, and follow no redirect. `attempt` is the
    number of this lease (jobs/leases.py). The broker has signed the body."""

    id: Text
    attempt: int
    url: Address
    headers: Annotated[dict[Text, Header], Meta(max_length=16)]
    body: DeliveryBody


class Deliver(Message, frozen=True):
    """Attempts of deliveries, already committed."""

    deliveries: Annotated[list[Delivery], Many]


class Source(Message, frozen=True):
    """One original to be fetched from `url` within `seconds`, of at most `bytes_max` bytes. `trace`: the job's."""

    job: Text
    lease: int
    url: Address
    seconds: Seconds
    bytes_max: Count
    trace: Trace | None = None


class Fetch(Message, frozen=True):
    """Leases of jobs whose originals must be fetched, already committed."""

    jobs: Annotated[list[Source], Many]


# --- courier -> broker (DEALER -> ROUTER) ---


class Attempted(Message, frozen=True):
    """The end of one attempt after `seconds`: the receiver answered `status` (0: it did not answer, and `error` says
    why). `retry_after`: the seconds that it asked us to wait, if any. `answer`: the beginning of what it said."""

    id: Text
    attempt: int
    status: Annotated[int, Meta(ge=0, le=999)]
    seconds: Seconds
    retry_after: Seconds | None = None
    error: Detail = ""
    answer: Detail = ""


class Delivered(Message, frozen=True):
    """Attempts that ended, in whatever way."""

    deliveries: Annotated[list[Attempted], Many]


class SourceFetched(Message, frozen=True):
    """The original of the job is in the blob store, under the job's own name. The rest is as in jobs.job.Original."""

    job: Text
    lease: int
    format: Text
    width: Count
    height: Count
    bytes: Count
    digest: HexDigest
    orientation: Annotated[int, Meta(ge=0, le=8)] = 0


class Fetched(Message, frozen=True):
    """Originals that were fetched. A fetch that failed is a Failure of Failed."""

    jobs: Annotated[list[SourceFetched], Many]
