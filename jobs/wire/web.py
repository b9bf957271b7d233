"""Between web and broker: requests and their acknowledgements, changes, topics."""

from typing import Annotated

from msgspec import Meta

from jobs.deliveries import DeliveryWhere
from jobs.job import Count, FactBytes, Hooks, Rendition, Text
from jobs.limits import BATCH_JOBS_MAX, EXPIRES_IN_MAX
from jobs.records import Lane, Where
from jobs.wire.fields import Detail, Digest, Many, Message, Priority, Seconds, SpecBytes
from jobs.wire.stats import Beat

CHANGES_TOPIC = b"changes."
BEAT_TOPIC = b"beat."


SECRET_CHARACTERS = 16
"""Of a digest of key.secret: enough to tell two of them apart."""


def acks_topic(web: str) -> bytes:
    """The topic of one web process's acknowledgements. Topics match by prefix, so each ends in a dot. Its name on the
    wire is an older one (jobs/wire/codec.py)."""
    return b"receipts." + web.encode() + b"."


WHO_CHARACTERS = 8
"""Of a key's digest, in hex: enough to tell an installation's keys apart."""
Place = Annotated[int, Meta(ge=0, le=2**53)]
"""A job's place in the order of acceptance; 0 is before all jobs."""


# --- web -> broker (PUSH -> PULL) ---


class NewJob(Message, frozen=True):
    """One job of a Submit. `cost_ms` (CPU milliseconds, as explain estimates them) is 0 if it is unknown. `pixels` is
    for a broker of the release before, whose lanes went by it. `key` is the HMAC of an Idempotency-Key and
    `fingerprint` the digest of the request under it: both or neither. `fetch`: the original is still to be fetched,
    from the address in `spec`."""

    id: Text
    tenant: Text
    priority: Priority
    pixels: Count
    reference: Text | None
    preset: Text | None
    batch: Text | None
    content: Digest
    spec: SpecBytes
    key: Digest | None = None
    fingerprint: Digest | None = None
    cost_ms: Seconds = 0.0
    fetch: bool = False


class Use(Message, frozen=True):
    """The grant under which a POST comes: each of its jobs is one of `count` uses, until wall time `expires_at`."""

    grant: Text
    count: Count
    expires_at: Seconds


class Submit(Message, frozen=True):
    """All jobs of one POST, accepted whole or not at all. `at`: wall time of the POST. `secret` tells the key.secret of
    one web host from that of another, and nothing else. A job that is not begun `expires_in` seconds after it was
    accepted ends as `expired`. `hooks`: who is told of each job's end."""

    web: Text
    request: Text
    at: Seconds
    jobs: Annotated[list[NewJob], Meta(min_length=1, max_length=BATCH_JOBS_MAX)]
    grant: Use | None = None
    secret: Annotated[str, Meta(max_length=SECRET_CHARACTERS)] = ""
    expires_in: Annotated[float, Meta(ge=0, le=EXPIRES_IN_MAX)] | None = None
    hooks: Hooks | None = None


class SubmitForCouriers(Submit, frozen=True):
    """A Submit with `hooks`, or of jobs to `fetch`. Under this name a broker that knows no couriers drops it: it would
    accept the jobs, and never tell of them or fetch them."""


class SubmitToBatch(Submit, frozen=True):
    """A Submit whose jobs join one batch, which is open already: all of them name it."""


class OpenBatch(Message, frozen=True):
    """Make a batch that jobs may join until it is closed. `hooks`: who is told of its end."""

    web: Text
    request: Text
    batch: Text
    tenant: Text
    hooks: Hooks | None = None


class Action(Message, frozen=True):
    """A command as operators see it, all its steps and repeats together: they have the same `id`, a fresh one in the
    order of time. `who` are the first digits of the digest of the key that gave it; empty if there are no keys."""

    id: Text
    who: Annotated[str, Meta(max_length=WHO_CHARACTERS)] = ""


class CloseBatch(Message, frozen=True):
    """No more jobs join the batch: it ends with the last one that it has. `tenant`: whose it must be; None:
    anyone's."""

    web: Text
    request: Text
    batch: Text
    tenant: Text | None = None
    action: Action | None = None


class Cancel(Message, frozen=True):
    """Cancel one job by `id`, or one step of those that match `where` (`id` is then None). The step begins behind the
    place `after`; its Ack says where the next step begins. `action`: what operators are told of it,
    here and in the commands below (None, from a web process of the release before: nothing)."""

    web: Text
    request: Text
    id: Text | None = None
    where: Where | None = None
    after: Place = 0
    action: Action | None = None


