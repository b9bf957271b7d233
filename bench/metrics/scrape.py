"""The CPU of a scrape, with an empty queue and with 1,000,000 queued jobs.

    python -m bench.metrics.scrape [--jobs 1000000]

A web process and a broker, no worker. The jobs are submitted as in bench/backlog.py. Each figure is the CPU of the web
process over 200 scrapes, less that of 200 requests to /health/live, divided by 200.
"""

import argparse
import contextlib
import http.client
import socket
import time

from bench.backlog import Submitter
from bench.parts.client import Client
from bench.parts.installation import Installation, installation, running
from bench.parts.processes import cpu_ms
from bench.parts.report import close, table

JOBS, SCRAPES, TENANTS = 1_000_000, 200, 1000
READY_SECONDS = 30.0
BEAT_SECONDS = 1.5
"""Until a beat came."""


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def ask(port: int, path: str, times: int = 1) -> int:
    """GET it so often on one connection. Returns the bytes of the last answer."""
    connection, size = http.client.HTTPConnection("127.0.0.1", port, timeout=30), 0
    for _ in range(times):
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        size = len(answer.read())
        assert answer.status == 200, answer.status
    connection.close()
    return size


def scrape_ms(pid: int, port: int) -> float:
    """CPU milliseconds of one scrape."""
    spent = []
    for path in ("/health/live", "/metrics"):
        before = cpu_ms(pid)
        ask(port, path, SCRAPES)
        spent.append((cpu_ms(pid) - before) / SCRAPES)
    return spent[1] - spent[0]


def until_served(port: int) -> None:
    """Wait until the web process serves, and has heard a beat."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            ask(port, "/stats")
            return
        time.sleep(0.1)
    raise TimeoutError("web does not serve")


def measure(place: Installation, jobs: int) -> tuple[float, float, int]:
    """CPU milliseconds of a scrape without and with so many queued jobs, and the bytes of the latter."""
    port = free_port()
    environ = place.environ | {"PIXMILL_PORT": str(port)}
    with running(environ, "broker"), running(environ, "web") as web:
        until_served(port)
        time.sleep(BEAT_SECONDS)
        empty = scrape_ms(web.pid, port)
        client = Client(place.run, 0)
        try:
            Submitter(client, TENANTS).submit(jobs)
        finally:
            client.context.destroy(linger=0)
        time.sleep(BEAT_SECONDS)
        return empty, scrape_ms(web.pid, port), ask(port, "/metrics")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m bench.metrics.scrape")
    parser.add_argument("--jobs", type=int, default=JOBS)
    jobs = parser.parse_args().jobs
    with installation() as place:
        empty, full, size = measure(place, jobs)
    table(("queued jobs", "CPU ms a scrape"), [(0, round(empty, 2)), (jobs, round(full, 2))])
    figures = {"jobs": jobs, "empty_ms": round(empty, 2), "full_ms": round(full, 2), "bytes": size}
    close("metrics.scrape", figures)


if __name__ == "__main__":
    main()
