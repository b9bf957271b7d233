"""POST /upload: what is taken, what is refused and when, and that a refusal leaves nothing behind."""

import base64
import hashlib
import json
import struct
from collections.abc import AsyncIterator

import pytest

from jobs.images.formats import READ
from jobs.job import decode_outcome, decode_spec
from jobs.wire import Submit
from tests.support.harnesses.web_broker import digest
from tests.support.harnesses.web_harness import WebHarness, png, serve
from web.uploads import incoming

BOUNDARY = "f00d"


def form(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body of (headers, content) parts."""
    body = b"".join(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return body + f"--{BOUNDARY}--\r\n".encode()


def file(content: bytes, filename: str = "a.png", name: str = "image") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"; filename="{filename}"', content


def text(name: str, value: str) -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def untouched(harness: WebHarness) -> None:
    """Nothing was kept and nothing sent."""
    assert not harness.blobs.blobs
    assert not harness.sent


def test_one_file_is_stored_then_promised() -> None:
    async def scenario(harness: WebHarness) -> None:
        image = png(filler=bytes(300_000))
        response = await harness.upload(image, reference="order 7", metadata='{"a": [1]}', priority="high")
        answer = response.json()
        assert response.status_code == 202
        assert response.headers["location"] == answer["status_url"] == f"http://localhost:3000/jobs/{answer['id']}"
        assert answer["jobs"] == [{name: answer[name] for name in answer["jobs"][0]}]
        assert (answer["state"], answer["filename"], answer["ignored"]) == ("queued", "0.png", [])
        [submit] = harness.sent
        assert isinstance(submit, Submit)
        spec = decode_spec(submit.jobs[0].spec)
        assert harness.blobs.blobs == {spec.original.name: image}
        assert (spec.original.format, spec.original.width, spec.original.height) == ("png", 4, 3)
        assert (spec.original.bytes, spec.original.digest) == (len(image), digest(image))
        assert (submit.jobs[0].priority, submit.jobs[0].pixels, submit.jobs[0].batch) == (0, 12, None)
        job = (await harness.client.get(answer["status_url"])).json()
        assert (job["reference"], job["metadata"], job["priority"]) == ("order 7", {"a": [1]}, "high")

    serve(scenario)


def test_of_two_faults_in_one_piece_the_first_is_said() -> None:
    async def scenario(harness: WebHarness) -> None:
        bad, slip = file(b"no image at all, " * 10), text("presets", "x")
        for parts, code in (((bad, slip), "unsupported_type"), ((slip, bad), "bad_parameter")):
            response = await harness.client.post("/upload", content=form(*parts), headers=FORM)
            assert response.json()["code"] == code
        untouched(harness)

    serve(scenario)


HEIC = struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + struct.pack(">I4sIII", 20, b"ispe", 0, 40, 30)


@pytest.mark.parametrize(("formats", "status"), [(READ, 415), ((*READ, "heic"), 202)])
def test_heic_is_taken_where_it_can_be_read(
    formats: tuple[str, ...], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "FORMATS", formats)

    async def scenario(harness: WebHarness) -> None:
        assert (await harness.upload(HEIC)).status_code == status

    serve(scenario)


def test_several_files_are_one_batch_in_order() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(png(1), png(2), png(3))
        answer = response.json()
        assert [job["filename"] for job in answer["jobs"]] == ["0.png", "1.png", "2.png"]
        assert response.headers["location"] == answer["batch"]["status_url"]
        batch = (await harness.client.get(answer["batch"]["status_url"])).json()
        assert (batch["total"], batch["ended"], batch["counts"]) == (3, 0, {"queued": 3})
        assert [job["id"] for job in batch["jobs"]] == [job["id"] for job in answer["jobs"]]
        assert "id" not in answer
        assert len(harness.sent) == 1

    serve(scenario)


def test_a_bare_image_with_the_rest_in_the_query() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.post(
            "/upload?preset=other&reference=r", content=png(), headers={"Content-Type": "image/png"}
        )
        job = (await harness.client.get(response.json()["status_url"])).json()
        assert (job["preset"], job["reference"], job["recipe"]["renditions"][0]["name"]) == ("other", "r", "large")

    serve(scenario)


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_a_form_reads_the_same_however_it_is_cut(size: int) -> None:
    async def scenario(harness: WebHarness) -> None:
        image = png(filler=b"\r\n--f00" * 40)
        body = form(text("reference", "r"), file(image), text("image", "{}"), file(b"", ""), file(image, "b.png"))

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(body), size):
                yield body[at : at + size]

        response = await harness.client.post("/upload", content=pieces(), headers=FORM)
        answer = response.json()
        assert response.status_code == 202
        assert answer["ignored"] == ["image"]
        assert [job["filename"] for job in answer["jobs"]] == ["a.png", "b.png"]
        assert list(harness.blobs.blobs.values()) == [image, image]

    serve(scenario)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("C:\\\\pics\\\\x.png", "x.png"), ("../../etc/passwd", "passwd"), ("ü .png", "ü .png"), ("n" * 300, "n" * 255)],
)
def test_a_file_name_is_a_label(name: str, shown: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.post("/upload", content=form(file(png(), name)), headers=FORM)
        assert response.json()["filename"] == shown

    serve(scenario)


def test_what_is_no_image_is_refused_by_name_and_place() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(png(), b"<svg>" + b" " * 1000)
        problem = response.json()
        assert response.status_code == 415
        assert (problem["code"], problem["filename"], problem["index"]) == ("unsupported_type", "1.png", 1)
        assert problem["detail"].startswith("this is an SVG drawing, which is not read here")
        empty = await harness.upload(b"")
        assert (empty.status_code, empty.json()["detail"]) == (415, "the file is empty: it has no bytes")
        untouched(harness)

    serve(scenario)


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [(png(100, 11), 422, "pixels_over_limit"), (b"no image" * 100, 415, "unsupported_type")],
)
def test_the_head_is_judged_before_the_rest_is_read(image: bytes, status: int, code: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            yield image + bytes(600)
            while True:
                read += 1
                yield bytes(1000)

        response = await harness.client.post("/upload", content=endless(), headers={"Content-Type": "image/png"})
        assert (response.status_code, response.json()["code"], read) == (status, code, 0)
        untouched(harness)

    serve(scenario, pixels_max=1000)


def late(width: int, height: int) -> bytes:
    """A JPEG whose sides lie behind 180 KB, as behind a depth map."""
    segment = b"\xff\xe2" + struct.pack(">H", 60_002) + bytes(60_000)
    return b"\xff\xd8" + segment * 3 + b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)


def test_sides_behind_the_first_bytes_are_judged_as_they_come() -> None:
    async def scenario(harness: WebHarness) -> None:
        job = (await harness.upload(late(30, 20))).json()
        original = (await harness.client.get(job["status_url"])).json()["original"]
        assert (original["width"], original["height"]) == (30, 20)
        refused = await harness.upload(late(300, 200))
        assert (refused.status_code, refused.json()["code"]) == (422, "pixels_over_limit")

    serve(scenario, pixels_max=1000)


def test_a_limit_problem_names_limit_allowed_and_actual() -> None:
    async def scenario(harness: WebHarness) -> None:
        problem = (await harness.upload(png(100, 11))).json()
        shown = {name: problem[name] for name in ("limit", "allowed", "actual", "filename", "index")}
        assert shown == {"limit": "pixels_max", "allowed": 1000, "actual": 1100, "filename": "0.png", "index": 0}

    serve(scenario, pixels_max=1000)


def test_too_large_by_its_header_is_refused_before_the_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        async def unread() -> AsyncIterator[bytes]:
            raise AssertionError("the body was read")
            yield b""

        headers = {"Content-Type": "image/png", "Content-Length": "1001"}
        response = await harness.client.post("/upload", content=unread(), headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")

    serve(scenario, upload_bytes_max=1000)


def test_the_limit_is_exact_while_streaming() -> None:
    async def scenario(harness: WebHarness) -> None:
        fits, over = png().ljust(1000, b"x"), png().ljust(1001, b"x")
        assert (await harness.upload(fits)).status_code == 202
        assert (
            await harness.client.post("/upload", content=fits, headers=FORM | {"Content-Type": "image/png"})
        ).is_success
        harness.blobs.blobs.clear()
        harness.sent.clear()
        response = await harness.upload(over)
        assert (response.status_code, response.json()["actual"]) == (413, 1001)
        untouched(harness)

    serve(scenario, upload_bytes_max=1000)


def test_too_many_files() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload(*[png()] * 101)
        assert (response.status_code, response.json()["code"]) == (413, "too_many_parts")
        untouched(harness)

    serve(scenario)


@pytest.mark.parametrize("seconds", ["1", "2.5", "195656.23533523706", "604800"])
def test_a_job_may_have_a_deadline(seconds: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        made = (await harness.upload(expires_in=seconds)).json()["id"]
        derived = await harness.client.post("/jobs", json={"original": made, "expires_in": float(seconds)})
        for job in (made, derived.json()["id"]):
            row = harness.ledger.job(job)
            assert row is not None
            assert decode_outcome(row.outcome).expires_at == row.accepted_at + float(seconds)
            assert (await harness.client.get(f"/jobs/{job}")).json()["expires_at"].endswith("Z")
        refused = await harness.client.post("/jobs", json={"original": made, "expires_in": True})
        assert (refused.status_code, refused.json()["parameter"]) == (400, "expires_in")
        assert "1 to 604800" in refused.json()["detail"]

    serve(scenario)


def test_an_image_has_its_focus_for_the_renditions_that_ask_for_one() -> None:
    cut = {"width": 9, "height": 9, "fit": "cover"}
    renditions = [{"name": "a", **cut, "gravity": "focus"}, {"name": "b", **cut}]
    recipe = json.dumps({"renditions": renditions})

    async def scenario(harness: WebHarness) -> None:
        made = (await harness.upload(recipe=recipe, focus="[0.25,1]")).json()["id"]
        asked = {"original": made, "recipe": json.loads(recipe), "focus": [0.25, 1]}
        derived = (await harness.client.post("/jobs", json=asked)).json()["id"]
        bare = (await harness.upload(recipe=recipe)).json()["id"]
        foci = []
        for job in (made, derived, bare):
            shown = (await harness.client.get(f"/jobs/{job}")).json()["recipe"]["renditions"]
            foci.append([each["focus"] for each in shown])
        assert foci == [[[0.25, 1.0], None], [[0.25, 1.0], None], [None, None]]
        refused = await harness.client.post("/jobs", json=asked | {"focus": [True, 0]})
        assert (refused.status_code, refused.json()["parameter"]) == (400, "focus")

    serve(scenario)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form(file(png()))[:-8], "malformed"),
        (b"nothing of a form", "malformed"),
        (form(text("reference", "r")), "no_image"),
        (form(file(b"", "")), "no_image"),
        (form(file(png()), text("preset", "default"), text("preset", "other")), "bad_parameter"),
        (form(file(png()), text("metadata", "{")), "bad_parameter"),
        (form(file(png()), text("metadata", f'"{"m" * 2048}"')), "bad_parameter"),
        (form(file(png()), text("reference", "r" * 201)), "bad_parameter"),
        (form(file(png()), text("priority", "urgent")), "bad_parameter"),
        (form(file(png()), text("focus", "[0.5]")), "bad_parameter"),
        (form(file(png()), text("focus", "[0.5,1.1]")), "bad_parameter"),
        (form(file(png()), text("focus", "0.5,0.1")), "bad_parameter"),
        (form(file(png()), text("expires_in", "0.9")), "bad_parameter"),
        (form(file(png()), text("expires_in", "604801")), "bad_parameter"),
        (form(file(png()), text("expires_in", "1e3")), "bad_parameter"),
        (form(file(png()), text("expires_in", "soon")), "bad_parameter"),
        (form(file(png()), text("preset", "other"), text("recipe", '{"renditions":[{"name":"a"}]}')), "bad_parameter"),
    ],
)  # fmt: skip
def test_a_form_at_fault(body: bytes, code: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.client.post("/upload", content=body, headers=FORM)
        assert (response.status_code, response.json()["code"]) == (400, code)
        untouched(harness)

    serve(scenario)


def test_recipe_and_preset_at_fault() -> None:
    async def scenario(harness: WebHarness) -> None:
        wrong = await harness.upload(recipe='{"renditions": [{"name": "a", "width": 0}]}')
        assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_recipe")
        assert wrong.json()["path"] == "$.renditions[0].width"
        unknown = await harness.upload(preset="huge")
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_preset")
        untouched(harness)

    serve(scenario)


def test_unknown_query_parameters_and_bodies() -> None:
    async def scenario(harness: WebHarness) -> None:
        named = await harness.client.post("/upload?presets=x", content=png(), headers={"Content-Type": "image/png"})
        assert (named.status_code, named.json()["parameter"]) == (400, "presets")
        misplaced = await harness.client.post("/upload?preset=other", files={"image": ("a.png", png())})
        assert (misplaced.status_code, misplaced.json()["parameter"]) == (400, "preset")
        other = await harness.client.post("/upload", content=b"{}", headers={"Content-Type": "application/json"})
        assert (other.status_code, other.json()["code"]) == (415, "unsupported_type")
        empty = await harness.client.post("/upload", content=b"", headers={"Content-Type": "image/png"})
        assert (empty.status_code, empty.json()["code"]) == (400, "no_image")
        untouched(harness)

    serve(scenario)


def test_content_digest_covers_the_body() -> None:
    async def scenario(harness: WebHarness) -> None:
        right = base64.b64encode(hashlib.sha256(png()).digest()).decode()
        wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        image = {"Content-Type": "image/png"}
        for value, status in ((wrong, 422), (right, 202)):
            headers = image | {"Content-Digest": f"sha-512=:AA==:, sha-256=:{value}:"}
            response = await harness.client.post("/upload", content=png(), headers=headers)
            assert response.status_code == status
            assert bool(harness.blobs.blobs) == (status == 202)
        malformed = await harness.client.post("/upload", content=png(), headers=image | {"Content-Digest": "sha-256=x"})
        assert malformed.status_code == 400

    serve(scenario)


def test_a_nearly_full_disk_takes_nothing() -> None:
    async def scenario(harness: WebHarness) -> None:
        response = await harness.upload()
        assert (response.status_code, response.json()["code"]) == (507, "disk_full")
        untouched(harness)

    serve(scenario, disk_free_bytes_min=1 << 50)


@pytest.mark.parametrize("kind", [None, "", "application/octet-stream", "Application/Octet-Stream; x=y", "image/jpeg"])
def test_a_body_of_no_told_type_is_judged_by_its_bytes(kind: str | None) -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = {} if kind is None else {"Content-Type": kind}
        assert (await harness.client.post("/upload", content=png(), headers=headers)).status_code == 202
        refused = await harness.client.post("/upload", content=b"no image" * 100, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_type")

    serve(scenario)


@pytest.mark.parametrize(
    ("query", "disposition", "name"),
    [
        ("", None, ""),
        ("?filename=..%2Ff%C3%B6to.png", None, "föto.png"),
        ("", "attachment; filename*=UTF-8''f%C3%B6to.png; filename=x", "föto.png"),
        ("", 'filename="a.png"', ""),
        ("?filename=a.png&preset=other", "inline; filename=b.png", "a.png"),
    ],
)
def test_a_bare_image_can_have_a_name(query: str, disposition: str | None, name: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = {"Content-Type": "image/png"} | ({"Content-Disposition": disposition} if disposition else {})
        response = await harness.client.post(f"/upload{query}", content=png(), headers=headers)
        assert (response.status_code, response.json()["filename"]) == (202, name)

    serve(scenario)


@pytest.mark.parametrize("path", ["/upload", "/recipes/explain", "/jobs", "/grants", "/receipts/audit"])
def test_an_encoded_body_is_refused_before_it_is_read(path: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        async def unread() -> AsyncIterator[bytes]:
            raise AssertionError("the body was read")
            yield b""

        headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
        refused = await harness.client.post(path, content=unread(), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_type")
        assert "'gzip'" in refused.json()["detail"]
        assert refused.headers["accept-encoding"] == "identity"
        plain = await harness.client.post("/upload", content=png(), headers=headers | {"Content-Encoding": "identity"})
        assert plain.status_code == 202

    serve(scenario)


def test_lines_of_one_header_are_one_list() -> None:
    async def scenario(harness: WebHarness) -> None:
        right = base64.b64encode(hashlib.sha256(png()).digest()).decode()
        wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        for told, status in ((right, 202), (wrong, 422)):
            lines = [
                ("Content-Type", "image/png"),
                ("Content-Digest", "sha-512=:AA==:"),
                ("Content-Digest", f"sha-256=:{told}:"),
            ]
            assert (await harness.client.post("/upload", content=png(), headers=lines)).status_code == status
        lines = [("Content-Type", "image/png"), ("Prefer", "respond-async"), ("Prefer", "wait=0.05")]
        waited = await harness.client.post("/upload", content=png(), headers=lines)
        assert waited.headers["preference-applied"] == "wait=0.05"
        job = waited.json()["id"]
        harness.finish(job)
        view = (await harness.client.get(f"/jobs/{job}")).json()
        url = view["renditions"][0]["url"]
        etag = (await harness.client.get(url)).headers["etag"]
        lines = [("If-None-Match", '"x"'), ("If-None-Match", f"W/{etag}")]
        assert (await harness.client.get(url, headers=lines)).status_code == 304

    serve(scenario)


def test_metadata_is_bounded_in_depth() -> None:
    async def scenario(harness: WebHarness) -> None:
        assert (await harness.upload(metadata='{"a":' * 32 + "1" + "}" * 32)).status_code == 202
        refused = await harness.upload(metadata='{"a":[' * 16 + "[]" + "]}" * 16)
        assert (refused.status_code, refused.json()["limit"]) == (400, "metadata_depth_max")
        assert (refused.json()["allowed"], refused.json()["actual"]) == (32, 33)

    serve(scenario)
