"""All settings: names, types, defaults, and their faults, all at once and by name.

Pure: reads a mapping, not the environment (host/settings/environment.py does).
"""

import ipaddress
import re
from collections.abc import Callable, Mapping

import msgspec

from host.egress.addresses import parse_allowed
from host.egress.proxies import parse_proxy
from host.egress.receivers import parse_receivers
from host.egress.sources import parse_sources
from host.settings.bounds import BOUNDS, BROKERS_MAX, CHOICES, WORKERS_MAX
from host.settings.brokers import SOCKETS, broker_addresses
from host.settings.buckets import bucket
from host.settings.cache_url import redis_place
from host.settings.couriers import couriers_here, has_couriers
from jobs import limits
from jobs.access import keys
from jobs.access.grants import ORIGIN
from jobs.errors import SetupFault

PREFIX = "PIXMILL_"
RECIPES = "recipes.toml"
"""The file of RECIPES where nobody named one. If it is missing, others take its place (host/files/recipes.py)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default; the environment variable is PIXMILL_ and the name in capitals."""

    host: str = "127.0.0.1"
    port: int = 3000
    public_url: str = ""
    root_path: str = ""
    trusted_proxies: str = ""
    accel_redirect: str = ""
    cors_origins: str = ""
    web_processes: int = 2
    workers: str = "cores"
    capacity: int = 5
    worker_nice: int = 10
    couriers: str = "1"
    data: str = "uploads"
    run: str = ""
    ledger_url: str = ""
    ledger_read_url: str = ""
    ledger_sync: str = "full"
    blobs_url: str = ""
    blobs_redirect: bool = False
    cache_url: str = ""
    brokers: str = "1"
    curve: bool = True
    api_keys: str = ""
    public_without_keys: bool = False
    grant_secrets: str = ""
    receipt_secrets: str = ""
    webhooks: str = ""
    webhook_secrets: str = ""
    recipes: str = RECIPES
    tenants: str = ""
    upload_bytes_max: int = limits.UPLOAD_BYTES_MAX
    pixels_max: int = limits.PIXELS_MAX
    frames_max: int = limits.FRAMES_MAX
    queued_max: int = 10_000_000
    rate_per_minute: int = 0
    sources: str = ""
    fetch_seconds: float = limits.FETCH_SECONDS
    egress_allow: str = ""
    egress_proxy: str = ""
    partial_seconds: float = limits.PARTIAL_SECONDS
    job_seconds: float = limits.JOB_SECONDS
    attempts_max: int = 5
    decoder_bytes_max: int = limits.DECODER_BYTES_MAX
    decoder_jobs_max: int = 1000
    silence_seconds: float = 5.0
    grace_seconds: float = 2.0
    accept_seconds: float = 10.0
    drain_seconds: float = 30.0
    wait_seconds_max: float = 60.0
    eta_seconds_max: float = 0.0
    disk_free_bytes_min: int = 256 * 1024 * 1024
    retention_days: float = 0.0
    orphan_seconds: float = 86_400.0
    metrics: bool = True
    log_format: str = "auto"
    log_path: str = ""
    log_bytes_max: int = 64 * 1024 * 1024
    log_level: str = "info"
    access_log: str = "changes"


