"""jobs/recipes/explain.py, POST /recipes/explain and `pixmill explain`: the plan that a job would carry out, told
before."""

import io
import json
import random
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from PIL import Image, ImageOps
from rich.console import Console

from jobs.errors import ImageFault
from jobs.images import exif
from jobs.images.head import HEAD_BYTES, Head, read_head
from jobs.images.pieces import Passing
from jobs.lanes import HEAVY, SMALL, lane_of, size_of
from jobs.recipes.explain import (
    LOSSLESS_COST,
    OPERATION_RATES,
    PALETTE_COST,
    PALETTE_MS,
    PROGRESSIVE_COST,
    RESIZE_OUT_MS,
    cost_ms,
    explain,
)
from jobs.recipes.recipe import parse
from pixmill.commands import shown
from tests.support.harnesses.web_harness import WebHarness, png, serve
from tests.support.pictures.images import TEST_DATA, corners, made, outputs, psnr, saved
from worker.images.operations import AFTER_RESIZE

WEB = parse(
    {
        "renditions": [
            {"name": "w1920", "width": 1920, "format": "jpeg"},
            {"name": "w640", "width": 640, "format": "webp"},
            {"name": "square", "width": 320, "height": 320, "fit": "cover", "format": "png"},
        ]
    }
)


def codes(plan: Any) -> list[tuple[str, str]]:
    return [(one.rendition, one.code) for one in plan.warnings]


def test_the_plan_is_told_with_its_scale_boxes_and_parents() -> None:
    plan = explain(WEB, Head("jpeg", 8000, 4000), 6)
    assert (plan.decode.scale, plan.decode.width, plan.decode.height) == (2, 4000, 2000)
    told = {one.name: (one.width, one.height, one.derived_from) for one in plan.renditions}
    assert told == {"w1920": (1920, 3840, None), "w640": (640, 1280, "w1920"), "square": (320, 320, "w640")}
    square = plan.renditions[-1].box
    assert square is not None
    assert (square.left, square.top, square.width, square.height) == (320, 0, 640, 640)
    assert plan.warnings == []
    assert plan.expected.cpu_ms > sum(one.cpu_ms for one in plan.renditions)


@pytest.mark.parametrize("name", ["sample.jpg", "rotated.jpg", "12mp.jpg", "cmyk.jpg", "1x1.png"])
def test_what_is_told_is_what_comes_out(name: str) -> None:
    data = (TEST_DATA / name).read_bytes()
    head = read_head(data)
    assert head is not None
    plan = explain(WEB, head, orientation_in(data))
    made = outputs(data, WEB)
    assert [(one.name, one.format, one.width, one.height) for one in plan.renditions] == [
        (one.name, one.format, one.width, one.height) for one in made.values()
    ]


def test_more_costs_more() -> None:
    small = explain(WEB, Head("jpeg", 2000, 1000), 1).expected
    for other in (Head("jpeg", 4000, 2000), Head("png", 2000, 1000)):
        assert explain(WEB, other, 1).expected.cpu_ms > small.cpu_ms
    assert explain(WEB, Head("png", 4000, 2000), 1).expected.peak_bytes > small.peak_bytes


def test_effort_and_a_budget_of_bytes_cost_what_the_encoder_takes() -> None:
    def cpu_ms(**keys: Any) -> float:
        recipe = parse({"renditions": [{"name": "a", "width": 1000, "height": 1000, "fit": "fill", **keys}]})
        return explain(recipe, Head("png", 2000, 2000), 1).expected.cpu_ms

    plain = cpu_ms(format="webp")
    rest = cpu_ms(format="png") - 77
    assert cpu_ms(format="webp", max_bytes=10**6) - plain == pytest.approx(5 * 55, rel=0.02), "six encodes at most"
    assert cpu_ms(format="avif", effort=9) > 10 * cpu_ms(format="avif")
    assert cpu_ms(format="png", effort=0) == cpu_ms(format="png")
    assert cpu_ms(avif={"speed": 1}, format="avif") == cpu_ms(format="avif", effort=9)
    assert cpu_ms(format="png", png={"palette": True}) == pytest.approx(rest + PALETTE_MS + 77 * PALETTE_COST, abs=0.2)


