"""Job ids: time-ordered, URL-safe, with 80 random bits (ULIDs in lower case).

Owns the shape of an id. Draws no randomness and reads no clock: both are arguments.
"""

import re

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_CHARACTERS = 26
RANDOM_BYTES = 10
_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}"
_BLOB = re.compile(rf"{_COMPONENT}(/{_COMPONENT}){{1,2}}", re.ASCII)
_SHAPE = re.compile(rf"[0-7][{ALPHABET}]{{{ID_CHARACTERS - 1}}}")


def mint(at: float, randomness: bytes) -> str:
    """The id of a job accepted at wall time `at` (seconds), from RANDOM_BYTES random bytes.

    48 bits of milliseconds and 80 random bits, 5 bits a character (Crockford's base 32).
    """
    number = (int(at * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(randomness[:RANDOM_BYTES], "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str) -> bool:
    """Whether `text` could be a job's id. All other texts get a 404 without a look into the ledger."""
    return _SHAPE.fullmatch(text) is not None


def minted_at(job: str) -> float:
    """The wall time (seconds) in an id."""
    number = 0
    for character in job[:10]:
        number = number << 5 | ALPHABET.index(character)
    return number / 1000


def job_of(name: str) -> str:
    """The job that owns a blob of this name. For a name that is none of ours the result is no id."""
    return name.rpartition("/")[2].partition(".")[0]


def original_name(job: str) -> str:
    """The blob name of a job's original: fanned out by two random characters."""
    return f"raw/{job[-2:]}/{job}"


def is_blob(name: str) -> bool:
    """Whether this is a valid name of a blob: two or three relative components, none of them hidden or `..`."""
    return _BLOB.fullmatch(name) is not None


def is_published(name: str) -> bool:
    """Whether a blob of this name may be a job's original or rendition. Only such blobs are ever swept. (No store takes
    another name, so its sweep would fail for ever.)"""
    return name.startswith(("raw/", "processed/")) and is_blob(name)


def is_rendition_of(name: str, job: str) -> bool:
    """Whether a blob of this name may be a rendition of this job."""
    before = f"processed/{job[-2:]}/{job}."
    return name.startswith(before) and "/" not in name[len(before) :] and is_blob(name)


def rendition_name(job: str, rendition: str, digest: str, extension: str) -> str:
    """The blob name of one rendition; `digest` (hex) makes names of differing bytes differ."""
    return f"processed/{job[-2:]}/{job}.{rendition}.{digest[:8]}.{extension}"
