"""What the roles do with arguments: explain themselves, make a key, and never start by mistake."""

import re
import subprocess
import sys
from typing import NamedTuple

import pytest

from host.settings import arguments
from jobs.access.keys import ApiKey, Scope, digest_of, parse
from web import newkey

ROLES = ("broker", "web", "worker", "supervisor", "stores.backup", "broker replay", "broker keys", "web key")
"""And the commands beside them."""


class Ended(NamedTuple):
    status: int
    said: str


def run(*words: str) -> dict[str, Ended]:
    """`python -m ROLE WORDS` of all roles at once."""
    command = {role: [sys.executable, "-m", *role.split(), *words] for role in ROLES}
    started = {
        role: subprocess.Popen(command[role], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for role in ROLES
    }
    said = {role: process.communicate(timeout=30)[0] for role, process in started.items()}
    return {role: Ended(process.returncode, said[role]) for role, process in started.items()}


def test_help_explains_and_starts_nothing() -> None:
    for role, ended in run("--help").items():
        assert ended.status == 0
        assert ended.said.startswith(f"usage: python -m {role}")


@pytest.mark.parametrize("words", [["--nonsense"], ["a", "b", "c"]])
def test_an_unknown_argument_starts_nothing(words: list[str]) -> None:
    for role, ended in run(*words).items():
        assert ended.status == 2
        assert ended.said.startswith(f"usage: python -m {role}")


@pytest.mark.parametrize(
    "words", [["status", "now"], ["scale"], ["scale", "4", "5"], ["stop", "--now"], ["--reload", "status"]]
)
def test_a_command_with_other_words_than_it_takes_is_none(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.take_one("supervisor", words, "--reload", "status", "scale WORKERS", "stop")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m supervisor [--reload|status|scale WORKERS|stop]")


def test_a_new_key_is_told_once_with_its_line_for_the_setting(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for _ in range(2):
        assert newkey.main(["acme", "write"]) == 0
        key, line = capsys.readouterr().out.splitlines()
        assert re.fullmatch(r"pm_[A-Za-z0-9_-]{43}", key)
        assert parse(line.removeprefix("PIXMILL_API_KEYS=")) == (ApiKey("acme", Scope.WRITE, digest_of(key.encode())),)
        told.append(key)
    assert told[0] != told[1]


@pytest.mark.parametrize("words", [["acme"], ["a b", "write"], ["acme", "admin"], ["", "read"], ["a:b", "read"]])
def test_no_key_is_made_of_what_is_no_tenant_or_scope(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        newkey.main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""
