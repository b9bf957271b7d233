"""Blobs as files of one folder: DATA/raw and DATA/processed, with DATA/incoming for unfinished ones.

Owns the path from bytes to a durable name: temporary file, write, sync, rename, sync of the
folder. All three folders must be in one file system, because rename must be atomic.

Paths of blobs are strings and not pathlib's, because pathlib interns each part of a path. With millions of names, the
table of interned strings fragments the heap (1 MB in 10,000 jobs).
"""

import contextlib
import errno
import fcntl
import heapq
import io
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from host.files.folders import sync_folder
from jobs.errors import BlobMissing, StoreFault, StoreFull
from jobs.ids import is_blob
from stores.blobs import KINDS
from stores.blobs.names import checked

INCOMING = "incoming"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_LINK = frozenset({errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP})
"""Errors after which a link is replaced by a copy: too many links of one file (ext4: 65,000), another file system, or
one without hard links."""
_COPY_BYTES = 1024 * 1024


@contextlib.contextmanager
def _faults(name: str, missing: type[StoreFault] = StoreFault) -> Iterator[None]:
    """Translate an OSError into the errors of jobs.errors; a missing file becomes `missing`."""
    try:
        yield
    except OSError as error:
        kind = StoreFull if error.errno in _NO_ROOM else missing if error.errno == errno.ENOENT else StoreFault
        raise kind(f"blob {name}: {error.strerror}") from error


class LocalBlobs:
    """Blobs in the folder `data`, which is made if missing. Several threads and processes may use it. `put`, and a
    writer with a known size, leave `kept_bytes` of the disk free."""

    def __init__(self, data: Path, kept_bytes: int = 0) -> None:
        self._data, self._kept_bytes = os.path.abspath(data), kept_bytes
        self._incoming = f"{self._data}/{INCOMING}"
        self._synced = {self._data}
        with _faults(INCOMING):
            os.makedirs(self._incoming, exist_ok=True)

    def writer(self, name: str, size: int = 0) -> "LocalWriter":
        """Start a blob; it is in DATA/incoming until `publish`."""
        if size and self._kept_bytes and self.free_bytes() - size < self._kept_bytes:
            raise StoreFull(f"blob {name}: the disk is nearly full")
        return LocalWriter(self, name, self.path(name), self._fresh())

    def put(self, name: str, data: bytes | bytearray) -> None:
        writer = self.writer(name, len(data))
        try:
            writer.write(data)
            writer.publish()
        finally:
            writer.discard()

    def open(self, name: str) -> BinaryIO:
        with _faults(name, BlobMissing):
            return io.FileIO(self.path(name))

    def reader(self, name: str, start: int, end: int) -> "LocalReader":
        return LocalReader(name, self.open(name), start, end)

    def link(self, source: str, name: str) -> None:
        """As Blobs.link. An older blob of the name is replaced atomically."""
        origin, path, fresh = self.path(source), self.path(name), self._fresh()
        try:
            with _faults(source, BlobMissing):
                os.link(origin, fresh)
        except StoreFault as fault:
            if not isinstance(fault.__cause__, OSError) or fault.__cause__.errno not in _NO_LINK:
                raise
            self._copy(source, name)
            return
        try:
            with _faults(name):
                self.land(fresh, path)
        finally:
            _remove(fresh)  # a rename onto a link of the same file does nothing, and leaves both names

    def delete(self, names: list[str]) -> None:
        for name in names:
            with _faults(name):
                _remove(self.path(name))

    def free_bytes(self) -> int:
        """Bytes that this process may still write. Raises StoreFault if it may not write at all."""
        with _faults("of any name"):
            room = os.statvfs(self._data)
        if not os.access(self._data, os.W_OK):
            raise StoreFault("the data folder cannot be written to")
        return room.f_bavail * room.f_frsize

    def address(self, name: str, now: float, headers: Mapping[str, str]) -> None:
        """As Blobs.address: there are none."""

    def look(self) -> None:
        """As Blobs.look: raises StoreFault if the folder cannot be written to."""
        self.free_bytes()

    def claim(self, owner: str) -> None:
        """As Blobs.claim: there is no mark. A broker holds a lock of the folder instead."""

    def prove(self) -> str:
        """As Blobs.prove."""
        return f"files in {self._data}"

    def holds(self, kind: str) -> bool:
        """As Blobs.holds; a file that is no blob of ours counts too."""
        return any(Path(self._data, kind).glob("*/*"))

    def names(self, after: str, limit: int, older_than_seconds: float) -> tuple[list[str], str | None]:
        """As Blobs.names. A link has the age of its source."""
        before = time.time() - older_than_seconds
        with _faults("of any name"):
            found = self._following(after, limit)
            old = [name for name in found if is_blob(name) and _written_before(f"{self._data}/{name}", before)]
        return old, found[-1] if len(found) == limit else None

    def sweep_incoming(self, older_than_seconds: float) -> int:
        """As Blobs.sweep_incoming."""
        limit, swept = time.time() - older_than_seconds, 0
        with _faults(INCOMING), os.scandir(self._incoming) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime <= limit and not _is_written(entry.path):
                        os.unlink(entry)
                        swept += 1
        return swept

    def create(self, fresh: str) -> io.FileIO:
        """A new file in DATA/incoming (a removed folder is made again). The file is locked while it is open, so that no
        sweep deletes it, however slow its upload is. Raises OSError."""
        try:
            return io.FileIO(fresh, "x", opener=_locked)
        except FileNotFoundError:
            os.makedirs(self._incoming, exist_ok=True)
            return io.FileIO(fresh, "x", opener=_locked)

    def land(self, fresh: str, path: str) -> None:
        """Move a synced file to its final path, durably. Raises OSError."""
        folder = os.path.dirname(path)
        self._make(folder)
        try:
            os.replace(fresh, path)
        except FileNotFoundError:  # the folder was removed after its name was synced, or the file is gone
            self._synced = {self._data}
            self._make(folder)
            os.replace(fresh, path)
        sync_folder(folder)

    def _following(self, after: str, limit: int) -> list[str]:
        """The `limit` files after `after`: by kind, then by folder of the fan-out, then by name. Each step lists
        its folder anew, which is cheap even for tens of thousands of files."""
        (last, _, past), found = after.rpartition("/"), list[str]()
        for kind in KINDS:
            for fan in sorted(_listed(f"{self._data}/{kind}")):
                folder = f"{kind}/{fan}"
                if folder < last:
                    continue
                names = _listed(f"{self._data}/{folder}")
                rest = names if folder > last else [name for name in names if name > past]
                found += [f"{folder}/{name}" for name in heapq.nsmallest(limit - len(found), rest)]
                if len(found) == limit:
                    return found
        return found

    def _copy(self, source: str, name: str) -> None:
        writer = self.writer(name)
        try:
            with self.open(source) as file, _faults(source):
                shutil.copyfileobj(file, writer, _COPY_BYTES)
            writer.publish()
        finally:
            writer.discard()

    def _make(self, folder: str) -> None:
        """Make a folder of the fan-out. Each process syncs the folder's name once, because the process
        that made it may not have done so yet. The first sync of the parent covers all folders that
        exist already."""
        if folder in self._synced:
            return
        above = os.path.dirname(folder)
        first = above not in self._synced
        self._make(above)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        names = _listed(above) if first else [os.path.basename(folder)]
        sync_folder(above)
        self._synced.update(f"{above}/{name}" for name in names)

    def path(self, name: str) -> str:
        """The path of the blob `name`. Raises StoreFault if it is not a valid name."""
        return f"{self._data}/{checked(name)}"

    def _fresh(self) -> str:
        return f"{self._incoming}/{secrets.token_hex(16)}"


