"""What one web process consists of, and how it is put together from the settings.

Web is what every handler is given; tests make one of memory stores. No socket is opened here.
"""

import logging
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from host.files import folders
from host.files.filesystems import refuse_network
from host.files.folders import secret
from host.files.recipes import load_recipes
from host.process.threads import Threads
from host.settings.settings import Settings, listed_secrets, trusted_proxies
from host.sockets.listener import refuse_public
from jobs.access import keys
from jobs.access.keys import ApiKey
from jobs.recipes.presets import Recipes
from stores.blobs import Blobs
from stores.ledger import LedgerReader
from stores.opening import open_blobs, open_reader
from web.broker.changes import ChangeFeed
from web.broker.requests import Requests
from web.http.counts import Addresses, Shares
from web.http.diskspace import DiskSpace
from web.streams.hub import Hub

BLOB_THREADS = 4
"""Threads for files: writes and reads wait for the disk, not for a core. Reads have threads of their own, so that a
read of cached data waits for no write."""


@dataclass(slots=True)
class Web:
    """One web process: its stores, and the two ends of its link to the broker.

    `reader` is the event loop's, and waits for no lock (web/broker/reads.py does). `lists` is one of its own for long
    reads, used in the one thread of `list_thread` alone.
    `keys` is empty where nobody is asked for one; their `tenants`. The first of `grant_secrets` and of
    `receipt_secrets` signs, all verify.
    `draining` is set by SIGTERM and never unset. `under_way` counts uploads that are on their way in, by caller,
    `streams`, `waits` and `over_many` (commands over many jobs) likewise; `descriptors` are what it may have open.
    `spent` are ids of grants that are used up, as far
    as we heard. `gathered` bytes of uploads are yet to be written.
    """

    settings: Settings
    id: str
    recipes: Recipes
    keys: tuple[ApiKey, ...]
    key_secret: bytes
    session_secret: bytes
    grant_secrets: tuple[bytes, ...]
    receipt_secrets: tuple[bytes, ...]
    blobs: Blobs
    reader: LedgerReader
    lists: LedgerReader
    requests: Requests
    feed: ChangeFeed
    hub: Hub
    log: logging.Logger
    blob_threads: Threads = field(default_factory=lambda: Threads(BLOB_THREADS, "blobs"))
    write_threads: Threads = field(default_factory=lambda: Threads(BLOB_THREADS, "writes"))
    by_digest: dict[bytes, ApiKey] = field(init=False)
    by_name: dict[str, list[ApiKey]] = field(init=False)
    tenants: frozenset[str] = field(init=False)
    disk_space: DiskSpace = field(init=False)
    descriptors: int = 1 << 20
    under_way: Shares = field(default_factory=Shares)
    streams: Shares = field(default_factory=Shares)
    waits: Shares = field(default_factory=Shares)
    over_many: Shares = field(default_factory=Shares)
    addresses: Addresses = field(init=False)
    list_thread: Threads = field(default_factory=lambda: Threads(1, "lists"))
    draining: bool = False
    spent: set[str] = field(default_factory=set)
    gathered: int = 0

    def __post_init__(self) -> None:
        self.by_digest = {key.digest: key for key in self.keys}
        self.by_name, self.tenants = keys.by_name(self.keys), frozenset(key.tenant for key in self.keys)
        self.disk_space = DiskSpace(self._free_bytes, self.settings.disk_free_bytes_min)
        self.addresses = Addresses(self.descriptors, trusted_proxies(self.settings))

    def _free_bytes(self) -> int:
        """What will be free on the disk once all gathered bytes are written."""
        return self.blobs.free_bytes() - self.gathered

    @property
    def root_path(self) -> str:
        """ROOT_PATH with a slash before it and none behind, or nothing."""
        trimmed = self.settings.root_path.strip("/")
        return f"/{trimmed}" if trimmed else ""


def open_web(settings: Settings, log: logging.Logger, descriptors: int = 1 << 20) -> Web:
    """The web process of these settings, on its real stores, that may have so many `descriptors`. Raises SetupFault."""
    refuse_public(settings)
    data = folders.data_folder(settings)
    refuse_network(data)
    hub = Hub()
    return Web(
        settings=settings,
        id=secrets.token_hex(8),
        recipes=load_recipes(settings),
        keys=keys.parse(settings.api_keys),
        key_secret=secret(data, "key.secret"),
        session_secret=secret(data, "session.secret"),
        grant_secrets=_signing(settings.grant_secrets, data, "grant.secret"),
        receipt_secrets=_signing(settings.receipt_secrets, data, "receipt.secret"),
        blobs=open_blobs(settings),
        reader=open_reader(settings, wait_seconds=0.0),
        lists=open_reader(settings),
        requests=Requests(),
        feed=ChangeFeed(hub, time.monotonic),
        hub=hub,
        log=log,
        descriptors=descriptors,
    )


def _signing(setting: str, data: Path, made: str) -> tuple[bytes, ...]:
    """The secrets in the setting, and the one `made` in DATA. That one is made if none is set; if it exists, it stays
    valid, because its signatures do."""
    given = listed_secrets(setting)
    return given if given and not (data / made).exists() else (*given, secret(data, made))
