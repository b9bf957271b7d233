"""What one upload costs, in counts: messages, SQL statements, commits, syncs and system calls a job.

A busy machine moves times, and not these: a client that waits for each job makes the same turns everywhere, and with
more clients a turn does more at once. Calls that only wait, or that libzmq makes at each wait, are not counted, and
neither is what comes once a second. `python -m bench.causes` shows all of them, with times.

A change that raises a count must raise its bound here, and say why. The bounds were set on 1 December 2026, somewhat
above what was counted with 1 client and with 8, beside 8 busy loops.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.causes.calls import Traced
from bench.parts.processes import family
from tests.support import counted
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.clusters.crash_harness import strace_missing
from tests.support.house.needs import lacking

pytestmark = pytest.mark.cluster
ROTATED = ROOT / "test-data" / "rotated.jpg"
CLIENTS, JOBS = (1, 8), 40
WAITS = {"epoll_pwait", "epoll_wait", "epoll_ctl", "futex", "getpid", "poll", "ppoll", "restart_syscall"}
EACH_SECOND = {"Beat", "BrokerBeat", "WorkerBeat"}

MESSAGES_MAX = {"web": {"Submit": 1}, "broker": {"Receipts": 1, "Assign": 1, "Changes": 4, "Settled": 1}}
MESSAGES_MAX |= {"worker": {"Started": 1, "Published": 1, "Finished": 1}}
COMMITS_MAX = 4
"""The turns that change something: accepted and assigned, started, a first rendition, the end."""
STATEMENTS_MAX = {"INSERT": 2, "UPDATE": 7, "SELECT": 2, "DELETE": 1}
SYNCS_MAX = {"web": 3, "broker": 4, "keeper": 5, "decoder": 0}
"""The original, its folder and a new folder above; a commit each; the same of two renditions."""
CALLS_MAX = {"web": 85, "broker": 100, "keeper": 80, "decoder": 22}
SLACK = 0.3
"""What a job more or less at the ends of the window, and what comes now and then, adds to a count a job."""


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one process of each role, which counts."""
    cluster = Cluster(tmp_path_factory.mktemp("price"), cache_url="none")
    cluster.environ["PYTHONPATH"] = f"{counted.FOLDER}:{ROOT}"
    try:
        upload(cluster.start(), 1)
        yield cluster
    finally:
        cluster.stop()


def upload(cluster: Cluster, clients: int) -> None:
    """So many clients at once upload JOBS pictures in all; each waits for its job before it uploads the next one."""
    image = ROTATED.read_bytes()

    def client(_: int) -> None:
        with cluster.client() as http:
            for _ in range(JOBS // clients):
                files = {"image": ("a.jpg", image + secrets.token_bytes(16))}
                location = http.post("/upload", files=files).headers["location"]
                assert http.get(location, params={"wait": 30}).json()["state"] == "done"

    with ThreadPoolExecutor(clients) as pool:
        [*pool.map(client, range(clients))]


def counts(cluster: Cluster, clients: int) -> dict[str, counted.Counts]:
    """What each role counts meanwhile."""
    pids = {role: cluster.pids(role)[0] for role in ("web", "broker", "worker")}
    before = {role: counted.counts_of(cluster.run, pid) for role, pid in pids.items()}
    upload(cluster, clients)
    after = {role: counted.counts_of(cluster.run, pid) for role, pid in pids.items()}
    return {
        role: counted.Counts(
            found.entries, found.messages - before[role].messages, found.statements - before[role].statements
        )
        for role, found in after.items()
    }


def check(what: str, found: Counter[str], most: dict[str, int]) -> None:
    """Each count of `found`, which is of JOBS jobs, is at most that; others there are none."""
    each = {name: count / JOBS for name, count in found.items() if name not in EACH_SECOND}
    above = {name: count for name, count in each.items() if count > most.get(name, 0) + SLACK}
    assert not above, f"{what} a job: {above}, allowed are {most}"


@pytest.mark.parametrize("clients", CLIENTS)
def test_messages_and_statements_of_a_job_stay_within_their_bounds(counting: Cluster, clients: int) -> None:
    found = counts(counting, clients)
    assert found["web"].messages["Submit"] == JOBS
    for role, each in found.items():
        check(f"messages of {role}", each.messages, MESSAGES_MAX[role])
    statements = found["broker"].statements
    commits = Counter({name: statements.pop(name) for name in ("BEGIN", "COMMIT")})
    assert commits["COMMIT"] >= JOBS / clients
    check("commits", commits, {"BEGIN": COMMITS_MAX, "COMMIT": COMMITS_MAX})
    check("statements", statements, STATEMENTS_MAX)


@pytest.mark.parametrize("clients", CLIENTS)
@pytest.mark.parametrize("role", ["web", "broker", "keeper", "decoder"])
def test_system_calls_of_a_job_stay_within_their_bounds(
    counting: Cluster, role: str, clients: int, tmp_path: Path
) -> None:
    if missing := strace_missing():
        lacking(f"the system calls of a job: {missing}")
    with Traced(family(counting)[role], tmp_path) as traced:
        upload(counting, clients)
    calls = Counter({name: count for name, count in traced.calls.items() if name not in WAITS})
    syncs = Counter({"syncs": calls["fsync"] + calls["fdatasync"]})
    check(f"syncs of {role}", syncs, {"syncs": SYNCS_MAX[role]})
    assert calls.total() / JOBS <= CALLS_MAX[role], {name: count / JOBS for name, count in calls.most_common()}
