"""Names a file that is no image of ours, in words, by its first bytes. Pure; bounded; never raises.

Owns the kinds that people send by mistake, and what to send instead of each. Decides nothing: jobs/images/head.py owns
which formats are read.
"""

import re
from typing import NamedTuple

from jobs.images.formats import READ, listed


class Kind(NamedTuple):
    """A kind of file, in words that follow "this is", and what to do with such a file."""

    name: str
    remedy: str


_AS_PICTURE = "send the picture as JPEG or PNG"
_EXPORT = "export it as JPEG, PNG or TIFF, and send that"
_FRAME = "send a frame of it as JPEG or PNG"
_PAGE = "send its page as an image"
_RENDER = "render it to PNG, and send that"
_UNPACK = "unpack it, and send the images in it"
_RAW = "export it as JPEG or TIFF, and send that"

_STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"%PDF-", Kind("a PDF document", _PAGE)),
    (b"%!PS", Kind("a PostScript file", _RENDER)),
    (b"\xc5\xd0\xd3\xc6", Kind("an EPS file", _RENDER)),
    (b"8BPS", Kind("a Photoshop file", _EXPORT)),
    (b"gimp xcf", Kind("a GIMP file", _EXPORT)),
    (b"\xff\x0a", Kind("a JPEG XL image", _EXPORT)),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Kind("a JPEG XL image", _EXPORT)),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind("a JPEG 2000 image", _EXPORT)),
    (b"\xff\x4f\xff\x51", Kind("a JPEG 2000 image", _EXPORT)),
    (b"\0\0\1\0", Kind("an icon (ICO)", _AS_PICTURE)),
    (b"\0\0\2\0", Kind("a cursor (CUR)", _AS_PICTURE)),
    (b"icns", Kind("an icon (ICNS)", _AS_PICTURE)),
    (b"FUJIFILMCCD-RAW", Kind("a raw photo (Fujifilm RAF)", _RAW)),
    (b"IIRO", Kind("a raw photo (Olympus ORF)", _RAW)),
    (b"IIRS", Kind("a raw photo (Olympus ORF)", _RAW)),
    (b"MMOR", Kind("a raw photo (Olympus ORF)", _RAW)),
    (b"IIU\0", Kind("a raw photo (Panasonic RW2)", _RAW)),
    (b"FOVb", Kind("a raw photo (Sigma X3F)", _RAW)),
    (b"\0MRM", Kind("a raw photo (Minolta MRW)", _RAW)),
    (b"\x1aE\xdf\xa3", Kind("a video (Matroska or WebM)", _FRAME)),
    (b"OggS", Kind("an Ogg file, of sound or video", _FRAME)),
    (b"FLV\1", Kind("a video (Flash)", _FRAME)),
    (b"\0\0\1\xba", Kind("a video (MPEG)", _FRAME)),
    (b"\0\0\1\xb3", Kind("a video (MPEG)", _FRAME)),
    (b"0&\xb2u\x8ef\xcf\x11", Kind("a video (Windows Media)", _FRAME)),
    (b"ID3", Kind("a sound file (MP3)", _AS_PICTURE)),
    (b"fLaC", Kind("a sound file (FLAC)", _AS_PICTURE)),
    (b"PK\3\4", Kind("an archive (ZIP), or an office document", _UNPACK)),
    (b"PK\5\6", Kind("an archive (ZIP) with nothing in it", _UNPACK)),
    (b"\x1f\x8b", Kind("a compressed file (gzip)", _UNPACK)),
    (b"BZh", Kind("a compressed file (bzip2)", _UNPACK)),
    (b"\xfd7zXZ\0", Kind("a compressed file (xz)", _UNPACK)),
    (b"(\xb5/\xfd", Kind("a compressed file (Zstandard)", _UNPACK)),
    (b"7z\xbc\xaf'\x1c", Kind("an archive (7-Zip)", _UNPACK)),
    (b"Rar!\x1a\7", Kind("an archive (RAR)", _UNPACK)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind("an office document", _PAGE)),
    (b"{\\rtf", Kind("a text document (RTF)", _PAGE)),
    (b"MZ", Kind("a program", _AS_PICTURE)),
    (b"\x7fELF", Kind("a program", _AS_PICTURE)),
    (b"SIMPLE  =", Kind("a FITS image", _EXPORT)),
    (b"v/1\1", Kind("an OpenEXR image", _EXPORT)),
    (b"#?RADIANCE", Kind("a Radiance HDR image", _EXPORT)),
    (b"qoif", Kind("a QOI image", _EXPORT)),
    (b"DDS ", Kind("a DirectDraw texture (DDS)", _EXPORT)),
    (b"\x8aMNG\r\n\x1a\n", Kind("an MNG animation", "send it as PNG, WebP or GIF")),
    (b"BPG\xfb", Kind("a BPG image", _EXPORT)),
    (b"\xd7\xcd\xc6\x9a", Kind("a Windows metafile (WMF)", _RENDER)),
    (b"version https://git-lfs", Kind("a Git LFS pointer, and not the file itself", "send the file that it points to")),
)
_BRANDS: dict[bytes, Kind] = {
    b"crx ": Kind("a raw photo (Canon CR3)", _RAW),
    b"qt  ": Kind("a video (QuickTime)", _FRAME),
    b"M4A ": Kind("a sound file (M4A)", _AS_PICTURE),
    b"mif1": Kind("a HEIF image whose pictures are not HEVC or AV1", _EXPORT),
    b"msf1": Kind("a HEIF image whose pictures are not HEVC or AV1", _EXPORT),
}
_RIFF: dict[bytes, Kind] = {
    b"AVI ": Kind("a video (AVI)", _FRAME),
    b"WAVE": Kind("a sound file (WAV)", _AS_PICTURE),
    b"ACON": Kind("an animated cursor (ANI)", _AS_PICTURE),
}
_HEIC = Kind("a HEIC photo, as iPhones make", "this server has no decoder for it: send the photo as JPEG")
_VIDEO = Kind("a video (MP4)", _FRAME)
_SVG = Kind("an SVG drawing", _RENDER)
_WEB_PAGE = Kind("a web page (HTML), as a server sends for an error", "send the image itself")
_XML = Kind("an XML document", "send the image itself")
_DATA_URL = Kind("an image as base64 text", "send the decoded bytes")
_TEXT = Kind("text", "send the image itself")
_BASE64_STARTS = (b"/9j/", b"iVBORw0KGgo", b"R0lGOD", b"UklGR", b"SUkqA", b"TU0AK")
"""The first bytes of JPEG, PNG, GIF, WebP and TIFF, as base64."""
_SVG_ROOT = re.compile(rb"<(?:svg:)?svg[\s>]", re.IGNORECASE)


