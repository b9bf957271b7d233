"""stores/ledger/postgres/values.py: the same bytes as psycopg's own dumpers make."""

from typing import Any

import pytest
from psycopg.adapt import PyFormat, Transformer

from stores.ledger.postgres.values import KINDS

WORDS = ["", "a", "zwölf", "日本", "\\{}\"',"]
CASES: list[tuple[str, Any, int]] = [
    ("bigint[]", [1 << 40, -(1 << 63), (1 << 63) - 1], 0),
    ("double precision[]", [1.5, -0.0, 1e300, None], 0),
    ("text[]", [*WORDS, None], 0),
    ("bytea[]", [b"", b"\0\xff", None], 0),
]


def theirs(value: Any) -> bytes:
    transformer = Transformer()
    dumper = transformer.get_dumper(value, PyFormat.BINARY)
    return bytes(dumper.dump(value) or b"")


@pytest.mark.parametrize(("name", "value", "_"), CASES, ids=[case[0] for case in CASES])
def test_an_array_is_as_psycopg_makes_it(name: str, value: Any, _: int) -> None:
    mine, other = KINDS[name].dump(value), theirs(value)
    assert mine[8:] == other[8:]  # but for the flag of NULLs, which psycopg sets by what it met
    assert len(mine) == len(other)


@pytest.mark.parametrize("name", [name for name in KINDS if name.endswith("[]")])
def test_an_empty_array_has_no_dimension(name: str) -> None:
    oid = KINDS[name.removesuffix("[]")].oid
    assert KINDS[name].dump([]) == bytes(8) + oid.to_bytes(4, "big")


def test_a_text_with_nul_is_one_that_the_server_takes() -> None:
    assert KINDS["text"].dump("a\0b") == "a\ufffdb".encode()
    assert KINDS["text[]"].dump(["\0", None]) == KINDS["text[]"].dump(["\ufffd", None])


@pytest.mark.parametrize(("name", "value"), [("bigint", -(1 << 62)), ("double precision", 2.5), ("bytea", b"\0x")])
def test_a_scalar_is_as_psycopg_makes_it(name: str, value: Any) -> None:
    assert KINDS[name].dump(value) == theirs(value)
    assert KINDS["text"].dump("zwölf") == "zwölf".encode()
