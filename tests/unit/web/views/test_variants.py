"""web/views/variants.py: which renditions are for `srcset`, and which one answers a reader."""

import itertools
import json
from typing import Any

import msgspec
import pytest

from jobs.job import Rendition
from tests.support.harnesses.web_broker import rendition_of
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.http.headers import accepted
from web.views.variants import chosen, source_sets

HERE = "https://a.example/jobs/j"


def made(name: str, format: str, width: int = 9) -> Rendition:
    return Rendition(name, f"blob.{name}", format, width, 9, 100, "d" * 64)


def sets(*renditions: Rendition) -> list[tuple[str, str, str]]:
    return [(one.name, one.type, one.srcset) for one in source_sets(renditions, HERE, "?grant=g")]


def at(name: str) -> str:
    return f"{HERE}/renditions/{name}?grant=g"


def test_widths_are_told_by_what_was_made_and_each_once() -> None:
    found = sets(made("card-640w", "webp", 640), made("card-320w", "webp", 320), made("card-1280w", "webp", 640))
    assert found == [("card", "image/webp", f"{at('card-320w')} 320w, {at('card-1280w')} 640w")]


def test_densities_are_told_where_there_are_no_widths() -> None:
    found = sets(made("card-2x", "jpeg"), made("card-1x", "jpeg"), made("card-1_5x", "jpeg"))
    assert found == [("card", "image/jpeg", f"{at('card-1x')} 1x, {at('card-1_5x')} 1.5x, {at('card-2x')} 2x")]
    both = sets(made("card-320w-1x", "jpeg", 320), made("card-320w-2x", "jpeg", 640))
    assert both == [("card", "image/jpeg", f"{at('card-320w-1x')} 320w, {at('card-320w-2x')} 640w")]


def test_each_format_has_a_source_and_the_best_comes_first() -> None:
    found = sets(
        made("b-jpeg", "jpeg"), made("b-avif", "avif"), made("a-320w-webp", "webp", 320), made("b-webp", "webp")
    )
    assert [(name, kind) for name, kind, _ in found] == [
        ("a", "image/webp"), ("b", "image/avif"), ("b", "image/webp"), ("b", "image/jpeg"),
    ]  # fmt: skip
    assert found[0][2] == f"{at('a-320w-webp')} 320w"


def test_what_is_one_picture_alone_has_none() -> None:
    assert sets(made("card", "webp"), made("w320", "webp"), made("card-large", "png"), made("x", "gif")) == []


FORMATS = ("jpeg", "avif", "webp", "png", "gif")
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
OLD_SAFARI = "image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"


@pytest.mark.parametrize(
    ("header", "formats", "wanted"),
    [
        (CHROME, FORMATS, "avif"),
        ("image/webp,*/*", FORMATS, "webp"),
        (OLD_SAFARI, FORMATS, "png"),
        (OLD_SAFARI, ("avif", "webp", "jpeg"), "jpeg"),
        ("", ("avif", "webp", "jpeg"), "jpeg"),
        ("*/*", ("jpeg", "gif"), "jpeg"),
        ("", ("avif", "webp"), "webp"),
        ("", ("avif",), "avif"),
        ("image/avif;q=0, image/webp;q=0.1, */*", ("avif", "webp", "jpeg"), "webp"),
        ("text/html", ("avif", "jpeg"), "jpeg"),
        ("IMAGE/AVIF", ("avif", "jpeg"), "avif"),
    ],
)
def test_a_reader_gets_the_best_that_it_names(header: str, formats: tuple[str, ...], wanted: str) -> None:
    renditions = [made(f"card-{format}", format) for format in formats]
    found, varies = chosen(renditions, "card", accepted(header))
    assert (found and found.format, varies) == (wanted, True)


def test_a_name_that_is_there_is_that_rendition() -> None:
    renditions = [made("card", "gif"), made("card-avif", "avif"), made("card-jpeg", "png")]
    assert chosen(renditions, "card", {"image/avif"}) == (renditions[0], False)
    assert chosen(renditions, "card-avif", set()) == (renditions[1], False)
    assert chosen(renditions, "none", {"image/avif"}) == (None, True)
    assert chosen(renditions[1:], "card", {"*/*"})[0] == renditions[1], "a name says nothing of another format"


RECIPE = {"renditions": [{"name": "card", "widths": [8, 16], "formats": ["webp", "jpeg"]}]}


def test_the_address_without_a_format_serves_what_is_accepted() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted(png(), recipe=json.dumps(RECIPE))
        renditions = []
        for width, format in itertools.product((16, 8), ("webp", "jpeg")):
            data = f"{width} {format}".encode()
            one = rendition_of(job, f"card-{width}w-{format}", data)
            renditions.append(msgspec.structs.replace(one, format=format, width=width))
            harness.blobs.put(one.blob, data)
        harness.broker.finish(job, renditions)
        path = f"/jobs/{job}/renditions/card-16w"
        for header, format in ((CHROME, "webp"), ("*/*", "jpeg")):
            answer = await harness.client.get(path, headers={"Accept": header})
            assert (answer.status_code, answer.headers["content-type"]) == (200, f"image/{format}")
            assert answer.headers["vary"] == "Accept"
            again = await harness.client.get(path, headers={"Accept": header, "If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.headers["vary"]) == (304, "Accept")
            named = await harness.client.get(f"{path}-{format}")
            assert (named.content, named.headers.get("vary")) == (answer.content, None)
            assert named.headers["content-disposition"] == answer.headers["content-disposition"]
            head = await harness.client.head(path, headers={"Accept": header})
            assert (head.headers["etag"], head.headers["vary"]) == (answer.headers["etag"], "Accept")
        assert (await harness.client.get(f"/jobs/{job}/renditions/card")).status_code == 404
        view: Any = (await harness.client.get(f"/jobs/{job}")).json()
        assert [each["type"] for each in view["srcset"]] == ["image/webp", "image/jpeg"]
        assert view["srcset"][0]["srcset"].endswith(f"/jobs/{job}/renditions/card-16w-webp 16w")
        listed: Any = (await harness.client.get("/jobs")).json()
        assert "srcset" not in listed["jobs"][0]

    serve(scenario)
