"""Real processes for tests: a whole cluster under the supervisor, or single roles, in temporary folders.

Ends only what it started, by pid, and asserts at the end that nothing of it is left.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from host.process.notify import Notices
from host.sockets import control
from jobs.errors import SetupFault
from tests.support.patience import GIVES_WAY, Patience, stretched

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
POLL_SECONDS = 0.02
T = TypeVar("T")


def wait_until(probe: Callable[[], T], seconds: float, what: str) -> T:
    """The first true value of `probe`, which is called every 20 ms. Raises AssertionError after `seconds` of an idle
    machine."""
    patience = Patience(seconds)
    while not (value := probe()):
        patience.check(what)
        time.sleep(POLL_SECONDS)
    return value


def alive(pid: int) -> bool:
    """Whether `pid` runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    """The living child processes of `pid`."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [child for child in map(int, listed) if alive(child)]


class Cluster:
    """One installation in `folder`: `python -m supervisor` (start) and roles by hand (start_role).

    `settings`: PIXMILL_ settings, by their names in lower case. `output`: standard output and error of all processes.
    `package_folder`: where `python -m` finds the roles. `runner`: a module that runs the roles started by hand.
    """

    def __init__(self, folder: Path, package_folder: Path = ROOT, **settings: object) -> None:
        self.folder = folder
        self.run = Path(tempfile.mkdtemp(prefix="pm-"))
        self.data = folder / "data"
        self.output = folder / "output.txt"
        chosen = {"port": 0, "data": self.data, "run": self.run, "web_processes": 1, "workers": 1, **settings}
        if (package_folder / "courier").exists() or not (
            package_folder / "jobs"
        ).exists():  # else a release before them
            chosen = {"couriers": 0, **chosen}
        if nice := os.environ.get(GIVES_WAY):
            chosen = {"worker_nice": nice, **chosen}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXMILL_")}
        self.environ = kept | {f"PIXMILL_{name.upper()}": str(value) for name, value in chosen.items()}
        self.environ |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.package_folder = package_folder
        self.runner: list[str] = []
        self.passed: list[int] = []
        """Descriptors that each process inherits."""
        self.before: Callable[[], object] | None = None
        """What each new process does before it becomes one of ours."""
        self.url = ""
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.by_hand: list[subprocess.Popen[bytes]] = []

    # -- processes

    def start(self, *arguments: str, ready: bool = True) -> "Cluster":
        """Start the supervisor; with `ready`, return once every process is ready."""
        self.supervisor = self._spawn("supervisor", *arguments)
        if ready:
            self.wait_complete()
        return self

    def wait_complete(self, seconds: float = START_SECONDS) -> None:
        """Wait until every process that the supervisor wants exists and is ready."""
        wait_until(self._complete, seconds, "all processes to be ready")

    def start_role(self, role: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start `python -m role` by hand, as systemd would, and wait until it says that it is ready."""
        return self.start_roles(role, **settings)[0]

    def start_roles(self, *roles: str, **settings: object) -> list[subprocess.Popen[bytes]]:
        """Start these roles by hand, as start_role does, all at the same time."""
        notices = Notices(self.run / "by-hand.sock")
        environ = {f"PIXMILL_{name.upper()}": str(value) for name, value in settings.items()}
        environ["NOTIFY_SOCKET"] = str(self.run / "by-hand.sock")
        started = {role: self._spawn(*self.runner, role, environ=environ) for role in roles}
        self.by_hand += started.values()
        waiting = {process.pid: role for role, process in started.items()}

        def ready() -> bool:
            for role, process in started.items():
                assert process.poll() is None, f"{role} ended with {process.returncode}: {self.log()[-2000:]}"
            for pid, said in notices.received():
                if said == {"READY": "1"}:
                    waiting.pop(pid, None)
            return not waiting

        try:
            wait_until(ready, START_SECONDS, f"{', '.join(roles)} to be ready")
        finally:
            notices.socket.close()
        return [*started.values()]

    def start_unready(self, role: str) -> subprocess.Popen[bytes]:
        """Start `python -m role` by hand, and do not wait: one that stands by is ready late, or never."""
        self.by_hand.append(self._spawn(*self.runner, role))
        return self.by_hand[-1]

    def take_port(self) -> int:
        """A free port for a web process that is started by hand. `url` has it from then on."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        self.url = f"http://localhost:{port}"
        return port

    def command(self, *words: str) -> subprocess.Popen[bytes]:
        """Start `python -m supervisor WORDS`, which asks the supervisor that runs."""
        return self._spawn("supervisor", *words)

    def command_line(self, *arguments: str) -> list[str]:
        """What is typed to run a module; a subclass may type something else."""
        return [sys.executable, "-m", *arguments]

    def _spawn(self, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                self.command_line(*arguments),
                cwd=self.package_folder,
                env=self.environ | (environ or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=self.passed,
                process_group=0,
                preexec_fn=self.before,
            )

    def _complete(self) -> bool:
        if self.supervisor and self.supervisor.poll() is not None:
            raise AssertionError(f"the supervisor ended with {self.supervisor.returncode}: {self.log()[-2000:]}")
        try:
            status = self.ask(do="status")
        except SetupFault:
            return False
        self.url = status["url"]
        return bool(status["processes"]) and all(row["state"] == "ready" for row in status["processes"])

    def ask(self, **request: object) -> dict[str, Any]:
        """What the supervisor answers on its control socket: ask(do="scale", workers=2)."""
        return control.ask(self.run / "supervisor.sock", request, "no supervisor answers")

    def pids(self, role: str, state: str | None = None) -> list[int]:
        """The pids of `role` (of those in `state` starting, ready or leaving) under the supervisor."""
        rows = self.ask(do="status")["processes"]
        return [row["pid"] for row in rows if row["pid"] and row["role"] == role and state in (None, row["state"])]

    def nurseries(self, keeper: int) -> list[int]:
        """The nursery of a keeper (a worker process)."""
        return children_of(keeper)

    def decoders(self, keeper: int) -> list[int]:
        """The decoders of a keeper."""
        return [decoder for nursery in children_of(keeper) for decoder in children_of(nursery)]

    def everything(self) -> list[int]:
        """Every living process of this installation, by its PIXMILL_RUN, whatever its parent is."""
        mark = f"PIXMILL_RUN={self.run}\0".encode()
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _marked(entry, mark)]

    # -- HTTP

    @contextmanager
    def client(self) -> Iterator[httpx2.Client]:
        """An HTTP client of this cluster, on connections of its own. (To `verify` is 20 ms of reading certificates.)"""
        with httpx2.Client(base_url=self.url, timeout=stretched(30), verify=False) as client:
            yield client

    def get(self, path: str, **parameters: object) -> Any:
        """The JSON at `path`, which must be a 200."""
        with self.client() as client:
            response = client.get(path, params={name: str(value) for name, value in parameters.items()})
        assert response.status_code == 200, response.text
        return response.json()

    def workers(self, count: int = 1) -> list[dict[str, Any]]:
        """The workers of /stats, once there are `count`: the beat that tells them is up to a second old."""

        def look() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.get("/stats")["workers"]
            return found if len(found) == count else []

        return wait_until(look, 5.0, f"a beat that tells {count} workers")

    def upload(self, image: bytes, filename: str = "image.jpg", **fields: str) -> dict[str, Any]:
        """Upload one image; the 202's JSON."""
        with self.client() as client:
            response = client.post("/upload", files={"image": (filename, image)}, data=fields)
        assert response.status_code == 202, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def ended(self, job: str, seconds: float = 30.0) -> dict[str, Any]:
        """The job once it has ended, however it did."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(f"/jobs/{job}", wait=1)
            return found if found["ended_at"] else None

        found = wait_until(look, seconds, f"job {job} to end")
        assert found is not None
        return found

    # -- the end

    def keep_flight(self) -> Path:
        """Copy the flight recording and the ledger to a folder that is kept after the test. Returns the folder.
        `python -m broker replay FOLDER --ledger FOLDER/ledger.sqlite3` replays it."""
        kept = Path(tempfile.mkdtemp(prefix="pixmill-flight-"))
        for path in [*self.data.glob("flight/*.flight"), *self.data.glob("ledger.sqlite3*")]:
            shutil.copy(path, kept)
        return kept

    def log(self) -> str:
        """The output of all processes."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log with LOG_FORMAT=json, without what is no JSON."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and line.endswith("}")]

    def stop(self, seconds: float = 15.0) -> None:
        """Send SIGINT to the supervisor and SIGTERM to roles started by hand, and assert that no process is left."""
        for process in self.by_hand:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGINT)
        try:
            for process in [*self.by_hand, *filter(None, [self.supervisor])]:
                process.wait(stretched(seconds))
            wait_until(lambda: not self.everything(), 2.0, "every process to be gone")
        finally:
            for pid in self.everything():
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.run, ignore_errors=True)


def _marked(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes() and alive(int(entry.name))
    except OSError:
        return False
