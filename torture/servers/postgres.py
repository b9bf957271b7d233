"""Shows that a PostgreSQL that stops, ends, or is followed by a replica that lacks commits costs no promise.

Each scenario takes a running cluster and its server, and returns its figures. tests/cluster/test_postgres.py asserts
them on a smaller scale. An upload waits meanwhile, or is a 503, which its client repeats: no 202 may be of a job that
is lost. Only the failover to a stale replica loses jobs, and the audit of their receipts must name exactly these. It
also forgets leases: the replica's broker gives these jobs leases of the same counts, and no number may serve twice.
"""

import itertools
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from bench.parts.report import close_scenarios, skipped
from jobs.leases import count_of
from pixmill.pictures import RECIPE, numbered
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.clusters.load import Figures, Job, ended_jobs, figures_of, upload_on
from tests.support.servers.postgres import MISSING, PostgresServer, programs
from tests.support.servers.proxy import Proxy
from torture.standby import scenarios as standby

AWAY_SECONDS = 20.0
BROKER_KILLS, KILL_SECONDS = 4, 6.0
STANDBY_KILLS, STANDBY_SECONDS = 8, 8.0
UPLOADS = 10
"""Before and after the replica was cut off."""
SETTINGS: dict[str, Any] = {"workers": 2, "web_processes": 2, "cache_url": "none"}
CLIENTS, PAUSE = 3, 0.05
LOAD_SECONDS = 1.0
RECOVERY_SECONDS_MAX = 5.0
"""From the moment at which the server answers again to the next 202."""
Receipts = list[str]


def stopped(cluster: Cluster, server: PostgresServer, seconds: float) -> Figures:
    """The server stands still for so long under load (SIGSTOP of all its processes)."""
    with upload_on(cluster, CLIENTS, PAUSE) as load:
        time.sleep(LOAD_SECONDS)
        with server.stopped():
            time.sleep(seconds)
        recovered = _next_accepted(load.accepted)
    return {"recovered_seconds": recovered, **figures_of(load, ended_jobs(cluster, load.accepted))}


def killed(cluster: Cluster, server: PostgresServer, seconds: float) -> Figures:
    """The server is killed under load, is gone for so long, and is started again."""
    with upload_on(cluster, CLIENTS, PAUSE) as load:
        time.sleep(LOAD_SECONDS)
        server.kill()
        time.sleep(seconds)
        server.start()
        recovered = _next_accepted(load.accepted)
    return {"recovered_seconds": recovered, **figures_of(load, ended_jobs(cluster, load.accepted))}


def broker_killed(cluster: Cluster, kills: int, seconds: float) -> Figures:
    """The broker is killed so many times under load; `seconds` between two kills."""
    recovered = 0.0
    with upload_on(cluster, CLIENTS, PAUSE) as load:
        for _ in range(kills):
            time.sleep(LOAD_SECONDS)
            (broker,) = cluster.pids("broker")
            os.kill(broker, signal.SIGKILL)
            recovered = max(recovered, _next_accepted(load.accepted))
            time.sleep(max(0.0, seconds - LOAD_SECONDS))
    return {"recovered_seconds": recovered, **figures_of(load, ended_jobs(cluster, load.accepted))}


def failed_over(cluster: Cluster, server: PostgresServer, proxy: Proxy, uploads: int) -> Figures:
    """A replica is cut off, the primary goes on, ends, and the replica takes its place without its last commits. The
    cluster reaches its server through `proxy`, which goes over to the replica.

    `waiting` jobs are queued where the replica is cut off, and done before the primary ends: each gets a lease twice.
    `leases_repeated`: of those, how many had the same count both times. `leases_twice`: the same number.

    `first_event`: what a reader of all events gets who comes back with the last id of the lost history, when the new
    one has passed its number."""
    numbers = itertools.count(1)
    replica = server.replica()
    try:
        before = _receipts(cluster, _upload(cluster, numbers, uploads))
        _queue(cluster, "pause")
        waiting = [answer["id"] for answer in _upload(cluster, numbers, uploads)]
        server.wait_for(replica)
        replica.stop()
        _queue(cluster, "resume")
        after = _receipts(cluster, _upload(cluster, numbers, uploads))
        first = _leases(cluster, server, waiting)
        lost_id, _ = _returns(cluster, "none of ours")
        server.kill()
        replica.start()
        replica.promote()
        proxy.to = replica.port
        wait_until(lambda: _is_ready(cluster), 60, "the cluster to work on the replica")
        _queue(cluster, "resume")
        later = _receipts(cluster, _upload(cluster, numbers, uploads))
        second = _leases(cluster, replica, waiting)
        while _number(_returns(cluster, "none of ours")[0]) <= _number(lost_id):
            _receipts(cluster, _upload(cluster, numbers, 1))
        _, first_event = _returns(cluster, lost_id)
        verdicts = [_audit(cluster, receipts) for receipts in (before, after, later)]
    finally:
        replica.close()
    return {
        "first_event": first_event,
        "waiting": len(waiting),
        "leases_repeated": sum(count_of(first[job]) == count_of(second[job]) for job in waiting),
        "leases_twice": sum(first[job] == second[job] for job in waiting),
        "kept_lost": verdicts[0].count("lost"),
        "lost_named": verdicts[1].count("lost"),
        "lost_uploads": len(after),
        "later_lost": verdicts[2].count("lost"),
    }


