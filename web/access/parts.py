"""What one web process consists of, and how it is put together from the settings.

Web is what every handler is given; tests make one of memory stores. No socket is opened here.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from host.egress.addresses import Allowed, parse_allowed
from host.egress.receivers import parse_receivers
from host.files import folders
from host.files.filesystems import refuse_network
from host.files.folders import secret, signing_secrets
from host.files.recipes import load_recipes
from host.files.tenants import read_tenants
from host.process.threads import Threads
from host.settings.brokers import is_on_tcp
from host.settings.settings import Settings, trusted_proxies
from host.sockets.listener import refuse_public
from host.tracing.tracer import Tracer
from jobs.access import keys
from jobs.access.keys import ApiKey
from jobs.recipes.presets import Recipes
from jobs.tenants import Tenants, rate_of, running_max_of
from jobs.wire import SECRET_CHARACTERS
from stores.blobs import Blobs
from stores.ledger import LedgerReader
from stores.opening import open_blobs, open_reader, open_replica, proven_blobs
from web.broker.changes import ChangeFeed
from web.broker.reads import FromReplica, InThreads, OnLoop, Reads
from web.broker.requests import Requests
from web.http.counts import Addresses, Shares
from web.http.diskspace import DiskSpace
from web.http.looks import Looks
from web.metrics.counts import Counts
from web.streams.hub import Hub

BLOB_THREADS = 4
"""Threads for files: writes and reads wait for the disk, not for a core. Reads have threads of their own, so that a
read of cached data waits for no write."""

KEY_SECRET = "key.secret"
"""In DATA. It makes the names of Idempotency-Keys: with another one a repeated upload is a new job."""
SERVER_READ_SECONDS = 3.0
"""More than a reader gives an answer (stores/ledger/postgres/reader.py), and less than a client waits."""
SERVER_THREADS, LONG_THREADS = 4, 2
"""Threads, and connections, for short and for long reads of a ledger on a server."""


@dataclass(slots=True)
class Web:
    """One web process: its stores, and the two ends of its link to the broker.

    `keys` is empty where nobody is asked for one; their `tenants`. The first of `grant_secrets` and of
    `receipt_secrets` signs, all verify.
    `draining` is set by SIGTERM and never unset. `under_way` counts uploads that are on their way in, by caller,
    `streams`, `waits`, `over_many` (commands over many jobs) and `exports` (of lists) likewise; `descriptors` are what
    it may have open. `spent` are ids of grants that are used up, as far as we heard. `gathered` bytes of uploads are
    yet to be written. `allowed` is EGRESS_ALLOW, `receivers` are those of WEBHOOKS by tenant, `limits` what
    the file of tenants says. `counts`: where it counts what it does; None where METRICS is off.
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
    reads: Reads
    requests: Requests
    feed: ChangeFeed
    hub: Hub
    log: logging.Logger
    blob_threads: Threads = field(default_factory=lambda: Threads(BLOB_THREADS, "blobs"))
    write_threads: Threads = field(default_factory=lambda: Threads(BLOB_THREADS, "writes"))
    log_threads: Threads = field(default_factory=lambda: Threads(1, "log"))
    by_digest: dict[bytes, ApiKey] = field(init=False)
    by_name: dict[str, list[ApiKey]] = field(init=False)
    tenants: frozenset[str] = field(init=False)
    disk_space: DiskSpace = field(init=False)
    descriptors: int = 1 << 20
    under_way: Shares = field(default_factory=Shares)
    streams: Shares = field(default_factory=Shares)
    waits: Shares = field(default_factory=Shares)
    over_many: Shares = field(default_factory=Shares)
    exports: Shares = field(default_factory=Shares)
    addresses: Addresses = field(init=False)
    looks: Looks = field(init=False)
    draining: bool = False
    spent: set[str] = field(default_factory=set)
    gathered: int = 0
    allowed: tuple[Allowed, ...] = ()
    receivers: Mapping[str, str] = field(default_factory=dict)
    limits: Tenants = field(default_factory=dict)
    tracer: Tracer = field(default_factory=Tracer)
    counts: Counts | None = None

    def __post_init__(self) -> None:
        self.by_digest = {key.digest: key for key in self.keys}
        self.by_name, self.tenants = keys.by_name(self.keys), frozenset(key.tenant for key in self.keys)
        self.disk_space = DiskSpace(self._free_bytes, self.settings.disk_free_bytes_min)
        self.looks = Looks(self.blobs.look, Threads(1, "looks"))
        self.addresses = Addresses(self.descriptors, trusted_proxies(self.settings))

    def _free_bytes(self) -> int:
        """What will be free on the disk once all gathered bytes are written."""
        return self.blobs.free_bytes() - self.gathered

    def rate_of(self, tenant: str) -> int:
        """How many images a minute the tenant may send; 0: any number."""
        return rate_of(self.limits, tenant, self.settings.rate_per_minute)

    def queued_max_of(self, tenant: str) -> int:
        """How many of the tenant's jobs may wait, at most."""
        own = self.limits.get(tenant)
        everyone = self.settings.queued_max
        return everyone if own is None or own.queued_max is None else min(everyone, own.queued_max)

    @property
    def key_secret_told(self) -> str:
        """What the broker learns of our key.secret: whether it is that of the other hosts."""
        return hashlib.sha256(b"pixmill key.secret" + self.key_secret).hexdigest()[:SECRET_CHARACTERS]

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
    hub, limits = Hub(), read_tenants(settings.tenants)
    _tell_alone(settings, data, log)
    blobs = open_blobs(settings)
    if settings.blobs_url:
        log.info("blobs_proven", extra={"store": proven_blobs(settings, blobs)})
    return Web(
        settings=settings,
        id=secrets.token_hex(8),
        recipes=load_recipes(settings),
        keys=keys.parse(settings.api_keys),
        key_secret=secret(data, KEY_SECRET),
        session_secret=secret(data, "session.secret"),
        grant_secrets=signing_secrets(settings.grant_secrets, data, "grant.secret"),
        receipt_secrets=signing_secrets(settings.receipt_secrets, data, "receipt.secret"),
        blobs=blobs,
        reads=_reads(settings, log),
        requests=Requests(),
        feed=ChangeFeed(hub, time.monotonic, running_max_of(limits)),
        hub=hub,
        log=log,
        descriptors=descriptors,
        allowed=parse_allowed(settings.egress_allow),
        receivers=parse_receivers(settings.webhooks, parse_allowed(settings.egress_allow)),
        limits=limits,
    )


