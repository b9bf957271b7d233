"""bench/peers/load/arrivals.py: the moments of an open loop, and the bytes of a request."""

from email import message_from_bytes
from itertools import pairwise

from bench.peers.load import arrivals


def test_arrivals_are_as_many_as_the_rate_says_and_in_order() -> None:
    found = arrivals.arrivals(50, 200, seed=3)
    assert 9_500 < len(found) < 10_500
    assert found == sorted(found)
    assert found[0] > 0 and found[-1] < 200


def test_arrivals_are_those_of_their_seed() -> None:
    assert arrivals.arrivals(10, 5, seed=1) == arrivals.arrivals(10, 5, seed=1)
    assert arrivals.arrivals(10, 5, seed=1) != arrivals.arrivals(10, 5, seed=2)


def test_arrivals_come_in_bunches_as_independent_clients_do() -> None:
    found = arrivals.arrivals(10, 1000, seed=4)
    gaps = [after - before for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert 0.9 < variance / mean**2 < 1.1  # 1 for independent arrivals, 0 for even ones


def test_a_form_has_the_preset_and_the_file() -> None:
    before, after = arrivals.form_ends("five")
    body = before + b"the bytes" + after
    head = arrivals.upload_head("localhost:1", len(body)).split(b"\r\n", 1)[1]
    parts = message_from_bytes(head.rstrip(b"\r\n") + b"\r\n\r\n" + body).get_payload()
    assert isinstance(parts, list)
    preset, image = parts
    assert preset.get_param("name", header="content-disposition") == "preset"  # type: ignore[union-attr]
    assert preset.get_payload() == "five"  # type: ignore[union-attr]
    assert image.get_param("name", header="content-disposition") == "image"  # type: ignore[union-attr]
    assert image.get_payload() == "the bytes"  # type: ignore[union-attr]
    assert f"Content-Length: {len(body)}".encode() in head


def test_an_answer_that_was_cut_has_no_status() -> None:
    assert arrivals.answered(b'HTTP/1.1 202 Accepted\r\nA: b\r\n\r\n{"id":"x"}') == (202, b'{"id":"x"}')
    assert arrivals.answered(b"") == (0, b"")
    assert arrivals.answered(b"HTTP/1.1") == (0, b"")
