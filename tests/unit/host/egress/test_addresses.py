"""host/egress/addresses.py: what may be called, as it is written and as it is resolved."""

from ipaddress import ip_address

import pytest

from host.egress.addresses import (
    NEVER,
    Target,
    is_never,
    is_public,
    judge_address,
    judge_text,
    parse_allowed,
    split,
)
from jobs.errors import EgressRefused
from tests.support.servers.spellings import FORBIDDEN, GOOD_V4, GOOD_V6

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1", "169.253.255.255",
    "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    GOOD_V4, GOOD_V6, "2606:4700::1111", "2a00:1450:4001::1", "2400::1", "::ffff:8.8.8.8",
)  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_a_host_of_the_public_internet_may_be_called(text: str) -> None:
    assert is_public(ip_address(text)) and not is_never(ip_address(text))


@pytest.mark.parametrize("text", FORBIDDEN)
def test_no_other_address_may_be_called(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", [text for text in FORBIDDEN if "." in text])
def test_a_mapped_address_is_the_one_within(text: str) -> None:
    assert not is_public(ip_address(f"::ffff:{text}"))


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::a9fe:a9fe",
        "fe80::1", "fe80::5efe:a9fe:a9fe", "2a00::5efe:a9fe:a9fe", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1",
    ],
)  # fmt: skip
def test_link_local_and_its_kin_are_never_allowed_whatever_is_listed(text: str) -> None:
    target, address = split(f"http://{'[' + text + ']' if ':' in text else text}/"), ip_address(text)
    with pytest.raises(EgressRefused, match="never"):
        judge_address(target, address, parse_allowed("0.0.0.0/0 ::/0"))


def test_what_is_listed_may_be_called_at_its_port_and_at_no_other() -> None:
    allowed = parse_allowed("10.0.0.0/8, 127.0.0.1:8000 hook.internal hook.internal:9000")
    for url, address in (
        ("http://10.1.2.3/", "10.1.2.3"),
        ("http://127.0.0.1:8000/", "127.0.0.1"),
        ("http://hook.internal/", "192.168.0.9"),
        ("https://hook.internal:9000/", "fd00::1"),
        ("https://other.example/", "10.9.9.9"),
    ):
        judge_text(split(url), allowed)
        judge_address(split(url), ip_address(address), allowed)
    for url, address in (
        ("https://127.0.0.1/", "127.0.0.1"),
        ("https://127.0.0.1:8001/", "127.0.0.1"),
        ("https://hook.internal:9001/", "192.168.0.9"),
        ("https://other.example/", "192.168.0.9"),
    ):
        with pytest.raises(EgressRefused):
            judge_address(split(url), ip_address(address), allowed)


def test_http_and_other_ports_are_refused_unless_they_are_listed() -> None:
    for url in (
        "http://app.example/",
        "https://app.example:8443/",
        "https://93.184.215.14:22/",
        "http://app.example:25/",
    ):
        with pytest.raises(EgressRefused):
            judge_text(split(url), ())
    judge_text(split("http://app.example/"), (), http=True)
    with pytest.raises(EgressRefused):
        judge_text(split("http://app.example:25/"), (), http=True)


def test_an_address_is_read_in_one_way() -> None:
    assert split("HTTPS://App.Example:443/a%20b?q=1#f") == Target("https", "app.example", 443, "/a%20b?q=1", None)
    assert split("https://app.example.").host == "app.example"
    assert split("https://[2606:4700::1111]:8443/").authority == "[2606:4700::1111]:8443"
    assert split("https://app.example/a?secret=1").shown == "https://app.example/a"
    assert split("https://app.example").path == "/"


@pytest.mark.parametrize(
    "url",
    [
        "", "app.example", "//app.example", "ftp://app.example/", "file:///etc/passwd", "gopher://a.example/",
        "https://", "https:///x", "https://user@app.example/", "https://user:word@app.example/", "https://a b.example/",
        "https://app.example\\@127.0.0.1/", "https://app.example/\r\nHost: x", "https://\u0661.example/",
        "https://\uff11\uff12\uff17.0.0.1/", "https://127.1/", "https://0177.0.0.1/", "https://0x7f000001/",
        "https://2130706433/", "https://1.2.3/", "https://1.2.3.4.5/", "https://1.2.3.0x4/", "https://a..b/",
        "https://[::1/", "https://[::1%25lo]/", "https://[fe80::1%eth0]/", "https://[127.0.0.1]/", "https://[::1]x/",
        "https://app.example:99999/", "https://app.example:x/", "https://%31.example/", f"https://{'a' * 64}.example/",
        "https://" + "a." * 130 + "example/", "https://app.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_others_could_read_otherwise_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused):
        split(url)


@pytest.mark.parametrize(
    "entry", ["*", "10.0.0.0/33", "10.0.0.1/8", "a b:c", "host:0", "host:70000", "http://x", "1.2.3"]
)
def test_a_faulty_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"is no network|a port is"):
        parse_allowed(f"10.0.0.0/8,{entry.split()[-1] if ' ' in entry else entry}")


def test_there_are_more_than_fifty_and_some_are_never_allowed() -> None:
    assert len(set(FORBIDDEN)) >= 50
    assert {network.version for network in NEVER} == {4, 6}
