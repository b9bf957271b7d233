"""Whatever strangers send to a reader of ours is read or refused by name: nothing else is raised, nothing hangs."""

import contextlib
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import wire
from jobs.errors import BadRecipe, ClientFault, WireFault
from jobs.images.facts import Facts, Location, decode, encode
from jobs.images.formats import HEIC, READ
from jobs.images.head import read_head
from jobs.images.pieces import found_in
from jobs.images.structure import Structure, reading_structure
from jobs.images.tags import of_block, read_shot
from jobs.limits import FILENAME_CHARACTERS_MAX
from jobs.recipes.recipe import canonical, parse
from tests.support.pictures.coloured import power, profile
from tests.support.pictures.hostile import FORMATS, written
from tests.unit.jobs.images.test_facts import INFO
from tests.unit.jobs.images.test_tags import PHOTO, block
from web.http.multipart import Piece
from web.uploads.forms import Form
from worker.boundary import tasks
from worker.images.colours import icc

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="../a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    b"\xff\xd8\xff\xe0\r\n-\r\n--b-\r\n--b\r\n"
    b'Content-Disposition: form-data; name="recipe"\r\n\r\n{"renditions": [{"name": "a"}]}\r\n'
    b'--b\r\nContent-Disposition: form-data; name="x"; filename=""\r\n\r\n\r\n--b--\r\n'
)
RECIPE = (
    b'{"renditions":[{"name":"a","width":10,"crop":{"left":0,"top":0,"width":1,"height":1},"background":"#ff0000","max_bytes":9000,"quality_min":7,"effort":3,"keep":["exif","iptc"],"png":{"palette":true,"colours":9},"webp":{"exact":true}},'
    b'{"name":"b","widths":[10,20],"dpr":[1,2.5],"ratio":"4:3","fit":"cover-down","gravity":"focus","focus":[0.5,1],'
    b'"padding":[1,2,3,4],"radius":[1,"5%",0,9],"background":"mirror","trim":{"threshold":9.5,"background":"#ffffff80","margin":3,"equal":true}},'
    b'{"name":"c","fit":"cover","ratio":"1:2","gravity":"attention","dpr":2,"formats":["webp","gif"],"modulate":{"hue":-9.5},'
    b'"linear":{"a":[1,2,3],"b":-9},"normalise":{"lower":2},"tint":"#ff0000","gamma":2.2,"median":3,"pixelate":9,'
    b'"watermark":[{"name":"m","scale":0.5,'
    b'"offset":[3,0.25],"digest":"'
    + b"0" * 64
    + b'"},{"name":"m","tile":true,"spacing":[1,2],"digest":"'
    + b"0" * 64
    + b'"}]},{"name":"e","page":3,"animated":false},{"name":"f","animated":true,"frames":2,"format":"avif"}],'
    b'"info":["location"],"palette":4,"placeholder":["lqip","thumbhash"]}'
)
FRAMES = tasks.frame(tasks.Rendered("a", "png", "png", 1, 1), 3) + b"abc" + tasks.frame(tasks.Done(1.0, 1))
IMAGES = [written(format)[:2000] for format in FORMATS]
MESSAGES = [
    wire.encode(message)
    for message in (wire.Welcome(1, 5.0), wire.Settled([wire.LeaseRef("j", 1)]), wire.WorkerBeat([]))
]


@st.composite
def mutated(draw: st.DrawFn, *seeds: bytes) -> bytes:
    """One of the seeds with pieces cut out, doubled, overwritten and put in."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 30))
        piece = draw(st.binary(max_size=8) | st.sampled_from([b"", b"\r\n", b"\0", b"--b", b'"', b"\xff" * 4]))
        piece = piece or data[start : start + length] * 2
        data = data[:start] + piece + data[start + draw(st.sampled_from([0, len(piece), length])) :]
    return data


class Kept:
    """Files of a form: their names, and whether one is open."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.open = False

    def begin(self, filename: str) -> None:
        assert not self.open
        self.open = True
        self.names.append(filename)

    def write(self, data: Piece) -> None:
        assert self.open

    def end(self) -> None:
        assert self.open
        self.open = False


@given(mutated(FORM), st.lists(st.integers(0, len(FORM)), max_size=3))
def test_any_form_is_read_or_the_clients_fault(data: bytes, cuts: list[int]) -> None:
    kept = Kept()
    form = Form("multipart/form-data; boundary=b", kept, frozenset({"recipe"}))
    with contextlib.suppress(ClientFault):
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
            form.feed(data[start:end])
        form.finish()
        assert not kept.open
    for name in kept.names:
        assert "/" not in name
        assert len(name) <= FILENAME_CHARACTERS_MAX
        assert name.isprintable()


@given(st.binary(max_size=80) | mutated(b"multipart/form-data; boundary=b"))
def test_any_content_type_is_a_form_or_the_clients_fault(header: bytes) -> None:
    with contextlib.suppress(ClientFault):
        Form(header.decode("latin-1"), Kept(), frozenset())


@given(mutated(RECIPE))
def test_any_recipe_is_resolved_or_bad(data: bytes) -> None:
    with contextlib.suppress(BadRecipe):
        recipe = parse(data)
        assert parse(canonical(recipe)) == recipe


@given(mutated(*IMAGES))
def test_any_head_is_of_a_format_of_ours_or_none(data: bytes) -> None:
    head = read_head(data)
    assert head is None or head.format in {*READ, HEIC}
    assert head is None or (head.width >= 0 and head.height >= 0)


@given(mutated(*IMAGES), st.sampled_from([*READ, HEIC]))
def test_any_file_tells_its_structure_or_nothing(data: bytes, format: str) -> None:
    found = found_in(reading_structure(format), lambda at, length: data[at : at + length])
    assert found is None or isinstance(found, Structure)


@given(mutated(block("<", PHOTO), block(">", PHOTO)))
def test_any_tags_are_bounded(data: bytes) -> None:
    shot = read_shot(of_block(data))
    for text in (shot.make, shot.model, shot.lens, shot.artist, shot.copyright, shot.serial, shot.owner):
        assert text is None or (text.isprintable() and len(text) <= 200 and len(text.encode()) <= 300)
    told = shot._asdict()
    place = told.pop("place")
    info = msgspec.structs.replace(INFO, **told, location=Location(*place) if place else None)
    assert decode(encode(Facts((1, 1), info=info))) is not None, "a keeper takes it"


@given(mutated(profile("a name", power(1.8))))
def test_any_profile_has_a_bounded_name_or_none(data: bytes) -> None:
    name = icc.description(data)
    assert name is None or len(name.encode()) <= 300


@pytest.mark.parametrize("reader", [wire.to_worker, wire.from_worker, wire.from_web, wire.to_web])
@given(frame=mutated(*MESSAGES))
def test_any_frame_is_a_message_or_a_wire_fault(reader: Any, frame: bytes) -> None:
    with contextlib.suppress(WireFault):
        reader.decode(frame)


@given(mutated(FRAMES), st.integers(1, 40))
def test_whatever_a_decoder_says_is_a_word_or_a_wire_fault(data: bytes, step: int) -> None:
    """A decoder may be taken over: the keeper believes nothing of it unread."""
    frames, bodies = tasks.Frames(), bytearray()
    with contextlib.suppress(WireFault):
        for at in range(0, len(data), step):
            for word, _ in frames.feed(
                memoryview(data)[at : at + step], lambda *_: SimpleNamespace(write=bodies.extend)
            ):
                assert isinstance(word, tasks.FromDecoder)
    assert len(bodies) <= len(data)
