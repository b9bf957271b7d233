"""What follows a try that did not end well: the table of outcomes in docs/architecture.md, as data and one pure
function.

Owns the policy. Knows no clock and no randomness: jitter is drawn from the job's id.
"""

import zlib

import msgspec

from jobs.job import Code, State

LOSSES_MAX = 20
"""A job that lost this many leases before a decoder began is `lost_too_often`."""
BACKOFF_SECONDS_FIRST = 0.5
BACKOFF_SECONDS_MAX = 60.0
IMMEDIATE_LOSSES = 2
"""The first losses of a decoder or worker, this many, are retried at once; later ones back off."""

FAULTS_OF_THE_INPUT = frozenset(
    {
        Code.UNDECODABLE,
        Code.PIXELS_OVER_LIMIT,
        Code.FRAMES_OVER_LIMIT,
        Code.OPERATION_FAILED,
        Code.SANDBOX_VIOLATION,
        Code.DEADLINE_EXCEEDED,
    }
)
"""These codes end the job `failed` at the first try: the same input would fail again."""


SOURCE_REFUSALS = FAULTS_OF_THE_INPUT | {Code.SOURCE_REFUSED, Code.UPLOAD_TOO_LARGE, Code.UNSUPPORTED_TYPE}
"""These codes end a job whose original is fetched `failed` at the first try."""
FETCH_TRIES_MAX = 5
FETCH_SECONDS_FIRST, FETCH_SECONDS_MAX = 5.0, 3600.0
"""To the second try of a fetch; each later wait is four times as long: 5 s, 20 s, 80 s, 320 s. A source may ask for
more, up to an hour."""


class Again(msgspec.Struct, frozen=True):
    """Try again after `delay_seconds` (0: at once, at the head of its lane). `alone`: in a fresh
    decoder, with no job prefetched behind it."""

    delay_seconds: float = 0.0
    alone: bool = False


class End(msgspec.Struct, frozen=True):
    """The job ends in `state` with `code`; `quarantine`: these bytes are not tried again."""

    state: State
    code: Code
    quarantine: bool = False


def backoff_seconds(job: str, nth: int) -> float:
    """The wait before the nth retry (from 1): doubling from 0.5 s to 60 s, with jitter of half.

    "Full" jitter down to half the step (AWS Architecture Blog, "Exponential Backoff and Jitter"),
    from a CRC of the job's id, so that a replay waits alike.
    """
    step = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_FIRST * 2.0 ** (nth - 1))
    share = zlib.crc32(f"{job}.{nth}".encode()) / 0xFFFFFFFF
    return step * (0.5 + share / 2)


def after_failure(
    code: Code, *, job: str, attempts: int, attempts_max: int, crashes: int, memory_tries: int
) -> Again | End:
    """The decision after a failed or lost try. The counters include this try."""
    if code in FAULTS_OF_THE_INPUT:
        return End(State.FAILED, code)
    if code is Code.ORIGINAL_MISSING:
        return End(State.DEAD, code)
    if code is Code.MEMORY_OVER_LIMIT:
        return Again(alone=True) if memory_tries < 2 else End(State.FAILED, code)
    if code is Code.DECODER_CRASHED:
        return Again(alone=True) if crashes < 2 else End(State.DEAD, code, quarantine=True)
    if attempts >= attempts_max:
        return End(State.DEAD, Code.ATTEMPTS_USED_UP)
    if code is Code.DECODER_LOST:
        late = attempts - IMMEDIATE_LOSSES
        return Again(backoff_seconds(job, late) if late > 0 else 0.0)
    return Again(backoff_seconds(job, max(1, attempts)))


def after_fetch(code: Code, *, job: str, tries: int, retry_after: float | None) -> Again | End:
    """The decision after a fetch that failed; `tries` includes it. `retry_after`: what the source asked for (seconds).
    The jitter is drawn from the job's id, as for `backoff_seconds`."""
    if code in SOURCE_REFUSALS:
        return End(State.FAILED, code)
    if tries >= FETCH_TRIES_MAX:
        return End(State.FAILED, Code.SOURCE_UNREACHABLE)
    share = zlib.crc32(f"{job}.fetch.{tries}".encode()) / 0xFFFFFFFF
    wait = FETCH_SECONDS_FIRST * 4.0 ** (tries - 1) * (0.75 + share / 4)
    return Again(min(FETCH_SECONDS_MAX, max(wait, retry_after or 0.0)))


def after_loss_unstarted(losses: int) -> Again | End:
    """The decision after a lease that was lost before a decoder began; `losses` includes this one."""
    return Again() if losses < LOSSES_MAX else End(State.DEAD, Code.LOST_TOO_OFTEN)
