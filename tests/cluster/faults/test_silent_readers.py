"""Clients that ask for much and read nothing: what they make a web process hold is bounded in all."""

import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.limits import LIST_BYTES_MAX, UNSENT_BYTES_MAX
from tests.support.clusters.cluster import Cluster
from tests.support.clusters.known_failures import small_image

pytestmark = pytest.mark.cluster
READERS, PHONES = 300, 400
LIST = "/jobs?limit=500"
SLACK_BYTES = 64 * 1024 * 1024
"""What comes between two looks, and what the lists are made of."""


def test_lists_that_nobody_reads_hold_little(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(web_processes=1).start()
    assert READERS * large_page(cluster) > 2 * UNSENT_BYTES_MAX + SLACK_BYTES
    [web] = cluster.pids("web")
    before = resident(web)
    with ExitStack() as stack:
        for _ in range(READERS):
            stack.enter_context(silent(cluster, LIST))
        most = 0
        for _ in range(20):
            time.sleep(0.25)
            most = max(most, resident(web))
        assert most - before < UNSENT_BYTES_MAX + SLACK_BYTES
        with cluster.client() as client:  # who reads is answered meanwhile
            assert client.get(LIST).status_code == 200


def test_phones_that_fetch_slowly_are_not_cut_off_for_the_silent(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster(web_processes=1).start()
    large_page(cluster)
    image = small_image() + bytes(1_000_000)
    job = cluster.upload(image, "large.png")["id"]
    with ExitStack() as stack:
        phones = [stack.enter_context(silent(cluster, f"/jobs/{job}/original")) for _ in range(PHONES)]
        for _ in range(READERS // 2):
            stack.enter_context(silent(cluster, LIST))
        came, began = [0] * PHONES, time.monotonic()
        while (seconds := time.monotonic() - began) < 3.0:
            for place, phone in enumerate(phones):  # at 64 KB a second, however late this machine is
                came[place] += len(phone.recv(max(1, int(seconds * 65_536) + 16_384 - came[place])))
            time.sleep(0.25)
        for place, phone in enumerate(phones):  # who was cut off has what the kernel held, and no more
            while came[place] < len(image) and (data := phone.recv(65_536)):
                came[place] += len(data)
        assert min(came) >= len(image)


def large_page(cluster: Cluster) -> int:
    """Jobs enough for a page of LIST that is as large as one may be; the bytes of it."""
    job = cluster.upload(small_image(), "small.png")["id"]
    renditions = [{"name": f"{number:0>32}", "width": 9, "height": 9, "blur": 1 + number / 7} for number in range(16)]
    asked = {"original": job, "recipe": {"renditions": renditions}, "metadata": "m" * 2000}
    with cluster.client() as client:
        while len(page := client.get(LIST).content) < 0.8 * LIST_BYTES_MAX:
            for _ in range(40):
                assert client.post("/jobs", json=asked).status_code == 202
    return len(page)


def silent(cluster: Cluster, path: str) -> socket.socket:
    port = int(cluster.url.rpartition(":")[2])
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def resident(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024
