"""The folders and locks of one installation: DATA (all that must last) and RUN (sockets and locks).

Owns their layout and their modes: both are for this user alone. Read access to DATA gives all pictures and the ledger's
lock; access to RUN gives command of the processes. A lock is taken before any bind: a second bind on an ipc path
succeeds silently and cuts off the first for good.
"""

import contextlib
import errno
import fcntl
import fnmatch
import hashlib
import logging
import os
import secrets
import tempfile
from pathlib import Path

from host.settings.settings import SOCKET_PATH_BYTES_MAX, Settings, listed_secrets
from jobs.errors import SetupFault

_LONGEST_SOCKET = "supervisor.sock"
METRICS = "metrics."
"""In RUN: how the names of the files begin in which web processes count (web/metrics/shared.py)."""
_OTHERS, _OTHERS_WRITE = 0o077, 0o022
_MARKS = ("ledger.sqlite3", "broker.lock", "supervisor.lock", "curve/broker.key")
"""A folder that has one of these is ours: DATA, a back-up or RUN. `raw` is not among them: photographers use it."""
_PARTS = (
    *("raw", "processed", "incoming", "cache", "flight", "curve", "recipes", "run", "log"),
    *("ledger.*", "*.secret", ".*.secret.*", "broker.lock", "supervisor.lock", "*.sock", "*.sock.lock", f"{METRICS}*"),
)
"""All names that we ever put there."""
_EMPTY = ("lost+found", ".gitkeep")
"""Names that a new file system or a checkout may have in an empty folder."""
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""An environment has one of these. The system's Python has none: DATA may be in /usr/local or /usr/src."""
_log = logging.getLogger("folders")


def keep_private() -> None:
    """From now on others may neither read nor write the files, folders and sockets that this process makes."""
    os.umask(_OTHERS)


def data_folder(settings: Settings) -> Path:
    """DATA, made if missing, with its parts. Raises SetupFault where it cannot be written, or is not meant to last."""
    data = Path(settings.data).absolute()
    _refuse_disposable(data)
    reason = "no right to write"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        close_folder(data, "PIXMILL_DATA")
        parts = [data / part for part in ("raw", "processed", "cache", "incoming")]
        for part in parts:
            part.mkdir(exist_ok=True)
        if all(os.access(folder, os.W_OK) for folder in (data, *parts)):
            return data
        if os.statvfs(data).f_flag & os.ST_RDONLY:
            reason = os.strerror(errno.EROFS)
    except OSError as error:
        reason = error.strerror or str(error)
    raise SetupFault(f"the data folder {data} cannot be written ({reason}): set PIXMILL_DATA to one that can")


def _refuse_disposable(data: Path) -> None:
    """Raises SetupFault if DATA is in a virtual environment or in a cache (those of uvx and pipx are both): tools
    remove these whole, and back-ups leave them out. No OSError: where a folder may not be looked into, making DATA
    tells why."""
    real = Path(os.path.realpath(data))
    for folder in (real, *real.parents):
        is_environment = any(os.path.exists(folder / mark) for mark in _ENVIRONMENT_MARKS)
        if is_environment or os.path.exists(folder / "CACHEDIR.TAG"):
            raise SetupFault(
                f"the data folder {data} is within {'the Python environment' if is_environment else 'the cache'} "
                f"{folder}, and is lost when that is removed: set PIXMILL_DATA to a folder that lasts"
            )


def run_folder(settings: Settings) -> Path:
    """RUN, made 0700 if missing. Raises SetupFault where it cannot be made, or others may write there."""
    run = Path(settings.run).absolute() if settings.run else _default_run(Path(settings.data).absolute())
    longest = len(os.fsencode(run / _LONGEST_SOCKET))
    if longest > SOCKET_PATH_BYTES_MAX:
        raise SetupFault(
            f"socket paths hold {SOCKET_PATH_BYTES_MAX} bytes and those in {run} would have {longest}: "
            "set PIXMILL_RUN to a shorter folder"
        )
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SetupFault(f"the run folder {run} cannot be made ({error.strerror}): set PIXMILL_RUN") from None
    found = run.stat() if settings.run else run.lstat()  # where everyone may put a link, no link is followed
    if found.st_uid != os.getuid() or found.st_mode & _OTHERS_WRITE:
        raise SetupFault(
            f"others may write to the run folder {run}: chmod 700 it, if it is yours, or set PIXMILL_RUN to another"
        )
    close_folder(run, "PIXMILL_RUN")
    return run


