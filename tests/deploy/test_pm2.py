"""deploy/pm2 under PM2 from npm, which is installed by hash into a temporary folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host.settings.settings import Settings
from tests.support.clusters.cluster import ROOT, Cluster, wait_until
from tests.support.clusters.load import Load
from tests.support.house.needs import lacking
from tests.support.house.npm import packages
from tests.support.patience import stretched

PACKAGES = ROOT / "tests" / "deploy" / "pm2"
FILE = ROOT / "deploy" / "pm2" / "ecosystem.config.js"
SAMPLE = ROOT / "test-data" / "sample.jpg"
LEAVING_SECONDS = 6.0
"""What the supervisor takes at most beyond DRAIN_SECONDS (supervisor/core/fleet.py)."""
pytestmark = pytest.mark.cluster


class Pm2(Cluster):
    """One installation under a PM2 of its own."""

    def __init__(self, folder: Path, program: Path, **settings: object) -> None:
        super().__init__(folder, ROOT, **settings)
        del self.environ["PIXMILL_DATA"]
        self._program = program
        self.environ |= {"PM2_HOME": str(folder / "pm2"), "PM2_DISABLE_VERSION_CHECK": "true"}
        self.environ["PIXMILL_PORT"] = str(self.take_port())
        shutil.copy(FILE, folder)
        (folder / "env").symlink_to(sys.prefix)

    def pm2(self, *words: str) -> str:
        """What `pm2 WORDS` prints. Raises CalledProcessError if it fails."""
        command = [str(self._program), "--no-color", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=stretched(60)
        )
        assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
        return done.stdout

    def app(self) -> dict[str, Any]:
        """The app as PM2 knows it."""
        listed = self.pm2("jlist")
        [app] = json.loads(listed[listed.index("[{") :])
        return {"pid": app["pid"], **app["pm2_env"]}

    def daemon(self) -> int:
        """The pid of PM2 itself."""
        return int((self.folder / "pm2" / "pm2.pid").read_text())

    def log(self) -> str:
        """What the app wrote."""
        return "".join(path.read_text() for path in sorted((self.folder / "pm2" / "logs").glob("pixmill-*.log")))

    def stop(self, seconds: float = 15.0) -> None:
        """End PM2 and what it runs."""
        self.pm2("kill")
        super().stop(seconds)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages(PACKAGES, tmp_path_factory.mktemp("packages")) / ".bin" / "pm2"


@pytest.fixture
def site(tmp_path: Path, program: Path) -> Iterator[Callable[..., Pm2]]:
    started: list[Pm2] = []

    def make(**settings: object) -> Pm2:
        started.append(Pm2(tmp_path, program, **settings))
        return started[-1]

    yield make
    for each in started:
        each.stop()


def test_its_times_and_paths_fit() -> None:
    if not shutil.which("node"):
        lacking("there is no node on this machine")
    read = "const it = require(process.argv[1]).apps; console.log(JSON.stringify(it))"
    found = subprocess.run(["node", "-e", read, str(FILE)], capture_output=True, text=True, check=True).stdout
    [app] = json.loads(found)
    assert (app["script"], app["args"]) == (str(FILE.parent / "env" / "bin" / "pixmill"), ["serve"])
    assert app["kill_timeout"] >= 1000 * (Settings().drain_seconds + LEAVING_SECONDS)
    assert Path(app["env"]["PIXMILL_DATA"]).is_absolute()


def test_a_killed_worker_and_a_rolling_restart_fail_no_request(site: Callable[..., Pm2]) -> None:
    here = site()
    here.pm2("start", FILE.name)
    here.wait_complete()
    supervisor = here.app()["pid"]
    [worker] = here.pids("worker")
    with Load(here.url, SAMPLE) as load:
        wait_until(lambda: len(load.accepted) > 5, 20, "uploads")
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: here.pids("worker", "ready") not in ([], [worker]), 20, "another worker")
        restart = [str(here.folder / "env/bin/python"), "-m", "pixmill.server", "supervisor", "restart"]
        subprocess.run(restart, cwd=here.folder, env=here.environ, check=True, timeout=stretched(60))
    load.check()
    assert {here.ended(job)["state"] for job in load.accepted} == {"done"}
    assert (here.app()["pid"], here.app()["restart_time"]) == (supervisor, 0)


def test_a_killed_supervisor_a_reload_and_a_stop_lose_nothing(site: Callable[..., Pm2]) -> None:
    here = site()
    here.pm2("start", FILE.name)
    here.wait_complete()
    with Load(here.url, SAMPLE) as load:
        wait_until(lambda: len(load.accepted) > 5, 20, "uploads")
        os.kill(here.app()["pid"], signal.SIGKILL)
        so_far = len(load.accepted)
        wait_until(lambda: len(load.accepted) > so_far + 5, 20, "uploads after a kill")
        here.pm2("reload", "pixmill")
        so_far = len(load.accepted)
        wait_until(lambda: len(load.accepted) > so_far + 5, 20, "uploads after a reload")
        here.pm2("stop", "pixmill")
        assert [pid for pid in here.everything() if pid != here.daemon()] == []
        here.pm2("start", "pixmill")
    assert load.unexpected == []
    assert {here.ended(job)["state"] for job in load.accepted} == {"done"}
    assert here.log().count("command_done of=stop complete=True") == 2
    assert here.log().count("process_started of=broker") == 4, "a stop ended the broker before the others"


def test_a_refused_start_is_not_repeated(site: Callable[..., Pm2]) -> None:
    here = site(web_processes="none")
    here.pm2("start", FILE.name)
    app = wait_until(lambda: (found := here.app())["status"] == "stopped" and found, 20, "PM2 to give up")
    assert app and (app["exit_code"], app["restart_time"]) == (2, 0)
    assert "PIXMILL_WEB_PROCESSES='none' must be a whole number" in here.log()
