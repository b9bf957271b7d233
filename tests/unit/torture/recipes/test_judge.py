"""The judge of random recipes finds what passes a limit, and what failed by no fault of its own."""

from typing import Any

import pytest

from jobs.limits import OUTPUT_PIXELS_MAX, SIDE_MAX
from torture.recipes.judge import faults

ASKED: dict[str, Any] = {"name": "r0", "format": "original", "max_bytes": None}
BOX = {"left": 0.0, "top": 10.0, "width": 40.0, "height": 20.0}
MADE: dict[str, Any] = {
    "name": "r0", "width": 4, "height": 2, "format": "jpeg", "bytes": 90, "box": BOX, "unmet": [], "quality": 80
}  # fmt: skip


def answer(made: dict[str, Any], asked: dict[str, Any], **changed: Any) -> dict[str, Any]:
    original = {"width": 30, "height": 40, "upright_width": 40, "upright_height": 30}
    done = {"state": "done", "error": None, "original": original, "recipe": {"renditions": [ASKED | asked]}}
    return {**done, "renditions": [MADE | made], **changed}


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ({}, {}),
        ({"width": SIDE_MAX, "height": 1}, {}),
        ({"format": "webp"}, {"format": "webp"}),
        ({}, {"max_bytes": 90}),
        ({"unmet": ["max_bytes"]}, {"max_bytes": 89}),
        ({"format": "png"}, {"max_bytes": 89}),
        ({"box": None}, {}),
    ],
)
def test_what_keeps_to_all_limits_is_no_fault(made: dict[str, Any], asked: dict[str, Any]) -> None:
    assert faults(200, answer(made, asked)) == []


@pytest.mark.parametrize(
    ("made", "asked", "word"),
    [
        ({"width": SIDE_MAX + 1}, {}, "pixels"),
        ({"height": 0}, {}, "pixels"),
        ({"width": SIDE_MAX, "height": OUTPUT_PIXELS_MAX // SIDE_MAX + 1}, {}, "pixels"),
        ({"format": "webp"}, {"format": "png"}, "instead"),
        ({}, {"max_bytes": 89}, "bytes"),
        ({"box": BOX | {"left": 0.1}}, {}, "shows"),
        ({"box": BOX | {"top": -1.0}}, {}, "shows"),
        ({"box": BOX | {"width": 0.0}}, {}, "shows"),
        ({"name": "r1"}, {}, "were asked"),
    ],
)
def test_what_passes_a_limit_is_a_fault(made: dict[str, Any], asked: dict[str, Any], word: str) -> None:
    (fault,) = faults(200, answer(made, asked))
    assert word in fault


@pytest.mark.parametrize(
    ("status", "changed", "is_fault"),
    [
        (422, {"code": "bad_recipe"}, False),
        (422, {"code": "unsupported_type"}, True),
        (500, {"code": "internal"}, True),
        (503, {"code": "broker_silent"}, True),
        (202, {"state": "running"}, True),
        (200, {"state": "failed", "error": {"code": "operation_failed"}}, False),
        (200, {"state": "failed", "error": {"code": "undecodable"}}, True),
        (200, {"state": "dead", "error": {"code": "lost_too_often"}}, True),
    ],
)
def test_a_job_fails_by_what_was_asked_of_it_alone(status: int, changed: dict[str, Any], is_fault: bool) -> None:
    assert bool(faults(status, answer({}, {}, **changed))) == is_fault
