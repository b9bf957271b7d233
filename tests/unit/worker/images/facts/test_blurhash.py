"""BlurHashes against those of PyPI's blurhash 1.1.5, of pictures made by arithmetic."""

import pytest

from tests.unit.worker.images.facts.test_thumbhash import picture
from worker.images.facts.blurhash import Parts, blurhash


@pytest.mark.parametrize(
    ("width", "height", "hash"),
    [
        (24, 18, "L,HLofomakohfmaiR-ahaza|azW:"),
        (18, 24, "L$HLlpswaksskDWYWEWqR,jHR,jH"),
        (7, 24, "L%Heb?xgjexxo5NeJmS4i}I?sB#."),
        (1, 1, "L~0036fZfZfZfZfZfZfZfZfZfZfZ"),
        (24, 1, "L~FPH_W2REaR~qW2REaR~qW2REaR"),
        (100, 3, "LbHCG:aSR=Z?_4WGS6j1aNW:W:o1"),
    ],
)
def test_the_text_is_that_of_the_reference(width: int, height: int, hash: str) -> None:
    rgba = picture(width, height, alpha=False)
    rgb = b"".join(rgba[at : at + 3] for at in range(0, len(rgba), 4))
    assert blurhash(width, height, rgb, Parts(4, 3)) == hash


def test_parts_say_how_many_waves_there_are() -> None:
    assert len(blurhash(4, 4, bytes(48), Parts(1, 1))) == 6
    assert len(blurhash(4, 4, bytes(48), Parts(9, 9))) == 4 + 2 * 81
