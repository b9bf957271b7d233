"""Hostile files, made here byte by byte: claims without pixels behind them, endless repetition, damage."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

FORMATS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP"}
DAMAGED_SIDE = 48
LARGE_SIDE = 320
"""Its pixels are more than jobs/recipes/libraries.py's VIPS_PIXELS_MIN."""


def written(format: str, side: int = DAMAGED_SIDE, **options: object) -> bytes:
    """A noisy picture in this format."""
    stream = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(stream, FORMATS[format], **options)
    return stream.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *before: bytes, colour: int = 0) -> bytes:
    """A PNG of these sides whose coded pixels are `data`, grey or (colour 2) RGB; `before`: chunks ahead of them."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(before) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zero bytes, deflated."""
    squeeze = zlib.compressobj(9)
    step = bytes(1 << 20)
    parts = [squeeze.compress(step[: min(len(step), count - at)]) for at in range(0, count, len(step))]
    return b"".join([*parts, squeeze.flush()])


def png_bomb() -> bytes:
    """A hundred kilobytes that claim 10 gigapixels."""
    return png(100_000, 100_000, zeros(1 << 26))


def png_full() -> bytes:
    """Just within the pixel limit, all of it there: 100 megapixels in 100 kB."""
    return png(10_000, 10_000, zeros(10_001 * 10_000))


def png_wide() -> bytes:
    """65,535 pixels wide, one high: within the pixel limit, beyond some codecs'."""
    return png(65_535, 1, zeros(65_536))


def png_text_bomb() -> bytes:
    """A text that grows to 256 MB, before the pixels."""
    return png(8, 8, zeros(72), _chunk(b"zTXt", b"Comment\0\0" + zeros(1 << 28)))


def png_profile_bomb() -> bytes:
    """An ICC profile that grows to 256 MB."""
    return png(8, 8, zeros(72), _chunk(b"iCCP", b"icc\0\0" + zeros(1 << 28)))


def jpeg_scans(scans: int = 20_000, side: int = 8_000) -> bytes:
    """A progressive JPEG, its second scan repeated: every one costs a walk over all of its blocks."""
    stream = io.BytesIO()
    Image.new("L", (side, side), 128).save(stream, "JPEG", progressive=True, quality=50)
    data = stream.getvalue()
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    return data[: starts[2]] + data[starts[1] : starts[2]] * scans + data[starts[2] :]


def gif_frames(count: int = 100_000) -> bytes:
    """So many frames of one pixel, 15 bytes each."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * count + b"\x3b"


def gif_canvas() -> bytes:
    """A small GIF whose second frame lies on a canvas of 4 gigapixels."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    huge = b"\x2c" + struct.pack("<HHHHB", 65_000, 65_000, 535, 535, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame + huge + b"\x3b"


def tiff_loop() -> bytes:
    """A TIFF whose directory names itself as the next one, and its sub-directory."""
    entries = [(256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 122),
               (277, 3, 1, 1), (278, 3, 1, 4), (279, 4, 1, 16), (330, 4, 1, 8)]  # fmt: skip
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + struct.pack("<I", 8) + bytes(range(16)) * 2


def tiff_claims() -> bytes:
    """A TIFF of 16 pixels that claims strips of 4 gigabytes."""
    return tiff_loop().replace(struct.pack("<HHII", 279, 4, 1, 16), struct.pack("<HHII", 279, 4, 1, 0xFFFF_FFF0))


def bmp_claims() -> bytes:
    """54 bytes that claim 99 megapixels."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 9_900, 10_000, 1, 24, 0, 0, 0, 0, 0, 0)


def webp_claims() -> bytes:
    """An extended WebP of 16,384 x 16,384 with nothing in it."""
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 0x10) + b"\xff\x3f\0" * 2
    return b"RIFF" + struct.pack("<I", len(body)) + body


def orientation_loop() -> bytes:
    """A JPEG whose EXIF directory is at itself."""
    data = written("jpeg")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<I", 8)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


CRAFTED = {
    "png-bomb": png_bomb, "png-100-megapixels": png_full, "png-65535-wide": png_wide, "png-text-bomb": png_text_bomb,
    "png-profile-bomb": png_profile_bomb, "jpeg-20000-scans": jpeg_scans, "gif-100000-frames": gif_frames,
    "gif-huge-frame": gif_canvas, "tiff-loop": tiff_loop, "tiff-claims": tiff_claims, "bmp-claims": bmp_claims,
    "webp-claims": webp_claims, "exif-loop": orientation_loop,
}  # fmt: skip
"""By name, what makes each."""


def damaged(seed: int, each: int) -> Iterator[tuple[str, bytes]]:
    """Of every format, and of a PNG as large as libvips is asked for, `each` truncated and `each` bit-flipped files,
    the same for the same seed."""
    chance, originals = random.Random(seed), {format: written(format) for format in FORMATS}
    originals["png-large"] = written("png", LARGE_SIDE)
    for name, whole in originals.items():
        for number in range(each):
            yield f"{name}-cut-{number}", whole[: chance.randrange(16, len(whole))]
            flipped = bytearray(whole)
            for _ in range(chance.choice((1, 3, 30))):
                flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            yield f"{name}-flipped-{number}", bytes(flipped)
