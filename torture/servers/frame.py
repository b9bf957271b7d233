"""What every torture of a server has: the load, the fault, and the judgement. Knows no server.

A server's own file starts it, gives a cluster the settings with which it rests on it, and has the command.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Figures, Job, ended_jobs, figures_of, upload_on

FAULTS = ("killed", "stopped", "restarted")
LOAD_SECONDS = 2.0
"""How long the load runs before a fault and after the recovery."""
RECOVERY_SECONDS_MAX = 60.0


class Server(Protocol):
    """A server that can be hurt."""

    def kill(self) -> None:
        """SIGKILL it; its data stay."""

    def start(self) -> None:
        """Start it again, and return once it answers."""

    def stopped(self) -> AbstractContextManager[None]:
        """It stands still (SIGSTOP) within the block."""


@contextmanager
def hurt(server: Server, fault: str, seconds: float) -> Iterator[None]:
    """The server is away within the block: for `seconds`, or only for the time of a restart."""
    if fault == "stopped":
        with server.stopped():
            time.sleep(seconds)
            yield
        return
    server.kill()
    if fault == "killed":
        time.sleep(seconds)
    yield
    server.start()


def under_load(cluster: Cluster, server: Server, fault: str, seconds: float, clients: int = 4) -> Figures:
    """Hurt the server while clients upload. `accepted_meanwhile`: 202s during the fault. `accepting_seconds`,
    `done_seconds`: from the server's return to the first 202, and to the end of that job. `wrong`: jobs of which not
    all bytes can be had."""
    with upload_on(cluster, clients, pause=0.05) as load:
        time.sleep(LOAD_SECONDS)
        before = len(load.accepted)
        with hurt(server, fault, seconds):
            accepted = len(load.accepted)
        back = time.monotonic()
        wait_until(lambda: len(load.accepted) > accepted, RECOVERY_SECONDS_MAX, "a 202 after the fault")
        accepting = time.monotonic() - back
        cluster.ended(load.accepted[accepted], RECOVERY_SECONDS_MAX)
        done = time.monotonic() - back
        time.sleep(LOAD_SECONDS)
    jobs = ended_jobs(cluster, load.accepted)
    return {
        "fault_seconds": seconds if fault != "restarted" else 0.0,
        "accepted_meanwhile": accepted - before,
        "accepting_seconds": round(accepting, 2),
        "done_seconds": round(done, 2),
        "upload_seconds_max": round(load.seconds_max, 2),
        "wrong": sum(not whole(cluster, job) for job in jobs),
        **figures_of(load, jobs),
    }


def whole(cluster: Cluster, job: Job) -> bool:
    """Whether the original and all renditions of a job are served, with the bytes of their digests."""
    with cluster.client() as client:
        paths = [f"/jobs/{job['id']}/original"]
        paths += [f"/jobs/{job['id']}/renditions/{rendition['name']}" for rendition in job["renditions"]]
        answers = [client.get(path) for path in paths]
    return all(
        answer.status_code == 200 and answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
        for answer in answers
    )


def broken(scenario: str, figures: Figures) -> list[str]:
    """Every broken promise of a scenario, in words. An upload may get 503 and be repeated; nothing else."""
    nothing = ("not_done", "ended_twice", "wrong", "requests_refused")
    faults = [f"{scenario}: {name} is {figures[name]}" for name in nothing if figures[name]]
    return faults + [f"{scenario}: a try was charged"] * (figures["attempts_max"] > 1)
