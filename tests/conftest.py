"""Fixtures for every test: clusters of real processes, and how much of a count to run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.clusters.cluster import Cluster
from tests.support.descriptors import closed_afterwards
from tests.support.harnesses.shared import Shared
from tests.support.house.suite import Suite
from tests.support.servers.postgres import PostgresServer, server_or_skip
from tests.support.servers.seaweed import SeaweedServer, seaweed_or_skip

FULL_EXAMPLES = 2_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: what `make chaos` and `make hostile` add."""
    parser.addoption("--full", action="store_true", help="kills, jobs, files and examples in the numbers promised")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is collected: hypothesis reads its profile where a test is decorated."""
    config.pluginmanager.register(Suite(config.getoption("--full")), "suite")
    settings.register_profile("usual", deadline=None)  # of 200 ms, which a loaded machine does not stretch
    settings.register_profile("full", max_examples=FULL_EXAMPLES, deadline=None)
    settings.load_profile("full" if config.getoption("--full") else "usual")


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether counts are those that are promised, and not the short ones of `make test`."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def until_its_end() -> Iterator[None]:
    """For tests of what a process keeps until its end, as its locks: the end of the test closes it."""
    with closed_afterwards():
        yield


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters, not yet started, from settings; each is stopped at the end, and must leave nothing."""
    with ExitStack() as stack:

        def make(**settings: object) -> Cluster:
            cluster = Cluster(Path(tempfile.mkdtemp(dir=tmp_path)), **settings)  # type: ignore[arg-type]
            stack.callback(cluster.stop)
            return cluster

        yield make


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """The cluster of all tests that want one broker, one web process and one worker."""
    shared = Shared(tmp_path_factory.mktemp("shared"))
    yield shared
    shared.close()


@pytest.fixture
def cluster(shared: Shared) -> Cluster:
    """A running cluster of one broker, one web process and one worker. It has no job; its log is that of all tests."""
    return shared.fresh()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL server of all tests that leave it as it is: each makes a database of its own."""
    server = server_or_skip("the PostgreSQL ledger")
    yield server
    server.close()


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedServer]:
    """The S3 server of all tests that leave it as it is: each makes a bucket of its own."""
    server = seaweed_or_skip("blobs in S3")
    yield server
    server.close()
