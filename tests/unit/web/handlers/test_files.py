"""Bytes out: validators, ranges, and headers that make them harmless."""

import asyncio
import base64
import hashlib
import re
from typing import Any
from urllib.parse import unquote

import pytest

from jobs.access.keys import Scope, entry_of
from jobs.ids import original_name
from tests.support.harnesses.web_harness import BASE, WebHarness, png, serve
from tests.support.harnesses.web_readers import Reader
from web.handlers import files
from web.handlers.files import byte_range, disposition

DATA = bytes(range(256)) * 2000


@pytest.mark.parametrize(
    ("header", "outcome"),
    [
        ("", (0, 10, 200)),
        ("bytes=0-3", (0, 4, 206)),
        ("bytes=4-", (4, 10, 206)),
        ("bytes=-3", (7, 10, 206)),
        ("bytes=-30", (0, 10, 206)),
        ("bytes=8-99", (8, 10, 206)),
        ("bytes=9-9", (9, 10, 206)),
        ("bytes=10-", (0, 0, 416)),
        ("bytes=-0", (0, 0, 416)),
        ("bytes=5-4", (0, 10, 200)),
        ("bytes=-", (0, 10, 200)),
        ("bytes=0-1,3-4", (0, 10, 200)),
        ("lines=0-1", (0, 10, 200)),
        ("bytes=a-b", (0, 10, 200)),
    ],
)
def test_ranges(header: str, outcome: tuple[int, int, int]) -> None:
    assert byte_range(header, 10) == outcome


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        ("a b.png", 'inline; filename="a b.png"'),
        ('a"\r\nX: y.png', "inline; filename=\"a___X_ y.png\"; filename*=UTF-8''a%22%0D%0AX%3A%20y.png"),
        ("ü.png", "inline; filename=\"_.png\"; filename*=UTF-8''%C3%BC.png"),
    ],
)
def test_dispositions_quote_safely(filename: str, value: str) -> None:
    assert disposition("inline", filename) == value


