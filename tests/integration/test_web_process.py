"""`python -m web` as a real process: real sockets, a ledger in SQLite, and the real dispatcher in this process."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from host.files.folders import data_folder
from host.settings.settings import Settings
from jobs.ids import original_name
from jobs.job import State
from jobs.limits import GATHERED_BYTES
from jobs.wire import CHANGES_TOPIC, Change, Changes, encode
from stores.ledger.sqlite import open_ledger
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.harnesses.socket_broker import SocketBroker
from tests.support.harnesses.web_broker import WebBroker, rendition_of
from tests.support.harnesses.web_harness import png
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster


class Site:
    """A web process on a port of its own, and the broker that it speaks to."""

    def __init__(self, cluster: Cluster, **settings: object) -> None:
        self.cluster = cluster
        self.connections: list[socket.socket] = []
        data_folder(Settings(data=str(cluster.data)))
        self.broker: SocketBroker | None = None
        self.start_broker()
        port = cluster.take_port()
        self.address = ("127.0.0.1", port)
        self.web = cluster.start_role("web", port=port, **settings)
        wait_until(lambda: httpx2.get(f"{cluster.url}/health/ready").status_code == 200, 10, "web to be ready")

    def start_broker(self) -> None:
        self.broker = SocketBroker(self.cluster.run, lambda: open_ledger(self.cluster.data / "ledger.sqlite3"))

    def stop_broker(self) -> None:
        if self.broker:
            self.broker.stop()
        self.broker = None

    def do(self, order: Callable[[WebBroker], object]) -> Any:
        assert self.broker
        return self.broker.do(order)

    def finish(self, job: str, data: bytes) -> None:
        rendition = rendition_of(job, "thumb", data)
        path = self.cluster.data / rendition.blob
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.do(lambda broker: broker.finish(job, [rendition]))

    def connect(self, request: str) -> socket.socket:
        """A connection on which `request` is sent; closed at the end of the test at the latest."""
        connection = socket.create_connection(self.address, timeout=10)
        self.connections.append(connection)
        connection.sendall(request.replace("\n", "\r\n").encode() + b"Host: localhost\r\n\r\n")
        return connection

    def close(self) -> None:
        """End the broker, and all connections."""
        self.stop_broker()
        for connection in self.connections:
            connection.close()


@pytest.fixture(scope="module")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site of all tests that ask for `site`."""
    cluster = Cluster(tmp_path_factory.mktemp("site"))
    try:
        site = Site(cluster)
        yield site
        site.close()
    finally:
        cluster.stop()


@pytest.fixture
def site(lasting_site: Site) -> Iterator[Site]:
    """A site that is at work before the test, and after it."""
    yield lasting_site
    if lasting_site.broker is None:
        lasting_site.start_broker()
    else:
        lasting_site.broker.mute = False


@pytest.fixture
def new_site(new_cluster: Callable[..., Cluster]) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(**settings: object) -> Site:
        sites.append(Site(new_cluster(), **settings))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def own_site(new_site: Callable[..., Site]) -> Site:
    """A site that no other test has used, and that the test may end."""
    return new_site()


def test_an_upload_from_end_to_end(site: Site) -> None:
    image = png(filler=os.urandom(500_000))
    answer = site.cluster.upload(image, "photo.png")
    job = answer["id"]
    assert (site.cluster.data / original_name(job)).read_bytes() == image
    assert not list((site.cluster.data / "incoming").iterdir())
    with ThreadPoolExecutor() as pool, site.cluster.client() as client:
        waiting = pool.submit(site.cluster.get, f"/jobs/{job}", wait=20)
        with client.stream("GET", answer["events_url"]) as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            site.finish(job, b"pixels")
            told = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
        assert [event["state"] for event in told if "state" in event] == ["running", "running", "done"]
        done = waiting.result(stretched(5))
        assert client.get(done["renditions"][0]["url"]).content == b"pixels"
        assert client.get(f"/jobs/{job}/original", headers={"Range": "bytes=1-3"}).content == b"PNG"
    assert f"uploaded job={job}" in site.cluster.log()


