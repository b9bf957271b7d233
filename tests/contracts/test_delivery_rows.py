"""What every ledger promises about deliveries: one suite, the databases and the fake."""

from typing import Any

import pytest

from jobs.deliveries import DeliveryRow, DeliveryWhere, DueRefill, Endpoint, delivery_id, update_of
from jobs.errors import LedgerFailed
from jobs.records import Records
from stores.ledger import Ledger, LedgerReader
from tests.contracts.conftest import Home
from tests.contracts.rows import job_id

LANE = "hooks.example a"


def delivery(seq: int, **changed: Any) -> DeliveryRow:
    """A waiting delivery with every member that `changed` does not name at a plain value."""
    values: dict[str, Any] = {
        "seq": seq, "id": delivery_id(seq, 7), "tenant": "a", "job": job_id(seq), "batch": None, "lane": LANE,
        "url": "https://hooks.example/x", "type": "job.done", "body": b"{}", "change": seq, "created_at": 100.0 + seq,
        "due_at": 100.0 + seq,
    }  # fmt: skip
    return DeliveryRow(**{**values, **changed})


def delivered(row: DeliveryRow) -> DeliveryRow:
    """The same after its one attempt."""
    return row._replace(
        attempts=1, tries=1, due_at=None, state="delivered", status=204, error="", answer="thanks", ended_at=200.0
    )


def due(ledger: Ledger, after: tuple[float, int] = (0.0, 0), limit: int = 10, lane: str = LANE) -> list[int]:
    return [seq for _, seq in ledger.due([DueRefill(lane, *after, limit)])[0]]


def test_a_delivery_comes_back_as_it_was_written(ledger: Ledger, reader: LedgerReader) -> None:
    rows = [delivery(1), delivery(2, job=None, batch="b", tenant="", due_at=None, state="failed", ended_at=3.0, kept=0)]
    rows.append(delivery(3, trace=f"00-{'a' * 32}-{'b' * 16}-01 vendor=1"))
    ledger.commit(Records(deliveries=rows))
    assert ledger.deliveries_at([2, 9, 1, 3]) == [rows[1], rows[0], rows[2]]
    assert reader.delivery(rows[0].id) == rows[0]
    assert reader.delivery(delivery_id(1, 8)) is None
    assert reader.delivery("no id") is None
    assert ledger.deliveries_at([]) == []


def test_what_is_due_is_read_by_lane_in_order(home: Home, ledger: Ledger) -> None:
    ledger.commit(
        Records(
            deliveries=[
                delivery(1, due_at=30.0), delivery(2, due_at=10.0), delivery(3, due_at=10.0), delivery(4, due_at=None),
                delivery(5, lane="other a", due_at=5.0),
            ]
        )
    )  # fmt: skip
    assert due(ledger) == [2, 3, 1]
    assert due(ledger, limit=2) == [2, 3]
    assert due(ledger, after=(10.0, 2)) == [3, 1]
    assert due(ledger, lane="none") == []
    both = ledger.due([DueRefill("other a", 0.0, 0, 9), DueRefill(LANE, 10.0, 3, 9)])
    assert both == [[(5.0, 5)], [(30.0, 1)]]
    restored = home.restart().restore()
    assert restored.due_lanes == [LANE, "other a"]
    assert (restored.last_delivery, restored.deliveries_waiting) == (5, 4)


def test_an_attempt_changes_a_row_and_takes_it_out_of_its_lane(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(deliveries=[delivery(1), delivery(2)]))
    again = delivery(2)._replace(attempts=1, tries=1, due_at=500.0, status=503, error="e")
    ledger.commit(Records(attempted=[update_of(delivered(delivery(1))), update_of(again)]))
    assert ledger.deliveries_at([1, 2]) == [delivered(delivery(1)), again]
    assert due(ledger) == [2]
    ledger.commit(Records(attempted=[update_of(delivered(delivery(9)))]))  # it was removed meanwhile
    assert [row.seq for row in reader.delivery_page(DeliveryWhere(), None, 9, 99)[0]] == [2, 1]


