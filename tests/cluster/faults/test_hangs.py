"""A process that lives and does nothing is replaced; a machine that stood still as a whole is not taken for that."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from supervisor.core.fleet import HANG_SECONDS_MIN, LAST_WORDS_SECONDS, ROLES
from tests.support.clusters.cluster import ROOT, Cluster, wait_until

SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
pytestmark = pytest.mark.cluster


def pids(cluster: Cluster) -> dict[str, list[int]]:
    return {role: cluster.pids(role, "ready") for role in ROLES}


def test_what_stands_still_is_replaced_but_not_on_a_machine_that_stood_still_as_a_whole(
    new_cluster: Callable[..., Cluster],
) -> None:
    """Two clusters, so that the time in which a process hangs passes once: each process of ours stands still in one,
    and all of them with their supervisor in the other."""
    cluster, machine = new_cluster(couriers=1).start(), new_cluster(couriers=1).start()
    before, everyone, everything = pids(cluster), pids(machine), machine.everything()
    for pid in [*everything, *(pid for (pid,) in before.values())]:
        os.kill(pid, signal.SIGSTOP)
    stopped_at = time.monotonic()

    def renewed() -> bool:
        now = pids(cluster)
        return all(now[role] and now[role] != before[role] for role in ROLES)

    wait_until(
        lambda: {row["state"] for row in cluster.ask(do="status")["processes"]} == {"silent"},
        HANG_SECONDS_MIN,
        "the status to say that all are silent",
    )
    wait_until(renewed, HANG_SECONDS_MIN + LAST_WORDS_SECONDS + 10.0, "all of them to be replaced")
    assert {row["last"] for row in cluster.ask(do="status")["processes"]} == {"was silent for 20 s"}
    assert cluster.ended(cluster.upload(SAMPLE)["id"])["state"] == "done"

    time.sleep(max(0.0, stopped_at + HANG_SECONDS_MIN + 2.0 - time.monotonic()))
    for pid in reversed(everything):
        os.kill(pid, signal.SIGCONT)
    assert machine.ended(machine.upload(SAMPLE)["id"])["state"] == "done"
    time.sleep(2 * LAST_WORDS_SECONDS)
    assert pids(machine) == everyone
