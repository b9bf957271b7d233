"""DATA's folders, locks and secrets: what cannot be made or written is one sentence, and ends with the fix."""

import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host.files.folders import data_folder, hold_lock, keep_private, lock_name, run_folder, secret, try_lock
from host.settings.settings import Settings
from jobs.errors import SetupFault


@pytest.fixture
def no_umask() -> Iterator[None]:
    """As if a process was started by somebody who lets everybody do everything."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def fail(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, failing)


def test_a_data_folder_is_made_with_its_parts(tmp_path: Path) -> None:
    data = data_folder(Settings(data=str(tmp_path / "data")))
    assert {"raw", "processed", "incoming"} < {part.name for part in data.iterdir()}


@pytest.mark.parametrize(
    ("mark", "named"),
    [("pyvenv.cfg", "the Python environment"), ("conda-meta", "the Python environment"), ("CACHEDIR.TAG", "the cache")],
)
def test_a_data_folder_that_a_tool_may_remove_is_refused(tmp_path: Path, mark: str, named: str) -> None:
    (tmp_path / "tool" / "inner").mkdir(parents=True)
    (tmp_path / "tool" / mark).touch()
    (tmp_path / "link").symlink_to(tmp_path / "tool" / "inner")
    for data in (tmp_path / "tool", tmp_path / "tool" / "inner" / "data", tmp_path / "link" / "data"):
        with pytest.raises(SetupFault, match=rf"is within {named} {tmp_path}/tool, .+: set PIXMILL_DATA"):
            data_folder(Settings(data=str(data)))
        assert data == tmp_path / "tool" or not data.exists()
    assert data_folder(Settings(data=str(tmp_path / "data"))).exists()


def test_a_data_folder_beside_the_system_s_python_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its prefix is /usr or /usr/local, which no tool removes."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert data_folder(Settings(data=str(tmp_path / "data"))).exists()


@pytest.mark.parametrize("name", ["loop", "loop/data", "x" * 300])
def test_a_data_folder_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SetupFault, match=r"cannot be written \(.+\): set PIXMILL_DATA"):
        data_folder(Settings(data=str(tmp_path / name)))


def test_a_data_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look into it is refused as well; root's is not, so the test has it refused."""
    theirs = str(tmp_path / "theirs")

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def refused(path: Any, *args: Any, **named: Any) -> Any:
            if str(path).startswith(f"{theirs}/"):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return call(path, *args, **named)

        return refused

    for name in ("stat", "mkdir"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    (tmp_path / "theirs").mkdir()
    with pytest.raises(SetupFault, match=r"theirs cannot be written \(Permission denied\): set PIXMILL_DATA"):
        data_folder(Settings(data=theirs))


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
        hold_lock(tmp_path / "none" / "broker.lock", "taken")


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
    assert mode_of(run_folder(Settings(run=str(tmp_path / "made")))) == 0o700


def test_a_data_folder_is_made_for_its_user_alone(tmp_path: Path, no_umask: None) -> None:
    assert mode_of(data_folder(Settings(data=str(tmp_path / "data")))) == 0o700


@pytest.mark.usefixtures("until_its_end")
def test_a_lock_has_one_name_and_no_other_lock_has_it(tmp_path: Path) -> None:
    """Also one that is made anew in the place of a removed one which is still held."""
    path, other = tmp_path / "broker.lock", tmp_path / "other.lock"
    held = try_lock(path)
    assert held is not None and try_lock(other) is not None
    name = lock_name(path)
    assert name and name == lock_name(path) != lock_name(other)
    path.unlink()
    assert try_lock(path) is not None
    assert lock_name(path) != name


def test_what_a_private_process_makes_nobody_else_may_touch(tmp_path: Path, no_umask: None) -> None:
    keep_private()
    (tmp_path / "file").touch(0o666)
    (tmp_path / "folder").mkdir()
    assert (mode_of(tmp_path / "file"), mode_of(tmp_path / "folder")) == (0o600, 0o700)


OURS = ["raw", "ledger.sqlite3"]


@pytest.mark.parametrize(
    "within", [OURS, [*OURS, ".key.secret.x1", "curve", "lost+found"], [], [".gitkeep"], ["lost+found"]]
)
def test_a_data_folder_that_others_may_read_is_closed_and_that_is_said_once(
    tmp_path: Path, within: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """As those of the version before all are. Of an empty one, as git makes it, there is nothing to say."""
    for name in within:
        (tmp_path / name).mkdir()
    tmp_path.chmod(0o755)
    settings = Settings(data=str(tmp_path))
    for _ in range(2):
        data_folder(settings)
    assert mode_of(tmp_path) == 0o700
    told = [(record.message, str(vars(record)["folder"]), vars(record)["mode"]) for record in caplog.records]
    assert told == ([("folder_closed", str(tmp_path), "755")] if "raw" in within else [])


@pytest.mark.parametrize("setting", ["data", "run"])
@pytest.mark.parametrize(
    "within",
    [
        ["of-somebody"],
        [".bashrc"],  # a new home
        ["raw"],  # a photographer's
        ["raw", "processed"],
        [*OURS, "Pictures"],  # a home that was DATA once
        ["broker.lock", ".ssh"],
    ],
    ids=str,
)
def test_a_folder_with_other_things_is_not_closed_but_refused(tmp_path: Path, setting: str, within: list[str]) -> None:
    """/tmp, or a home, of mode 700 would end more than pixmill."""
    for name in within:
        (tmp_path / name).mkdir()
    tmp_path.chmod(0o755)
    refusal = (
        rf"look into {tmp_path}, and it is not pixmill's alone \(it has '(.+)'\): set PIXMILL_{setting.upper()} to "
    )
    opened = {"data": data_folder, "run": run_folder}[setting]
    with pytest.raises(SetupFault, match=refusal) as fault:
        opened(Settings(**{setting: str(tmp_path)}))  # type: ignore[arg-type]
    assert any(f"it has {name!r}" in fault.value.detail for name in within if name not in (*OURS[1:], "broker.lock"))
    assert (mode_of(tmp_path), sorted(os.listdir(tmp_path))) == (0o755, sorted(within))
    tmp_path.chmod(0o700)
    assert opened(Settings(**{setting: str(tmp_path)})) == tmp_path, "the fix that it names"  # type: ignore[arg-type]


def test_keys_that_were_brought_to_a_worker_are_ours(tmp_path: Path) -> None:
    """All that its DATA holds before the first start."""
    (tmp_path / "curve").mkdir()
    (tmp_path / "curve/broker.key").touch()
    tmp_path.chmod(0o755)
    assert mode_of(data_folder(Settings(data=str(tmp_path)))) == 0o700


def test_what_another_process_makes_of_an_empty_folder_meanwhile_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where broker, web and worker start at once."""
    tmp_path.chmod(0o755)
    listed = os.listdir

    def at_once(folder: Path) -> list[str]:
        monkeypatch.undo()
        data_folder(Settings(data=str(tmp_path)))
        return listed(folder)

    monkeypatch.setattr(os, "listdir", at_once)
    assert mode_of(data_folder(Settings(data=str(tmp_path)))) == 0o700


def test_a_data_folder_that_cannot_be_closed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o750)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(SetupFault, match=r"cannot be closed \(Operation not permitted\): chmod 700 it, or set"):
        data_folder(Settings(data=str(tmp_path)))


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711, 0o744])
def test_a_run_folder_that_others_may_look_into_is_closed(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    assert mode_of(run_folder(Settings(run=str(tmp_path)))) == 0o700


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


def test_the_default_run_folder_that_another_user_made_first_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name can be computed by everyone: else it would keep pixmill from starting."""
    with tempfile.TemporaryDirectory(prefix="pm-") as shared:
        monkeypatch.setenv("XDG_RUNTIME_DIR", shared)
        settings = Settings(data=f"{shared}/data")
        ours = run_folder(settings)
        ours.rmdir()
        ours.mkdir(mode=0o777)
        seen, us = Path.lstat, os.getuid() + 1

        def of_another(path: Path) -> os.stat_result:
            found = list(seen(path))
            found[4] = us if path == ours else found[4]
            return os.stat_result(found)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "lstat", of_another)
            assert run_folder(settings) == Path(shared, "data", "run")
        assert run_folder(settings) == Path(shared, "data", "run"), "it stays, also where that one goes"
