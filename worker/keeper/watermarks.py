"""The keeper's watermarks: the images that recipes name, by digest. Each is a descriptor for the decoder.

A recipe names the digest of its watermark, so an image that was read once stays valid for the jobs that
were accepted with it. An unknown one is looked up in the present recipes.toml. Decodes nothing.
"""

import fcntl
import functools
import os
from contextlib import AbstractContextManager

from host.files.recipes import load_watermarks
from host.settings.settings import Settings
from jobs.errors import BadRecipe, ImageFault, SetupFault
from jobs.recipes.keys import marks
from jobs.recipes.recipe import Recipe, stored

RECIPES_KEPT = 100
"""Most jobs' recipes are among a few presets."""
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
"""A decoder that reads untrusted pixels must not change the watermark of the next job."""


class Watermarks:
    """Watermarks by digest. It keeps each in a sealed memory file, which nobody can change."""

    def __init__(self, settings: Settings, away: AbstractContextManager[None]) -> None:
        self._settings, self._away = settings, away
        self._files: dict[str, int] = {}

    def of(self, recipe: str) -> dict[str, int]:
        """The descriptors (this object's) of the watermarks that a resolved recipe asks for, by digest.

        Raises ImageFault `operation_failed` if one of them is missing.
        """
        asked = [mark for spec in resolved(recipe).renditions for mark in marks(spec)]
        return {mark.digest: self._find(mark.digest, mark.name) for mark in asked if mark.digest}

    def _find(self, digest: str, name: str) -> int:
        if digest not in self._files:
            self._read_all(name)
        if digest not in self._files:
            detail = f"the watermark {name!r} is not the one that this job was accepted with: ask for it once more"
            raise ImageFault(detail, code="operation_failed")
        return self._files[digest]

    def _read_all(self, name: str) -> None:
        try:
            with self._away:
                images = load_watermarks(self._settings)
        except SetupFault as fault:
            detail = f"the watermark {name!r} is not to be had: {fault.detail}"
            raise ImageFault(detail, code="operation_failed") from None
        for digest, data in images.items():
            if digest not in self._files:
                self._files[digest] = _sealed(data)


@functools.lru_cache(RECIPES_KEPT)
def resolved(recipe: str) -> Recipe:
    """The recipe of a canonical text. Raises ImageFault `operation_failed`."""
    try:
        return stored(recipe)
    except BadRecipe as fault:  # written by a version that knew other recipes
        raise ImageFault(fault.detail, code="operation_failed") from None


def _sealed(data: bytes) -> int:
    """A memory file of these bytes."""
    file = os.memfd_create("watermark", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(file, data)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    return file