class Requeue(Message, frozen=True):
    """Run a dead, failed or cancelled job once more; or a step of those that match, as Cancel. `change` is the one
    job's change number as web saw it: if it differs now, the job was requeued already and this is a repeat. `counted`:
    it counts for the tenant's rate."""

    web: Text
    request: Text
    id: Text | None = None
    where: Where | None = None
    change: int | None = None
    counted: bool = False
    after: Place = 0
    action: Action | None = None


class Purge(Message, frozen=True):
    """Remove an ended job and its files; or a step of those that match, as Cancel."""

    web: Text
    request: Text
    id: Text | None = None
    where: Where | None = None
    after: Place = 0
    action: Action | None = None


class Replay(Message, frozen=True):
    """Try a delivery again by `id`, or one step of those that match `where` (`id` is then None), as Cancel. `tenant`:
    whose it must be; None: anyone's."""

    web: Text
    request: Text
    id: Text | None = None
    where: DeliveryWhere | None = None
    after: Place = 0
    tenant: Text | None = None
    action: Action | None = None


class Pause(Message, frozen=True):
    """Stop dispatching, of all jobs or of one tenant's; survives restarts."""

    web: Text
    request: Text
    action: Action | None = None
    tenant: Text | None = None


class Resume(Message, frozen=True):
    """Dispatch again. The pause of all and those of tenants are separate."""

    web: Text
    request: Text
    action: Action | None = None
    tenant: Text | None = None


class DrainWorker(Message, frozen=True):
    """Let one worker finish what it holds and leave."""

    web: Text
    request: Text
    incarnation: Text
    action: Action | None = None


FromWeb = (
    Submit | SubmitForCouriers | SubmitToBatch | OpenBatch | CloseBatch | Cancel | Requeue | Purge | Pause | Resume
    | DrainWorker | Replay
)  # fmt: skip
# --- broker -> web (XPUB -> SUB) ---

COMMITTED, KNOWN, CONFLICT, REFUSED = "committed", "known", "conflict", "refused"


class Ack(Message, frozen=True):
    """The ledger's answer to one request: `committed` (new jobs that are all queued have the places `seq` and on, and
    were accepted at wall time `accepted_at`; else both are 0); `known` (the key's jobs are `ids`, in file
    order); `conflict` (the key was used for other content); `refused` with a `code` of API
    section 4. For a step of a command over many jobs, `matched` and `changed` count the jobs, and `following` is the
    `after` of the next step, None at the end. With the code `rate_limited`, `left` jobs are within the rate now, and
    this POST is within it after `retry_seconds`."""

    request: Text
    outcome: Text
    ids: Annotated[list[Text], Meta(max_length=BATCH_JOBS_MAX)] = []
    code: Text | None = None
    matched: int = 0
    changed: int = 0
    left: int = 0
    retry_seconds: Seconds = 0.0
    following: Place | None = None
    seq: Place = 0
    accepted_at: Seconds = 0.0


class Hello(Message, frozen=True):
    """The broker's answer to a web process's subscription: from `epoch` on web receives its acknowledgements. `began`
    and `history`: as in the Beat."""

    epoch: int
    began: int | None = None
    history: Text = ""


class Acks(Message, frozen=True):
    """All acknowledgements of one turn for one web process."""

    epoch: int
    acks: Annotated[list[Ack], Many]


BATCH_ENDED = "batch_ended"
"""Stands for a state in a Change: its `id` is a batch's, all of whose jobs have ended."""


class Change(Message, frozen=True):
    """One job changed: its newest state under change number `change`. `rendition` is set if the change is a rendition's
    publication, `facts` if those of the original were found. `code`, `detail` are the error's, else None. `removed`:
    purged. `lane` and `position` say where a job waits, or was assigned from, until a decoder begins it; else None and
    0. With the state BATCH_ENDED it is a batch's end."""

    change: int
    id: Text
    tenant: Text
    state: Text
    attempts: int
    code: Text | None = None
    detail: Detail | None = None
    rendition: Rendition | None = None
    removed: bool = False
    lane: Lane | None = None
    position: int = 0
    facts: FactBytes = b""


class Changes(Message, frozen=True):
    """All changes of one turn, in order; `last` is the newest number and `first` the number
    before the first change. A reader has a gap if its last number is below `first`."""

    epoch: int
    first: int
    last: int
    changes: Annotated[list[Change], Many]


ToWeb = Hello | Acks | Changes | Beat
