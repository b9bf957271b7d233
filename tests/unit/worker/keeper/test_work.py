"""worker/keeper/work.py: what a decoder that strangers' bytes have taken over may say of a job, and what not."""

import io
import itertools
import logging
import math
import os
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from PIL import Image

from host.settings.settings import Settings
from host.tracing.tracer import Processed, Tracer
from jobs.errors import WireFault
from jobs.ids import original_name
from jobs.images.facts import Facts, Placeholder
from jobs.images.facts import encode as encoded
from jobs.images.formats import EXTENSIONS
from jobs.images.head import read_head
from jobs.job import Code, Original, Spec, encode
from jobs.recipes.recipe import canonical, parse
from jobs.wire import Assignment, LeaseRef, Times
from stores.blobs.memory import MemoryBlobs
from stores.cache.memory import MemoryCache
from tests.support.pictures.images import of_format, saved
from worker.boundary import status_page, tasks
from worker.core import events
from worker.core.parking import GROWTH_SHARE
from worker.decoder.serve import _word
from worker.images.pipeline import run
from worker.images.reading import PipelineLimits
from worker.keeper import checks, tries, work
from worker.keeper.bodies import HELD_BYTES_MAX, Body
from worker.keeper.children import Children
from worker.keeper.results import Made, Results, Run
from worker.keeper.work import Work

RECIPE = canonical(
    parse({"renditions": [{"name": "large", "width": 20}, {"name": "small", "width": 10, "format": "webp"}]})
)
LARGE = tasks.Rendered("large", "jpeg", "jpg", 20, 20)
SMALL = tasks.Rendered("small", "webp", "webp", 10, 10, unmet=("delays",), quality=77, box=(0.0, 1.5, 8.0, 6.25))
DONE = tasks.Done(1.0, 1)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def picture(format: str, width: int, height: int) -> bytes:
    return saved(Image.new("RGB", (width, height)), format)


FILES = {"large": picture("JPEG", 20, 20), "small": picture("WEBP", 10, 10)}
SETTINGS = Settings()


class FakeChildren:
    """Children with a decoder at once, of which the test says what the kernel would."""

    def __init__(self) -> None:
        self.ended = 0
        self.given = 0
        self.fresh = 0
        self.parked: dict[str, SimpleNamespace] = {}
        self.takes = True
        self.decoder = self._fresh()

    def _fresh(self) -> SimpleNamespace:
        return SimpleNamespace(
            tasks=0, run=Run(), untaken=False, stage=status_page.IDLE, where=lambda: "at idle", grown_bytes=lambda: 0
        )

    def hand_over(self, task: tasks.Task, descriptors: list[int], listener: Work) -> bool:
        self.decoder.tasks += 1
        self.given += self.takes
        return self.takes

    def change(self, tenant: str, listener: Work) -> None:
        self.parked[self.decoder.run.tenant or ""] = self.decoder
        self.fresh += tenant not in self.parked
        self.decoder = self.parked.pop(tenant) if tenant in self.parked else self._fresh()
        listener.decoder_ready()

    def end_parked(self) -> None:
        self.parked.clear()

    def replace(self, listener: Work) -> None:
        self.ended += 1
        self.decoder = self._fresh()
        listener.decoder_ready()


