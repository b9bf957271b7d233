"""A client that was made before a fork, as gunicorn and Celery do: parent and child never share a connection."""

import subprocess
import sys

from tests.support.clusters.cluster import ROOT
from tests.support.patience import stretched

PROGRAM = """
import os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import pixmill

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"presets": {"port": %d}}' % self.client_address[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): ...

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = pixmill.Client(f"http://127.0.0.1:{server.server_port}")

def port():
    return client.presets()["port"]

first = port()
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, f"{port()} {port()}".encode())
    os._exit(0)
os.wait()
print(first, *os.read(reading, 100).decode().split(), port())
"""


def test_parent_and_child_keep_connections_of_their_own() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=stretched(30)
    )
    assert done.stderr == ""
    before, child, again, after = done.stdout.split()
    assert before == after, "the parent's connection lives on"
    assert child == again != before
