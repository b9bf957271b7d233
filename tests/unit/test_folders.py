"""DATA's folders, locks and secrets: what cannot be made or written is one sentence, and ends with the fix."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from host.folders import data_folder, hold_lock, run_folder, secret
from jobs.errors import SetupFault
from jobs.settings import Settings


def fail(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, failing)


def test_a_data_folder_is_made_with_its_parts(tmp_path: Path) -> None:
    data = data_folder(Settings(data=str(tmp_path / "data")))
    assert {"raw", "processed", "incoming"} < {part.name for part in data.iterdir()}


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(SetupFault, match=r"data cannot be written \(.+\): set PIXMILL_DATA"):
        data_folder(Settings(data=str(tmp_path / "data")))


def test_a_whole_data_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parts are there, so that making them shows nothing."""
    settings = Settings(data=str(tmp_path))
    data_folder(settings)
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "raw")
    with pytest.raises(SetupFault, match=r"cannot be written \(no right to write\): set PIXMILL_DATA"):
        data_folder(settings)


def test_a_lock_that_cannot_be_made_is_a_setup_fault(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match=r"the lock .+ cannot be made \(No such file or directory\)"):
        hold_lock(tmp_path / "none" / "broker.lock", 0, "taken")


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    made = secret(tmp_path, "key.secret")
    assert len(made) == 32
    assert secret(tmp_path, "key.secret") == made
    assert os.listdir(tmp_path) == ["key.secret"]


def test_a_secret_that_cannot_be_kept_is_a_setup_fault_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, "fsync", errno.ENOSPC)
    with pytest.raises(SetupFault, match=r"key.secret cannot be kept \(No space left on device\)"):
        secret(tmp_path, "key.secret")
    assert os.listdir(tmp_path) == []


def test_a_run_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    assert run_folder(Settings(run=str(tmp_path / "made"))).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_run_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(SetupFault, match=r"others may write to the run folder .+: chmod 700 it"):
        run_folder(Settings(run=str(tmp_path)))


def test_a_run_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(SetupFault, match="others may write to the run folder"):
        run_folder(Settings(run=str(tmp_path)))


def test_a_link_in_the_place_of_the_default_run_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's, say, that leads to a folder of ours."""
    with tempfile.TemporaryDirectory(prefix="pm-") as shared:  # a short one: socket paths are
        monkeypatch.setenv("XDG_RUNTIME_DIR", shared)
        settings = Settings(data=str(tmp_path))
        made = run_folder(settings)
        made.rmdir()
        made.symlink_to(tmp_path)
        with pytest.raises(SetupFault, match="others may write to the run folder"):
            run_folder(settings)
