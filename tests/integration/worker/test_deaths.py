"""Who dies, and what the worker then says: decoder, nursery, keeper."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import wire
from jobs.job import Code
from tests.integration.worker.conftest import Pair
from tests.support.clusters.cluster import Cluster, children_of, wait_until
from tests.support.clusters.fake_broker import SLOW, FakeBroker, end, gone, noise, worker_under_test
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster


def goes_on(broker: FakeBroker, number: int = 99) -> None:
    """The worker does another job."""
    ref = broker.assign(number, noise(50))
    (finish,) = broker.expect(wire.Finished).jobs
    assert finish.job == ref.job


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, Code.DECODER_LOST),
        (signal.SIGSEGV, Code.DECODER_CRASHED),
        (signal.SIGABRT, Code.DECODER_CRASHED),
        (signal.SIGSYS, Code.SANDBOX_VIOLATION),
    ],
)
def test_a_decoder_that_dies_on_a_job_is_told_and_replaced(pair: Pair, number: int, code: Code) -> None:
    broker, worker = pair
    broker.assign(1, noise(2500), SLOW)
    broker.expect(wire.Started)
    decoder = worker.decoder
    end(decoder, number)
    (failure,) = broker.expect(wire.Failed).jobs
    assert failure.code == code
    assert worker.other_decoder(decoder) != decoder
    goes_on(broker)


def test_a_decoder_that_dies_idle_costs_nobody_anything(pair: Pair) -> None:
    broker, worker = pair
    decoder = worker.decoder
    end(decoder)
    worker.other_decoder(decoder)
    goes_on(broker)
    assert not [said for said in broker.received if type(said) in (wire.Failed, wire.Returned)]


def test_a_lost_nursery_takes_its_decoder_along_and_is_started_anew(pair: Pair) -> None:
    broker, worker = pair
    broker.assign(1, noise(2500), SLOW)
    broker.expect(wire.Started)
    nursery, decoder = worker.nursery, worker.decoder
    end(nursery)
    (failure,) = broker.expect(wire.Failed).jobs
    assert failure.code == Code.DECODER_LOST
    wait_until(lambda: gone(nursery, decoder), 10.0, "nursery and decoder to be gone")
    goes_on(broker)
    assert worker.nursery != nursery
    nursery, decoder = worker.nursery, worker.decoder
    end(nursery)
    wait_until(lambda: gone(nursery, decoder), 10.0, "nursery and decoder to be gone")
    goes_on(broker, 98)


def test_a_killed_keeper_leaves_nothing(own_pair: Pair) -> None:
    broker, worker = own_pair
    broker.assign(1, noise(2500), SLOW)
    broker.expect(wire.Started)
    family = worker.family()
    end(worker.pid)
    wait_until(lambda: gone(*family), 3.0, "keeper, nursery and decoder to be gone")


def test_the_group_is_sent_the_signal_and_still_drains(own_pair: Pair) -> None:
    """As Ctrl-C in a terminal does, or systemd: the children leave the answer to the keeper."""
    broker, worker = own_pair
    ref = broker.assign(1, noise(1000), SLOW)
    broker.expect(wire.Started)
    for pid in worker.family():
        end(pid, signal.SIGINT)
    (finish,) = broker.expect(wire.Finished).jobs
    assert finish.job == ref.job
    broker.settle(ref)
    assert worker.process.wait(stretched(5)) == 0


def test_the_keeper_imports_no_image_library_and_the_nursery_no_zmq(pair: Pair) -> None:
    _, worker = pair
    keeper, nursery = (Path(f"/proc/{pid}/maps").read_text() for pid in (worker.pid, worker.nursery))
    assert "/zmq/" in keeper
    assert "/PIL/" not in keeper
    assert "/PIL/" in nursery
    assert "/zmq/" not in nursery


def test_neither_nursery_nor_decoder_has_a_secret(new_cluster: Callable[..., Cluster]) -> None:
    secret = "s" * 16
    with worker_under_test(new_cluster(), grant_secrets=secret) as (_, worker):
        keeper, nursery, decoder = (
            Path(f"/proc/{pid}/environ").read_text() for pid in (worker.pid, worker.nursery, worker.decoder)
        )
    assert secret in keeper
    assert secret not in nursery + decoder


def test_decoders_are_nice_and_keepers_are_not(new_cluster: Callable[..., Cluster]) -> None:
    def nice() -> list[int]:
        return [int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16]) for pid in worker.family()]

    with worker_under_test(new_cluster(), worker_nice=10) as (_, worker):
        wait_until(lambda: nice() == [0, 0, 10], 10.0, "the decoder to give way, which it does after its fork")
        assert len(children_of(worker.nursery)) == 1
