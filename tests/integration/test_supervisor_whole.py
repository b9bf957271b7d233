"""The whole cluster as `make run-all` starts it: an upload, deaths, restarts and the end, with real roles."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.cluster import ROOT, Cluster, alive, wait_until

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"
TINY = ROOT / "test-data" / "1x1.png"


class Load:
    """Uploads one after the other, each with a key of its own and each exactly once."""

    def __init__(self, cluster: Cluster, image: Path) -> None:
        self.promised: list[str] = []
        self.failed: list[str] = []
        self._over = threading.Event()
        self._url, self._image = f"{cluster.url}/upload", image.read_bytes()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                response = httpx2.post(self._url, files={"image": ("x", self._image)}, timeout=30)
            except httpx2.TransportError as error:
                self.failed.append(repr(error))
                continue
            if response.status_code == 202:
                self.promised.append(response.json()["id"])
            else:
                self.failed.append(response.text)

    @contextmanager
    def on(self) -> Iterator["Load"]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()


def all_done(cluster: Cluster, jobs: list[str]) -> None:
    ended = [cluster.ended(job, 60) for job in jobs]
    assert [job for job in ended if job["state"] != "done"] == []


def test_one_upload_by_the_command_comes_back_as_pictures(cluster: Cluster, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "pixmill",
        "upload",
        str(SAMPLE),
        "--out",
        str(tmp_path / "out"),
        "--url",
        cluster.url,
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert " done " in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["sample.large.webp", "sample.thumb.jpg"]
    job = done.stdout.split()[0]
    again = subprocess.run(
        [sys.executable, "-m", "pixmill", "wait", job, "--url", cluster.url], cwd=ROOT, capture_output=True, timeout=60
    )
    assert again.returncode == 0


@pytest.mark.parametrize("victim", ["broker", "web", "worker", "nursery", "decoder"])
def test_what_was_promised_is_done_whoever_is_killed(new_cluster: Callable[..., Cluster], victim: str) -> None:
    cluster = new_cluster(workers=2, web_processes=2, cache_url="none").start()
    with Load(cluster, SAMPLE).on() as load:
        wait_until(lambda: len(load.promised) >= 5, 20, "five uploads")
        keeper = cluster.pids("worker")[0]
        if victim in ("broker", "web", "worker"):
            pid = cluster.pids(victim)[0]
        else:
            pid = wait_until(
                lambda: {"nursery": cluster.nurseries, "decoder": cluster.decoders}[victim](keeper), 5, victim
            )[0]
        children = [*cluster.nurseries(keeper), *cluster.decoders(keeper)]
        os.kill(pid, signal.SIGKILL)
        before = len(load.promised)
        wait_until(lambda: len(load.promised) >= before + 10, 20, "ten more uploads")
        if victim == "worker":
            wait_until(lambda: not any(map(alive, children)), 2, "the keeper's children to be gone")
    if victim != "web":
        assert load.failed == []
    else:
        assert len(load.failed) <= 1, "more than the request that the killed process held"
    cluster.wait_complete()
    all_done(cluster, load.promised)


def test_a_rolling_restart_under_load_fails_no_request(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=2, web_processes=2).start()
    before = set(cluster.pids("broker") + cluster.pids("web") + cluster.pids("worker"))
    with Load(cluster, TINY).on() as first, Load(cluster, TINY).on() as second:
        wait_until(lambda: first.promised and second.promised, 10, "the first uploads")
        assert cluster.ask(do="restart") == {}
        after = set(cluster.pids("broker") + cluster.pids("web") + cluster.pids("worker"))
    assert first.failed + second.failed == []
    assert not before & after
    all_done(cluster, [first.promised[0], first.promised[-1], second.promised[-1]])


def test_a_worker_by_hand_is_counted_and_leaves_on_sigterm(cluster: Cluster) -> None:
    process = cluster.start_role("worker")
    wait_until(lambda: len(cluster.get("/stats")["workers"]) == 2, 1.5, "the page to count two workers")
    with Load(cluster, SAMPLE).on() as load:
        wait_until(lambda: len(load.promised) >= 10, 20, "ten uploads")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert load.failed == []
    all_done(cluster, load.promised)
    assert {cluster.get(f"/jobs/{job}")["attempts"] for job in load.promised} <= {0, 1}


@pytest.mark.parametrize("path", ["/events", "/jobs/{job}/events"])
def test_ctrl_c_with_an_open_event_stream_ends_within_two_seconds(cluster: Cluster, path: str) -> None:
    job = cluster.upload(SAMPLE.read_bytes())["id"] if "{job}" in path else ""
    assert cluster.supervisor is not None
    with cluster.client() as client, client.stream("GET", path.format(job=job)) as stream:
        assert stream.status_code == 200
        next(stream.iter_bytes())
        began = time.monotonic()
        cluster.supervisor.send_signal(signal.SIGINT)
        assert cluster.supervisor.wait(10) == 0
        assert time.monotonic() - began < 2 + 1, "two seconds, and the one running job"
    assert not cluster.everything()


def test_kill_9_of_the_supervisor_loses_nothing_that_was_promised(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=1, cache_url="none").start()
    jobs = [cluster.upload(SAMPLE.read_bytes())["id"] for _ in range(8)]
    assert cluster.supervisor is not None
    cluster.supervisor.kill()
    cluster.supervisor.wait()
    wait_until(lambda: not cluster.everything(), 2.0, "everything to be gone")
    cluster.start()
    all_done(cluster, jobs)


def test_a_second_ctrl_c_gives_the_jobs_back_at_once(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(workers=1, cache_url="none").start()
    big = (ROOT / "test-data" / "12mp.jpg").read_bytes()
    jobs = [cluster.upload(big)["id"] for _ in range(4)]
    assert cluster.supervisor is not None
    cluster.supervisor.send_signal(signal.SIGINT)
    time.sleep(0.4)
    began = time.monotonic()
    cluster.supervisor.send_signal(signal.SIGINT)
    assert cluster.supervisor.wait(10) == 0
    assert time.monotonic() - began < 2.5
    assert not cluster.everything()
    cluster.start()
    all_done(cluster, jobs)
    assert {cluster.get(f"/jobs/{job}")["attempts"] for job in jobs} == {1}, "what was given back is not charged"
