"""Files with metadata of every kind, true and false, and a secret in each place from which none may come out.

exiftool tells what a file has: `tags`. Without it the tests that ask are skipped.
"""

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from jobs.images import exif
from tests.support.house.needs import lacking
from tests.support.pictures.images import saved

SECRET = b"planted secret"
_STRUCTURE = ("ExifTool", "System", "File", "Composite")

ASCII, SHORT, LONG, UNDEFINED = 2, 3, 4, 7
DESCRIPTION, CAMERA, ORIENTATION, COPYRIGHT, EXIF, GPS = 0x010E, 0x0110, 0x0112, 0x8298, 0x8769, 0x8825
COLOUR_SPACE, WIDTH, HEIGHT, COMMENT, MAKER, INTEROP, SUBJECT = 0xA001, 0xA002, 0xA003, 0x9286, 0x927C, 0xA005, 0x9214
TAKEN, SERIAL = 0x9003, 0xA431
Field = tuple[int, int, bytes]

XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
 xmp:Rating="4" tiff:Orientation="6" photoshop:City="Paris" exif:GPSLatitude="48,51N" xmp:Nickname="{SECRET.decode()}">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">of &lt;somebody&gt;</rdf:li>
<rdf:li xml:lang="de">von Ä</rdf:li></rdf:Alt></dc:rights>
<dc:creator><rdf:Seq><rdf:li>A. Maker</rdf:li><rdf:li>B. Maker</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>boat</rdf:li></rdf:Bag></dc:subject>
<dc:format>image/{SECRET.decode()}</dc:format>
<photoshop:Headline>A boat</photoshop:Headline>
<photoshop:DocumentAncestors><rdf:Bag><rdf:li>{SECRET.decode()}</rdf:li></rdf:Bag></photoshop:DocumentAncestors>
<Iptc4xmpCore:CreatorContactInfo rdf:parseType="Resource">
<Iptc4xmpCore:CiAdrCity>{SECRET.decode()}</Iptc4xmpCore:CiAdrCity>
</Iptc4xmpCore:CreatorContactInfo>
<Iptc4xmpCore:Location>Quai</Iptc4xmpCore:Location>
<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource">
<xmpGImg:image>{SECRET.decode()}</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>
<xmpMM:History><rdf:Seq><rdf:li>{SECRET.decode()}</rdf:li></rdf:Seq></xmpMM:History>
<xmp:Label><rdf:Bag><rdf:li><rdf:Description><dc:title>{SECRET.decode()}</dc:title></rdf:Description></rdf:li></rdf:Bag></xmp:Label>
</rdf:Description></rdf:RDF></x:xmpmeta>{" " * 100}<?xpacket end="w"?>""".encode()


def directory(order: str, at: int, fields: list[Field], next: int = 0) -> bytes:
    """A directory of EXIF that lies at `at`, its values behind it."""
    behind, entries, values = at + 6 + 12 * len(fields), b"", b""
    for tag, kind, value in fields:
        number = len(value) // {ASCII: 1, SHORT: 2, LONG: 4, UNDEFINED: 1, 5: 8}[kind]
        entries += struct.pack(order + "HHI", tag, kind, number)
        entries += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack(order + "I", behind + len(values))
        values += value + bytes(len(value) & 1) if len(value) > 4 else b""
    return struct.pack(order + "H", len(fields)) + entries + struct.pack(order + "I", next) + values


def block(order: str = "<", turned: int = 6, *, more: list[Field] | None = None) -> bytes:
    """As a camera writes it: a preview in IFD 1, one in the MakerNote, sides and colour space of its own picture."""

    def short(value: int) -> bytes:
        return struct.pack(order + "H", value)

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    shot: list[Field] = [
        (TAKEN, ASCII, b"2024:05:06 07:08:09\0"),
        (SUBJECT, SHORT, short(1800) + short(1200)),
        (MAKER, UNDEFINED, b"MAKER" + SECRET * 20),
        *(more or []),
        (COLOUR_SPACE, SHORT, short(65535)),
        (WIDTH, LONG, long(4000)),
        (HEIGHT, LONG, long(3000)),
        (INTEROP, LONG, long(0)),
        (SERIAL, ASCII, b"12345678\0"),
    ]
    place: list[Field] = [(1, ASCII, b"N\0"), (2, 5, (long(52) + long(1)) * 3)]
    top: list[Field] = [
        (0x0100, LONG, long(4000)),
        (0x0101, LONG, long(3000)),
        (CAMERA, ASCII, b"a camera\0"),
        (ORIENTATION, SHORT, short(turned)),
        (0x02BC, UNDEFINED, b"<x:xmpmeta>" + SECRET),
        (COPYRIGHT, ASCII, b"somebody\0"),
        (0x8649, UNDEFINED, b"8BIM" + SECRET),
        (EXIF, LONG, long(0)),
        (GPS, LONG, long(0)),
        (0xC634, UNDEFINED, SECRET),
    ]
    related: list[Field] = [(1, ASCII, b"R03\0")]
    preview = saved(Image.new("RGB", (8, 8), "#ff00ff"), "JPEG") + SECRET
    starts = [8]
    for fields in (top, shot, place, related):
        starts.append(starts[-1] + len(directory(order, 8, fields)))
    top[7], top[8] = (EXIF, LONG, long(starts[1])), (GPS, LONG, long(starts[2]))
    shot[-2] = (INTEROP, LONG, long(starts[3]))
    second: list[Field] = [
        (0x0103, SHORT, short(6)),
        (0x0201, LONG, long(starts[4] + 42)),
        (0x0202, LONG, long(len(preview))),
    ]
    data = (b"II*\0" if order == "<" else b"MM\0*") + long(8) + directory(order, 8, top, next=starts[4])
    for start, fields in zip(starts[1:], (shot, place, related, second), strict=True):
        data += directory(order, start, fields)
    return exif.EXIF_START + data + preview


def iim(*fields: tuple[int, int, bytes]) -> bytes:
    """A block of IPTC."""
    return b"".join(struct.pack(">3BH", 0x1C, record, number, len(value)) + value for record, number, value in fields)


IPTC = iim(
    (1, 90, b"\x1b%G"),
    (2, 0, b"\0\4"),
    (2, 25, b"sea"),
    (2, 25, b"boat"),
    (2, 80, "A. Mäker".encode()),
    (2, 90, b"Paris"),
    (2, 116, b"of somebody"),
    (2, 120, b"A boat."),
    (2, 202, SECRET * 3),
    (2, 221, SECRET),
    (3, 20, SECRET),
)


def planted(image: Image.Image, format: str, **options: Any) -> bytes:
    """A file of `image` with all of that, as far as the format has a place for it."""
    if format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        texts.add_text("Comment", SECRET.decode())
        texts.add(b"prVt", SECRET)
        options |= {"pnginfo": texts}
    else:
        options |= {"xmp": XMP}
    if format == "JPEG":
        options |= {"comment": SECRET}
    dpi = {"dpi": (240, 240)} if format in ("JPEG", "PNG") else {}
    data = saved(image, format, exif=block(turned=1), **dpi, **options)
    if format != "JPEG":
        return data
    resources = b"Photoshop 3.0\0" + _resource(0x0404, IPTC) + _resource(0x0422, SECRET) + _resource(0x040C, SECRET)
    others = ((0xED, resources), (0xE2, b"MPF\0" + SECRET), (0xEC, b"Ducky" + SECRET), (0xE0, b"JFXX\0\x10" + SECRET))
    spliced = b"".join(struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body for marker, body in others)
    return data[:20] + spliced + data[20:] + SECRET


def _resource(number: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + bytes(len(body) & 1)


def tags(folder: Path, data: bytes) -> dict[str, Any]:
    """What exiftool finds in a file, by group and name, but for what draws the picture."""
    if shutil.which("exiftool") is None:
        lacking("no exiftool on this machine")
    path = folder / "file"
    path.write_bytes(data)
    asked = ["exiftool", "-j", "-G1", "-a", "-u", "-n", "-ee", str(path)]
    (found,) = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return {name: value for name, value in found.items() if name.partition(":")[0] not in (*_STRUCTURE, "SourceFile")}
