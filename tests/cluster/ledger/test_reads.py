"""Reads of a PostgreSQL ledger that stands still: web stays responsive, says 503 in time, and lists from a replica."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx2
import pytest

from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.servers.postgres import PostgresServer, server_or_skip
from web.access.parts import SERVER_READ_SECONDS

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"
READS = 40
LIVE_SECONDS_MAX = 0.5
"""Of a busy machine; while the loop waits for the ledger, it would be seconds."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that may stand still, if it goes on at the end."""
    server = server_or_skip("reads of PostgreSQL in a cluster")
    yield server
    server.close()


def timed(client: httpx2.Client, path: str) -> tuple[int, float]:
    """The status of the answer, and its seconds."""
    began = time.monotonic()
    status: int = client.get(path).status_code
    return status, time.monotonic() - began


def test_web_answers_all_others_while_the_ledger_stands_still(
    new_cluster: Callable[..., Cluster], server: PostgresServer
) -> None:
    cluster = new_cluster(web_processes=1, ledger_url=server.database()).start()
    job = cluster.ended(cluster.upload(SAMPLE.read_bytes())["id"])["id"]
    with httpx2.Client(base_url=cluster.url, timeout=20) as client, ThreadPoolExecutor(READS) as pool:
        with server.stopped():
            paths = [f"/jobs/{job}", "/jobs"] * (READS // 2)
            asked = [pool.submit(timed, client, path) for path in paths]
            alive = list[tuple[int, float]]()
            while not all(each.done() for each in asked):
                alive.append(timed(client, "/health/live"))
        assert {status for status, _ in alive} == {200}
        assert max(seconds for _, seconds in alive) < LIVE_SECONDS_MAX
        assert {each.result()[0] for each in asked} == {503}
        assert max(each.result()[1] for each in asked) < SERVER_READ_SECONDS + 1
        assert client.get(f"/jobs/{job}").json()["state"] == "done"
        assert client.get("/jobs").json()["jobs"][0]["id"] == job
    assert "ledger_unreadable" in cluster.log()
    assert "ledger_readable ledger=primary" in cluster.log()


def test_lists_come_from_the_replica_and_uploads_are_refused_while_the_primary_stands_still(
    new_cluster: Callable[..., Cluster], server: PostgresServer
) -> None:
    with ExitStack() as stack:
        url = server.database()
        replica = server.replica()
        stack.callback(replica.close)
        read_url = replica.url_of(url.rpartition("/")[2])
        cluster = new_cluster(web_processes=1, ledger_url=url, ledger_read_url=read_url, accept_seconds=2.0).start()
        job = cluster.ended(cluster.upload(SAMPLE.read_bytes())["id"])["id"]
        server.wait_for(replica)
        client = stack.enter_context(httpx2.Client(base_url=cluster.url, timeout=20))
        with server.stopped():
            listed = client.get("/jobs")
            assert (listed.status_code, [each["id"] for each in listed.json()["jobs"]]) == (200, [job])
            image = {"Content-Type": "image/jpeg"}
            assert client.post("/upload", content=SAMPLE.read_bytes(), headers=image).status_code == 503
            assert client.get(f"/jobs/{job}").status_code == 503
            view = client.get("/health/ready").json()
            assert (view["ledger"], view["replica"]) == ("unreadable", "readable")
        assert client.get("/health/ready").json()["replica"] in ("current", "behind")
