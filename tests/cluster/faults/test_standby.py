"""A broker stands by, and goes on when the active one is killed. At full length: `python -m torture.standby`."""

import os
import signal
from collections.abc import Callable

import pytest

from host.settings.brokers import SOCKETS
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.servers.postgres import PostgresServer
from torture.standby import machines
from torture.standby.scenarios import SETTINGS, active_broker, broken, killed

pytestmark = pytest.mark.cluster
PICTURE = ROOT / "test-data" / "sample.jpg"


def test_the_active_broker_is_killed_twice_under_load_and_no_request_fails(new_cluster: Callable[..., Cluster]) -> None:
    figures = killed(new_cluster(**SETTINGS).start(), 2, 2.0)
    assert broken("killed", figures) == []
    assert figures["uploads"] > 10


def test_a_standby_ends_at_once_when_told_to_and_binds_nothing(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(brokers=2, workers=0, web_processes=1).start()
    active = active_broker(cluster)
    (standby,) = set(cluster.pids("broker", "ready")) - {active}
    os.kill(standby, signal.SIGTERM)
    wait_until(lambda: standby not in cluster.pids("broker"), 5, "the standby to end")
    cluster.upload(PICTURE.read_bytes())
    assert active_broker(cluster) == active


def test_web_and_workers_follow_a_broker_at_another_address(new_cluster: Callable[..., Cluster]) -> None:
    """Two brokers at addresses of their own, on one machine; each is killed in its turn."""
    one = machines.addresses()[0]
    host, _, port = one.rpartition(":")
    two = f"{host}:{int(port) + len(SOCKETS)}"
    cluster = new_cluster(brokers=f"{one},{two}", curve=0)
    first = cluster.start_role("broker")
    second = cluster.start_role("broker", brokers=f"{two} {one}")
    cluster.start_role("worker")
    cluster.start_role("web", port=cluster.take_port())
    assert cluster.ended(cluster.upload(PICTURE.read_bytes())["id"])["state"] == "done"
    for broker in (first, second):
        broker.kill()
        broker.wait()
        assert cluster.ended(cluster.upload(PICTURE.read_bytes())["id"], 20)["state"] == "done"
        if broker is first:
            cluster.start_role("broker")
    assert cluster.log().count("follows") == 3


def test_a_broker_that_stands_still_loses_its_term_to_one_at_another_address_and_ends(
    new_cluster: Callable[..., Cluster], postgres: PostgresServer
) -> None:
    figures = machines.frozen(machines.Pair(new_cluster(), postgres.database()), 8.0)
    assert broken("frozen", figures) == []
    assert figures["uploads"] > 10
