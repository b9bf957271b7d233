"""A grant's uses on real processes: exact over two web processes, and over a broker that is killed meanwhile."""

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2
import pytest

import pixmill
from jobs.limits import GRANT_SLACK_SECONDS
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.harnesses.web_harness import png
from tests.support.patience import stretched

USES, UPLOADERS, BEFORE = 5, 20, 3
pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def grantor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One for all tests, each with grants and a reference of its own."""
    cluster = Cluster(tmp_path_factory.mktemp("grants"), workers=0, web_processes=2)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


def grant_of(cluster: Cluster, reference: str) -> str:
    """One made offline, with the secret that the cluster made at its start."""
    secret = (cluster.data / "grant.secret").read_bytes()
    return pixmill.grant(secret, expires_at=time.time() + 60, count=USES, reference=reference)


def told(cluster: Cluster, grant: str, number: int) -> str:
    """What uploader `number` is told in the end: it repeats itself, under its key, for as long as nobody knows,
    or others who may yet use the grant up are on their way."""
    headers = {"Content-Type": "image/png", "Authorization": f"Bearer {grant}", "Idempotency-Key": f"{number}"}

    def once() -> str:
        try:
            with cluster.client() as http:
                answer = http.post("/upload", content=png(number + 1), headers=headers)
                if answer.status_code == 202:
                    assert http.get(answer.json()["status_url"]).status_code == 200
        except httpx2.TransportError:
            return ""
        code = str(answer.json().get("code", "accepted"))
        return "" if answer.status_code == 503 or code == "too_many_at_once" else code

    return wait_until(once, 40, "an answer that is for good")


def together(cluster: Cluster, grant: str, numbers: range, meanwhile: Callable[[], None]) -> Counter[str]:
    """What these uploaders are told, who begin all at once, as `meanwhile` does."""
    begin = threading.Barrier(len(numbers) + 1)

    def upload(number: int) -> str:
        begin.wait(stretched(20))
        return told(cluster, grant, number)

    with ThreadPoolExecutor(len(numbers)) as pool:
        uploads = pool.map(upload, numbers)
        begin.wait(stretched(20))
        meanwhile()
        return Counter(uploads)


def accepted(cluster: Cluster, reference: str) -> int:
    return len(cluster.get("/jobs", reference=reference)["jobs"])


def test_a_grant_s_uses_are_exact(grantor: Cluster) -> None:
    answers = together(grantor, grant_of(grantor, "calm"), range(UPLOADERS), lambda: None)
    assert answers == {"accepted": USES, "grant_used_up": UPLOADERS - USES}
    assert accepted(grantor, "calm") == USES


def test_a_grant_s_uses_are_exact_over_a_killed_broker(grantor: Cluster) -> None:
    grant = grant_of(grantor, "killed")
    assert [told(grantor, grant, number) for number in range(BEFORE)] == ["accepted"] * BEFORE
    (broker,) = grantor.pids("broker")
    answers = together(grantor, grant, range(BEFORE, UPLOADERS), lambda: os.kill(broker, signal.SIGKILL))
    assert answers == {"accepted": USES - BEFORE, "grant_used_up": UPLOADERS - USES}
    assert accepted(grantor, "killed") == USES
    grantor.wait_complete()


def test_how_often_a_grant_was_used_is_kept_for_a_day_past_its_end(grantor: Cluster) -> None:
    now = time.time()
    ends = {"long over": now - GRANT_SLACK_SECONDS - 5, "just over": now - GRANT_SLACK_SECONDS + 300, "good": now + 300}

    def kept() -> set[str]:
        return {name for (name,) in ledger.execute("SELECT name FROM grants")} & ends.keys()

    with closing(sqlite3.connect(grantor.data / "ledger.sqlite3")) as ledger:
        with ledger:
            ledger.executemany("INSERT INTO grants VALUES (?, 1, ?)", ends.items())
        wait_until(lambda: "long over" not in kept(), 20, "the end of what is long over")
        assert kept() == {"just over", "good"}
