"""A worker of RQ that has imported the task before it forks, as RQ's documentation advises (else each job imports
it)."""

import os

from redis import Redis
from rq import Queue, Worker

from bench.peers.programs import task as task

if __name__ == "__main__":
    connection = Redis.from_url(os.environ["PEER_SERVER"])
    Worker([Queue(connection=connection)], connection=connection).work(logging_level="ERROR")
