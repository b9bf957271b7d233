"""web/api/serve.py: /openapi.json and /docs of a server, with the addresses of that server, and kept by their ETag."""

import pytest

from tests.support.harnesses.web_harness import WebHarness, serve


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        ({}, "/"),
        ({"root_path": "/pix"}, "/pix"),
        ({"public_url": "https://a.example"}, "https://a.example"),
        ({"public_url": "https://a.example", "root_path": "/pix"}, "https://a.example/pix"),
        ({"public_url": "https://a.example/pix/", "root_path": "/pix"}, "https://a.example/pix"),
    ],
)
def test_the_document_names_the_address_of_its_server(settings: dict[str, str], server: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        made = (await harness.client.get("/openapi.json")).json()
        assert made["servers"] == [{"url": server}]
        assert made["openapi"] == "3.1.0"

    serve(scenario, **settings)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_a_client_that_has_it_gets_nothing(path: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        first = await harness.client.get(path)
        assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
        for tag in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}', "*"):
            again = await harness.client.get(path, headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")
        assert (await harness.client.get(path, headers={"If-None-Match": '"x"'})).content == first.content

    serve(scenario)


def test_a_server_with_keys_says_that_it_needs_them() -> None:
    async def scenario(harness: WebHarness) -> None:
        (way, *_) = (await harness.client.get("/openapi.json")).json()["paths"]["/jobs"]["get"]["security"]
        assert way == {"key": ["read"]}

    serve(scenario, api_keys=f"acme:read:{'a' * 64}")


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    async def scenario(harness: WebHarness) -> None:
        page = await harness.client.get("/docs")
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "<script" not in page.text
        assert "http://" not in page.text.replace("http://localhost", "")
        assert 'href="/pix/openapi.json"' in page.text

    serve(scenario, root_path="/pix")
