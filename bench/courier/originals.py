"""Many jobs by one POST: `python -m bench.courier.originals [--posts N]`.

1,000 pictures are uploaded. Then each of N (20) POSTs /jobs asks for another recipe of all of them, as one batch whose
receiver is told of its end. Told: the seconds to the 202, those to the end of all jobs, and how many `batch.ended` the
receiver got for each batch.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import msgspec

from bench.parts.report import close, percentile, table
from jobs.limits import BATCH_JOBS_MAX
from pixmill.pictures import numbered
from tests.support.clusters.cluster import Cluster, wait_until

POSTS, FORM = 20, 100
SECONDS_MAX = 300.0


class Receiver(BaseHTTPRequestHandler):
    """Answers 204. `told`: how often each batch was told to have ended."""

    told: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        event = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        if event["type"] == "batch.ended":
            self.told[event["data"]["id"]] += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def uploaded(client: httpx2.Client) -> list[str]:
    """The ids of the jobs whose originals are used."""
    found: list[str] = []
    for start in range(0, BATCH_JOBS_MAX, FORM):
        files = [("image", (f"{each}.png", numbered(each))) for each in range(start, start + FORM)]
        answer = client.post("/upload", files=files)
        found += [job["id"] for job in answer.raise_for_status().json()["jobs"]]
    return found


def main() -> None:
    """Upload, ask, wait, print."""
    parser = argparse.ArgumentParser("python -m bench.courier.originals", description=__doc__)
    parser.add_argument("--posts", type=int, default=POSTS)
    posts = parser.parse_args().posts
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="pixmill-bench-") as place:
        port = server.server_port
        cluster = Cluster(Path(place), couriers=1, egress_allow=f"127.0.0.0/8:{port}")
        accepted, ended, batches = list[float](), list[float](), list[str]()
        try:
            cluster.start()
            with cluster.client() as client:
                sources = uploaded(client)
                for number in range(posts):
                    wanted: dict[str, Any] = {
                        "originals": sources,
                        "recipe": {"renditions": [{"name": "small", "width": 2 + number, "format": "jpeg"}]},
                        "webhook_url": f"http://127.0.0.1:{port}/hooks",
                    }
                    began = time.monotonic()
                    answer = client.post("/jobs", json=wanted, timeout=60)
                    accepted.append(time.monotonic() - began)
                    assert answer.status_code == 202, answer.text
                    batches.append(answer.json()["batch"]["id"])
                    wait_until(lambda: Receiver.told[batches[-1]] > 0, SECONDS_MAX, "the end of the batch to be told")
                    ended.append(time.monotonic() - began)
        finally:
            cluster.stop()
    told = Counter(Receiver.told[batch] for batch in batches)
    figures = {
        "originals": len(sources), "posts": posts,
        "accept_s_p50": round(statistics.median(accepted), 3), "accept_s_p99": round(percentile(accepted, 0.99), 3),
        "told_s_p50": round(statistics.median(ended), 2), "told_s_max": round(max(ended), 2),
        "batches_by_times_told": {str(times): count for times, count in sorted(told.items())},
    }  # fmt: skip
    table(("what", "figure"), [(name, str(value)) for name, value in figures.items()])
    close("originals", figures)


if __name__ == "__main__":
    main()
