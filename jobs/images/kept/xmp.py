"""Writes a rendition's XMP: a new packet with those properties of the original that are still true. Pure.

Owns the list of these properties. A packet of the original is never copied, because it may hold previews, the steps of
the edit, and places within the picture. Only plain texts and lists of them are read, with a limit on their number.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

PACKET_BYTES_MAX = 65_502
"""Bytes of a written packet: a JPEG has one segment for it, with its own start."""
SOURCE_BYTES_MAX = 1024 * 1024
TEXTS_MAX, DEPTH_MAX = 1000, 32
"""Texts of one packet, and how deep its elements lie."""
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
_TEXTS = {
    "dc": (
        "contributor creator date description identifier language publisher relation rights source subject title type"
    ),
    "xmp": "CreateDate CreatorTool Label MetadataDate ModifyDate Rating",
    "xmpRights": "Certificate Marked Owner UsageTerms WebStatement",
    "photoshop": (
        "AuthorsPosition CaptionWriter Category Credit DateCreated Headline Instructions Source "
        "SupplementalCategories TransmissionReference Urgency"
    ),
    "Iptc4xmpCore": "AltTextAccessibility ExtDescrAccessibility IntellectualGenre Scene SubjectCode",
}
"""Who made the picture, when, what it shows, and who may use it. Not its sides, format, colours and history."""
_PLACES = {"photoshop": "City Country State", "Iptc4xmpCore": "CountryCode Location"}
_RIGHTS = {"dc": "rights creator"}
_OF_KINDS = {"xmp": _TEXTS, "copyright": _RIGHTS}
_LISTS = {f"{_RDF} {kind}": kind for kind in ("Alt", "Bag", "Seq")}
_ITEM, _WHOLE, _ABOUT = f"{_RDF} li", [f"{_RDF} RDF", f"{_RDF} Description"], f"{_RDF} about"


class Value(NamedTuple):
    """The value of a property: a text, or a list of that kind (Alt, Bag, Seq) of texts, each with its language."""

    kind: str
    texts: tuple[tuple[str, str], ...]


def kept(packet: bytes, kinds: Collection[str]) -> tuple[bytes, bool]:
    """The packet of a rendition that keeps these kinds (`xmp`, `copyright`; with `xmp` and `location` also places), b""
    if there is nothing to keep; and whether all had room. The largest values are left out first. A damaged packet has
    nothing to keep."""
    wanted = {
        f"{_NAMESPACES[prefix]} {name}": f"{prefix}:{name}"
        for kind, names in _OF_KINDS.items()
        if kind in kinds
        for part in (names, _PLACES if kind == "xmp" and "location" in kinds else {})
        for prefix, each in part.items()
        for name in each.split()
    }
    if not wanted or len(packet) > SOURCE_BYTES_MAX:
        return b"", len(packet) <= SOURCE_BYTES_MAX
    found = {wanted[name]: _element(wanted[name], value) for name, value in _read(packet).items() if name in wanted}
    whole = True
    while found and len(_packet(found)) > PACKET_BYTES_MAX:
        del found[max(found, key=lambda name: len(found[name]))]
        whole = False
    return (_packet(found) if found else b""), whole


class _Stop(Exception):
    """The packet is not read any further."""


class _Reader:
    """Collects the values of properties, of the topmost description only."""

    def __init__(self) -> None:
        self.found: dict[str, Value] = {}
        self._path: list[str] = []
        self._list, self._texts, self._language, self._text = "", [("", "")], "", ""
        self._plain, self._number = True, 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) > DEPTH_MAX:
            raise _Stop
        within = self._within()
        if within == 0:
            for key, text in attributes.items():
                if key != _ABOUT:
                    self._add(key, Value("", (("", text),)))
        elif within == 1:
            self._list, self._texts, self._text = "", [], ""
            self._plain = not attributes.keys() - {_LANGUAGE}
        elif within == 2 and name in _LISTS and not self._list:
            self._list = _LISTS[name]
        elif within == 3 and name == _ITEM and not attributes.keys() - {_LANGUAGE}:
            self._language, self._text = attributes.get(_LANGUAGE, ""), ""
        elif within > 0:
            self._plain = False

    def text(self, data: str) -> None:
        self._text += data

    def end(self, name: str) -> None:
        within = self._within()
        if within == 3 and name == _ITEM:
            self._texts.append((self._language, self._text))
        elif within == 1 and self._plain:
            texts = self._texts if self._list else [("", self._text)]
            self._add(name, Value(self._list, tuple(texts)))
        self._path.pop()

    def _within(self) -> int:
        """How many elements lie around this one within the description; -1: it is outside."""
        for at in range(min(2, len(self._path))):
            if self._path[at : at + 2] == _WHOLE:
                return len(self._path) - at - 2
        return -1

    def _add(self, name: str, value: Value) -> None:
        self._number += len(value.texts)
        if self._number > TEXTS_MAX:
            raise _Stop
        if value.texts:
            self.found.setdefault(name, value)


def _read(packet: bytes) -> dict[str, Value]:
    """The properties of a packet, by namespace and name; what is damaged ends the reading."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.begin, reader.end
    parser.CharacterDataHandler = reader.text
    refuse: Callable[..., Any] = _refused
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(packet.strip(b"\0"), True)
    except (expat.ExpatError, _Stop, ValueError):
        return {}
    return reader.found


def _refused(*_: object) -> None:
    raise _Stop


def _element(name: str, value: Value) -> str:
    if not value.kind:
        return f"<{name}>{escape(value.texts[0][1])}</{name}>"
    items = "".join(
        f"<rdf:li{f' xml:lang={quoteattr(language)}' if language else ''}>{escape(text)}</rdf:li>"
        for language, text in value.texts
    )
    return f"<{name}><rdf:{value.kind}>{items}</rdf:{value.kind}></{name}>"


def _packet(elements: dict[str, str]) -> bytes:
    prefixes = sorted({name.partition(":")[0] for name in elements})
    spaces = "".join(f' xmlns:{prefix}="{_NAMESPACES[prefix]}"' for prefix in prefixes)
    body = "".join(each for _, each in sorted(elements.items()))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""{spaces}>{body}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="r"?>'
    ).encode()
