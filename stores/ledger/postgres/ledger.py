"""The one writer of the PostgreSQL ledger, for as long as it holds the term.

Owns when the term is renewed and what ends the writer. A turn costs two round trips: one for its look-ups, and one for
its commit, whose first statement is the fence. Each call has a deadline. Knows no message and no policy; the statements
are in queries.sql.
"""

import contextlib
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec

from jobs.deliveries import Due, DueRefill
from jobs.errors import LedgerFailed
from jobs.job import Row
from jobs.leases import NONCE_BITS
from jobs.records import (
    Aged,
    BatchCount,
    BatchEntry,
    Durability,
    GrantEntry,
    IntervalEntry,
    KeyEntry,
    Lane,
    LookedUp,
    LookUp,
    OpenPlace,
    QuarantineEntry,
    Records,
    Refill,
    Restored,
    SweepEntry,
    Where,
)
from stores.ledger import Entry
from stores.ledger.deliveries.reads import BrokerReads, endpoints_of
from stores.ledger.postgres.connection import Connection, ServerFault
from stores.ledger.postgres.durability import durability_of
from stores.ledger.postgres.records import writes
from stores.ledger.postgres.schema import SCHEMA, SCRIPT_SECONDS, later_scripts
from stores.ledger.postgres.statements import Asked, asked
from stores.ledger.postgres.term import BELIEF_SECONDS, MARGIN_SECONDS, TERM_SECONDS, Term
from stores.ledger.statements import ENTRIES, FORGET_MAX, joined, listed, meta_of, rows, tenant_of

DURABILITY_SECONDS = 10.0
"""Between two looks at the server's settings and its replicas."""
_DIVISION_BY_ZERO = "22012"
_ROW_AT = 2
"""Where the row of a job begins in an answer of `commands`: place and passed come before it."""


