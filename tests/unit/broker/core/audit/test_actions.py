"""Each command that was carried out leaves one action, in the transaction of its change."""

import json

import msgspec
import pytest

from broker.core.audit.actions import TRIM_SECONDS, filter_of
from broker.core.books.events import ClockRead
from broker.core.retention import STEP_SECONDS, TRUST_SECONDS
from jobs import wire
from jobs.deliveries import DeliveryWhere, update_of
from jobs.errors import LedgerFailed
from jobs.records import ActionEntry, Records, Where
from tests.properties.harness import BULK_ROWS, OFFSET, DispatcherHarness, new_job, ready, told_job

BEAT_SECONDS = 1.5
"""After this time the next beat is due."""


def by(number: int) -> wire.Action:
    return wire.Action(f"action-{number}", f"key{number}")


def written(harness: DispatcherHarness) -> list[tuple[str, str, str, int]]:
    """Who, verb, filter and count of each action in the ledger, the oldest first."""
    found = harness.ledger.actions(None, 1000)[::-1]
    return [(entry.who, entry.verb, entry.filter, entry.count) for entry in found]


def waiting(*jobs: str) -> DispatcherHarness:
    """These jobs wait, and the first beat is over."""
    harness = DispatcherHarness()
    harness.submit(*map(new_job, jobs))
    harness.turn(tick=True)
    return harness


def test_a_command_on_one_job_is_told_in_the_transaction_of_its_change() -> None:
    harness = waiting("1")
    harness.order(wire.Cancel("w", "c", "1", action=by(1)))
    harness.turn()
    records = harness.last[0].records
    assert [row.state for row in records.jobs] == ["cancelled"]
    (entry,) = records.actions.values()
    assert entry == ActionEntry("action-1", "key1", "cancel", '{"job":"1"}', 1, entry.at)
    assert OFFSET < entry.at < OFFSET + 1
    harness.order(wire.Requeue("w", "r", "1", change=harness.row("1").change, action=by(2)))
    harness.turn()
    harness.order(wire.Cancel("w", "d", "1"))
    harness.turn()
    harness.order(wire.Purge("w", "p", "1", action=by(3)))
    harness.turn()
    assert harness.ledger.job("1") is None
    assert [(verb, count) for _, verb, _, count in written(harness)] == [("cancel", 1), ("requeue", 1), ("purge", 1)]


def test_what_is_refused_is_not_told() -> None:
    harness = waiting("1")
    harness.order(wire.Cancel("w", "c", "none", action=by(1)))
    harness.order(wire.Purge("w", "p", "1", action=by(2)))
    harness.order(wire.Requeue("w", "r", "1", action=by(3)))
    harness.order(wire.DrainWorker("w", "d", "none", by(4)))
    harness.order(wire.Replay("w", "y", "d1-0000000", action=by(5)))
    harness.turn()
    assert written(harness) == []


def test_a_batch_that_is_closed_is_told_once() -> None:
    harness = waiting("1")
    harness.order(wire.CloseBatch("w", "c", "none", action=by(1)))
    harness.order(wire.OpenBatch("w", "o", "b", "t"))
    harness.turn()
    assert written(harness) == []
    harness.order(wire.CloseBatch("w", "c", "b", action=by(2)))
    harness.turn()
    harness.order(wire.CloseBatch("w", "c", "b", action=by(2)))
    harness.order(wire.CloseBatch("w", "c", "b"))
    harness.turn()
    assert written(harness) == [("key2", "close", '{"batch":"b"}', 1)]


def test_a_command_without_a_name_is_carried_out_untold() -> None:
    harness = waiting("1")
    harness.order(wire.Cancel("w", "c", "1"))
    harness.order(wire.Pause("w", "p"))
    harness.turn()
    assert (harness.row("1").state, harness.ledger.meta.paused, written(harness)) == ("cancelled", True, [])


@pytest.mark.parametrize("between", [True, False])
def test_a_repeat_adds_no_action_and_counts_nothing_twice(between: bool) -> None:
    harness = waiting("1")
    harness.order(wire.Cancel("w", "c", "1", action=by(1)))
    if between:
        harness.turn()
    harness.order(wire.Cancel("w", "c", "1", action=by(1)))
    harness.turn()
    assert written(harness) == [("key1", "cancel", '{"job":"1"}', 1)]


def test_the_steps_of_a_command_add_up_to_one_action() -> None:
    jobs = [f"{number:02}" for number in range(3 * BULK_ROWS + 1)]
    harness = waiting(*jobs)
    where = Where(tenant="t", accepted_after=OFFSET - 1)
    harness.order(wire.Cancel("w", "c", None, where, action=by(1)))
    harness.turn()
    ((who, verb, told, count),) = written(harness)
    assert (who, verb, count) == ("key1", "cancel", len(jobs))
    assert json.loads(told) == {"tenant": "t", "accepted_after": OFFSET - 1}


def test_two_commands_in_one_turn_are_two_actions() -> None:
    harness = waiting("1", "2", "3", "4", "5")
    for number in (1, 2):
        harness.step(wire.Cancel("w", "c", None, Where(), action=by(number)), 0)
    harness.turn()
    assert [count for *_, count in written(harness)] == [BULK_ROWS, 0]


