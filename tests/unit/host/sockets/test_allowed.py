"""Which files let a key in, as what, and from when until when."""

import logging
import os
from pathlib import Path

import pytest

from host.sockets import allowed
from host.sockets.allowed import Allowed, Role, file_name, roles_of

LOG = logging.getLogger("test")
BOTH = (Role.WEB, Role.WORKER)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one key and whatever may lie there beside it."""
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "good.key").write_bytes(b"g" * 40 + b"\n")
    (folder / "folder.key").mkdir()
    (folder / "gone.key").symlink_to(tmp_path / "nowhere")
    (folder / "loop.key").symlink_to(folder / "loop.key")
    (folder / "short.key").write_bytes(b"short")
    (folder / "long.key").write_bytes(b"x" * 10_000_000)
    (folder / "north.wroker.key").write_bytes(b"w" * 40)
    os.mkfifo(folder / "pipe.key")
    (folder / "notes.txt").write_bytes(b"n" * 40)
    return folder


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(record.__dict__["file"]) for record in caplog.records if record.getMessage() == "key_unreadable"]


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("north.key", BOTH), ("north.web.key", (Role.WEB,)), ("north.worker.key", (Role.WORKER,)),
        ("north.wroker.key", ()), ("north.web.worker.key", ()), (".key", ()), (".web.key", ()), ("north.web", ()),
    ],
)  # fmt: skip
def test_the_name_of_a_file_tells_the_roles(name: str, roles: tuple[Role, ...]) -> None:
    assert roles_of(name) == roles


@pytest.mark.parametrize("role", [None, *Role])
def test_the_file_that_is_made_for_a_role_gives_this_role(role: Role | None) -> None:
    assert roles_of(file_name("north", role)) == ((role,) if role else BOTH)


def test_what_is_no_key_is_passed_over_and_said_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = Allowed(folder, LOG)
    assert known.may(b"g" * 40, Role.WORKER, 0.0)
    for second in range(10):
        assert not known.may(b"n" * 40, Role.WEB, float(second))
        assert not known.may(b"w" * 40, Role.WORKER, float(second))
    names = ["folder", "gone", "long", "loop", "north.wroker", "pipe", "short"]
    assert sorted(said(caplog)) == [f"{name}.key" for name in names]


def test_a_file_that_is_mended_and_damaged_again_is_said_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = Allowed(folder, LOG)
    for second, content in enumerate([b"s" * 40, b"short", b"short"]):
        (folder / "short.key").write_bytes(content)
        known.taken_back(10.0 + 2 * second)
    assert said(caplog).count("short.key") == 2


def test_a_key_opens_what_its_file_says_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "north.worker.key").write_bytes(b"w" * 40)
    known = Allowed(tmp_path, LOG)
    assert known.may(b"w" * 40, Role.WORKER, 0.0)
    assert not known.may(b"w" * 40, Role.WEB, 0.0)


def test_a_key_that_is_removed_is_told_once_and_lets_nobody_in(folder: Path) -> None:
    known = Allowed(folder, LOG)
    assert known.taken_back(0.0) == set()
    (folder / "good.key").unlink()
    assert known.taken_back(0.5) == set(), "it is not read all the time"
    assert known.taken_back(1.0) == {(b"g" * 40, role) for role in Role}
    assert known.taken_back(2.0) == set()
    assert not known.holds(b"g" * 40, Role.WEB)


def test_a_key_that_keeps_one_role_loses_the_other(folder: Path) -> None:
    known = Allowed(folder, LOG)
    (folder / "good.key").rename(folder / "good.web.key")
    assert known.taken_back(1.0) == {(b"g" * 40, Role.WORKER)}
    assert known.holds(b"g" * 40, Role.WEB)


def test_what_a_stranger_finds_removed_is_told_as_well(folder: Path) -> None:
    known = Allowed(folder, LOG)
    (folder / "good.key").unlink()
    assert not known.may(b"n" * 40, Role.WEB, 0.0)
    assert known.taken_back(0.1) == {(b"g" * 40, role) for role in Role}


def test_what_cannot_be_read_takes_nothing_back(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = Allowed(folder, LOG)
    (folder / "good.key").unlink()
    (folder / "good.key").symlink_to(folder / "good.key")
    assert known.taken_back(1.0) == set()
    folder.rename(folder.with_name("away"))
    for second in range(2, 5):
        assert known.taken_back(float(second)) == set()
    assert known.holds(b"g" * 40, Role.WEB)
    assert said(caplog).count("good.key") == said(caplog).count(str(folder)) == 1


def test_a_stranger_costs_no_reading_of_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[Path] = []
    real = allowed._key_files

    def listed(path: Path) -> list[str]:
        readings.append(path)
        return real(path)

    monkeypatch.setattr(allowed, "_key_files", listed)
    known = Allowed(folder, LOG)
    for knock in range(1000):
        assert not known.may(b"%040d" % knock, Role.WEB, 10.0 + knock / 1000)
    assert len(readings) <= 3
    (folder / "new.key").write_bytes(b"k" * 40)
    assert known.may(b"k" * 40, Role.WEB, 11.0), "at once"
    (folder / "new.key").write_bytes(b"m" * 40)
    assert known.may(b"m" * 40, Role.WEB, 13.0), "in the place of another"


def test_no_more_keys_are_let_in_than_a_folder_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(allowed, "ALLOWED_MAX", 3)
    for number in range(5):
        (tmp_path / f"{number}.key").write_bytes(b"%040d" % number)
    known = Allowed(tmp_path, LOG)
    assert [known.may(b"%040d" % number, Role.WEB, 0.0) for number in range(5)] == [True, True, True, False, False]
    assert "5 keys, allowed_max allows 3" in caplog.records[0].__dict__["why"]
