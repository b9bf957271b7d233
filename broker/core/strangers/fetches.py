"""Fetches: a job whose original is at an address is leased to a courier first, and then waits like any other job.

Owns which courier gets a fetch, and what follows from its answer. The retry policy is in jobs/retry.py. A fetch charges
no attempt: attempts count decoders.
"""

from collections import Counter
from itertools import chain, islice

import msgspec

from broker.core.books.model import DELAYED, RUNNING, Entry, Worker
from broker.core.books.state import Books
from broker.core.books.window import Window
from jobs.deliveries import host_of
from jobs.figures import cluster
from jobs.ids import original_name
from jobs.job import Code, EventKind, Fault, Original, Sourced, Spec, State, decode_spec, with_original
from jobs.lanes import lane_of, tenant_of
from jobs.leases import next_lease
from jobs.recipes.explain import cost_ms
from jobs.recipes.recipe import Recipe, content_of
from jobs.retry import End, after_fetch, after_loss_unstarted
from jobs.wire import ADDRESS_CHARACTERS_MAX, Failure, Fetch, Fetched, Source, SourceFetched

FETCHING, FETCHED, ERROR = EventKind.FETCHING.value, EventKind.FETCHED.value, EventKind.ERROR.value
DELAYED_MAX = 4096
"""Limit of delayed jobs, as for assignments (broker/core/matching.py)."""
FETCHES_SHARE = 2
"""One in so many slots of a courier may hold a fetch: the others are for deliveries."""
FETCHES_PER_HOST = 4
"""Fetches of one host that a courier holds, as many as it calls at once (courier/core/session.py): so a slow host holds
no slot that another one could use."""
JOBS_LOOKED, LANES_LOOKED = 64, 64
"""How far a turn looks past the jobs of hosts that are full."""
_decode_recipe = msgspec.json.Decoder(Recipe).decode


def match(books: Books, now: float) -> None:
    """Give waiting fetches to couriers, each to the one that holds fewest."""
    while books.counts[DELAYED] < DELAYED_MAX and not books.paused:
        able = [courier for courier in books.roster.couriers.values() if _has_room(courier)]
        if not able or (first := books.sources.turns.choose(True, None)) is None:
            return
        state = (
            books.sources.moves,
            books.sources.turns.frees,
            [(courier.peer, len(courier.leases)) for courier in able],
        )
        if state == books.stuck:
            return
        if (found := _find(books, first, able)) is None:
            books.stuck = state
            return
        window, entry, courier = found
        _assign(books, books.sources.take_past(window, entry), courier, now)


def _find(books: Books, first: Window, able: list[Worker]) -> tuple[Window, Entry, Worker] | None:
    """The next fetch whose host some courier calls less than it may, and that courier. It looks past the jobs of a host
    that is full, a little way, and then into other lanes, but those of tenants that are held."""
    held = books.sources.turns.held
    others = (window for window in books.sources.in_order() if window.tenant.name not in held)
    calls = [(courier, Counter(map(_host_of, courier.leases.values()))) for courier in able]
    for window in islice(chain([first], others), LANES_LOOKED):
        for entry in islice(window.jobs, JOBS_LOOKED):
            host = _host_of(entry)
            takers = [courier for courier, hosts in calls if hosts[host] < FETCHES_PER_HOST]
            if takers:
                return window, entry, min(takers, key=lambda courier: len(courier.leases))
    return None


def _host_of(entry: Entry) -> str:
    """The host, or the bucket, that the job's original is fetched from; "" if its address cannot be read."""
    if entry.host is None:
        spec = _spec_of(entry)
        entry.host = host_of(spec.source) if spec is not None and spec.source else ""
    return entry.host