class PostgresLedger(BrokerReads):
    """The writer. After the first failure every call fails: the process must end, and its next start decides by the
    ledger what was committed."""

    schema = SCHEMA

    def __init__(self, connection: Connection, address: str, term: Term) -> None:
        self._connection, self._address, self._term = connection, address, term
        self._failure: LedgerFailed | None = None
        self._last_seq: int = self._read("last_seq")[0][0]
        self.history: str = self._read("history")[0][0]
        """Which life of which server this is: a promoted replica has another, and may lack commits."""
        self._durability = durability_of(*self._read("durability")[0])
        self._durability_at = time.monotonic()

    @property
    def believed_until(self) -> float:
        """As Ledger.believed_until."""
        return self._term.believed_until

    @property
    def durability(self) -> Durability:
        """As Ledger.durability, as the server said DURABILITY_SECONDS ago or later."""
        return self._durability

    def migrate(self, number: int) -> None:
        """Bring the schema up to date, which has `number`. Each script is a transaction; nobody takes the term
        meanwhile, if this process lives."""
        for statements in later_scripts(number):
            self._write([], SCRIPT_SECONDS)
            self._write(statements, SCRIPT_SECONDS)
            self._write([])

    def restore(self) -> Restored:
        """As Ledger.restore; the epoch was raised when the term was taken. Each read renews the term, because together
        they may take longer than one."""
        return Restored(
            meta=meta_of(self._restored("meta")[0]),
            running=rows(self._restored("running")),
            delayed=rows(self._restored("delayed")),
            lanes=[Lane(*lane) for lane in self._restored("lanes")],
            sweeps=[SweepEntry(job, tuple(msgspec.json.decode(names))) for job, names in self._restored("sweeps")],
            quarantine=[QuarantineEntry(*row) for row in self._restored("quarantine")],
            tenants=[tenant_of(row) for row in self._restored("tenants")],
            nonce=int.from_bytes(self._term.nonce) % (1 << NONCE_BITS),
            history=self.history,
            due_lanes=[lane for (lane,) in self._restored("due_lanes")],
            endpoints=endpoints_of(self._restored("endpoints")),
            last_delivery=self._restored("last_delivery")[0][0],
            deliveries_waiting=self._restored("deliveries_waiting")[0][0],
            paused=[tenant for (tenant,) in self._restored("paused")],
            open_batches=dict(self._restored("opened_by")),
            interval=next((IntervalEntry(*row) for row in self._restored("newest_interval")), None),
        )

    def commit(self, records: Records) -> None:
        """As Ledger.commit. The update of a missing row fails, as does anything else that the schema forbids."""
        self._write(writes(records, self._last_seq))
        self._last_seq = max([self._last_seq, *(row.seq for row in records.jobs)])

    def wal_bytes(self) -> int:
        """As Ledger.wal_bytes."""
        return 0

    def tidy(self, busy: bool = False) -> None:
        """As Ledger.tidy: renew the term if no commit has done so lately."""
        self._refuse_if_failed()
        now = time.monotonic()
        if now >= self._durability_at + DURABILITY_SECONDS:
            self._durability_at = now
            ((answer,),) = self._write([asked("durability")])  # which must see the setting as it is
            self._durability = durability_of(*answer)
        elif self._term.is_due(now):
            self._write_unsynced([])

    def look_up(self, wanted: LookUp) -> LookedUp:
        """As Ledger.look_up: in one round trip, with a statement for each kind that is asked for."""
        values: dict[str, list[Any]] = {
            "existing": [wanted.ids],
            "purged": [wanted.repeated],
            "keys": [wanted.keys],
            "grants": [wanted.grants],
            "commands": [wanted.commands, wanted.room],
            "jobs": [wanted.scanned],
            "joined_batches": [wanted.batches],
        }
        chosen = [name for name, of_name in values.items() if of_name[0]]
        answers = self._ask([asked(name, values[name]) for name in chosen]) if chosen else []
        found = defaultdict[str, list[tuple[Any, ...]]](list, zip(chosen, answers, strict=True))
        commands, reached = _commands(found["commands"], wanted)
        scanned = {row.id: row for row in rows(found["jobs"])}
        return LookedUp(
            existing={job for (job,) in (*found["existing"], *found["purged"])},
            keys={key: KeyEntry(key, *rest) for key, *rest in found["keys"]},
            grants={name: GrantEntry(name, *rest) for name, *rest in found["grants"]},
            commands=commands,
            reached=reached,
            scanned=[scanned[job] for job in wanted.scanned if job in scanned],
            batches=joined(found["joined_batches"]),
        )

    def entries(self, kind: type[Entry], after: str | bytes | int | None, limit: int) -> list[Entry]:
        """As MovableLedger.entries."""
        name, first = ENTRIES[kind]
        return [kind(*row) for row in self._read(name, [first if after is None else after, limit])]

    def raise_epoch(self, above: int) -> None:
        """As MovableLedger.raise_epoch. It is the epoch of the term, which goes on under the new number."""
        (((epoch,),),) = self._write([asked("raise_epoch_above", [above])])
        self._term = self._term._replace(epoch=epoch)

    def identity(self) -> str:
        """As Ledger.identity."""
        found: str = self._read("identity")[0][0]
        return found

    def put_identity(self, identity: str) -> None:
        """As MovableLedger.put_identity."""
        self._write([asked("put_identity", [identity])])

    def use(self) -> str:
        """Whether brokers may use the ledger: WHOLE, FILLING or MOVED (schema.py)."""
        found: str = self._read("schema")[0][1]
        return found

    def put_use(self, use: str) -> None:
        """Store whether brokers may use the ledger: WHOLE, FILLING or MOVED (schema.py)."""
        self._write([asked("put_use", [use])])

    def forget_keys(self, before: float) -> None:
        """As Ledger.forget_keys; one call drops the FORGET_MAX oldest at most."""
        self._write_unsynced([asked("forget_keys", [before, FORGET_MAX])])

    def forget_grants(self, before: float) -> None:
        """As Ledger.forget_grants; one call drops the FORGET_MAX oldest at most."""
        self._write_unsynced([asked("forget_grants", [before, FORGET_MAX])])

    def forget_purged(self, before: float) -> None:
        """As Ledger.forget_purged; one call drops the FORGET_MAX oldest at most."""
        self._write_unsynced([asked("forget_purged", [before, FORGET_MAX])])

    def forget_deliveries(self, before: float) -> None:
        """As Ledger.forget_deliveries; one call drops the FORGET_MAX oldest at most."""
        self._write_unsynced([asked("forget_deliveries", [before, FORGET_MAX])])

    @staticmethod
    def _many(seqs: list[int]) -> Sequence[Any]:
        return [seqs]

    def due(self, refills: list[DueRefill]) -> list[list[Due]]:
        """As Ledger.due: in one round trip, with a statement for each lane."""
        values = (msgspec.structs.asdict(refill) for refill in refills)
        found = self._ask([asked("due", each) for each in values]) if refills else []
        return [[(due_at, seq) for due_at, seq in each] for each in found]

    def ended_before(self, before: float, limit: int) -> list[Row]:
        return rows(self._read("ended_before", [before, limit]))

    def ended_after(self, after: tuple[float, int], before: float, limit: int) -> list[Aged]:
        return [Aged(*found) for found in self._read("ended_after", [*after, before, limit])]

    def forget_batches(self, before: float) -> None:
        """As Ledger.forget_batches; one call drops the FORGET_MAX oldest at most."""
        self._write_unsynced([asked("forget_batches", [before, FORGET_MAX])])

    def forget_actions(self, before: float, keep: int) -> None:
        self._write_unsynced([asked("forget_actions", [before, keep])])

    def finished_batches(self, ids: list[str], at: float) -> list[BatchCount]:
        found = [BatchEntry(*row) for row in self._read("finished_batches", [ids, at])] if ids else []
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        if told := [entry.batch for entry in found if entry.hooks is not None]:
            for batch, state, number in self._read("batch_states", [told]):
                counts[batch][state] = number
        return [BatchCount(entry, counts[entry.batch]) for entry in found]

    def open_batches(self, after: OpenPlace, limit: int) -> list[OpenPlace]:
        return [(until, batch) for until, batch in self._read("open_batches", [*after, limit])]

    def unended_batches(self, after: str, limit: int) -> list[str]:
        return [batch for (batch,) in self._read("unended_batches", [after, limit])]

    def expiring(self, limit: int) -> list[Row]:
        return rows(self._read("expiring", [limit]))

    def queued(self, refills: list[Refill]) -> list[list[Row]]:
        """As Ledger.queued: in one round trip, with a statement for each lane."""
        values = ([refill.lane.priority, refill.lane.name, refill.after, refill.limit] for refill in refills)
        return [rows(found) for found in self._ask([asked("queued", each) for each in values])] if refills else []

    def matching(self, where: Where, after_seq: int, limit: int, scan_max: int) -> tuple[list[Row], int | None]:
        return listed(self._read, where, "oldest", after_seq, limit, scan_max)

    def close(self) -> None:
        """Give the term back, so that the next broker need not wait, and close the connection."""
        if self._failure is None:
            with contextlib.suppress(LedgerFailed):  # then it ends by itself
                self._ask([self._renewal(seconds=0.0)])
        self._connection.close()

    def _restored(self, name: str) -> list[tuple[Any, ...]]:
        (found,) = self._write_unsynced([asked(name)])
        return found

    def _read(self, name: str, values: Any = ()) -> list[tuple[Any, ...]]:
        (found,) = self._ask([asked(name, values)])
        return found

    def _write(self, statements: Sequence[Asked], seconds: float = TERM_SECONDS) -> list[list[tuple[Any, ...]]]:
        """Carry out a transaction behind the fence, and believe in the term from the moment before it was sent. The
        term is renewed for `seconds`."""
        sent_at = time.monotonic()
        _, *found = self._ask([self._renewal(seconds), *statements], seconds - MARGIN_SECONDS)
        self._term = self._term.renewed(sent_at)
        return found

    def _write_unsynced(self, statements: Sequence[Asked]) -> list[list[tuple[Any, ...]]]:
        """The same, for what a crash of the server may lose: nothing waits for its disk. After a crash the connection
        is lost, too, and the next start renews all."""
        _, *found = self._write([asked("sync_nothing"), *statements])
        return found

    def _renewal(self, seconds: float) -> Asked:
        return asked("renew", [seconds, self._term.epoch, self._term.nonce, self._term.turn])

    def _ask(self, statements: Sequence[Asked], seconds: float = BELIEF_SECONDS) -> list[list[tuple[Any, ...]]]:
        """One round trip. An answer that comes after BELIEF_SECONDS is worth nothing, so nobody waits for it longer."""
        self._refuse_if_failed()
        try:
            return self._connection.run(statements, time.monotonic() + seconds)
        except ServerFault as fault:
            self._failure = LedgerFailed(f"the ledger {self._address} failed ({_why(fault, statements)})")
            self._connection.close()
            raise self._failure from fault

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure


def _why(fault: ServerFault, statements: Sequence[Asked]) -> str:
    """What the server's refusal means."""
    if fault.code == _DIVISION_BY_ZERO:
        if statements[fault.place].statement.name == "renew":
            return "the term is lost: another broker took it, or the server lost commits"
        return "updated jobs have no row"
    return f"{fault.detail}, {fault.code}" if fault.code else fault.detail


def _commands(found: list[tuple[Any, ...]], wanted: LookUp) -> tuple[dict[str, Row], int]:
    """The rows of the first commands, until their bytes pass the room; and how many of the commands were reached."""
    commands: dict[str, Row] = {}
    for answer in found:
        row = Row._make(answer[_ROW_AT:])
        commands[row.id] = row
        if answer[1] >= wanted.room:
            return commands, answer[0]
    return commands, len(wanted.commands)