def _default_run(data: Path) -> Path:
    """A short folder, named by the digest of DATA's path. If its parent is open to everyone and somebody else made this
    folder first, it is a folder in DATA from then on."""
    digest = hashlib.sha256(str(data).encode()).hexdigest()
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    run, within = Path(base) / f"pixmill-{os.getuid()}-{digest[:12]}", data / "run"
    with contextlib.suppress(OSError):
        if within.is_dir() or run.lstat().st_uid != os.getuid():
            return within
    return run


def close_folder(folder: Path, setting: str) -> None:
    """Restrict `folder` to this user, if it is not yet. It must be empty, or ours with nothing else in it. Any other
    folder (/tmp or a home, for example) is not closed: raises SetupFault."""
    names = [name for name in os.listdir(folder) if name not in _EMPTY]
    mode = folder.stat().st_mode  # after the listing: a process that makes our parts in it has closed it before
    if not mode & _OTHERS:
        return
    open_to_others = f"other users of this machine may look into {folder}"
    if others := _not_ours(folder, names):
        raise SetupFault(
            f"{open_to_others}, and it is not pixmill's alone (it has {min(others)!r}): set {setting} to a folder "
            "within it, or chmod 700 it, if nobody else is to look into it"
        )
    try:
        folder.chmod(0o700)
    except OSError as error:
        raise SetupFault(
            f"{open_to_others}, which cannot be closed ({error.strerror}): chmod 700 it, or set {setting} to a folder "
            "within it"
        ) from None
    if names:  # an empty one held nothing that could be read
        _log.warning("folder_closed", extra={"folder": folder, "mode": f"{mode & 0o777:o}", "now": "700"})


def _not_ours(folder: Path, names: list[str]) -> list[str]:
    """Those of these names in `folder` that may be somebody else's: all, if nothing shows that the folder is ours."""
    if not any((folder / mark).exists() for mark in _MARKS):
        return names
    return [name for name in names if not any(fnmatch.fnmatchcase(name, part) for part in _PARTS)]


def endpoint(run: Path, name: str) -> str:
    """The ZeroMQ address of socket `name` (jobs, workers, receipts, changes)."""
    return f"ipc://{run / name}.sock"


def try_lock(path: Path) -> int | None:
    """Lock `path` for the life of this process; the descriptor. None: another process holds it. Raises SetupFault."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupFault(f"the lock {path} cannot be made ({error.strerror}): let this user write there") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def lock_name(path: Path) -> str:
    """What names the lock at `path` among the locks of all machines: this start of the kernel, the file system and the
    file. Empty where the kernel does not name its start."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        found = path.stat()
    except OSError:
        return ""
    return f"{start}:{found.st_dev}:{found.st_ino}"


def hold_lock(path: Path, refusal: str) -> int:
    """As try_lock. Raises SetupFault(`refusal`) if another process holds it."""
    if (descriptor := try_lock(path)) is None:
        raise SetupFault(refusal)
    return descriptor


def secret(data: Path, name: str) -> bytes:
    """The 32 random bytes that DATA keeps under `name`. The first process of the first start makes them.
    Raises SetupFault."""
    path = data / name
    try:
        if not path.exists():
            _make_secret(path)
        return path.read_bytes()
    except OSError as error:
        raise SetupFault(f"the secret {path} cannot be kept ({error.strerror}): make room, or set its rights") from None


def signing_secrets(setting: str, data: Path, made: str) -> tuple[bytes, ...]:
    """The secrets in the setting, and the one `made` in DATA. That one is made if none is set; if it exists, it stays
    valid, because its signatures do."""
    given = listed_secrets(setting)
    return given if given and not (data / made).exists() else (*given, secret(data, made))


def _make_secret(path: Path) -> None:
    descriptor, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # pids repeat between containers
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        os.unlink(fresh)
    sync_folder(path.parent)


def sync_folder(folder: str | Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
