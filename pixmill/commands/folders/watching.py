"""`pixmill upload --watch DIR`: uploads each picture that comes into a folder, and moves it to done/ or failed/.

A restart sends nothing twice: what was uploaded is remembered (state.py), and a file that was not moved yet is found
there by its digest. A file that was replaced meanwhile is another one: it stays, and its turn comes. Owns the folder's
loop; how files are uploaded is uploading.py's.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pixmill.commands.folders.files import EXTENSIONS, Picked, form_of
from pixmill.core.answers import Job, Upload
from pixmill.core.errors import NoAccess, PixmillError, RateLimited, Refused, Unreachable
from pixmill.core.watching import Form, Watched

LOOK_SECONDS = 1.0
AT_ONCE_MAX = 100
"""Files that one round takes: those that come meanwhile wait for the next one."""
DONE, FAILED = "done", "failed"
Ends = dict[Path, Job | Upload | PixmillError | OSError]
"""How each file of a round ended."""
Round = Callable[[list[Picked]], Awaitable[Ends]]


async def watch(
    folder: Path, upload: Round, say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic, pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:  # fmt: skip
    """Take what comes into the folder, for ever. Raises NoAccess, OSError."""
    watched = Watched()
    for name in (DONE, FAILED):
        (folder / name).mkdir(parents=True, exist_ok=True)
    while True:
        forms = _forms(folder)
        ready = watched.look(forms, clock())[:AT_ONCE_MAX]
        if ready:
            files = [Picked(folder / name, form=forms[name]) for name in ready]
            for path, end in (await _round(upload, files, say)).items():
                if (where := _where(end)) is None:
                    watched.again(path.name, clock())
                elif _form(path) == forms[path.name]:
                    _move(path, folder / where)
        await pause(LOOK_SECONDS)


async def _round(upload: Round, files: list[Picked], say: Callable[[str], None]) -> Ends:
    try:
        return await upload(files)
    except NoAccess:
        raise
    except Unreachable as fault:
        say(f"the server does not answer, and is tried again: {fault}")
        return {file.path: fault for file in files}


def _where(end: Job | Upload | PixmillError | OSError) -> str | None:
    """The folder for a file that ended so; None: it stays, and is tried again."""
    if isinstance(end, Job):
        return DONE if end.state == "done" else FAILED
    return FAILED if isinstance(end, Refused) and not isinstance(end, RateLimited) else None


def _forms(folder: Path) -> dict[str, Form]:
    """The pictures in the folder itself, by their names, without hidden ones."""
    forms = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and Path(entry.name).suffix.lower() in EXTENSIONS:
                try:
                    if entry.is_file(follow_symlinks=False):
                        forms[entry.name] = form_of(entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue
    return dict(sorted(forms.items()))


def _form(path: Path) -> Form | None:
    try:
        return form_of(path.lstat())
    except FileNotFoundError:
        return None


def _move(path: Path, folder: Path) -> None:
    """Move a file into the folder, under another name if its own is taken. It may be gone."""
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    try:
        path.rename(target)
    except FileNotFoundError:
        return
