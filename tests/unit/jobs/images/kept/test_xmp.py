"""jobs/images/kept/xmp.py: what a packet keeps, and that no packet breaks it. (exiftool: test_blocks.)"""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.images.kept.xmp import PACKET_BYTES_MAX, kept
from tests.support.pictures.planted import SECRET, XMP

ALL = ("xmp", "copyright", "location")


def of(body: str, attributes: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def test_nothing_that_is_not_listed_comes_out() -> None:
    packet, whole = kept(XMP, ALL)
    assert whole
    assert SECRET not in packet
    assert "of &lt;somebody&gt;" in packet.decode()
    assert kept(packet, ALL) == (packet, True), "what is kept is kept again"
    assert kept(XMP, ("exif",)) == (b"", True)
    assert b"boat" not in kept(XMP, ("copyright",))[0]
    assert b"Paris" not in kept(XMP, ("xmp",))[0]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"junk",
        XMP[:-200],
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + of("<dc:source>&b;</dc:source>"),
        of("<dc:source>" * 40 + "</dc:source>" * 40),
        of("<dc:subject><rdf:Bag>" + "<rdf:li>a</rdf:li>" * 1001 + "</rdf:Bag></dc:subject>"),
        of("<dc:subject><rdf:Bag></rdf:Bag></dc:subject>"),
        of("<dc:source rdf:parseType='Resource'><dc:title>a</dc:title></dc:source>"),
        of("<dc:subject><rdf:Bag><rdf:li>a<dc:title>b</dc:title></rdf:li></rdf:Bag></dc:subject>"),
    ],
    ids=range(9),
)
def test_what_is_damaged_too_much_or_no_plain_text_is_not_kept(packet: bytes) -> None:
    assert kept(packet, ALL) == (b"", True)


def test_a_packet_that_is_too_large_is_not_read_and_what_has_no_room_is_left_out() -> None:
    assert kept(of("<dc:source>a</dc:source>") + b" " * 1024 * 1024, ALL) == (b"", False)
    packet, whole = kept(of(f"<dc:source>{'a' * 70_000}</dc:source><dc:title>b</dc:title>"), ALL)
    assert (whole, b"source" in packet, b"title" in packet) == (False, False, True)


def test_attributes_lists_and_languages_are_kept() -> None:
    body = '<dc:title><rdf:Alt><rdf:li xml:lang="x-&quot;">a &amp; b</rdf:li></rdf:Alt></dc:title>'
    packet, _ = kept(of(body, 'dc:source="&lt;c&gt;" xmp:Rating="3"'), ALL)
    (item,) = ElementTree.fromstring(packet).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
    assert (item.text, [*item.attrib.values()]) == ("a & b", ['x-"'])
    assert b"<dc:source>&lt;c&gt;</dc:source>" in packet
    assert b"<xmp:Rating>3</xmp:Rating>" in packet


@given(st.lists(st.tuples(st.integers(0, len(XMP)), st.binary(min_size=1, max_size=8)), max_size=6), st.booleans())
def test_whatever_a_packet_is_what_is_kept_is_a_small_one(wounds: list[tuple[int, bytes]], cut: bool) -> None:
    damaged = bytearray(XMP)
    for at, wound in wounds:
        damaged[at : at + len(wound)] = wound
    packet, _ = kept(bytes(damaged[: -len(wounds)] if cut else damaged), ALL)
    assert len(packet) <= PACKET_BYTES_MAX
    if packet:
        assert ElementTree.fromstring(packet) is not None
        assert kept(packet, ALL)[0] == packet