def test_no_loss_and_progressive_scans_cost_what_the_encoder_takes() -> None:
    def encode_ms(**keys: Any) -> float:
        recipe = parse({"renditions": [{"name": "a", "width": 1000, "height": 1000, "fit": "fill", **keys}]})
        return explain(recipe, Head("png", 1000, 1000), 1).renditions[0].cpu_ms - RESIZE_OUT_MS

    assert encode_ms(format="webp", lossless=True) == pytest.approx(55 * LOSSLESS_COST["webp"])
    assert encode_ms(format="avif", lossless=True) == pytest.approx(215 * LOSSLESS_COST["avif"])
    assert encode_ms(format="webp", lossless=True, effort=0) == pytest.approx(0.4 * 55 * LOSSLESS_COST["webp"])
    assert encode_ms(format="avif", lossless=True, effort=0) == pytest.approx(
        0.1 * 215 * LOSSLESS_COST["avif"], rel=0.01
    )
    assert encode_ms(format="jpeg", progressive=True) == pytest.approx(2.3 * PROGRESSIVE_COST, abs=0.1)


def test_every_operation_of_the_worker_has_a_rate() -> None:
    operations = [operation.__name__ for operation in AFTER_RESIZE]
    assert list(OPERATION_RATES) == operations, (
        "give OPERATION_RATES (jobs/recipes/explain.py) a row for each operation of AFTER_RESIZE "
        "(worker/images/operations.py), in its order"
    )


COSTLY: dict[str, dict[str, Any]] = {"tilt": {"rotate": 15}, "blur": {"blur": 4}, "sharpen": {"sharpen": 1.5},
    "median": {"median": 5},
    "modulate": {"modulate": {"hue": 90}}, "normalise": {"normalise": True}, "tint": {"tint": "#ff0000"},
    "pad": {"fit": "contain", "width": 1600, "height": 625, "background": "mirror"},
    "padding": {"width": 960, "padding": [0, 20], "background": "blur"},
    "watermark": {"watermark": {"name": "a", "tile": True, "digest": "0" * 64}}}  # fmt: skip
"""Keys that ask for each operation with a rate."""
MILLIONS = {"tilt": 1.5, "median": 25}
"""Its pixels, in millions, where they are not those of the output: with its corners a tilted picture is larger."""


def test_every_rate_is_tried() -> None:
    costly = {name for name, rate in OPERATION_RATES.items() if rate is not None}
    assert set(COSTLY) == costly, "give COSTLY (here) keys for each operation that has a rate in OPERATION_RATES"


@pytest.mark.parametrize("name", COSTLY)
def test_an_operation_costs_its_rate_for_each_of_its_pixels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def cpu_ms(keys: dict[str, Any]) -> float:
        recipe = parse({"renditions": [{"name": "a", "width": 1000, "height": 1000, "fit": "fill", **keys}]})
        return explain(recipe, Head("jpeg", 2000, 2000), 1).expected.cpu_ms

    asked, rate = cpu_ms(COSTLY[name]), OPERATION_RATES[name]
    assert rate is not None
    unasked = cpu_ms({})
    monkeypatch.setitem(OPERATION_RATES, name, None)
    assert cpu_ms({}) == unasked, "it costs nothing where it is not asked for"
    assert asked - cpu_ms(COSTLY[name]) == pytest.approx(rate.ms * MILLIONS.get(name, 1), rel=0.2)


