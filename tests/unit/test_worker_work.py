"""worker/work.py: what a decoder that strangers' bytes have taken over may say of a job, and what not."""

import logging
import math
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jobs.errors import WireFault
from jobs.job import Original, Spec, encode
from jobs.recipe import canonical, parse
from jobs.settings import Settings
from jobs.wire import Assignment
from stores.blobs.memory import MemoryBlobs
from worker import tasks
from worker.children import Children
from worker.core import events
from worker.results import Results
from worker.work import Work

RECIPE = canonical(parse({"renditions": [{"name": "large", "width": 20}, {"name": "small", "width": 10}]}))
LARGE = tasks.Rendered("large", "jpeg", "jpg", 20, 20)
SMALL = tasks.Rendered("small", "webp", "webp", 10, 10, unmet=("delays",))
DONE = tasks.Done(1.0, 1, 0)


class Desk:
    """A Work in the middle of one job, and what it has told."""

    def __init__(self) -> None:
        blobs, children = MemoryBlobs(), SimpleNamespace(decoder=SimpleNamespace(tasks=0), hand_over=lambda *_: None)
        blobs.put("originals/00/a", b"original")
        self.told: list[Any] = []
        log = logging.getLogger("test_worker_work")
        real = cast(Children, children)
        self.work = Work(Settings(), real, blobs, Results(None, blobs, "e"), self.told.append, log)
        spec = Spec(
            "a.jpg", None, None, None, RECIPE, Original("originals/00/a", "jpeg", 40, 40, 8, "0" * 64), "", 1, 0
        )
        self.work.begin(Assignment("a", 1, 60.0, 1 << 30, False, encode(spec)))

    def said(self, *words: Any) -> list[type]:
        for word in words:
            self.work.decoder_said(word, b"pixels")
        self.work.publish()
        return [type(each) for each in self.told]


def test_each_rendition_once_and_then_the_end() -> None:
    desk = Desk()
    told = desk.said(LARGE, SMALL, DONE)
    assert told.count(events.RenditionLanded) == 2
    assert told[-1] is events.DecoderFinished
    assert [each.unmet for each in desk.told[-1].renditions] == [(), ("delays",)]


@pytest.mark.parametrize(
    "words",
    [
        [tasks.Rendered("never-asked", "jpeg", "jpg", 1, 1)],
        [LARGE, LARGE],
        [tasks.Rendered("large", "html", "html", 1, 1)],
        [tasks.Rendered("large", "jpeg", "svg", 1, 1)],
        [DONE],
        [LARGE, DONE],
        [LARGE, SMALL, tasks.Done(math.nan, 1, 0)],
        [LARGE, SMALL, tasks.Done(math.inf, 1, 0)],
    ],
)
def test_what_nobody_asked_for_is_no_word_of_a_decoder(words: list[Any]) -> None:
    with pytest.raises(WireFault):
        Desk().said(*words)


def test_a_detail_makes_no_lines_and_no_colours_and_a_story_is_for_the_log_alone() -> None:
    desk = Desk()
    desk.said(tasks.Broke("ValueError: \x1b[31m in serve:1"))
    desk.work.decoder_ended(tasks.Died(1, 1 << 8))
    assert desk.told[-1].detail == "the decoder ended with status 1"
    desk = Desk()
    desk.said(tasks.Fault("undecodable", "broken\n\x1b[31mred", 0))
    (failed,) = [each for each in desk.told if isinstance(each, events.DecoderFailed)]
    assert failed.detail == "broken  [31mred"
