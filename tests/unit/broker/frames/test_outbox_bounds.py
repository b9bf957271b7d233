"""What a peer may say, or an old ledger hold, and what it can be made to do: nothing that passes a bound."""

from typing import Any

import msgspec
import pytest

from broker.frames.outbox import outgoing
from jobs import wire
from jobs.errors import WireFault
from jobs.job import TEXT_CHARACTERS_MAX, Cost, Outcome, decode_outcome, encode
from jobs.limits import RENDITIONS_MAX
from jobs.records import Meta, Records, SweepEntry, TenantEntry
from tests.contracts.rows import row
from tests.properties.harness import DispatcherHarness, new_job, ready
from tests.unit.broker.core.test_dispatcher import A, B, fail, finish, harness_with, picture, sweeps

LONG = "x" * (wire.FRAME_BYTES_MAX - 1000)


def frame(message: Any) -> bytes:
    """Without the bounds of `wire.encode`."""
    return msgspec.msgpack.encode((wire.VERSION, type(message).__name__, message))


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (wire.from_web, wire.Cancel("w", "r", LONG)),
        (wire.from_web, wire.Requeue("w", "r", LONG)),
        (wire.from_web, wire.Purge("w", LONG, "j")),
        (wire.from_web, wire.Pause("w", LONG)),
        (wire.from_web, wire.Submit("w", "r", 1.0, [new_job("j", tenant="x" * 2_200_000)])),
        (wire.from_web, wire.Submit("w", "r", 1.0, [new_job("j", reference=LONG)])),
        (wire.from_web, wire.Submit("w", "r", 1.0, [new_job("j", spec=bytes(wire.SPEC_BYTES_MAX + 1))])),
        (wire.from_web, wire.Submit("w", "r", 1.0, [new_job(str(number)) for number in range(1001)])),
        (wire.from_worker, wire.Found("", ["raw/ab/" + "x" * 3_800_000], None)),
        (wire.from_worker, wire.Swept(["j"] * (wire.ITEMS_MAX + 1))),
        (
            wire.from_worker,
            wire.Published([wire.Publication("j", 1, msgspec.structs.replace(picture("j"), digest="zz"))]),
        ),
        (wire.to_worker, wire.OrphanScan("", 1.0, 10**9)),
        (wire.to_worker, wire.OrphanScan("", 1.0, 0)),
        (wire.to_worker, wire.Welcome(1, 0.0)),
        (wire.to_web, wire.Hello(1)),
    ],
)
def test_what_could_not_be_answered_is_malformed(reader: wire.Reader, message: Any) -> None:
    if isinstance(message, wire.Hello):
        assert reader.decode(frame(message)) == message
        return
    with pytest.raises(WireFault):
        reader.decode(frame(message))


def test_a_sweep_of_very_many_names_is_told_in_pieces_and_each_name_once() -> None:
    """Of an earlier version's ledger, which merged without a bound."""
    names = tuple(f"processed/jj/jj.{number:0490}" for number in range(9000))
    assert sum(map(len, names)) > wire.FRAME_BYTES_MAX
    harness = DispatcherHarness()
    harness.ledger.commit(Records(sweeps=[SweepEntry("jj", names)]))
    harness.start()
    harness.receive(A, ready("a"))
    told: list[str] = []
    for _ in range(10):
        for _, message in harness.turn(tick=True).sends:
            if isinstance(message, wire.Sweep):
                wire.to_worker.decode(wire.encode(message))
                told += [name for _, some in message.sweeps for name in some]
        harness.receive(A, wire.Swept(["jj"]))
    harness.turn()
    assert told == list(names)
    assert sweeps(harness) == {}


def test_names_that_are_still_to_be_swept_outlive_the_broker() -> None:
    names = tuple(f"processed/jj/jj.{number}" for number in range(wire.NAMES_MAX + 1))
    harness = DispatcherHarness()
    harness.ledger.commit(Records(sweeps=[SweepEntry("jj", names)]))
    harness.start()
    harness.receive(A, ready("a"))
    harness.turn(tick=True)
    harness.receive(A, wire.Swept(["jj"]))
    harness.turn()
    harness.start()
    assert harness.dispatcher.books.sweeps.entries["jj"].names == names[-1:]