def test_what_only_pixels_tell_is_not_guessed_and_costs() -> None:
    recipe = parse({"renditions": [{"name": "a", "width": 2000, "trim": True}, {"name": "b", "width": 9}]})
    plain = parse({"renditions": [{"name": "a", "width": 2000}, {"name": "b", "width": 9}]})
    told = explain(recipe, Head("jpeg", 400, 400), 1)
    one, other = told.renditions
    assert (one.width, one.height, one.box, one.measured) == (None, None, None, ["trim"])
    assert (other.width, other.measured) == (9, [])
    assert told.warnings == []
    large = Head("jpeg", 4000, 4000)
    assert explain(recipe, large, 1).decode.scale == 1, "a trim needs all pixels"
    assert explain(recipe, large, 1).expected.cpu_ms > explain(plain, large, 1).expected.cpu_ms + 16 * 10
    assert cost_ms(recipe, "jpeg", 4000, 4000) > cost_ms(plain, "jpeg", 4000, 4000) + 16 * 10
    written = io.StringIO()
    answer = {
        "original": {"format": "jpeg", "width": 400, "height": 400, "bytes": 1},
        "plan": msgspec.to_builtins(told),
    }
    shown.show_explanation(answer, Console(file=written, width=120))
    assert "by its pixels" in written.getvalue()


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"width": 200}, "would_enlarge"),
        ({"width": 200, "height": 200, "fit": "contain"}, "would_enlarge"),
        ({"width": 60, "height": 200, "fit": "cover"}, "would_enlarge"),
        ({"width": 200, "rotate": 10}, "would_enlarge"),
        ({"height": 16_000, "fit": "outside", "width": 6000}, "would_enlarge"),
        ({"width": 200, "enlarge": True}, "enlarged"),
        ({"lossless": True}, "key_without_effect"),
        ({"effort": 0}, "key_without_effect"),
    ],
)
def test_what_may_surprise_is_warned_of(keys: dict[str, Any], code: str) -> None:
    plan = explain(parse({"renditions": [{"name": "a", **keys}]}), Head("jpeg", 100, 100), 1)
    assert codes(plan) == [("a", code)]


def test_what_surprises_nobody_is_not() -> None:
    keys: list[dict[str, Any]] = [
        {},
        {"width": 100},
        {"width": 99, "enlarge": True},
        {"width": 50, "height": 50, "fit": "contain"},
    ]
    recipe = parse({"renditions": [{"name": f"r{index}", **one} for index, one in enumerate(keys)]})
    assert explain(recipe, Head("jpeg", 100, 100), 1).warnings == []


def orientation_in(data: bytes, step: int = 1000) -> int:
    """As web finds it, in a body that comes in pieces."""
    turned = Passing(exif.reading_orientation())
    for at in range(0, len(data), step):
        turned.feed(data[at : at + step])
    turned.end()
    return turned.found or 1


def with_exif(format: str, turned: int, **options: Any) -> bytes:
    block = Image.Exif()
    block[0x0112] = turned
    return saved(corners(), format, exif=block, **options)


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_orientation_is_found_in_whatever_pieces_a_body_comes(format: str, step: int) -> None:
    data = with_exif(format, 6)
    assert orientation_in(data, step) == 6
    for end in range(0, len(data), 7):
        assert 1 <= orientation_in(data[:end]) <= 8


def app1(turned: int) -> bytes:
    """The segment of a JPEG."""
    data = with_exif("JPEG", turned)
    at = data.index(b"\xff\xe1")
    return data[at : at + 2 + struct.unpack_from(">H", data, at + 2)[0]]


def two_blocks() -> Iterator[Any]:
    """Files with two blocks or one in an odd place, and the orientation that counts: the first's."""
    for first, second in ((1, 6), (6, 1), (8, 3)):
        data = with_exif("JPEG", first)
        behind = data.index(app1(first)) + len(app1(first))
        frame = data.index(b"\xff\xc0")
        after = frame + 2 + struct.unpack_from(">H", data, frame + 2)[0]
        yield pytest.param(data[:behind] + app1(second) + data[behind:], first, id=f"jpeg {first} {second}")
        yield pytest.param(data[:after] + app1(second) + data[after:], first, id=f"jpeg {first}, {second} behind SOF")
        plain = saved(corners(), "JPEG")
        frame = plain.index(b"\xff\xc0")
        after = frame + 2 + struct.unpack_from(">H", plain, frame + 2)[0]
        yield pytest.param(plain[:after] + app1(first) + plain[after:], first, id=f"jpeg {first} behind SOF")
        yield pytest.param(plain[:2] + app1(first) + plain[2:], first, id=f"jpeg {first} before APP0")
        yield pytest.param(plain[:2] + b"\xff" * 5 + app1(first) + plain[2:], first, id=f"jpeg {first} behind padding")
        one, other = (with_exif("PNG", turned) for turned in (first, second))
        at = other.index(b"eXIf") - 4
        chunk = other[at : at + 12 + struct.unpack_from(">I", other, at)[0]]
        yield pytest.param(one[:-12] + chunk + one[-12:], first, id=f"png {first} {second}")
        bare = saved(corners(), "PNG")
        yield pytest.param(bare[:-12] + chunk + bare[-12:], second, id=f"png {second} behind the pixels")


