"""Judges the facts of `info` by exiftool and sharp, on all files of the corpus that pixmill reads, and on photos whose
tags exiftool has written.

`python -m tests.support.judges.facts FOLDER` installs sharp into the folder, and prints each difference, then how many
facts of how many files were compared.
"""

import io
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from jobs.errors import ImageFault
from jobs.images.facts import Facts, Info
from jobs.images.head import read_head
from jobs.recipes.recipe import parse
from tests.support.house.npm import npm
from tests.support.pictures.images import CORPUS, LIMITS, TEST_DATA
from worker.images.pipeline import run

RECIPE = parse({"info": ["location"], "palette": 4})
Told = Mapping[str, Any]
_SPACES = {"jpeg": {1: "gray", 3: "rgb", 4: "cmyk"}, "png": {0: "gray", 2: "rgb", 3: "palette", 4: "gray", 6: "rgb"}}


def facts_of(data: bytes) -> Facts | None:
    """The facts that pixmill tells; None if it refuses the file."""
    told: list[Facts] = []
    try:
        list(run(io.BytesIO(data), RECIPE, LIMITS, described=told.append))
    except (ImageFault, MemoryError):
        return None
    return told[0]


def by_exiftool(paths: list[Path]) -> dict[str, Told]:
    """What exiftool tells of each file, numbers as numbers."""
    words = ["exiftool", "-json", "-n", "-G1", "-a", "-charset", "exif=UTF8", *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True)
    return {each["SourceFile"]: each for each in json.loads(done.stdout)}


def pairs(format: str, info: Info, told: Told) -> Iterator[tuple[str, object, object]]:
    """Each fact that exiftool tells, too: its name, ours, exiftool's."""

    def has(name: str) -> Any:
        return told.get(name)

    structure = {"jpeg": "File:BitsPerSample", "png": "PNG:BitDepth", "gif": "GIF:BitsPerPixel"}.get(format)
    if structure and has(structure) is not None:
        yield "bits", info.bits, has(structure)
    if format == "jpeg":
        yield "space", info.space, _SPACES["jpeg"].get(has("File:ColorComponents"))
        yield "progressive", info.progressive, has("File:EncodingProcess") in (2, 6, 10)
        yield "gain_map", info.gain_map, any(name.startswith(("XMP-hdrgm:Version", "XMP-HDRGainMap")) for name in told)
        if (chroma := has("File:YCbCrSubSampling")) is not None:
            named = {"1 1": "4:4:4", "2 1": "4:2:2", "2 2": "4:2:0", "1 2": "4:4:0", "4 1": "4:1:1", "4 2": "4:1:0"}
            yield "chroma", info.chroma, named.get(chroma)
    if format == "png":
        yield "space", info.space, _SPACES["png"][has("PNG:ColorType")]
        yield "progressive", info.progressive, has("PNG:Interlace") == 1
        yield "frames", info.frames, has("PNG:AnimationFrames") or 1
    if format == "tiff" and (bits := has("IFD0:BitsPerSample")) is not None:
        yield "bits", info.bits, max(map(int, str(bits).split()))
    if format == "gif":
        yield "frames", info.frames, has("GIF:FrameCount") or 1
        if has("GIF:Duration") is not None and info.duration_ms is not None:
            yield "duration", info.duration_ms, round(1000 * has("GIF:Duration"))
    if format == "webp" and has("RIFF:FrameCount"):
        yield "frames", info.frames, has("RIFF:FrameCount")
    if has("IFD0:Orientation") in range(1, 9) and format in ("jpeg", "png", "webp", "tiff"):
        yield "orientation", info.orientation, has("IFD0:Orientation")
    profile = has("ICC_Profile:ProfileDescription")
    if profile is not None:
        yield "profile", info.profile, _text(profile)
    yield "density", info.density, _density(format, told)
    names = {
        "make": "IFD0:Make", "model": "IFD0:Model", "artist": "IFD0:Artist", "copyright": "IFD0:Copyright",
        "lens": "ExifIFD:LensModel", "serial": "ExifIFD:SerialNumber", "owner": "ExifIFD:OwnerName",
    }  # fmt: skip
    for name, tag in names.items():
        yield name, getattr(info, name), _text(has(tag))
    for name, tag in {
        "exposure": "ExposureTime",
        "f_number": "FNumber",
        "iso": "ISO",
        "focal_mm": "FocalLength",
    }.items():
        found = has(f"ExifIFD:{tag}")
        yield name, getattr(info, name), found if isinstance(found, int | float) and found > 0 else None
    yield "captured_at", info.captured_at, _moment(told)
    place = has("Composite:GPSLatitude"), has("Composite:GPSLongitude")
    told_place = info.location and (info.location.latitude, info.location.longitude)
    yield "location", told_place, place if all(isinstance(each, int | float) for each in place) else None


