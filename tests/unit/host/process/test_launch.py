"""host/process/launch.py: a process starts others in the way in which it was started itself."""

import subprocess
import sys

import pytest

from tests.support.clusters.cluster import ROOT
from tests.support.patience import stretched

LAUNCHER = str(ROOT / "pixmill" / "server" / "__main__.py")
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from host.process import launch; print(launch.command('web', '7'))"
)


@pytest.mark.parametrize(
    ("flags", "found"),
    [([], [sys.executable, "-m", "web", "7"]), (["-P"], [sys.executable, "-P", LAUNCHER, "web", "7"])],
)
def test_without_the_working_folder_on_the_path_the_launcher_is_used(flags: list[str], found: list[str]) -> None:
    command = [sys.executable, *flags, "-c", PROGRAM, str(ROOT)]
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=stretched(30))
    assert (done.stdout, done.stderr) == (f"{found}\n", "")
