"""Whose keys are let in, and as what: the files of DATA/curve/allowed.

    NAME.key         web processes and workers of the machine NAME
    NAME.web.key     its web processes alone
    NAME.worker.key  its workers alone

Owns those files' names, and when they are read again. Knows no socket.
"""

import logging
import os
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from host.sockets.bound import fingerprint

ALLOWED_MAX = 1000
"""Allowed keys: one or two for each machine."""
LISTED_MAX = 10_000
"""Names of the folder that are looked at, of any kind."""
AGAIN_SECONDS = 1.0
"""Seconds between two readings of the folder: a key that was removed counts for so long."""
KEY_CHARACTERS = 40
SUFFIX = ".key"


class Role(StrEnum):
    """What the holder of a key may be."""

    WEB = "web"
    WORKER = "worker"


Grant = tuple[bytes, Role]
"""A key, and what its holder may be."""


class _File(NamedTuple):
    """A file as it was read: the key in it, and why there is none."""

    key: bytes | None
    why: str = ""


class Allowed:
    """The keys in a folder's files, which a person may change at any time. A key that is added counts at once, and one
    that is removed until the next reading. A file that holds no key, or has no name of ours, lets nobody in. A file or
    folder that cannot be read changes nothing. Each of these is logged once, and again if its reason changes."""

    def __init__(self, folder: Path, log: logging.Logger) -> None:
        self._folder, self._log = folder, log
        self._files: dict[str, _File] = {}
        self._said: dict[str, str] = {}
        self._grants: frozenset[Grant] = frozenset()
        self._gone: set[Grant] = set()
        self._changed_at: int | None = None
        self._read_at = -AGAIN_SECONDS
        self._read(first=True)

    def may(self, key: bytes, role: Role, now: float) -> bool:
        """Whether the holder of `key` may come in as `role` at monotonic time `now`. If not, the folder is read again,
        unless that was done a moment ago and no file came or went since."""
        if (key, role) not in self._grants and (
            now >= self._read_at + AGAIN_SECONDS or self._changed_at != self._time()
        ):
            self._read_at = now
            self._read()
        return self.holds(key, role)

    def holds(self, key: bytes, role: Role) -> bool:
        """Whether it was so at the last reading."""
        return (key, role) in self._grants

    def taken_back(self, now: float) -> set[Grant]:
        """What was allowed and is not any more, each told once. Reads the folder again if it is time for that."""
        if now >= self._read_at + AGAIN_SECONDS:
            self._read_at = now
            self._read()
        gone, self._gone = self._gone, set()
        return gone

    def _time(self) -> int | None:
        """The time at which a file came or went last; None if it is unknown."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return None

    def _read(self, first: bool = False) -> None:
        self._changed_at = self._time()
        try:
            names = _key_files(self._folder)
        except OSError as error:
            return self._say({str(self._folder): error.strerror or str(error)})
        whys = {}
        if len(names) > ALLOWED_MAX:
            whys[str(self._folder)] = f"it has {len(names)} keys, allowed_max allows {ALLOWED_MAX}"
        self._files = {name: _look(self._folder / name, self._files.get(name)) for name in names[:ALLOWED_MAX]}
        whys |= {name: file.why for name, file in self._files.items() if file.why}
        self._say(whys)
        now = frozenset((file.key, role) for name, file in self._files.items() if file.key for role in roles_of(name))
        self._tell(now - self._grants, self._grants - now, first)
        self._grants = now
        return None

    def _tell(self, came: frozenset[Grant], went: frozenset[Grant], first: bool) -> None:
        self._gone = (self._gone | went) - came
        for key, role in sorted(came) if not first else ():
            self._log.info("key_allowed", extra={"fingerprint": fingerprint(key), "as": role})
        for key, role in sorted(went):
            self._log.warning("key_taken_back", extra={"fingerprint": fingerprint(key), "as": role})

    def _say(self, whys: dict[str, str]) -> None:
        for what, why in whys.items():
            if self._said.get(what) != why:
                self._log.warning("key_unreadable", extra={"file": what, "why": why})
        self._said = whys


def roles_of(name: str) -> tuple[Role, ...]:
    """What the key in a file of this name opens; nothing if the name is none of ours."""
    machine, _, role = name.removesuffix(SUFFIX).partition(".")
    if not machine or not name.endswith(SUFFIX):
        return ()
    if not role:
        return tuple(Role)
    return tuple(each for each in Role if each == role)


def file_name(machine: str, role: Role | None) -> str:
    """The name of the file that allows a machine's key: as `role`, or as both."""
    return f"{machine}.{role}{SUFFIX}" if role else f"{machine}{SUFFIX}"


def key_in(path: Path) -> bytes:
    """The key in a file. Raises OSError, and ValueError if it holds no key. Never blocks, not even on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        key = os.read(descriptor, 2 * KEY_CHARACTERS).strip()
    finally:
        os.close(descriptor)
    if len(key) != KEY_CHARACTERS:
        raise ValueError("it holds no key")
    return key


def _key_files(folder: Path) -> list[str]:
    """The names of a folder's files of keys, in order. Raises OSError."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in islice(entries, LISTED_MAX) if entry.name.endswith(SUFFIX))


def _look(path: Path, before: _File | None) -> _File:
    """The file as it is now; `before` is what it was."""
    if not roles_of(path.name):
        return _File(None, "its name must be NAME.key, NAME.web.key or NAME.worker.key, and NAME has no dot")
    try:
        return _File(key_in(path))
    except FileNotFoundError as error:
        return _File(None, error.strerror or str(error))
    except OSError as error:
        return _File(before.key if before else None, error.strerror or str(error))
    except ValueError as error:
        return _File(None, str(error))
