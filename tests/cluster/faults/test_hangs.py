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


def test_a_stopped_broker_web_process_and_worker_are_replaced(new_cluster: Callable[..., Cluster]) -> None:
    """At the tree before, all three stayed as they were, `ready`, and the page answered nobody until a person came."""
    cluster = new_cluster().start()
    before = pids(cluster)
    for (pid,) in before.values():
        os.kill(pid, signal.SIGSTOP)

    def renewed() -> bool:
        now = pids(cluster)
        return all(now[role] and now[role] != before[role] for role in ROLES)

    wait_until(
        lambda: {row["state"] for row in cluster.ask(do="status")["processes"]} == {"silent"},
        HANG_SECONDS_MIN,
        "the status to say that all are silent",
    )
    wait_until(renewed, HANG_SECONDS_MIN + LAST_WORDS_SECONDS + 10.0, "all three to be replaced")
    assert {row["last"] for row in cluster.ask(do="status")["processes"]} == {"was silent for 20 s"}
    assert cluster.ended(cluster.upload(SAMPLE)["id"])["state"] == "done"


def test_a_machine_that_stood_still_loses_no_process(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster().start()
    before, everything = pids(cluster), cluster.everything()
    for pid in everything:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(HANG_SECONDS_MIN + 2.0)
    for pid in reversed(everything):
        os.kill(pid, signal.SIGCONT)
    assert cluster.ended(cluster.upload(SAMPLE)["id"])["state"] == "done"
    time.sleep(2 * LAST_WORDS_SECONDS)
    assert pids(cluster) == before