@pytest.mark.parametrize(("data", "counts"), list(two_blocks()))
def test_of_two_blocks_the_first_counts_for_explain_and_for_the_worker(data: bytes, counts: int) -> None:
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(with_exif("PNG", counts))))
    assert orientation_in(data) == counts
    image = made(data)
    assert image.size == wanted.size
    assert psnr(image, wanted) > 25


@pytest.mark.parametrize("format", ["WEBP", "PNG", "TIFF"])
def test_an_orientation_behind_a_large_picture_is_found(format: str) -> None:
    noise = Image.frombytes("RGB", (300, 200), random.Random(1).randbytes(180_000))
    block = Image.Exif()
    block[0x0112] = 6
    data = saved(noise, format, exif=block, **({"lossless": True} if format == "WEBP" else {}))
    assert len(data) > HEAD_BYTES
    head = read_head(data)
    assert head is not None
    plan = explain(WEB, head, orientation_in(data))
    assert [(one.width, one.height) for one in plan.renditions] == [
        (one.width, one.height) for one in outputs(data, WEB).values()
    ]


def test_metadata_that_will_not_be_kept_is_told() -> None:
    for original, format, told in (("gif", "original", 1), ("tiff", "jpeg", 1), ("jpeg", "webp", 0)):
        recipe = parse({"renditions": [{"name": "a", "format": format, "keep_metadata": True}]})
        found = explain(recipe, Head(original, 10, 10), 1).warnings
        assert [one.code for one in found] == ["key_without_effect"] * told


# --- over HTTP, and by the command ---


async def asked(harness: WebHarness, data: bytes, **query: str) -> Any:
    return await harness.client.post("/recipes/explain", content=data, params=query)


def test_a_plan_over_http_keeps_nothing() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await asked(harness, png(640, 480), preset="other")
        assert response.status_code == 200, response.text
        answer = response.json()
        assert answer["original"] == {
            "format": "png", "width": 640, "height": 480, "bytes": len(png()), "orientation": 1,
        }  # fmt: skip
        assert (answer["preset"], answer["recipe"]["renditions"][0]["name"]) == ("other", "large")
        (large,) = answer["plan"]["renditions"]
        assert (large["width"], large["height"], large["derived_from"]) == (64, 48, None)
        assert set(answer["plan"]["expected"]) == {"cpu_ms", "peak_bytes"}
        assert not harness.sent
        recipe = json.dumps({"renditions": [{"name": "a", "width": 2000}]})
        assert (await asked(harness, png(), recipe=recipe)).json()["plan"]["warnings"][0]["code"] == "would_enlarge"

    serve(scenario)


