"""All settings: names, types, defaults, and their faults, all at once and by name (API section 9).

Pure: reads a mapping, not the environment (host/environment.py does).
"""

import ipaddress
import math
import re
from collections.abc import Mapping
from pathlib import PurePath

import msgspec

from jobs import keys, limits
from jobs.errors import SetupFault
from jobs.grants import ORIGIN

PREFIX = "PIXMILL_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default; the environment variable is PIXMILL_ and the name in capitals."""

    host: str = "127.0.0.1"
    port: int = 3000
    public_url: str = ""
    root_path: str = ""
    trusted_proxies: str = ""
    cors_origins: str = ""
    web_processes: int = 2
    workers: str = "cores"
    capacity: int = 5
    worker_nice: int = 10
    data: str = "uploads"
    run: str = ""
    ledger_url: str = ""
    ledger_sync: str = "full"
    blobs_url: str = ""
    cache_url: str = ""
    brokers: str = "1"
    curve: bool = True
    api_keys: str = ""
    public_without_keys: bool = False
    grant_secrets: str = ""
    receipt_secrets: str = ""
    recipes: str = "recipes.toml"
    upload_bytes_max: int = limits.UPLOAD_BYTES_MAX
    pixels_max: int = limits.PIXELS_MAX
    frames_max: int = limits.FRAMES_MAX
    queued_max: int = 10_000_000
    rate_per_minute: int = 0
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
    log_format: str = "auto"
    log_level: str = "info"


SECRETS = frozenset({"api_keys", "grant_secrets", "receipt_secrets"})
"""Settings whose values are shown nowhere."""
CLIENT = frozenset({"PIXMILL_URL", "PIXMILL_API_KEY"})
"""Variables of the client, which may be set where a server is started: no settings."""
SOCKETS = ("jobs", "workers", "receipts", "changes")
"""Of the broker; on tcp each has the port after the one before."""
SECRET_CHARACTERS_MIN = 16
"""Of a secret that a person sets: shorter ones are guessed."""
_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)
_ROOT_PATH = re.compile(r"[A-Za-z0-9._~/-]*", re.ASCII)
_CHOICES = {
    "ledger_sync": ("full", "normal"),
    "log_format": ("auto", "console", "json"),
    "log_level": ("debug", "info", "warning", "error"),
    "cache_url": ("", "none"),
    "ledger_url": ("",),
    "blobs_url": ("",),
}
_AT_LEAST = {
    "port": 0, "web_processes": 1, "capacity": 1, "worker_nice": 0, "upload_bytes_max": 1,
    "pixels_max": 1, "frames_max": 1, "queued_max": 1, "rate_per_minute": 0, "job_seconds": 0.01, "attempts_max": 1,
    "decoder_bytes_max": 64 * 1024 * 1024, "decoder_jobs_max": 1, "silence_seconds": 0.1, "grace_seconds": 0.0,
    "accept_seconds": 0.1, "drain_seconds": 0.0, "wait_seconds_max": 0.0, "eta_seconds_max": 0.0,
    "disk_free_bytes_min": 0, "retention_days": 0.0, "orphan_seconds": 1.0,
}  # fmt: skip


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
            faults.append(f"{variable}={environ[variable]!r} is not of type {known[name].__name__}")
    settings = Settings(**values)  # type: ignore[arg-type]
    faults += _out_of_range(settings)
    if faults:
        raise SetupFault("; ".join(faults) + ": correct or unset them")
    return settings, sources


def _out_of_range(settings: Settings) -> list[str]:
    faults = []
    for name, choices in _CHOICES.items():
        if getattr(settings, name) not in choices:
            allowed = ", ".join(repr(choice) for choice in choices)
            faults.append(f"{PREFIX}{name.upper()}={getattr(settings, name)!r} must be one of {allowed}")
    for name, least in _AT_LEAST.items():
        if not least <= getattr(settings, name) < math.inf:  # NaN is neither
            faults.append(f"{PREFIX}{name.upper()}={getattr(settings, name)} must be a number of at least {least}")
    if settings.port > 65_535:
        faults.append(f"{PREFIX}PORT={settings.port} must be at most 65535")
    try:
        broker_address(settings)
    except ValueError:
        faults.append(f"{PREFIX}BROKERS={settings.brokers!r} must be 1, or the broker's address as tcp://HOST:PORT")
    faults += [
        f"{PREFIX}CORS_ORIGINS: {origin!r} must be an origin as a browser sends it, https://shop.example[:PORT]"
        for origin in cors_origins(settings)
        if not re.match(ORIGIN, origin)
    ]
    if settings.public_url and not _PUBLIC_URL.fullmatch(settings.public_url):
        faults.append(f"{PREFIX}PUBLIC_URL={settings.public_url!r} must be as https://pix.example[:PORT][/PATH]")
    if not _ROOT_PATH.fullmatch(settings.root_path):
        faults.append(f"{PREFIX}ROOT_PATH={settings.root_path!r} must be a path as /pix")
    for proxy in trusted_proxies(settings):
        try:
            ipaddress.ip_network(proxy)
        except ValueError as fault:
            faults.append(f"{PREFIX}TRUSTED_PROXIES must be addresses or networks ({fault})")
    faults += [
        f"{PREFIX}{name.upper()} must be of {SECRET_CHARACTERS_MIN} characters or more each"
        for name in ("grant_secrets", "receipt_secrets")
        if any(len(secret) < SECRET_CHARACTERS_MIN for secret in listed_secrets(getattr(settings, name)))
    ]
    try:
        keys.parse(settings.api_keys)
    except ValueError as fault:
        faults.append(f"{PREFIX}API_KEYS: {fault}")
    try:
        workers_range(settings.workers, cores=1)
    except ValueError as fault:
        faults.append(f"{PREFIX}WORKERS={fault}")
    return faults


def workers_range(workers: str, cores: int) -> tuple[int, int]:
    """The least and most worker processes on this machine: N is N..N, `cores` is one a core. Raises ValueError."""
    if workers == "cores":
        return cores, cores
    found = re.fullmatch(r"(\d{1,6})(?:\.\.(\d{1,6}))?", workers, re.ASCII)
    if not found or int(found[1]) > int(found[2] or found[1]):
        raise ValueError(f"{workers!r} must be N or MIN..MAX")
    return int(found[1]), int(found[2] or found[1])


def broker_address(settings: Settings) -> tuple[str, int] | None:
    """Host and first port of the broker's sockets, or None where they are local ones. Raises ValueError."""
    if settings.brokers == "1":
        return None
    found = re.fullmatch(r"tcp://(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})", settings.brokers)
    if not found or not 0 < int(found[3]) <= 65_536 - len(SOCKETS):
        raise ValueError(settings.brokers)
    return found[1] or found[2], int(found[3])


def listed_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets in a setting, the one that signs first; they are separated by commas or white space."""
    return tuple(secret.encode() for secret in text.replace(",", " ").split())


def cors_origins(settings: Settings) -> list[str]:
    """The origins whose pages may read and change; they are separated by commas or white space."""
    return settings.cors_origins.replace(",", " ").split()


def trusted_proxies(settings: Settings) -> list[str]:
    """The addresses and networks of proxies that are believed; they are separated by commas or white space."""
    return settings.trusted_proxies.replace(",", " ").split()


def retention_seconds(settings: Settings) -> float:
    """How long an ended job is kept; 0: for ever."""
    return settings.retention_days * 86_400.0


def ledger_path(settings: Settings) -> PurePath:
    """The SQLite file of the embedded ledger."""
    return PurePath(settings.data) / "ledger.sqlite3"
