"""Hands the original's file on as a rendition, without its metadata, where no pixel changes and the file is smaller.

Owns this decision. jobs/images/kept/stripped.py cuts the file; jobs/recipes/checks.py refuses recipes that always
change pixels.
"""

from typing import BinaryIO

from jobs.images.kept.blocks import NONE, Blocks, in_jpeg
from jobs.images.kept.stripped import FORMATS, stripped
from jobs.images.turns import Box, Size, Turn
from jobs.recipes.shapes import Shape


def is_whole(made: Shape, stored: Size) -> bool:
    """Whether a rendition shows all stored pixels as they are."""
    plain = made.turn == Turn() and not (made.tilt or made.canvas or made.spec.padding)
    return plain and made.size == stored and made.box == Box(0, 0, *stored)


def smaller(stream: BinaryIO, format: str, kept: Blocks, data: bytes) -> bytes | None:
    """The file of the original in `stream`, with this metadata alone, if it is no larger than `data`. None: it is, or
    cannot be handed on."""
    if format not in FORMATS or (kept != NONE and format != "jpeg"):
        return None
    stream.seek(0)
    made = stripped(stream.read(), format)
    if made is not None and kept != NONE:
        made = in_jpeg(made, kept)
    return made if made is not None and len(made) <= len(data) else None
