"""Forms as real clients write them: names in any encoding, parts between anything; and what bounds a part."""

import pytest

from jobs.errors import ClientFault, LimitExceeded
from jobs.limits import FORM_BYTES_MAX, FORM_PARTS_MAX, PARAMETERS_MAX, PART_HEADERS_BYTES_MAX, PART_HEADERS_MAX
from web.http.headers import filename_of, parameters
from web.http.multipart import Piece
from web.uploads.forms import Form

FIELDS = frozenset({"recipe", "preset"})
NAMED = b'Content-Disposition: form-data; name="image"; filename="a.png"'


class Kept:
    """The files of a form: name and bytes of each."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []

    def begin(self, filename: str) -> None:
        self.files.append((filename, b""))

    def write(self, data: Piece) -> None:
        name, before = self.files[-1]
        self.files[-1] = name, before + bytes(data)

    def end(self) -> None:
        pass


def part(head: bytes, content: bytes = b"bytes") -> bytes:
    return b"--XX\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def read(body: bytes, size: int = 1 << 20) -> tuple[list[tuple[str, bytes]], Form]:
    """The files of a body that comes in pieces of this size, and the form."""
    kept = Kept()
    form = Form("multipart/form-data; boundary=XX", kept, FIELDS)
    for at in range(0, len(body), size):
        form.feed(body[at : at + size])
    form.finish()
    return kept.files, form


def named(disposition: bytes) -> str | None:
    return filename_of(parameters(b"form-data; name=image" + disposition)[1])


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b"", None),
        (b'; filename=""', ""),
        (b"; filename=a.png", "a.png"),
        (b'; filename="a;b.png"; x=y', "a;b.png"),
        (rb'; filename="a\"b.png"', 'a"b.png'),
        (rb'; filename="C:\pics\x.png"', "x.png"),
        (b'; filename="no end', "no end"),
        (b'; filename="a"b.png"', "a"),
        ('; filename="föto 写真.png"'.encode(), "föto 写真.png"),
        ('; filename="café.png"'.encode("latin-1"), "café.png"),
        ('; filename="写真.png"'.encode("shift-jis"), "ŽÊ\ufffd^.png"),
        (b"; filename*=UTF-8''%e2%82%ac%20rates.png", "€ rates.png"),
        (b"; filename*=iso-8859-1'en'caf%E9.png", "café.png"),
        (b"; filename*=no-such''caf%E9.png", "café.png"),
        (b"; filename*=unicode_escape''%5cu0041.png", "u0041.png"),
        (b"; filename=\"=?utf-8?B?ZsO2dG8ucG5n?=\"; filename*=utf-8''f%C3%B6to.png", "föto.png"),
        (b"; filename*=broken; filename=b.png", "b.png"),
        (b"; filename*=broken", ""),
        (b'; filename="=?utf-8?B?ZsO2?= =?iso-8859-1?Q?t=F6_.png?="', "fötö .png"),
        (b'; filename="=?utf-8?B?Z?="', "=?utf-8?B?Z?="),
        ("; filename=\"10.32\u202fAM \u3000\u00a0.png\"".encode(), "10.32\u202fAM \u3000\u00a0.png"),
        ("; filename=\"می\u200cرود 👨\u200d👩.png\"".encode(), "می\u200cرود 👨\u200d👩.png"),
        ("; filename=\"a\u202egnp.\u2066\u200f\u0007\x7f\u2028b\ufeff.png\"".encode(), "agnp.b.png"),
    ],
)  # fmt: skip
def test_a_name_in_any_spelling_is_a_label(disposition: bytes, name: str | None) -> None:
    assert named(disposition) == name


@pytest.mark.parametrize("size", [1, 2, 3, 5, 50, 10_000])
@pytest.mark.parametrize(
    "before", [b"", b"\r\n", b"MIME-Version: 1.0\r\n\r\n", b"--XY\r\nnobody reads this\r\n", b"--XXX\r\n", b"--XX-\r\n"]
)
def test_what_is_before_and_behind_the_parts_is_passed_over(before: bytes, size: int) -> None:
    body = before + part(NAMED, b"\r\n--XXX\r\n-") + b"--XX-- \r\nepilogue\r\n--XX\r\nno part\r\n"
    files, _ = read(body, size)
    assert files == [("a.png", b"\r\n--XXX\r\n-")]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_parts_of_every_shape(size: int) -> None:
    text = b'Content-Disposition: form-data;\tname="preset"'
    body = part(text, b"other") + b"--XX \t\r\n\r\nof no head\r\n--XX\r\n" + NAMED + b"\r\n\r\n\r\n--XX\r\n" + NAMED
    body += b"\r\n\r\n\r\n--XX--"
    files, form = read(body, size)
    assert files == [("a.png", b""), ("a.png", b"")]
    assert (form.fields, form.ignored) == ({"preset": "other"}, [""])


@pytest.mark.parametrize(
    ("head", "files"),
    [
        (b"Content-Disposition: form-data; name=x\r\nContent-Type: image/png", [("", b"bytes")]),
        (b'Content-Disposition: form-data; name=x; filename=""', [("", b"bytes")]),
        (b"content-disposition:form-data;name=x;filename=\xff\xfe", [("ÿþ", b"bytes")]),
        (b"Content-Disposition: form-data; name=x", []),
        (b"Content-Disposition: form-data; name=recipe; filename=recipe.json", []),
    ],
)
def test_a_name_never_decides_about_a_file(head: bytes, files: list[tuple[str, bytes]]) -> None:
    assert read(part(head) + b"--XX--\r\n")[0] == files


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("line", [b"--XX\r\n", b"--XX \t\r\n", b"--XX--\r\n"])
def test_a_part_is_never_read_as_what_is_in_the_one_before_it(line: bytes, size: int) -> None:
    with pytest.raises(ClientFault, match="line end of its own"):
        read(b"--XX\r\n" + NAMED + b"\r\n\r\n" + line + NAMED + b"\r\n\r\nbytes\r\n--XX--\r\n", size)


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("content", [b"--XXX\r\n", b"--XX", b"--XX-", b"--XX \t", b"-", b"--XY\r\n--XX-x"])
def test_what_only_begins_like_a_boundary_is_content(content: bytes, size: int) -> None:
    assert read(part(NAMED, content) + b"--XX--", size)[0] == [("a.png", content)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_first_boundary_may_have_white_space_behind_it(size: int) -> None:
    assert read(b"--XX \t\r\n" + NAMED + b"\r\n\r\nbytes\r\n--XX--", size)[0] == [("a.png", b"bytes")]


def test_a_field_that_is_sent_as_a_file_is_that_field() -> None:
    _, form = read(part(b"Content-Disposition: form-data; name=recipe; filename=r.json", b"{}") + b"--XX--")
    assert form.fields == {"recipe": "{}"}


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (part(NAMED + b"\r\nX: " + b"x" * PART_HEADERS_BYTES_MAX), "part_headers_bytes_max"),
        (part(b"\r\n".join([NAMED] + [b"X-%d: " % n + b"x" * 2700 for n in range(7)])), "part_headers_bytes_max"),
        (part(b"\r\n".join([NAMED] + [b"X-%d: x" % n for n in range(PART_HEADERS_MAX)])), "part_headers_max"),
        (part(b"X: x") * (FORM_PARTS_MAX + 1), "form_parts_max"),
        (part(b"X: x", b"x" * FORM_BYTES_MAX), "form_bytes_max"),
        (b"x" * (FORM_BYTES_MAX + 1), "form_bytes_max"),
        (part(NAMED) + b"--XX--" + b"x" * FORM_BYTES_MAX, "form_bytes_max"),
        (part(b"X: " + b"x" * 15_000) * 80, "form_bytes_max"),
    ],
)
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_what_a_form_adds_to_its_files_is_bounded_each_and_in_all(body: bytes, limit: str, size: int) -> None:
    with pytest.raises(LimitExceeded) as fault:
        read(body, size)
    assert fault.value.members["limit"] == limit


def test_bytes_of_files_are_not_what_a_form_adds() -> None:
    assert len(read(part(NAMED, b"x" * 2 * FORM_BYTES_MAX) + b"--XX--")[0][0][1]) == 2 * FORM_BYTES_MAX


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (part(NAMED + b"\r\n" + NAMED), "twice"),
        (part(b"Content-Disposition: form-data; name=a; name=b"), "twice"),
        (part(b"Content-Disposition: form-data" + b";" * (PARAMETERS_MAX + 1)), "parameters"),
        (part(b"no colon"), "no header"),
        (part(NAMED + b"\r\nContent-Transfer-Encoding: BASE64"), "base64"),
        (b"--XX\n" + NAMED + b"\n\nbytes\n--XX--\n", "CRLF"),
        (part(NAMED), "closing boundary"),
        (part(b"Content-Disposition: form-data; name=preset", b"\xff") + b"--XX--", "preset is not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(body: bytes, words: str) -> None:
    with pytest.raises(ClientFault, match=words):
        read(body)


def test_a_malformed_form_is_no_line_of_our_log(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ClientFault):
        read(part(b"no colon"))
    assert caplog.messages == []


@pytest.mark.parametrize("boundary", ["", '=""', "=" + "x" * 201, '="a\tb"', "=ü"])
def test_a_boundary_is_bounded(boundary: str) -> None:
    with pytest.raises(ClientFault, match="boundary"):
        Form(f"multipart/form-data; boundary{boundary}", Kept(), FIELDS)