def test_a_sweep_grows_to_its_bound_and_no_further() -> None:
    harness = harness_with("j")
    harness.receive(A, finish("j"))
    harness.turn()
    for step in range(16):
        harness.now += 1.0
        harness.find(A, [f"processed/j/j.{step}.{number}" for number in range(250)], following="raw/zz/x")
        harness.turn(tick=True)
    assert len(sweeps(harness)["j"]) == wire.NAMES_MAX


def test_an_old_ledger_of_endless_texts_is_no_end() -> None:
    """Names that no file can have need no deletion; a spec that no message takes ends its job, in words."""
    harness = DispatcherHarness()
    harness.ledger.commit(
        Records(sweeps=[SweepEntry("x" * 4_000_000, ("raw/x",)), SweepEntry("j", ("y" * 4_000_000, "raw/j/j"))])
    )
    harness.submit(new_job("long", spec=bytes(4_000_000), tenant="t" * 4_000_000), new_job("good"))
    harness.turn()
    harness.start()
    harness.receive(A, ready("a", capacity=2))
    done = harness.turn(tick=True)
    assert [message.sweeps for _, message in done.sends if isinstance(message, wire.Sweep)] == [[("j", ["raw/j/j"])]]
    assert (harness.row("long").state, harness.row("long").code) == ("failed", "operation_failed")
    assert f"{wire.SPEC_BYTES_MAX:,}" in (error.detail if (error := harness.outcome("long").error) else "")
    assert harness.row("good").state == "running"
    for effects in harness.last:
        out = outgoing(effects, 1)
        assert out.unsaid == 0
        for _, said in out.changes:
            wire.to_web.decode(said)
    harness.receive(A, wire.Swept(["j"]))
    harness.turn()
    assert sweeps(harness) == {}


def test_an_outcome_that_passes_the_bounds_of_today_is_read_without_what_does() -> None:
    good = picture("j")
    broken = msgspec.structs.replace(good, name="other", blob="x" * 5000)
    negative = msgspec.structs.replace(good, name="third", width=-1)
    stored = msgspec.msgpack.encode(Outcome(renditions=[good, broken, negative], cost=Cost(-1.0, 1), crashes=1))
    assert decode_outcome(stored) == Outcome(renditions=[good], crashes=1)
    whole = Outcome(renditions=[good], cost=Cost(1.0, 1), cached=True)
    assert decode_outcome(msgspec.msgpack.encode(whole)) == whole


# -- what a worker names that is not its job's


def test_a_rendition_under_another_jobs_name_is_not_done() -> None:
    """Neither shown as this job's, nor swept when this one goes."""
    for blob in (
        "raw/im/victim",
        "processed/im/victim.thumb.1.jpg",
        "processed/j/j.x/../../im/victim",
        "processed/j/jj",
        "processed/j/j.x y",
        "processed/j/j." + 300 * "x",
    ):
        harness = harness_with("j")
        forged = msgspec.structs.replace(picture("j"), blob=blob)
        harness.receive(A, wire.Published([wire.Publication("j", 1, forged)]))
        harness.turn()
        assert harness.outcome("j").renditions == []
        harness.receive(A, wire.Finished([wire.Finish("j", 1, [picture("j"), forged])]))
        harness.turn()
        assert (harness.row("j").state, harness.outcome("j").renditions) == ("delayed", [])
        assert harness.outcome("j").timeline[-2].detail == "store_error: its worker named a file that is not this job's"


def test_a_cancelled_jobs_late_rendition_under_another_jobs_name_is_not_swept() -> None:
    harness = harness_with("j")
    harness.order(wire.Cancel("web", "c", "j"))
    forged = msgspec.structs.replace(picture("j"), blob="raw/im/victim")
    harness.receive(A, wire.Published([wire.Publication("j", 1, forged)]))
    harness.receive(A, wire.Finished([wire.Finish("j", 1, [forged])]))
    harness.turn()
    harness.turn(tick=True)
    assert sweeps(harness) == {}