@pytest.mark.parametrize(
    ("data", "query", "status", "code"),
    [
        (b"", {}, 400, "no_image"),
        (b"no image", {}, 415, "unsupported_type"),
        (png(100_000, 100_000), {}, 422, "pixels_over_limit"),
        (png()[:12], {}, 422, "undecodable"),
        (png(), {"preset": "nobody"}, 422, "unknown_preset"),
        (png(), {"recipe": "{}"}, 422, "bad_recipe"),
        (png(), {"size": "1"}, 400, "bad_parameter"),
        (png(filler=bytes(5000)), {}, 413, "upload_too_large"),
    ],
)
def test_what_cannot_be_explained(data: bytes, query: dict[str, str], status: int, code: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await asked(harness, data, **query)
        assert (response.status_code, response.json()["code"]) == (status, code)

    serve(scenario, upload_bytes_max=4000)


def test_sides_behind_the_first_bytes_are_explained() -> None:
    async def scenario(harness: WebHarness) -> None:
        segment = b"\xff\xe2" + (60_002).to_bytes(2, "big") + bytes(60_000)
        data = saved(Image.new("RGB", (640, 480)), "JPEG")
        answer = await asked(harness, data[:2] + segment * 3 + data[2:])
        assert (answer.status_code, answer.json()["original"]["width"]) == (200, 640)

    serve(scenario)


def test_a_recipe_that_this_image_cannot_serve() -> None:
    async def scenario(harness: WebHarness) -> None:
        recipe = {"renditions": [{"name": "a", "crop": {"left": 3, "top": 0, "width": 9, "height": 9}}]}
        response = await asked(harness, png(), recipe=json.dumps(recipe))
        assert (response.status_code, response.json()["code"]) == (422, "operation_failed")

    serve(scenario)


def test_the_command_shows_a_table_and_the_warnings() -> None:
    async def scenario(harness: WebHarness) -> None:
        recipe = json.dumps({"renditions": [{"name": "a", "width": 2000}, {"name": "b", "width": 10}]})
        answer = (await asked(harness, png(1000, 500), recipe=recipe)).json()
        written = io.StringIO()
        shown.show_explanation(answer, Console(file=written, width=120))
        text = written.getvalue()
        assert "png 1000 x 500" in text
        assert [line.split()[0] for line in text.splitlines()] == ["png", "rendition", "a", "b", "expected:", "a:"]
        assert "would enlarge" in text

    serve(scenario)


def test_what_a_job_costs_is_told_by_its_recipe_whatever_the_image() -> None:
    heavy = parse(
        {
            "renditions": [
                {"name": "a", "width": 10_000, "height": 10_000, "fit": "fill", "enlarge": True, "format": "avif"}
            ]
        }
    )
    small = parse({"renditions": [{"name": "a", "width": 100}]})
    assert size_of(lane_of(1, "t", cost_ms(heavy, "jpeg", 64, 64))) == HEAVY
    assert size_of(lane_of(1, "t", cost_ms(heavy, "tiff", 0, 0))) == HEAVY
    assert size_of(lane_of(1, "t", cost_ms(small, "jpeg", 64, 64))) == SMALL
    for width, height in ((64, 64), (1600, 1200)):
        expected = explain(small, Head("jpeg", width, height), 1).expected.cpu_ms
        assert abs(cost_ms(small, "jpeg", width, height) - expected) < 0.1


def test_a_job_costs_what_its_picture_costs_as_it_lies() -> None:
    tall = parse({"renditions": [{"name": "a", "crop": {"left": 0, "top": 0, "width": 100, "height": 300}}]})
    assert (cost_ms(tall, "png", 300, 100, 1), cost_ms(tall, "png", 300, 100, 8) > 0) == (0, True)
    assert cost_ms(tall, "png", 300, 100) == cost_ms(tall, "png", 300, 100, 6), "the larger one if nobody knows"
    assert cost_ms(tall, "png", 99, 99) == 0, "the job fails at once, however it lies"


def test_what_a_tilted_picture_fills_is_counted() -> None:
    thin = parse({"renditions": [{"name": "a", "rotate": 45, "width": 100}]})
    assert cost_ms(thin, "png", 12_000, 10) > 50 * cost_ms(thin, "png", 400, 300)
    told = explain(thin, Head("png", 12_000, 10), 1).expected
    assert told.peak_bytes > 8 * 8492 * 8492
    assert explain(thin, Head("jpeg", 12_000, 10), 1).expected.peak_bytes < told.peak_bytes / 10, "decoded at a scale"
    with pytest.raises(ImageFault, match="fill 10614 x 10614, 100000000 are allowed"):
        explain(thin, Head("png", 15_000, 10), 1)
