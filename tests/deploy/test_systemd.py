"""Real units under a real systemd (tests/support/clusters/systemd.py): start, kill, hang, reload and stop."""

import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clusters.cluster import ROOT, wait_until
from tests.support.clusters.load import Load
from tests.support.clusters.systemd import Systemd, why_not

SAMPLE = ROOT / "test-data" / "sample.jpg"
BROKER, WORKER = "pixmill-broker.service", "pixmill-worker@1.service"
OTHER = '{"renditions": [{"name": "small", "width": 99}]}'
"""A recipe that no result is cached of."""
HANG = {BROKER: "[Service]\nWatchdogSec=2\n"}
"""As short as a test can wait."""
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(why_not() != "", reason=why_not() or "-")]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., Systemd]]:
    """Starts a systemd; it is ended after the test."""
    started: list[Systemd] = []

    def start(drop_ins: dict[str, str] | None = None, **settings: object) -> Systemd:
        started.append(Systemd(Path(tempfile.mkdtemp(dir=tmp_path)), drop_ins or {}, **settings))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def roles_apart(machine: Systemd) -> list[str]:
    """Start pixmill.target; its units."""
    web = f"pixmill-web@{machine.take_port()}.service"
    machine.systemctl("enable", "pixmill.target", BROKER, web, WORKER)
    machine.systemctl("start", "pixmill.target")
    return [BROKER, web, WORKER]


def status(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.MULTILINE))


def test_the_roles_apart_serve_behind_their_walls_and_a_hung_broker_is_back(machine: Callable[..., Systemd]) -> None:
    here = machine(HANG)
    units = roles_apart(here)
    assert here.ended(here.upload(SAMPLE.read_bytes())["id"])["state"] == "done"
    pids = {unit: here.main_pid(unit) for unit in units}
    for pid in pids.values():
        found = status(pid)
        assert found["Uid"].split()[0] != "0"
        assert (int(found["CapBnd"], 16), found["NoNewPrivs"], found["Seccomp"]) == (0, "1", "2")
    assert "sandbox_lacks_layer" not in here.log()

    os.kill(pids[BROKER], signal.SIGSTOP)
    job = here.upload(SAMPLE.read_bytes(), preset="avatar")["id"]
    wait_until(lambda: here.shown(BROKER, "NRestarts") == "1", 10, "the watchdog to end the broker")
    wait_until(lambda: here.shown(BROKER, "ActiveState") == "active", 10, "another broker")
    assert here.ended(job)["state"] == "done"

    os.kill(pids[WORKER], signal.SIGKILL)
    assert here.ended(here.upload(SAMPLE.read_bytes(), recipe=OTHER)["id"])["state"] == "done"
    assert [here.shown(unit, "NRestarts") for unit in units] == ["1", "0", "1"]
    assert "Current thread" in here.log(), "the broker did not log where it hung"


def test_a_stop_under_load_drains_and_loses_nothing(machine: Callable[..., Systemd]) -> None:
    here = machine(port=1)  # which a web unit's instance overrides
    units = roles_apart(here)
    with Load(here.url, SAMPLE) as load:
        wait_until(lambda: len(load.accepted) > 20, 20, "uploads")
        here.systemctl("stop", "pixmill.target", "pixmill-*")
        assert [here.shown(unit, "Result") for unit in units] == ["success"] * 3
        assert [pid for pid in here.inhabitants() if "python" in Path(f"/proc/{pid}/comm").read_text()] == []
        [left] = re.findall(r"^(\S+) worker\S+ +left ", here.log(), re.MULTILINE)
        [stopped] = re.findall(r"^(\S+) broker +stopped ", here.log(), re.MULTILINE)
        assert left < stopped
        here.systemctl("start", "pixmill.target")
    assert load.unexpected == []
    assert {here.ended(job)["state"] for job in load.accepted} == {"done"}


def test_all_in_one_is_reloaded_under_load_without_a_failed_request(machine: Callable[..., Systemd]) -> None:
    here = machine(web_processes=1, workers=1)
    settings = Path(here.folder / "settings.env")
    assert "PIXMILL_WORKERS=1" in settings.read_text()
    here.systemctl("set-environment", f"PIXMILL_PORT={here.take_port()}")
    here.systemctl("start", "pixmill.service")
    before = here.main_pid("pixmill.service")
    with Load(here.url, SAMPLE) as load:
        wait_until(lambda: len(load.accepted) > 10, 20, "uploads")
        here.systemctl("reload", "pixmill.service")
    load.check()
    assert {here.ended(job)["state"] for job in load.accepted} == {"done"}
    assert here.main_pid("pixmill.service") == before
    assert "command_done of=restart complete=True" in here.log()
    assert "sandbox_lacks_layer" not in here.log()
    here.systemctl("stop", "pixmill.service")
    assert here.shown("pixmill.service", "Result") == "success"
