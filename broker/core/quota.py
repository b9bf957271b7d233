"""Upload limits: the rate of a tenant, and the uses of a grant. The broker counts them, so they are exact over all web
processes. A repeat of an accepted upload does not come here, so it is not counted. A refused one is not counted either.

The rate is a sliding window, the default of API gateways (Kong's "window types"). A fixed window would accept up to
twice the rate within one minute, around its end. A token bucket would do so in a client's first minute.
"""

from broker.core.books.events import Submitted
from broker.core.books.rates import Rate
from broker.core.books.state import Books
from jobs.records import GrantEntry
from jobs.wire import REFUSED, Ack


def refusal(books: Books, event: Submitted, now: float) -> Ack | None:
    """The refusal of a Submit that is over a limit. None: it may be accepted, and the uses of its grant are counted."""
    submit = event.submit
    if (most := books.policy.rate_per_minute) and (over := _over_rate(books, event, most, now)):
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
    """Count a requeued job against the tenant's rate, as an upload is. False: the rate is used up."""
    most = books.policy.rate_per_minute
    if most and _rate(books, tenant).per_minute(now) >= most:
        return False
    books.accepted.add(now)
    if tenant:
        books.share(tenant).accepted.add(now)
    return True


def frees(books: Books, tenant: str, now: float) -> float:
    """In how many seconds the tenant may upload one more."""
    return _rate(books, tenant).frees(now, 1)


def over(books: Books, now: float) -> dict[str, float]:
    """The tenants that have used up their rate, and the wall time from which each may upload one more."""
    most = books.policy.rate_per_minute
    if not most:
        return {}
    rates = {"": books.accepted, **{tenant: share.accepted for tenant, share in books.shares.items()}}
    return {
        tenant: now + books.offset + rate.frees(now, 1)
        for tenant, rate in rates.items()
        if rate.per_minute(now) >= most
    }


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
