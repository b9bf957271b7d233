"""A keeper whose disk stalls: the broker hears beats meanwhile, and of the job once it is synced."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from jobs import wire
from tests.support.clusters.cluster import Cluster
from tests.support.clusters.crash_harness import strace_missing
from tests.support.clusters.fake_broker import FakeBroker, Worker, noise, worker_under_test
from tests.support.clusters.stalls import next_sync_takes

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(why := strace_missing()), reason=why)]
STALL_SECONDS = 4.0
SILENCE_SECONDS = 5.0
"""So a beat is due each second."""
Pair = tuple[FakeBroker, Worker]


@pytest.fixture
def pair(new_cluster: Callable[..., Cluster]) -> Iterator[Pair]:
    with worker_under_test(new_cluster(), silence_seconds=SILENCE_SECONDS) as pair:
        yield pair


def whole(broker: FakeBroker, finish: wire.Finish) -> bool:
    """Whether each of its renditions is there as it was told."""
    for rendition in finish.renditions:
        with broker.blobs.open(rendition.blob) as file:
            if sha256(file.read()).hexdigest() != rendition.digest:
                return False
    return len(finish.renditions) == 2


def test_beats_go_on_while_the_disk_stalls_and_the_job_is_told_once_it_is_synced(pair: Pair, tmp_path: Path) -> None:
    broker, worker = pair
    with next_sync_takes(STALL_SECONDS, worker.pid, tmp_path / "strace"):
        before = len(broker.received)
        ref = broker.assign(1, noise(50))
        (finish,) = broker.expect(wire.Finished).jobs
    beats = [said for said in broker.received[before:] if isinstance(said, wire.WorkerBeat)]
    assert len(beats) >= STALL_SECONDS - 1
    assert {(held.job, held.lease) for beat in beats for held in beat.holding} == {(ref.job, ref.lease)}
    assert whole(broker, finish)
    broker.settle(ref)
    broker.assign(2, noise(50))
    broker.expect(wire.Finished)
    told = [each.job for said in broker.received if isinstance(said, wire.Finished) for each in said.jobs]
    assert told.count(ref.job) == 1


def test_a_connection_that_is_lost_meanwhile_leaves_nothing_half(
    new_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster = new_cluster()
    with (
        worker_under_test(cluster, silence_seconds=SILENCE_SECONDS) as (broker, worker),
        next_sync_takes(STALL_SECONDS, worker.pid, tmp_path / "log"),
    ):
        ref = broker.assign(1, noise(50))
        while not broker.expect(wire.WorkerBeat).holding:
            pass
        broker.close()
        following = FakeBroker(cluster)
        try:
            held = following.greet(SILENCE_SECONDS).holding
            assert [(each.job, each.lease) for each in held] == [(ref.job, ref.lease)]
            (finish,) = following.expect(wire.Finished).jobs
            assert whole(following, finish)
        finally:
            following.close()


def test_a_decoder_that_waits_for_a_keeper_that_waits_for_the_disk_is_not_overdue(pair: Pair, tmp_path: Path) -> None:
    """Each rendition is more than a socket takes, so the second is at the decoder until the first is synced."""
    broker, worker = pair
    slow = {"name": "slow", "width": 800, "format": "webp", "lossless": True}
    with next_sync_takes(STALL_SECONDS, worker.pid, tmp_path / "strace"):
        broker.assign(
            1, noise(900), {"renditions": [slow, {"name": "large", "format": "png"}]}, seconds=STALL_SECONDS - 1
        )
        (finish,) = broker.expect(wire.Finished).jobs
    assert whole(broker, finish)
