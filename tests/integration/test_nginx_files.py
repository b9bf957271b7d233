"""Behind a real nginx with the files of deploy/nginx: what they name exists, and what they promise holds."""

import http.client
import http.server
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import httpx2
import msgspec
import pytest

from host.settings.settings import Settings
from jobs import limits
from jobs.access.keys import Scope, entry_of
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.nginx import DEPLOY, MISSING, NGINX, Front, free_port, retried
from tests.support.harnesses.web_harness import png
from tests.support.patience import stretched
from torture.nginx import broken, host_killed

pytestmark = pytest.mark.cluster
real = pytest.mark.skipif(NGINX is None, reason=MISSING)
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
SAMPLE = (ROOT / "test-data" / "sample.jpg").read_bytes()
SHOP = "https://shop.example"
ACME = {"Authorization": "Bearer acme-key", "Origin": SHOP}
DIFFERENT = {"date", "server", "connection", "content-length", "transfer-encoding", "x-request-id"}
"""Headers that differ with the sender."""


def shipped() -> str:
    return "".join(path.read_text() for path in FILES)


def directive(name: str) -> str:
    """The one value of a directive in the shipped files."""
    (value,) = re.findall(rf"^\s*{name} (.+?);", shipped(), re.MULTILINE)
    return str(value)


def test_what_the_files_name_is_there() -> None:
    names = {field.name.upper() for field in msgspec.structs.fields(Settings)}
    settings = set(re.findall(r"PIXMILL_([A-Z_]+)", shipped()))
    assert {"HOST", "TRUSTED_PROXIES", "ACCEL_REDIRECT"} <= settings <= names
    bounds = set(re.findall(r"\b(?!PIXMILL_)[A-Z]+(?:_[A-Z]+)+\b", shipped()))
    assert {"HEAD_SECONDS", "FORM_BYTES_MAX"} <= bounds <= set(vars(limits))
    assert all((DEPLOY / name).is_file() for name in re.findall(r"include (snippets/\S+);", shipped()))
    assert all((ROOT / name).exists() for name in re.findall(r"\b(?:docs|jobs|web)/[\w./]+\b", shipped()))
    page = (ROOT / "docs" / "nginx.md").read_text()
    assert set(re.findall(r"PIXMILL_([A-Z_]+)", page)) <= names
    assert all(f"{line};" in shipped() for line in re.findall(r"`((?:client|proxy)_\w+ \w+)`", page))


def test_the_limits_equal_ours() -> None:
    given = Settings()
    assert directive("client_max_body_size") == f"{(given.upload_bytes_max + limits.FORM_BYTES_MAX) >> 20}m"
    assert directive("client_header_timeout") == f"{limits.HEAD_SECONDS:g}s"
    assert directive("client_body_timeout") == f"{limits.BODY_SILENCE_SECONDS:g}s"
    assert directive("proxy_send_timeout") == f"{limits.BODY_SILENCE_SECONDS:g}s"
    assert directive("send_timeout") == f"{limits.SEND_SECONDS:g}s"
    assert directive("keepalive_timeout") == f"{limits.KEEP_ALIVE_SECONDS:g}s"
    assert directive("large_client_header_buffers") == f"4 {limits.HEAD_BYTES_MAX >> 10}k"
    assert directive("proxy_read_timeout") == f"{given.wait_seconds_max + given.accept_seconds + 5:g}s"