class Desk:
    """A Work in the middle of one job, and what it has told."""

    def __init__(self, begin: bool = True, tracer: Tracer | None = None, recipe: str = RECIPE) -> None:
        self.recipe = recipe
        self.blobs, self.children = MemoryBlobs(), FakeChildren()
        self.notified: list[Any] = []
        log = logging.getLogger("test_worker_work")
        self.cache = MemoryCache()
        results = Results(self.cache, self.blobs, "e")
        children = cast(Children, self.children)
        self.work = Work(SETTINGS, children, self.blobs, results, self.notified.append, log, tracer=tracer)
        if begin:
            self.begin()

    def begin(
        self, job: str = "a", tenant: str = "", seconds: float = 60.0, alone: bool = False, trace: str | None = None
    ) -> None:
        name = original_name(job)
        self.blobs.put(name, b"original")
        spec = Spec(
            "a.jpg", None, None, None, self.recipe, Original(name, "jpeg", 40, 40, 8, f"digest of {job}"), tenant
        )
        spec = msgspec.structs.replace(spec, trace=trace)
        self.work.begin(Assignment(job, 1, seconds, 1 << 30, alone, encode(spec)))

    def said(self, *words: Any) -> list[type]:
        for word in words:
            if isinstance(word, tasks.Rendered):
                self.render(word, FILES.get(word.name, b"bytes"))
            else:
                self.work.decoder_said(word, None)
        self.work.publish()
        return [type(each) for each in self.notified]

    def died(self, death: tasks.Died) -> None:
        self.work.decoder_ended(death, self.children.decoder.run)

    def render(self, word: tasks.Rendered, data: bytes) -> None:
        sink = self.work.sink_for(word, len(data))
        sink.write(memoryview(data))
        self.work.decoder_said(word, sink)


def test_each_rendition_once_and_then_the_end() -> None:
    desk = Desk()
    notified = desk.said(LARGE, SMALL, DONE)
    assert notified.count(events.RenditionLanded) == 2
    assert notified[-1] is events.DecoderFinished
    small = next(
        each.rendition for each in desk.notified if getattr(each, "rendition", None) and each.rendition.width == 10
    )
    assert small.unmet == ("delays",)
    assert (small.quality, small.box) == (77, (0.0, 1.5, 8.0, 6.25))


PLACEHOLDER = tasks.Seen(Facts((40, 40), "#102030", Placeholder(blurhash="L00000fQfQfQfQfQfQfQfQfQfQfQ")))
ASKING = canonical(parse({"renditions": [{"name": "large", "width": 20}], "placeholder": ["blurhash"]}))


def test_facts_are_told_once_before_the_renditions_and_with_the_end() -> None:
    desk = Desk(begin=False, recipe=ASKING)
    desk.begin("0" * 26)
    assert desk.said(PLACEHOLDER) == [events.DecoderBegan, events.OriginalDescribed]
    desk.said(LARGE, DONE)
    told = [each.facts for each in desk.notified if isinstance(each, events.OriginalDescribed)]
    assert told == [encoded(PLACEHOLDER.facts)]
    assert desk.notified[-1].facts == told[0]
    desk.begin("0" * 26)
    answered = [each for each in desk.notified if isinstance(each, events.CacheAnswered)]
    assert [each.facts for each in answered] == told, "the cache has them, too"


def test_a_job_without_renditions_ends_with_its_facts() -> None:
    desk = Desk(recipe=canonical(parse({"placeholder": ["blurhash"]})))
    desk.said(PLACEHOLDER, DONE)
    assert isinstance(desk.notified[-1], events.DecoderFinished)
    assert (desk.notified[-1].renditions, desk.notified[-1].facts) == ([], encoded(PLACEHOLDER.facts))


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (RECIPE, [PLACEHOLDER]),
        (ASKING, [PLACEHOLDER, PLACEHOLDER]),
        (ASKING, [LARGE, PLACEHOLDER]),
        (ASKING, [LARGE, DONE]),
        (ASKING, [tasks.Seen(Facts((40, 40), "#102030", Placeholder(lqip="x" * 5000)))]),
        (ASKING, [PLACEHOLDER, LARGE, DONE, PLACEHOLDER]),
    ],
)
def test_facts_that_nobody_asked_for_are_a_fault(recipe: str, words: list[Any]) -> None:
    with pytest.raises(WireFault):
        Desk(recipe=recipe).said(*words)