def test_only_originals_and_renditions_are_orphans() -> None:
    """A worker that lists another folder's files would have them deleted by a worker on that machine."""
    harness = harness_with()
    harness.find(A, ["curve/broker.secret", "curve/allowed/local.key", "flight/1.flight", "cache/ab/cd", "raw/ab/gone"])
    harness.turn()
    assert sweeps(harness) == {"gone": ("raw/ab/gone",)}


@pytest.mark.parametrize(
    "name", ["raw/../curve/broker", "processed/ab/a b", "raw/.hidden", "raw//x", "raw/ab/" + 300 * "x", "raw/ab/x\n"]
)
def test_a_name_that_no_store_takes_is_no_orphan(name: str) -> None:
    """Its sweep would fail for ever. Enough of them would hold up everything that removes files."""
    harness = harness_with()
    harness.find(A, [name, "raw/ab/gone"])
    harness.turn()
    assert sweeps(harness) == {"gone": ("raw/ab/gone",)}


def test_a_job_has_no_more_renditions_than_a_recipe() -> None:
    harness = harness_with("j")
    for number in range(3 * RENDITIONS_MAX):
        harness.receive(A, wire.Published([wire.Publication("j", 1, picture("j", f"r{number}"))]))
    harness.turn()
    assert len(harness.outcome("j").renditions) == RENDITIONS_MAX


def test_a_worker_ends_no_sweep_that_another_was_given() -> None:
    harness = harness_with("j", workers=2)
    fail(harness, "j", "undecodable")
    harness.turn()
    harness.order(wire.Purge("web", "p", "j"))
    harness.turn(tick=True)
    ((peer, _, _),) = [
        (worker.peer, sent, at) for worker, sent, at in harness.dispatcher.books.sweeps.sweeping.values()
    ]
    harness.receive(A if peer == B else B, wire.Swept(["j", "never"]))
    harness.turn()
    assert list(sweeps(harness)) == ["j"]


LONG_TENANT = "t" * (TEXT_CHARACTERS_MAX + 45)


def harness_with_a_long_tenant() -> DispatcherHarness:
    """A ledger of an earlier version: one job waits of a tenant whose name no message takes."""
    harness = DispatcherHarness()
    job = row(1, id="j", tenant=LONG_TENANT, lane=f"s.{LONG_TENANT}", spec=b"spec", outcome=encode(Outcome()))
    counts = {"queued": 1}
    harness.ledger.commit(
        Records(jobs=[job], meta=Meta(1, 1, False, counts), tenants=[TenantEntry(LONG_TENANT, counts)])
    )
    harness.start()
    return harness


def test_the_jobs_of_a_tenant_with_a_long_name_are_counted_once_over_starts() -> None:
    harness = harness_with_a_long_tenant()
    harness.turn()
    harness.receive(b"a", ready("a"))
    harness.turn()
    for state, count in (("running", 1), ("done", 1)):
        for _ in range(2):
            harness.start()
            harness.turn()
            shares = {name: dict(+share.counts) for name, share in harness.dispatcher.books.shares.items()}
            assert shares == {LONG_TENANT[:TEXT_CHARACTERS_MAX]: {state: count}}
            harness.dispatcher.check()
        harness.receive(b"a", ready("a", holding=(wire.Held("j", 1, True),)), wire.Finished([wire.Finish("j", 1, [])]))
        harness.turn()


def test_a_tenant_with_a_long_name_pays_for_its_time_under_one_name() -> None:
    harness = harness_with_a_long_tenant()
    harness.turn()
    harness.receive(b"a", ready("a"))
    harness.turn()
    harness.now += 5.0
    harness.receive(b"a", wire.Finished([wire.Finish("j", 1, [])]))
    harness.turn()
    (seconds,) = harness.dispatcher.books.backlog.turns.debts().values()
    assert seconds == pytest.approx(5.0, abs=0.1)
