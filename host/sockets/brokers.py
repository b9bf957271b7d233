"""The wires to each broker that may be active, by BROKERS: a fixed list, or one that a thread reads again.

Owns the reading of the list's file and the look-ups of names: both may block, so no loop does them. What follows from
them is decided in host/sockets/listing.py.
"""

import ipaddress
import logging
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from host.files import folders
from host.settings.brokers import Address, broker_addresses, brokers_file, has_standbys, is_on_tcp, listed_addresses
from host.settings.settings import Settings
from host.sockets.addresses import Wires
from host.sockets.listing import Listing
from jobs.errors import SetupFault

READ_SECONDS = 2.0
"""Between two readings of the list. Name servers of clusters let an answer be kept for 5 s or more."""
FILE_BYTES_MAX = 4096


class Brokers:
    """`wires`: those to each broker, in the list's order; a local one is alone. They change if the list `is_live`. The
    run folder is made. `curve` is the folder of keys, None if none are needed. Raises SetupFault if the file cannot be
    read. A name without an address waits for one."""

    def __init__(self, settings: Settings, log: logging.Logger) -> None:
        self.run = folders.run_folder(settings)
        self._log, self._brokers = log, settings.brokers
        self._file, self._entries = brokers_file(settings.brokers), broker_addresses(settings.brokers)
        on_tcp = is_on_tcp(settings.brokers)
        self.curve = Path(settings.data).absolute() / "curve" if on_tcp and settings.curve else None
        self._listing, self._why = Listing(), ""
        self.wires: tuple[Wires, ...] = ()
        self._left = threading.Event()
        if not on_tcp:
            self.wires = (Wires(self.run),)
        elif why := self.read():
            raise SetupFault(f"{self._file} {why}: correct it, or PIXMILL_BROKERS")

    @property
    def is_live(self) -> bool:
        """Whether the list may change: it is in a file, or has names."""
        return bool(self._file) or any(not _is_numeric(host) for host, _ in self._entries)

    @property
    def several(self) -> bool:
        """Whether one without the term stands by."""
        return has_standbys(self._brokers) or len(self.wires) > 1

    def watch(self) -> None:
        """From now on a thread reads the list again, if it is live. No end of a process waits for it."""
        if self.is_live:
            threading.Thread(target=self._read_on, name="list of brokers", daemon=True).start()

    def leave(self) -> None:
        """Read it no more."""
        self._left.set()

    def read(self) -> str:
        """Read the list once, and look its names up. Returns why it cannot be read, or ""; it is unchanged then."""
        try:
            entries = self._listed()
        except (OSError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or "is no list of tcp://HOST:PORT, one a line, at least 1, at most 5"
            self._note(why)
            return why
        self._note(self._listing.read(entries, {each: _look_up(each) for each in entries}))
        wires = tuple(Wires(self.run, address, self.curve) for address in self._listing.addresses)
        if wires != self.wires:
            self.wires = wires
            self._log.info("brokers_listed", extra={"addresses": " ".join(each.endpoint("jobs") for each in wires)})
        return ""

    def _listed(self) -> Sequence[Address]:
        if not self._file:
            return self._entries
        with open(self._file, encoding="ascii") as file:
            return listed_addresses(file.read(FILE_BYTES_MAX))

    def _note(self, why: str) -> None:
        if why and why != self._why:
            self._log.warning("brokers_list_failing", extra={"why": why})
        self._why = why

    def _read_on(self) -> None:
        while not self._left.wait(READ_SECONDS):
            self.read()


def _look_up(address: Address) -> list[Address]:
    """All addresses of a host, with its port; none if they cannot be found now."""
    host, port = address
    if _is_numeric(host):
        return [address]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a label that is empty, or too long
        return []
    return [(str(place[0]), port) for *_, place in found]


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
