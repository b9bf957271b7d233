"""A back-up of DATA that can be started from, taken while pixmill runs: `python -m stores.backup TO`.

Owns the order. The ledger is copied first, as of one moment, then the files: a file is there before its
row, so each row of the copy has its files. The result cache, which costs time only, is left out. Taken again into the
same folder, it copies what is new and removes what is gone, and until its end the folder is as good as it was. It is
for this user alone from the first byte on, as DATA is. A ledger in PostgreSQL and blobs in a bucket are left to their
own means, and the command says so. Knows no job and no broker.
"""

import argparse
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from host.files.folders import close_folder, keep_private
from host.files.recipes import recipe_files
from host.log.start import setup_faults_end
from host.settings.buckets import bucket
from host.settings.environment import load_settings
from host.settings.settings import RECIPES, Settings
from jobs.errors import SetupFault, StoreFault
from jobs.records import Where
from stores.blobs import KINDS
from stores.opening import copy_ledger, ledger_path, open_blobs, open_reader

KEYS = "curve"
LIVE = "broker.lock"
PRESETS = "recipes"
"""The folder of recipes.toml and its watermarks: without them no job with a watermark can run again."""


def back_up(settings: Settings, to: Path) -> int:
    """Bring the back-up in the folder `to` up to date. Returns the number of copied files. Raises SetupFault."""
    data, presets = Path(settings.data).absolute(), recipe_files(settings)
    _refuse_nested(data.resolve(), to.resolve())
    if (to / LIVE).exists():
        raise SetupFault(f"{to} is the data of a pixmill, not a back-up: give another folder")
    ledger, fresh = to / ledger_path(settings).name, to / "ledger.new"
    known = (to / PRESETS).exists() if settings.ledger_url else ledger.exists() or fresh.exists()
    if not known and any(any((to / folder).glob("*/*")) for folder in KINDS):
        raise SetupFault(f"{to} has files that are of no back-up, and would lose them: give another folder")
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        close_folder(to, "TO")
        for folder in (*KINDS, PRESETS):
            (to / folder).mkdir(exist_ok=True)
        fresh.unlink(missing_ok=True)
        if not settings.ledger_url:
            copy_ledger(settings, fresh)
            _refuse_without_files(settings, data)
        gone: list[Path] = []
        folders = [] if settings.blobs_url else _fan_out(data, to)
        copied = sum(_bring(data / folder, to / folder, gone) for folder in folders)
        for secret in (*data.glob("*.secret"), *(path for path in (data / KEYS).rglob("*") if path.is_file())):
            _write_secret(to / secret.relative_to(data), secret.read_bytes())
        for name, content in presets.items():
            _write_secret(to / PRESETS / name, content)
        gone += [path for path in (to / KEYS).rglob("*.*") if not (data / path.relative_to(to)).exists()]
        os.sync()
        if not settings.ledger_url:
            fresh.replace(ledger)
        for path in gone:
            path.unlink()
        os.sync()
    except (StoreFault, OSError) as error:
        raise SetupFault(
            f"the back-up of {data} to {to} failed ({error}): make room there, or set PIXMILL_DATA"
        ) from None
    return copied


def _refuse_without_files(settings: Settings, data: Path) -> None:
    """Raises SetupFault if DATA has lost its files (a disk that is not mounted, or a slip): the back-up would lose its
    own."""
    reader = open_reader(settings)
    jobs, _ = reader.page(Where(), None, 1, 1)
    reader.close()
    if jobs and not open_blobs(settings).holds("raw"):
        raise SetupFault(f"{data / 'raw'} is empty, though the ledger has jobs: bring its files back before a back-up")


def left_out(settings: Settings) -> list[str]:
    """What a back-up does not hold because it is elsewhere, each with how to keep it."""
    found = []
    if settings.ledger_url:
        found.append("the ledger is in PostgreSQL: dump that database before each back-up, as pg_dump does")
    if settings.blobs_url:
        found.append(
            f"originals and renditions are in {bucket(settings.blobs_url)}: keep its versions, or replicate it"
        )
    return found


def _fan_out(data: Path, to: Path) -> Iterator[Path]:
    """The folders with files on either side, as relative paths."""
    for folder in KINDS:
        yield from (Path(folder, name) for name in sorted(_names(data / folder) | _names(to / folder)))


def _bring(source: Path, target: Path, gone: list[Path]) -> int:
    """Copy the files that `target` lacks, and add its surplus files to `gone`. Returns the number of copied files.

    A name always has the same bytes: so a file of the same size is equal, and a shorter one was interrupted.
    """
    target.mkdir(exist_ok=True)
    names, copied = _names(source), 0
    gone += [target / name for name in _names(target) - names]
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            size = (source / name).stat().st_size
            if not (target / name).exists() or (target / name).stat().st_size != size:
                shutil.copyfile(source / name, target / name)
                copied += 1
    return copied


def _refuse_nested(data: Path, to: Path) -> None:
    """Raises SetupFault for a back-up within DATA, or the reverse: it must outlive that folder."""
    if to.is_relative_to(data) or data.is_relative_to(to):
        raise SetupFault(f"{to} and the data in {data} lie within each other: give a folder elsewhere")


def _write_secret(target: Path, content: bytes) -> None:
    """Write a small private file: its mode is set before its bytes are written."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(target)


def _names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def main() -> None:
    """Carry out the command (`make backup TO=folder`). Raises SetupFault."""
    parser = argparse.ArgumentParser("python -m stores.backup", description=__doc__, usage="python -m stores.backup TO")
    parser.add_argument("to", metavar="TO", help="the folder of the back-up: a new one, or that of the last one")
    to = parser.parse_args().to
    if not to:
        parser.error("TO names no folder")
    keep_private()
    settings, _ = load_settings()
    copied = back_up(settings, Path(to).absolute())
    print(
        f"{to} is a back-up now, {copied} files are new: to restore, copy it to PIXMILL_DATA, set PIXMILL_RECIPES to "
        f"{PRESETS}/{RECIPES} in it, and start"
    )
    for part in left_out(settings):
        print(f"NOT in it: {part} (docs/reliability.md)")


if __name__ == "__main__":
    with setup_faults_end("backup"):
        main()
