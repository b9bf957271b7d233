"""A cluster whose ledger is in PostgreSQL: the whole path, and what the server's and the broker's ends cost."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.patience import stretched
from tests.support.servers.postgres import PostgresServer, server_or_skip
from tests.support.servers.proxy import Proxy
from torture.servers.postgres import RECOVERY_SECONDS_MAX, SETTINGS, broken, broker_killed, failed_over, killed, stopped
from torture.standby import scenarios as standby

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that may be killed, if it is started again."""
    server = server_or_skip("clusters on PostgreSQL")
    yield server
    server.close()


def test_an_upload_becomes_renditions_and_no_password_is_told(
    new_cluster: Callable[..., Cluster], postgres: PostgresServer, tmp_path: Path
) -> None:
    secret = tmp_path / "url"
    secret.write_text(postgres.database().replace("pixmill@", "pixmill:hunter2@"))
    cluster = new_cluster(cache_url="none", ledger_url_file=secret).start()
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes())["id"])
    assert job["state"] == "done"
    wait_until(lambda: cluster.get("/health/ready")["durability"] == "local", 10, "the web process to hear a beat")
    assert [found["id"] for found in cluster.get("/jobs")["jobs"]] == [job["id"]]
    assert not (cluster.data / "ledger.sqlite3").exists()
    cluster.stop()
    assert "a commit is on the server's disk" in cluster.log()
    assert "hunter2" not in cluster.log()


def test_a_killed_broker_and_a_server_that_stops_or_ends_cost_no_promise(
    new_cluster: Callable[..., Cluster], server: PostgresServer
) -> None:
    cluster = new_cluster(**SETTINGS | {"web_processes": 1}, ledger_url=server.database()).start()
    found = {
        "broker_killed": broker_killed(cluster, 1, 1.0),
        "stopped": stopped(cluster, server, 6.0),
        "killed": killed(cluster, server, 1.0),
    }
    within = stretched(RECOVERY_SECONDS_MAX)
    assert [fault for name, figures in found.items() for fault in broken(name, figures, within)] == []


def test_a_broker_that_stands_by_goes_on_when_the_active_one_is_killed(
    new_cluster: Callable[..., Cluster], postgres: PostgresServer
) -> None:
    settings = standby.SETTINGS | {"web_processes": 1, "ledger_url": postgres.database()}
    figures = standby.killed(new_cluster(**settings).start(), 2, 3.0)
    assert broken("killed_beside_a_standby", figures) == []


def test_after_a_stale_replica_took_over_the_audit_names_lost_jobs_and_no_lease_serves_twice(
    new_cluster: Callable[..., Cluster], server: PostgresServer
) -> None:
    proxy = Proxy(server.port)
    url = server.database().replace(f":{server.port}/", f":{proxy.port}/")
    cluster = new_cluster(**SETTINGS | {"web_processes": 1}, ledger_url=url).start()
    figures = failed_over(cluster, server, proxy, 3)
    proxy.close()
    server.start()
    assert broken("failed_over", figures) == []
    assert (figures["lost_uploads"], figures["waiting"]) == (3, 3)


def test_a_broker_beside_another_is_refused_and_one_waits_for_a_server(
    new_cluster: Callable[..., Cluster], server: PostgresServer
) -> None:
    url = server.database()
    first, second = new_cluster(ledger_url=url), new_cluster(ledger_url=url)
    first.start_role("broker")
    with pytest.raises(AssertionError, match="another broker holds the term of the ledger"):
        second.start_role("broker")
    first.by_hand[0].terminate()
    first.by_hand[0].wait(stretched(10))
    server.kill()
    waiting = second._spawn("broker")
    wait_until(lambda: "ledger_awaited" in second.log(), 10, "the broker to wait")
    server.start()
    wait_until(lambda: "a commit is on the server's disk" in second.log(), 20, "the broker to have the term")
    waiting.terminate()
    assert waiting.wait(stretched(10)) == 0
