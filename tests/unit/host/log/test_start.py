"""The log of a process, as it is set up by its settings."""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.log.start import say_refused, setup_faults_end, start_log
from host.settings.settings import Settings
from jobs.errors import SetupFault


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A root logger without handlers; it and the hooks of the interpreter are as before at the end."""
    level = logging.getLogger().level
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    yield
    logging.captureWarnings(False)
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("", True), ("1", False)])
def test_no_color_is_honoured(
    no_color: str | None, coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """no-color.org: an empty value counts as none."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    start_log("broker", Settings(log_format="console")).info("ready")
    assert ("\x1b[" in capsys.readouterr().err) == coloured


def test_a_value_that_others_chose_writes_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    log = start_log("broker", Settings())
    log.info("assigned", extra={"worker": "evil\n12:00:00.000 broker       ready", "job": "\x1b[31mj"})
    said = capsys.readouterr().err
    assert said.endswith('assigned worker="evil\\n12:00:00.000 broker       ready" job=\\u001b[31mj\n')
    assert said.count("\n") == 1


def test_all_is_json_and_the_file_has_it_beside_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "log" / "l.jsonl"
    log = start_log("worker", Settings(log_format="json", log_path=str(path)))
    log.info("finished", extra={"job": "j"})
    logging.getLogger("uvicorn.error").error("Invalid HTTP request received.")
    said = capsys.readouterr().err
    assert said == path.read_text()
    one, two = map(json.loads, said.splitlines())
    assert (one["role"], one["process"], one["event"], one["job"]) == ("worker", os.getpid(), "finished", "j")
    assert (two["event"], two["logger"], two["level"]) == ("library_said", "uvicorn.error", "error")


def test_the_level_holds(capsys: pytest.CaptureFixture[str]) -> None:
    log = start_log("worker", Settings(log_level="warning"))
    log.info("finished", extra={"job": "j"})
    assert capsys.readouterr().err == ""


def test_passwords_of_settings_are_in_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = start_log("broker", Settings(ledger_url="postgresql://me:hunter2hunter2@db/pixmill"))
    log.warning("ledger_awaited", extra={"why": 'password authentication failed with "hunter2hunter2"'})
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True])
def test_a_refused_start_is_one_line(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIXMILL_LOG_FORMAT", "json" if as_json else "auto")
    with pytest.raises(SystemExit) as ended, setup_faults_end("web"):
        raise SetupFault("HOST='\x1b' is none: correct it")
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and "\x1b" not in said
    if as_json:
        told = json.loads(said)
        assert (told["event"], told["role"], told["level"]) == ("start_refused", "web", "error")
    else:
        assert said.startswith("web: HOST=")
    say_refused("broker", SetupFault("x"))