@pytest.mark.parametrize(
    "words",
    [
        [tasks.Rendered("never-asked", "jpeg", "jpg", 1, 1)],
        [LARGE, LARGE],
        [tasks.Rendered("large", "html", "html", 20, 20)],
        [tasks.Rendered("large", "jpeg", "svg", 20, 20)],
        [tasks.Rendered("large", "webp", "webp", 20, 20)],
        [tasks.Rendered("large", "jpeg", "jpg", 2**53, 2**53)],
        [tasks.Rendered("large", "jpeg", "jpg", 20, 19)],
        [DONE],
        [LARGE, DONE],
        [LARGE, SMALL, tasks.Done(math.nan, 1)],
        [LARGE, SMALL, tasks.Done(math.inf, 1)],
        [LARGE, SMALL, tasks.Done(1.0, 1, (0.0, math.nan, 0.0))],
        [LARGE, SMALL, DONE, DONE],
        [LARGE, SMALL, DONE, LARGE],
        [tasks.Fault("undecodable", "x"), tasks.Fault("undecodable", "x")],
    ],
)
def test_what_nobody_asked_for_is_no_word_of_a_decoder(words: list[Any]) -> None:
    with pytest.raises(WireFault):
        Desk().said(*words)


@pytest.mark.parametrize("data", [b"<html>not an image</html>", FILES["small"], picture("JPEG", 21, 20)])
def test_bytes_that_are_not_what_is_said_of_them_are_no_rendition(data: bytes) -> None:
    with pytest.raises(WireFault, match="that is no jpeg of 20 x 20"):
        Desk().render(LARGE, data)


def test_a_rendition_has_no_more_bytes_than_its_pixels_can_take() -> None:
    desk = Desk()
    most = 20 * 20 * 8 + 2 * 1024 * 1024 + 8
    assert desk.work.sink_for(LARGE, most) is not None
    with pytest.raises(WireFault, match=f"of {most + 1} bytes, {most} were allowed"):
        desk.work.sink_for(LARGE, most + 1)


def test_a_large_rendition_is_on_the_disk_before_it_is_whole_and_gone_when_its_job_is() -> None:
    desk = Desk()
    begun = FILES["large"] + bytes(HELD_BYTES_MAX)
    desk.render(LARGE, begun)
    assert [type(each) for each in desk.notified] == []
    desk.work.kill(LeaseRef("a", 1))
    desk.work.publish()
    assert set(desk.blobs.blobs) == {original_name("a")}
    desk = Desk()
    desk.render(LARGE, begun)
    desk.said(SMALL, DONE)
    (large,) = [each.rendition for each in desk.notified if isinstance(each, events.RenditionLanded)][:1]
    assert desk.blobs.blobs[large.blob] == begun


@pytest.mark.parametrize("word", [LARGE, DONE, tasks.Fault("undecodable", "x")])
def test_an_answer_to_a_task_that_lies_unread_is_none(word: Any) -> None:
    desk = Desk()
    desk.children.decoder.untaken = True
    with pytest.raises(WireFault, match="nobody asked for"):
        desk.said(word)


def test_a_decoder_that_has_its_task_is_charged_whatever_its_status_page_says() -> None:
    desk = Desk()
    desk.children.decoder.stage = status_page.IDLE
    desk.work.look()
    assert [type(each) for each in desk.notified] == [events.DecoderBegan, events.DecoderSeen]


@pytest.mark.parametrize("status", [9, status_page.LOST, status_page.GARBAGE, 11, 1 << 8])
def test_so_is_one_that_died_with_its_task_however_it_did(status: int) -> None:
    desk = Desk()
    desk.died(tasks.Died(1, status, stage=status_page.IDLE))
    assert [type(each) for each in desk.notified] == [events.DecoderBegan, events.DecoderFailed]


def test_what_a_decoder_did_not_take_is_for_the_next_one_and_uncharged() -> None:
    desk = Desk(begin=False)
    desk.children.takes = False
    desk.begin()
    desk.work.look()
    desk.died(tasks.Died(1, status_page.DEAF))
    assert desk.notified == []
    desk.children.takes = True
    desk.work.decoder_ready()
    assert desk.children.given == 1
    assert desk.said(LARGE, SMALL, DONE)[-1] is events.DecoderFinished


