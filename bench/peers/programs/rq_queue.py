"""RQ on Redis, as its guide has it: a worker forks for each job. Safe: a failed job is tried again (Retry)."""

import os

from redis import Redis
from rq import Queue, Retry

from bench.peers.programs import task

ASYNCHRONOUS = False
_queue = Queue(connection=Redis.from_url(os.environ["PEER_SERVER"]))
_RETRY = Retry(max=3) if task.SAFE else None


def enqueue(job: str, preset: str) -> None:
    """Enqueue. The result is not kept."""
    _queue.enqueue(task.run, job, preset, result_ttl=0, retry=_RETRY)
