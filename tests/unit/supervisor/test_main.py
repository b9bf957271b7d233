"""What a fleet that was told to stop says of itself, and what a worker says that cannot start."""

import os
import subprocess
import sys
from math import inf
from pathlib import Path

from supervisor.core.fleet import Fleet
from tests.support.patience import stretched


def test_a_fleet_told_to_stop_before_it_was_complete_never_is() -> None:
    fleet = Fleet(1, 0, 0, 1.0, inf)
    fleet.settle(0.0)
    fleet.became_ready(1, 0.0)
    fleet.stop_requested(1.0)
    fleet.settle(1.0)
    assert not fleet.complete()


def test_a_worker_without_a_data_folder_says_one_sentence() -> None:
    environ = {**os.environ, "PIXMILL_DATA": "/dev/null/x", "PIXMILL_RUN": ""}
    done = subprocess.run(
        [sys.executable, "-m", "worker"], env=environ, capture_output=True, text=True, timeout=stretched(30)
    )
    assert done.returncode == 2
    assert done.stderr.startswith("worker: the data folder") and done.stderr.count("\n") == 1


def test_a_command_where_nothing_runs_names_the_whole_path_and_the_variables(tmp_path: Path) -> None:
    environ = {**os.environ, "PIXMILL_DATA": os.path.relpath(tmp_path / "data"), "PIXMILL_RUN": str(tmp_path)}
    command = [sys.executable, "-m", "supervisor", "status"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=stretched(30))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"no pixmill runs on {Path.cwd()}" in done.stderr
    assert "PIXMILL_DATA and PIXMILL_RUN" in done.stderr
