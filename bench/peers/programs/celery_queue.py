"""Celery on Redis. By its documentation: results that nobody reads are ignored; long tasks are not prefetched, short
ones are, many at once. Safe: it acknowledges late, and rejects the task of a lost worker (task_reject_on_worker_lost),
which puts it back."""

import os

from celery import Celery

from bench.peers.programs import task

ASYNCHRONOUS = False
app = Celery("peers", broker=os.environ["PEER_SERVER"])
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=64 if task.QUICK else 1,
    task_acks_late=task.SAFE,
    task_reject_on_worker_lost=task.SAFE,
    broker_connection_retry_on_startup=True,
)


@app.task
def run(job: str, preset: str) -> None:
    """The task."""
    task.run(job, preset)


def enqueue(job: str, preset: str) -> None:
    """Enqueue."""
    run.delay(job, preset)
