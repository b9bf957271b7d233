"""Forbidden addresses, each in a dozen spellings: the advisories of other projects as a list.

imgproxy GHSA-j2hp-6m75-v4j4 (0.0.0.0) and 4.0.12 (CGNAT, IPv4-compatible, 6to4, NAT64, Teredo, ISATAP), Bifrost
GHSA-w98g-5w9p-p3rc (fec0::/10), whoogle#1310 (names such as 127-0-0-1.nip.io), llama_index#21671 (decimal and octal).
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

FORBIDDEN = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "100.100.100.200",
    "127.0.0.1", "127.0.0.53", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254",
    "192.0.0.1", "192.0.0.192", "192.0.2.2", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1",
    "192.168.255.254", "192.175.48.1", "198.18.0.1", "198.19.255.254", "198.51.100.7", "203.0.113.9", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2606:4700::5efe:7f00:1", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
)  # fmt: skip
"""More than fifty."""
GOOD_V4, GOOD_V6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Spelling(NamedTuple):
    """One way to write a forbidden address. `answers`: what a resolver says of the name in it, in this order, once for
    each question. `redirected`: a good server sends its caller there."""

    url: str
    answers: tuple[tuple[str, ...], ...] = ()
    redirected: bool = False


def spellings(forbidden: str) -> Iterator[Spelling]:
    """All of one address."""
    address = ip_address(forbidden)
    yield from _of_v4(address) if isinstance(address, IPv4Address) else _of_v6(address)
    name = forbidden.replace(".", "-").replace(":", "-")
    good = GOOD_V4 if address.version == 4 else GOOD_V6
    literal = f"[{address}]" if address.version == 6 else str(address)
    yield Spelling(f"http://a{name}.nip.example/", ((forbidden,),) * 3)
    yield Spelling("http://mixed.example/", ((good, forbidden),) * 3)
    yield Spelling("http://turned.example/", ((good,), (forbidden,), (forbidden,)))
    yield Spelling(f"http://{literal}/", ((good,),), redirected=True)
    yield Spelling(f"http://good.example@{literal}/", ((good,),))


def _of_v4(address: IPv4Address) -> Iterator[Spelling]:
    number = int(address)
    a, b, c, d = address.packed
    yield from map(
        Spelling,
        (
            f"http://{address}/",
            f"http://{number}/",
            f"http://{number:#x}/",
            f"http://0{a:o}.0{b:o}.0{c:o}.0{d:o}/",
            f"http://{a:#x}.{b:#x}.{c:#x}.{d:#x}/",
            f"http://{a}.{b}.{c << 8 | d}/",
            f"http://{address}./",
            f"http://[::ffff:{address}]/",
            f"http://[::{address}]/",
            f"http://[64:ff9b::{address}]/",
            f"http://[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]/",
            f"http://{address}:80/",
        ),
    )


def _of_v6(address: IPv6Address) -> Iterator[Spelling]:
    yield from map(
        Spelling,
        (
            f"http://[{address}]/",
            f"http://[{address.exploded}]/",
            f"http://[{str(address).upper()}]/",
            f"http://[{address}]:80/",
            f"http://[{address}%25lo]/",
            f"http://[{address}%lo]/",
            f"http://[{address}]./",
            f"https://[{address}]/",
            f"http://good.example:80@[{address}]:80/",
        ),
    )