@real
@pytest.mark.parametrize("tls", [False, True])
def test_nginx_takes_the_files(tmp_path: Path, tls: bool) -> None:
    several = ["unix:/run/pixmill/web.sock", "127.0.0.1:3000", "127.0.0.1:3001"]
    front = Front(tmp_path / "nginx", several, tmp_path, tls=tls)
    done = subprocess.run(front.command("-t"), capture_output=True, text=True, timeout=stretched(20))
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
    assert all(server in (DEPLOY / "pixmill.conf").read_text() for server in several)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Front]]:
    """A cluster on a unix socket, and nginx in front of it."""
    folder = tmp_path_factory.mktemp("behind")
    cluster = Cluster(
        folder,
        workers=1,
        host=f"unix:{folder / 'web.sock'}",
        trusted_proxies="unix",
        accel_redirect="/_pixmill",
        api_keys=entry_of("acme", Scope.WRITE, "acme-key"),
        cors_origins=SHOP,
    )
    try:
        with Front(folder / "nginx", [f"unix:{folder / 'web.sock'}"], cluster.data) as front:
            cluster.environ["PIXMILL_PUBLIC_URL"] = front.url
            cluster.start()
            yield cluster, front
    finally:
        cluster.stop()


def headers_of(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in DIFFERENT}


@real
def test_images_come_from_nginx_with_the_headers_of_web(behind: tuple[Cluster, Front]) -> None:
    cluster, front = behind
    before = len(front.errors())
    transport = httpx2.HTTPTransport(uds=str(cluster.folder / "web.sock"))
    with front.client(**ACME) as client, httpx2.Client(transport=transport, base_url=front.url, headers=ACME) as web:
        told = client.post("/upload", content=SAMPLE, headers={"Content-Type": "image/jpeg"}).json()
        job = client.get(f"/jobs/{told['id']}?wait=30").json()
        assert job["state"] == "done"
        url = job["original"]["url"]
        asked = web.get(url)
        assert asked.headers["x-accel-redirect"].startswith("/_pixmill/raw/")
        assert asked.content == b""
        for address, size in ((url, len(SAMPLE)), (job["renditions"][0]["url"], job["renditions"][0]["bytes"])):
            whole, direct = client.get(address), web.get(address, headers={"If-Match": "*"})
            assert (whole.status_code, whole.content, len(whole.content)) == (200, direct.content, size)
            assert headers_of(whole) == headers_of(direct)
            assert whole.headers["x-request-id"]
            assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert whole.headers["cache-control"].startswith("private, max-age=")
            assert whole.headers["vary"] == "Authorization, Cookie, Origin"
            assert whole.headers["access-control-allow-origin"] == SHOP
        etag = asked.headers["etag"]
        part = client.get(url, headers={"Range": "bytes=100-299", "If-Range": etag})
        assert (part.status_code, part.content) == (206, SAMPLE[100:300])
        assert part.headers["content-range"] == f"bytes 100-299/{len(SAMPLE)}"
        assert client.get(url, headers={"Range": "bytes=100-299", "If-Range": '"other"'}).content == SAMPLE
        assert client.get(url, headers={"Range": "bytes=0-1,5-6"}).content == SAMPLE
        assert client.get(url, headers={"Range": f"bytes={len(SAMPLE)}-"}).status_code == 416
        assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
        assert client.get(url, headers={"If-None-Match": '"other"'}).content == SAMPLE
        assert client.head(url).headers["content-length"] == str(len(SAMPLE))
        inside = asked.headers["x-accel-redirect"]
        for path in (inside, "/_pixmill/grant.secret", "/_pixmill/raw/../grant.secret", "/_pixmill/ledger.sqlite3"):
            assert client.get(path).status_code == 404
        assert httpx2.get(url).status_code == 401
    assert front.errors()[before:] == ""


@real
def test_events_arrive_as_they_happen(behind: tuple[Cluster, Front]) -> None:
    _, front = behind
    with front.client(**ACME) as client, client.stream("GET", "/events") as stream:
        assert "x-accel-buffering" not in stream.headers
        lines = stream.iter_lines()
        for _ in range(2):
            next(line for line in lines if line.startswith("event: beat"))
        began = time.monotonic()
        next(line for line in lines if line.startswith("event: beat"))
        assert 0.2 < time.monotonic() - began < stretched(3), "beats were gathered"


