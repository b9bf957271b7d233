"""BROKERS: a number, addresses, or the file that lists them."""

import pytest

from host.settings.brokers import (
    Address,
    broker_addresses,
    brokers_file,
    brokers_here,
    has_standbys,
    is_on_tcp,
    listed_addresses,
)
from host.settings.settings import parse
from jobs.errors import SetupFault


@pytest.mark.parametrize(
    ("brokers", "addresses", "file", "here", "standbys"),
    [
        ("1", (), "", 1, False),
        ("5", (), "", 5, True),
        ("tcp://10.0.0.1:7000", (("10.0.0.1", 7000),), "", 1, False),
        ("tcp://broker.local:65532", (("broker.local", 65532),), "", 1, False),
        ("tcp://[::1]:7000", (("::1", 7000),), "", 1, False),
        ("tcp://a:1, tcp://b:1", (("a", 1), ("b", 1)), "", 1, True),
        ("file:/etc/pixmill/brokers", (), "/etc/pixmill/brokers", 1, True),
    ],
)
def test_what_the_setting_says(
    brokers: str, addresses: tuple[Address, ...], file: str, here: int, standbys: bool
) -> None:
    assert (broker_addresses(brokers), brokers_file(brokers)) == (addresses, file)
    assert (brokers_here(brokers), has_standbys(brokers)) == (here, standbys)
    assert is_on_tcp(brokers) == bool(addresses or file)
    assert parse({"PIXMILL_BROKERS": brokers})[0].brokers == brokers


@pytest.mark.parametrize(
    "brokers",
    [
        *("0", "6", "10", "", "tcp://*:7000", "tcp://a:0", "tcp://a:65533", "tcp://a", "ipc://a", "tcp://a:1,2"),
        *("tcp://a:1,tcp://a:1", ",".join(f"tcp://a:{port}" for port in range(1, 7))),
        *("file:", "file:brokers", "file:/", "file:/etc/"),
    ],
)
def test_what_is_no_list_is_a_fault_by_name(brokers: str) -> None:
    with pytest.raises(SetupFault, match=r"PIXMILL_BROKERS=.+ must be 1 to 5, or the broker's address.* or file:/PATH"):
        parse({"PIXMILL_BROKERS": brokers})


def test_a_list_has_an_address_a_line() -> None:
    assert listed_addresses("tcp://10.0.0.5:7000\n\ntcp://[fd00::6]:7000\n") == (("10.0.0.5", 7000), ("fd00::6", 7000))
