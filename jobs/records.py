"""The data between core and ledger: what the dispatcher writes, and what the ledger returns.

Pure data. The core fills Records, and a ledger commits them in one transaction. A start reads Restored.
Where is a filter over jobs.
"""

from typing import Annotated

import msgspec

from jobs.job import TEXT_CHARACTERS_MAX, Row, Text


class KeyEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An Idempotency-Key as stored: `key` is an HMAC (32 bytes), `fingerprint` a digest of the content."""

    key: bytes
    job: str
    fingerprint: bytes
    at: float


class GrantEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How often a grant was used. It is kept until the grant expires (wall time)."""

    grant: str
    used: int
    expires_at: float


class SweepEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Blob `names` of a purged job, to be deleted by a worker; `job` names the entry."""

    job: str
    names: tuple[str, ...]


class QuarantineEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Content that killed a decoder twice: the `content` of the job (tenant, bytes and recipe), the decoder's `engine`,
    and the wall time."""

    content: bytes
    engine: str
    at: float


PURGED = "purged"
"""Stands for a state: the job had ended and was removed."""


class PurgedEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The remains of a purged job: its id, and the wall time of the purge."""

    job: str
    at: float


class TenantEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many jobs of a tenant are in each state; a state that is absent has none."""

    tenant: str
    counts: dict[str, int]


class Where(msgspec.Struct, frozen=True, array_like=True):
    """A filter over jobs; None matches all. `tenant` None means every tenant (operate)."""

    tenant: Text | None = None
    state: Text | None = None
    code: Text | None = None
    reference: Text | None = None
    preset: Text | None = None


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages of one turn ask the ledger for: `ids` that are to be new, those of them that may be `repeated`
    after a purge, Idempotency-Keys, grants, the jobs of `commands`, and those whose files were `scanned` over. Of the
    commands' rows only so many are read as `room` bytes of specs and outcomes hold, and the one that passes it."""

    ids: list[str] = []
    repeated: list[str] = []
    keys: list[bytes] = []
    grants: list[str] = []
    commands: list[str] = []
    scanned: list[str] = []
    room: int = 1 << 20


class LookedUp(msgspec.Struct, kw_only=True):
    """What the ledger has of it. `existing`: of the ids, and those of the repeated ones that were purged. `commands`:
    the rows of the first `reached` commands. `scanned`: rows in the order asked."""

    existing: set[str]
    keys: dict[bytes, KeyEntry]
    grants: dict[str, GrantEntry]
    commands: dict[str, Row]
    reached: int
    scanned: list[Row]


LANE_CHARACTERS_MAX = TEXT_CHARACTERS_MAX + 2
LaneName = Annotated[str, msgspec.Meta(max_length=LANE_CHARACTERS_MAX)]
"""A size class, a dot and a tenant."""


class Lane(msgspec.Struct, frozen=True, array_like=True):
    """One lane: jobs of one priority, tenant and size class, served in order of position."""

    priority: int
    name: LaneName


class Meta(msgspec.Struct, array_like=True):
    """The ledger's own rows: the last change number, counts per state, whether dispatch is paused."""

    change: int = 0
    epoch: int = 0
    paused: bool = False
    counts: dict[str, int] = {}


class Records(msgspec.Struct):
    """All that one turn writes. Empty records are not committed.

    `jobs` are whole rows. A row is inserted, or replaces the row of its seq (spec, content and the
    accepted_* columns never change). `removed` are the seqs of purged jobs, `purged` their remains.
    `meta` is None if it did not change.
    """

    jobs: list[Row] = []
    keys: list[KeyEntry] = []
    grants: list[GrantEntry] = []
    removed: list[int] = []
    purged: list[PurgedEntry] = []
    sweeps: list[SweepEntry] = []
    swept: list[str] = []
    quarantined: list[QuarantineEntry] = []
    released: list[bytes] = []
    tenants: list[TenantEntry] = []
    meta: Meta | None = None

    def __bool__(self) -> bool:
        return bool(
            self.jobs
            or self.keys
            or self.grants
            or self.removed
            or self.purged
            or self.sweeps
            or self.swept
            or self.quarantined
            or self.released
            or self.tenants
            or self.meta is not None
        )


class Restored(msgspec.Struct):
    """What a starting broker reads: meta, the rows in flight, the lanes that hold queued jobs, the tenants."""

    meta: Meta
    running: list[Row]
    delayed: list[Row]
    lanes: list[Lane]
    sweeps: list[SweepEntry]
    quarantine: list[QuarantineEntry]
    tenants: list[TenantEntry]