def test_a_broker_that_restarts_costs_no_request(site: Site) -> None:
    site.cluster.upload(png())
    with ThreadPoolExecutor() as pool:
        for _ in range(3):
            site.stop_broker()
            posted = [pool.submit(site.cluster.upload, png(number + 1)) for number in range(8)]
            time.sleep(0.2)
            assert not any(each.done() for each in posted)
            site.start_broker()
            assert len({each.result(stretched(8))["id"] for each in posted}) == 8


def test_an_ack_that_never_comes_is_answered_by_the_row(site: Site) -> None:
    assert site.broker
    site.broker.mute = True
    began = time.monotonic()
    assert site.cluster.upload(png())["state"] == "queued"
    assert 0.9 < time.monotonic() - began < stretched(8), "not as it gives up"


def test_no_broker_is_a_503_after_the_accept_time(new_site: Callable[..., Site]) -> None:
    site = new_site(accept_seconds=0.5)
    site.stop_broker()
    with site.cluster.client() as client:
        response = client.post("/upload", files={"image": ("a.png", png())})
        assert (response.status_code, response.json()["code"]) == (503, "broker_silent")
        [job] = response.json()["jobs"]
        assert (site.cluster.data / original_name(job)).exists()
        assert client.get("/health/ready").json()["reasons"] == ["broker unheard"]


def test_what_the_connection_refuses_is_counted(site: Site) -> None:
    told = ('pixmill_web_refused_total{code="malformed"}', 'pixmill_web_requests_total{code="400",route="other"}')

    def counted() -> list[str]:
        text = httpx2.get(f"{site.cluster.url}/metrics").text
        return [line.removeprefix(f"{name} ") for name in told for line in text.splitlines() if line.startswith(name)]

    before = [float(value) for value in counted()][:1] or [0.0]
    with site.connect("this is no request\n") as connection:
        assert b"400 " in connection.recv(4096)
    assert [float(value) for value in counted()] == [before[0] + 1] * 2


def test_told_to_stop_it_answers_everyone_and_ends(own_site: Site) -> None:
    job = own_site.cluster.upload(png())["id"]
    streams = [own_site.connect(f"GET {path} HTTP/1.1\n") for path in ("/events", f"/jobs/{job}/events")]
    for stream in streams:
        assert b"200 OK" in stream.recv(4096)
    stuck = own_site.connect("GET /events HTTP/1.1\n")
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle = own_site.connect("GET /health/live HTTP/1.1\n")
    assert b"200 OK" in idle.recv(4096)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(own_site.cluster.get, f"/jobs/{job}", wait=30)
        time.sleep(0.2)
        own_site.web.send_signal(signal.SIGTERM)
        with own_site.connect("GET /health/ready HTTP/1.1\n") as connection:
            late = connection.recv(4096)
        assert b"503 " in late
        assert b"connection: close" in late.lower()
        assert waiting.result(stretched(5))["state"] == "queued"
    assert own_site.web.wait(stretched(10)) == 0, "who waits has 30 s, and who is stuck for ever"
    for stream in streams:
        assert stream.makefile("rb").read().endswith(b"0\r\n\r\n")


def test_a_reader_that_reads_nothing_is_cut_off(own_site: Site) -> None:
    stuck = own_site.connect("GET /events HTTP/1.1\n")
    assert b"200 OK" in stuck.recv(4096)

    def flood(broker: WebBroker) -> None:
        """As if there were so many jobs: web reads no row of them."""
        last = next(numbers)
        told = ("0" * 26, "", State.FAILED, 1, "undecodable", "d" * 1000)
        changes = [Change(number, *told) for number in range(last - 499, last + 1)]
        broker.tell(CHANGES_TOPIC, encode(Changes(broker.epoch, last - 500, last, changes)))

    numbers = itertools.count(500, 500)

    def cut_off() -> bool:
        own_site.do(flood)
        return not any(f":{stuck.getsockname()[1]:04X} 01 " in line for line in _connections(own_site.web.pid))

    wait_until(cut_off, 60, "the stuck reader to be cut off")
    assert own_site.cluster.get("/health/live")


