"""The image: hadolint finds nothing, its names exist, its check of health tells, and its context makes the wheel."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from host.settings import settings
from pixmill.words import program
from tests.deploy import dockerfile
from tests.deploy.dockerfile import ROOT
from tests.deploy.stopping import STOP_SECONDS, longest_stop
from tests.support.patience import stretched
from web import health


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, dockerfile.DOCKERFILE], capture_output=True, text=True, timeout=stretched(30))
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_hadolint_finds_a_planted_fault(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp\n")
    program = Path(sys.executable).with_name("hadolint")
    assert (
        subprocess.run([program, tmp_path / "Dockerfile"], capture_output=True, timeout=stretched(30)).returncode == 1
    )


def test_its_settings_are_settings_that_fit_together() -> None:
    environ = {name: value for name, value in dockerfile.environ().items() if name.startswith("PIXMILL_")}
    chosen, _ = settings.parse(environ)
    assert (chosen.data, chosen.port) == (dockerfile.texts("VOLUME")[0], int(dockerfile.texts("EXPOSE")[0]))
    assert not chosen.run.startswith(chosen.data)


def test_both_folders_that_it_writes_to_are_of_its_user_alone() -> None:
    (user,) = dockerfile.texts("USER")
    uid, gid = user.split(":")
    assert uid.isdigit() and int(uid) > 0
    (made,) = [text for text in dockerfile.texts("RUN") if "install -d" in text]
    assert f"install -d -m 0700 -o {uid} -g {gid} /data /run/pixmill " in made
    assert Path(dockerfile.environ()["PIXMILL_RUN"]).parent == Path("/run/pixmill")


@pytest.mark.parametrize("further", [["serve"], ["serve", "--role", "worker"]])
def test_its_commands_are_commands(further: list[str]) -> None:
    """As the head of the file shows them; CMD is the first."""
    (script,) = dockerfile.words("ENTRYPOINT")
    assert script in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert dockerfile.words("CMD") == ["serve"]
    command = program.commands[further[0]]
    assert command.make_context(further[0], further[1:]).params["role"] in (None, "worker")
    with pytest.raises(click.BadParameter):
        command.make_context("serve", ["--role", "supervisor"])


def test_its_check_of_health_is_the_one_of_web() -> None:
    """tests/unit/web/test_health.py tries it."""
    python, *words, module = dockerfile.words("HEALTHCHECK")
    assert (python, words) == ("python", ["-m", "pixmill.server"])
    assert importlib.util.find_spec(module) is not None
    assert Path(health.__file__) == ROOT / (module.replace(".", "/") + ".py")
    longest = re.search(r"--timeout=(\d+)s", dockerfile.texts("HEALTHCHECK")[0])
    assert longest and int(longest[1]) > health.SECONDS_MAX


def test_its_stop_signal_drains_and_its_time_is_enough() -> None:
    assert dockerfile.texts("STOPSIGNAL") == ["SIGTERM"]
    assert longest_stop(drain_seconds=100.0) > 100.0
    assert longest_stop() <= STOP_SECONDS - 5
    assert f"--stop-timeout {STOP_SECONDS:g} " in dockerfile.DOCKERFILE.read_text()


def test_its_base_is_one_argument_that_a_digest_can_pin() -> None:
    found = dockerfile.instructions()
    assert [text.split()[0] for word, text in found if word == "FROM"] == ["${PYTHON}"] * 2
    assert re.fullmatch(r"PYTHON=\S+:3\.\d+-slim-\w+", found[0][1])


def test_its_labels_say_what_pyproject_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', " ".join(dockerfile.texts("LABEL"))))
    assert (labels["title"], labels["licenses"]) == (project["name"], project["license"])
    assert f"VERSION={project['version']}" in dockerfile.texts("ARG")
    assert project["description"].startswith(labels["description"])


def test_its_context_has_what_the_wheel_is_made_of_and_nothing_else() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())
    carried = {pattern.split("/")[0] for pattern in build["tool"]["setuptools"]["package-data"]["pixmill._roles"]}
    assert let_in == carried | {"pixmill", "LICENSE", "README.md", "pyproject.toml", "requirements-stores.lock"}
    assert [name for name in let_in if not (ROOT / name).exists()] == []
