"""A broker, a web process and a worker, started by hand, that are made to fail at one crash point after the other.

Owns what must hold at each point. No 202 is sent before its row is committed. A failed write or sync of the ledger ends
the broker with one line. A POST that is repeated under its key until its 202 is one job, which ends once and
completely.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jobs.ids import original_name
from jobs.job import Outcome, Row, State, decode_outcome
from jobs.records import Where
from stores.ledger.sqlite_reader import open_reader
from tests.support.clusters import faults
from tests.support.clusters.cluster import ROOT, Cluster, alive, wait_until
from tests.support.clusters.crash_points import KILL, Point
from tests.support.patience import stretched

SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
HIT_SECONDS, END_SECONDS = 30.0, 20.0
PATIENT: dict[str, Any] = {"accept_seconds": 30, "silence_seconds": 30, "grace_seconds": 4}
"""Long limits for slow machines: only the fault of a point may cost an answer or an attempt."""
ORPHAN_SECONDS = 2.0
UPLOAD_SECONDS = 60.0
DETACH_SECONDS = 3.0
UPLOADS_MAX = 6
"""How many uploads may pass before the point is reached: not every job causes a checkpoint."""
ENDING = re.compile(r"ledger_failed.*SQLITE_(IOERR|FULL)")


def strace_missing() -> str:
    """Why strace cannot make system calls fail on this machine; "" if it can."""
    if shutil.which("strace") is None:
        return "no strace on this machine"
    asked = ["strace", "-qq", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", sys.executable, "-c", _SYNC]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stderr
    return "" if "(INJECTED)" in told else f"strace may not trace here: {told[:100]}"


_SYNC = "import contextlib, os\nwith contextlib.suppress(OSError): os.fsync(1)"


class Client:
    """One POST with a key of its own, repeated until its 202. `answers`: the statuses before it; 0: no answer."""

    def __init__(self, url: str, key: str) -> None:
        self.key, self.answers, self.job = key, list[int](), ""
        self._address = urlsplit(url)
        self._thread = threading.Thread(target=self._until_accepted, daemon=True)
        self._thread.start()

    def wait(self) -> str:
        """The id of its job."""
        self._thread.join(UPLOAD_SECONDS)
        assert self.job, f"{self.key} got no 202: {self.answers}"
        return self.job

    def _until_accepted(self) -> None:
        until = time.monotonic() + UPLOAD_SECONDS
        while not self.job and time.monotonic() < until:
            try:
                self._post()
            except (OSError, http.client.HTTPException):
                self.answers.append(0)
                time.sleep(0.05)

    def _post(self) -> None:
        with contextlib.closing(
            http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=UPLOAD_SECONDS)
        ) as connection:
            headers = {"Content-Type": "image/jpeg", "Idempotency-Key": self.key}
            connection.request("POST", f"/upload?reference={self.key}", SAMPLE, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        if response.status == 202:
            self.job = answer["id"]
        else:
            self.answers.append(response.status)


class CrashHarness:
    """The three processes. At each point one of them ends and is started again. Call `close` at the end."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder, cache_url="none", **PATIENT)
        self.cluster.runner = [faults.__name__]
        self._armed = folder / "fault.armed"
        self._log = folder / "strace.txt"
        self.cluster.environ |= {faults.VARIABLE: str(self._armed), "PIXMILL_PORT": str(self.cluster.take_port())}
        self._reader = open_reader(self.cluster.data / "ledger.sqlite3")
        self._clients = 0
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for role in ("broker", "worker", "web"):
            self._start(role)

    def close(self) -> None:
        """End all processes."""
        self._reader.close()
        self.cluster.stop()

    def meet(self, point: Point) -> None:
        """Upload until the point is reached, restart the process that ended, and check. Raises AssertionError."""
        faults.arm(self._armed, point.step, KILL if point.fault == KILL else "stop")
        clients = [self._client()]
        while not (met := self._met(clients)):
            clients.append(self._client())
        if point.fault != KILL:
            self._fail_calls(point, met["pid"], met["path"])
        if point.fault == KILL or point.role == "broker":
            self._see_end(point, clients)
            self._start(point.role)
        for client in clients:
            self._check(client, clients[-1] is client, point)

    def check_files(self) -> None:
        """Check that every name in a row has its file, and, after the walk, that every file is named by a row."""
        self._processes["broker"].send_signal(signal.SIGTERM)
        self._processes["broker"].wait(stretched(END_SECONDS))
        self.cluster.start_role("broker", orphan_seconds=ORPHAN_SECONDS, accept_seconds=ORPHAN_SECONDS / 2)
        rows = self._rows()
        named = {original_name(row.id) for row in rows}
        named |= {rendition.blob for row in rows for rendition in decode_outcome(row.outcome).renditions}
        wait_until(lambda: self._files() == named, 10 * ORPHAN_SECONDS, "the files to be those that rows name")

    # -- a point

    def _met(self, clients: list[Client]) -> dict[str, Any] | None:
        """The process that reached the point; None if the clients' jobs were done without it, so that another upload is
        needed."""
        assert len(clients) <= UPLOADS_MAX, "the point is never come to"

        def look() -> dict[str, Any] | str | None:
            return faults.hit(self._armed) or ("done" if clients[-1].job and self._done(clients[-1].job) else None)

        found = wait_until(look, HIT_SECONDS, "the point to be come to")
        return found if isinstance(found, dict) else None

    def _client(self) -> Client:
        self._clients += 1
        return Client(self.cluster.url, f"crash-{self._clients}")

    def _done(self, job: str) -> bool:
        row = self._reader.job(job)
        return row is not None and row.state == State.DONE

    def _fail_calls(self, point: Point, pid: int, path: str) -> None:
        """Make the point's next system call on `path` fail, in the stopped process `pid`."""
        self._log.unlink(missing_ok=True)
        asked = ["-e", f"trace={point.calls}", "-e", f"inject={point.calls}:error={point.fault}:when=1"]
        strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", str(self._log), "-P", path, *asked, "-p", str(pid)], stderr=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: traced(pid), END_SECONDS, "strace to take hold")
            os.kill(pid, signal.SIGCONT)
            wait_until(
                lambda: self._log.exists() and "(INJECTED)" in self._log.read_text(), HIT_SECONDS, "an injection"
            )
        finally:
            strace.send_signal(signal.SIGINT)
            try:
                strace.wait(stretched(DETACH_SECONDS))
            except subprocess.TimeoutExpired:  # it waits for a thread that has ended: so the kernel must let go
                strace.kill()
                strace.wait(stretched(END_SECONDS))

    def _see_end(self, point: Point, clients: list[Client]) -> None:
        """Check that the process ended as it must, and that each client with a 202 has a row before its restart."""
        before = self._output_bytes
        status = self._processes[point.role].wait(stretched(END_SECONDS))
        if point.fault == KILL:
            assert status == -signal.SIGKILL
        else:
            told = self.cluster.log()[before:]
            assert status == 1, f"the broker ended with {status}: {told[-1000:]}"
            assert len(ENDING.findall(told)) == 1, f"no line tells why: {told[-1000:]}"
            assert "Traceback" not in told
        for client in clients:
            if client.job:
                assert self._reader.job(client.job), f"{client.key} has a 202 and no row"

    def _check(self, client: Client, last: bool, point: Point) -> None:
        job = client.wait()
        if last:
            assert set(client.answers) == set(point.answers), f"before its 202 came {client.answers}"
        row = self._ended(job)
        assert [found.id for found in self._rows() if found.reference == client.key] == [job]
        outcome = decode_outcome(row.outcome)
        assert row.state == State.DONE, f"{row.state}: {outcome.error}"
        assert [entry.event for entry in outcome.timeline].count("ended") == 1
        assert row.attempts == (point.attempts if last else 1), f"{row.attempts} attempts"
        self._check_blobs(row, outcome)

    def _check_blobs(self, row: Row, outcome: Outcome) -> None:
        assert (self.cluster.data / original_name(row.id)).read_bytes() == SAMPLE
        assert sorted(rendition.name for rendition in outcome.renditions) == ["large", "thumb"]
        for rendition in outcome.renditions:
            assert hashlib.sha256((self.cluster.data / rendition.blob).read_bytes()).hexdigest() == rendition.digest

    # -- processes, rows, files

    def _start(self, role: str) -> None:
        self._output_bytes = len(self.cluster.log())
        self._processes[role] = self.cluster.start_role(role)

    def _ended(self, job: str) -> Row:
        wait_until(lambda: self._done(job), UPLOAD_SECONDS, f"job {job} to be done")
        row = self._reader.job(job)
        assert row
        return row

    def _rows(self) -> list[Row]:
        rows, before = list[Row](), None
        while True:
            page, before = self._reader.page(Where(), before, 500, 10_000)
            rows += page
            if before is None:
                return rows

    def _files(self) -> set[str]:
        folders = [self.cluster.data / name for name in ("incoming", "raw", "processed")]
        paths: Iterator[Path] = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.cluster.data)) for path in paths}


def traced(pid: int) -> bool:
    """Whether every thread of a process has its tracer."""
    assert alive(pid)
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)
