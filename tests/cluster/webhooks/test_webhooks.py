"""Receivers on this machine are told of the ends of jobs, while brokers and couriers are killed."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from standardwebhooks.webhooks import Webhook

from pixmill.pictures import numbered
from tests.support.clusters.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster
JOBS = 12


class Receivers:
    """A server whose paths answer differently: /ok takes all, /again fails the first attempt of each event, /gone
    answers 410. `took`: bodies by path and webhook-id, `came`: when; `attempts`: how many came of each."""

    def __init__(self) -> None:
        self.took: dict[tuple[str, str], tuple[dict[str, str], bytes]] = {}
        self.came: dict[tuple[str, str], float] = {}
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        """The address of a receiver."""
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                named = self.path, self.headers["webhook-id"]
                receivers.attempts[named] += 1
                status = {"/ok": 204, "/gone": 410}.get(self.path, 204 if receivers.attempts[named] > 1 else 503)
                if status == 204:
                    receivers.came[named] = time.time()
                    receivers.took[named] = {name.lower(): value for name, value in self.headers.items()}, body
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        return Handler


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers()
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path: Path, receivers: Receivers) -> Iterator[Cluster]:
    made = Cluster(tmp_path, couriers=1, egress_allow=f"127.0.0.1:{receivers.port}", silence_seconds=2)
    made.start()
    yield made
    made.stop()


def secret(cluster: Cluster, url: str) -> str:
    """What `python -m web webhook-secret` prints for this receiver."""
    command = cluster.command_line("web", "webhook-secret", "", url)
    done = subprocess.run(command, env=cluster.environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def judged_at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The judge of signatures believes that it is this wall time: it takes nothing that is older than 5 minutes."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(seconds, tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Clock)


def test_each_end_is_told_at_least_once_while_brokers_and_couriers_are_killed(
    cluster: Cluster, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ("/ok", "/again", "/gone")
    jobs = {}
    for number in range(JOBS):
        path = paths[number % 3]
        posted = cluster.upload(numbered(number), reference=path, webhook_url=receivers.url(path))
        jobs[posted["id"]] = path
        if number in (3, 7):
            os.kill(cluster.pids("courier")[0], signal.SIGKILL)
        if number in (5, 9):
            os.kill(cluster.pids("broker")[0], signal.SIGKILL)
        wait_until(lambda: bool(cluster.pids("broker")), 20, "a broker")

    def over() -> bool:
        rows = cluster.get("/deliveries", limit=100)["deliveries"]
        return len(rows) == JOBS and all(row["state"] != "waiting" for row in rows)

    wait_until(over, 60, "all to be told")
    rows = cluster.get("/deliveries", limit=100)["deliveries"]
    assert {row["job"]: row["url"] for row in rows} == {job: receivers.url(path) for job, path in jobs.items()}
    for row in rows:
        path = jobs[row["job"]]
        assert row["state"] == ("stopped" if path == "/gone" else "delivered")
        if path == "/gone":
            continue
        headers, body = receivers.took[path, f"msg_{row['id']}"]
        data = json.loads(body)["data"]
        assert (data["id"], data["state"], data["change"]) == (row["job"], "done", row["change"])
        assert receivers.attempts[path, f"msg_{row['id']}"] >= (2 if path == "/again" else 1)
    assert len(receivers.took) == len([path for path in jobs.values() if path != "/gone"]), "nothing else was told"
    keys = {path: Webhook(secret(cluster, receivers.url(path))) for path in paths}
    for (path, _), (headers, body) in receivers.took.items():
        judged_at(monkeypatch, receivers.came[path, headers["webhook-id"]])
        assert keys[path].verify(body.decode(), headers)
    stopped = next(row for row in rows if row["state"] == "stopped")
    with cluster.client() as client:
        assert client.post(f"/deliveries/{stopped['id']}/replay").status_code == 202
    wait_until(lambda: receivers.attempts["/gone", f"msg_{stopped['id']}"] > stopped["attempts"], 20, "the replay")
