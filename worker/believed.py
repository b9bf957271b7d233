"""What a keeper believes of a decoder's words, once worker/tasks.py has typed them. Pure.

A decoder opens what strangers sent, and may be theirs by now: it must be able to end its job, and nothing else.
"""

import math

from jobs.errors import WireFault
from jobs.formats import EXTENSIONS
from worker.tasks import Done, Rendered

DETAIL_CHARACTERS_MAX = 300


def check(word: Rendered | Done, asked: frozenset[str], made: set[str]) -> None:
    """Raises WireFault where a decoder says what it was not asked for: each rendition once (those in `made` are there),
    and an end after all."""
    match word:
        case Rendered(name, format, extension):
            if name not in asked - made or EXTENSIONS.get(format) != extension:
                raise WireFault(f"a rendition {name!r} as .{extension}")
        case Done(cpu_ms):
            if made != asked or not math.isfinite(cpu_ms):
                raise WireFault(f"{len(made)} of {len(asked)} renditions, {cpu_ms} CPU ms")


def plain(text: str) -> str:
    """What strangers had a hand in, without what would make lines or colours on a console."""
    return "".join(each if each.isprintable() else " " for each in text[:DETAIL_CHARACTERS_MAX])
