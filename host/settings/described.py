"""What each setting means: its unit, the roles that read it, and its sentences for docs/settings.md.

Pure text: no process reads it. tests/support/house/docs.py makes the tables of it, with the defaults of
host/settings/settings.py and the bounds of host/settings/bounds.py. Links are relative to the root of the tree.
"""

from typing import NamedTuple

WEB, BROKER, WORKER, COURIER, SUPERVISOR = "web", "broker", "worker", "courier", "supervisor"
ALL = (WEB, BROKER, WORKER, COURIER, SUPERVISOR)


class Described(NamedTuple):
    """One setting for a reader. `unit` is empty if the value is no quantity; `roles` if the setting is reserved."""

    unit: str
    roles: tuple[str, ...]
    text: str


MAIN = ("host", "port", "public_url", "trusted_proxies", "workers", "data",
        "api_keys", "recipes", "upload_bytes_max", "retention_days")  # fmt: skip
"""The settings that matter most."""
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
        "The beginning of addresses in answers and events. Empty: the address to which the request was sent; webhooks "
        "need it where HOST is no loopback address.",
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
        (WORKER, COURIER),
        "The niceness of the decoders. A courier has 5 more.",
    ),
    "couriers": Described(
        "processes",
        (WEB, SUPERVISOR),
        "The number of couriers, which alone call strangers: they deliver webhooks, and fetch originals from their "
        "addresses; at most 64. `0`: neither is done. `elsewhere`: others run them, in containers or units of their "
        "own.",
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
        (WEB, BROKER),
        "The ledger's database: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with libpq's parameters after `?` "
        "(`sslmode=verify-full`, say). A secret: `LEDGER_URL_FILE` names a file of it. Empty: SQLite in DATA. See "
        "[the PostgreSQL ledger](docs/machines.md#the-ledger-in-postgresql).",
    ),
    "ledger_read_url": Described(
        "",
        (WEB,),
        "A replica of the database of `LEDGER_URL`, for lists and counts; an address as there, and a secret, too. What "
        "decides is always read from the primary ([which reads](docs/machines.md#reads-from-a-replica)). Empty: all "
        "is read from the primary.",
    ),
    "ledger_sync": Described(
        "",
        (BROKER,),
        "`normal` syncs less: a power cut may lose the last commits.",
    ),
    "blobs_url": Described(
        "",
        (WEB, BROKER, WORKER, COURIER),
        "Where originals and renditions are. Empty: files in DATA. "
        "`s3://BUCKET[/PREFIX][?endpoint=https://HOST:PORT&region=REGION]` is a bucket of an S3-compatible store "
        "([past one machine](docs/machines.md#blobs-in-s3)). It needs the extra `stores`.",
    ),
    "blobs_redirect": Described(
        "",
        (WEB,),
        "`1` answers a request for a rendition with a redirect to the bucket of `BLOBS_URL`. The address is signed, "
        "and works for 5 to 10 minutes for everyone who has it, also after a purge.",
    ),
    "cache_url": Described(
        "",
        (WORKER,),
        "The result cache. Empty: files in DATA. `redis://USER:PASSWORD@HOST:PORT/NUMBER` is one cache for the workers "
        "of all hosts, on Redis or Valkey. It needs the extra `stores`. `rediss://` is with TLS; `?ssl_ca_certs=FILE` "
        "names the trusted authorities. `unix:///PATH` is a socket. `?prefix=NAME` tells several installations in one "
        "database apart. While it fails, images are processed anew. `none` switches it off.",
    ),
    "brokers": Described(
        "",
        (WEB, BROKER, WORKER, SUPERVISOR),
        "`1` is one broker on local sockets. With `2` (at most `5`) others stand by, and one of them goes on when it "
        "ends. With `tcp://HOST:PORT` it listens at this address, on this port and the next three. With up to five "
        "addresses, with commas between, a broker on each machine takes its own "
        "([standby](docs/operations.md#standby)). Names are looked up again and again, and so is the list in "
        "`file:/PATH` ([list](docs/machines.md#standby-on-several-hosts)).",
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
        "The API keys, as `tenant:scope:sha256`; see [Keys](docs/security.md#keys). Empty: everyone may do everything.",
    ),
    "public_without_keys": Described(
        "",
        (WEB, SUPERVISOR),
        "`1` allows any HOST without `API_KEYS`: everyone who can reach it may do everything.",
    ),
    "grant_secrets": Described(
        "",
        (WEB,),
        "The secrets of [grants](docs/security.md#grants): the first one signs, all verify. Empty: one is made in "
        "DATA.",
    ),
    "receipt_secrets": Described(
        "",
        (WEB,),
        "The secrets of receipts: the first one signs, all verify. Empty: one is made in DATA.",
    ),
    "webhooks": Described(
        "",
        (WEB,),
        "Receivers that are told of the end of all jobs of a tenant: `TENANT=URL`, several with commas between them, "
        "or `URL` alone if there are no `API_KEYS` ([webhooks](docs/webhooks.md)). A secret.",
    ),
    "webhook_secrets": Described(
        "",
        (WEB, BROKER),
        "The secrets of [webhooks](docs/webhooks.md#verify-an-event). Each endpoint has one of its own, derived from "
        "them. All sign, the first one first. Empty: one is made in DATA.",
    ),
    "recipes": Described(
        "",
        (WEB, WORKER),
        "The file of the presets and watermarks. If it is not set and the working folder has no such file, "
        "pixmill uses the presets that it comes with, and web logs that. A file that is set and missing refuses "
        "the start.",
    ),
    "tenants": Described(
        "",
        (WEB, BROKER, SUPERVISOR),
        "A TOML file of what each tenant may have: `rate`, `queued_max`, `running_max`, `weight`, `retention` "
        "([tenants](docs/operations.md#tenants)). It is read at the start of broker and web, and before a restart "
        "of all. Empty: all are equal.",
    ),
    "upload_bytes_max": Described(
        "bytes",
        (WEB, BROKER),
        "Bytes of all images of one POST (64 MiB). Beyond it the upload is a 413 `upload_too_large`.",
    ),
    "pixels_max": Described(
        "pixels",
        (WEB, WORKER, COURIER),
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
        (WEB, BROKER),
        "Jobs that wait. Beyond it an upload or requeue is a 503 `queue_full`; a POST of more images than this is a "
        "413 `too_many_parts`.",
    ),
    "rate_per_minute": Described(
        "images",
        (WEB, BROKER),
        "Images that each tenant may upload or requeue in any 60 seconds, over all web processes; without keys, "
        "all callers together. Beyond it the answer is a 429 `rate_limited` ([more](docs/security.md#rates)). `0`"
        " sets no limit.",
    ),
    "sources": Described(
        "",
        (WEB, COURIER),
        "Prefixes of the addresses from which `POST /jobs` may fetch originals (`source_url`), as "
        "`https://cdn.example/photos/`, or `s3://BUCKET/PREFIX` where `BLOBS_URL` is a bucket. `*`: any public host, "
        "over https. Empty: none ([the gate](docs/security.md#the-gate-to-strangers)).",
    ),
    "fetch_seconds": Described(
        "seconds",
        (BROKER,),
        "The time that one fetch of an original may take. Its first byte must come within 10 s.",
    ),
    "egress_allow": Described(
        "",
        (WEB, COURIER),
        "Networks and hosts that couriers may call although they are not public: `10.0.0.0/8`, `hooks.internal`, "
        "`127.0.0.1:8000`. An entry with a port allows only that port; http is allowed for what is listed. Link-local "
        "addresses are never called.",
    ),
    "egress_proxy": Described(
        "",
        (COURIER,),
        "A proxy through which couriers call everything, `http://[USER:PASSWORD@]HOST:PORT`. Then names are resolved, "
        "and their addresses judged, by the proxy. A secret.",
    ),
    "partial_seconds": Described(
        "seconds",
        (BROKER,),
        "A batch that was opened by `POST /batches` and that nobody closes ends so long after the last upload to it. "
        "`batch.ended` says then that it was not closed.",
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
        (BROKER, WORKER, COURIER, SUPERVISOR),
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
        (WEB, WORKER, COURIER, SUPERVISOR),
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
        (WEB, WORKER, COURIER),
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
    "metrics": Described(
        "",
        (WEB, BROKER),
        "`0` counts nothing for [`GET /metrics`](docs/metrics.md), which is then a 404.",
    ),
    "log_format": Described(
        "",
        ALL,
        "`console` (coloured), `json`, or `auto`: colours on a terminal.",
    ),
    "log_path": Described(
        "",
        ALL,
        "A file to which all processes append their lines as JSON, beside stderr ([logs](docs/logs.md)). It is opened "
        "anew when it is renamed. Empty: none. `make run-all` sets `DATA/log/pixmill.jsonl`.",
    ),
    "log_bytes_max": Described(
        "bytes",
        ALL,
        "Bytes of the file of `LOG_PATH` (64 MiB). Beyond it the file is renamed to the same name with `.1`, and "
        "the former file of that name is lost. `0`: logrotate does it.",
    ),
    "log_level": Described(
        "",
        ALL,
        "`debug`, `info`, `warning` or `error`.",
    ),
    "access_log": Described(
        "",
        (WEB,),
        "Which requests are lines of the log: `changes` (those that change something, and refused ones), `all`, or "
        "`off` ([requests](docs/logs.md#requests)).",
    ),
}
