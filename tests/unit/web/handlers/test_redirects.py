"""web/handlers/redirects.py: a rendition by the blob store's own address, where BLOBS_REDIRECT asks for it."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.access.keys import Scope, entry_of
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.handlers.redirects import MARGIN_SECONDS

BUCKET = "s3://pix"
SECONDS = 400
ASKED: dict[str, Any] = {"blobs_url": BUCKET, "blobs_redirect": True}


class Addressed:
    """The addresses of a store, and the headers that were asked of it."""

    def __init__(self, harness: WebHarness, found: bool = True) -> None:
        self.headers: list[Mapping[str, str]] = []
        self._found = found
        harness.blobs.address = self._address  # type: ignore[method-assign, assignment]

    def _address(self, name: str, now: float, headers: Mapping[str, str]) -> tuple[str, int] | None:
        self.headers.append(headers)
        return (f"https://s3.example/{name}?signed", SECONDS) if self._found else None


async def path_of(harness: WebHarness, headers: dict[str, str]) -> str:
    response = await harness.upload(png(), headers=headers or None)
    job = response.json()["jobs"][0]["id"]
    harness.finish(job)
    return f"/jobs/{job}/renditions/thumb"


@pytest.mark.parametrize("keyed", [False, True])
def test_a_get_is_sent_to_the_store_with_our_headers(keyed: bool) -> None:
    headers = {"Authorization": "Bearer acme-key"} if keyed else {}

    async def scenario(harness: WebHarness) -> None:
        store, path = Addressed(harness), await path_of(harness, headers)
        answer = await harness.client.get(path, headers=headers)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("https://s3.example/processed/")
        shared = "private" if keyed else "public"
        assert answer.headers["cache-control"] == f"{shared}, max-age={SECONDS - MARGIN_SECONDS}"
        assert answer.headers.get("vary", "") == ("Authorization, Cookie" if keyed else "")
        (asked,) = store.headers
        assert asked["Content-Type"] == "image/jpeg"
        assert asked["Content-Disposition"].startswith("inline; filename=")
        assert asked["Cache-Control"] == f"{shared}, max-age=31536000, immutable"

    serve(scenario, **ASKED, **({"api_keys": entry_of("acme", Scope.WRITE, "acme-key")} if keyed else {}))


def test_what_the_store_cannot_answer_is_answered_here() -> None:
    async def scenario(harness: WebHarness) -> None:
        store, path = Addressed(harness), await path_of(harness, {})
        head = await harness.client.head(path)
        assert head.status_code == 200
        same = await harness.client.get(path, headers={"If-None-Match": head.headers["etag"]})
        assert same.status_code == 304
        original = await harness.client.get(f"{path.partition('/renditions')[0]}/original")
        assert original.status_code == 200
        assert store.headers == []

    serve(scenario, **ASKED)


@pytest.mark.parametrize(("settings", "found"), [({}, True), (ASKED, False)])
def test_bytes_come_from_here_without_the_setting_and_without_an_address(settings: Any, found: bool) -> None:
    async def scenario(harness: WebHarness) -> None:
        Addressed(harness, found)
        assert (await harness.client.get(await path_of(harness, {}))).status_code == 200

    serve(scenario, **settings)
