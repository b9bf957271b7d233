"""What a receiver reads in an event, and what is left out of one that would be too long."""

import json
from typing import Any

import pytest

from jobs.job import Code, Fault, Original, Outcome, Rendition, Spec, State, encode
from jobs.limits import DELIVERY_BYTES_MAX, METADATA_BYTES_MAX, REFERENCE_CHARACTERS_MAX, RENDITIONS_MAX
from jobs.webhooks.events import of_batch, of_job, of_rendition

MADE = Rendition("thumb", "processed/ab/j.thumb", "webp", 32, 24, 99, "d" * 64)


def spec(reference: str | None = None, metadata: str | None = None) -> bytes:
    return encode(Spec("a.jpg", reference, metadata, None, "{}", Original("raw/ab/j", "jpeg", 1, 1, 1, "d" * 64), "t"))


def event(outcome: Outcome, state: State = State.DONE, base: str = "https://pix", given: bytes = b"") -> dict[str, Any]:
    type_, body = of_job("j", state, given or spec(), outcome, batch=None, change=7, base=base, at=1.5)
    assert len(body) <= DELIVERY_BYTES_MAX
    found: dict[str, Any] = json.loads(body)
    assert found["type"] == type_.value
    return found


def test_a_done_job() -> None:
    found = event(Outcome(renditions=[MADE]), given=spec("ref", '{"a": [1]}'))
    assert found == {
        "type": "job.done",
        "timestamp": "1970-01-01T00:00:01.500Z",
        "data": {
            "id": "j", "state": "done", "code": None, "reference": "ref", "metadata": {"a": [1]}, "batch": None,
            "change": 7, "status_url": "https://pix/jobs/j",
            "renditions": [
                {
                    "name": "thumb", "width": 32, "height": 24, "format": "webp",
                    "url": "https://pix/jobs/j/renditions/thumb",
                }
            ],
        },
    }  # fmt: skip


@pytest.mark.parametrize("state", [State.FAILED, State.DEAD, State.CANCELLED])
def test_another_end_has_its_type_and_code(state: State) -> None:
    found = event(Outcome(error=Fault(Code.UNDECODABLE.value, "why")), state)
    assert (found["type"], found["data"]["code"]) == (f"job.{state.value}", "undecodable")


def test_what_is_too_long_is_left_out_and_named() -> None:
    many = [Rendition("n" * 32, "b", "webp", 10**6, 10**6, 1, "d" * 64)] * RENDITIONS_MAX
    reference, metadata = "\U0001f600" * REFERENCE_CHARACTERS_MAX, json.dumps("x" * (METADATA_BYTES_MAX - 2))
    given = spec(reference, metadata)
    whole = event(Outcome(renditions=many), given=given)["data"]
    assert "left_out" not in whole
    assert len(whole["renditions"]) == RENDITIONS_MAX
    short = event(Outcome(renditions=many), base="https://pix/" + "p" * 1000, given=given)["data"]
    assert (short["left_out"], short["renditions"], short["reference"]) == (["renditions"], None, reference)
    forged = spec("r" * DELIVERY_BYTES_MAX, json.dumps("x" * DELIVERY_BYTES_MAX))
    shortest = event(Outcome(renditions=many), given=forged)["data"]
    assert shortest["left_out"] == ["renditions", "metadata", "reference"]


def test_a_spec_that_is_none_ends_nothing() -> None:
    assert event(Outcome(), given=b"forged")["data"]["reference"] is None


def test_a_rendition() -> None:
    given = spec("ref", '{"a": [1]}')
    type_, body = of_rendition("j", MADE, given, batch="b", change=7, base="https://pix", at=1.5)
    assert type_.value == "job.rendition"
    assert json.loads(body)["data"] == {
        "id": "j", "reference": "ref", "metadata": {"a": [1]}, "batch": "b", "change": 7,
        "status_url": "https://pix/jobs/j",
        "rendition": {
            "name": "thumb", "width": 32, "height": 24, "format": "webp",
            "url": "https://pix/jobs/j/renditions/thumb",
        },
    }  # fmt: skip


def test_a_rendition_whose_event_would_be_too_long() -> None:
    forged = spec("r" * DELIVERY_BYTES_MAX, json.dumps("x" * DELIVERY_BYTES_MAX))
    _, body = of_rendition("j", MADE, forged, batch=None, change=7, base="https://pix", at=1.5)
    assert len(body) <= DELIVERY_BYTES_MAX
    data = json.loads(body)["data"]
    assert data["left_out"] == ["metadata", "reference"]
    assert "renditions" not in data and data["rendition"]["name"] == "thumb"


def test_a_batch() -> None:
    type_, body = of_batch("b", {"done": 2, "failed": 1}, closed=True, change=9, base="https://pix", at=0.0)
    assert type_ == "batch.ended"
    assert json.loads(body)["data"] == {
        "id": "b", "total": 3, "counts": {"done": 2, "failed": 1}, "closed": True, "change": 9,
        "status_url": "https://pix/batches/b",
    }  # fmt: skip
