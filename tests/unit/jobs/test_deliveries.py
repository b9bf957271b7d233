"""Ids, lanes and updates of deliveries."""

import pytest

from jobs.deliveries import CHANGING, DeliveryRow, delivery_id, lane_of, seq_of, update_of
from jobs.ids import mint
from jobs.leases import NONCE_BITS

ROW = DeliveryRow(7, "d7-0000000", "t", "j", None, "h t", "https://h/", "job.done", b"{}", 4, 1.5)


@pytest.mark.parametrize("nonce", [0, 1, (1 << NONCE_BITS) - 1])
def test_an_id_names_its_seq_and_differs_between_terms(nonce: int) -> None:
    assert seq_of(delivery_id(12, nonce)) == 12
    assert "." not in delivery_id(12, nonce)
    assert delivery_id(12, nonce) != delivery_id(12, nonce ^ 1) != delivery_id(13, nonce ^ 1)


@pytest.mark.parametrize("text", ["", "d1", "d1-", "d-0000000", "d1-000000", "d1-000000u", "d1-00000000", "x1-0000000"])
def test_other_texts_are_no_ids(text: str) -> None:
    assert seq_of(text) is None


def test_other_numbers_and_jobs_are_no_ids() -> None:
    assert seq_of("d²-0000000") is None
    assert seq_of(f"d{'9' * 19}-0000000") is None
    assert seq_of(mint(1e9, bytes(10))) is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Hooks.Example/x", "hooks.example"),
        ("https://hooks.example:8443/x?y=https://other/", "hooks.example"),
        ("https://hooks.example?a", "hooks.example"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("https://[2001:db8::1]/", "[2001:db8::1]"),
    ],
)
def test_a_lane_is_a_tenant_and_a_host(url: str, host: str) -> None:
    assert lane_of("t", url) == f"{host} t"


def test_an_update_has_what_an_attempt_changes() -> None:
    changed = ROW._replace(attempts=1, tries=2, due_at=3.0, state="s", status=4, error="e", answer="a", ended_at=5.0)
    assert update_of(changed)._asdict() == {"seq": 7, **{name: getattr(changed, name) for name in CHANGING}}
