"""The request of an attempt, as the broker makes it for a courier."""

from broker.core.couriers.deliveries import Sending
from broker.frames.signed import Signer
from jobs import wire

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def requests(*sendings: Sending) -> dict[bytes, list[wire.Delivery]]:
    """The requests of these attempts, by courier."""
    frames = Signer([b"s" * 32]).signed(sendings)
    return {peer: wire.to_worker.decode(frame).deliveries for peer, frame in frames}


def sending(peer: bytes, trace: str | None = None) -> Sending:
    return Sending(peer, "t", 1.5, "d1-0000000", 3, "https://h.example/x", b"{}", trace)


def test_each_courier_gets_its_own_signed() -> None:
    found = requests(sending(b"c"), sending(b"d"), sending(b"c"))
    assert [len(found[peer]) for peer in (b"c", b"d")] == [2, 1]
    (made, _) = found[b"c"]
    assert (made.id, made.attempt, made.url, made.body) == ("d1-0000000", 3, "https://h.example/x", b"{}")
    assert made.headers["webhook-signature"].startswith("v1,")
    assert "traceparent" not in made.headers


def test_the_trace_of_the_job_is_in_the_headers() -> None:
    ((made,),) = requests(sending(b"c", TRACE)).values()
    assert (made.headers["traceparent"], "tracestate" in made.headers) == (TRACE, False)
    ((made,),) = requests(sending(b"c", f"{TRACE} vendor=1")).values()
    assert (made.headers["traceparent"], made.headers["tracestate"]) == (TRACE, "vendor=1")
