"""The run: jobs and batches that end in every way, each with a receiver, and a kill after each few of them.

At the end the receivers calm down, and what waits is replayed until nothing waits. Then jobs come that never end.
tests/cluster/webhooks/test_courier_kills.py is a short form of it.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from pixmill import Client, Refused
from pixmill.pictures import RECIPE, numbered
from tests.support.clusters.cluster import Cluster, wait_until
from tests.support.servers.stranger import Heard
from torture.courier.receivers import GONE, Receivers
from torture.courier.verdict import Ended, Figures, Row, Told, judge

KILLS = 200
JOBS_PER_KILL = 2
PAUSE_SECONDS_MAX = 3.0
"""Up to so much between two kills: a courier gets nothing in the 2 s after a broker's start."""
OVER_SECONDS = 600.0
REPLAY_SECONDS = 5.0
NEVER_ENDED = 5
STILL_SECONDS = 2.0
"""How long to listen for events of jobs that never end."""
HEAD_BYTES = 45
"""So much of a picture is a valid head, and no pixels."""


class Run:
    """One run on a cluster. `killed`: how many, by role."""

    def __init__(self, cluster: Cluster, receivers: Receivers, seed: int) -> None:
        self._cluster, self._receivers, self._random = cluster, receivers, random.Random(seed)
        self._kinds: dict[str, str] = {}
        self._chosen: set[str] = set()
        """Jobs whose renditions are told of."""
        self._batches: dict[str, tuple[str, bool]] = {}
        """The kind of each batch's receiver, and whether the batch was closed."""
        self.killed = {"broker": 0, "courier": 0}
        self._dead: set[int] = set()

    def come(self, client: Client, number: int) -> None:
        """A job comes. It is done, or fails, is cancelled, or fails once more after a requeue."""
        kind = self._random.choice([*self._receivers.addresses])
        fate, chosen = self._random.random(), self._random.random() < 0.2
        picture = numbered(number)
        job = client.upload(
            picture if fate < 0.7 else picture[:HEAD_BYTES],
            recipe=RECIPE,
            webhook_url=self._receivers.url(kind),
            webhook_events="job.rendition" if chosen else None,
        )
        self._kinds[job.id] = kind
        if chosen:
            self._chosen.add(job.id)
        if fate < 0.1:
            with contextlib.suppress(Refused):  # it has ended already
                client.cancel(job.id)
        elif fate > 0.95:
            client.requeue(client.wait(job.id, seconds=60.0))

    def come_together(self, client: Client, number: int) -> None:
        """A batch of none to two jobs comes. Most are closed: only those end."""
        kind = self._random.choice([*self._receivers.addresses])
        batch = client.open_batch(webhook_url=self._receivers.url(kind)).id
        for each in range(self._random.randrange(3)):
            picture = numbered(2 * 10**6 + 2 * number + each)
            client.upload(picture if self._random.random() < 0.7 else picture[:HEAD_BYTES], recipe=RECIPE, batch=batch)
        closed = self._random.random() < 0.9
        if closed:
            client.close_batch(batch)
        self._batches[batch] = kind, closed

    def kill(self) -> None:
        """Kill the broker or a courier, once it is there."""
        role = self._random.choice([*self.killed])
        pids = wait_until(lambda: set(self._cluster.pids(role, "ready")) - self._dead, 60.0, f"a {role}")
        pid = pids.pop()
        self._dead.add(pid)
        os.kill(pid, signal.SIGKILL)
        self.killed[role] += 1
        time.sleep(self._random.uniform(0.0, PAUSE_SECONDS_MAX))

    def calm_down(self, client: Client) -> None:
        """Replay what waits or was given up, until all is told."""
        self._receivers.calm()
        for job in self._kinds:
            client.wait(job, seconds=OVER_SECONDS)
        for batch in self._batches:
            for one in client.batch(batch).jobs:
                client.wait(one, seconds=OVER_SECONDS)
        replayed = 0.0

        def over() -> bool:
            nonlocal replayed
            if time.monotonic() < replayed + REPLAY_SECONDS:
                return False
            replayed = time.monotonic()
            return not sum(client.replay_all(state=state).matched for state in ("waiting", "failed"))

        wait_until(over, OVER_SECONDS, "all to be told")

    def never_end(self, client: Client) -> None:
        """Jobs come that do not end, because the queue is paused."""
        client.pause()
        for number in range(NEVER_ENDED):
            job = client.upload(numbered(10**6 + number), recipe=RECIPE, webhook_url=self._receivers.url("good"))
            self._kinds[job.id] = "good"
        time.sleep(STILL_SECONDS)

    def figures(self, client: Client) -> Figures:
        """All that is judged."""
        jobs = [self._ended(client, job, kind) for job, kind in self._kinds.items()]
        jobs += [Ended(batch, kind, None, int(closed), 0) for batch, (kind, closed) in self._batches.items()]
        rows = [Row(each.id, _kind(each.url), each.job or each.batch or "", each.state) for each in client.deliveries()]
        heard = self._receivers.heard()
        found = judge(jobs, rows, [_told(kind, request) for kind, request in heard], GONE)
        return {
            "brokers_killed": self.killed["broker"],
            "couriers_killed": self.killed["courier"],
            "batches": len(self._batches),
            **found,
            "badly_signed": self._badly_signed(heard),
            "victim_called": self._receivers.victim.called.total(),
        }

    def _ended(self, client: Client, job: str, kind: str) -> Ended:
        found = client.job(job)
        events = [entry.event for entry in found.timeline]
        renditions = events.count("rendition") if job in self._chosen else 0
        return Ended(job, kind, found.state, events.count("ended"), renditions)

    def _badly_signed(self, heard: list[tuple[str, Heard]]) -> int:
        keys = {kind: Webhook(self._secret(kind)) for kind in self._receivers.addresses}
        return sum(not _is_signed(keys[kind], request) for kind, request in heard)

    def _secret(self, kind: str) -> str:
        command = self._cluster.command_line("web", "webhook-secret", "", self._receivers.url(kind))
        done = subprocess.run(command, env=self._cluster.environ, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def _is_signed(key: Webhook, request: Heard) -> bool:
    """Whether the signature is of this body; how long ago it came does not count here."""
    name, stamp = request.headers["webhook-id"], int(request.headers["webhook-timestamp"])
    signed = key.sign(name, datetime.fromtimestamp(stamp, UTC), request.body.decode())
    return signed in request.headers["webhook-signature"].split(" ")


def _kind(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _told(kind: str, request: Heard) -> Told:
    data = json.loads(request.body)["data"]
    name = request.headers["webhook-id"].removeprefix("msg_")
    return Told(name, kind, data["id"], data["change"], data.get("state"), request.body)


def told_through_kills(folder: Path, kills: int, seed: int, jobs_per_kill: int = JOBS_PER_KILL) -> Figures:
    """Run it on a cluster in `folder`."""
    receivers = Receivers()
    allowed = ",".join(receivers.addresses.values())
    cluster = Cluster(folder, couriers=2, workers=1, cache_url="none", egress_allow=allowed)
    try:
        run = Run(cluster.start(), receivers, seed)
        with Client(cluster.url) as client:
            for number in range(kills):
                for each in range(jobs_per_kill):
                    run.come(client, number * jobs_per_kill + each)
                run.come_together(client, number)
                run.kill()
            cluster.wait_complete()
            run.calm_down(client)
            run.never_end(client)
            return {"kills": kills, **run.figures(client)}
    finally:
        cluster.stop()
        receivers.close()