def _text(value: object) -> str | None:
    """Without control characters, cut to 200 characters and 300 bytes."""
    if value is None:
        return None
    plain = "".join(each if each.isprintable() else " " for each in f"{value}").strip()[:200]
    return plain.encode()[:300].decode(errors="ignore").strip() or None


def _moment(told: Told) -> str | None:
    taken, offset = told.get("ExifIFD:DateTimeOriginal"), told.get("ExifIFD:OffsetTimeOriginal")
    try:
        moment = datetime.strptime(f"{taken}", "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None
    return moment + (offset if offset and offset != "Z" else "")


def _density(format: str, told: Told) -> float | None:
    if format == "png" and told.get("PNG-pHYs:PixelUnits") == 1:
        return round(float(told["PNG-pHYs:PixelsPerUnitX"]) * 0.0254, 2)
    sources = {"jpeg": ("JFIF", "IFD0"), "tiff": ("IFD0",), "webp": ("IFD0",), "png": ("IFD0",)}.get(format, ())
    known: dict[str, dict[Any, float]] = {"JFIF": {1: 1.0, 2: 2.54}, "IFD0": {2: 1.0, 3: 2.54, None: 1.0}}
    for source in sources:
        across, unit = told.get(f"{source}:XResolution"), told.get(f"{source}:ResolutionUnit")
        if isinstance(across, int | float) and across and unit in known[source]:
            return round(across * known[source][unit], 2)
    if format == "bmp" and told.get("File:PixelsPerMeterX"):
        return round(float(told["File:PixelsPerMeterX"]) * 0.0254, 2)
    return None


def alike(ours: object, theirs: object) -> bool:
    """Whether two facts are equal, numbers up to what is printed of them."""
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        return all(map(alike, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= 1e-4 * max(1.0, abs(theirs))
    return ours == theirs


WORDS = ("Canon", "Müller & Söhne", "日本光学", "a\tb", " spaced  out ", "x" * 300, "ü" * 250, "", "© 2026 Ünïcode")
TEXTS = (
    "IFD0:Make", "IFD0:Model", "IFD0:Artist", "IFD0:Copyright", "ExifIFD:LensModel", "ExifIFD:SerialNumber",
    "ExifIFD:OwnerName",
)  # fmt: skip
MOMENTS = (
    "2026:12:01 04:30:00",
    "0000:00:00 00:00:00",
    "    :  :     :  :  ",
    "1999:02:31 10:00:00",
    "2000:02:29 23:59:59",
)


def photos(folder: Path) -> Iterator[Path]:
    """Files with tags that exiftool has written, in both byte orders."""
    chance = random.Random(7)
    for number in range(120):
        format = ("jpeg", "png", "webp", "tiff")[number % 4]
        path = folder / f"photo-{number}.{format}"
        Image.new("RGB", (40, 30), "#336699").save(path, format.upper())
        tags = {
            **{name: chance.choice(WORDS) for name in TEXTS},
            "ExifIFD:DateTimeOriginal": chance.choice(MOMENTS),
            "ExifIFD:OffsetTimeOriginal": chance.choice(("+02:00", "-11:30", "", "Z")),
            "ExifIFD:ExposureTime": chance.choice((0.004, 1 / 3, 30, 0)),
            "ExifIFD:FNumber": chance.choice((1.8, 11, 0)),
            "ExifIFD:ISO": chance.choice((50, 12800, 0)), "ExifIFD:FocalLength": chance.choice((4.25, 200, 0)),
            "IFD0:Orientation#": chance.randrange(1, 9), "IFD0:XResolution": chance.choice((72, 300)),
            "GPS:GPSLatitude": chance.uniform(0, 90), "GPS:GPSLatitudeRef": chance.choice("NS"),
            "GPS:GPSLongitude": chance.uniform(0, 180), "GPS:GPSLongitudeRef": chance.choice("EW"),
        }  # fmt: skip
        words = [f"-{name}={value}" for name, value in tags.items()]
        order = ("-ExifByteOrder=II", "-ExifByteOrder=MM")[number // 4 % 2]
        command = ["exiftool", "-q", "-m", "-overwrite_original", "-charset", "exif=UTF8", order, *words, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        yield path


_SHARP = """
import sharp from "sharp";
import fs from "fs";
const told = {};
for (const path of JSON.parse(fs.readFileSync(0))) {
  try { told[path] = await sharp(path, { animated: true }).metadata(); } catch {}
  for (const name of ["exif", "icc", "xmp", "iptc"]) if (told[path]) delete told[path][name];
}
console.log(JSON.stringify(told));
"""
_DEPTHS = {"uchar": (1, 2, 4, 5, 8), "ushort": (16, 10, 12)}


def by_sharp(paths: list[Path], folder: Path) -> dict[str, Told]:
    """sharp's metadata of each file that it reads."""
    npm("install", "--ignore-scripts", "sharp", folder=folder)
    (folder / "metadata.mjs").write_text(_SHARP)
    words = json.dumps([str(path) for path in paths])
    done = subprocess.run(["node", "metadata.mjs"], cwd=folder, input=words, text=True, capture_output=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def pairs_of_sharp(format: str, info: Info, told: Told) -> Iterator[tuple[str, object, object]]:
    """Each fact that sharp tells, too: its name, ours, sharp's."""
    yield "sharp orientation", info.orientation, told.get("orientation", 1)
    yield "sharp depth", told["depth"] if info.bits in _DEPTHS.get(told["depth"], ()) else info.bits, told["depth"]
    yield "sharp alpha", info.alpha, told["hasAlpha"]
    if format in ("jpeg", "png"):
        yield "sharp progressive", info.progressive, told["isProgressive"]
    if format in ("jpeg", "avif") and told.get("chromaSubsampling") and info.space == "rgb":
        yield "sharp chroma", info.chroma, told["chromaSubsampling"]
    if format in ("gif", "webp"):
        yield "sharp frames", info.frames, told.get("pages", 1)
    if format in ("gif", "webp") and info.frames > 1:
        yield "sharp duration", info.duration_ms, sum(told["delay"])
        yield "sharp plays", info.plays, told["loop"]
    if format == "tiff":
        yield "sharp pages", info.pages, told.get("pages", 1)


def main() -> None:
    """Compare."""
    folder = Path(sys.argv[1])
    paths = [path for place in (CORPUS, TEST_DATA) for path in sorted(place.rglob("*")) if path.is_file()]
    paths += photos(folder)
    told, of_sharp, compared, files, differing = by_exiftool(paths), by_sharp(paths, folder), Counter[str](), 0, 0
    for path in paths:
        data = path.read_bytes()
        head, facts = read_head(data), facts_of(data)
        if head is None or facts is None or facts.info is None or str(path) not in told:
            continue
        files += 1
        found = [*pairs(head.format, facts.info, told[str(path)])]
        if str(path) in of_sharp:
            found += pairs_of_sharp(head.format, facts.info, of_sharp[str(path)])
        for name, ours, theirs in found:
            compared[name] += 1
            if not alike(ours, theirs):
                differing += 1
                sys.stdout.write(f"{path.relative_to(path.parents[2])} {name}: {ours!r}, the judge {theirs!r}\n")
    sys.stdout.write(f"{files} files, {compared.total()} facts compared, {differing} differ\n{dict(compared)}\n")


if __name__ == "__main__":
    main()
