"""Fixtures for every test: clusters of real processes, and how much of a count to run."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.clusters.cluster import Cluster

FULL_EXAMPLES = 2_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: what `make chaos` and `make hostile` add."""
    parser.addoption("--full", action="store_true", help="kills, jobs, files and examples in the numbers promised")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is collected: hypothesis reads its profile where a test is decorated."""
    settings.register_profile("full", max_examples=FULL_EXAMPLES, deadline=None)
    if config.getoption("--full"):
        settings.load_profile("full")


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether counts are those that are promised, and not the short ones of `make test`."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters, not yet started, from settings; each is stopped at the end, and must leave nothing."""
    with ExitStack() as stack:

        def make(**settings: object) -> Cluster:
            cluster = Cluster(Path(tempfile.mkdtemp(dir=tmp_path)), **settings)  # type: ignore[arg-type]
            stack.callback(cluster.stop)
            return cluster

        yield make


@pytest.fixture
def cluster(new_cluster: Callable[..., Cluster]) -> Cluster:
    """A running cluster of one broker, one web process and one worker."""
    return new_cluster().start()
