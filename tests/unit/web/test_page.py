"""web/page.py: what a browser may load for the page."""

import pytest

from tests.support.harnesses.web_harness import WebHarness, serve


@pytest.mark.parametrize(
    ("settings", "pictures"),
    [
        ({}, "'self' data:"),
        ({"blobs_url": "s3://pix?endpoint=https://s3.example:9000"}, "'self' data:"),
        (
            {"blobs_url": "s3://pix/a?endpoint=https://s3.example:9000", "blobs_redirect": True},
            "'self' data: https://s3.example:9000",
        ),
        ({"blobs_url": "s3://pix", "blobs_redirect": True}, "'self' data: https://s3.us-east-1.amazonaws.com"),
    ],
)
def test_pictures_may_come_from_where_web_redirects_to(settings: dict[str, object], pictures: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        answer = await harness.client.get("/")
        assert f"img-src {pictures};" in answer.headers["Content-Security-Policy"]

    serve(scenario, **settings)
