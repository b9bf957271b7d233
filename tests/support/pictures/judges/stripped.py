"""Judges files without metadata on a folder of real ones: `python -m tests.support.pictures.judges.stripped FOLDER`.

Pillow compares the pixels, and exiftool lists what is left. Prints one line for each fault, and the counts.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from PIL import Image

from jobs.images.kept.stripped import FORMATS, stripped
from worker.images import imagefile

DRAWING = {"SourceFile", "ExifTool", "System", "File", "Composite", "JFIF", "Adobe", "PNG", "RIFF"}


def main(folder: Path) -> None:
    """Judge all files of the folder."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as kept:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            counts[_judged(path, Path(kept))] += 1
        asked = ["exiftool", "-j", "-G1", "-a", "-u", kept]
        found = json.loads(subprocess.run(asked, check=False, capture_output=True, text=True).stdout or "[]")
        for each in found:
            left = sorted(name for name in each if name.partition(":")[0] not in DRAWING)
            if left:
                print(each["SourceFile"], left)
            counts["listed clean by exiftool"] += not left
    print(dict(counts))


def _judged(path: Path, kept: Path) -> str:
    data = path.read_bytes()
    try:
        image = Image.open(io.BytesIO(data))
        format = str(image.format).lower().replace("mpo", "jpeg")
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "not read"
    if format not in FORMATS or getattr(image, "n_frames", 1) > 1:
        return "another format"
    made = stripped(data, format)
    if made is None:
        return "not understood"
    other = Image.open(io.BytesIO(made))
    if (other.size, other.mode, other.tobytes()) != (image.size, image.mode, image.tobytes()):
        print(path, "its pixels differ")
        return "differ"
    (kept / f"{len(list(kept.iterdir()))}.{format}").write_bytes(made)
    return "equal"


if __name__ == "__main__":
    imagefile.bound(10**9)
    main(Path(sys.argv[1]))
