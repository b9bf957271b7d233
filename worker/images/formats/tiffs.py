"""Reads the directories (IFDs) of a TIFF: finds the picture and the layout of its samples, and rewrites tags.

Owns the layout of tags, and the refusals of files that are not read. Decodes no pixels: worker/images/planes.py makes a
picture from the planes.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

from jobs.errors import ImageFault

REDUCED, OLD_REDUCED, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
OFFSETS, ORIENTATION, SAMPLES, COUNTS, PLANAR, PREDICTOR = 273, 274, 277, 279, 284, 317
TILE_WIDTH, TILE_OFFSETS, TILE_COUNTS, SUB_DIRECTORIES, EXTRA, FORMAT, DNG = 322, 324, 325, 330, 338, 339, 50706
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
_SENSOR = frozenset({32803, 34892})
"""PhotometricInterpretation of raw photos: a colour filter array, and linear raw."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_ENTRIES_MAX = 4096
_DIRECTORIES_MAX = 64
"""How many directories are searched for the picture. Real files with previews have five."""
PAGES_MAX = 10_000
"""How many pages are counted."""
_VALUES_MAX = 4_000_000
"""Values of one tag: 32 MB. The tallest picture needs fewer, even with a strip for each row and channel."""
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_BITS_MAX = 16


class Entry(NamedTuple):
    """A tag as it is stored: the type, the number of values, and the field. Values that do not fit into the field are
    elsewhere, and the field is their offset."""

    kind: int
    number: int
    field: bytes


class Directory(NamedTuple):
    """The tags of one picture. `order`: the byte order, as struct writes it. `big`: the file is a BigTIFF."""

    order: str
    big: bool
    entries: dict[int, Entry]
    following: int


def picture(file: BinaryIO) -> tuple[Directory, bool]:
    """The directory of the picture, and whether it is the file's first one. The picture is in the first directory that
    is not a preview. Raises ImageFault for a raw photo, and for samples that cannot be read."""
    file.seek(0)
    start = file.read(16)
    order = "<" if start[:1] == b"I" else ">"
    big = start[2:4] in (b"+\0", b"\0+")
    if big and order == ">":
        raise _refused("a big-endian BigTIFF", "save it little-endian, or as TIFF")
    if start[8:10] == b"CR" and not big:
        raise _refused("a raw photo (CR2)", "export it as JPEG or TIFF")
    (at,) = struct.unpack_from(order + "Q", start, 8) if big else struct.unpack_from(order + "I", start, 4)
    first = _directory(file, order, big, at)
    if not (_is_preview(file, first) or SUB_DIRECTORIES in first.entries or DNG in first.entries):
        return _read(file, first), True
    every = list(_all(file, first, at))
    if DNG in first.entries or any(_number(file, each, PHOTOMETRIC) in _SENSOR for each in every):
        raise _refused("a raw photo, of which only a preview could be read", "export it as JPEG or TIFF")
    whole = (each for each in every if not _is_preview(file, each) and WIDTH in each.entries)
    found = next(whole, first if len(every) == 1 else None)
    if found is None:
        raise _refused("a TIFF with previews only", "export the picture as JPEG or TIFF")
    return _read(file, found), found is first


def pages(file: BinaryIO) -> list[Directory]:
    """The directories of the pictures that follow each other in a file, without previews; at least that of `picture`.
    Raises ImageFault as `picture` does."""
    first, is_first = picture(file)
    if not is_first:
        return [first]
    file.seek(8 if first.big else 4)
    word = first.order + ("Q" if first.big else "I")
    found, seen = [first], set(struct.unpack(word, file.read(struct.calcsize(word))))
    while (at := found[-1].following) and at not in seen and len(seen) < PAGES_MAX:
        seen.add(at)
        try:
            directory = _directory(file, first.order, first.big, at)
        except struct.error:
            break
        found.append(directory)
    return [each for each in found if each is first or not _is_preview(file, each)]


