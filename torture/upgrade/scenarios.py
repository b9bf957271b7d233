"""The scenarios of an upgrade under load, and the figures that each must have.

`by_role` replaces one process after the other by hand, so that all mixtures of old and new parts must work together.
`in_place` replaces the files under a running supervisor, as `git checkout` does, and restarts. `supervisor_replaced`
stops all and starts anew.
"""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Figures, Load, ended_jobs, figures_of, upload_on
from torture.upgrade.releases import put

DONE_PER_STEP = 10
"""Jobs that each mixture of old and new must accept and end."""
CLIENTS, PAUSE = 3, 0.05
SETTINGS: dict[str, Any] = {"cache_url": "none"}
BACK_SECONDS = 60.0
_NOT_UNDERSTOOD = re.compile(r" WARNING (?:dropped|malformed|noise) .*")
"""How broker, web and worker log a frame that they cannot read."""
_AS_DESCRIPTOR_3 = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"


class Mixed(Cluster):
    """Roles by hand, each from a tree. The listening socket is kept here, as a unit of systemd keeps it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, **SETTINGS)
        del self.environ["PIXMILL_COURIERS"]  # no setting of the release before
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.url = f"http://localhost:{self._listener.getsockname()[1]}"
        self.passed, self.environ["LISTEN_FDS"] = [self._listener.fileno()], "1"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def command_line(self, *arguments: str) -> list[str]:
        """The role, with the listening socket under the number that systemd gives it."""
        passed = str(self._listener.fileno())
        return [sys.executable, "-c", _AS_DESCRIPTOR_3, passed, *super().command_line(*arguments)]

    def replace(self, role: str, tree: Path) -> None:
        """Run this role from `tree` from now on. The new process is ready before the old one ends; only the broker,
        which holds a lock, ends first."""
        old = self._running.pop(role, None)
        if old and role == "broker":
            _end(old)
        self.package_folder = tree
        self.environ["PYTHONPATH"] = str(tree)
        self._running[role] = self.start_role(role)
        if old and role != "broker":
            _end(old)

    def stop(self, seconds: float = 15.0) -> None:
        """As Cluster.stop."""
        self._listener.close()
        super().stop(seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(BACK_SECONDS) == 0


def by_role(cluster: Mixed, old: Path, new: Path, *, back: bool) -> Figures:
    """Replace broker, worker and web by those of `new`, one at a time, and then (`back`) by those of `old`."""
    for role in ("broker", "worker", "web"):
        cluster.replace(role, old)
    steps = [(role, tree) for tree in ([new, old] if back else [new]) for role in ("broker", "worker", "web")]
    with upload_on(cluster, CLIENTS, PAUSE) as load:
        _work(cluster, load)
        for role, tree in steps:
            cluster.replace(role, tree)
            _work(cluster, load)
    return {"steps": len(steps), **_figures(cluster, load)}


def _work(cluster: Cluster, load: Load) -> None:
    """Return once jobs that were accepted from now on have ended."""
    first = len(load.accepted)
    wait_until(lambda: len(load.accepted) >= first + DONE_PER_STEP, BACK_SECONDS, "uploads after a replacement")
    for job in load.accepted[first : first + DONE_PER_STEP]:
        cluster.ended(job, BACK_SECONDS)


def _figures(cluster: Cluster, load: Load) -> Figures:
    jobs = ended_jobs(cluster, load.accepted)
    return {
        **figures_of(load, jobs),
        "accept_seconds_max": round(load.seconds_max, 2),
        "frames_not_understood": len(_NOT_UNDERSTOOD.findall(cluster.log())),
    }


def in_place(cluster: Cluster, old: Path, new: Path, *, back: bool) -> Figures:
    """Put the files of `new` over those of a running pixmill and restart it; then (`back`) those of `old`. The
    supervisor stays the old one."""
    release = cluster.folder / "release"
    put(old, release)
    cluster.package_folder = release
    cluster.environ["PYTHONPATH"] = str(release)
    cluster.start()
    restarted = []
    with upload_on(cluster, CLIENTS, PAUSE) as load:
        for tree in [new, old] if back else [new]:
            _work(cluster, load)
            put(tree, release)
            _work(cluster, load)
            began = time.monotonic()
            assert "fault" not in cluster.ask(do="restart")
            restarted.append(time.monotonic() - began)
            _work(cluster, load)
    return {"restart_seconds_max": round(max(restarted), 2), **_figures(cluster, load)}


def supervisor_replaced(cluster: Cluster, old: Path, new: Path, **_: bool) -> Figures:
    """Stop everything of `old` and start `new`, under load. A new supervisor needs this, and nobody listens between."""
    cluster.package_folder = old
    cluster.environ |= {"PYTHONPATH": str(old), "PIXMILL_PORT": str(cluster.take_port())}
    cluster.start()
    with upload_on(cluster, CLIENTS, PAUSE) as load:
        _work(cluster, load)
        began = time.monotonic()
        assert "fault" not in cluster.ask(do="stop")
        assert cluster.supervisor and cluster.supervisor.wait(BACK_SECONDS) == 0
        cluster.package_folder = new
        cluster.environ["PYTHONPATH"] = str(new)
        cluster.start()
        away = time.monotonic() - began
        _work(cluster, load)
    return {"away_seconds": round(away, 2), **_figures(cluster, load)}


def broken(name: str, figures: Figures) -> list[str]:
    """The figures of a scenario that are not as they must be."""
    must: Figures = {"not_done": 0, "ended_twice": 0, "attempts_max": 1, "frames_not_understood": 0}
    if name != "supervisor_replaced":
        must |= {"requests_failed": 0, "requests_refused": 0}
    return [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures[key] != value]