class LocalWriter:
    """A BlobWriter over a temporary file. The file is gone after `publish` and after `discard`."""

    def __init__(self, blobs: LocalBlobs, name: str, path: str, fresh: str) -> None:
        self._blobs = blobs
        self._name = name
        self._path = path
        self._fresh = fresh
        self._landed = False
        with _faults(name):
            self._file = blobs.create(fresh)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with _faults(self._name):
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]

    def publish(self, name: str = "") -> None:
        if name:
            self._name, self._path = name, self._blobs.path(name)
        with _faults(self._name):
            os.utime(self._file.fileno())  # its age starts now: the first file of a slow POST was written long ago
            os.fsync(self._file.fileno())
            self._file.close()
            self._blobs.land(self._fresh, self._path)
            self._landed = True

    def discard(self) -> None:
        if self._landed:
            return
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._fresh)


class LocalReader:
    """A BlobReader over an open file."""

    def __init__(self, name: str, file: BinaryIO, start: int, end: int) -> None:
        self._name, self._file, self._at, self._end = name, file, start, end

    def read(self, size: int) -> bytes:
        size = min(size, self._end - self._at)
        with _faults(self._name):
            data = os.pread(self._file.fileno(), size, self._at) if size > 0 else b""
        if size > 0 and not data:
            raise StoreFault(f"blob {self._name} is shorter than its row says")
        self._at += len(data)
        return data

    def close(self) -> None:
        self._file.close()


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _listed(folder: str) -> list[str]:
    """The names in the folder that could be ours (names that are not UTF-8 are left out); empty if there is no
    folder."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return [name for name in os.listdir(folder) if name.isascii()]
    return []


def _locked(path: str, flags: int) -> int:
    """Opens a file and locks it. Never blocks: nobody else knows the name, and waiting would stop the event loop."""
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_written(path: str) -> bool:
    """Whether a process has the file open for writing (`LocalBlobs.create`)."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _written_before(path: str, limit: float) -> bool:
    """Whether this is a file whose last write was at wall time `limit` or before."""
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        return stat.S_ISREG(found.st_mode) and found.st_mtime <= limit
    return False
