"""Facts in messages and in the ledger."""

import msgspec
import pytest

from jobs.images.facts import Facts, Info, Location, Placeholder, decode, encode
from jobs.job import FACTS_BYTES_MAX

TEXT = "日" * 100
INFO = Info(
    6, 500, 1, 2**53, 2**53, True, False, 16, "palette", "4:2:0", True, 299.99, TEXT, (65535, 65535),
    ("colours", "hdr"), True, "f" * 16, "#102030", ("#102030",) * 16, "2026-12-01T04:30:05+02:00", TEXT, TEXT, TEXT,
    1 / 3, 2.8, 2**31, 50.1, TEXT, TEXT, Location(-48.2083333, 179.3725111, -78.51), TEXT, TEXT,
)  # fmt: skip
"""Each text as long as may be, in bytes."""
PLACEHOLDER = Placeholder("a" * 64, "b" * 64, "data:image/webp;base64," + "c" * 600)


def test_facts_come_back_and_fit() -> None:
    facts = Facts((4000, 3000), "#102030", PLACEHOLDER, INFO)
    assert len(encode(facts)) <= FACTS_BYTES_MAX
    assert decode(encode(facts)) == facts


def test_facts_that_are_too_long_are_not_sent() -> None:
    with pytest.raises(ValueError, match="4096"):
        encode(Facts((1, 1), "#102030", msgspec.structs.replace(PLACEHOLDER, blurhash="b" * 5000)))


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x91", msgspec.msgpack.encode([[1, 1], "red"]), b"\xa1\xff"])
def test_what_cannot_be_read_is_none(data: bytes) -> None:
    assert decode(data) is None


def test_a_later_release_may_say_more_and_an_earlier_one_less() -> None:
    assert decode(msgspec.msgpack.encode([[1, 2], None, None, None, "new"])) == Facts((1, 2))
    assert decode(msgspec.msgpack.encode([[1, 2]])) == Facts((1, 2))
