"""Which addresses of strangers may be called: the tables, and the judgement of an address as it is written or resolved.

Pure. The tables are our own: `ipaddress.is_global` differs between versions of Python, and lets multicast and NAT64
pass. Opens no socket and asks no resolver (host/egress/gate.py does).
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from jobs.errors import EgressRefused

ADDRESS_CHARACTERS_MAX = 2000
PORTS = {"https": 443, "http": 80}
"""The schemes that may be called, and their ports. Other ports only as EGRESS_ALLOW names them."""
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        ),
    )
)  # fmt: skip
"""IANA's IPv4 special-purpose registry, whole, and multicast."""
UNICAST_V6 = IPv6Network("2000::/3")
"""What IANA has given out for the public internet. All other IPv6 is refused: unique local, link-local, multicast,
NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), IPv4-compatible, and what will be invented."""
SPECIAL_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)  # fmt: skip
"""Of those: protocol assignments (Teredo, benchmarks, ORCHID), documentation, 6to4, AS112."""
ISATAP = 0x5EFE
"""The middle of an interface identifier that holds an IPv4 address (RFC 5214)."""
NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::/128", "fe80::/10", "ff00::/8",
            "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128",
        ),
    )
)  # fmt: skip
"""EGRESS_ALLOW opens none of these: unspecified, link-local, multicast, and the metadata services of clouds."""
_EMBEDDING = {IPv6Network("::/96"): 0, IPv6Network("64:ff9b::/96"): 0, IPv6Network("2002::/16"): 80}
"""Networks whose addresses hold an IPv4 address, and how many bits are behind it."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
"""A name that ends in a number is an IPv4 address to some resolvers: 127.1, 0x7f.1, 2130706433 (WHATWG URL, 3.5)."""
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]*)?", re.ASCII)
_PRINTED = re.compile(r"[\x21-\x5b\x5d-\x7e]+", re.ASCII)
"""Visible ASCII without the backslash, which some readers take for a slash."""


class Target(NamedTuple):
    """An address as it is written. `host`: in lower case, without brackets; `literal`: the same if it is no name.
    `path` has the query, and no fragment."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The address for logs: without its query, which is a secret."""
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"


class Allowed(NamedTuple):
    """One entry of EGRESS_ALLOW: a network or a name, with any standard port, or with just `port`."""

    network: Network | None
    name: str
    port: int | None

    def is_for(self, host: str, address: Address | None, port: int) -> bool:
        """Whether it allows this address of this host, at this port."""
        if self.port != port if self.port is not None else port not in PORTS.values():
            return False
        return host == self.name if self.network is None else address is not None and _within(address, self.network)


def split(url: str) -> Target:
    """Read an address strictly. Raises EgressRefused."""
    if len(url) > ADDRESS_CHARACTERS_MAX:
        raise EgressRefused(f"an address has at most {ADDRESS_CHARACTERS_MAX} characters, not {len(url)}")
    if not _PRINTED.fullmatch(url):
        raise EgressRefused("an address has visible ASCII characters only, and no backslash: encode the others")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EgressRefused("this is no address") from None
    if parts.scheme not in PORTS:
        raise EgressRefused(f"an address begins with https:// or http://, not {parts.scheme[:20]!r}")
    if "@" in parts.netloc:
        raise EgressRefused("an address must have no user name and no password")
    host, literal = _host(parts.netloc, parts.hostname or "")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path, literal)


def _host(netloc: str, host: str) -> tuple[str, Address | None]:
    if netloc.startswith("["):
        try:
            return host, IPv6Address(_BRACKETED.fullmatch(netloc)[1])  # type: ignore[index]
        except (ValueError, TypeError):
            raise EgressRefused("this is no IPv6 address") from None
    host = host.removesuffix(".")
    if _NUMERIC.fullmatch(host):
        try:
            return host, IPv4Address(host)
        except ValueError:
            raise EgressRefused("write an IPv4 address as four numbers without leading zeros") from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise EgressRefused("this is no host name: write an international one in its xn-- form")
    return host, None


def parse_allowed(text: str) -> tuple[Allowed, ...]:
    """The entries of EGRESS_ALLOW, separated by commas or white space. Raises ValueError with the faulty one."""
    return tuple(_allowed(entry) for entry in text.replace(",", " ").split())


def _allowed(entry: str) -> Allowed:
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?|([0-9a-fA-F:.]+(?:/\d+)?)", entry)
    if found is None:
        raise ValueError(f"{entry!r} is no network, host or host:port")
    port = found[2] or found[4]
    if port is not None and not 1 <= int(port) <= 65_535:
        raise ValueError(f"{entry!r}: a port is 1 to 65535")
    place = (found[1] or found[3] or found[5]).lower()
    try:
        return Allowed(ip_network(place), "", int(port) if port else None)
    except ValueError:
        if _NUMERIC.fullmatch(place) or not _NAME.fullmatch(place):
            raise ValueError(f"{entry!r} is no network, host or host:port") from None
    return Allowed(None, place, int(port) if port else None)


def judge_text(target: Target, allowed: Sequence[Allowed], *, http: bool = False) -> None:
    """Judge what is plain from the text: scheme, port, and an address that is written out. `http`: the operator listed
    this very address, so it may be http. Raises EgressRefused."""
    listed = any(each.is_for(target.host, target.literal, target.port) for each in allowed)
    if target.scheme == "http" and not (http or listed):
        raise EgressRefused("http is refused, use https (PIXMILL_EGRESS_ALLOW names the exceptions)")
    if target.port not in PORTS.values() and not listed:
        may = target.literal is None and any(each.network and each.port == target.port for each in allowed)
        if not may:  # else its addresses decide
            raise EgressRefused(f"port {target.port} is refused, 80 and 443 are allowed")
    if target.literal is not None:
        judge_address(target, target.literal, allowed)


def judge_address(target: Target, address: Address, allowed: Sequence[Allowed]) -> None:
    """Judge one address that the host has. Raises EgressRefused."""
    if is_never(address):
        raise EgressRefused("this address is never called")
    if any(each.is_for(target.host, address, target.port) for each in allowed):
        return
    if not is_public(address) or target.port not in PORTS.values():
        raise EgressRefused("this address is not public")


def is_public(address: Address) -> bool:
    """Whether it is a host of the public internet."""
    if isinstance(address, IPv6Address):
        if (mapped := address.ipv4_mapped) is not None:
            return is_public(mapped)
        tunnelled = int(address) >> 32 & 0xFDFFFFFF == ISATAP
        return address in UNICAST_V6 and not tunnelled and not any(address in network for network in SPECIAL_V6)
    return not any(address in network for network in SPECIAL_V4)


def is_never(address: Address) -> bool:
    """Whether no setting allows it, also as the IPv4 address that it holds."""
    return any(_within(each, network) for each in (address, *_embedded(address)) for network in NEVER)


def _embedded(address: Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    number = int(address)
    found = [number >> bits for network, bits in _EMBEDDING.items() if address in network]
    if number >> 32 & 0xFDFFFFFF == ISATAP:
        found.append(number)
    if address.teredo is not None:
        found.append(int(address.teredo[1]))
    if address in IPv6Network("::/96") and number < 1 << 16:
        found = []  # ::1 and its neighbours hold no address
    return [IPv4Address(each & 0xFFFFFFFF) for each in found]


def _within(address: Address, network: Network) -> bool:
    """Whether the network has the address; a mapped address counts as the IPv4 address in it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version == network.version and address in network


def literal_of(text: str) -> Address | None:
    """The address in a resolver's answer; None if it has a scope or is none."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None
