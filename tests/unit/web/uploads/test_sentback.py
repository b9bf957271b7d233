"""The field `redirect` of a plain form: where its browser is sent, and where it is never sent."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from tests.support.harnesses.web_harness import BASE, WebHarness, png, serve
from tests.unit.web.uploads.test_receive import FORM, file, form, text

SHOP = "https://shop.example"
PAGE = f"{SHOP}/thanks?order=7&job=old#top"


async def send(harness: WebHarness, *parts: tuple[str, bytes]) -> httpx2.Response:
    return await harness.client.post("/upload", content=form(*parts), headers=FORM)


def told(response: httpx2.Response) -> dict[str, str]:
    """The query of the address to which the browser is sent: our page of the shop, still."""
    assert response.status_code == 303, response.text
    parts = urlsplit(response.headers["location"])
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "shop.example", "/thanks", "top")
    return dict(parse_qsl(parts.query, strict_parsing=True))


@pytest.mark.parametrize("first", [True, False])
def test_a_form_is_sent_back_with_its_job(first: bool) -> None:
    async def scenario(harness: WebHarness) -> None:
        parts = (text("redirect", PAGE), file(png()))
        query = told(await send(harness, *parts[:: 1 if first else -1]))
        job = query.pop("job")
        assert query == {"order": "7", "status_url": f"{BASE}/jobs/{job}"}
        assert (await harness.client.get(query["status_url"])).json()["id"] == job

    serve(scenario, cors_origins=f"https://other.example,{SHOP}")


def test_several_images_are_a_batch() -> None:
    async def scenario(harness: WebHarness) -> None:
        query = told(await send(harness, text("redirect", PAGE), file(png(1)), file(png(2))))
        batch = (await harness.client.get(query["status_url"])).json()
        assert (batch["id"], batch["total"]) == (query["batch"], 2)

    serve(scenario, cors_origins=SHOP)


def test_a_refused_form_is_sent_back_with_the_reason() -> None:
    async def scenario(harness: WebHarness) -> None:
        for parts, code in (
            ((text("redirect", PAGE), file(b"no image at all, " * 10)), "unsupported_type"),
            ((text("redirect", PAGE),), "no_image"),
            ((file(png()), text("redirect", PAGE), text("preset", "none")), "unknown_preset"),
        ):
            query = told(await send(harness, *parts))
            assert query["code"] == code
            assert query["detail"]
            assert "job" not in query
        assert harness.sent == []

    serve(scenario, cors_origins=SHOP)


@pytest.mark.parametrize(
    "address",
    [
        "", "/thanks", "//shop.example/", "javascript:alert(1)", "http://shop.example/", "https://shop.example.evil/",
        "https://shop.example:444/", "https://evil.example/https://shop.example", "https://shop.example@evil.example/",
        "https://shop.example\\@evil.example/", "https://evil.example\\.shop.example/", " https://shop.example/",
        "https://shop.example/\r\nX: 1", "https://shop.example/ü", "https://[", f"{SHOP}/{'a' * 2000}",
    ],
)  # fmt: skip
def test_nobody_is_sent_anywhere_else(address: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        for parts, codes in (
            ((text("redirect", address), file(png())), {"bad_parameter"}),
            ((text("redirect", address), file(b"no image at all, " * 10)), {"unsupported_type"}),
        ):
            response = await send(harness, *parts)
            problem: dict[str, Any] = response.json()
            assert response.status_code in (400, 415)
            assert problem["code"] in codes
            assert "location" not in response.headers
        assert harness.sent == []

    serve(scenario, cors_origins=SHOP)


def test_without_origins_there_is_no_way_back() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await send(harness, text("redirect", PAGE), file(png()))
        assert (response.status_code, response.json()["parameter"]) == (400, "redirect")

    serve(scenario)


def test_a_misspelt_redirect_is_named() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await send(harness, text("redirct", PAGE), file(png()))
        assert "did you mean 'redirect'" in response.json()["detail"]

    serve(scenario)
