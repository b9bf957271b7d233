"""What each setting means: its unit, the roles that read it, and its sentences for docs/settings.md and the README.

Pure text: no process reads it. tests/support/house/docs.py makes the tables of it, with the defaults of
host/settings/settings.py and the bounds of host/settings/bounds.py. Links are relative to the root of the tree.
"""

from typing import NamedTuple

WEB, BROKER, WORKER, SUPERVISOR = "web", "broker", "worker", "supervisor"
ALL = (WEB, BROKER, WORKER, SUPERVISOR)


class Described(NamedTuple):
    """One setting for a reader. `unit` is empty if the value is no quantity; `roles` if the setting is reserved."""

    unit: str
    roles: tuple[str, ...]
    text: str


MAIN = ("host", "port", "public_url", "trusted_proxies", "workers", "data",
        "api_keys", "recipes", "upload_bytes_max", "retention_days")  # fmt: skip
"""The settings in the README."""
DESCRIBED = {
    "host": Described(
        "",
        (WEB, SUPERVISOR),
        "The address to listen on. Any other than a loopback address needs `API_KEYS` or `PUBLIC_WITHOUT_KEYS`. "
        "`unix:/run/pixmill/web.sock` is a unix socket, for this user alone, and has no port.",
    ),
    "port": Described(
        "",
        (WEB, SUPERVISOR),
        "The port to listen on; `0` takes any free one.",
    ),
    "public_url": Described(
        "",
        (WEB, SUPERVISOR),
        "The beginning of addresses in answers. Empty: the address to which the request was sent.",
    ),
    "root_path": Described(
        "",
        (WEB,),
        "The path below which a proxy serves pixmill.",
    ),
    "trusted_proxies": Described(
        "",
        (WEB,),
        "Addresses and networks (`10.0.0.0/8`) of proxies, and `unix` for a proxy at HOST's unix socket. Only "
        "their `X-Forwarded-For`, `-Proto` and `-Host` are believed ([behind nginx](docs/nginx.md)).",
    ),
    "accel_redirect": Described(
        "",
        (WEB,),
        "The internal location of nginx, as `/_pixmill`, by which it sends originals and renditions from DATA "
        "itself. web still judges each request and gives its headers. Needs `TRUSTED_PROXIES`; a client that "
        "comes past them gets the bytes from web.",
    ),
    "cors_origins": Described(
        "",
        (WEB,),
        "Origins (`https://shop.example`), as a browser sends them, whose pages may send changes and read the "
        "answers. There is no `*`.",
    ),
    "web_processes": Described(
        "processes",
        (SUPERVISOR,),
        "The number of web processes.",
    ),
    "workers": Described(
        "processes",
        (SUPERVISOR,),
        "The number of workers: `cores` (one a core), `N`, or `MIN..MAX`. A range starts with MIN, and adds as "
        "many workers as would keep up with the queue. A worker that was not needed for 30 s is drained.",
    ),
    "capacity": Described(
        "jobs",
        (WORKER,),
        "The jobs that a worker holds at most. One runs; the others are prefetched. A worker gets another one "
        "while the jobs that it holds are expected to take less than 0.12 s together. Also the number of decoders"
        " of other tenants that a worker parks.",
    ),
    "worker_nice": Described(
        "",
        (WORKER,),
        "The niceness of the decoders.",
    ),
    "data": Described(
        "",
        ALL,
        "The folder of all that must last (originals, renditions, ledger), and of the result cache and the flight"
        " recorder. Its mode is 0700. If others may read it, it is closed to them; but if it also holds other "
        "files than pixmill's, the start is refused. A folder in a virtual environment or in a tool's cache is "
        "refused, too: these are removed whole.",
    ),
    "run": Described(
        "",
        ALL,
        "The folder of sockets and locks. Empty: a folder in `XDG_RUNTIME_DIR` or the temporary folder, another "
        "for each DATA.",
    ),
    "ledger_url": Described(
        "",
        (),
        "Reserved: the ledger is SQLite in DATA.",
    ),
    "ledger_sync": Described(
        "",
        (BROKER,),
        "`normal` syncs less: a power cut may lose the last commits.",
    ),
    "blobs_url": Described(
        "",
        (),
        "Reserved: blobs are files in DATA.",
    ),
    "cache_url": Described(
        "",
        (WORKER,),
        "`none` switches the result cache off.",
    ),
    "brokers": Described(
        "",
        (WEB, BROKER, WORKER),
        "`1` is one broker on local sockets. With `tcp://HOST:PORT` it listens at this address, on this port and "
        "the next three.",
    ),
    "curve": Described(
        "",
        (WEB, BROKER, WORKER),
        "On tcp, `1` encrypts and admits only keys that `python -m broker keys` made. `0` admits everyone who can"
        " reach the broker.",
    ),
    "api_keys": Described(
        "",
        (WEB, SUPERVISOR),
        "The API keys, as `tenant:scope:sha256`; see [Keys](README.md#keys). Empty: everyone may do everything.",
    ),
    "public_without_keys": Described(
        "",
        (WEB, SUPERVISOR),
        "`1` allows any HOST without `API_KEYS`: everyone who can reach it may do everything.",
    ),
    "grant_secrets": Described(
        "",
        (WEB,),
        "The secrets of [grants](README.md#grants): the first one signs, all verify. Empty: one is made in DATA.",
    ),
    "receipt_secrets": Described(
        "",
        (WEB,),
        "The secrets of receipts: the first one signs, all verify. Empty: one is made in DATA.",
    ),
    "recipes": Described(
        "",
        (WEB, WORKER),
        "The file of the presets and watermarks. If it is not set and the working folder has no such file, "
        "pixmill uses the presets that it comes with, and web logs that. A file that is set and missing refuses "
        "the start.",
    ),
    "upload_bytes_max": Described(
        "bytes",
        (WEB,),
        "Bytes of all images of one POST (64 MiB). Beyond it the upload is a 413 `upload_too_large`.",
    ),
    "pixels_max": Described(
        "pixels",
        (WEB, WORKER),
        "Pixels of one original. Beyond it the upload is a 422 `pixels_over_limit`; if its head does not tell its"
        " pixels, the job is `failed`.",
    ),
    "frames_max": Described(
        "frames",
        (WORKER,),
        "Frames of one animation. Beyond it the job is `failed`, `frames_over_limit`.",
    ),
    "queued_max": Described(
        "jobs",
        (BROKER,),
        "Jobs that wait. Beyond it an upload is a 503 `queue_full`.",
    ),
    "rate_per_minute": Described(
        "images",
        (WEB, BROKER),
        "Images that each tenant may upload or requeue in any 60 seconds, over all web processes; without keys, "
        "all callers together. Beyond it the answer is a 429 `rate_limited` ([more](docs/security.md#rates)). `0`"
        " sets no limit.",
    ),
    "job_seconds": Described(
        "seconds",
        (BROKER,),
        "Seconds from a decoder's start. Then the decoder is killed and the job is `failed`, `deadline_exceeded`.",
    ),
    "attempts_max": Described(
        "tries",
        (BROKER,),
        "Tries of a job whose worker or decoder is lost, or whose store fails. After them it is `dead`, "
        "`attempts_used_up`.",
    ),
    "decoder_bytes_max": Described(
        "bytes",
        (WEB, BROKER, WORKER),
        "Bytes of memory for one job (1 GiB). Beyond it the job is tried once more with twice the memory, then it"
        " is `failed`, `memory_over_limit`.",
    ),
    "decoder_jobs_max": Described(
        "jobs",
        (WORKER,),
        "A decoder is replaced after this many jobs.",
    ),
    "silence_seconds": Described(
        "seconds",
        (BROKER, WORKER, SUPERVISOR),
        "Seconds without a message from a worker. Then its jobs go to others.",
    ),
    "grace_seconds": Described(
        "seconds",
        (BROKER,),
        "Seconds after the broker's start in which running jobs wait for their workers. Then they go to others.",
    ),
    "accept_seconds": Described(
        "seconds",
        (WEB,),
        "Seconds that an upload waits for the broker. Then it is a 503 `broker_silent`.",
    ),
    "drain_seconds": Described(
        "seconds",
        (WEB, WORKER, SUPERVISOR),
        "Seconds in which a leaving process finishes its work. Then a worker gives its jobs back, and web ends "
        "its requests.",
    ),
    "wait_seconds_max": Described(
        "seconds",
        (WEB,),
        "Seconds that `?wait=` and `Prefer: wait=` may ask for. A longer wait is cut to this.",
    ),
    "eta_seconds_max": Described(
        "seconds",
        (WEB,),
        "Seconds that a job may be expected to wait before it begins. Beyond it an upload is a 503 "
        "`wait_too_long`, before its body is read. `0` sets no limit.",
    ),
    "disk_free_bytes_min": Described(
        "bytes",
        (WEB, WORKER),
        "Free bytes of the disk (256 MiB). Below it an upload is a 507 `disk_full`.",
    ),
    "retention_days": Described(
        "days",
        (WEB, BROKER),
        "Days after its end when a job is removed with its files. `0` keeps it.",
    ),
    "orphan_seconds": Described(
        "seconds",
        (BROKER,),
        "Seconds (1 day) after which a file without a job is deleted. An upload that reaches the broker later "
        "than half of this is refused.",
    ),
    "log_format": Described(
        "",
        ALL,
        "`console` (coloured), `json`, or `auto`: colours on a terminal.",
    ),
    "log_level": Described(
        "",
        ALL,
        "`debug`, `info`, `warning` or `error`.",
    ),
}
