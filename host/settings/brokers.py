"""The setting BROKERS: a number of brokers on this machine, the addresses of some, or the file that lists them. Pure.

host/sockets/brokers.py reads that file, and looks names up.
"""

import re

from host.settings.bounds import BROKERS_MAX

SOCKETS = ("jobs", "workers", "receipts", "changes")
"""The broker's sockets; on tcp they have consecutive ports."""
_FILE = "file:"

Address = tuple[str, int]
"""Host and first port of a broker's sockets."""


def brokers_here(brokers: str) -> int:
    """How many broker processes the supervisor of this machine runs. With addresses it is one: others run on other
    machines."""
    return int(brokers) if brokers.isdecimal() else 1


def has_standbys(brokers: str) -> bool:
    """Whether there are several brokers, or may be, so that one without the term stands by. Raises ValueError."""
    return brokers_here(brokers) > 1 or bool(brokers_file(brokers)) or len(broker_addresses(brokers)) > 1


def is_on_tcp(brokers: str) -> bool:
    """Whether brokers have addresses, so that other hosts may reach them. Raises ValueError."""
    return bool(brokers_file(brokers) or broker_addresses(brokers))


def brokers_file(brokers: str) -> str:
    """The path of the file that lists the brokers; empty if the setting is no file."""
    return brokers.removeprefix(_FILE) if brokers.startswith(_FILE) else ""


def broker_addresses(brokers: str) -> tuple[Address, ...]:
    """The addresses in the setting itself: none if it is a number or a file. Raises ValueError."""
    if re.fullmatch(r"[1-9]", brokers, re.ASCII) and int(brokers) <= BROKERS_MAX:
        return ()
    if re.fullmatch(r"/[^\0]*[^\0/]", brokers_file(brokers)):
        return ()
    return listed_addresses(brokers)


def listed_addresses(text: str) -> tuple[Address, ...]:
    """The addresses in a list, separated by commas or white space: at most BROKERS_MAX, none twice, at least one.
    Raises ValueError."""
    found = tuple(_address(address) for address in text.replace(",", " ").split())
    if not found or len(found) > BROKERS_MAX or len(set(found)) < len(found):
        raise ValueError(text)
    return found


def _address(text: str) -> Address:
    found = re.fullmatch(r"tcp://(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})", text)
    if not found or not 0 < int(found[3]) <= 65_536 - len(SOCKETS):
        raise ValueError(text)
    return found[1] or found[2], int(found[3])