def _connections(pid: int) -> list[str]:
    """The TCP connections of a process's network that are established, by their other side."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()
    return [f"{line.split()[2][-5:]} {line.split()[3]} " for line in lines[1:]]


def test_a_body_too_large_is_refused_while_the_client_still_sends(site: Site) -> None:
    connection = site.connect("POST /upload HTTP/1.1\nContent-Type: image/png\nContent-Length: 99999999\n")
    answer = b""
    while not answer.endswith(b"}"):
        more = connection.recv(4096)
        assert more, answer
        answer += more
    assert b" 413 " in answer
    assert b"upload_too_large" in answer


def test_memory_does_not_grow_with_an_upload(own_site: Site) -> None:
    def peak() -> int:
        status = Path(f"/proc/{own_site.web.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    own_site.cluster.upload(png())
    before = peak()
    own_site.cluster.upload(png(filler=bytes(48_000_000)))
    assert peak() - before < 8_000


def test_a_client_that_leaves_leaves_nothing(site: Site) -> None:
    connection = site.connect("POST /upload HTTP/1.1\nContent-Type: image/png\nContent-Length: 9999999\n")
    connection.sendall(png(filler=bytes(2 * GATHERED_BYTES)))
    incoming = site.cluster.data / "incoming"
    wait_until(lambda: list(incoming.iterdir()), 5, "the upload to begin")
    connection.close()
    wait_until(lambda: not list(incoming.iterdir()), 5, "the upload to be forgotten")


def test_one_of_two_on_one_socket_is_replaced_under_load(new_cluster: Callable[..., Cluster]) -> None:
    """The parent keeps the listening socket: no connection fails while a process goes and another comes."""
    cluster = new_cluster()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    environ = cluster.environ | {"LISTEN_FDS": "1"}
    as_third = (
        f"import os, sys; os.dup2({listener.fileno()}, 3); os.execv(sys.executable, [sys.executable, '-m', 'web'])"
    )
    command = [sys.executable, "-c", as_third]

    def start() -> "subprocess.Popen[bytes]":
        with cluster.output.open("ab") as output:
            started = subprocess.Popen(command, cwd=ROOT, env=environ, pass_fds=[listener.fileno()], stderr=output)
        cluster.by_hand.append(started)
        wait_until(lambda: cluster.log().count("serving") == len(cluster.by_hand), 20, "web to serve")
        return started

    url = f"http://127.0.0.1:{listener.getsockname()[1]}/health/live"
    answers: list[int | str] = []
    ended = threading.Event()

    def load() -> None:
        while not ended.is_set():
            try:
                answers.append(httpx2.get(url).status_code)
            except httpx2.HTTPError as error:
                answers.append(repr(error))

    with listener:
        processes = [start(), start()]
        with ThreadPoolExecutor() as pool:
            for _ in range(4):
                pool.submit(load)
            for process in processes:
                start()
                process.send_signal(signal.SIGTERM)
                assert process.wait(stretched(5)) == 0
            ended.set()
    assert len(answers) > 50
    assert set(answers) == {200}


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {
            "PIXMILL_PORT": str(taken.getsockname()[1]),
            "PIXMILL_DATA": str(tmp_path),
            "PATH": os.environ["PATH"],
        }
        ended = subprocess.run(
            [sys.executable, "-m", "web"], cwd=ROOT, env=environ, capture_output=True, timeout=stretched(20)
        )
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"web: 127.0.0.1 port ")
    assert ended.stderr.count(b"\n") == 1


def test_web_loads_without_pillow() -> None:
    script = "import sys; sys.modules['PIL'] = None; import web.__main__; assert 'worker' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=stretched(20))
