"""Where the renditions of a job are saved: names in a folder, none of which is taken. Speaks to no server."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pixmill.core.answers import Job, Rendition

EXTENSIONS = {"jpeg": "jpg"}
NAME_BYTES_MAX = 255
"""Of a file's name, in every file system that Linux has."""


def targets(job: Job, folder: Path, stem: str) -> list[tuple[str, Path]]:
    """(address, path) of each rendition, as STEM.NAME.EXTENSION in `folder`, which is made if it is missing. STEM gets
    a number where such a file is there already. What the server says never leaves `folder`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    suffixes = [_suffix(rendition) for rendition in job.renditions]
    free = _free(folder, stem, suffixes)
    urls = [rendition.url for rendition in job.renditions]
    return [(url, folder / f"{free}{suffix}") for url, suffix in zip(urls, suffixes, strict=True)]


def _suffix(rendition: Rendition) -> str:
    extension = EXTENSIONS.get(rendition.format, rendition.format)
    return "." + re.sub(r"[^a-z0-9_.-]", "_", f"{rendition.name}.{extension}")


def _free(folder: Path, stem: str, suffixes: Sequence[str]) -> str:
    longest = max(map(len, suffixes), default=0)
    number, ending = 1, ""
    while True:
        free = _cut(stem, NAME_BYTES_MAX - longest - len(ending)) + ending
        if not any(os.path.lexists(folder / f"{free}{suffix}") for suffix in suffixes):
            return free
        number += 1
        ending = f"-{number}"


def _cut(name: str, most: int) -> str:
    while len(os.fsencode(name)) > most:
        name = name[:-1]
    return name
