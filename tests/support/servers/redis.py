"""A throw-away Redis, Debian's server, on a free port: kill, stop (SIGSTOP), start again, and settings at run time.

Owns a server's folder, port and process. It ends with the process that started it. Knows no key.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from host.process.lifeline import die_with_parent
from tests.support.clusters.cluster import wait_until
from tests.support.clusters.nginx import free_port
from tests.support.house.needs import lacking
from tests.support.servers.process import OneProcess

MISSING = "there is no Redis: apt-get install redis-server"
START_SECONDS = 10.0


class RedisServer(OneProcess):
    """One running server, in memory alone. `options`: further ones of its command line."""

    def __init__(self, *options: str) -> None:
        found = shutil.which("redis-server")
        assert found, MISSING
        self._program, self._options = found, options
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))  # short: a socket lies in it
        self.port = free_port()
        self.socket = self.folder / "redis.sock"
        self.start()

    @property
    def url(self) -> str:
        """Its address over TCP."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """Its address at its unix socket."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start the server, empty, and return once it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.socket),
                 "--save", "", "--appendonly", "no", "--dir", str(self.folder), "--daemonize", "no", *self._options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0,
                preexec_fn=functools.partial(die_with_parent, os.getpid(), signal.SIGKILL),
            )  # fmt: skip
        wait_until(self._answers, START_SECONDS, f"Redis to start: {self.folder}/log")

    def client(self) -> redis.Redis:
        """A client of the user who may do everything."""
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=START_SECONDS)

    def set(self, name: str, value: str) -> None:
        """Change one setting of the running server."""
        with self.client() as client:
            client.config_set(name, value)

    def close(self) -> None:
        """End it and remove its folder."""
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        assert self.process and self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        with contextlib.suppress(redis.RedisError), self.client() as client:
            return bool(client.ping())
        return False


def server_or_skip(what: str, *options: str) -> RedisServer:
    """A new server. Without one on this machine, skips the test, naming `what` is not tested; with CI=true fails it."""
    if shutil.which("redis-server") is None:
        lacking(f"{MISSING} (not tested: {what})")
    return RedisServer(*options)
