"""Known failures of other job systems, 1 to 5: jobs that run twice, are charged, stranded or looped when workers die.

The list: docs/reliability.md. Each count is short here and as promised with `--full` (make chaos).
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.fake_broker import gone
from tests.support.clusters.known_failures import SLOW_FIELDS as SLOW
from tests.support.clusters.known_failures import (
    Job,
    all_ended,
    began,
    decoder_of,
    events,
    hold,
    ledger_rows,
    lost_unbegun,
    post_many,
    slow_image,
    small_image,
    upload_slow,
    when_started,
    within,
)
from tests.support.patience import Patience, stretched

pytestmark = pytest.mark.cluster
SILENCE_SECONDS = {False: 0.6, True: 2.0}
BEHIND = 50
PREFETCH_SECONDS = 30.0
KEEPER_KILLS = {False: 4, True: 100}
NAMESAKES = {False: 1, True: 20}
RECYCLED_JOBS = {False: 60, True: 5000}
RECYCLE_SECONDS = {False: 0.2, True: 1.0}
RANDOM_KILLS = {False: 4, True: 200}
CRASH_MOMENTS = {False: 2, True: 30}


def test_01_duplicates_after_a_timeout(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """1 (celery #5306, kombu #337; BullMQ's stalls; Oban's rescue): a job of ten times the silence, and
    50 behind it in the same worker, begin once each."""
    silence = SILENCE_SECONDS[full]
    cluster = new_cluster(workers=1, cache_url="none", silence_seconds=silence).start()
    long = upload_slow(cluster)
    decoder = hold(cluster, long)
    behind = post_many(cluster, [small_image() for _ in range(BEHIND)])
    time.sleep(10 * silence)
    os.kill(decoder, signal.SIGCONT)
    jobs = all_ended(cluster, [long, *behind], 30)
    assert {(job["state"], job["attempts"], len(events(job, "started"))) for job in jobs} == {("done", 1, 1)}
    assert [job["id"] for job in jobs if events(job, "lost")] == []


def test_02_innocent_jobs_charged(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """2 (dask #5234): keepers are killed with jobs prefetched in them. Only those are charged that a
    decoder had begun, which is one of a keeper's at most."""
    kills = KEEPER_KILLS[full]
    cluster = new_cluster(workers=0, cache_url="none", attempts_max=50).start()
    workers = [cluster.start_role("worker", capacity=4) for _ in range(2)]
    jobs: list[str] = []
    for turn in range(kills):
        target = workers[turn % 2]
        patience = Patience(PREFETCH_SECONDS)
        while not _has_prefetched(cluster, target.pid):
            patience.check("a job that is prefetched")
            if len(ledger_rows(cluster, state="queued")) < 10:
                side = int(300 / stretched(1.0) ** 0.5)  # only short jobs are prefetched
                jobs += post_many(cluster, [slow_image(side)] * 10, **SLOW)
        target.kill()
        target.wait()
        workers[turn % 2] = cluster.start_role("worker", capacity=4)
    found = all_ended(cluster, jobs, 60 + kills)
    assert {job["state"] for job in found} == {"done"}
    assert [job["id"] for job in found if job["attempts"] != len(began(job))] == []
    assert sum(job["attempts"] - 1 for job in found) <= kills
    assert sum(len(lost_unbegun(job)) for job in found) >= kills, "too few jobs were lost while they waited"


def _has_prefetched(cluster: Cluster, keeper: int) -> bool:
    incarnations = [
        worker["incarnation"] for worker in cluster.get("/stats")["workers"] if worker["name"].endswith(f"-{keeper}")
    ]
    held = [row for row in ledger_rows(cluster, state="running") if row.worker in incarnations]
    return len(held) > 1 and any(row.started_at is None for row in held)


@contextmanager
def container(cluster: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as containers run it: with a pid of its own counting, so every one of them has one name."""
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", sys.executable]
    with (
        cluster.output.open("ab") as output,
        subprocess.Popen(
            [*command, "-m", "worker"], cwd=ROOT, env=cluster.environ, stdout=output, stderr=output, process_group=0
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_03_recovery_that_dies_with_the_crash_it_should_heal(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """3 (taskiq-redis #131, procrastinate #1518, river #1258): a keeper is killed while one of the same name
    starts: the job runs once more, at once; no row waits for a worker that is gone."""
    cluster = new_cluster(workers=0, cache_url="none").start()
    for _ in range(NAMESAKES[full]):
        with container(cluster) as first:
            job = upload_slow(cluster)
            when_started(cluster, job)
            (dead,) = cluster.workers()
            with container(cluster):
                first.kill()
                within(1.0, lambda gone=dead: _holds_nothing(cluster, gone), "the dead worker's row to be taken")  # type: ignore[misc]
                found = cluster.ended(job)
                (heir,) = cluster.workers()
        assert heir["name"] == dead["name"] and heir["incarnation"] != dead["incarnation"]
        assert (found["state"], found["attempts"], len(began(found))) == ("done", 2, 2)
        could_be = max(heir["since"], events(found, "lost")[0]["at"])
        wait = _seconds(could_be, events(found, "assigned")[1]["at"])
        assert 0 <= wait < stretched(0.5), f"the worker was there for {wait} s before it got the job"


def _holds_nothing(cluster: Cluster, worker: Job) -> bool:
    return all(row.worker != worker["incarnation"] for row in ledger_rows(cluster, state="running"))


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def test_04_restarting_or_recycling_strands_jobs(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """4 (rq #2015, taskiq #556, arq #343): every decoder is replaced after one job, a keeper is told to end
    each second, in short five times as often (while there is another): all jobs are done at their first try."""
    cluster = new_cluster(workers=3, cache_url="none", decoder_jobs_max=1).start()
    over = threading.Event()
    told: list[int] = []

    def recycle() -> None:
        while not over.wait(RECYCLE_SECONDS[full]):
            if len(keepers := cluster.pids("worker", "ready")) > 1:
                told.append(random.choice(keepers))
                os.kill(told[-1], signal.SIGTERM)

    recycling = threading.Thread(target=recycle)
    recycling.start()
    try:
        count = RECYCLED_JOBS[full]
        jobs = post_many(cluster, (small_image() for _ in range(count)))
        wait_until(lambda: not ledger_rows(cluster, state="queued"), 60 + count / 10, "the queue to be empty")
        wait_until(lambda: not ledger_rows(cluster, state="running"), 20, "all jobs to end")
    finally:
        over.set()
        recycling.join()
    assert told
    rows = ledger_rows(cluster)
    assert sorted(row.id for row in rows) == sorted(jobs)
    assert {(row.state, row.attempts) for row in rows} == {("done", 1)}


def test_05_poison_loops(new_cluster: Callable[..., Cluster]) -> None:
    """5 (activepieces #15130, sidekiq #4633): what kills a decoder twice of its own doing ends, and its
    content is not tried again until a person says so. Those beside and behind it are not charged."""
    cluster = new_cluster(workers=2, capacity=4, cache_url="none").start()
    poison = upload_slow(cluster)
    innocent = post_many(cluster, [small_image() for _ in range(20)])
    for times in (1, 2):
        os.kill(decoder_of(cluster, poison, times), signal.SIGSEGV)
    ended = cluster.ended(poison)
    assert (ended["state"], ended["error"]["code"], ended["attempts"]) == ("dead", "decoder_crashed", 2)
    again = cluster.ended(upload_slow(cluster))
    assert (again["state"], again["error"]["code"], again["attempts"]) == ("failed", "quarantined", 0)
    assert {(job["state"], job["attempts"]) for job in all_ended(cluster, innocent, 20)} == {("done", 1)}
    with cluster.client() as client:
        assert client.post(f"/jobs/{poison}/requeue").status_code == 202
    assert cluster.ended(poison)["state"] == "done"


def test_05_innocents_that_are_hit_twice(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """5: random kills hit some jobs twice. That says nothing about their content: all are done."""
    kills = RANDOM_KILLS[full]
    cluster = new_cluster(workers=2, cache_url="none", attempts_max=30).start()
    target = upload_slow(cluster)
    for times in (1, 2):
        os.kill(decoder_of(cluster, target, times), signal.SIGKILL)
    jobs = [target]
    for _ in range(kills):
        jobs += post_many(cluster, [slow_image(200)] * 6, **SLOW)
        time.sleep(0.3)
        decoders = [decoder for keeper in cluster.pids("worker", "ready") for decoder in cluster.decoders(keeper)]
        os.kill(random.choice(decoders), signal.SIGKILL)
    found = all_ended(cluster, jobs, 60 + kills)
    assert {job["state"] for job in found} == {"done"}
    assert sum(job["attempts"] - 1 for job in found) <= kills + 2
    assert found[0]["attempts"] >= 3


def test_05_a_poison_loop_ends_by_delete_at_any_moment(new_cluster: Callable[..., Cluster], full: bool) -> None:
    """5: whenever it comes, a DELETE ends the loop within a second."""
    cluster = new_cluster(workers=1, cache_url="none").start()
    for number in range(CRASH_MOMENTS[full]):
        job = upload_slow(cluster, filler=bytes([number]))
        decoder = decoder_of(cluster, job)
        os.kill(decoder, signal.SIGSEGV)
        time.sleep(random.uniform(0.0, 0.2))
        with cluster.client() as client:
            assert client.delete(f"/jobs/{job}").status_code == 202
        within(1.0, lambda job=job: cluster.get(f"/jobs/{job}")["state"] == "cancelled", "the job to be cancelled")  # type: ignore[misc]
        assert gone(decoder)