def refusal(start: bytes, formats: tuple[str, ...] = READ) -> str:
    """One sentence about a file that begins with `start` and is none of `formats`: what it is, and what to do."""
    if not start:
        return "the file is empty: it has no bytes"
    kind = kind_of(start)
    if kind is None:
        return f"the first bytes are of no image that we read ({listed(formats)})"
    return f"this is {kind.name}, which is not read here ({listed(formats)} are): {kind.remedy}"


def kind_of(start: bytes) -> Kind | None:
    """The kind of file by its first bytes; None if it is unknown."""
    for prefix, kind in _STARTS:
        if start.startswith(prefix):
            return kind
    if start[4:8] == b"ftyp":
        return _by_brand(start)
    if start.startswith(b"RIFF"):
        return _RIFF.get(start[8:12])
    if start[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return _BRANDS[b"qt  "]
    if start[:1] == b"G" and start[188:189] == b"G":
        return Kind("a video (MPEG transport stream)", _FRAME)
    return _by_text(start)


def _by_brand(start: bytes) -> Kind:
    length = int.from_bytes(start[:4], "big")
    brands = [start[8:12], *(start[at : at + 4] for at in range(16, min(length, len(start), 256), 4))]
    if any(brand[:3] in (b"hei", b"hev") for brand in brands):
        return _HEIC
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), _VIDEO)


def _by_text(start: bytes) -> Kind | None:
    """Text in UTF-8 or UTF-16: it has no control characters except those of text."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _TEXT
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in text) or b"\x7f" in text:
        return None
    try:
        text.decode()
    except UnicodeDecodeError as fault:
        if fault.start < len(text) - 3:  # else the last character is cut off
            return None
    lower = text.lower()
    if _SVG_ROOT.search(text):
        return _SVG
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _WEB_PAGE
    if lower.startswith(b"<"):
        return _XML
    if lower.startswith(b"data:image/") or text.startswith(_BASE64_STARTS):
        return _DATA_URL
    return _TEXT
