"""stores/ledger/postgres/records.py: the statements of a turn, their order, and no row twice in one of them."""

from jobs.records import (
    GrantEntry,
    KeyEntry,
    Meta,
    PurgedEntry,
    QuarantineEntry,
    Records,
    SweepEntry,
    TenantEntry,
)
from stores.ledger.postgres.records import writes
from tests.contracts.rows import ended, row


def names(records: Records, last_seq: int = 0) -> list[str]:
    return [each.statement.name for each in writes(records, last_seq)]


def test_only_what_is_written_has_a_statement() -> None:
    assert names(Records()) == []
    assert names(Records(jobs=[row(1), ended(2)], meta=Meta(change=5)), last_seq=1) == [
        "insert_jobs", "update_jobs", "put_meta",
    ]  # fmt: skip


def test_all_kinds_come_in_the_order_of_the_contract() -> None:
    records = Records(
        removed=[1], purged=[PurgedEntry("j", 1.0)], keys=[KeyEntry(b"k", "j", b"f", 1.0)],
        grants=[GrantEntry("g", 1, 2.0)], swept=["j"], sweeps=[SweepEntry("j", ("n",))],
        quarantined=[QuarantineEntry(b"c", "e", 1.0)], released=[b"c"], tenants=[TenantEntry("t", {"done": 1})],
    )  # fmt: skip
    assert names(records) == [
        "remove_jobs", "put_purged", "put_keys", "put_grants", "remove_sweeps", "put_sweeps", "put_quarantine",
        "remove_quarantine", "put_tenants",
    ]  # fmt: skip


def test_the_last_entry_of_a_row_counts() -> None:
    """PostgreSQL refuses a statement that writes a row twice."""
    first, second = KeyEntry(b"k", "j1", b"f", 1.0), KeyEntry(b"k", "j2", b"g", 2.0)
    records = Records(keys=[first, second], tenants=[TenantEntry("t", {"done": 1}), TenantEntry("t", {"dead": 2})])
    columns = [[[*column] for column in each.values] for each in writes(records, 0)]
    assert columns == [[[b"k"], ["j2"], [b"g"], [2.0]], [["t"], [0], [0], [0], [0], [0], [2], [0]]]


def test_an_update_sends_what_may_change_and_how_many_rows() -> None:
    (update,) = writes(Records(jobs=[ended(3)]), last_seq=3)
    assert update.statement.name == "update_jobs"
    values = [*update.values]
    assert (values[0], values[-1]) == ((3,), 1)
