"""Ctrl-C (SIGINT) ends the real program `pixmill` silently with 130, whatever it imports at that moment."""

import contextlib
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pixmill.interrupts import INTERRUPTED
from tests.support.clusters.cluster import ROOT

(MODULE, FUNCTION) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["pixmill"].split(":")
PROGRAMS = {
    "-m pixmill": ["-m", "pixmill"],
    "pixmill": ["-c", f"import sys; from {MODULE} import {FUNCTION}; sys.exit({FUNCTION}())"],
}
"""How it starts as a module, and as the script that pip makes of the entry point."""
AT = """
import os, signal, sys

class Finder:
    # Once, when the module that MOMENT names is looked for, presses Ctrl-C; or tells the test, which will.
    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("MOMENT"):
            sys.meta_path.remove(self)
            if told := os.environ.get("TOLD"):
                os.close(int(told))
            else:
                os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
IMPORTED = ["pixmill.words", "click", "rich.console", "pixmill.drill", "httpx2", "asyncio", "ssl", "concurrent.futures"]
IMPORTED += ["pixmill.core.answers", "pixmill.commands.top", "pixmill.server.start"]
"""Modules from the first to the last of the imports."""


def hear() -> None:
    """In the child: hear Ctrl-C, which is ignored where the tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a process that presses Ctrl-C at the moment MOMENT."""
    (tmp_path / "sitecustomize.py").write_text(AT)
    return {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": os.environ["PATH"]}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("module", IMPORTED)
def test_ctrl_c_while_it_imports_is_silent(environ: dict[str, str], program: str, module: str) -> None:
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program], "--version"],
        env=environ | {"MOMENT": module},
        preexec_fn=hear,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


@pytest.mark.parametrize("milliseconds", range(0, 300, 30))
def test_ctrl_c_at_any_moment_is_silent(environ: dict[str, str], milliseconds: int) -> None:
    """Of the imports, of the command, or of its end. A fast machine is done before: it says 0."""
    heard, told = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "pixmill", "--version"], env=environ | {"MOMENT": "pixmill.words", "TOLD": str(told)},
        pass_fds=[told], preexec_fn=hear, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(told)
    with os.fdopen(heard) as pipe:
        pipe.read()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    ended = {0, -signal.SIGINT} if milliseconds else set()  # it was done, or Python had taken its handlers down
    assert errors == ""
    assert process.returncode in {INTERRUPTED, *ended}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_does_not_hear_ctrl_c_goes_on(environ: dict[str, str], program: str) -> None:
    """As behind `nohup`, or in the background of a script."""
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program], "--version"], env=environ | {"MOMENT": "rich.console"},
        capture_output=True, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
