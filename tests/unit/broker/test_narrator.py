"""The lines of the broker's turns: what became of jobs, at a bounded pace."""

import logging
from typing import Any

import pytest

from broker.core.books.events import Effects, LostLease
from broker.narrator import LINES_PER_SECOND, Narrator
from jobs.records import Records
from jobs.wire import Assign, Assignment, Change, Changes


def effects(*changes: Change, assigned: int = 0) -> Effects:
    jobs = [Assignment(f"a{number}", 1, 1.0, 1, False, b"") for number in range(assigned)]
    told = Changes(1, 0, len(changes), list(changes)) if changes else None
    return Effects(Records(), {}, [(b"peer", Assign(jobs))] if jobs else [], told, None, [])


def change(state: str, **members: Any) -> Change:
    return Change(1, "j", "acme", state, 1, **members)


class Lines:
    """A narrator, and what it said."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.narrator = Narrator(logging.getLogger("test_narrator"))
        caplog.set_level("INFO")

    def of(self, told: Effects, now: float = 0.0) -> list[dict[str, Any]]:
        self._caplog.clear()
        self.narrator.log(told, lambda peer: peer.decode(), now, 0.0)
        names = ("job", "state", "code", "detail", "attempts", "seconds", "worker", "lease", "why", "repeated")
        return [
            {"event": record.message} | {name: vars(record)[name] for name in names if name in vars(record)}
            for record in self._caplog.records
        ]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return Lines(caplog)


def test_an_end_is_told_with_its_code_and_detail(lines: Lines) -> None:
    assert lines.of(effects(change("failed", code="undecodable", detail="no image"))) == [
        {"event": "ended", "job": "j", "state": "failed", "code": "undecodable", "detail": "no image", "attempts": 1}
    ]
    assert lines.of(effects(change("done"))) == [{"event": "ended", "job": "j", "state": "done", "attempts": 1}]
    assert lines.of(effects(change("cancelled"), change("failed", removed=True))) == [
        {"event": "ended", "job": "j", "state": "cancelled", "attempts": 1}, {"event": "purged", "job": "j"}
    ]  # fmt: skip


def test_a_job_that_only_goes_on_is_no_line(lines: Lines) -> None:
    assert lines.of(effects(change("queued"), change("running"))) == []


def test_a_retry_is_told_with_its_reason(lines: Lines) -> None:
    (told,) = lines.of(effects(change("delayed", code="worker_lost")))
    assert told == {"event": "delayed", "job": "j", "code": "worker_lost", "attempts": 1, "seconds": None}


def test_few_assignments_are_told_each_and_the_rest_is_a_number(lines: Lines) -> None:
    told = lines.of(effects(assigned=LINES_PER_SECOND + 30), now=5.0)
    assert len(told) == LINES_PER_SECOND
    assert told[0] == {"event": "assigned", "job": "a0", "lease": 1, "worker": "peer"}
    assert lines.of(effects(), now=5.9) == []
    assert lines.of(effects(), now=6.0) == [{"event": "assigned", "repeated": 30}]


def test_many_ends_of_one_state_hide_none_of_another(lines: Lines) -> None:
    told = lines.of(effects(*[change("done")] * 100, change("dead", code="worker_lost")), now=0.0)
    assert [each["state"] for each in told] == ["done"] * LINES_PER_SECOND + ["dead"]
    assert lines.of(effects(), now=1.0) == [{"event": "ended", "state": "done", "repeated": 80}]


def lost(*leases: LostLease) -> Effects:
    return Effects(Records(), {}, [], None, None, [], lost=leases)


def test_a_lost_lease_is_told_once_with_its_worker_and_its_reason(lines: Lines) -> None:
    assert lines.of(lost(LostLease("j", 2, "w", 1, "its process died"))) == [
        {"event": "lost", "job": "j", "lease": 2, "worker": "w", "attempts": 1, "why": "its process died"}
    ]
    assert lines.of(effects()) == []


def test_many_leases_lost_for_one_reason_hide_none_of_another(lines: Lines) -> None:
    died = [LostLease(f"a{number}", 1, "w", 0, "its process died") for number in range(LINES_PER_SECOND + 5)]
    told = lines.of(lost(*died, LostLease("b", 1, "v", 0, "it left")), now=0.0)
    assert [each["job"] for each in told] == [each.job for each in died[:LINES_PER_SECOND]] + ["b"]
    assert lines.of(effects(), now=1.0) == [{"event": "lost", "why": "its process died", "repeated": 5}]


def test_lost_leases_are_told_where_only_warnings_are(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "test_narrator")
    (told,) = lines.of(lost(LostLease("j", 1, "w", 0, "it left")))
    assert told["job"] == "j"


def test_nothing_is_counted_where_nothing_is_logged(lines: Lines, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "test_narrator")
    assert lines.of(effects(*[change("done")] * 100), now=0.0) == []
    caplog.set_level("INFO", "test_narrator")
    assert lines.of(effects(), now=1.0) == []
