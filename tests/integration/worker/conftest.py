"""Workers before a fake broker: one for all tests that leave it at work, and one of its own for each other test."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.clusters.cluster import Cluster
from tests.support.clusters.fake_broker import FakeBroker, Worker, worker_under_test

Pair = tuple[FakeBroker, Worker]


@pytest.fixture(scope="package")
def lasting_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The pair of all tests that ask for `pair`."""
    cluster = Cluster(tmp_path_factory.mktemp("worker"))
    try:
        with worker_under_test(cluster) as pair:
            yield pair
    finally:
        cluster.stop()


@pytest.fixture
def pair(lasting_pair: Pair) -> Pair:
    """A broker that has heard nothing of its worker, which holds no job. The worker must be at work after the test."""
    broker, worker = lasting_pair
    broker.forget()
    assert worker.process.poll() is None
    return lasting_pair


@pytest.fixture
def own_pair(new_cluster: Callable[..., Cluster]) -> Iterator[Pair]:
    """A pair that the test may end."""
    with worker_under_test(new_cluster()) as pair:
        yield pair
