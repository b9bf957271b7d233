"""A real nginx with the files of deploy/nginx, for tests and attacks: in a folder of its own, on a free port.

Owns what an operator would change in these files, and refuses to run if one of these lines is no longer there.
"""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx2

from tests.support.clusters.cluster import ROOT, wait_until
from tests.support.patience import stretched

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/sbin")
MISSING = "there is no nginx: apt-get install nginx-light"
DEPLOY = ROOT / "deploy" / "nginx"
UPSTREAM = "server unix:/run/pixmill/web.sock max_fails=0;"
TLS = "# include snippets/pixmill-tls.conf;"
MAIN = """
daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log warn; {user}
events {{ worker_connections 1024; }}
http {{
  log_format tries escape=json '{{"method":"$request_method","status":$status,"body":$request_length,'
    '"tried":"$upstream_addr","answered":"$upstream_status","sent":"$upstream_bytes_sent"}}';
  access_log {folder}/access.log tries;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include conf.d/*.conf;
}}
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def install(folder: Path, port: int, servers: list[str], data: Path, tls_port: int = 0) -> Path:
    """Copy the files of deploy/nginx into `folder`, as an operator would change them for the upstream `servers` and
    DATA; the path of nginx.conf. With `tls_port` the server also has TLS, by a certificate made for it."""
    shutil.copytree(DEPLOY / "snippets", folder / "snippets")
    (folder / "conf.d").mkdir()
    lines = "\n".join(f"server {server} max_fails=0;" for server in servers)
    text = _changed((DEPLOY / "pixmill.conf").read_text(), UPSTREAM, lines)
    text = _changed(_changed(text, "listen 80;", f"listen 127.0.0.1:{port};"), "listen [::]:80;", "")
    _rewrite(folder / "snippets" / "pixmill-accel.conf", "/var/lib/pixmill/", f"{data}/")
    if tls_port:
        text = _changed(text, TLS, TLS.removeprefix("# "))
        tls = folder / "snippets" / "pixmill-tls.conf"
        _rewrite(tls, "listen 443", f"listen 127.0.0.1:{tls_port}")
        _rewrite(tls, "listen [::]:443 ssl http2;", "")
        _rewrite(tls, "/etc/ssl/pix.example/", f"{folder}/")
        _certificate(folder)
    (folder / "conf.d" / "pixmill.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""  # the user of pixmill here, as in production
    conf = folder / "nginx.conf"
    conf.write_text(MAIN.format(folder=folder, user=user))
    return conf


def _rewrite(path: Path, shipped: str, changed: str) -> None:
    path.write_text(_changed(path.read_text(), shipped, changed))


def _changed(text: str, shipped: str, changed: str) -> str:
    assert shipped in text, f"deploy/nginx has no {shipped!r} to change"
    return text.replace(shipped, changed)


def _certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=stretched(30))


class Front:
    """nginx in front of `servers`; `with` starts it, and ends it by its pid."""

    def __init__(self, folder: Path, servers: list[str], data: Path, *, tls: bool = False) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        self.tls_port = free_port() if tls else 0
        self.url = f"http://localhost:{self.port}"
        self._conf = install(folder, self.port, servers, data, self.tls_port)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        """nginx on these files."""
        return [str(NGINX), "-p", str(self.folder), "-c", str(self._conf), "-e", str(self.folder / "error.log"), *words]

    def __enter__(self) -> "Front":
        self._process = subprocess.Popen(self.command(), process_group=0)
        wait_until(self._listens, 10, f"nginx to listen; {self.errors()}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(stretched(10))

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def errors(self) -> str:
        """nginx's error log, warnings included."""
        log = self.folder / "error.log"
        return log.read_text() if log.exists() else ""

    def requests(self, method: str = "POST") -> list[dict[str, Any]]:
        """What the access log says of the requests of `method`: their status, and each try with its sent bytes."""
        lines = (self.folder / "access.log").read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["method"] == method]

    def client(self, **headers: str) -> httpx2.Client:
        """An HTTP client of it, which sends these headers with each request."""
        return httpx2.Client(base_url=self.url, timeout=30, headers=headers)


def begun(request: dict[str, Any]) -> bool:
    """Whether nginx had begun to send this request to pixmill."""
    return any(sent.strip() not in ("", "-", "0") for sent in request["sent"].split(","))


def retried(request: dict[str, Any]) -> bool:
    """Whether nginx sent this request to a second address."""
    return "," in request["tried"]
