"""An nginx that ends TLS, by what it tells, and serves a server below /pix, as docs/security.md shows.

Owns that one location, and its process.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.support.clusters.cluster import ROOT, wait_until
from tests.support.clusters.nginx import NGINX, free_port
from tests.support.patience import stretched

PROXY = "127.0.0.2"
"""Where nginx calls from, so that a client on 127.0.0.1 is a stranger."""
CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; proxy_bind {proxy}; large_client_header_buffers 4 64k; {location} }}
}}
"""


def documented(port: int) -> str:
    """The location of docs/security.md, towards us; nginx here has no certificate, so its scheme is told."""
    shown = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/security.md").read_text(), re.S)
    assert shown
    assert "127.0.0.1:3000" in shown[1]
    return shown[1].replace("127.0.0.1:3000", f"127.0.0.1:{port}").replace("$scheme", "https")


@contextmanager
def prefixed(folder: Path, url: str) -> Iterator[str]:
    """nginx in front of the server at `url`, whose ROOT_PATH is /pix and which trusts PROXY. Its address."""
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(
        CONF.format(folder=folder, port=port, proxy=PROXY, location=documented(int(url.rpartition(":")[2])))
    )
    log = folder / "error.log"
    nginx = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(conf), "-e", str(log)], process_group=0)
    try:
        wait_until(lambda: _answers(port), 10, f"nginx to answer; {log.read_text() if log.exists() else ''}")
        yield f"http://localhost:{port}"
    finally:
        nginx.terminate()
        nginx.wait(stretched(10))


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://localhost:{port}/pix/health/live").status_code == 200
    except httpx2.TransportError:
        return False
