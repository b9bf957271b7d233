"""A real worker process against a broker's socket: jobs, cache, drain."""

import hashlib
import io
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from jobs import wire
from jobs.job import Code
from jobs.wire import Failure, Held, LeaseRef
from tests.integration.worker.conftest import Pair
from tests.support.clusters.cluster import Cluster, children_of, wait_until
from tests.support.clusters.fake_broker import (
    QUICK,
    SLOW,
    FakeBroker,
    Worker,
    end,
    gone,
    job_id,
    noise,
    worker_under_test,
)
from tests.support.patience import stretched
from tests.support.pictures.images import saved

pytestmark = pytest.mark.cluster


def test_a_job_is_started_published_and_finished(pair: Pair) -> None:
    broker, worker = pair
    ref = broker.assign(1, noise(1000), SLOW)
    assert [start.job for start in broker.expect(wire.Started).jobs] == [ref.job]
    (finish,) = broker.expect(wire.Finished).jobs
    published = [one for said in broker.received if type(said) is wire.Published for one in said.renditions]
    assert [one.rendition for one in published] == finish.renditions[: len(published)], "the rest is only in the Finish"
    sizes = {}
    for rendition in finish.renditions:
        with broker.blobs.open(rendition.blob) as file:
            data = file.read()
        assert len(data) == rendition.bytes
        sizes[rendition.name] = Image.open(io.BytesIO(data)).size
    assert sizes == {"large": (1000, 1000), "thumb": (8, 8)}
    assert finish.cost is not None
    assert finish.cost.cpu_ms > 0
    assert finish.cost.peak_bytes > 10_000_000
    assert worker.process.poll() is None


def test_the_image_at_fault_fails_and_the_decoder_lives_on(pair: Pair) -> None:
    broker, worker = pair
    decoder = worker.decoder
    broker.assign(1, b"no image at all")
    (failure,) = broker.expect(wire.Failed).jobs
    assert failure.code == Code.UNDECODABLE
    broker.assign(2, noise(50))
    broker.expect(wire.Finished)
    assert worker.decoder == decoder


def test_an_original_gone_or_changed_fails_without_a_start(pair: Pair) -> None:
    broker, _ = pair
    gone_one, changed = broker.assignment(1, noise(50)), broker.assignment(2, noise(50))
    broker.blobs.delete([f"raw/01/{gone_one.job}"])
    broker.blobs.put(f"raw/02/{changed.job}", b"other bytes")
    broker.say(wire.Assign([gone_one, changed]))
    failures = [*broker.expect(wire.Failed).jobs, *broker.expect(wire.Failed).jobs]
    assert [failure.code for failure in failures] == [Code.ORIGINAL_MISSING, Code.ORIGINAL_MISSING]
    assert not [said for said in broker.received if type(said) is wire.Started]


def test_out_of_memory_fails_and_the_next_job_is_done_in_a_fresh_decoder(pair: Pair) -> None:
    broker, worker = pair
    decoder = worker.decoder
    broker.assign(1, noise(3000), memory_bytes=16 << 20)
    (failure,) = broker.expect(wire.Failed).jobs
    assert failure.code == Code.MEMORY_OVER_LIMIT
    assert worker.other_decoder(decoder) != decoder
    broker.assign(2, noise(3000), {"renditions": [{"name": "a", "width": 10}]})
    broker.expect(wire.Finished)


def test_a_job_alone_gets_a_decoder_that_has_done_nothing(own_pair: Pair) -> None:
    broker, worker = own_pair
    first = worker.decoder
    broker.assign(1, noise(50), alone=True)
    broker.expect(wire.Finished)
    assert worker.decoder == first
    broker.assign(2, noise(50), alone=True)
    broker.expect(wire.Finished)
    assert worker.other_decoder(first) != first


