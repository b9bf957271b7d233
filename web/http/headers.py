"""Parses the values of headers: parameters, lists, the names of files.

Owns the habits of clients beyond the RFCs. Each value is parsed in linear time. Knows no request.
"""

import binascii
import re
import unicodedata
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers

from jobs.errors import ClientFault
from jobs.limits import FILENAME_CHARACTERS_MAX, PARAMETERS_MAX

Parameters = dict[bytes, bytes]
_PARAMETER = re.compile(rb';[ \t]*([^\s;="]*)[ \t]*(?:=[ \t]*("[^"\\]*(?:\\.[^"\\]*)*"?|[^;"]*))?[^;]*', re.DOTALL)
"""Never fails and never backtracks: an unclosed quotation takes the whole rest."""
_EXTENDED = re.compile(rb"([^']*)'[^']*'(.*)", re.DOTALL)
_ENCODED_WORD = re.compile(rb"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]*)\?=[ \t]*")
_CHARSETS = frozenset({"utf-8", "iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1251", "windows-1252", "koi8-r"})
_CHARSETS |= frozenset({"iso-2022-jp", "shift_jis", "euc-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr"})
"""The accepted encodings of names. Some other codecs of Python do not run in linear time."""
_CUT = 4 * FILENAME_CHARACTERS_MAX
_JOINERS = frozenset("\u200c\u200d")
"""Persian words and emoji need these. Others of their category reverse text, or are invisible."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def parameters(value: bytes) -> tuple[bytes, Parameters]:
    """A value's first word, in lower case, and what follows as `;name=value` (RFC 9110, 5.6.6), the first of each name.
    Raises ClientFault past PARAMETERS_MAX."""
    word = value.partition(b";")[0]
    at, found, count = len(word), Parameters(), 0
    while at < len(value):
        if (count := count + 1) > PARAMETERS_MAX:
            raise ClientFault(f"a header has more than {PARAMETERS_MAX} parameters: {value[:40]!r}")
        match = _PARAMETER.match(value, at)
        assert match is not None  # at a semicolon, which is all that it needs
        name, text = match[1].lower(), match[2] or b""
        if name and name in found:
            raise ClientFault(f"a header has the parameter {name!r} twice")
        quoted = text.startswith(b'"')
        found[name] = _unescaped(text[1:].removesuffix(b'"')) if quoted else text.strip()
        at = match.end()
    return word.strip().lower(), found


def _unescaped(quoted: bytes) -> bytes:
    """Resolves the quoted pairs that are in use. Other backslashes stay: some clients send Windows paths unescaped."""
    return quoted.replace(b"\\\\", b"\\").replace(b'\\"', b'"')


def text_of(data: bytes | bytearray) -> str:
    """Text in UTF-8 or, where it is not, in the encoding that browsers take then."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("windows-1252", "replace")


def filename_of(found: Parameters) -> str | None:
    """The file name in a Content-Disposition, as a label; None if there is none, empty if it is empty. `filename*` goes
    before `filename` (RFC 6266, 4.3), unless it is malformed."""
    plain, extended = found.get(b"filename"), _EXTENDED.fullmatch(found.get(b"filename*", b""))
    if extended and (name := _decoded(unquote_to_bytes(extended[2]), extended[1])):
        return plain_filename(name)
    if plain is None:
        return "" if b"filename*" in found else None
    return plain_filename(_decoded_words(plain) or text_of(plain))


def plain_filename(name: str) -> str:
    """A client's file name as a label, cut to its limit: no folders, no invisible or reversing characters."""
    base = name.replace("\\", "/").rpartition("/")[2][:_CUT]
    if not base.isprintable():
        base = "".join(filter(_is_seen, base))
    return base[:FILENAME_CHARACTERS_MAX]


def joined(headers: Headers, name: str) -> str:
    """All lines of a list header, joined into one (RFC 9110, 5.3)."""
    return ", ".join(headers.getlist(name))


def accepted(value: str) -> set[str]:
    """The media types that an Accept names, in lower case, except those that it refuses by `q=0`."""
    ranges = [[part.strip().lower() for part in each.split(";")] for each in value.split(",")]
    return {name for name, *given in ranges if not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", each) for each in given)}


def _is_seen(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _UNSEEN


def _decoded(data: bytes, charset: bytes) -> str:
    name = charset.decode("latin-1").lower()
    try:
        return data.decode(name) if name in _CHARSETS else text_of(data)
    except UnicodeDecodeError:
        return text_of(data)


def _decoded_words(data: bytes) -> str:
    """A name of nothing but encoded words (RFC 2047), which mail libraries write; else nothing."""
    if not data.startswith(b"=?") or len(data) > _CUT:
        return ""
    decoded, at = [], 0
    while at < len(data) and (word := _ENCODED_WORD.match(data, at)):
        charset, encoding, text = word.groups()
        try:
            raw = binascii.a2b_base64(text) if encoding in b"bB" else binascii.a2b_qp(text, header=True)
        except binascii.Error:
            return ""
        decoded.append(_decoded(raw, charset))
        at = word.end()
    return "".join(decoded) if at == len(data) else ""
