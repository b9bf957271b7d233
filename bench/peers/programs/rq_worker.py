"""A worker of RQ that has imported the task before it forks, with Pillow's formats, as RQ's documentation advises. Else
each job imports them."""

import os

from PIL import Image
from redis import Redis
from rq import Queue, Worker

from bench.peers.programs import task as task

if __name__ == "__main__":
    Image.init()
    connection = Redis.from_url(os.environ["PEER_SERVER"])
    Worker([Queue(connection=connection)], connection=connection).work(logging_level="ERROR")