def test_deliveries_of_a_purged_job_go_when_they_wait_no_more(ledger: Ledger) -> None:
    job = job_id(1)
    rows = [delivery(1), delivered(delivery(2, job=job)), delivery(3), delivery(4, job=None)]
    ledger.commit(Records(deliveries=rows))
    ledger.commit(Records(removed=[77], untold=[job]))
    assert [row.seq for row in ledger.deliveries_at([1, 2, 3, 4])] == [1, 3, 4]
    waiting = delivery(1)._replace(attempts=1, tries=1, due_at=500.0)
    ledger.commit(Records(attempted=[update_of(waiting)]))
    assert [row.seq for row in ledger.deliveries_at([1, 3])] == [1, 3]
    ledger.commit(Records(attempted=[update_of(delivered(waiting)), update_of(delivered(rows[2]))]))
    assert [row.seq for row in ledger.deliveries_at([1, 3])] == [3]


def test_old_deliveries_are_forgotten_and_waiting_ones_are_not(ledger: Ledger) -> None:
    ledger.commit(
        Records(deliveries=[delivered(delivery(1)), delivery(2), delivered(delivery(3))._replace(ended_at=300.0)])
    )
    ledger.forget_deliveries(300.0)
    assert [row.seq for row in ledger.deliveries_at([1, 2, 3])] == [2, 3]


def test_endpoints_are_kept_until_they_recover(home: Home, ledger: Ledger) -> None:
    ledger.commit(Records(endpoints=[Endpoint("b x", 2.0), Endpoint("a x", 1.0, 5.0)]))
    ledger.commit(Records(endpoints=[Endpoint("b x", 2.0, 7.0)]))
    ledger = home.restart()
    assert ledger.restore().endpoints == [Endpoint("a x", 1.0, 5.0), Endpoint("b x", 2.0, 7.0)]
    ledger.commit(Records(recovered=["a x", "none"]))
    assert home.restart().restore().endpoints == [Endpoint("b x", 2.0, 7.0)]


def test_a_second_delivery_of_one_seq_is_refused_with_all_of_its_turn(home: Home, ledger: Ledger) -> None:
    ledger.commit(Records(deliveries=[delivery(1)]))
    with pytest.raises(LedgerFailed):
        ledger.commit(Records(deliveries=[delivery(2), delivery(1)]))
    ledger = home.restart()
    ledger.restore()
    assert [row.seq for row in ledger.deliveries_at([1, 2])] == [1]


WHERES = [
    (DeliveryWhere(), [6, 5, 4, 3, 2, 1]),
    (DeliveryWhere(tenant="a"), [6, 4, 2, 1]),
    (DeliveryWhere(tenant="a", state="delivered"), [4]),
    (DeliveryWhere(type="job.failed"), [3]),
    (DeliveryWhere(job=job_id(2)), [5, 2]),
    (DeliveryWhere(tenant="a", job=job_id(2)), [2]),
    (DeliveryWhere(since=105.0), [6, 5]),
    (DeliveryWhere(tenant="c"), []),
]


@pytest.fixture
def listed(ledger: Ledger) -> Ledger:
    ledger.commit(
        Records(
            deliveries=[
                delivery(1), delivery(2), delivery(3, tenant="b", type="job.failed"), delivered(delivery(4)),
                delivery(5, tenant="b", job=job_id(2)), delivery(6, job=None),
            ]
        )
    )  # fmt: skip
    return ledger


@pytest.mark.parametrize(("where", "seqs"), WHERES)
def test_lists_are_filtered_paged_and_counted(
    listed: Ledger, reader: LedgerReader, where: DeliveryWhere, seqs: list[int]
) -> None:
    for limit, scan_max in ((9, 99), (2, 99), (9, 2), (1, 1)):
        found: list[int] = []
        before: int | None = None
        for _ in range(20):
            rows, before = reader.delivery_page(where, before, limit, scan_max)
            found += [row.seq for row in rows]
            assert len(rows) <= limit
            if before is None:
                break
        assert (found, before) == (seqs, None)
        count, start = 0, None
        for _ in range(20):
            more, start = reader.delivery_count(where, start, scan_max)
            count += more
            if start is None:
                break
        assert (count, start) == (len(seqs), None)
    oldest: list[int] = []
    after: int | None = 0
    while after is not None:
        rows, after = listed.matching_deliveries(where, after, 2, 3)
        oldest += [row.seq for row in rows]
    assert oldest == seqs[::-1]


def test_the_newest_deliveries_of_a_job_come_in_order(ledger: Ledger, reader: LedgerReader) -> None:
    ledger.commit(Records(deliveries=[delivery(seq, job=job_id(1)) for seq in range(1, 131)]))
    assert [row.seq for row in reader.deliveries_of(job_id(1))] == list(range(31, 131))
    assert reader.deliveries_of(job_id(2)) == []
