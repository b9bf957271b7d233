"""The receivers of WEBHOOKS, read from text."""

import pytest

from host.egress.addresses import parse_allowed
from host.egress.receivers import RECEIVERS_MAX, parse_receivers
from jobs.limits import WEBHOOK_CHARACTERS_MAX


def test_a_receiver_for_each_tenant() -> None:
    text = "acme=https://a.example/?x=1, bolt=https://b.example/y\nhttps://all.example/z?a=b"
    assert parse_receivers(text, ()) == {
        "acme": "https://a.example/?x=1", "bolt": "https://b.example/y", "": "https://all.example/z?a=b",
    }  # fmt: skip
    assert parse_receivers("=https://a.example/", ()) == {"": "https://a.example/"}
    assert parse_receivers(" ", ()) == {}


def test_where_there_are_keys_each_is_of_a_tenant_that_has_one() -> None:
    assert parse_receivers("acme=https://a.example/", (), {"acme", "bolt"}) == {"acme": "https://a.example/"}
    with pytest.raises(ValueError, match="entry 2: no API key is of the tenant 'acmee'"):
        parse_receivers("acme=https://a.example/ acmee=https://b.example/", (), {"acme"})
    with pytest.raises(ValueError, match="entry 1: it names no tenant"):
        parse_receivers("https://a.example/", (), {"acme"})


def test_what_could_never_be_delivered_is_refused_unless_it_is_allowed() -> None:
    for url, why in (("http://a.example/", "http is refused"), ("https://10.0.0.1/", "not public")):
        with pytest.raises(ValueError, match=f"entry 1: .*{why}"):
            parse_receivers(url, ())
    allowed = parse_allowed("10.0.0.0/8 a.example")
    assert parse_receivers("http://a.example/", allowed) == {"": "http://a.example/"}
    assert parse_receivers("https://10.0.0.1/", allowed) == {"": "https://10.0.0.1/"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("acme=ftp://x/secret", "entry 1: an address begins with"),
        ("a=https://x/,a=https://y/", "entry 2 is the second one of its tenant"),
        (f"https://x/{'s' * WEBHOOK_CHARACTERS_MAX}", f"{WEBHOOK_CHARACTERS_MAX} are allowed"),
        (" ".join(f"t{number}=https://x/" for number in range(RECEIVERS_MAX + 1)), f"{RECEIVERS_MAX} are allowed"),
    ],
)
def test_a_fault_names_its_entry_and_no_secret(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as fault:
        parse_receivers(text, ())
    assert "secret" not in str(fault.value)
