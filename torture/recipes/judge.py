"""What may become of a random recipe: judges one answer of the service. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobs.job import Code
from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX

Answer = Mapping[str, Any]
OWN_FAULTS = frozenset(
    (Code.OPERATION_FAILED, Code.DEADLINE_EXCEEDED, Code.MEMORY_OVER_LIMIT, Code.PIXELS_OVER_LIMIT)
)  # fmt: skip
"""How a job whose picture is sound may fail: by what was asked of it."""
LOSSY = frozenset(("jpeg", "webp", "avif"))


def faults(status: int, answer: Answer) -> list[str]:
    """What is wrong with the answer to an upload that waited for the end of its job."""
    if 400 <= status < 500:
        return [] if answer.get("code") == "bad_recipe" else [f"refused with {status} {answer.get('code')}"]
    if status != 200:
        return [f"answered with {status}"]
    if answer["state"] == "done":
        original, asked = answer["original"], answer["recipe"]["renditions"]
        return _of_all(answer["renditions"], asked, (original["upright_width"], original["upright_height"]))
    code = (answer["error"] or {}).get("code")
    return [] if answer["state"] == "failed" and code in OWN_FAULTS else [f"{answer['state']} with {code}"]


def _of_all(made: Sequence[Answer], asked: Sequence[Answer], original: tuple[int, int]) -> list[str]:
    by_name = {each["name"]: each for each in made}
    if sorted(by_name) != sorted(each["name"] for each in asked) or len(made) != len(asked):
        return [f"{len(asked)} renditions were asked, {sorted(by_name)} are there"]
    return [fault for each in asked for fault in _of_one(by_name[each["name"]], each, original)]


def _of_one(made: Answer, asked: Answer, original: tuple[int, int]) -> list[str]:
    found, width, height = [], made["width"], made["height"]
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX) or width * height > OUTPUT_PIXELS_MAX:
        found.append(f"has {width} x {height} pixels")
    if asked["format"] not in ("original", made["format"]):
        found.append(f"is {made['format']} instead of {asked['format']}")
    most = asked["max_bytes"]
    if most and made["format"] in LOSSY and made["bytes"] > most and "max_bytes" not in made["unmet"]:
        found.append(f"has {made['bytes']} bytes, {most} are allowed, and nothing is unmet")
    box = made["box"]
    if asked.get("page"):
        box = None  # it is a part of that page, whose sides nobody tells
    if box and not (box["width"] > 0 and box["height"] > 0 and _is_within(box, original)):
        found.append(f"shows {box} of {original}")
    return [f"{asked['name']} {each}" for each in found]


def _is_within(box: Mapping[str, float], original: tuple[int, int]) -> bool:
    slack = 0.01  # of a pixel: a box is rounded
    right, bottom = box["left"] + box["width"], box["top"] + box["height"]
    return min(box["left"], box["top"]) >= -slack and right <= original[0] + slack and bottom <= original[1] + slack
