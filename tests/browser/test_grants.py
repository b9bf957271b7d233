"""A page of another site, in a real browser: it uploads with a grant, follows its job and shows the picture."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import pixmill
from jobs.access.keys import Scope, entry_of
from tests.support.clusters.cluster import ROOT, Cluster, wait_until

pytestmark = pytest.mark.cluster
SAMPLE = ROOT / "test-data" / "sample.jpg"
SEND = """async ([server, grant]) => {
  const file = document.querySelector("input").files[0];
  const sent = await fetch(`${server}/upload`, {
    method: "POST",
    body: file,
    headers: {"Content-Type": file.type, Authorization: `Bearer ${grant}`, Prefer: "wait=0"},
  });
  const job = await sent.json();
  if (sent.status !== 202) return [sent.status, job.code];
  new EventSource(job.events_url).addEventListener("rendition", (event) => {
    document.querySelector("img").src = JSON.parse(event.data).rendition.url;
  });
  return [sent.status, sent.headers.get("Location") === job.status_url];
}"""


class Shop(BaseHTTPRequestHandler):
    """Someone's page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,><input type=file><img>")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def sites() -> Iterator[list[str]]:
    """The origins of two other sites."""
    with ExitStack() as stack:
        origins = []
        for _ in range(2):
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Shop))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            origins.append(f"http://localhost:{server.server_port}")
        yield origins


def test_a_page_elsewhere_uploads_with_a_grant(
    new_cluster: Callable[..., Cluster], browser: Any, sites: list[str]
) -> None:
    shop, evil = sites
    cluster = new_cluster(api_keys=entry_of("acme", Scope.WRITE, "w"), cors_origins=shop).start()
    secret = (cluster.data / "grant.secret").read_bytes()
    grant = pixmill.grant(secret, tenant="acme", expires_at=time.time() + 60, origin=shop, preset="avatar")

    def send(origin: str) -> tuple[Any, Any]:
        page = browser.new_page()
        page.goto(origin)
        page.set_input_files("input", SAMPLE)
        return page, page.evaluate(SEND, [cluster.url, grant])

    with pytest.raises(Exception, match="Failed to fetch"):  # the browser stops it at the preflight
        send(evil)
    page, answer = send(shop)
    assert answer == [202, True]
    wait_until(lambda: page.locator("img").evaluate("image => image.naturalWidth > 0"), 20, "the picture")
    assert page.evaluate(SEND, [cluster.url, grant]) == [403, "grant_used_up"]
    page.close()