@real
def test_an_upload_passes_through_without_a_file_of_nginx(behind: tuple[Cluster, Front]) -> None:
    """60 MB, of which the second half waits: the first half is on the disk of pixmill by then."""
    cluster, front = behind
    image = png(filler=os.urandom(1 << 20) * 57)
    half = len(image) // 2
    head = f"POST /upload HTTP/1.1\r\nHost: localhost:{front.port}\r\nContent-Type: image/png\r\nConnection: close\r\n"
    head += f"Authorization: {ACME['Authorization']}\r\n"
    with socket.create_connection(("127.0.0.1", front.port), timeout=30) as client:
        client.sendall(f"{head}Content-Length: {len(image)}\r\n\r\n".encode() + image[:half])
        wait_until(lambda: incoming(cluster) > half - (4 << 20), 10, "the first half to be in DATA/incoming")
        client.sendall(image[half:])
        assert client.makefile("rb").readline().split()[1] == b"202"
    assert "temporary file" not in front.errors()


def incoming(cluster: Cluster) -> int:
    """Bytes of uploads on their way."""
    return sum(path.stat().st_size for path in (cluster.data / "incoming").iterdir())


@real
def test_refusals_are_problems_of_ours(behind: tuple[Cluster, Front]) -> None:
    _, front = behind
    connection = http.client.HTTPConnection("localhost", front.port, timeout=30)
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Length", str((65 << 20) + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (413, "application/problem+json")
    assert msgspec.json.decode(answer.read())["code"] == "upload_too_large"
    connection.close()
    with front.client(**ACME) as client:
        early = client.post("/upload", content=b"no image " * (5 << 20), headers={"Content-Type": "image/png"})
        assert (early.status_code, early.json()["code"]) == (415, "unsupported_type")


class Breaks(http.server.BaseHTTPRequestHandler):
    """Takes a request, and closes without an answer. `seen` has the methods."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.command)

    do_POST = do_DELETE = do_GET


class Answers(Breaks):
    """Answers each request."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        super().do_GET()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of it; its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@real
def test_nginx_repeats_no_post_that_it_has_begun_to_send(tmp_path: Path) -> None:
    """With a key or without. It repeats what may be repeated, and what it had not begun to send."""
    away = f"127.0.0.1:{free_port()}"
    with (
        serving(Breaks) as breaks,
        serving(Answers) as answers,
        Front(tmp_path / "nginx", [breaks, away, answers], tmp_path) as front,
        front.client() as client,
    ):
        for method in ("GET", "DELETE"):
            assert {client.request(method, "/jobs").status_code for _ in range(6)} == {200}
        posts = [client.post("/upload", content=b"x", headers={"Idempotency-Key": "k"}).status_code for _ in range(12)]
        tries = [retried(request) for request in front.requests()]
    assert set(posts) == {200, 502}
    assert (Breaks.seen.count("POST"), Answers.seen.count("POST")) == (posts.count(502), posts.count(200))
    assert any(tries), "no POST met the host that is away"
    assert "GET" in Breaks.seen


@real
def test_one_of_two_hosts_is_killed_during_uploads(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    figures = host_killed(new_cluster(workers=1, cache_url="none"), tmp_path / "nginx", uploads=100)
    assert broken("host_killed", figures) == []


@real
def test_tls_and_the_way_to_it(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster = new_cluster(workers=0, trusted_proxies="127.0.0.1").start()
    server = f"127.0.0.1:{cluster.url.rpartition(':')[2]}"
    with Front(tmp_path / "nginx", [server], cluster.data, tls=True) as front:
        base = f"https://localhost:{front.tls_port}"
        with httpx2.Client(base_url=base, verify=False) as client:
            told = client.post("/upload", content=png(), headers={"Content-Type": "image/png"}).json()
        assert told["status_url"].startswith(f"{base}/jobs/")
        sent_on = httpx2.get(f"{front.url}/jobs?limit=1")
        assert (sent_on.status_code, sent_on.headers["location"]) == (308, "https://localhost/jobs?limit=1")
