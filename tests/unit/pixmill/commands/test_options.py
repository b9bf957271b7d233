"""The options that all commands have, what is said while the server is away, and Ctrl-C."""

import httpx2
import pytest

from pixmill.commands import options
from tests.support.harnesses.command import Commands


@pytest.mark.parametrize("words", [["--url", "http://s", "stats"], ["stats", "--url", "http://s"]])
def test_options_stand_before_or_after_the_command(commands: Commands, words: list[str]) -> None:
    assert commands.run(*words).status == 0
    assert commands.addresses == ["http://s"]


def test_the_nearer_option_counts(commands: Commands) -> None:
    commands.run("--url", "http://far", "stats", "--url", "http://near")
    assert commands.addresses == ["http://near"]


def test_a_key_is_in_a_file_and_on_no_command_line(commands: Commands) -> None:
    (commands.folder / "key").write_text("pm_secret\n")
    assert commands.run("stats", "--key-file", commands.folder / "key").status == 0
    assert commands.run("stats").status == 0
    assert commands.keys == ["pm_secret", None]


def test_a_malformed_address_is_wrong_usage(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    done = commands.run("stats", "--url", "localhost:3000")
    assert (done.status, "is no address of a server" in done.errors) == (2, True)


def test_a_server_that_is_away_for_2_s_is_told_of_once(commands: Commands) -> None:
    commands.service.refuse("broker_silent", "no broker", times=3)
    assert commands.run("stats").errors == ""
    commands.service.refuse("broker_silent", "no broker", times=5)
    done = commands.run("stats")
    assert (done.status, done.errors) == (
        0,
        "http://pixmill.test says: no broker (broker_silent): not there yet, trying for 60 s\n",
    )


def test_ctrl_c_is_status_130(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_request: httpx2.Request) -> httpx2.Response:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands.service, "answer", interrupted)
    done = commands.run("stats")
    assert (done.status, done.lines, done.errors) == (130, [], "interrupted\n")


def test_wrong_usage_is_status_2(commands: Commands) -> None:
    assert [commands.run(*words).status for words in (["nonsense"], ["show"], ["upload"], ["stats", "--no"])] == [2] * 4
    assert options.INTERRUPTED == 130
