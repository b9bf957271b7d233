"""`pixmill upload --watch`: what comes is uploaded, and moved by its end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pixmill.commands.folders import watching
from pixmill.commands.folders.files import Picked
from pixmill.commands.folders.watching import Ends, watch
from pixmill.core.answers import Job
from pixmill.core.errors import NoAccess, RateLimited, Refused, Unreachable
from tests.support.harnesses.command import Commands


class Enough(Exception):
    """The test has seen enough."""


class Clock:
    """Time that passes only in pauses, for so many of them."""

    def __init__(self, pauses: int) -> None:
        self.now, self.left = 0.0, pauses

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        self.left -= 1
        if not self.left:
            raise Enough


def watched(folder: Path, ends: dict[str, Any], pauses: int = 8) -> list[str]:
    """Watch for a while. `ends`: how each file ends, by name, once each. Returns what was sent, in order."""
    sent: list[str] = []

    async def upload(files: list[Picked]) -> Ends:
        sent.extend(file.path.name for file in files)
        found = {file.path: ends[file.path.name].pop(0) for file in files}
        for end in found.values():
            if isinstance(end, Unreachable | NoAccess):
                raise end
        return found

    clock = Clock(pauses)
    with pytest.raises(Enough):
        asyncio.run(watch(folder, upload, lambda said: None, lambda: clock.now, clock.pause))
    return sent


def job(state: str) -> Any:
    """A job that ended so."""
    made = object.__new__(Job)
    object.__setattr__(made, "state", state)
    return made


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_moved_by_their_end_and_sent_once(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.PNG", "c.webp", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "below").mkdir()
    (tmp_path / "below/d.jpg").write_bytes(b"x")
    refused = Refused(415, {"code": "unsupported_type"})
    sent = watched(tmp_path, {"a.jpg": [job("done")], "b.PNG": [job("failed")], "c.webp": [refused]})
    assert sent == ["a.jpg", "b.PNG", "c.webp"]
    assert names(tmp_path) == [
        ".hidden.jpg", "below/d.jpg", "done/a.jpg", "failed/b.PNG", "failed/c.webp", "notes.txt",
    ]  # fmt: skip


def test_what_may_be_sent_later_stays_and_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "b.jpg").write_bytes(b"x")
    limited = RateLimited(429, {"code": "rate_limited"})
    sent = watched(tmp_path, {"a.jpg": [Unreachable("no"), job("done")], "b.jpg": [limited, job("done")]}, 9)
    assert sent.count("a.jpg") == 2
    assert names(tmp_path) == ["done/a.jpg", "done/b.jpg"]


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done/a.jpg").write_bytes(b"old")
    (tmp_path / "a.jpg").write_bytes(b"new")
    watched(tmp_path, {"a.jpg": [job("done")]})
    assert (tmp_path / "done/a.jpg").read_bytes() == b"old"
    assert (tmp_path / "done/a-2.jpg").read_bytes() == b"new"


def test_a_file_that_is_replaced_while_its_round_waits_stays_and_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"first")
    sent: list[bytes] = []

    async def upload(files: list[Picked]) -> Ends:
        (file,) = files
        sent.append(file.path.read_bytes())
        if len(sent) == 1:
            file.path.write_bytes(b"the second one")
        return {file.path: job("done")}

    clock = Clock(9)
    with pytest.raises(Enough):
        asyncio.run(watch(tmp_path, upload, lambda said: None, lambda: clock.now, clock.pause))
    assert sent == [b"first", b"the second one"]
    assert names(tmp_path) == ["done/a.jpg"]


def test_a_file_that_is_replaced_before_it_is_read_is_not_the_one_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"first")
    told = (tmp_path / "a.jpg").lstat()
    meant = Picked(tmp_path / "a.jpg", form=(told.st_size, told.st_mtime_ns))
    assert meant.digest() == Picked(tmp_path / "a.jpg").digest()
    (tmp_path / "a.jpg").write_bytes(b"the second one")
    with pytest.raises(OSError, match="written anew"):
        meant.digest()


def test_without_access_it_ends(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    async def upload(files: list[Picked]) -> Ends:
        raise NoAccess(401, {"code": "key_wrong"})

    clock = Clock(9)
    with pytest.raises(NoAccess):
        asyncio.run(watch(tmp_path, upload, lambda said: None, lambda: clock.now, clock.pause))


def test_the_command_uploads_moves_and_ends_by_ctrl_c(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    async def once(folder: Path, upload: watching.Round, say: Any) -> None:
        (folder / "done").mkdir(exist_ok=True)
        for path, end in (await upload([Picked(each) for each in sorted(folder.glob("*.jpg"))])).items():
            assert isinstance(end, Job) and end.state == "done"
            path.rename(folder / "done" / path.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "watch", once)
    commands.image("in/a.jpg")
    done = commands.run("upload", "--watch", commands.folder / "in", "--reference", "r")
    assert done.status == 130
    assert [path.name for path in (commands.folder / "in/done").iterdir()] == ["a.jpg"]
    assert commands.uploads == 1


def test_files_and_a_watched_folder_exclude_each_other(commands: Commands) -> None:
    for words in ([], [commands.image("a.jpg"), "--watch", commands.folder]):
        assert commands.run("upload", *words).status == 2
