"""The peers as contenders: the Node architecture, and six Python queues with FastAPI in front.

Owns their commands, servers and settings, as their documentations recommend them. `engine` calls pixmill's pipeline in
the task instead of typical Pillow code. `safe` syncs the files as pixmill does, the server writes before it answers,
and the queue acknowledges as late as it can. Without it a peer has the durability of its default, and Redis that of
Debian's redis.conf.
"""

import os
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from bench.peers.whole.installed import NODE, python
from bench.peers.whole.stacks import Programs, Server, Setting
from host.process import hugepages
from tests.support.clusters.cluster import ROOT
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer

WEBS = WORKERS = 2
DEBIAN = ("--save", "3600 1 300 100 60 10000")
"""A snapshot after an hour, or earlier after many changes; no log."""
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")
_QUEUES = "bench.peers.programs"


class Queue(NamedTuple):
    """A Python peer. `workers` makes its commands, of whether the tasks are short and many."""

    server: str
    workers: Callable[[bool], list[list[str]]]
    environment: str = "python"


def _program(name: str, *words: str, environment: str = "python") -> list[str]:
    return [str(python(environment) / name), *words]


def _celery(quick: bool) -> list[list[str]]:
    words = ("-A", f"{_QUEUES}.celery_queue", "worker", "--concurrency", str(WORKERS), "--loglevel", "ERROR")
    return [_program("celery", *words)]


def _dramatiq(quick: bool) -> list[list[str]]:
    threads = "8" if quick else "1"  # 8 is its default
    words = (f"{_QUEUES}.dramatiq_queue", "--processes", str(WORKERS), "--threads", threads, "--skip-logging")
    return [_program("dramatiq", *words)]


def _rq(quick: bool) -> list[list[str]]:
    return [_program("python", "-m", f"{_QUEUES}.rq_worker")] * WORKERS


def _arq(quick: bool) -> list[list[str]]:
    return [_program("arq", f"{_QUEUES}.arq_queue.WorkerSettings")] * WORKERS


def _taskiq(quick: bool) -> list[list[str]]:
    most = "100" if quick else "1"  # 100 is its default
    words = (f"{_QUEUES}.taskiq_queue:broker", "--workers", str(WORKERS), "--max-async-tasks", most)
    return [_program("taskiq", "worker", *words, "--log-level", "ERROR", environment="taskiq")]


def _procrastinate(quick: bool) -> list[list[str]]:
    words = ("--concurrency", "10" if quick else "1")
    return [_program("procrastinate", f"--app={_QUEUES}.procrastinate_queue.app", "worker", *words)] * WORKERS


QUEUES = {
    "celery": Queue("redis", _celery),
    "dramatiq": Queue("redis", _dramatiq),
    "rq": Queue("redis", _rq),
    "arq": Queue("redis", _arq),
    "taskiq": Queue("redis", _taskiq, "taskiq"),
    "procrastinate": Queue("postgresql", _procrastinate),
}


def node(setting: Setting) -> Programs:
    """The Node architecture, before it is entered."""
    environ = _environ(setting) | {"PEER_WEBS": str(WEBS), "PEER_WORKERS": str(WORKERS), "NODE_ENV": "production"}
    if setting.no_ops:
        environ["PEER_NO_OPS"] = str(setting.no_ops)
    return Programs(["node", str(NODE / "primary.mjs")], [], environ)


def queue(peer: str, variant: str, setting: Setting) -> Programs:
    """A Python peer, before it is entered. Starts its server."""
    found, safe = QUEUES[peer], variant == "safe"
    server, address = _redis(safe) if found.server == "redis" else _postgres()
    environ = _environ(setting) | {"PEER_QUEUE": f"{peer}_queue", "PEER_SERVER": address, "PYTHONPATH": str(ROOT)}
    environ["PEER_ENGINE"] = "engine" if variant else "naive"
    environ["GLIBC_TUNABLES"] = hugepages.TOLD if variant else ""
    environ["PEER_SAFE"], environ["PEER_QUICK"] = str(int(safe)), str(int(setting.no_ops > 0))
    if found.server == "postgresql":
        schema = _program("procrastinate", f"--app={_QUEUES}.{peer}_queue.app", "schema", "--apply")
        made = subprocess.run(schema, env=environ | {"PEER_FOLDER": "."}, capture_output=True, text=True)
        assert not made.returncode, f"{peer} made no schema: {made.stderr[-2000:]}"
    return Programs(_web(setting, found.environment), found.workers(setting.no_ops > 0), environ, server)


def _web(setting: Setting, environment: str) -> list[str]:
    if setting.no_ops:
        return _program("python", "-m", f"{_QUEUES}.producer", str(setting.no_ops), environment=environment)
    words = ("--host", "127.0.0.1", "--port", "{port}", "--workers", str(WEBS), "--log-level", "warning")
    return _program("uvicorn", f"{_QUEUES}.front:app", *words, "--no-access-log", environment=environment)


def _environ(setting: Setting) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIXMILL_", "GLIBC_"))}
    return kept | {"PEER_PRESETS": str(setting.presets)}


def _redis(safe: bool) -> tuple[Server, str]:
    server = RedisServer(*DEBIAN, *(ALWAYS if safe else ()))
    return server, server.url


def _postgres() -> tuple[Server, str]:
    server = PostgresServer()
    return server, server.url
