"""The allowed values of settings: the choices of some, and the least and the most of each number.

Owns these two tables. host/settings/settings.py judges by them, and has rules of its own for all other settings. A
value beyond the most is a slip (a year in milliseconds, a size with three zeros too many), or cannot be served.
"""

_MONTH, _YEAR = 30 * 86_400.0, 366 * 86_400.0
_MEBIBYTE, _TEBIBYTE = 1 << 20, 1 << 40

CHOICES = {
    "ledger_sync": ("full", "normal"),
    "log_format": ("auto", "console", "json"),
    "log_level": ("debug", "info", "warning", "error"),
    "access_log": ("changes", "all", "off"),
}
BOUNDS: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),  # 0: any that is free
    "web_processes": (1, 256),
    "log_bytes_max": (0, 1 << 50),
    "capacity": (1, 1000),
    "worker_nice": (0, 19),  # the kernel's own
    "fetch_seconds": (1.0, 3600.0),
    "upload_bytes_max": (1, _TEBIBYTE),
    "pixels_max": (1, 65_535**2),  # the largest sides that JPEG can say
    "frames_max": (1, 1_000_000),
    "queued_max": (1, 10**12),
    "rate_per_minute": (0, 10**9),
    "partial_seconds": (1.0, _MONTH),
    "job_seconds": (0.01, 86_400.0),
    "attempts_max": (1, 1000),
    "decoder_bytes_max": (64 * _MEBIBYTE, _TEBIBYTE),  # less does not hold the image libraries and a picture
    "decoder_jobs_max": (1, 10**9),
    "silence_seconds": (0.1, 3600.0),
    "grace_seconds": (0.0, 3600.0),
    "accept_seconds": (0.1, 3600.0),
    "drain_seconds": (0.0, 86_400.0),
    "wait_seconds_max": (0.0, 86_400.0),
    "eta_seconds_max": (0.0, _MONTH),
    "disk_free_bytes_min": (0, 1024 * _TEBIBYTE),
    "retention_days": (0.0, 36_600.0),
    "orphan_seconds": (1.0, 100 * _YEAR),
}
WORKERS_MAX = 1000
"""On one machine: each is three processes."""
BROKERS_MAX = 5
"""Of one installation: one is active, and more than two stand by only where machines are many."""