def values(file: BinaryIO, directory: Directory, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """The values of a tag of whole numbers; `default` if the directory has none. Raises ImageFault."""
    entry = directory.entries.get(tag)
    if entry is None or entry.kind not in _CODES:
        return default
    size = entry.number * _SIZES[entry.kind]
    data = entry.field[:size]
    if size > len(entry.field):
        if entry.number > _VALUES_MAX:
            raise _refused(f"a TIFF with {entry.number:,} values of tag {tag}", f"at most {_VALUES_MAX:,} are read")
        file.seek(_offset(directory, entry))
        data = file.read(size)
    if len(data) < size:
        raise ImageFault(f"the file ends within the values of tag {tag}", code="undecodable")
    return struct.unpack(f"{directory.order}{entry.number}{_CODES[entry.kind]}", data)


def retagged(data: bytes, directory: Directory, changes: Mapping[int, tuple[int, ...] | None]) -> bytes:
    """The file `data` with `directory` as its only one, after these changes of tags (None: the tag is removed)."""
    order, big = directory.order, directory.big
    word, longs = ("Q", 16) if big else ("I", 4)
    room = struct.calcsize(word)
    entries = {tag: entry for tag, entry in directory.entries.items() if tag not in changes}
    tail, base = b"", len(data) + len(data) % 2
    for tag, numbers in changes.items():
        if numbers is not None:
            packed = struct.pack(f"{order}{len(numbers)}{word}", *numbers)
            if len(packed) > room:
                tail, packed = tail + packed, struct.pack(order + word, base + len(tail))
            entries[tag] = Entry(longs, len(numbers), packed)
    at = base + len(tail)
    body = struct.pack(order + ("Q" if big else "H"), len(entries))
    for tag, entry in sorted(entries.items()):
        body += struct.pack(f"{order}HH{word}", tag, entry.kind, entry.number) + entry.field.ljust(room, b"\0")
    head = data[:8] + struct.pack(order + "Q", at) if big else data[:4] + struct.pack(order + "I", at)
    return b"".join((head, memoryview(data)[len(head) :], bytes(len(data) % 2), tail, body, bytes(room)))


def kind(file: BinaryIO, directory: Directory) -> str:
    """The layout of the samples in words, for a message."""
    bits = values(file, directory, BITS, (1,))
    order = "first" if directory.order == ">" else "last"
    return (
        f"a TIFF of {len(bits)} x {bits[0]} bits, PhotometricInterpretation {_number(file, directory, PHOTOMETRIC)}, "
        f"Compression {_number(file, directory, COMPRESSION)}, high bytes {order}"
    )


def not_read(file: BinaryIO, directory: Directory) -> ImageFault:
    """The fault of a file whose layout cannot be read."""
    return _refused(kind(file, directory), "save it with 8 or 16 bits, RGB or gray")


def _read(file: BinaryIO, directory: Directory) -> Directory:
    """`directory`, if its samples are of a kind that can be read. Raises ImageFault."""
    bits = max(values(file, directory, BITS, (1,)), default=1)
    sort = next((_SAMPLE_FORMATS[each] for each in values(file, directory, FORMAT) if each in _SAMPLE_FORMATS), None)
    if sort or bits > _BITS_MAX:
        raise _refused(f"a TIFF of {sort or 'whole'} samples of {bits} bits", "save it with 8 or 16 bits")
    if _number(file, directory, PHOTOMETRIC) in _SENSOR:
        raise _refused("a raw photo", "export it as JPEG or TIFF")
    return directory


def _all(file: BinaryIO, first: Directory, at: int) -> Iterator[Directory]:
    """All directories of the file, also those in SubIFDs, up to _DIRECTORIES_MAX."""
    seen, waiting = {at, 0}, [first]
    while waiting and len(seen) <= _DIRECTORIES_MAX:
        directory = waiting.pop(0)
        yield directory
        for other in (*values(file, directory, SUB_DIRECTORIES)[:_DIRECTORIES_MAX], directory.following):
            if other not in seen:
                seen.add(other)
                waiting.append(_directory(file, first.order, first.big, other))


def _directory(file: BinaryIO, order: str, big: bool, at: int) -> Directory:
    head, width = ("Q", 20) if big else ("H", 12)
    word = "Q" if big else "I"
    file.seek(at)
    start = file.read(struct.calcsize(head))
    (number,) = struct.unpack(order + head, start)
    body = file.read(width * min(number, _ENTRIES_MAX))
    entries: dict[int, Entry] = {}
    for tag, *entry in struct.iter_unpack(f"{order}HH{word}{width // 2 - 2}s", body[: len(body) // width * width]):
        entries.setdefault(tag, Entry(*entry))
    end = file.read(struct.calcsize(word))
    following = struct.unpack(order + word, end)[0] if len(end) == struct.calcsize(word) else 0
    return Directory(order, big, entries, following)


def _is_preview(file: BinaryIO, directory: Directory) -> bool:
    reduced = _number(file, directory, REDUCED) or 0
    return bool(reduced & 5) or _number(file, directory, OLD_REDUCED) == 2  # reduced, or a mask


def _number(file: BinaryIO, directory: Directory, tag: int) -> int | None:
    return next(iter(values(file, directory, tag)), None)


def _offset(directory: Directory, entry: Entry) -> int:
    (at,) = struct.unpack(directory.order + ("Q" if directory.big else "I"), entry.field)
    return int(at)


def _refused(what: str, instead: str) -> ImageFault:
    return ImageFault(f"this is {what}: {instead}", code="undecodable")
