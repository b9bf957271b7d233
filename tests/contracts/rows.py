"""Rows for the tests of stores."""

from typing import Any

from jobs.ids import mint
from jobs.job import Row
from jobs.records import LookUp
from stores.ledger import Ledger


def job_id(seq: int) -> str:
    """The id that `row(seq)` has."""
    return mint(1_800_000_000.0 + seq, seq.to_bytes(10, "big"))


def row(seq: int, **changed: Any) -> Row:
    """A queued row with every member that `changed` does not name at a plain value."""
    values: dict[str, Any] = {
        "seq": seq, "id": job_id(seq), "tenant": "default", "state": "queued", "priority": 1, "lane": "small",
        "position": seq, "lease": 0, "attempts": 0, "change": seq, "accepted_at": 1_800_000_000.5, "ended_at": None,
        "due_at": None, "started_at": None, "worker": None, "reference": None, "preset": "default", "batch": None,
        "code": None, "content": b"content", "spec": b"spec", "outcome": b"outcome",
    }  # fmt: skip
    return Row(**{**values, **changed})


def ended(seq: int, **changed: Any) -> Row:
    """A done row that differs from `row(seq)` in every member that may change."""
    values: dict[str, Any] = {
        "state": "done", "priority": 2, "lane": "large", "position": -seq, "lease": 3, "attempts": 2,
        "change": seq + 1000, "ended_at": 2.5, "due_at": 3.5, "started_at": 1.5, "worker": "w-1", "code": "c",
        "outcome": b"ended",
    }  # fmt: skip
    return row(seq, **{**values, **changed})


def row_of(ledger: Ledger, job: str) -> Row | None:
    """One job by id, as a command looks it up."""
    return ledger.look_up(LookUp(commands=[job])).commands.get(job)