def test_the_end_tells_how_long_each_stage_took(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = itertools.count()
    for module in (work, tries):
        monkeypatch.setattr(module, "perf_counter", looks.__next__)  # each look takes a second
    desk = Desk()
    desk.said(LARGE, SMALL, tasks.Done(1.0, 1, (0.5, 0.25, 0.125)))
    finished = desk.notified[-1]
    assert isinstance(finished, events.DecoderFinished)
    assert finished.times == Times("jpeg", [1.0, 0.5, 0.25, 0.125, 2.0])


def test_what_a_decoder_has_grown_by_is_the_kernel_s_word() -> None:
    desk = Desk()
    desk.children.decoder.grown_bytes = lambda: SETTINGS.decoder_bytes_max // GROWTH_SHARE + 1
    desk.said(LARGE, SMALL, DONE)
    assert desk.children.ended == 1


def test_a_detail_makes_no_lines_and_no_colours_and_a_story_is_for_the_log_alone() -> None:
    desk = Desk()
    desk.said(tasks.Broke("ValueError: \x1b[31m in serve:1"))
    desk.died(tasks.Died(1, 1 << 8))
    assert desk.notified[-1].detail == "the decoder ended with status 1"
    desk = Desk()
    desk.said(tasks.Fault("undecodable", "broken\n\x1b[31mred"))
    (failed,) = [each for each in desk.notified if isinstance(each, events.DecoderFailed)]
    assert failed.detail == "broken  [31mred"


@pytest.mark.parametrize("last", [DONE, tasks.Fault("undecodable", "x"), tasks.Fault(Code.MEMORY_OVER_LIMIT, "x")])
def test_a_store_that_fails_offers_one_decoder_once(last: Any) -> None:
    desk = Desk()
    desk.render(LARGE, FILES["large"])
    if isinstance(last, tasks.Done):
        desk.render(SMALL, FILES["small"])
    desk.blobs.room = 0
    desk.said(last)
    (failed,) = [each for each in desk.notified if isinstance(each, events.DecoderFailed)]
    assert failed.code == Code.STORE_ERROR
    assert [type(each) for each in desk.notified].count(events.DecoderIdle) == 1


def test_that_all_is_made_is_told_before_the_disk_is_waited_for() -> None:
    desk = Desk()
    for word, name in ((LARGE, "large"), (SMALL, "small")):
        desk.render(word, FILES[name])
    desk.work.decoder_said(DONE, None)
    assert [type(each) for each in desk.notified] == [events.DecoderDone, events.DecoderIdle]


def test_a_decoder_works_for_one_tenant_alone() -> None:
    desk, served = Desk(begin=False), list[tuple[str, int]]()
    for number, tenant in enumerate(["acme", "acme", "other", "other", "acme", "", ""]):
        desk.begin(f"job{number}", tenant)
        served.append((tenant, id(desk.children.decoder)))
        desk.said(LARGE, SMALL, DONE)
    assert len(set(served)) == len({decoder for _, decoder in served}) == 3
    assert (desk.children.given, desk.children.fresh, desk.children.ended) == (7, 2, 0)
    assert [type(each) for each in desk.notified].count(events.DecoderIdle) == 7


def test_a_job_that_runs_alone_has_the_memory_of_parked_decoders() -> None:
    desk = Desk(begin=False)
    for job, tenant in (("one", "acme"), ("two", "other")):
        desk.begin(job, tenant)
        desk.said(LARGE, SMALL, DONE)
    assert list(desk.children.parked) == ["acme"]
    desk.begin("alone", "other", alone=True)
    assert desk.children.parked == {}


@pytest.mark.parametrize("back", [True, False])
def test_what_a_decoder_gave_that_ends_after_its_tenant_s_turn_is_not_in_the_cache(back: bool) -> None:
    desk = Desk(begin=False)
    for job, tenant in (("one", "acme"), ("two", "other")):
        desk.begin(job, tenant)
        desk.said(LARGE, SMALL, DONE)
    assert len(desk.cache.values) == 2
    if back:
        desk.begin("three", "acme")
        desk.work.decoder_ended(tasks.Died(1, 11), desk.children.decoder.run)
    else:
        desk.work.parked_ended(desk.children.parked["acme"].run)
    assert len(desk.cache.values) == 1, "the other tenant's decoder did nothing wrong"


def after_a_good_one(desk: Desk) -> None:
    desk.said(LARGE, SMALL, DONE)
    assert len(desk.cache.values) == 1


@pytest.mark.parametrize("status", [status_page.GARBAGE, status_page.DEAF, 11, 31, 1 << 8])
@pytest.mark.parametrize("working", [True, False])
def test_what_a_decoder_gave_that_ends_unasked_is_not_in_the_cache(status: int, working: bool) -> None:
    desk = Desk()
    after_a_good_one(desk)
    if working:
        desk.begin("next")
    desk.died(tasks.Died(1, status))
    assert desk.cache.values == {}


def test_nor_what_one_gives_whose_next_word_is_nobody_s() -> None:
    desk = Desk()
    for word, name in ((LARGE, "large"), (SMALL, "small")):
        desk.render(word, FILES[name])
    desk.work.decoder_said(DONE, None)
    desk.died(tasks.Died(1, status_page.GARBAGE))
    desk.work.publish()
    assert type(desk.notified[-1]) is events.DecoderFinished
    assert desk.cache.values == {}


@pytest.mark.parametrize(("seconds", "kept"), [(60.0, 1), (0.0, 0)])
def test_a_deadline_spoils_what_a_decoder_gave_and_a_cancel_does_not(seconds: float, kept: int) -> None:
    desk = Desk()
    after_a_good_one(desk)
    desk.begin("next", seconds=seconds)
    desk.work.kill(LeaseRef("next", 1))
    assert len(desk.cache.values) == kept
    assert desk.children.ended == 1


@pytest.mark.parametrize("format", sorted(EXTENSIONS))
@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize(
    "spoken",
    [
        {},
        {"keep_metadata": True, "rotate": 10},
        {"fit": "cover", "height": 7},
        {"fit": "cover-down", "height": 70, "padding": [1, 2, 3, 4]},
        {"width": None, "ratio": "1:1", "fit": "contain"},
        {"trim": True},
        {"width": None, "trim": True},
    ],
)
def test_what_an_honest_decoder_says_is_believed(format: str, moves: bool, spoken: dict[str, Any]) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    stream, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6
    more = {"save_all": True, "append_images": frames[1:], "duration": 100} if moves else {"exif": turned.tobytes()}
    frames[0].save(stream, "PNG", **more)
    recipe = parse({"renditions": [{"name": "a", "width": 9, **of_format(format, **spoken)}]})
    (output,) = run(stream, recipe, PipelineLimits(10_000, 10))
    head = read_head(stream.getvalue())
    assert head is not None
    wanted = checks.allowed(canonical(recipe), head, 10)["a"]
    word = _word(output)
    checks.check_begun(word, len(output.data), wanted, wanted.bytes_max(len(stream.getvalue())))
    body = Body(MemoryBlobs(), "a", len(output.data))
    body.write(memoryview(output.data))
    checks.check_whole(word, body.head())


@pytest.mark.parametrize("format", sorted(EXTENSIONS))
def test_no_encoder_of_noise_takes_what_is_allowed_for_a_pixel(format: str) -> None:
    stream = io.BytesIO()
    Image.frombytes("RGBA", (128, 128), os.urandom(128 * 128 * 4)).save(stream, "PNG")
    worst = {"lossless": True} if format == "webp" else {"quality": 100, "chroma": 444}
    recipe = parse({"renditions": [{"name": "a", **of_format(format, **worst)}]})
    (output,) = run(stream, recipe, PipelineLimits(10**6, 1))
    assert len(output.data) < 128 * 128 * checks.PIXEL_BYTES_MAX


SPEC = Spec("a.jpg", None, None, None, RECIPE, Original("originals/00/a", "jpeg", 40, 40, 8, "0" * 64), "", 1, 0)


@pytest.mark.parametrize(
    "spec",
    [
        b"",
        b"\xff",
        encode(SPEC).replace(b"a.jpg", b"a\xc0jpg"),
        b"\x91" * 30_000,
        encode(msgspec.structs.replace(SPEC, recipe="{")),
        encode(msgspec.structs.replace(SPEC, recipe='{"renditions": []}')),
        encode(msgspec.structs.replace(SPEC, original=msgspec.structs.replace(SPEC.original, name="../x"))),
        encode(msgspec.structs.replace(SPEC, original=msgspec.structs.replace(SPEC.original, name="raw/a/a"))),
    ],
)
def test_a_spec_that_says_nothing_ends_its_job_and_not_the_worker(spec: bytes) -> None:
    desk = Desk()
    desk.said(LARGE, SMALL, DONE)
    desk.work.begin(Assignment("b", 1, 60.0, 1 << 30, False, spec))
    (failed,) = [each for each in desk.notified if isinstance(each, events.DecoderFailed)]
    assert failed.job == "b"
    assert isinstance(desk.notified[-1], events.DecoderIdle), "the next job finds the decoder free"


def test_the_log_tells_the_trace_of_each_end(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    desk = Desk(begin=False)
    desk.begin("a", trace=TRACE)
    desk.said(LARGE, SMALL, DONE)
    with monkeypatch.context() as patched:
        patched.setattr(Results, "find", lambda *_: Made([], b""))  # the cache answers
        desk.begin("a", trace=TRACE)
    desk.begin("b", trace=TRACE)
    desk.said(tasks.Fault(Code.UNDECODABLE, "why"))
    lines = [vars(record) for record in caplog.records if record.message in ("finished", "failed")]
    assert [(line["message"], line["trace"]) for line in lines] == [
        ("finished", "a" * 32), ("finished", "a" * 32), ("failed", "a" * 32),
    ]  # fmt: skip
    desk.begin("c")
    desk.said(tasks.Fault(Code.UNDECODABLE, "why"))
    assert not hasattr(caplog.records[-1], "trace")


class Heard(Tracer):
    """What a tracer is told."""

    def __init__(self) -> None:
        self.done: list[Processed] = []

    def processed(self, done: Processed) -> None:
        self.done.append(done)


def traced_desk() -> tuple[Desk, Heard]:
    """A desk whose tracer is heard."""
    tracer = Heard()
    return Desk(begin=False, tracer=tracer), tracer


def test_a_try_is_traced_from_the_decoders_start_to_the_last_rendition() -> None:
    desk, tracer = traced_desk()
    desk.begin("a", trace=TRACE)
    desk.said(LARGE, SMALL)
    assert tracer.done == []
    desk.said(DONE)
    (done,) = tracer.done
    assert (done.job, done.trace, done.error, done.cached) == ("a", TRACE, None, False)
    assert [each.name for each in done.renditions] == ["large", "small"]
    assert done.began_at <= done.renditions[0].at <= done.renditions[1].at <= done.ended_at


def test_each_end_of_a_try_is_traced_once_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, tracer = traced_desk()
    desk.begin("a")
    desk.said(LARGE, tasks.Fault(Code.UNDECODABLE, "why"))
    desk.begin("b")
    desk.work.kill(LeaseRef("b", 1))
    desk.begin("c", seconds=0.0)
    desk.work.kill(LeaseRef("c", 1))
    desk.begin("d")
    desk.died(tasks.Died(1, 9))
    with monkeypatch.context() as patched:
        patched.setattr(Results, "find", lambda *_: Made([], b""))
        desk.begin("e")
    assert [(done.job, done.error, done.cached, len(done.renditions)) for done in tracer.done] == [
        ("a", "undecodable", False, 1), ("b", "cancelled", False, 0), ("c", "deadline_exceeded", False, 0),
        ("d", "decoder_lost", False, 0), ("e", None, True, 0),
    ]  # fmt: skip


def test_a_try_that_no_decoder_had_is_not_traced() -> None:
    desk, tracer = traced_desk()
    desk.work.begin(Assignment("a", 1, 60.0, 1 << 30, False, b"no spec"))
    assert tracer.done == []
