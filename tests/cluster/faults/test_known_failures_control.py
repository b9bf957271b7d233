"""Known failures of other job systems, 7, 8, 9, 12 and 13: hangs, starved jobs, cancels and batches that do not end,
drains.

The list: docs/reliability.md. Each count is short here and as promised with `--full` (make chaos).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.fake_broker import gone
from tests.support.clusters.known_failures import SLOW_FIELDS as SLOW
from tests.support.clusters.known_failures import (
    Job,
    all_ended,
    decoder_of,
    events,
    files_of,
    hold,
    ledger_rows,
    post_many,
    slow_image,
    small_image,
    upload_slow,
    within,
)
from tests.support.clusters.stalls import stopped
from tests.support.patience import Patience

pytestmark = pytest.mark.cluster
WORKERS = 3
WORK_SECONDS = 2.0
"""Within which every worker works again."""
CANCEL_SECONDS = 1.0
STOPPED_SECONDS = {False: 2.0, True: 10.0}
SILENCE_SECONDS = {False: 0.6, True: 5.0}
BROKER_KILLS = {False: 2, True: 20}
BATCH_KILLS = {False: 2, True: 20}
DRAIN_SECONDS = 4.0
KILL_SECONDS = 5.0
"""From SIGTERM to SIGKILL, where others scale down."""


def test_07_hangs_after_the_connection_broke(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """7 (celery #8091, dramatiq #207): the broker is stopped for longer than the silence, then killed
    again and again. Each time every worker works within 2 s, and no job begins twice."""
    cluster = new_cluster(workers=WORKERS, cache_url="none", silence_seconds=SILENCE_SECONDS[full]).start()
    held = upload_slow(cluster)
    decoder = hold(cluster, held)
    (broker,) = cluster.pids("broker")
    with stopped(broker):
        time.sleep(STOPPED_SECONDS[full])
    jobs = _everybody_works(cluster, held)
    os.kill(decoder, signal.SIGCONT)
    cluster.ended(held)
    assert cluster.log().count("broker_silent") >= WORKERS, "not every worker opened a fresh socket"
    for _ in range(BROKER_KILLS[full]):
        (broker,) = cluster.pids("broker", "ready")
        os.kill(broker, signal.SIGKILL)
        wait_until(lambda pid=broker: cluster.pids("broker", "ready") not in ([], [pid]), 10, "the next broker")  # type: ignore[misc]
        jobs += _everybody_works(cluster)
    found = all_ended(cluster, jobs, 60)
    assert {(job["state"], job["attempts"], len(events(job, "started"))) for job in found} == {("done", 1, 1)}


def _everybody_works(cluster: Cluster, *jobs: str) -> list[str]:
    """These jobs and more, which all workers have begun within WORK_SECONDS. Few wait at a time, or those of one call
    would keep the workers from those of the next."""
    posted, patience = list(jobs), Patience(WORK_SECONDS)
    while True:
        rows = ledger_rows(cluster)
        if len({row.worker for row in rows if row.id in posted and row.attempts}) == WORKERS:
            return posted
        patience.check("every worker to work")
        if sum(row.state == "queued" for row in rows) < WORKERS:
            posted += post_many(cluster, [slow_image(300)] * WORKERS, **SLOW)


def test_08_prefetch_starves(new_cluster: Callable[..., Cluster]) -> None:
    """8 (celery #4537, #6500): behind a job of 20 s, ten short ones on two workers are done in under 2 s."""
    cluster = new_cluster(workers=2, capacity=8, cache_url="none").start()
    long = upload_slow(cluster)
    short = post_many(cluster, [slow_image(300)] * 10, **SLOW)
    decoder = hold(cluster, long)
    within(
        2.0, lambda: all(cluster.get(f"/jobs/{job}")["state"] == "done" for job in short), "ten short jobs to be done"
    )
    assert cluster.get(f"/jobs/{long}")["state"] == "running"
    os.kill(decoder, signal.SIGCONT)
    jobs = all_ended(cluster, [long, *short], 30)
    assert {(job["state"], job["attempts"], len(events(job, "started"))) for job in jobs} == {("done", 1, 1)}


def _cancel(cluster: Cluster, job: str) -> None:
    """DELETE it; within CANCEL_SECONDS it is cancelled."""
    with cluster.client() as client:
        assert client.delete(f"/jobs/{job}").status_code in (200, 202)
    within(CANCEL_SECONDS, lambda: cluster.get(f"/jobs/{job}")["state"] == "cancelled", "the job to be cancelled")


def _stays_cancelled(cluster: Cluster, jobs: list[str]) -> None:
    """Nothing of these jobs is published after their end, and no file is left that no row names."""
    time.sleep(1.0)
    for job in (cluster.get(f"/jobs/{job}") for job in jobs):
        assert (job["state"], job["timeline"][-1]["event"]) == ("cancelled", "ended")
        assert len(files_of(cluster, job["id"])) == len(job["renditions"])


def test_09_cancel_does_not_cancel(new_cluster: Callable[..., Cluster]) -> None:
    """9 (celery #7529, river #78, procrastinate #1598): a DELETE ends a job that runs in C, is
    queued or delayed."""
    cluster = new_cluster(workers=1, cache_url="none", attempts_max=20).start()
    running = upload_slow(cluster, 2500)
    behind, *_, queued = post_many(cluster, [small_image() for _ in range(5)])
    decoder = decoder_of(cluster, running)
    assert cluster.get(f"/jobs/{queued}")["state"] == "queued"
    for job in (queued, behind, running):
        _cancel(cluster, job)
    wait_until(lambda: gone(decoder), CANCEL_SECONDS, "the decoder to be gone")
    delayed = upload_slow(cluster)
    _delay(cluster, delayed)
    _cancel(cluster, delayed)
    _stays_cancelled(cluster, [queued, behind, running, delayed])
    assert cluster.get(f"/jobs/{behind}")["attempts"] == 0


def test_09_cancel_of_what_is_prefetched(new_cluster: Callable[..., Cluster]) -> None:
    """9: a DELETE ends a job that waits at a worker behind another one, and no decoder ever begins it."""
    cluster = new_cluster(workers=1, cache_url="none").start()
    all_ended(cluster, post_many(cluster, [small_image() for _ in range(10)]), 20)
    wait_until(lambda: cluster.get("/stats")["queue"]["wait_seconds"] is not None, 5, "a mean to be known")
    for _ in range(3):
        running, prefetched = _cancel_prefetched(cluster)
        job = cluster.get(f"/jobs/{prefetched}")
        assert (job["attempts"], len(events(job, "assigned")), len(events(job, "started"))) == (0, 1, 0)
        _stays_cancelled(cluster, [prefetched, running])
        if not events(job, "returned"):
            return
    raise AssertionError("it was given back each time, and not ended by its worker")


def _cancel_prefetched(cluster: Cluster) -> tuple[str, str]:
    """The job that ran, and the one behind it, cancelled first. Keeper and decoder stand still until then, so that
    nothing ends or begins; dispatch is paused, or what waits behind a slow job would soon be asked back."""
    (keeper,) = cluster.pids("worker")
    (decoder,) = wait_until(lambda: cluster.decoders(keeper), 5, "a decoder")
    for pid in (keeper, decoder):
        os.kill(pid, signal.SIGSTOP)
    running, prefetched = post_many(cluster, [small_image(), small_image()])
    with cluster.client() as client:
        client.post("/queue/pause").raise_for_status()
        wait_until(lambda: cluster.get(f"/jobs/{prefetched}")["state"] == "running", 3, "a job to be prefetched")
        assert client.delete(f"/jobs/{prefetched}").status_code == 202
        os.kill(keeper, signal.SIGCONT)
        within(CANCEL_SECONDS, lambda: cluster.get(f"/jobs/{prefetched}")["state"] == "cancelled", "it to be cancelled")
        assert cluster.get(f"/jobs/{running}")["state"] == "running", "its worker had nothing else to do"
        _cancel(cluster, running)
        wait_until(lambda: gone(decoder), CANCEL_SECONDS, "the decoder to be gone")
        client.post("/queue/resume").raise_for_status()
    return running, prefetched


def _delay(cluster: Cluster, job: str) -> None:
    """Kill a job's decoders until it waits for its time, for a second at least."""
    for times in range(1, 6):
        os.kill(decoder_of(cluster, job, times), signal.SIGKILL)
    wait_until(lambda: cluster.get(f"/jobs/{job}")["state"] == "delayed", 5, "the job to be delayed")


def test_09_cancel_in_a_draining_keeper(new_cluster: Callable[..., Cluster]) -> None:
    """9: a DELETE ends what a draining worker still runs, which then leaves."""
    cluster = new_cluster(workers=0, cache_url="none").start()
    worker = cluster.start_role("worker")
    job = upload_slow(cluster, 2500)
    decoder = decoder_of(cluster, job)
    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: cluster.workers()[0]["state"] == "draining", 5, "the worker to drain")
    _cancel(cluster, job)
    assert worker.wait(CANCEL_SECONDS) == 0
    assert gone(decoder)
    _stays_cancelled(cluster, [job])


def test_09_cancel_during_a_brokers_restart(new_cluster: Callable[..., Cluster]) -> None:
    """9: a DELETE that finds no broker is answered by the next one; the running decoder is gone a second later."""
    cluster = new_cluster(workers=1, cache_url="none").start()
    running = upload_slow(cluster, 2500)
    waiting = post_many(cluster, [small_image() for _ in range(4)])[-1]
    decoder = decoder_of(cluster, running)
    os.kill(cluster.pids("broker")[0], signal.SIGKILL)
    for job in (waiting, running):  # in this order: the end of the other lets it run
        _cancel(cluster, job)
    wait_until(lambda: gone(decoder), CANCEL_SECONDS, "the decoder to be gone")
    _stays_cancelled(cluster, [running, waiting])


def test_12_batches_that_hang(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """12 (celery #4207, dramatiq #868): of a batch of 100 with failures, cancels and killed brokers, and of
    one of 1, `ended` reaches `total` once and stays; no member is missing or counted twice."""
    cluster = new_cluster(workers=2, cache_url="none").start()
    broken = (ROOT / "test-data" / "truncated.jpg").read_bytes()
    images = [broken if number < 70 and number % 7 == 3 else slow_image(200) + bytes([number]) for number in range(100)]
    single = cluster.upload(small_image(), "one.png")
    with cluster.client() as client:
        files = [("image", ("a.bmp", image)) for image in images]
        large = client.post("/upload", files=files, data=SLOW).json()
        members = [job["id"] for job in large["jobs"]]
        with _watched(cluster, large["batch"]["id"]) as seen:
            for turn in range(BATCH_KILLS[full]):
                os.kill(wait_until(lambda: cluster.pids("broker", "ready"), 10, "a broker")[0], signal.SIGKILL)
                assert client.delete(f"/jobs/{members[-1 - turn]}").status_code in (200, 202, 409)
            wait_until(lambda: seen and seen[-1]["ended"] == 100, 60, "the batch to end")
            time.sleep(0.5)
    for batch in (single["batch"]["id"], large["batch"]["id"]):
        now = cluster.get(f"/batches/{batch}")
        assert now["ended"] == now["total"] == sum(now["counts"].values()) == len({job["id"] for job in now["jobs"]})
    assert [job["id"] for job in now["jobs"]] == members
    assert now["counts"]["failed"] == 10 and now["counts"]["cancelled"] >= 1
    assert [view["ended"] for view in seen] == sorted(view["ended"] for view in seen)
    assert {(view["total"], sum(view["counts"].values()), len(view["jobs"])) for view in seen} == {(100, 100, 100)}


@contextmanager
def _watched(cluster: Cluster, batch: str) -> Iterator[list[Job]]:
    """Everything that /batches says of a batch meanwhile."""
    seen: list[Job] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            seen.append(cluster.get(f"/batches/{batch}"))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def test_13_scale_down_kills_busy_workers(new_cluster: Callable[..., Cluster]) -> None:
    """13 (keda #157): SIGTERM, 5 s, SIGKILL, with a job of 30 s: it is back in the queue before the
    SIGKILL, uncharged, and what waited behind it is back at once."""
    cluster = new_cluster(workers=0, cache_url="none", drain_seconds=DRAIN_SECONDS).start()
    worker = cluster.start_role("worker")
    long = upload_slow(cluster)
    (behind,) = post_many(cluster, [small_image()])
    decoder = hold(cluster, long)
    worker.send_signal(signal.SIGTERM)
    within(1.0, lambda: cluster.get(f"/jobs/{behind}")["state"] == "queued", "what waited to be back")
    assert worker.wait(KILL_SECONDS) == 0
    assert gone(decoder)
    job = cluster.get(f"/jobs/{long}")
    assert (job["state"], job["attempts"], job["timeline"][-1]["event"]) == ("queued", 0, "returned")
    cluster.start_role("worker")
    assert {(job["state"], job["attempts"]) for job in all_ended(cluster, [long, behind], 20)} == {("done", 1)}