def test_a_later_step_that_changes_nothing_writes_nothing() -> None:
    harness = waiting("1", "2", "3", "4")
    harness.order(wire.Cancel("w", "c", None, Where()))
    harness.turn()
    command = wire.Cancel("w", "d", None, Where(), action=by(1))
    harness.step(command, 0)
    assert harness.turn().committed
    harness.step(msgspec.structs.replace(command, after=3), 3)
    assert not harness.turn().committed
    assert written(harness) == [("key1", "cancel", "{}", 0)]


def test_a_lost_commit_loses_the_action_with_its_change() -> None:
    harness = waiting("1")
    for kept in (False, True):
        harness.ledger.fail_next_commit(kept=kept)
        harness.order(wire.Cancel("w", "c", "1", action=by(1)))
        with pytest.raises(LedgerFailed):
            harness.turn()
        assert len(written(harness)) == int(harness.row("1").state == "cancelled") == int(kept)
        harness.start()
    harness.order(wire.Cancel("w", "c", "1", action=by(1)))
    harness.turn()
    assert written(harness) == [("key1", "cancel", '{"job":"1"}', 1)]


def test_orders_about_the_queue_and_a_worker_are_told() -> None:
    harness = DispatcherHarness()
    harness.receive(b"a", ready("a"))
    harness.order(wire.Pause("w", "1", by(1)))
    harness.order(wire.Pause("w", "2", by(2)))
    harness.order(wire.Resume("w", "3", by(3)))
    harness.order(wire.DrainWorker("w", "4", "a", by(4)))
    harness.order(wire.DrainWorker("w", "5", "a", by(5)))
    harness.turn()
    assert written(harness) == [
        ("key1", "pause", "{}", 1), ("key2", "pause", "{}", 0), ("key3", "resume", "{}", 1),
        ("key4", "drain", '{"worker":"a"}', 1), ("key5", "drain", '{"worker":"a"}', 0),
    ]  # fmt: skip


def test_pauses_of_a_tenant_are_told_with_its_name() -> None:
    harness = DispatcherHarness()
    harness.order(wire.Pause("w", "1", by(1), "acme"))
    harness.order(wire.Pause("w", "2", by(2), "acme"))
    harness.order(wire.Resume("w", "3", by(3), "acme"))
    harness.turn()
    assert written(harness) == [
        ("key1", "pause", '{"tenant":"acme"}', 1),
        ("key2", "pause", '{"tenant":"acme"}', 0),
        ("key3", "resume", '{"tenant":"acme"}', 1),
    ]


def test_replays_are_told() -> None:
    harness = DispatcherHarness()
    harness.submit(told_job("1"), urls=("https://h/",))
    harness.turn()
    harness.order(wire.Cancel("w", "c", "1"))
    harness.turn()
    (row,) = harness.told()
    harness.ledger.commit(Records(attempted=[update_of(row._replace(due_at=None, state="failed", ended_at=1.0))]))
    harness.start()
    harness.order(wire.Replay("w", "r", row.id, action=by(1)))
    harness.turn()
    harness.order(wire.Replay("w", "s", None, DeliveryWhere(state="failed"), action=by(2)))
    harness.turn()
    assert written(harness) == [
        ("key1", "replay", f'{{"delivery":"{row.id}"}}', 1), ("key2", "replay", '{"state":"failed"}', 0),
    ]  # fmt: skip


def test_a_filter_that_names_nothing_is_empty() -> None:
    assert filter_of(wire.Purge("w", "r", None, None)) == "{}"
    assert filter_of(wire.Requeue("w", "r", None, Where())) == "{}"


def looks(harness: DispatcherHarness, seconds: float) -> list[float]:
    """What the next turn, so much later, forgets: all before these times."""
    harness.now += seconds
    harness.turn(tick=True)
    return [effects.forget_actions for effects in harness.last if effects.forget_actions is not None]


def test_old_actions_go_after_a_command_and_each_hour() -> None:
    harness = DispatcherHarness()
    assert looks(harness, BEAT_SECONDS) == [0.0]
    assert looks(harness, BEAT_SECONDS) == []
    harness.order(wire.Pause("w", "p", by(1)))
    assert looks(harness, BEAT_SECONDS) == [0.0]
    assert looks(harness, BEAT_SECONDS) == []
    assert looks(harness, TRIM_SECONDS) == [0.0]


def test_with_a_retention_old_actions_go_by_age_while_the_clock_is_trusted() -> None:
    harness = DispatcherHarness(retention_seconds=100.0)
    harness.order(wire.Pause("w", "p", by(1)))
    harness.turn()
    assert looks(harness, BEAT_SECONDS) == [OFFSET + harness.now - 100.0]
    assert len(written(harness)) == 1
    harness.dispatcher.handle(ClockRead(OFFSET + 2 * STEP_SECONDS), harness.now)
    harness.order(wire.Resume("w", "r", by(2)))
    assert looks(harness, BEAT_SECONDS) == [0.0]
    assert len(written(harness)) == 2
    looks(harness, TRUST_SECONDS + BEAT_SECONDS)
    assert written(harness) == []


def test_where_no_command_is_given_nothing_is_written() -> None:
    harness = waiting("1")
    assert [effects.records.actions for effects in harness.last] == [{}] * len(harness.last)
    assert not Records()
    assert Records(actions={"a": ActionEntry("a", "", "pause", "{}", 1, 1.0)})