def _tell_alone(settings: Settings, data: Path, log: logging.Logger) -> None:
    """Where web may be on several hosts, warn that this one makes secrets of its own, which the others do not know."""
    if is_on_tcp(settings.brokers) and not (data / KEY_SECRET).exists():
        log.warning(
            "secrets_made",
            extra={"folder": str(data), "fix": "if web has other hosts, copy their secrets here (docs/machines.md)"},
        )


def _reads(settings: Settings, log: logging.Logger) -> Reads:
    """The embedded ledger is read on the event loop, by a reader that waits for no lock; long reads have one of their
    own, in one thread. A ledger on a server is read by threads alone."""
    if settings.ledger_url:
        return _reads_of_server(settings, log)
    lists = InThreads(partial(open_reader, settings), Threads(1, "lists"), "lists", log)
    return Reads(OnLoop(open_reader(settings, wait_seconds=0.0)), lists, lists)


def _reads_of_server(settings: Settings, log: logging.Logger) -> Reads:
    def threads(open_one: Callable[[Settings], LedgerReader], count: int, name: str) -> InThreads:
        open_one(settings).close()  # connects to nothing, but tells a wrong address and a missing driver
        return InThreads(partial(open_one, settings), Threads(count, name), name, log, SERVER_READ_SECONDS)

    quick, long = threads(open_reader, SERVER_THREADS, "primary"), threads(open_reader, LONG_THREADS, "lists")
    if not settings.ledger_read_url:
        return Reads(quick, long, long)
    replica = FromReplica(quick, long, threads(open_replica, LONG_THREADS, "replica"))
    return Reads(quick, long, replica, replica)
