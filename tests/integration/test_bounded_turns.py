"""What one turn of the broker's loop reads: bounded in frames, rows and bytes, and yet everyone is heard."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import Mock

import pytest
import zmq

from broker.core.books.events import Matched, Policy, Refilled
from broker.core.dispatcher import Dispatcher
from broker.flight.facts import Intake
from broker.lookups import BULK_ROWS, TURN_BYTES, Lookups, fit
from broker.loop import Loop
from broker.rounds import ROUND_SECONDS, Rounds
from broker.sockets import Sockets
from host.files.folders import endpoint
from host.sockets.addresses import Wires
from jobs import wire
from jobs.job import Outcome, encode
from jobs.records import Meta, Records
from stores.ledger.memory import MemoryLedger
from tests.contracts.rows import job_id, row
from tests.properties.harness import ready

LOG = logging.getLogger("broker")
ROWS = 3 * BULK_ROWS
LARGE = b"s" * (TURN_BYTES // 3)


class Stage:
    """A loop that turns when it is told to, on a ledger of queued jobs, and a socket to it."""

    def __init__(self, run: Path) -> None:
        self.ledger = MemoryLedger()
        self.loop = Loop(Dispatcher(Policy()), self.ledger, Mock(), Sockets(Wires(run), LOG), LOG)
        self.context: zmq.Context[Any] = zmq.Context()
        self.push = self.context.socket(zmq.PUSH)
        self.push.connect(endpoint(run, "jobs"))

    def begin(self, spec: bytes, count: int) -> None:
        """So many jobs wait in the ledger."""
        jobs = [row(seq, tenant="", lane="s.", spec=spec, outcome=encode(Outcome())) for seq in range(1, count + 1)]
        self.ledger.commit(Records(jobs=jobs, meta=Meta(count, 1, False, {"queued": count})))
        now = time.monotonic()
        self.loop._dispatcher.restore(self.ledger.restore(), now, time.time() - now)
        self.turn()

    def turn(self) -> int:
        """One turn; how many jobs are cancelled now."""
        self.loop._turn(time.monotonic(), {self.loop.sockets.pull})
        return sum(found.state == "cancelled" for found in self.ledger.rows.values())

    def close(self) -> None:
        self.context.destroy(0)
        self.loop.sockets.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    with TemporaryDirectory(prefix="pm-") as folder:
        made = Stage(Path(folder))
        yield made
        made.close()


def test_a_turn_does_one_step_of_one_command_over_many(stage: Stage) -> None:
    stage.begin(b"spec", ROWS)
    for number in range(3):
        stage.push.send(wire.encode(wire.Cancel("web", str(number), after=number * BULK_ROWS)))
    for number in range(3):
        assert stage.loop.sockets.pull.poll(5000)
        assert stage.turn() == (number + 1) * BULK_ROWS


def test_a_step_ends_at_so_many_bytes_and_the_next_goes_on_there(stage: Stage) -> None:
    stage.begin(LARGE, 7)
    after = 0
    steps: list[int] = []
    while len(steps) < 4 and (not steps or steps[-1] < 7):
        stage.push.send(wire.encode(wire.Cancel("web", "r", after=after)))
        assert stage.loop.sockets.pull.poll(5000)
        steps.append(stage.turn())
        after = steps[-1]
    assert steps == [2, 4, 6, 7]


def test_what_a_step_leaves_for_its_bytes_is_the_next_ones(stage: Stage) -> None:
    stage.begin(LARGE, 3)
    after: int | None = 0
    found: list[tuple[list[int], int | None]] = []
    while after is not None:
        intake = Intake()
        command = wire.Cancel("web", "r", after=after)
        lookups = Lookups(stage.ledger)
        lookups.ordered(command, wire.encode(command))
        lookups.look_up(intake)
        (event,) = intake.events
        assert isinstance(event, Matched)
        after = event.following
        found.append(([each.seq for each in event.rows], after))
    assert found == [([1, 2], 2), ([3], None)]


def test_orders_on_very_large_jobs_end_what_a_turn_reads(stage: Stage) -> None:
    stage.begin(LARGE, 7)
    for seq in range(1, 8):
        stage.push.send(wire.encode(wire.Cancel("web", str(seq), job_id(seq))))
    cancelled = 0
    while cancelled < 7:
        assert stage.loop._lookups.is_behind or stage.loop.sockets.pull.poll(5000)
        before, cancelled = cancelled, stage.turn()
        assert cancelled - before <= 3


def test_a_row_that_passes_a_turn_is_read_alone() -> None:
    large, small = row(1, spec=b"s" * 2 * TURN_BYTES), row(2)
    size = len(small.spec) + len(small.outcome)
    assert fit([large, small]) == ([large], TURN_BYTES - len(large.spec) - len(large.outcome))
    assert fit([small, large]) == ([small], TURN_BYTES - size)
    assert fit([small, small]) == ([small, small], TURN_BYTES - 2 * size)
    assert fit([small, small], -1) == ([small], -1 - size)
    assert fit([], 7) == ([], 7)


def test_a_turn_reads_so_many_bytes_of_what_waits_and_all_of_it_in_the_end(stage: Stage) -> None:
    stage.begin(LARGE, 7)
    read: list[int] = []
    while stage.loop._intake.events:
        read.append(sum(len(event.rows) for event in stage.loop._intake.events if isinstance(event, Refilled)))
        stage.turn()
    assert read == [2, 2, 2, 1]


def test_a_worker_s_silence_is_judged_though_another_one_never_stops(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read in a turn is bounded, so there is always mail that is not."""
    stage.begin(b"spec", 1)
    mail = [(peer, [wire.encode(ready(peer.decode()))], None) for peer in (b"silent", b"loud")]
    beat = (b"loud", [wire.encode(wire.WorkerBeat([]))], None)
    monkeypatch.setattr(stage.loop.sockets, "receive_from_worker", lambda: mail.pop() if mail else beat)
    monkeypatch.setattr(stage.loop.sockets, "send_to_worker", Mock(return_value=True))
    begin = time.monotonic()
    for seconds in range(int(Policy().silence_seconds)):
        stage.loop._turn(begin + seconds, set())
        assert sorted(stage.loop._dispatcher.peers()) == [b"loud", b"silent"]
    stage.loop._turn(begin + Policy().silence_seconds + 1.1, set())
    assert stage.loop._dispatcher.peers() == [b"loud"]


@pytest.mark.parametrize(
    ("turns", "received"),
    [
        (["aaa"], [True]),
        (["ab", "ab"], [False, False]),
        (["ab", "ab", "a"], [False, False, True]),
        (["a", "b", "a", "b", "a"], [False, False, False, False, True]),
        (["abcdefgh" * 2, "abcdefgh"], [False, True]),
    ],
)
def test_a_round_is_over_when_a_worker_was_read_for_the_third_time(turns: list[str], received: list[bool]) -> None:
    rounds = Rounds()
    assert [rounds.all_read([peer.encode() for peer in peers], 0.01) for peers in turns] == received


def test_a_long_round_says_nothing_and_the_next_one_begins_at_its_end() -> None:
    rounds = Rounds()
    rounds.emptied(1.0)
    late = 1.0 + 2 * ROUND_SECONDS
    assert not rounds.all_read([b"a"] * 2, 1.0)
    assert not rounds.all_read([b"a"], late)
    assert rounds.all_read([b"a"] * 3, late)
