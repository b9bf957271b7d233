"""What only blobs on a disk can get wrong: syncs and their order, links, room, what a crash leaves."""

import errno
import fcntl
import io
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import BlobMissing, StoreFault, StoreFull
from stores.blobs.local import INCOMING, LocalBlobs

NAME, OTHER = "raw/ab/one", "processed/ab/one.thumb.12345678.jpeg"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def blobs(data: Path) -> LocalBlobs:
    return LocalBlobs(data)


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch, data: Path) -> list[str]:
    """What was synced or renamed, in order, by path within DATA; files on their way in are `*`."""
    done: list[str] = []
    sync, replace = os.fsync, os.replace

    def name(path: str) -> str:
        inside = os.path.relpath(path, data)
        return "*" if inside.startswith(f"{INCOMING}/") else inside

    def recorded_sync(descriptor: int) -> None:
        sync(descriptor)
        done.append(f"sync {name(os.readlink(f'/proc/self/fd/{descriptor}'))}")

    def recorded_replace(source: Path, target: Path) -> None:
        replace(source, target)
        done.append(f"{name(str(source))} -> {name(str(target))}")

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    return done


def failing(monkeypatch: pytest.MonkeyPatch, function: str, number: int) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, fail)


def incoming(data: Path) -> list[str]:
    return os.listdir(data / INCOMING)


def test_bytes_are_synced_before_their_name_and_the_name_after(blobs: LocalBlobs, syncs: list[str]) -> None:
    blobs.put(NAME, b"bytes")
    assert syncs == ["sync *", "sync .", "sync raw", f"* -> {NAME}", "sync raw/ab"]


def test_a_folder_of_the_fan_out_is_synced_once(blobs: LocalBlobs, syncs: list[str]) -> None:
    blobs.put(NAME, b"bytes")
    syncs.clear()
    blobs.put("raw/ab/two", b"bytes")
    assert syncs == ["sync *", "* -> raw/ab/two", "sync raw/ab"]


def test_a_folder_that_another_process_made_is_synced_too(data: Path, syncs: list[str]) -> None:
    LocalBlobs(data).put(NAME, b"bytes")
    syncs.clear()
    LocalBlobs(data).put("raw/ab/two", b"bytes")
    assert syncs == ["sync *", "sync .", "sync raw", "* -> raw/ab/two", "sync raw/ab"]


def test_all_folders_that_a_process_finds_are_synced_at_once(data: Path, syncs: list[str]) -> None:
    blobs = LocalBlobs(data)
    blobs.put("raw/ab/one", b"bytes")
    blobs.put("raw/cd/one", b"bytes")
    syncs.clear()
    later = LocalBlobs(data)
    later.put("raw/ab/two", b"bytes")
    later.put("raw/cd/two", b"bytes")
    assert syncs.count("sync raw") == 1
    later.put("raw/ef/two", b"bytes")
    assert syncs.count("sync raw") == 2


def test_a_link_shares_the_bytes_and_syncs_the_name(blobs: LocalBlobs, data: Path, syncs: list[str]) -> None:
    blobs.put(NAME, b"bytes")
    syncs.clear()
    blobs.link(NAME, OTHER)
    assert (data / NAME).samefile(data / OTHER)
    assert syncs[-1] == "sync processed/ab"
    blobs.link(NAME, OTHER)
    blobs.link(NAME, NAME)
    assert incoming(data) == []


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_where_links_fail_there_is_a_copy(
    blobs: LocalBlobs, data: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    blobs.put(NAME, b"bytes")
    failing(monkeypatch, "link", number)
    blobs.link(NAME, OTHER)
    assert (data / OTHER).read_bytes() == b"bytes"
    assert not (data / NAME).samefile(data / OTHER)
    with pytest.raises(BlobMissing):
        blobs.link("raw/ab/none", OTHER)
    assert incoming(data) == []


def test_a_copy_that_cannot_be_read_is_a_fault_of_the_store(
    blobs: LocalBlobs, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bad(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    blobs.put(NAME, b"bytes")
    failing(monkeypatch, "link", errno.EXDEV)
    monkeypatch.setattr(blobs, "open", lambda _name: Bad())
    with pytest.raises(StoreFault, match=f"{NAME}: Input/output error"):
        blobs.link(NAME, OTHER)
    assert incoming(data) == []


def test_another_fault_of_a_link_is_told(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs.put(NAME, b"bytes")
    failing(monkeypatch, "link", errno.EIO)
    with pytest.raises(StoreFault, match="Input/output error"):
        blobs.link(NAME, OTHER)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EIO, StoreFault)]
)
def test_a_publish_that_fails_leaves_nothing(
    blobs: LocalBlobs, data: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StoreFault]
) -> None:
    failing(monkeypatch, "fsync", number)
    with pytest.raises(StoreFault) as caught:
        blobs.put(NAME, b"bytes")
    assert type(caught.value) is kind
    assert incoming(data) == []
    assert not (data / NAME).exists()


def test_no_room_while_writing_is_told(blobs: LocalBlobs, data: Path) -> None:
    writer = blobs.writer(NAME)
    with open("/dev/full", "wb", buffering=0) as full:
        os.dup2(full.fileno(), writer._file.fileno())
    with pytest.raises(StoreFull):
        writer.write(b"x" * 1_000_000)
    writer.discard()
    assert incoming(data) == []


