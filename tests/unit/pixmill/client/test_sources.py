"""What can be uploaded, and sent once more after a lost connection."""

import io
import os
import tempfile
from pathlib import Path

import pytest

from pixmill.client.sources import File, source_of
from pixmill.testing import FakePixmill

DATA = b"\xff\xd8\xff" + bytes(range(256)) * 10


def read_twice(file: File, filename: str | None = None) -> tuple[str, list[bytes]]:
    read = []
    with source_of(file, filename) as source:
        for begins in (False, True):
            with source.open() as opened:
                if not begins:
                    opened.read(7)
                    opened.seek(0)
                read.append(opened.read(100) + opened.read())
        return source.filename, read


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_an_image(kind: type) -> None:
    assert read_twice(kind(DATA)) == ("image", [DATA, DATA])
    assert read_twice(kind(DATA), "a.jpg") == ("a.jpg", [DATA, DATA])


def test_a_path_is_opened_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(DATA)
    assert read_twice(tmp_path / "a.jpg") == ("a.jpg", [DATA, DATA])
    assert read_twice(str(tmp_path / "a.jpg"), "b.jpg") == ("b.jpg", [DATA, DATA])


def test_a_file_is_read_from_where_it_stands_and_left_open(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"head" + DATA)
    with (tmp_path / "a.jpg").open("rb") as file:
        file.seek(4)
        assert read_twice(file) == ("a.jpg", [DATA, DATA])
        assert not file.closed
    with tempfile.SpooledTemporaryFile() as spooled:  # as of FastAPI's UploadFile
        spooled.write(DATA)
        spooled.seek(0)
        assert read_twice(spooled) == ("image", [DATA, DATA])  # type: ignore[arg-type]


def test_a_pipe_is_copied_so_that_it_can_be_sent_again() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as write:
        write.write(DATA)
    with os.fdopen(reading, "rb") as read:
        assert read_twice(read) == ("image", [DATA, DATA])


def test_what_is_no_file_in_binary_mode_is_refused_at_once() -> None:
    client = FakePixmill().client()
    with client, pytest.raises(TypeError, match='open it with "rb"'):
        client.upload(io.StringIO("text"))  # type: ignore[call-overload]
    with client, pytest.raises(TypeError, match="a path, bytes or a file object, not int"):
        client.upload(7)  # type: ignore[call-overload]


def test_bytes_are_counted_each_time_they_are_sent() -> None:
    counted: list[int] = []
    with source_of(DATA, None, counted.append) as source:
        for _ in range(2):
            with source.open() as opened:
                while opened.read(1000):
                    pass
    assert counted == [1000, 2000, len(DATA), len(DATA)] * 2
