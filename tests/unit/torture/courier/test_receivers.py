"""Each kind of receiver does what its name says, seen through the courier's own attempt."""

from collections.abc import Iterator

import pytest

from courier.delivering import deliver
from host.egress.addresses import parse_allowed
from host.egress.gate import Gate, Stop
from jobs.wire import Attempted, Delivery
from torture.courier.receivers import GONE, Receivers


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    made = Receivers(slow_seconds=0.3)
    yield made
    made.close()


def attempt(receivers: Receivers, kind: str) -> Attempted:
    gate = Gate(parse_allowed(",".join(receivers.addresses.values())))
    headers = {"webhook-id": f"msg_{kind}", "content-type": "application/json"}
    return deliver(gate, Delivery("d", 1, receivers.url(kind), headers, b"{}"), Stop())[0]


def test_each_kind_is_hostile_in_its_way_until_it_calms_down(receivers: Receivers) -> None:
    first = {kind: attempt(receivers, kind) for kind in receivers.addresses}
    assert {kind: each.status for kind, each in first.items()} == {
        "good": 204, "slow": 204, "failing": 500, "busy": 429, "redirect": 302, "huge": 200, "cut": 0, GONE: 410,
        "down": 0,
    }  # fmt: skip
    assert first["busy"].retry_after == 1.0
    assert first["slow"].seconds >= 0.3
    assert attempt(receivers, "busy").status == 204, "the second attempt"
    assert attempt(receivers, "failing").status == 500
    receivers.calm()
    again = {kind: attempt(receivers, kind).status for kind in receivers.addresses}
    assert again == {**dict.fromkeys(receivers.addresses, 204), "huge": 200, GONE: 410}
    assert receivers.victim.called.total() == 0
    heard = receivers.heard()
    assert {kind for kind, _ in heard} == set(receivers.addresses)
    assert len([kind for kind, _ in heard if kind == "down"]) == 1, "only once it was up"