def test_an_original_comes_back_whole_and_in_parts() -> None:
    async def scenario(harness: WebHarness) -> None:
        image = png(filler=DATA)
        job = await harness.accepted(image)
        whole = await harness.client.get(f"/jobs/{job}/original")
        assert (whole.status_code, whole.content) == (200, image)
        assert whole.headers["content-length"] == str(len(image))
        digest = hashlib.sha256(image)
        assert whole.headers["etag"] == f'"{digest.hexdigest()}"'
        assert whole.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        assert whole.headers["content-type"] == "image/png"
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in whole.headers["content-security-policy"]
        assert whole.headers["content-disposition"] == 'attachment; filename="0.png"'
        part = await harness.client.get(f"/jobs/{job}/original", headers={"Range": "bytes=100-300099"})
        assert (part.status_code, part.content) == (206, image[100:300_100])
        assert part.headers["content-range"] == f"bytes 100-300099/{len(image)}"
        beyond = await harness.client.get(f"/jobs/{job}/original", headers={"Range": f"bytes={len(image)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(image)}")

    serve(scenario)


@pytest.mark.parametrize(("of", "shown"), [("original", "attachment"), ("renditions/thumb", "inline")])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-0"}])
def test_bytes_go_out_so_that_no_browser_runs_them(of: str, shown: str, asked: dict[str, str]) -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted(png(filler=b"<script>alert(1)</script>"))
        harness.finish(job, b"<script>alert(1)</script>")
        for method in ("GET", "HEAD"):
            out = (await harness.client.request(method, f"/jobs/{job}/{of}", headers=asked)).headers
            assert out["x-content-type-options"] == "nosniff"
            assert out["content-security-policy"] == "default-src 'none'; sandbox"
            assert out["content-disposition"].startswith(f"{shown}; filename=")
            assert out["content-type"].startswith("image/")

    serve(scenario)


def test_validators() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.finish(job, DATA)
        path = f"/jobs/{job}/renditions/thumb"
        etag = (await harness.client.get(path)).headers["etag"]
        for header in (etag, f'"x", W/{etag}', "*"):
            unchanged = await harness.client.get(path, headers={"If-None-Match": header})
            assert (unchanged.status_code, unchanged.content) == (304, b"")
            assert unchanged.headers["etag"] == etag
        assert (await harness.client.get(path, headers={"If-None-Match": '"x"'})).status_code == 200
        for header, status in ((etag, 206), ('"x"', 200), (f"W/{etag}", 200)):
            part = await harness.client.get(path, headers={"If-Range": header, "Range": "bytes=0-0"})
            assert part.status_code == status

    serve(scenario)


def test_head_has_the_headers_and_no_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.finish(job, DATA)
        head = await harness.client.head(f"/jobs/{job}/renditions/thumb")
        whole = await harness.client.get(f"/jobs/{job}/renditions/thumb")
        assert (head.status_code, head.content) == (200, b"")
        assert {**head.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}

    serve(scenario)


def test_a_rendition_is_immutable_once_the_job_is_done() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        assert (await harness.client.get(f"/jobs/{job}/renditions/thumb")).status_code == 404
        harness.finish(job, DATA)
        done = await harness.client.get(f"/jobs/{job}/renditions/thumb")
        assert "immutable" in done.headers["cache-control"]
        assert done.headers["content-disposition"] == 'inline; filename="0.thumb.jpg"'
        cancelled = await harness.accepted()
        harness.publish(cancelled, DATA)
        harness.broker.cancel(cancelled)
        kept = await harness.client.get(f"/jobs/{cancelled}/renditions/thumb")
        assert (kept.content, kept.headers["cache-control"]) == (DATA, "no-cache")
        assert (await harness.client.get(f"/jobs/{job}/renditions/other")).status_code == 404

    serve(scenario)


def test_where_keys_are_on_only_the_caller_s_own_browser_keeps_bytes() -> None:
    async def scenario(harness: WebHarness) -> None:
        harness.client.headers["Authorization"] = "Bearer w"
        job = await harness.accepted()
        original = await harness.client.get(f"/jobs/{job}/original")
        assert original.headers["cache-control"] == "private, no-cache"
        harness.finish(job, DATA)
        for path in (f"/jobs/{job}/original", f"/jobs/{job}/renditions/thumb"):
            whole = await harness.client.get(path)
            again = await harness.client.get(path, headers={"If-None-Match": whole.headers["etag"]})
            for response in (whole, again):
                assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
                assert response.headers["vary"] == "Authorization, Cookie"
        for path in (f"/jobs/{job}", "/jobs", f"/batches/{job}", "/session"):
            assert (await harness.client.get(path)).headers["cache-control"] == "no-store", path

    serve(scenario, api_keys=entry_of("acme", Scope.WRITE, "w"))


def test_bytes_that_are_gone() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = await harness.accepted()
        harness.blobs.blobs.clear()
        response = await harness.client.get(f"/jobs/{job}/original")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")

    serve(scenario)


HOSTILE_NAMES = [
    ("../../etc/passwd", "passwd"),
    ("..\\..\\boot.ini", "boot.ini"),
    ("/", ""),
    ("..", ".."),
    (".htaccess", ".htaccess"),
    ("a\0b\r\nSet-Cookie: x.png", "abSet-Cookie: x.png"),
    ("\u202egnp.exe", "gnp.exe"),
    ("a\u200f\u2066\ufeffb.png", "ab.png"),
    ('"; filename="x.exe', '"; filename="x.exe'),
    ("%2e%2e%2fx.png", "%2e%2e%2fx.png"),
    ("\U0001f600" * 2_500, "\U0001f600" * 255),
    ("x" * 10_240, "x" * 255),
]


def test_nothing_is_read_for_a_client_that_has_left() -> None:
    async def scenario(harness: WebHarness) -> None:
        image = png(filler=DATA * 8)
        reader = Reader(harness, f"/jobs/{await harness.accepted(image)}/original")
        reader.leave()
        await reader.task
        assert (reader.status, len(reader.body) < len(image) / 2) == (200, True)

    serve(scenario)


@pytest.mark.parametrize(("sent", "label"), HOSTILE_NAMES)
def test_a_hostile_file_name_is_a_label_and_nothing_else(sent: str, label: str) -> None:
    """It is in no path, and whoever saves the answer gets one plain name, in both of its forms."""

    async def scenario(harness: WebHarness) -> None:
        part = b'Content-Disposition: form-data; name="image"; filename="' + sent.replace('"', '\\"').encode()
        body = b"--b\r\n" + part.replace(b"\r\n", b"\n").replace(b"\n", b" ") + b'"\r\n\r\n' + png() + b"\r\n--b--\r\n"
        response = await harness.client.post(
            "/upload", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        job = response.json()["id"]
        filename = label.replace("bSet", "b Set")
        assert response.json()["filename"] == filename
        harness.finish(job)
        assert all(blob.rpartition("/")[2].startswith(job) for blob in harness.blobs.blobs)
        named = filename or job
        whole = (named if named.endswith(".png") else f"{named}.png").lstrip(".")  # as its bytes are, and no x.exe
        for path, kind, end in (("original", "attachment", whole), ("renditions/thumb", "inline", "thumb.jpg")):
            header = (await harness.client.get(f"/jobs/{job}/{path}")).headers["content-disposition"]
            found = re.fullmatch(
                rf"{kind}; filename=\"([A-Za-z0-9 _()-][A-Za-z0-9 ._()-]*)\"(; filename\*=UTF-8''.+)?", header
            )
            assert found, header
            extended = unquote((found[2] or "").partition("''")[2])
            assert (extended or found[1]).endswith(end)
            assert not set(extended) & set("/\\\r\n\0")
            assert not extended.startswith(".")

    serve(scenario)


def test_a_client_that_lets_a_slice_wait_is_read_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WAITED_SECONDS", 0.0)
    slices = list[int]()

    async def scenario(harness: WebHarness) -> None:
        image = png(filler=bytes(4 * files.SLICE_BYTES_FIRST))
        path = (await harness.client.post("/upload", content=image, headers={"Content-Type": "image/png"})).json()[
            "url"
        ]

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            slices.append(len(message.get("body", b"")))

        scope = {
            "type": "http", "method": "GET", "path": path.removeprefix(BASE), "query_string": b"", "scheme": "http",
            "headers": [(b"host", BASE.rpartition("/")[2].encode())], "client": ("::1", 1), "root_path": "",
        }  # fmt: skip
        await harness.app(scope, receive, send)
        assert sum(slices) == len(image)
        assert [size for size in slices if size > files.SLICE_BYTES_MIN] == [files.SLICE_BYTES_FIRST]

    serve(scenario)


ACCEL = {"trusted_proxies": "127.0.0.1", "accel_redirect": "/_pixmill"}


def test_a_trusted_proxy_gets_the_name_of_the_file_and_all_headers() -> None:
    async def scenario(harness: WebHarness) -> None:
        image = png(filler=DATA)
        job = await harness.accepted(image)
        told = await harness.client.get(f"/jobs/{job}/original", headers={"Range": "bytes=1-3"})
        assert (told.status_code, told.content) == (200, b"")
        assert told.headers["x-accel-redirect"] == f"/_pixmill/{original_name(job)}"
        assert "content-range" not in told.headers
        whole = await harness.client.get(f"/jobs/{job}/original", headers={"If-Match": "*"})
        assert (whole.status_code, whole.content) == (200, image)
        others = {"x-accel-redirect", "content-length", "accept-ranges", "x-request-id"}
        assert {key: value for key, value in told.headers.items() if key not in others} == {
            key: value for key, value in whole.headers.items() if key not in others
        }
        etag = told.headers["etag"]
        same = await harness.client.get(f"/jobs/{job}/original", headers={"If-None-Match": etag})
        assert (same.status_code, "x-accel-redirect" in same.headers) == (304, False)
        beyond = await harness.client.get(f"/jobs/{job}/original", headers={"Range": f"bytes={len(image)}-"})
        assert (beyond.status_code, "x-accel-redirect" in beyond.headers) == (416, False)
        harness.blobs.delete([original_name(job)])
        gone = await harness.client.get(f"/jobs/{job}/original")
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")

    serve(scenario, **ACCEL)


def test_nobody_else_gets_the_name_of_a_file() -> None:
    """A client that reaches web past the proxy, whatever it says of itself."""

    async def scenario(harness: WebHarness) -> None:
        image = png(filler=DATA)
        job = await harness.accepted(image)
        answer = await harness.client.get(f"/jobs/{job}/original", headers={"X-Forwarded-For": "10.9.9.9"})
        assert (answer.content, "x-accel-redirect" in answer.headers) == (image, False)

    serve(scenario, **ACCEL | {"trusted_proxies": "10.9.9.9"})


def test_a_key_is_judged_before_a_file_is_named() -> None:
    async def scenario(harness: WebHarness) -> None:
        key = {"Authorization": "Bearer acme-key"}
        accepted = await harness.upload(headers=key)
        job = accepted.json()["id"]
        named = await harness.client.get(f"/jobs/{job}/original", headers=key)
        assert "x-accel-redirect" in named.headers
        refused = await harness.client.get(f"/jobs/{job}/original")
        assert (refused.status_code, "x-accel-redirect" in refused.headers) == (401, False)

    serve(scenario, api_keys=entry_of("acme", Scope.WRITE, "acme-key"), **ACCEL)