SECRETS = frozenset(
    {
        "api_keys", "grant_secrets", "receipt_secrets", "webhook_secrets", "webhooks", "cache_url", "ledger_url",
        "ledger_read_url", "egress_proxy",
    }
)  # fmt: skip
"""Settings whose values are shown nowhere."""
CLIENT = frozenset({"PIXMILL_URL", "PIXMILL_API_KEY"})
"""Variables of the client. They are no settings, but may be set in a server's environment."""
SECRET_CHARACTERS_MIN = 16
"""Characters of a secret that a person sets: shorter ones can be guessed."""
SOCKET_PATH_BYTES_MAX = 107
"""Bytes of a unix socket's path: the kernel's bound."""
_UNIX = "unix:"
_SERVERS = ("postgresql://", "postgres://")
_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)
_ROOT_PATH = re.compile(r"[A-Za-z0-9._~/-]*", re.ASCII)
_LOCATION = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_NO_PATH = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes that are not UTF-8. A name may have any space: Japanese keyboards write U+3000."""
_UNSET = frozenset({"run", "tenants", "log_path"})
"""Paths that may be empty."""
_TYPES = {bool: "1 or 0", int: "a whole number", float: "a number"}


def parse(environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """Settings from environment variables, and the source of each (`default` or the variable).

    Raises SetupFault with every fault: unknown PIXMILL_ names, wrong types, values out of range.
    """
    faults: list[str] = []
    values: dict[str, object] = {}
    known = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    sources = dict.fromkeys(known, "default")
    for variable in sorted(name for name in environ if name.startswith(PREFIX) and name not in CLIENT):
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            faults.append(f"{variable} is no setting of pixmill")
            continue
        try:
            values[name] = msgspec.convert(environ[variable], known[name], strict=False)
            sources[name] = variable
        except msgspec.ValidationError:
            faults.append(f"{variable}={environ[variable]!r} must be {_TYPES[known[name]]}")
    if values.get("recipes") == RECIPES:
        values["recipes"] = f"./{RECIPES}"  # the same file; but if it is missing, that is a fault
    settings = Settings(**values)  # type: ignore[arg-type]
    faults += _out_of_range(settings)
    if faults:
        raise SetupFault("; ".join(faults) + ": correct or unset them")
    return settings, sources


def _out_of_range(settings: Settings) -> list[str]:
    faults = []
    for name, choices in CHOICES.items():
        if getattr(settings, name) not in choices:
            allowed = ", ".join(repr(choice) for choice in choices)
            faults.append(f"{PREFIX}{name.upper()}={getattr(settings, name)!r} must be one of {allowed}")
    for name, (least, most) in BOUNDS.items():
        if not least <= getattr(settings, name) <= most:  # NaN is in no range
            faults.append(f"{PREFIX}{name.upper()}={getattr(settings, name)} must be {least:.15g} to {most:.15g}")
    return faults + _of_texts(settings) + _of_secrets(settings) + _together(settings)


def _of_texts(settings: Settings) -> list[str]:
    faults = [
        f"{PREFIX}{name.upper()}={getattr(settings, name)!r} must be a path"
        for name in ("data", "recipes", "run", "tenants", "log_path")
        if _NO_PATH.search(getattr(settings, name)) or not (getattr(settings, name).strip() or name in _UNSET)
    ]
    if not _is_host(settings.host):
        faults.append(
            f"{PREFIX}HOST={settings.host!r} must be an address or a name of this machine, or a unix socket as "
            f"unix:/run/pixmill/web.sock, whose path has at most {SOCKET_PATH_BYTES_MAX} bytes"
        )
    if not _is_judged(broker_addresses, settings.brokers):
        faults.append(
            f"{PREFIX}BROKERS={settings.brokers!r} must be 1 to {BROKERS_MAX}, or the broker's address as "
            f"tcp://HOST:PORT, or those of up to {BROKERS_MAX} brokers with commas between them, "
            "or file:/PATH of a list"
        )
    faults += [
        f"{PREFIX}CORS_ORIGINS: {origin!r} must be an origin as a browser sends it, https://shop.example[:PORT]"
        for origin in cors_origins(settings)
        if not re.match(ORIGIN, origin)
    ]
    if settings.public_url and not _PUBLIC_URL.fullmatch(settings.public_url):
        faults.append(f"{PREFIX}PUBLIC_URL={settings.public_url!r} must be as https://pix.example[:PORT][/PATH]")
    if not _ROOT_PATH.fullmatch(settings.root_path):
        faults.append(f"{PREFIX}ROOT_PATH={settings.root_path!r} must be a path as /pix")
    if settings.accel_redirect and not _LOCATION.fullmatch(settings.accel_redirect):
        faults.append(f"{PREFIX}ACCEL_REDIRECT={settings.accel_redirect!r} must be a location of nginx as /_pixmill")
    faults += [
        f"{PREFIX}TRUSTED_PROXIES: {proxy!r} must be an address, a network of some, as 10.0.0.0/24, and not of all, "
        "or unix"
        for proxy in trusted_proxies(settings)
        if not _is_network(proxy)
    ]
    try:
        if settings.blobs_url:
            bucket(settings.blobs_url)
    except ValueError as fault:
        faults.append(f"{PREFIX}BLOBS_URL {fault}")
    judges: dict[str, tuple[str, Callable[[str], object]]] = {
        "sources": ("prefixes of addresses", parse_sources),
        "egress_allow": ("networks and hosts", parse_allowed),
    }
    for name, (kind, judge) in judges.items():
        try:
            judge(getattr(settings, name))
        except ValueError as fault:
            faults.append(f"{PREFIX}{name.upper()} must be {kind}: {fault}")
    try:
        workers_range(settings.workers, cores=1)
    except ValueError as fault:
        faults.append(f"{PREFIX}WORKERS={fault}")
    try:
        couriers_here(settings.couriers)
    except ValueError as fault:
        faults.append(f"{PREFIX}COURIERS={fault}")
    return faults


def _of_secrets(settings: Settings) -> list[str]:
    """The faults of secrets. They never quote the value: it may be a secret."""
    faults = [
        f"{PREFIX}{name.upper()} must be of {SECRET_CHARACTERS_MIN} characters or more each"
        for name in ("grant_secrets", "receipt_secrets", "webhook_secrets")
        if any(len(secret) < SECRET_CHARACTERS_MIN for secret in listed_secrets(getattr(settings, name)))
    ]
    if (count := len(listed_secrets(settings.webhook_secrets))) > limits.WEBHOOK_SECRETS_MAX:
        faults.append(f"{PREFIX}WEBHOOK_SECRETS must be of at most {limits.WEBHOOK_SECRETS_MAX} secrets, not {count}")
    try:
        keys.parse(settings.api_keys)
    except ValueError as fault:
        faults.append(f"{PREFIX}API_KEYS: {fault}")
    faults += _of_receivers(settings)
    try:
        redis_place(settings.cache_url)
    except ValueError as fault:
        faults.append(f"{PREFIX}CACHE_URL {fault}")
    try:
        parse_proxy(settings.egress_proxy)
    except ValueError as fault:
        faults.append(f"{PREFIX}EGRESS_PROXY {fault}")
    faults += [
        f"{PREFIX}{name.upper()} must be empty, or as postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        for name in ("ledger_url", "ledger_read_url")
        if getattr(settings, name) and not getattr(settings, name).startswith(_SERVERS)
    ]
    return faults


def _of_receivers(settings: Settings) -> list[str]:
    """The faults of WEBHOOKS beside the settings by which it is judged, where these are valid."""
    if not _is_judged(keys.parse, settings.api_keys) or not _is_judged(parse_allowed, settings.egress_allow):
        return []
    tenants = frozenset(key.tenant for key in keys.parse(settings.api_keys))
    try:
        parse_receivers(settings.webhooks, parse_allowed(settings.egress_allow), tenants)
    except ValueError as fault:
        return [f"{PREFIX}WEBHOOKS must be TENANT=URL each: {fault}"]
    return []


def _together(settings: Settings) -> list[str]:
    """The faults of values that are valid alone but not together."""
    faults = []
    if settings.orphan_seconds < 2 * settings.accept_seconds:
        faults.append(
            f"{PREFIX}ORPHAN_SECONDS={settings.orphan_seconds:g} must be at least twice {PREFIX}ACCEPT_SECONDS="
            f"{settings.accept_seconds:g}: what waits for the broker for so long would be refused by it"
        )
    if _is_judged(has_couriers, settings.couriers) and not has_couriers(settings.couriers):
        faults += [
            f"{PREFIX}{name} must not be set beside {PREFIX}COURIERS=0: nobody would {does} (elsewhere: couriers run "
            "on another machine)"
            for name, text, does in (
                ("SOURCES", settings.sources, "fetch from them"),
                ("WEBHOOKS", settings.webhooks, "deliver them"),
            )
            if text.strip()
        ]
    if not settings.blobs_url and "s3://" in settings.sources:
        faults.append(f"{PREFIX}SOURCES must not name a bucket without {PREFIX}BLOBS_URL, whose store has it")
    if settings.ledger_read_url and not settings.ledger_url:
        faults.append(f"{PREFIX}LEDGER_READ_URL must not be set without {PREFIX}LEDGER_URL, whose replica it names")
    if settings.public_without_keys and settings.api_keys.strip():
        faults.append(
            f"{PREFIX}PUBLIC_WITHOUT_KEYS=1 must not be set beside {PREFIX}API_KEYS: who has no key is refused"
        )
    if settings.accel_redirect and not settings.trusted_proxies.strip():
        faults.append(
            f"{PREFIX}ACCEL_REDIRECT must be set beside {PREFIX}TRUSTED_PROXIES: only a trusted proxy gets the names "
            "of files"
        )
    if settings.accel_redirect and settings.blobs_url:
        faults.append(
            f"{PREFIX}ACCEL_REDIRECT must not be set beside {PREFIX}BLOBS_URL: nginx sends files of DATA, and "
            "blobs are in a bucket then"
        )
    if settings.blobs_redirect and not settings.blobs_url:
        faults.append(f"{PREFIX}BLOBS_REDIRECT must be set beside {PREFIX}BLOBS_URL: files of DATA have no address")
    for host, port in broker_addresses(settings.brokers) if _is_judged(broker_addresses, settings.brokers) else ():
        if host == settings.host and 0 <= settings.port - port < len(SOCKETS):
            last = port + len(SOCKETS) - 1
            faults.append(f"{PREFIX}PORT={settings.port} must be none of the broker's, {port} to {last}")
    return faults


def _is_judged(judge: Callable[[str], object], text: str) -> bool:
    try:
        judge(text)
    except ValueError:
        return False
    return True


def _is_host(host: str) -> bool:
    if path := unix_path(host):
        return path[0] == "/" and not _NO_PATH.search(path) and len(path.encode()) <= SOCKET_PATH_BYTES_MAX
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return bool(_HOST.fullmatch(host)) and len(host) <= 253
    return True


def _is_network(proxy: str) -> bool:
    """Whether it is a network, but not the one of everybody: a trusted proxy decides a request's client address. `unix`
    stands for whoever may open the unix socket that HOST names."""
    if proxy == "unix":
        return True
    try:
        return ipaddress.ip_network(proxy).prefixlen > 0
    except ValueError:
        return False


def unix_path(host: str) -> str:
    """The path of the unix socket that HOST names; empty if HOST is an address or a name."""
    return host.removeprefix(_UNIX) if host.startswith(_UNIX) else ""


def workers_range(workers: str, cores: int) -> tuple[int, int]:
    """The least and most worker processes on this machine: N is N..N, `cores` is one a core. Raises ValueError."""
    if workers == "cores":
        return cores, cores
    found = re.fullmatch(r"(\d{1,6})(?:\.\.(\d{1,6}))?", workers, re.ASCII)
    if not found or not int(found[1]) <= int(found[2] or found[1]) <= WORKERS_MAX:
        raise ValueError(f"{workers!r} must be cores, N or MIN..MAX, and at most {WORKERS_MAX}")
    return int(found[1]), int(found[2] or found[1])


def listed_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets in a setting, the one that signs first; they are separated by commas or white space."""
    return tuple(secret.encode() for secret in text.replace(",", " ").split())


def cors_origins(settings: Settings) -> list[str]:
    """The origins whose pages may read and change; they are separated by commas or white space."""
    return settings.cors_origins.replace(",", " ").split()


def trusted_proxies(settings: Settings) -> list[str]:
    """The addresses and networks of proxies that are believed, and `unix`; they are separated by commas or white
    space."""
    return settings.trusted_proxies.replace(",", " ").split()


def retention_seconds(settings: Settings) -> float:
    """How long an ended job is kept; 0: for ever."""
    return settings.retention_days * 86_400.0
