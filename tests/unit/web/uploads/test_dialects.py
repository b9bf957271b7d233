"""Uploaders as they are: a part of a file is never taken for a whole one, and a slip in a field's name is said."""

import pytest

from tests.support.harnesses.web_harness import WebHarness, png, serve
from tests.unit.web.uploads.test_receive import FORM, file, form, text, untouched
from web.uploads.incoming import Intake


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dzuuid": "u", "dzchunkindex": "0", "dztotalchunkcount": "3"}, "chunking: false"),
        ({"resumableChunkNumber": "1", "resumableTotalChunks": "2"}, "resumable.js"),
        ({"flowChunkNumber": "1", "flowTotalChunks": "2"}, "flow.js"),
        ({"chunk": "0", "chunks": "9"}, "chunk_size: 0"),
        ({"qqpartindex": "0", "qqtotalparts": "4"}, "Fine Uploader"),
        ({"dztotalchunkcount": "many"}, "Dropzone"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_part_of_a_file_is_refused(
    fields: dict[str, str], words: str, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(harness: WebHarness) -> None:
        begun: list[str] = []
        monkeypatch.setattr(Intake, "begin", lambda _self, filename: begun.append(filename))
        monkeypatch.setattr(Intake, "write", lambda _self, _data: None)
        monkeypatch.setattr(Intake, "end", lambda _self: None)
        told, image = [text(*field) for field in fields.items()], [file(png())]
        body = form(*(told + image if first else image + told))
        refused = await harness.client.post("/upload", content=body, headers=FORM)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
        assert words in refused.json()["detail"]
        assert bool(begun) != first
        untouched(harness)

    serve(scenario)


def test_a_file_of_one_part_is_whole_and_other_fields_are_ignored() -> None:
    async def scenario(harness: WebHarness) -> None:
        sent = {
            "dzuuid": "u",
            "dztotalchunkcount": "1",
            "name": "a.png",
            "type": "x",
            "relativePath": "null",
            "receipt": "7",
        }
        response = await harness.upload(headers=None, **sent)
        assert response.status_code == 202
        assert sorted(response.json()["ignored"]) == sorted(sent)

    serve(scenario)


def test_a_content_range_is_a_part() -> None:
    async def scenario(harness: WebHarness) -> None:
        headers = {"Content-Type": "image/png", "Content-Range": "bytes 0-99/1000"}
        refused = await harness.client.post("/upload", content=png(), headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
        assert "Content-Range" in refused.json()["detail"]
        untouched(harness)

    serve(scenario)


def test_a_form_that_begins_parts_is_told_how_to_send_it_whole() -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.client.post(
            "/upload", content=form(text("filepond", "{}")), headers=FORM | {"Upload-Length": "9"}
        )
        assert refused.json()["code"] == "no_image"
        assert "chunkUploads: false" in refused.json()["detail"]

    serve(scenario)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("presett", "preset"), ("Preset", "preset"), ("recipes", "recipe"), ("refrence", "reference"),
     ("metdata", "metadata"), ("meta_data", "metadata"), ("priorty", "priority")],
)  # fmt: skip
def test_a_slip_in_a_field_s_name_is_said(name: str, meant: str) -> None:
    async def scenario(harness: WebHarness) -> None:
        refused = await harness.upload(headers=None, **{name: "x"})
        assert (refused.status_code, refused.json()["parameter"]) == (400, name)
        assert repr(meant) in refused.json()["detail"]
        untouched(harness)

    serve(scenario)
