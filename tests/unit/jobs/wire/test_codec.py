"""jobs/wire/: every message goes through a frame and back; anything else is a WireFault."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.settings.brokers import SOCKETS
from jobs import wire
from jobs.deliveries import DeliveryWhere
from jobs.errors import WireFault
from jobs.job import TEXT_CHARACTERS_MAX, Cost, Hooks, Original, Rendition, Spec, encode
from jobs.limits import (
    FILENAME_CHARACTERS_MAX,
    FILES_PER_POST_MAX,
    METADATA_BYTES_MAX,
    RECIPE_BYTES_MAX,
    REFERENCE_CHARACTERS_MAX,
)
from jobs.records import Where
from jobs.trace import TRACE_CHARACTERS_MAX
from torture.extremes import Extremes, unbounded

RENDITION = Rendition("thumb", "processed/ab/x", "jpeg", 320, 320, 9, "ab" * 32)
HELD = [wire.Held("j", 3, True)]
REFS = [wire.LeaseRef("j", 3)]
JOB = wire.NewJob("j", "t", 1, 0, None, "default", None, b"c", b"s", b"k", b"f")
FROM_WEB = [
    wire.Submit("w", "r", 1.5, [JOB], None, "0123456789abcdef", 60.0, Hooks(("https://h/",), "http://p")),
    wire.SubmitForCouriers("w", "r", 1.5, [JOB], hooks=Hooks(("https://h/",), "http://p")),
    wire.SubmitToBatch("w", "r", 1.5, [JOB]),
    wire.Cancel("w", "r", "j"),
    wire.Requeue("w", "r", where=Where(tenant="t", state="dead"), action=wire.Action("a", "01234567")),
    wire.Purge("w", "r", "j"),
    wire.Pause("w", "r"),
    wire.Resume("w", "r"),
    wire.DrainWorker("w", "r", "i"),
    wire.Replay("w", "r", None, DeliveryWhere("t", "failed", None, None, 1.5), 3, "t"),
    wire.OpenBatch("w", "r", "b", "t", Hooks(("https://h/",), "http://p")),
    wire.CloseBatch("w", "r", "b", "t", wire.Action("a", "01234567")),
]
TO_WEB = [
    wire.Hello(7, 20, "7012345678901234567.1"),
    wire.Acks(7, [wire.Ack("r", wire.KNOWN, ["j"]), wire.Ack("q", wire.REFUSED, code="queue_full")]),
    wire.Changes(7, 1, 2, [wire.Change(2, "j", "t", "done", 1, rendition=RENDITION, facts=b"f")]),
    wire.Beat(7, 1.0, 2, False, {"queued": 1}, None, [], 2, 0.0, 0.0, deliveries=wire.DeliveriesView(1, 2, 3, 4)),
    wire.Beat(7, 1.0, 2, False, {}, None, [], 2, 0.0, 0.0, figures=wire.Figures(1, "f00d", [3, 0], {"web": 2.5}, 4.0)),
]
FROM_WORKER = [
    wire.Ready("i", "name", 12, 2, "engine", HELD),
    wire.Started([wire.Start("j", 3, 1.0)]),
    wire.Described([wire.Description("j", 3, b"facts")]),
    wire.Published([wire.Publication("j", 3, RENDITION)]),
    wire.Finished([wire.Finish("j", 3, [RENDITION], Cost(1.5, 10), times=wire.Times("jpeg", [0.1, 0.2]), facts=b"f")]),
    wire.Failed([wire.Failure("j", 3, "undecodable", "detail")]),
    wire.Returned(REFS),
    wire.Swept(["j"]),
    wire.Found("raw/ab/i", ["raw/ab/j"], "raw/ab/k"),
    wire.WorkerBeat(HELD),
    wire.Draining(),
    wire.Leaving(),
    wire.Delivered([wire.Attempted("d", 3, 429, 0.2, 7.0, answer="later"), wire.Attempted("e", 1, 0, 15.0, error="x")]),
    wire.Fetched([wire.SourceFetched("j", 3, "png", 4, 3, 99, "ab" * 32, 1)]),
]
TO_WORKER = [
    wire.Welcome(7, 5.0),
    wire.Introduce(7),
    wire.Assign([wire.Assignment("j", 3, 60.0, 1 << 30, False, b"spec")]),
    wire.Recall(REFS),
    wire.Abandon(REFS),
    wire.Settled(REFS),
    wire.Drain(),
    wire.Sweep([("j", ["raw/ab/j"])]),
    wire.OrphanScan("raw/ab/i", 60.0, 250),
    wire.BrokerBeat(7),
    wire.Deliver([wire.Delivery("d", 3, "https://app.example/hook", {"webhook-id": "msg_d"}, b"{}")]),
    wire.Fetch([wire.Source("j", 3, "https://app.example/a.png", 30.0, 1 << 26, f"00-{'a' * 32}-{'b' * 16}-01 c=d")]),
]
DIRECTIONS = [
    (wire.from_web, FROM_WEB),
    (wire.to_web, TO_WEB),
    (wire.from_worker, FROM_WORKER),
    (wire.to_worker, TO_WORKER),
]
ALL = [(reader, message) for reader, messages in DIRECTIONS for message in messages]


@pytest.mark.parametrize(("reader", "message"), ALL, ids=[type(message).__name__ for _, message in ALL])
def test_a_message_goes_through_a_frame_and_back(reader: wire.Reader, message: wire.Message) -> None:
    assert reader.decode(wire.encode(message)) == message


def test_every_type_of_message_is_tried_here() -> None:
    tried = {type(message) for _, message in ALL}
    assert tried == set(wire.TYPES), "add an example of each message to the list of its direction, here"


@pytest.mark.parametrize(("reader", "message"), ALL, ids=[type(message).__name__ for _, message in ALL])
def test_a_message_of_another_direction_is_malformed(reader: wire.Reader, message: wire.Message) -> None:
    for other, _ in DIRECTIONS:
        if other is not reader:
            with pytest.raises(WireFault):
                other.decode(wire.encode(message))


def test_an_unknown_version_has_its_own_code() -> None:
    with pytest.raises(WireFault) as fault:
        wire.to_worker.decode(msgspec.msgpack.encode((99, "Drain", [])))
    assert fault.value.code == "unknown_version"


@given(st.binary(max_size=200))
def test_noise_is_a_wire_fault(frame: bytes) -> None:
    with pytest.raises(WireFault):
        wire.from_web.decode(frame)


@given(st.sampled_from(ALL), st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_a_damaged_frame_is_a_message_or_a_wire_fault(
    sent: tuple[wire.Reader, wire.Message], at: int, damage: bytes
) -> None:
    reader, message = sent
    frame = bytearray(wire.encode(message))
    frame[at % len(frame) : at % len(frame) + len(damage)] = damage
    try:
        assert isinstance(reader.decode(bytes(frame)), wire.Message)
    except WireFault:
        return


def test_a_frame_too_large_is_refused_before_it_is_sent() -> None:
    with pytest.raises(WireFault, match="Swept"):
        wire.encode(wire.Swept(["x" * wire.FRAME_BYTES_MAX]))


@pytest.mark.parametrize("kind", wire.TYPES)
def test_every_text_list_and_fraction_of_a_message_has_a_bound(kind: type[wire.Message]) -> None:
    assert unbounded(kind) == []


@pytest.mark.parametrize(("reader", "kind"), [(reader, type(message)) for reader, message in ALL])
def test_the_longest_messages_fit_a_frame_and_are_read(reader: wire.Reader, kind: type[wire.Message]) -> None:
    extremes = Extremes(1, ["job"])
    for _ in range(2):
        message = extremes.message(kind)
        assert reader.decode(wire.encode(message)) == message


def test_the_longest_post_fits_a_frame() -> None:
    """A Submit is not said in parts: a POST is accepted whole."""
    text = "\U0001f5bc" * TEXT_CHARACTERS_MAX
    digest = bytes(64)
    job = wire.NewJob(text, text, 2, 2**53, text, text, text, digest, bytes(wire.SPEC_BYTES_MAX), digest, digest)
    submit = wire.Submit(text, text, 1e11, [job] * FILES_PER_POST_MAX, wire.Use(text, 2**53, 1e11))
    assert wire.from_web.decode(wire.encode(submit)) == submit


def test_a_spec_has_room_for_the_longest_texts_of_an_upload() -> None:
    wide = "\U0001f5bc"
    original = Original("raw/ab/" + "x" * 26, "jpeg", 2**31, 2**31, 2**40, "a" * 64)
    spec = Spec(
        wide * FILENAME_CHARACTERS_MAX, wide * REFERENCE_CHARACTERS_MAX, "x" * METADATA_BYTES_MAX, "p" * 255,
        "x" * RECIPE_BYTES_MAX, original, "t" * 64, 100, 99,
        trace="t" * TRACE_CHARACTERS_MAX,
    )  # fmt: skip
    assert len(encode(spec)) <= wire.SPEC_BYTES_MAX


def test_the_wire_keeps_the_names_of_version_1() -> None:
    """The release before knows only these, and works beside this one during an upgrade."""
    names = {msgspec.msgpack.decode(wire.encode(message))[1] for _, message in ALL}
    assert wire.VERSION == 1
    assert names == {
        "Submit", "SubmitForCouriers", "SubmitToBatch", "OpenBatch", "CloseBatch", "Cancel", "Requeue", "Purge",
        "Pause", "Resume", "DrainWorker", "Replay", "Receipts", "Hello", "Changes", "Beat", "Ready", "Started",
        "Published", "Finished", "Failed", "Returned", "Swept", "Found", "WorkerBeat", "Draining", "Leaving", "Welcome",
        "Introduce", "Assign", "Recall", "Abandon", "Settled", "Drain", "Sweep", "Walk", "BrokerBeat", "Deliver",
        "Delivered", "Fetch", "Fetched", "Described",
    }, "a new message: add its name here. One that is gone: the release before still sends it"  # fmt: skip
    assert (wire.acks_topic("w"), SOCKETS) == (b"receipts.w.", ("jobs", "workers", "receipts", "changes"))


def test_a_ready_of_the_release_before_is_that_of_a_worker_for_images() -> None:
    frame = msgspec.msgpack.encode((1, "Ready", ["i", "name", 12, 2, "engine", [], False]))
    ready = wire.from_worker.decode(frame)
    assert (ready.kind, ready.slots) == (wire.IMAGES, 0)


def test_no_topic_is_the_start_of_another() -> None:
    topics = [wire.CHANGES_TOPIC, wire.BEAT_TOPIC, wire.acks_topic("ab"), wire.acks_topic("abc")]
    assert not [(a, b) for a in topics for b in topics if a is not b and b.startswith(a)]