def test_decoders_are_recycled_and_no_job_notices(new_cluster: Callable[..., Cluster]) -> None:
    with worker_under_test(new_cluster(), decoder_jobs_max=1) as (broker, worker):
        seen = {worker.decoder}
        for number in range(3):
            broker.settle(broker.assign(number, noise(50)))
            broker.assign(number + 10, noise(50))
            broker.expect(wire.Finished)
            seen.add(worker.decoder)
        assert not [said for said in broker.received if type(said) is wire.Failed]
        assert len(seen) > 2


def test_equal_bytes_are_answered_from_the_cache_under_names_of_their_own(new_cluster: Callable[..., Cluster]) -> None:
    with worker_under_test(new_cluster(), cache_url="") as (broker, _):
        image = noise(100)
        broker.assign(1, image)
        (first,) = broker.expect(wire.Finished).jobs
        broker.assign(2, image)
        (second,) = broker.expect(wire.Finished).jobs
        assert (first.cached, second.cached) == (False, True)
        assert [one.digest for one in second.renditions] == [one.digest for one in first.renditions]
        for rendition in second.renditions:
            assert rendition.blob.startswith(f"processed/02/{job_id(2)}.{rendition.name}.")
            broker.blobs.open(rendition.blob).close()
        broker.blobs.delete([first.renditions[0].blob])
        broker.assign(3, image)
        (third,) = broker.expect(wire.Finished).jobs
        assert not third.cached


def test_a_sweep_deletes_and_is_reported(pair: Pair) -> None:
    broker, _ = pair
    broker.blobs.put("processed/ab/x.jpg", b"bytes")
    broker.say(wire.Sweep([("x", ["processed/ab/x.jpg", "processed/ab/never.jpg"])]))
    assert broker.expect(wire.Swept).jobs == ["x"]
    with pytest.raises(Exception, match="No such file"):
        broker.blobs.open("processed/ab/x.jpg")


def test_abandon_ends_the_decoder_and_publishes_nothing_more(pair: Pair) -> None:
    broker, worker = pair
    ref = broker.assign(1, noise(2500), SLOW)
    broker.expect(wire.Started)
    decoder = worker.decoder
    broker.say(wire.Abandon([ref]))
    assert broker.expect(wire.Failed).jobs == [Failure(ref.job, 1, Code.CANCELLED, "cancelled")]
    wait_until(lambda: gone(decoder), 3.0, "the decoder to be gone")
    broker.settle(ref)
    broker.assign(2, noise(50))
    (finish,) = broker.expect(wire.Finished).jobs
    assert finish.job == job_id(2)
    late = [one for said in broker.received if type(said) is wire.Published for one in said.renditions]
    assert "large" not in [one.rendition.name for one in late if one.job == ref.job]


def test_the_deadline_ends_a_job(pair: Pair) -> None:
    broker, worker = pair
    decoder = worker.decoder
    broker.assign(1, noise(2500), SLOW, seconds=0.3)
    (failure,) = broker.expect(wire.Failed).jobs
    assert failure.code == Code.DEADLINE_EXCEEDED
    assert re.fullmatch(r"not done within 0.3 s, at [a-z_ ]+, \d+ MB of memory at most", failure.detail)
    assert worker.other_decoder(decoder) != decoder


def test_sigterm_drains(own_pair: Pair) -> None:
    broker, worker = own_pair
    running = broker.assign(1, noise(1000), SLOW)
    broker.expect(wire.Started)
    waiting = broker.assign(2, noise(50))
    family = worker.family()
    end(worker.pid, signal.SIGTERM)
    broker.expect(wire.Draining)
    assert broker.expect(wire.Returned).leases == [waiting]
    broker.settle(waiting)
    (finish,) = broker.expect(wire.Finished).jobs
    assert finish.job == running.job
    assert worker.process.poll() is None
    broker.settle(running)
    broker.expect(wire.Leaving)
    assert worker.process.wait(stretched(5)) == 0
    assert gone(*family)