def _next_accepted(accepted: list[str]) -> float:
    """Seconds until one more upload is accepted."""
    began, before = time.monotonic(), len(accepted)
    wait_until(lambda: len(accepted) > before, 60, "a 202")
    return round(time.monotonic() - began, 2)


def _upload(cluster: Cluster, numbers: "itertools.count[int]", count: int) -> list[Job]:
    """Upload so many pictures; what the answers say of their jobs."""
    return [cluster.upload(numbered(next(numbers), 64), recipe=RECIPE)["jobs"][0] for _ in range(count)]


def _receipts(cluster: Cluster, answers: list[Job]) -> Receipts:
    """The receipts of these jobs, once all have ended."""
    for answer in answers:
        cluster.ended(answer["id"])
    return [answer["receipt"] for answer in answers]


def _queue(cluster: Cluster, verb: str) -> None:
    with cluster.client() as client:
        client.post(f"/queue/{verb}").raise_for_status()


def _returns(cluster: Cluster, last: str) -> tuple[str, str]:
    """The id and the name of the first event but beats that a reader gets who comes with this Last-Event-ID."""
    with cluster.client() as client, client.stream("GET", "/events", headers={"Last-Event-ID": last}) as answer:
        found = ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                found = value
            elif name == "event" and value != "beat":
                return found, value
    raise AssertionError("the stream ended")


def _number(event: str) -> int:
    """The number of the change in an event's id."""
    return int(event.partition(".")[0])


def _leases(cluster: Cluster, server: PostgresServer, jobs: list[str]) -> dict[str, int]:
    """The number of each job's last lease, in this server's rows, once the jobs have ended."""
    for job in jobs:
        cluster.ended(job)
    database = cluster.environ["PIXMILL_LEDGER_URL"].rpartition("/")[2]
    with psycopg.connect(server.url_of(database)) as connection:
        found = connection.execute("SELECT id, lease FROM pixmill.jobs WHERE id = ANY(%s)", [jobs]).fetchall()
    return dict(found)


def _is_ready(cluster: Cluster) -> bool:
    with cluster.client() as client:
        return bool(client.get("/health/ready").status_code == 200)


def _audit(cluster: Cluster, receipts: Receipts) -> list[str]:
    with cluster.client() as client:
        verdicts: list[str] = client.post("/receipts/audit", json=receipts).raise_for_status().json()
    return verdicts


def broken(name: str, figures: Figures, recovery_seconds: float = RECOVERY_SECONDS_MAX) -> list[str]:
    """The figures of a scenario that are wrong, in words. Work must go on within `recovery_seconds`."""
    must: Figures = {"not_done": 0, "ended_twice": 0, "requests_refused": 0, "kept_lost": 0, "later_lost": 0}
    must |= {"leases_twice": 0, "first_event": "reset"}
    must["lost_named"] = figures.get("lost_uploads")
    must["leases_repeated"] = figures.get("waiting")
    wrong = [f"{name}: {key} is {figures[key]}" for key, value in must.items() if figures.get(key, value) != value]
    if name == "killed_beside_a_standby":
        wrong += standby.broken("killed", figures)
    if figures.get("recovered_seconds", 0.0) > recovery_seconds:
        wrong.append(f"{name}: recovered_seconds is {figures['recovered_seconds']}")
    return wrong


def main() -> int:
    """Run all, print; 1 where anything is broken."""
    if skipped(programs(), MISSING):
        return 0
    found: dict[str, Figures] = {}
    server = PostgresServer()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), **standby.SETTINGS, ledger_url=server.database())
        try:
            found["killed_beside_a_standby"] = standby.killed(cluster.start(), STANDBY_KILLS, STANDBY_SECONDS)
        finally:
            cluster.stop()
    proxy = Proxy(server.port)
    url = server.database().replace(f":{server.port}/", f":{proxy.port}/")
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as folder:
        cluster = Cluster(Path(folder), **SETTINGS, ledger_url=url)
        try:
            cluster.start()
            found["broker_killed"] = broker_killed(cluster, BROKER_KILLS, KILL_SECONDS)
            found["stopped"] = stopped(cluster, server, AWAY_SECONDS)
            found["killed"] = killed(cluster, server, AWAY_SECONDS)
            found["failed_over"] = failed_over(cluster, server, proxy, UPLOADS)
        finally:
            cluster.stop()
            proxy.close()
            server.close()
    return close_scenarios("postgres", found, broken)


if __name__ == "__main__":
    sys.exit(main())
