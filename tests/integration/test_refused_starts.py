"""The settings and folders with which a role refuses to start. Its caller sees status 2 and one sentence."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.patience import stretched

pytestmark = pytest.mark.cluster


def refused(cluster: Cluster, role: str, **settings: object) -> str:
    """What a start of `role` says that ends with status 2."""
    extra = {f"PIXMILL_{name.upper()}": str(value) for name, value in settings.items()}
    command, environ = [sys.executable, "-m", role], os.environ | cluster.environ | extra
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=stretched(60))
    assert ended.returncode == 2, ended.stderr
    return ended.stderr


def test_a_second_broker_is_refused(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    cluster.start_role("broker")
    assert f"another broker runs on {cluster.data}: stop it" in refused(cluster, "broker")


def test_a_public_socket_that_another_program_bound_is_refused_without_keys(
    new_cluster: Callable[..., Cluster],
) -> None:
    cluster = new_cluster()
    with socket.create_server(("0.0.0.0", 0)) as public:
        command = f"exec {sys.executable} -m web 3<&{public.fileno()}"
        ended = subprocess.run(
            ["bash", "-c", command], cwd=ROOT, env=os.environ | cluster.environ | {"LISTEN_FDS": "1"},
            pass_fds=[public.fileno()], capture_output=True, text=True, timeout=stretched(60),
        )  # fmt: skip
    assert ended.returncode == 2
    assert "0.0.0.0 is no loopback address and there are no API keys" in ended.stderr


@pytest.mark.parametrize("role", ["broker", "web", "worker"])
def test_a_run_folder_that_others_may_write_is_refused(new_cluster: Callable[..., Cluster], role: str) -> None:
    cluster = new_cluster()
    cluster.run.chmod(0o777)
    assert "others may write to the run folder" in refused(cluster, role)