def test_a_lost_upload_is_no_missing_original(blobs: LocalBlobs, data: Path) -> None:
    writer = blobs.writer(NAME)
    writer.write(b"bytes")
    (left,) = incoming(data)
    (data / INCOMING / left).unlink()
    with pytest.raises(StoreFault) as caught:
        writer.publish()
    assert caught.value.code == "store_error"
    writer.discard()


def test_no_upload_is_swept_while_its_process_has_it_open(blobs: LocalBlobs, data: Path) -> None:
    """However long it takes: the first file of a slow POST is not written to for longer than any bound."""
    writer = blobs.writer(NAME)
    writer.write(b"bytes")
    assert LocalBlobs(data).sweep_incoming(0) == 0
    writer.publish()
    assert (data / NAME).read_bytes() == b"bytes"
    blobs.writer(NAME)._file.close()  # as the end of its process closes it
    assert blobs.sweep_incoming(0) == 1


def test_only_old_leftovers_are_swept(blobs: LocalBlobs, data: Path) -> None:
    (data / INCOMING / "old").write_bytes(b"")
    (data / INCOMING / "young").write_bytes(b"")
    os.utime(data / INCOMING / "old", (1_000_000_000, 1_000_000_000))
    assert blobs.sweep_incoming(3600) == 1
    assert incoming(data) == ["young"]


def test_a_scan_names_no_file_that_is_no_blob(blobs: LocalBlobs, data: Path) -> None:
    blobs.put(NAME, b"")
    for other in ("raw/.gitkeep", "raw/ab/.hidden", "raw/file", "raw/ab/folder/file", "incoming/one", "ledger.sqlite3"):
        (data / other).parent.mkdir(parents=True, exist_ok=True)
        (data / other).write_bytes(b"")
    (data / "raw/ab/link").symlink_to(data / NAME)
    assert blobs.names("", 100, 0.0) == ([NAME], None)


def test_the_age_of_a_blob_is_that_of_its_bytes(blobs: LocalBlobs, data: Path) -> None:
    blobs.put(NAME, b"")
    blobs.put(OTHER, b"")
    os.utime(data / NAME, (1_000_000_000, 1_000_000_000))
    assert blobs.names("", 100, 3600.0) == ([NAME], None)
    blobs.link(NAME, OTHER)
    assert blobs.names("", 100, 3600.0) == ([OTHER, NAME], None)


def test_a_blob_is_as_old_as_its_publication(blobs: LocalBlobs, data: Path) -> None:
    writer = blobs.writer(NAME)
    (fresh,) = (data / INCOMING).iterdir()
    os.utime(fresh, (1_000_000_000, 1_000_000_000))
    writer.publish()
    assert blobs.names("", 100, 3600.0) == ([], None)


def test_a_scan_tells_no_name_that_cannot_be_told(blobs: LocalBlobs, data: Path) -> None:
    for name in ("raw/ab/a", "raw/ab/z", "raw/zz/a"):
        blobs.put(name, b"")
    for folder in ("raw/ab", "raw"):
        os.mkdir(os.fsencode(data / folder) + b"/b\xff")
    assert [blobs.names(after, 2, 0.0) for after in ("", "raw/ab/z")] == [
        (["raw/ab/a", "raw/ab/z"], "raw/ab/z"),
        (["raw/zz/a"], None),
    ]


def test_a_folder_that_cannot_be_read_is_told(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "listdir", errno.EIO)
    with pytest.raises(StoreFault, match="Input/output error"):
        blobs.names("", 100, 0.0)


def test_a_store_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(StoreFault):
        LocalBlobs(tmp_path / "data")


def test_folders_that_are_removed_while_running_are_made_and_synced_again(
    blobs: LocalBlobs, data: Path, syncs: list[str]
) -> None:
    blobs.put(NAME, b"bytes")
    for folder in ("raw", INCOMING):
        shutil.rmtree(data / folder)
    syncs.clear()
    blobs.put("raw/ab/two", b"more")
    assert (data / "raw/ab/two").read_bytes() == b"more"
    assert syncs == ["sync *", "sync .", "sync raw", "* -> raw/ab/two", "sync raw/ab"]


def test_a_folder_that_cannot_be_written_has_no_room_to_tell(
    blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert blobs.free_bytes() > 0
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with pytest.raises(StoreFault, match="cannot be written to"):
        blobs.free_bytes()


def test_put_leaves_room_for_others(data: Path) -> None:
    free = LocalBlobs(data).free_bytes()
    blobs = LocalBlobs(data, free // 2)
    blobs.put(NAME, b"bytes")
    with pytest.raises(StoreFull, match="nearly full"):
        LocalBlobs(data, free + (1 << 30)).put("raw/ab/two", b"more")
    assert not (data / "raw/ab/two").exists()
    assert os.listdir(data / INCOMING) == []


def test_nobody_waits_for_a_lock_that_somebody_else_took(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of a file and its lock: web's event loop would wait for as long as they like."""
    opened, theirs = os.open, list[int]()

    def raced(path: str, flags: int, mode: int = 0o777) -> int:
        ours = opened(path, flags, mode)
        theirs.append(opened(path, os.O_RDONLY))
        fcntl.flock(theirs[-1], fcntl.LOCK_SH)
        return ours

    def waited(*_: object) -> None:
        raise AssertionError("it waits for the lock")

    monkeypatch.setattr(os, "open", raced)
    before = signal.signal(signal.SIGALRM, waited)
    signal.alarm(3)
    try:
        with pytest.raises(StoreFault, match="temporarily unavailable"):
            blobs.writer("raw/ab/one")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        for descriptor in theirs:
            os.close(descriptor)
