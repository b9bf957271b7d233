"""What could never have the memory that it needs: explained by its sides, and found before the decode."""

import io
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from jobs.images.turns import Size
from jobs.recipes.memory import most
from jobs.recipes.recipe import Recipe, parse
from tests.support.harnesses.web_harness import WebHarness, serve
from tests.support.pictures.images import LIMITS, one, saved
from worker.images.formats import address_space
from worker.images.pipeline import run

HUGE = {"width": 9000, "height": 9000, "fit": "fill", "enlarge": True, "format": "avif", "lossless": True}
GIB = 1 << 30


def png(width: int, height: int) -> bytes:
    """A head that says so, and no pixel."""
    body = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def needed(recipe: Recipe, width: int, height: int, format: str = "jpeg") -> int:
    need = most(recipe, format, Size(width, height))
    return need.size_bytes if need else 0


@pytest.mark.parametrize(
    ("keys", "stored", "gib"),
    [
        (HUGE, (64, 64), (4, 5)),
        (HUGE | {"lossless": False}, (64, 64), (2, 3)),
        (HUGE | {"enlarge": False}, (64, 64), (0, 0)),
        (HUGE | {"fit": "contain", "enlarge": False}, (64, 64), (4, 5)),
        ({"format": "avif"}, (8000, 8000), (2, 3)),
        ({"format": "avif"}, (7000, 7000), (1, 2)),
        ({"format": "avif", "width": 1000}, (8000, 8000), (0, 0.1)),
        ({"format": "avif", "width": 8000, "enlarge": True}, (9000, 90), (0, 0.1)),  # on its side it has 640 megapixels
        ({"format": "avif", "width": 3000, "enlarge": True}, (2000, 1000), (0.1, 0.2)),  # on its side 4 times as many
        ({"format": "avif", "rotate": 45}, (600, 600), (0.03, 0.05)),  # tilted: twice as many
        ({"format": "jpeg", "rotate": 45, "width": 10}, (12_000, 10), (0.008, 0.01)),  # a JPEG is decoded at 1/8
        ({"format": "webp", "lossless": True}, (10_000, 10_000), (1, 1.1)),
        ({"format": "jpeg"}, (10_000, 10_000), (0, 0.1)),
    ],
)
def test_what_a_rendition_needs_at_least(
    keys: dict[str, Any], stored: tuple[int, int], gib: tuple[float, float]
) -> None:
    assert gib[0] * GIB <= needed(one(**keys), *stored) <= gib[1] * GIB


def test_of_several_renditions_the_one_that_needs_most_is_named() -> None:
    small, huge = {"name": "small", "width": 10, "format": "avif"}, {"name": "huge", **HUGE}
    need = most(parse({"renditions": [small, huge]}), "png", Size(64, 64))
    assert need is not None
    assert (need.spec.name, f"{need}") == ("huge", "AVIF of 9000 x 9000 pixels takes 4.16 GiB of memory to write")


def test_it_is_explained_by_name_and_promised_all_the_same() -> None:
    """A worker elsewhere may have more memory than this web process knows of: its job says how it went."""

    async def scenario(harness: WebHarness) -> None:
        recipe = json.dumps({"renditions": [{"name": "a", **HUGE}]})
        explained = await harness.client.post("/recipes/explain", params={"recipe": recipe}, content=png(64, 64))
        problem = explained.json()
        assert (explained.status_code, problem["code"]) == (422, "memory_over_limit")
        assert (problem["limit"], problem["allowed"]) == ("decoder_bytes_max", 2 * GIB)
        assert problem["actual"] > 4 * GIB
        assert "AVIF of 9000 x 9000 pixels takes 4.16 GiB of memory to write; at most 2 GiB are" in problem["detail"]
        await harness.accepted(png(64, 64), recipe=recipe)

    serve(scenario)


def test_what_has_no_room_is_found_before_a_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(size_bytes: int, what: str = "") -> None:
        if size_bytes:
            raise MemoryError(what)

    monkeypatch.setattr(address_space, "require", refuse)
    stages: list[str] = []
    with pytest.raises(MemoryError, match="AVIF of 9000 x 9000 pixels takes"):
        list(run(io.BytesIO(saved(Image.new("RGB", (64, 64)))), one(**HUGE), LIMITS, at=stages.append))
    assert stages[-1] == "guard_memory"


def test_the_canvas_of_a_thin_tilted_picture_is_named() -> None:
    need = most(one(rotate=45, width=10), "png", Size(12_000, 10))
    assert need is not None
    assert need.size_bytes == 8 * 8493**2
    assert f"{need}" == "PNG of 10 x 10 pixels takes 550 MiB of memory to turn"
