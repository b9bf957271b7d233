"""The number of a lease: which term gave it, and how many the job had before. Pure arithmetic.

A ledger may come back as it was earlier (a back-up that was put back, a failover that lost commits). Then a job would
get the same counts again, and a worker that still holds such a lease would take the new one for its own. So each term
draws a nonce, and each lease that it gives carries it. Numbers are compared for equality, and never by order.
"""

NONCE_BITS = 33
COUNT_BITS = 20
"""Together they fit a signed 64-bit integer, and the integers that JavaScript represents exactly."""
_COUNT_MAX = (1 << COUNT_BITS) - 1


def next_lease(lease: int, nonce: int) -> int:
    """The number of the lease that follows `lease`, in the term of this nonce. After a million leases of one job the
    counts begin anew."""
    return nonce << COUNT_BITS | (lease + 1 & _COUNT_MAX)


def count_of(lease: int) -> int:
    """The number without its nonce: for people, and for their order within a job."""
    return lease & _COUNT_MAX
