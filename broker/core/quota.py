"""Upload limits: how many jobs may wait, the rate of a tenant, and the uses of a grant. The broker counts them, so they
are exact over all web processes. A repeat of an accepted upload does not come here, so it is not counted. A refused one
is not counted either.

The rate is a sliding window, the default of API gateways (Kong's "window types"). A fixed window would accept up to
twice the rate within one minute, around its end. A token bucket would do so in a client's first minute.
"""

from broker.core.books.events import Submitted
from broker.core.books.rates import Rate
from broker.core.books.state import Books
from jobs.job import State
from jobs.records import GrantEntry
from jobs.tenants import rate_of
from jobs.wire import REFUSED, Ack

QUEUED, DELAYED = State.QUEUED, State.DELAYED


def refusal(books: Books, event: Submitted, now: float) -> Ack | None:
    """The refusal of a Submit that is over a limit. None: it may be accepted, and the uses of its grant are counted."""
    submit = event.submit
    if (most := _most(books, submit.jobs[0].tenant)) and (over := _over_rate(books, event, most, now)):
        return over
    if submit.grant is None:
        return None
    grant, uses = submit.grant.grant, len(submit.jobs)
    if submit.grant.expires_at <= now + books.offset:
        return Ack(submit.request, REFUSED, code="grant_expired")
    known = books.fresh_grants.get(grant) or event.grants.get(grant)
    used = (known.used if known else 0) + uses
    if used > submit.grant.count:
        return Ack(submit.request, REFUSED, code="grant_used_up", left=submit.grant.count - used + uses)
    entry = books.fresh_grants[grant] = GrantEntry(grant, used, submit.grant.expires_at)
    books.records.grants.append(entry)
    return None


def count(books: Books, tenant: str, now: float) -> bool:
    """Count one against the tenant's rate, as an upload is. False: the rate is used up."""
    most = _most(books, tenant)
    if most and _rate(books, tenant).per_minute(now) >= most:
        return False
    books.accepted.add(now)
    if tenant:
        books.share(tenant).accepted.add(now)
    return True


def count_open(books: Books, tenant: str, now: float) -> bool:
    """Count a batch that is opened against the tenant's rate, if there is one. False: the rate is used up."""
    return not _most(books, tenant) or count(books, tenant, now)


def frees(books: Books, tenant: str, now: float) -> float:
    """In how many seconds the tenant may upload one more."""
    return _rate(books, tenant).frees(now, 1)


def over(books: Books, now: float) -> dict[str, float]:
    """The tenants that have used up their rate, and the wall time from which each may upload one more."""
    policy = books.policy
    if policy.rate_per_minute:
        rates = {"": books.accepted, **{tenant: share.accepted for tenant, share in books.shares.items()}}
    else:
        rates = {name: books.shares[name].accepted for name in policy.tenants if name in books.shares}
    return {
        tenant: now + books.offset + rate.frees(now, 1)
        for tenant, rate in rates.items()
        if (most := _most(books, tenant)) and rate.per_minute(now) >= most
    }


def is_queue_full(books: Books, tenant: str, jobs: int) -> bool:
    """Whether so many more jobs of this tenant may not wait, beside those that do."""
    counts, policy = books.counts, books.policy
    if counts[QUEUED] + counts[DELAYED] + jobs > policy.queued_max:
        return True
    if not policy.tenants or (limits := policy.tenants.get(tenant)) is None or limits.queued_max is None:
        return False
    own = books.share(tenant).counts
    return own[QUEUED] + own[DELAYED] + jobs > limits.queued_max


def _most(books: Books, tenant: str) -> int:
    """How many images the tenant may send in a minute; 0: any number."""
    return rate_of(books.policy.tenants, tenant, books.policy.rate_per_minute)


def _over_rate(books: Books, event: Submitted, most: int, now: float) -> Ack | None:
    jobs, rate = event.submit.jobs, _rate(books, event.submit.jobs[0].tenant)
    left = max(0, most - int(rate.per_minute(now)))
    if len(jobs) <= left:
        return None
    seconds = rate.frees(now, len(jobs) - left)
    return Ack(event.submit.request, REFUSED, code="rate_limited", left=left, retry_seconds=seconds)


def _rate(books: Books, tenant: str) -> Rate:
    """The count of the tenant's uploads. Without keys there is one for everybody."""
    return books.share(tenant).accepted if tenant else books.accepted
