"""The receivers of docs/examples take what the broker signs, once, and nothing else."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
import pytest

from jobs.job import Outcome, Rendition, State
from jobs.webhooks.events import of_job
from jobs.webhooks.signatures import headers, secret_text
from tests.support.clusters.cluster import ROOT, wait_until
from tests.support.clusters.nginx import free_port
from tests.support.house.needs import lacking

EXAMPLES = ROOT / "docs" / "examples"
SECRET, URL, JOB = b"s" * 32, "https://app.example/hooks/pixmill", "01kc0000000000000000000000"
THUMB = Rendition("thumb", "processed/ab/x.thumb", "jpeg", 32, 24, 9, "d" * 64)
COMMANDS = {
    "webhook_fastapi.py": ["-m", "uvicorn", "webhook_fastapi:app", "--port", "{port}"],
    "webhook_django.py": ["webhook_django.py", "runserver", "--noreload", "{port}"],
    "webhook_node.mjs": ["webhook_node.mjs"],
}


def command(name: str, port: int) -> list[str]:
    """The command line of a receiver. Skips where its language or framework is missing."""
    if name.endswith(".mjs"):
        program = shutil.which("node") or lacking("needs node")
    else:
        framework = name.removeprefix("webhook_").removesuffix(".py")
        program = sys.executable if importlib.util.find_spec(framework) else lacking(f"needs {framework}")
    return [program, *(word.format(port=port) for word in COMMANDS[name])]


@pytest.fixture(params=COMMANDS)
def receiver(request: pytest.FixtureRequest) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    port = free_port()
    environ = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret_text(SECRET, "", URL), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command(request.param, port), cwd=EXAMPLES, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/hooks/pixmill"

    def answers() -> bool:
        with suppress(httpx2.TransportError):
            return httpx2.get(address).status_code < 500
        return False

    wait_until(answers, 20, f"{request.param} to listen")
    yield address, process
    process.send_signal(signal.SIGKILL)
    process.communicate()


def event(delivery: str, change: int, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """A signed event of the end of JOB."""
    outcome = Outcome(renditions=[THUMB])
    _, body = of_job(JOB, State.DONE, b"", outcome, batch=None, change=change, base="http://pix", at=1.5)
    return body, headers([SECRET], "", URL, delivery, body, time.time() if at is None else at)


def broken_off(address: str) -> None:
    """A POST whose sender leaves in the middle of its body."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port or 80)) as opened:
        opened.sendall(f"POST {place.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())


def test_a_receiver_handles_each_event_once_and_refuses_what_is_not_signed(
    receiver: "tuple[str, subprocess.Popen[str]]",
) -> None:
    address, process = receiver
    body, signed = event("d1-0000000", 7)

    def post(content: bytes, given: dict[str, str]) -> int:
        return httpx2.post(address, content=content, headers=given).status_code

    assert post(body, signed) == 204
    broken_off(address)
    assert post(body, signed) == 204, "a repeat"
    assert post(*event("d2-0000000", 6)) == 204, "an older change"
    assert post(body + b" ", signed) == 401
    assert post(body, {**signed, "webhook-id": "msg_d3-0000000"}) == 401
    assert post(*event("d3-0000000", 8, at=time.time() - 3600)) == 401, "it is too old"
    assert post(*event("d4-0000000", 9)) == 204
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    lines = [line for line in said.splitlines() if line.startswith(JOB)]
    assert len(lines) == 2
    assert all("done" in line and f"http://pix/jobs/{JOB}/renditions/thumb" in line for line in lines)
