"""One broker's folders and environment, for benchmarks that start roles by hand.

Owns which ledger `--ledger` names. Processes that start here end with their parent.
"""

import argparse
import contextlib
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from host.process.lifeline import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
Fresh = Callable[[], dict[str, str]]
"""Makes an empty ledger. Returns the settings that name it, none for the embedded one."""


class Installation(NamedTuple):
    """Its folders, and the environment of its roles."""

    data: Path
    run: Path
    environ: dict[str, str]


def ledger_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--ledger`."""
    parser.add_argument("--ledger", choices=("sqlite", "postgresql"), default="sqlite")


@contextlib.contextmanager
def ledgers(name: str) -> Iterator[Fresh]:
    """Where fresh ledgers of this kind come from. PostgreSQL: databases of one server, which ends with the context."""
    if name == "sqlite":
        yield dict
        return
    from tests.support.servers.postgres import PostgresServer

    server = PostgresServer()
    try:
        yield lambda: {"PIXMILL_LEDGER_URL": server.database()}
    finally:
        server.close()


@contextlib.contextmanager
def installation(fresh: Fresh = dict) -> Iterator[Installation]:
    """A fresh one, on a fresh ledger. Removed at the end."""
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        data, run = Path(folder) / "data", Path(folder) / "run"
        data.mkdir(mode=0o700)
        run.mkdir(mode=0o700)
        own = {"PIXMILL_DATA": str(data), "PIXMILL_RUN": str(run), "PIXMILL_LOG_LEVEL": "warning"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXMILL_")}
        yield Installation(data, run, kept | own | fresh())


def spawn(environ: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    """`python -m ARGUMENTS`, which dies with this process."""
    dies_with_us = functools.partial(die_with_parent, os.getpid())
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environ, text=True, preexec_fn=dies_with_us)


@contextlib.contextmanager
def running(environ: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that is ended with the context."""
    process = spawn(environ, *arguments)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
