"""A contender while it runs: the contract of all of them, and the one that is made of programs in a folder.

Owns the processes of such a contender, and what systemd would do for them: a program that ends is started again after
RESTART_SECONDS. Each program is a leader of its process group, and ends with this process.
"""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from bench.peers.whole import accounts
from host.process import lifeline
from tests.support.clusters.cluster import wait_until

RESTART_SECONDS = 0.1
"""RestartSec of systemd, if a unit names none."""
START_SECONDS = 60.0
END_SECONDS = 10.0


class Setting(NamedTuple):
    """What a contender is started with: the presets as JSON and as a recipes.toml. `no_ops`: how many no-ops a producer
    keeps under way, in place of the web; 0: there is a web, and the tasks are images."""

    presets: Path
    recipes: Path
    no_ops: int = 0


class Start(NamedTuple):
    """A job's task started, at wall time `at`."""

    job: str
    at: float


class Stack(Protocol):
    """A contender that runs. It is a context manager, and takes uploads at `url` inside."""

    url: str
    folders: list[Path]
    """Where the results appear."""

    def roots(self) -> list[int]:
        """The processes from which all others of it descend."""

    def pause(self) -> None:
        """Let no job start; uploads are accepted. What runs may go on for a moment."""

    def resume(self) -> None:
        """Undo `pause`."""

    def kill(self, target: str) -> float:
        """SIGKILL one of `targets` of its Contender. Returns the wall time."""

    def mend(self) -> None:
        """Start again what has ended, as systemd would. Called often."""

    def starts(self, jobs: list[str]) -> list[Start]:
        """All starts of these jobs."""

    def results_of(self, job: str) -> list[Path]:
        """The files of its result."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...


class Server(Protocol):
    """A Redis or a PostgreSQL of tests/support/servers."""

    process: "subprocess.Popen[bytes] | None"

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


class Programs:
    """A contender of commands, which all run in a fresh folder with the same environment. `web`: the command that takes
    uploads, on PEER_PORT; {port} stands for it. `workers`: those that run the tasks. `server`: what keeps the queue."""

    def __init__(
        self, web: list[str], workers: list[list[str]], environ: Mapping[str, str], server: Server | None = None
    ) -> None:
        self._without_web = any("producer" in word for word in web) or "PEER_NO_OPS" in environ
        self._server = server
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended_at: dict[str, float] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="peer-")
        self.folder = Path(self._folder.name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        named = {"web": web} | {f"worker-{number}": command for number, command in enumerate(workers)}
        self._commands = {name: [word.replace("{port}", str(self.port)) for word in named[name]] for name in named}
        self.folders = [self.folder / "results"]
        for name in ("uploads", "results"):
            (self.folder / name).mkdir()
        own = {"PEER_FOLDER": str(self.folder), "PEER_PORT": str(self.port)}
        self._environ = {**environ, **own}

    def __enter__(self) -> Self:
        try:
            for name in self._commands:
                self._start(name)
            return self if self._without_web else self._ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
            _signal_group(process, signal.SIGKILL)
            process.wait()
        if self._server:
            self._server.close()
        self._folder.cleanup()

    def _ready(self) -> Self:

        def answers() -> bool:
            self._complain()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as web:
                web.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return web.recv(100).startswith(b"HTTP/1.1 200")
            return False

        wait_until(answers, START_SECONDS, "the web to answer")
        return self

    def roots(self) -> list[int]:
        """As Stack.roots."""
        server = [self._server.process.pid] if self._server and self._server.process else []
        return [*(process.pid for process in self._running.values()), *server]

    def pause(self) -> None:
        """As Stack.pause: stop the workers."""
        self._signal_workers(signal.SIGSTOP)

    def resume(self) -> None:
        """As Stack.resume."""
        self._signal_workers(signal.SIGCONT)

    def kill(self, target: str) -> float:
        """As Stack.kill: `worker` is the process that has just started a task, `queue` the server, or the web command
        of a contender that keeps its queue in it."""
        if target == "queue" and self._server:
            at = time.time()
            self._server.kill()
            return at
        pid = wait_until(self._busy, START_SECONDS, "a task to start") if target == "worker" else None
        at = time.time()
        os.kill(pid or self._running["web"].pid, signal.SIGKILL)
        return at

    def mend(self) -> None:
        """As Stack.mend."""
        for name, process in self._running.items():
            if process.poll() is not None and self._due(name):
                _signal_group(process, signal.SIGKILL)  # as systemd ends what is left of a unit
                self._start(name)
        server = self._server
        if server and server.process and server.process.poll() is not None and self._due("server"):
            server.start()

    def _due(self, name: str) -> bool:
        """Whether what has ended is to be started now. Called again and again, from soon after the end on."""
        now = time.monotonic()
        due = now > self._ended_at.setdefault(name, now) + RESTART_SECONDS
        if due:
            del self._ended_at[name]
        return due

    def starts(self, jobs: list[str]) -> list[Start]:
        """As Stack.starts."""
        mine = set(jobs)
        return [Start(job, at) for job, at, _ in self._started() if job in mine]

    def results_of(self, job: str) -> list[Path]:
        """As Stack.results_of."""
        return sorted(self.folders[0].glob(f"{job}.*"))

    def output(self) -> str:
        """What the programs have printed."""
        return (self.folder / "output").read_text(errors="replace")

    def _started(self) -> list[tuple[str, float, int]]:
        with contextlib.suppress(FileNotFoundError):
            lines = [line.split() for line in (self.folder / "starts").read_text().splitlines()]
            return [(job, float(at), int(pid)) for job, at, pid in lines]
        return []

    def _busy(self) -> int | None:
        """A process that has started a task whose result is not there."""
        for job, _, pid in reversed(self._started()[-4:]):
            if not self.results_of(job):
                return pid
        return None

    def _signal_workers(self, number: int) -> None:
        names = [name for name in self._running if name != "web"]
        roots = [self._running[name].pid for name in names] or self._forked()
        for process in accounts.family(accounts.look(), roots):
            os.kill(process.pid, number)

    def _forked(self) -> list[int]:
        """The image workers of a contender that forks them from its one command."""
        children = [one.pid for one in accounts.look() if one.parent == self._running["web"].pid]
        return [pid for pid in children if b"worker.mjs" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def _start(self, name: str) -> None:
        with (self.folder / "output").open("ab") as output:
            self._running[name] = subprocess.Popen(
                self._commands[name], env=self._environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                process_group=0, cwd=self.folder, preexec_fn=_dying(),
            )  # fmt: skip

    def _complain(self) -> None:
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        assert not ended, f"{', '.join(ended)} ended: {self.output()[-3000:]}"


def _dying() -> Callable[[], None]:
    parent = os.getpid()
    return lambda: lifeline.die_with_parent(parent)


def _signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, number)
