"""kill -9 of anyone under load, while another worker drains: what got a 202 ends `done`. (Without one that drains:
test_chaos.py.)

Nothing here is answered from the result cache (CACHE_URL=none): each job is work done.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, alive, wait_until
from tests.support.clusters.load import Load
from tests.support.patience import stretched

SAMPLE = ROOT / "test-data" / "sample.jpg"
TARGETS = ("keeper", "decoder", "nursery", "broker", "web")
LOAD_SECONDS = 0.7
"""Of load before a kill and after it."""
ORPHAN_SECONDS = 1.0
"""In which a keeper's nursery and decoders must have followed it."""
pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all targets, one after the other."""
    cluster = Cluster(tmp_path_factory.mktemp("kills"), workers=2, web_processes=2, cache_url="none")
    try:
        yield cluster.start()
    finally:
        cluster.stop()


def busy_load(cluster: Cluster) -> Load:
    """So many uploads that a worker holds a job in nearly every beat: /stats is a second's sample, and at 30
    uploads a second a fast machine's workers are idle in four beats of five."""
    return Load(cluster.url, SAMPLE, clients=4, pause=0.02)


def kill(cluster: Cluster, target: str) -> None:
    """SIGKILL one process of the kind, busy if it can be, and see those go that must go with it."""
    keeper = wait_until(lambda: _busy_keeper(cluster), 10, "a worker to hold a job")
    kin = cluster.nurseries(keeper) + cluster.decoders(keeper)
    match target:
        case "keeper":
            pid = keeper
        case "decoder":
            (pid,) = cluster.decoders(keeper)
        case "nursery":
            (pid,) = cluster.nurseries(keeper)
        case _:
            pid = cluster.pids(target, "ready")[0]
    os.kill(pid, signal.SIGKILL)
    if target in ("keeper", "nursery"):
        wait_until(lambda: not any(map(alive, kin)), ORPHAN_SECONDS, f"the children of a killed {target} to be gone")


def _busy_keeper(cluster: Cluster) -> int:
    """A ready keeper of the supervisor's that holds a job, found by its label in /stats; 0 while there is none."""
    with cluster.client() as client:
        response = client.get("/stats")
    if response.status_code != 200:  # a web process that has heard no broker yet
        return 0
    workers = response.json()["workers"]
    busy = {int(worker["name"].rpartition("-")[2]) for worker in workers if worker["jobs"]}
    return next((pid for pid in cluster.pids("worker", "ready") if pid in busy and cluster.decoders(pid)), 0)


def all_done(cluster: Cluster, load: Load) -> list[dict[str, object]]:
    """The jobs of all that got a 202, every one of which ended `done`."""
    load.check()
    assert load.accepted
    jobs = [cluster.ended(job) for job in load.accepted]
    assert [(job["id"], job["error"]) for job in jobs if job["state"] != "done"] == []
    return jobs


@pytest.mark.parametrize("target", TARGETS)
def test_who_dies_while_another_worker_drains(loaded: Cluster, target: str) -> None:
    loaded.wait_complete()
    leaving = loaded.start_role("worker")
    with busy_load(loaded) as load:
        time.sleep(LOAD_SECONDS)
        leaving.send_signal(signal.SIGTERM)
        kill(loaded, target)
        assert leaving.wait(stretched(15)) == 0, "the draining worker did not end well"
        time.sleep(LOAD_SECONDS / 2)
    jobs = all_done(loaded, load)
    if target in ("broker", "web"):
        assert {job["attempts"] for job in jobs} == {1}, "a lost broker or web process costs no attempt"
    loaded.wait_complete()


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_finishes(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=1, cache_url="none").start()
    accepted = [cluster.upload(SAMPLE.read_bytes())["jobs"][0]["id"] for _ in range(6)]
    assert cluster.supervisor is not None
    cluster.supervisor.kill()
    cluster.supervisor.wait()
    wait_until(lambda: not cluster.everything(), 10.0, "everything to end with its supervisor")
    cluster.start()
    assert {cluster.ended(job)["state"] for job in accepted} == {"done"}


def test_ctrl_c_with_an_event_stream_open(new_cluster: Callable[..., Cluster]) -> None:
    """All are gone within 2 s plus the running jobs; what was not begun is done after the next start."""
    cluster = new_cluster(workers=1, web_processes=2, cache_url="none").start()
    with cluster.client() as client, client.stream("GET", "/events") as events:
        assert events.status_code == 200
        accepted = [cluster.upload(SAMPLE.read_bytes())["jobs"][0]["id"] for _ in range(4)]
        assert cluster.supervisor is not None
        cluster.supervisor.send_signal(signal.SIGINT)
        job_seconds = 1.0
        wait_until(lambda: not cluster.everything(), 2.0 + job_seconds, "everything to be gone after a Ctrl-C")
        assert cluster.supervisor.wait() == 0
    assert _left_behind(cluster) == []
    cluster.start()
    jobs = [cluster.ended(job) for job in accepted]
    assert {(job["state"], job["attempts"]) for job in jobs} == {("done", 1)}


def _left_behind(cluster: Cluster) -> list[Path]:
    """Files on their way that nobody carries on."""
    return [path for path in (cluster.data / "incoming").iterdir() if path.is_file()]
