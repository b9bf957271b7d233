"""schemathesis with all of its checks finds nothing: without keys, with keys, and below a path behind nginx.

It reads /openapi.json of a real cluster, and sends what the document allows and what it forbids. What good requests
need beyond that is in tests/support/api/fuzzing.py, each with its reason. It runs with `--full` alone: its stateful
phase still finds forms whose parts have the media type of an image and the bytes of none (415). One worker: of two
threads that parse at once, CPython 3.11 ends one with a SystemError (AST constructor recursion depth mismatch).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobs.access.keys import Scope, entry_of
from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.clusters.nginx import MISSING, NGINX
from tests.support.patience import stretched
from tests.support.servers.prefixed import PROXY, prefixed

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
KEY = "a key of the operator"
SECONDS, EXAMPLES = 1100.0, 50
PHASES = "examples,coverage,fuzzing,stateful"
"""The phase of coverage has some 4,000 requests."""
OF_NGINX = """
[phases.coverage]
unexpected-methods = ["get", "put", "post", "delete", "options", "patch", "query"]
"""
"""nginx refuses TRACE by itself, without Allow."""
KINDS = ("keyless", "keyed", "behind nginx")


@pytest.fixture(params=KINDS)
def server(
    request: pytest.FixtureRequest, new_cluster: Callable[..., Cluster], tmp_path: Path, full: bool
) -> Iterator[tuple[str, str, str]]:
    """The kind, the address and the key of a server."""
    if not full:
        pytest.skip("runs with --full")
    kind = request.param
    settings: dict[str, object] = {"couriers": 1, "wait_seconds_max": 1, "workers": 2}
    key = KEY if kind == "keyed" else ""
    if key:
        settings["api_keys"] = entry_of("acme", Scope.OPERATE, KEY)
    with ExitStack() as stack:
        if kind == "behind nginx":
            if NGINX is None:
                pytest.skip(MISSING)
            cluster = new_cluster(root_path="/pix", trusted_proxies=PROXY, **settings).start()
            folder = tmp_path / "nginx"
            folder.mkdir()
            url = stack.enter_context(prefixed(folder, cluster.url)) + "/pix"
        else:
            url = new_cluster(**settings).start().url
        yield kind, url, key


def ran(folder: Path, url: str, key: str, more: str) -> dict[str, Any]:
    """Run it with `more` of a configuration; what its report says."""
    report = folder / "report.json"
    config = folder / "schemathesis.toml"
    config.write_text(Path(__file__).with_name("schemathesis.toml").read_text() + more)
    command = [str(Path(sys.executable).parent / "st"), "--config-file", str(config)]
    command += ["run", f"{url}/openapi.json", "--checks", "all", "--phases", PHASES, "--continue-on-failure"]
    command += ["--max-examples", str(EXAMPLES), "--workers", "1", "--request-timeout", "30", "--seed", "1"]
    command += ["--warnings", "off", "--suppress-health-check", "all", "--no-color", "--report-json-path", str(report)]
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "PIXMILL_FUZZED_URL": url, "PIXMILL_FUZZED_KEY": key}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=stretched(SECONDS))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_schemathesis_finds_nothing(server: tuple[str, str, str], tmp_path: Path) -> None:
    kind, url, key = server
    report = ran(tmp_path, url, key, OF_NGINX if kind == "behind nginx" else "")
    print(kind, json.dumps(report)[:2000])