def _has_room(courier: Worker) -> bool:
    return not courier.draining and len(courier.leases) < max(1, courier.slots // FETCHES_SHARE)


def _assign(books: Books, entry: Entry, courier: Worker, now: float) -> None:
    entry.seconds = 0.0  # a fetch costs no worker any time
    if entry.outcome.expires_at is not None and books.end_if_late(entry, now):
        return None
    books.move(entry, RUNNING)
    spec = _spec_of(entry)
    if spec is None or spec.source is None or len(spec.source) > ADDRESS_CHARACTERS_MAX:
        return books.end(
            entry, State.FAILED, now, Fault(Code.SOURCE_REFUSED.value, "it has no address that can be called")
        )
    entry.lease = next_lease(entry.lease, books.nonce)
    entry.worker = courier.incarnation
    books.roster.lease(courier, entry)
    books.log(entry, FETCHING, now)
    policy = books.policy
    source = Source(entry.id, entry.lease, spec.source, policy.fetch_seconds, policy.upload_bytes_max, spec.trace)
    return books.batch(courier.peer, Fetch, source)


def _spec_of(entry: Entry) -> Spec | None:
    try:
        return decode_spec(entry.spec)
    except msgspec.MsgspecError:
        return None


def fetched(books: Books, worker: Worker, message: Fetched, now: float) -> None:
    """Originals are here: their jobs wait for a decoder, each last in the lane of its size."""
    for landed in message.jobs:
        books.settle(worker.peer, landed.job, landed.lease)
        entry = _held(worker, landed.job, landed.lease)
        if entry is None:
            continue
        if entry.outcome.cancel_requested:
            books.cancel(entry, now)
        else:
            _arrive(books, entry, landed, now)


def _held(worker: Worker, job: str, lease: int) -> Entry | None:
    """The job, if this courier fetches it under this very lease."""
    entry = worker.leases.get(job)
    return entry if entry is not None and entry.lease == lease and entry.is_fetch else None


def _arrive(books: Books, entry: Entry, landed: SourceFetched, now: float) -> None:
    spec = _spec_of(entry)
    cost = None if spec is None else _cost_ms(spec, landed)
    if spec is None or cost is None:
        return books.end(entry, State.FAILED, now, Fault(Code.OPERATION_FAILED.value, "its recipe cannot be read"))
    original = Original(
        original_name(entry.id), landed.format, landed.width, landed.height, landed.bytes, landed.digest,
        landed.orientation,
    )  # fmt: skip
    entry.content = content_of(entry.tenant, landed.digest, spec.recipe)
    entry.outcome.sourced = Sourced(0, original, entry.content)
    entry.outcome.error = entry.code = None
    entry.spec = with_original(entry.spec, original)
    books.log(entry, FETCHED, now)
    books.figures.fetched(cluster.FETCHED)
    books.release(entry)
    entry.lane = lane_of(entry.lane.priority, tenant_of(entry.lane), cost)
    if books.quarantine.entries and books.quarantine.bars(entry.content, books.roster.engines):
        fault = Fault(Code.QUARANTINED.value, "these bytes with this recipe killed a decoder twice")
        return books.end(entry, State.FAILED, now, fault)
    books.move(entry, State.QUEUED)
    entry.position = books.change
    books.mind_deadline(entry)
    books.backlog.append(entry)
    if entry.tenant not in books.holds.stopped:
        books.reserve.came(entry.lane, now)
    return None


def _cost_ms(spec: Spec, landed: SourceFetched) -> float | None:
    try:
        return cost_ms(_decode_recipe(spec.recipe), landed.format, landed.width, landed.height, landed.orientation)
    except msgspec.MsgspecError:
        return None


def failed(books: Books, entry: Entry, failure: Failure, code: Code, now: float) -> None:
    """A fetch ended without its original."""
    books.log(entry, ERROR, now, f"{code.value}: {failure.detail}")
    outcome = entry.outcome
    if code is Code.STORE_ERROR:
        outcome.losses += 1
        verdict = after_loss_unstarted(outcome.losses)
    else:
        tries = outcome.sourced.tries + 1 if outcome.sourced else 1
        outcome.sourced = Sourced(tries)
        verdict = after_fetch(code, job=entry.id, tries=tries, retry_after=failure.retry_after)
        if not isinstance(verdict, End):
            outcome.error = Fault(code.value, failure.detail)
    if isinstance(verdict, End):
        books.figures.fetched(cluster.GIVEN_UP)
    else:
        books.figures.fetched(cluster.RETRIED)
        books.figures.retried(code.value)
    return books.follow(entry, verdict, now, failure.detail)
