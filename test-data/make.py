"""Makes the images of this folder: `python test-data/make.py`. Ours alone, the same at every run.

The picture is drawn, not photographed: sky, sun, hills and grain of seeded noise, which compress
like a photograph. Its upright top left corner is red, so that an eye sees how it was turned.
"""

import random
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).parent
SEED = 7
GPS = {1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 21.0)}
GPS_IFD, ORIENTATION, MAKE, MODEL = 0x8825, 0x0112, 0x010F, 0x0110


def noise(rng: random.Random, size: tuple[int, int], cells: int) -> Image.Image:
    """Smooth noise, about `cells` bumps wide."""
    grid = (cells, max(2, cells * size[1] // size[0]))
    return Image.frombytes("L", grid, rng.randbytes(grid[0] * grid[1])).resize(size, Image.Resampling.BICUBIC)


def landscape(size: tuple[int, int], grain: float = 0.06) -> Image.Image:
    """The picture, upright."""
    rng = random.Random(SEED)
    width, height = size
    sky = Image.linear_gradient("L").resize(size)
    picture = Image.merge("RGB", [sky.point(lambda v, base=base: base + v // 3) for base in (70, 120, 170)])
    clouds = Image.blend(noise(rng, size, 5), noise(rng, size, 19), 0.4)
    picture.paste((245, 245, 250), mask=clouds.point(lambda v: max(0, v - 120) * 2))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.62, height * 0.10, width * 0.78, height * 0.10 + width * 0.16), fill=(255, 236, 170))
    for ridge, colour in enumerate(((92, 118, 128), (64, 104, 82), (40, 78, 44))):
        line = [(x, height * (0.5 + 0.14 * ridge) + rng.uniform(-0.07, 0.07) * height) for x in range(0, width + 1, 40)]
        draw.polygon([(0, height), *line, (width, line[-1][1]), (width, height)], fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(width / 1000))
    texture = Image.merge("RGB", [noise(rng, size, width // 3)] * 3)
    picture = Image.blend(picture, texture, grain)
    ImageDraw.Draw(picture).rectangle((0, 0, width // 12, height // 12), fill=(200, 30, 30))
    return picture


def camera_exif(orientation: int) -> Image.Exif:
    """What a telephone writes: maker, model, orientation and where it was."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[MODEL] = orientation, "pixmill", "test-data/make.py"
    exif.get_ifd(GPS_IFD).update(GPS)
    return exif


def bomb(side: int) -> bytes:
    """A whole PNG of side x side white pixels, one bit each: a few KB that claim to be enormous."""
    rows = zlib.compress((b"\0" + b"\xff" * (side // 8)) * side, 9)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def main() -> None:
    """Write every file."""
    portrait = landscape((1200, 1600))
    as_stored = portrait.transpose(Image.Transpose.ROTATE_90)
    as_stored.save(FOLDER / "sample.jpg", quality=80, exif=camera_exif(6))
    small = portrait.resize((300, 400))
    small.transpose(Image.Transpose.ROTATE_180).save(FOLDER / "rotated.jpg", quality=80, exif=camera_exif(3))
    small.convert("CMYK").save(FOLDER / "cmyk.jpg", quality=80)
    whole = (FOLDER / "rotated.jpg").read_bytes()
    (FOLDER / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (FOLDER / "bomb.png").write_bytes(bomb(16_384))
    Image.new("RGB", (1, 1), (51, 102, 153)).save(FOLDER / "1x1.png")
    tile = portrait.resize((90, 120))
    frames = [tile.rotate(angle).quantize(32) for angle in range(0, 360, 45)]
    frames[0].save(FOLDER / "animated.gif", save_all=True, append_images=frames[1:], duration=80, loop=0)
    landscape((4000, 3000), grain=0.02).save(FOLDER / "12mp.jpg", quality=60, exif=camera_exif(1))


if __name__ == "__main__":
    main()
