"""WORKERS=MIN..MAX on real processes: the supervisor follows what the broker's beat wishes."""

from collections.abc import Callable

import pytest

from supervisor.core.fleet import CALM_SECONDS
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.known_failures import SLOW_FIELDS, slow_image

pytestmark = pytest.mark.cluster


def test_workers_come_and_go_with_the_queue(new_cluster: Callable[..., Cluster], full: bool) -> None:
    cluster = new_cluster(workers="1..3", cache_url="none").start()
    cluster.ended(cluster.upload(slow_image(1600), **SLOW_FIELDS)["id"])  # so that it is known what one takes
    with cluster.client() as client:
        client.post("/queue/pause").raise_for_status()
        for number in range(40):
            cluster.upload(slow_image(1600) + bytes(number + 1), **SLOW_FIELDS)
        wait_until(lambda: cluster.get("/stats")["queue"]["depth"] == 40, 10, "a beat that knows them")
        assert len(cluster.pids("worker")) == 1  # to pause is not to scale up
        client.post("/queue/resume").raise_for_status()
        wait_until(lambda: len(cluster.pids("worker", "ready")) == 3, 10, "as many as may be")
        assert cluster.get("/stats")["workers_wanted"] > 3
        client.delete("/jobs?all=1").raise_for_status()
    wait_until(lambda: cluster.get("/stats")["workers_wanted"] == 0, 10, "nothing to be left")
    assert len(cluster.pids("worker", "ready")) == 3  # not at once
    if full:
        wait_until(lambda: len(cluster.pids("worker")) == 1, CALM_SECONDS + 10, "the others to leave")
    else:
        cluster.ask(do="scale", workers="1..1")
        wait_until(lambda: len(cluster.pids("worker")) == 1, 10, "the others to leave")
