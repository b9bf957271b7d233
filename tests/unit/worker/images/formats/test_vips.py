"""worker/images/formats/vips.py: the options of JPEG and WebP that only libvips writes. (PNG and shrinking:
tests/unit/jobs/recipes/test_libraries.py.)"""

from typing import Any

import pytest
from PIL import Image, ImageChops

from jobs.errors import BadRecipe, ImageFault
from jobs.images.head import Head
from jobs.recipes.explain import explain
from jobs.recipes.recipe import parse
from tests.support.pictures.images import TEST_DATA, one, outputs, psnr, read, saved
from tests.support.pictures.quality import ssim
from worker.images.formats import vips

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("jpeg.trellis", {"format": "jpeg", "jpeg": {"trellis": True}}),
    ("webp.near_lossless", {"format": "webp", "webp": {"near_lossless": True}}),
    ("webp.smart_subsample", {"format": "webp", "webp": {"smart_subsample": True}}),
    ("webp.preset", {"format": "webp", "webp": {"preset": "drawing"}}),
]
only_with_vips = pytest.mark.skipif(not vips.INSTALLED, reason="needs the extra vips")


def photo() -> Image.Image:
    with Image.open(TEST_DATA / "sample.jpg") as image:
        return image.convert("RGB").resize((180, 240))


@pytest.mark.parametrize(("key", "keys"), OPTIONS)
def test_without_the_extra_the_key_is_refused_by_its_place(key: str, keys: dict[str, Any]) -> None:
    for asked in (keys, keys | {"format": "original"}):
        with pytest.raises(BadRecipe, match="needs the extra `vips`") as fault:
            parse({"renditions": [{"name": "a", **asked}]}, vips=False)
        assert fault.value.path == f"$.renditions[0].{key}"
    assert parse({"renditions": [{"name": "a", **keys}]}, vips=True)


@pytest.mark.parametrize(("key", "keys"), OPTIONS)
def test_a_worker_without_the_extra_names_it(key: str, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vips, "INSTALLED", False)
    with pytest.raises(ImageFault, match=f"`{key}` needs the extra `vips`"):
        outputs(saved(photo()), one(**keys))


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"webp": {"near_lossless": True}, "lossless": True}, "webp.near_lossless"),
        ({"webp": {"smart_subsample": True}, "lossless": True}, "webp.smart_subsample"),
        ({"webp": {"smart_subsample": True, "near_lossless": True}}, "webp.smart_subsample"),
        ({"webp": {"preset": "foto"}}, "webp.preset"),
    ],
)
def test_what_excludes_another_is_refused(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(BadRecipe) as fault:
        one(format="webp", **keys)
    assert fault.value.path == f"$.renditions[0].{place}"


@pytest.mark.parametrize(("key", "keys"), OPTIONS)
def test_the_cost_is_that_of_the_option(key: str, keys: dict[str, Any]) -> None:
    asked, plain = (
        explain(one(**each), Head("png", 1000, 1000), 1).expected.cpu_ms for each in (keys, {"format": keys["format"]})
    )
    assert asked >= plain
    assert (asked > plain) == (key != "webp.preset")


@only_with_vips
def test_trellis_makes_smaller_files_of_the_same_picture() -> None:
    data = saved(photo())
    for keys in ({}, {"chroma": 444, "progressive": True}, {"grayscale": True}, {"keep": ["exif"], "profile": "p3"}):
        plain = outputs(data, one(format="jpeg", **keys))["a"]
        made = outputs(data, one(format="jpeg", jpeg={"trellis": True}, **keys))["a"]
        assert len(made.data) < len(plain.data)
        assert (made.quality, made.unmet) == (80, ())
        ours, theirs = read(made), read(plain)
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
        assert ours.info.get("icc_profile") == theirs.info.get("icc_profile")
        assert ssim(ours, theirs) > 0.97


@only_with_vips
def test_a_libjpeg_without_trellis_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vips.has_trellis()
    monkeypatch.setattr(vips, "has_trellis", lambda: False)
    assert outputs(saved(photo()), one(format="jpeg", jpeg={"trellis": True}))["a"].unmet == ("trellis",)


@only_with_vips
def test_near_lossless_is_nearly_lossless_and_smaller() -> None:
    data = saved(photo())
    exact = outputs(data, one(format="webp", lossless=True))["a"]
    near = outputs(data, one(format="webp", webp={"near_lossless": True}, quality=40))["a"]
    lossy = outputs(data, one(format="webp", quality=90))["a"]
    assert len(near.data) < len(exact.data)
    assert psnr(read(near), photo()) > psnr(read(lossy), photo()) + 3
    assert near.quality == 40


@only_with_vips
def test_sharp_edges_keep_their_colours_with_smart_subsample() -> None:
    image = Image.new("RGB", (96, 96), (255, 0, 0))
    for at in range(0, 96, 6):
        image.paste((0, 0, 255), (at, 0, at + 3, 96))
    plain, smart = (
        read(outputs(saved(image), one(format="webp", webp=block))["a"]) for block in ({}, {"smart_subsample": True})
    )
    errors = [sum(ImageChops.difference(each, image).convert("L").histogram()[16:]) for each in (plain, smart)]
    assert errors[1] < errors[0]


@only_with_vips
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_and_what_is_kept_goes_through(mode: str) -> None:
    image = photo().convert(mode)
    if "A" in mode:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    keys = {"webp": {"preset": "photo", "exact": True}, "profile": "p3"}
    made = read(outputs(saved(image), one(format="webp", **keys))["a"])
    plain = read(outputs(saved(image), one(format="webp", profile="p3"))["a"])
    assert (made.mode, made.size) == (plain.mode, plain.size)
    assert made.info["icc_profile"] == plain.info["icc_profile"]
    assert ssim(made, plain) > 0.95
    if "A" in mode:
        assert made.getchannel("A").tobytes() == plain.getchannel("A").tobytes()


@only_with_vips
def test_an_animation_does_without_and_says_so() -> None:
    frames = [photo(), photo().rotate(180)]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    made = outputs(data, one(format="webp", webp={"preset": "photo"}))["a"]
    assert (made.unmet, getattr(read(made), "n_frames", 1)) == (("webp",), 2)
