"""HEIC files built from one coded picture: with tiles, rotations, alpha, code points, and false values for all
these."""

import base64
import struct
from collections.abc import Sequence
from typing import NamedTuple

from jobs.images import boxes
from worker.images.formats.heic import SAMPLE


class Item(NamedTuple):
    """One item of a file; `refers`: the kind of reference, and the numbers (from 1) of the items."""

    kind: bytes
    data: bytes
    properties: Sequence[bytes] = ()
    refers: tuple[bytes, tuple[int, ...]] | None = None
    hidden: bool = False


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


CORNERS = base64.b85decode(
    b"0000SW^{RQXk}@500000ZE0pPXk}@5ZE0a<00040ZDn*}000000000XXk=`10000000000aA{+700000000000000000000B57=IV*mg"
    b"E07O6l0RRC200001cmM$a00000006E4001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F#rGn01j|zbZr0t000010002gX>f9I000"
    b"2BX>en20001XXm(>m0R#vD005pi000009`FGC|M>U-"
    b"01pFT0096OKmiN^|NjIC00093o;Uyi0{{RXx&lC90096gLID8;2mk;B0G>Di00RI39*_bA2rRc!NlkNb5YS*i000I+00093LSg^`00=|"
    b"@!E%NS0we$c025<xY;ta6Y<K_x01W^JfB*mh6lrsCWdHyG00000fB*mhKmY&$5O8UDX#fBK00RgJ2mk;87in;9VE_OC000000RRC6fdT"
    b"^r0002CZDe6|00020C;_hqxaCl+H$U}UkN^L`T0V#S*gBv52=w2;M>Y5S5B>lD#$`pnup0XSOvDopLt1Okg(7P$IlW(;TD{1?9W&~fC$"
    b"-j2`J$iYTup$$3F7E~Bm;Xm?t?aA13HK5%P!oB`Ko0Iv_Sc#{DvHh#R$&Lf|*2qj^4^_i{OGxUY=3rH9gdMe);-"
    b"Ka)0_q<^TQn?1Mg5zx&5ufBp<VSpC!ZYJ>kgBK!"
)
"""Red and green over blue and white, 128 x 64, 4:4:4 (libx265's)."""


class Coded(NamedTuple):
    """A decoder's configuration, the coded picture, and its sides."""

    hvcc: bytes
    data: bytes
    width: int
    height: int


def coded(file: bytes) -> Coded:
    """The picture of a file that has one item."""
    whole = {each.kind: each.body for each in boxes.boxes(file)}
    properties = boxes.picture_properties(whole[b"meta"])
    hvcc = next(each.body for each in properties if each.kind == b"hvcC")
    return Coded(hvcc, whole[b"mdat"], *boxes.sides(properties))


PLAIN = coded(SAMPLE)


def ispe(width: int, height: int) -> bytes:
    return box(b"ispe", struct.pack(">III", 0, width, height))


def nclx(primaries: int, transfer: int, matrix: int = 6) -> bytes:
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, 0x80))


def picture(*more: bytes, of: Coded = PLAIN, sides: tuple[int, int] | None = None, hidden: bool = False) -> Item:
    """Of `sides` that are its own, or a lie."""
    return Item(b"hvc1", of.data, (box(b"hvcC", of.hvcc), ispe(*(sides or of[2:])), *more), hidden=hidden)


def grid(rows: int, columns: int, width: int, height: int, *more: bytes) -> list[Item]:
    """A picture of tiles, the first item, and its tiles."""
    head = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    tiles = tuple(range(2, 2 + rows * columns))
    whole = Item(b"grid", head, (ispe(width, height), *more), (b"dimg", tiles))
    return [whole, *(picture(hidden=True) for _ in tiles)]


def alpha(of: int = 1) -> Item:
    """The coded picture as the alpha of another."""
    kind = box(b"auxC", bytes(4) + b"urn:mpeg:hevc:2015:auxid:1\0")
    return picture(kind, hidden=True)._replace(refers=(b"auxl", (of,)))


def exif(block: bytes, of: int = 1) -> Item:
    return Item(b"Exif", bytes(4) + block, refers=(b"cdsc", (of,)), hidden=True)


def heic(*items: Item, brand: bytes = b"heic", primary: int = 1) -> bytes:
    """The file of these items, numbered from 1."""
    start = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    known: list[bytes] = []
    links, infos, references = b"", b"", b""
    for number, item in enumerate(items, 1):
        for each in item.properties:
            if each not in known:
                known.append(each)
        uses = bytes(known.index(each) + 1 | 0x80 * (each[4:8] == b"hvcC") for each in item.properties)
        links += struct.pack(">HB", number, len(uses)) + uses
        infos += box(b"infe", struct.pack(">BBBBHH4s", 2, 0, 0, item.hidden, number, 0, item.kind) + b"\0")
        if item.refers:
            kind, others = item.refers
            references += box(kind, struct.pack(f">HH{len(others)}H", number, len(others), *others))

    def meta(at: int) -> bytes:
        places = b""
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, at, len(item.data))
            at += len(item.data)
        handler = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        located = box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", len(items)) + places)
        named = box(b"iinf", bytes(4) + struct.pack(">H", len(items)) + infos)
        referred = box(b"iref", bytes(4) + references) if references else b""
        linked = box(b"ipma", bytes(4) + struct.pack(">I", len(items)) + links)
        properties = box(b"iprp", box(b"ipco", b"".join(known)) + linked)
        first = box(b"pitm", bytes(4) + struct.pack(">H", primary))
        return box(b"meta", bytes(4) + handler + first + located + named + referred + properties)

    head = len(start) + len(meta(0)) + 8
    return start + meta(head) + box(b"mdat", b"".join(item.data for item in items))


TEN_BITS = base64.b85decode(
    b"0000SW^{RQXk}@500000ZE0pPXk}@5ZE0a<0004eZDn*}000000000XXk=`10000000000aA{+700000000000000000000B57=IV*mg"
    b"E07O6l0RRC200001pa1~?000000015U001LtX>Mi!000000RR916=`l}WdZ;I000310BCk&F#rGn01j|zbZr0t000010002|X>f9I000"
    b"2oX>en20001WXm(>m0R#vD005o1000009`FGC{rdU<01pFT0096OKmiN^|NjIC00093owxu10{{RXx&lC90096hLID8;2mk;B0G+r100"
    b"RI39-"
    b"ttB1lew`N^6^dhJykC00RIr000930uW*V0RRR>0l{;?i2wiq6Ju{|a&BX6cmM$a4FCp!0000KX>)L8000000000$0000$0000eV{Bn?0"
    b"000$000010000W000010000000002|NsBs000020000GaA|mH000000}2WX0000OX>e^}0000000001009Mo0s{qv0000cZDe6|0000Q"
    b"C;_hqxRHs{f3WvId;E;M=zf$!5$Ong06z"
)
"""64 x 32, all (126, 64, 191), 10 bits a sample (libx265's)."""