def test_a_drain_past_its_deadline_gives_the_job_back(new_cluster: Callable[..., Cluster]) -> None:
    with worker_under_test(new_cluster(), drain_seconds=0.3) as (broker, worker):
        ref = broker.assign(1, noise(2500), SLOW)
        broker.expect(wire.Started)
        end(worker.pid, signal.SIGTERM)
        assert broker.expect(wire.Returned).leases == [ref]
        broker.settle(ref)
        broker.expect(wire.Leaving)
        assert worker.process.wait(stretched(5)) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_gives_back_and_leaves_at_once(own_pair: Pair, number: int) -> None:
    broker, worker = own_pair
    ref = broker.assign(1, noise(2500), SLOW)
    broker.expect(wire.Started)
    family = worker.family()
    end(worker.pid, number)
    broker.expect(wire.Draining)
    end(worker.pid, number)
    assert broker.expect(wire.Returned).leases == [ref]
    broker.expect(wire.Leaving)
    assert worker.process.wait(stretched(5)) == 0
    assert gone(*family)


def test_another_broker_is_told_everything_again(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    with worker_under_test(cluster) as (broker, _):
        ref = broker.assign(1, noise(50), QUICK)
        finished = broker.expect(wire.Finished)
        broker.close()
        successor = FakeBroker(cluster)
        try:
            ready = successor.greet(silence_seconds=5.0)
            assert ready.holding == [Held(ref.job, 1, True)]
            assert successor.expect(wire.Finished) == finished
            successor.settle(LeaseRef(ref.job, 1))
            assert successor.expect(wire.WorkerBeat).holding == []
        finally:
            successor.close()


def test_a_watermark_reaches_every_job_that_asks_for_it(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    logo = saved(Image.new("RGB", (4, 4), "red"))
    (tmp_path / "logo.png").write_bytes(logo)
    toml = '[watermarks]\nlogo = "logo.png"\n[[presets.default.renditions]]\nname = "a"\n'
    (tmp_path / "recipes.toml").write_text(toml)
    asked = {"name": "logo", "gravity": "northwest", "digest": hashlib.sha256(logo).hexdigest()}
    recipe = {"renditions": [{"name": "a", "format": "png", "watermark": asked}]}
    with worker_under_test(new_cluster(), recipes=tmp_path / "recipes.toml") as (broker, _):
        for number in (1, 2):
            broker.assign(number, saved(Image.new("RGB", (8, 8), "blue")), recipe)
            (finish,) = broker.expect(wire.Finished).jobs
            with broker.blobs.open(finish.renditions[0].blob) as file:
                image = Image.open(file)
                assert (image.getpixel((3, 3)), image.getpixel((4, 4))) == ((255, 0, 0), (0, 0, 255))
            assert finish.renditions[0].dominant_colour == "#0000ff"
        changed = {"renditions": [{"name": "a", "watermark": {"name": "logo", "digest": "0" * 64}}]}
        broker.assign(3, noise(50), changed)
        (failure,) = broker.expect(wire.Failed).jobs
        assert (failure.code, "'logo' is not the one" in failure.detail) == (Code.OPERATION_FAILED, True)


def test_tenants_that_take_turns_have_a_decoder_each_and_only_one_of_them_runs(own_pair: Pair) -> None:
    broker, worker = own_pair
    acmes, served = worker.decoder, list[bool]()
    for number, tenant in enumerate(["acme", "other", "acme", "other", "acme"]):
        broker.assign(number, noise(50), tenant=tenant)
        broker.settle(LeaseRef(broker.expect(wire.Finished).jobs[0].job, 1))
        wait_until(lambda: bool(stopped(worker)) == bool(served), 10, "a parked decoder")
        served.append(acmes in stopped(worker))
    assert served == [False, True, False, True, False]
    (others,) = stopped(worker)
    broker.assign(9, noise(1500), SLOW, tenant="acme")
    broker.expect(wire.Started)
    broker.say(wire.Drain())
    wait_until(lambda: gone(others), 10, "the end of the parked one")
    assert [finish.job for finish in broker.expect(wire.Finished).jobs] == [job_id(9)]


def stopped(worker: Worker) -> list[int]:
    """Its decoders that a signal has stopped."""
    states = {pid: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
              for pid in children_of(worker.nursery)}  # fmt: skip
    return [pid for pid, state in states.items() if state == "T"]
