"""The supervisor with stand-ins for the roles (tests/support/fake_roles): real processes, signals and sockets."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.clusters.cluster import ROOT, Cluster, alive, wait_until
from tests.support.patience import stretched

FAKE_ROLES = ROOT / "tests" / "support" / "fake_roles"
pytestmark = pytest.mark.cluster


@pytest.fixture
def fakes(new_cluster: Callable[..., Cluster]) -> Callable[..., Cluster]:
    def make(environ: dict[str, str] | None = None, **settings: object) -> Cluster:
        cluster = new_cluster(package_folder=FAKE_ROLES, **settings)
        cluster.environ |= environ or {}
        return cluster

    return make


def supervisor(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m supervisor ARGUMENTS` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "supervisor", *arguments],
        cwd=FAKE_ROLES,
        env=cluster.environ,
        capture_output=True,
        text=True,
        timeout=stretched(30),
    )


def test_start_up_ends_with_the_address_the_data_and_a_curl(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes().start()
    lines = cluster.log().strip().splitlines()
    assert lines[-3:] == [
        f"pixmill runs: {cluster.url}/",
        f"  data: {cluster.data}",
        f"  curl -F image=@photo.jpg {cluster.url}/upload",
    ]
    assert cluster.url.startswith("http://localhost:")


def test_processes_are_started_by_their_plain_command_lines(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes(workers=2, web_processes=2).start()
    for role, number in (("broker", 1), ("web", 2), ("worker", 2)):
        pids = cluster.pids(role)
        assert len(pids) == number
        for pid in pids:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            assert command == [sys.executable.encode(), b"-m", role.encode()]
            assert os.getpgid(pid) == pid


def test_a_killed_process_is_replaced_at_once(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes().start()
    for role in ("broker", "web", "worker"):
        (old,) = cluster.pids(role)
        os.kill(old, signal.SIGKILL)
        wait_until(lambda role=role, old=old: cluster.pids(role, "ready") not in ([], [old]), 3.0, f"a new {role}")  # type: ignore[misc]


def test_a_broker_is_replaced_while_a_worker_drains(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes({"FAKE_DRAIN_SECONDS": "20"}, workers=1, drain_seconds=1).start()
    cluster.ask(do="scale", workers=0)
    (broker,) = cluster.pids("broker")
    os.kill(broker, signal.SIGKILL)
    wait_until(lambda: cluster.pids("broker", "ready") not in ([], [broker]), 3.0, "a new broker")
    assert cluster.pids("worker", "leaving")
    wait_until(lambda: not cluster.pids("worker"), 6.0, "the drain's deadline (1 + 3 s) to end the worker")


def test_scale_through_the_command(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes(workers="1..3").start()
    said = supervisor(cluster, "scale", "4").stdout
    assert said.startswith("4 workers from now on\n")
    assert said.count("worker ") == 4
    cluster.wait_complete()
    assert supervisor(cluster, "scale", "1..2").returncode == 0
    wait_until(lambda: len(cluster.pids("worker")) == 1, 10.0, "the least number of workers")
    assert "'many' must be cores, N or MIN..MAX" in supervisor(cluster, "scale", "many").stderr
    assert "usage" in supervisor(cluster, "scale").stderr
    status = supervisor(cluster, "status").stdout
    assert [line.split()[0] for line in status.splitlines()] == ["broker", "web", "worker"]


def test_a_rolling_restart_renews_every_process_and_refuses_no_connection(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes(workers=2, web_processes=2).start()
    before = {pid for role in ("broker", "web", "worker") for pid in cluster.pids(role)}
    answered: set[int] = set()
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            answered.add(int(httpx2.get(cluster.url, timeout=5).text))

    loader = threading.Thread(target=load)
    loader.start()
    wait_until(lambda: answered & before, 10, "the first answer")
    done = supervisor(cluster, "restart")
    wait_until(lambda: answered - before, 10, "an answer of a new process")
    over.set()
    loader.join()
    said = "restarting 5 processes, one by one\nrestarted 5 processes\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    after = {pid for role in ("broker", "web", "worker") for pid in cluster.pids(role)}
    assert len(after) == 5
    assert not before & after
    assert answered & before
    assert answered & after


def test_a_restart_that_cannot_succeed_keeps_the_old(fakes: Callable[..., Cluster], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    cluster = fakes({"FAKE_WEB_BROKEN": str(broken)}).start()
    old = cluster.pids("web")
    broken.touch()
    done = supervisor(cluster, "restart")
    assert done.returncode == 1
    assert "given up" in done.stderr
    assert cluster.pids("web", "ready") == old
    assert httpx2.get(cluster.url, timeout=5).text == str(old[0])


def test_a_restart_with_a_wrong_file_of_tenants_is_not_begun(fakes: Callable[..., Cluster], tmp_path: Path) -> None:
    file = tmp_path / "tenants.toml"
    file.write_text("[acme]\nrate = 1\n")
    cluster = fakes(tenants=file).start()
    del cluster.environ["PIXMILL_TENANTS"]
    old = cluster.everything()
    file.write_text("[acme]\nrate = 0\n")
    done = supervisor(cluster, "restart")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"supervisor: the file of tenants {file}, line 2: rate of [acme]")
    assert cluster.everything() == old
    file.write_text("[acme]\nrate = 2\n")
    assert supervisor(cluster, "restart").returncode == 0
    assert not set(cluster.pids("broker")) & set(old)


def test_kill_9_of_the_supervisor_leaves_nothing_and_the_next_start_works(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes(workers=2).start()
    assert cluster.supervisor is not None
    assert len(cluster.everything()) == 7, "supervisor, broker, web, 2 workers with a child each"
    cluster.supervisor.kill()
    cluster.supervisor.wait()
    wait_until(lambda: not cluster.everything(), 10.0, "everything to be gone")
    cluster.start()
    assert len(cluster.everything()) == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_ends_everything(fakes: Callable[..., Cluster], number: int) -> None:
    cluster = fakes({"FAKE_DRAIN_SECONDS": "1"}).start()
    assert cluster.supervisor is not None
    (broker,), began = cluster.pids("broker"), time.monotonic()
    cluster.supervisor.send_signal(number)
    wait_until(lambda: not cluster.pids("web"), 10.0, "web to be gone")
    assert alive(broker), "the broker goes last"
    assert cluster.log().count('draining at_most="36 s; Ctrl-C again ends now"') == 1
    assert cluster.supervisor.wait(stretched(20)) == 0
    assert time.monotonic() - began >= 1
    assert not cluster.everything()


def test_a_second_signal_ends_at_once(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes({"FAKE_DRAIN_SECONDS": "25"}).start()
    assert cluster.supervisor is not None
    cluster.supervisor.send_signal(signal.SIGINT)
    wait_until(lambda: not cluster.pids("web"), 10.0, "web to be gone")
    time.sleep(0.4)
    cluster.supervisor.send_signal(signal.SIGINT)
    assert cluster.supervisor.wait(stretched(15)) == 0, "a drain takes 25 s"


def test_stop_through_the_command(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes().start()
    assert supervisor(cluster, "stop").returncode == 0
    wait_until(lambda: not cluster.everything(), 10.0, "everything to be gone")
    refused = supervisor(cluster, "status")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "make run-all" in refused.stderr


def test_a_second_start_on_the_same_data_is_one_sentence(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes().start()
    refused = supervisor(cluster)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "PIXMILL_DATA" in refused.stderr
    assert cluster.pids("broker", "ready")


def test_a_taken_port_is_one_sentence_that_names_its_holder(fakes: Callable[..., Cluster]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cluster = fakes(port=taken.getsockname()[1])
        refused = supervisor(cluster)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert f"process {os.getpid()}" in refused.stderr
    assert "PIXMILL_PORT" in refused.stderr


def test_too_long_a_socket_path_is_one_sentence(fakes: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster = fakes()
    cluster.environ["PIXMILL_RUN"] = str(tmp_path / ("r" * 120))
    refused = supervisor(cluster)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "PIXMILL_RUN" in refused.stderr


def test_config_prints_every_value_and_its_source(fakes: Callable[..., Cluster]) -> None:
    first, *lines = supervisor(cluster := fakes(workers=3), "config").stdout.splitlines()
    data = Path(cluster.environ["PIXMILL_DATA"]).absolute()
    assert first == f"# nothing runs on {data}: this is what this shell would start"
    fields = {line.split()[0]: line.split()[-1] for line in lines}
    assert fields["PIXMILL_WORKERS"] == "PIXMILL_WORKERS"
    assert fields["PIXMILL_CAPACITY"] == "default"


def test_a_reader_that_leaves_early_gets_no_traceback(fakes: Callable[..., Cluster]) -> None:
    """As `make config | head` does: nobody reads any more when the first line is written."""
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "supervisor", "config"]
    done = subprocess.run(
        command, cwd=FAKE_ROLES, env=fakes().environ, stdout=theirs, stderr=subprocess.PIPE, timeout=stretched(30)
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


def test_config_is_of_what_runs_and_not_of_the_shell_that_asks(fakes: Callable[..., Cluster]) -> None:
    cluster = fakes(capacity=3, api_keys=f"acme:read:{64 * '0'}").start()
    cluster.environ |= {"PIXMILL_CAPACITY": "7", "PIXMILL_ATTEMPTS_MAX": "9"}
    first, *lines, last = supervisor(cluster, "config").stdout.splitlines()
    assert first == "# this is what runs"
    assert last.startswith("# 2 of these are others in this shell")
    fields = {line.split()[0]: line.split()[1:] for line in lines}
    assert fields["PIXMILL_CAPACITY"] == ["3", "PIXMILL_CAPACITY"]
    assert fields["PIXMILL_ATTEMPTS_MAX"] == ["5", "default"]
    assert fields["PIXMILL_API_KEYS"] == ["(secret)", "PIXMILL_API_KEYS"]


def test_reload_renews_every_process_after_a_change(fakes: Callable[..., Cluster], tmp_path: Path) -> None:
    cluster = fakes()
    for role in ("broker", "web", "worker"):
        (tmp_path / "src" / role).mkdir(parents=True)
        for file in (FAKE_ROLES / role).glob("*.py"):
            (tmp_path / "src" / role / file.name).write_text(file.read_text())
    cluster.package_folder = tmp_path / "src"
    cluster.start("--reload")
    before = {pid for role in ("broker", "web", "worker") for pid in cluster.pids(role)}
    (tmp_path / "src" / "worker" / "__init__.py").write_text('"""Changed."""\n')
    wait_until(
        lambda: not before & {pid for role in ("broker", "web", "worker") for pid in cluster.pids(role)},
        5.0,
        "every process to be new",
    )
    assert "sources_changed files=worker/__init__.py" in cluster.log()
    cluster.wait_complete()
