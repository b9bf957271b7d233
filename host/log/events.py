"""The words that begin a line of the log: a closed list. Each has its level, its roles, its meaning, and what to do.

Pure text. A call of a logger names one of these words literally, at its level (tests/unit/host/log/test_events.py).
tests/support/house/docs.py makes the table of docs/logs.md of it. A released word keeps its meaning.
"""

from typing import NamedTuple

DEBUG, INFO, WARNING, ERROR, CRITICAL = "debug", "info", "warning", "error", "critical"
WEB, BROKER, WORKER, COURIER, SUPERVISOR = "web", "broker", "worker", "courier", "supervisor"
ALL = (WEB, BROKER, WORKER, COURIER, SUPERVISOR)
HOLDERS = (WORKER, COURIER)
_TRACED = (WEB, *HOLDERS)
LIBRARY_SAID = "library_said"


class Pace(NamedTuple):
    """At most `lines` in `seconds` with the same values of `members`; the rest is counted, and told as `repeated`."""

    members: tuple[str, ...] = ()
    lines: int = 5
    seconds: float = 60.0


class Event(NamedTuple):
    """One word for a reader: `action` is empty if there is nothing to do. `pace` None: every line is written."""

    level: str
    roles: tuple[str, ...]
    text: str
    action: str = ""
    pace: Pace | None = None


WHY = Pace(("why",))
_LEDGER = "See [the ledger in PostgreSQL](machines.md#the-ledger-in-postgresql)."
_KEYS = "See [CURVE](security.md) and `python -m broker keys`."

OF_JOBS = {
    "uploaded": Event(INFO, (WEB,), "An upload is durable: one line for each `job`, before its 202."),
    "assigned": Event(INFO, (BROKER,), "A `worker` or a courier got the `job`, under the number `lease`. At most 20 a "
                      "second; the rest is counted (`repeated`)."),
    "finished": Event(INFO, (WORKER,), "All renditions of the `job` are durable. `cached`: from the result cache."),
    "failed": Event(INFO, (WORKER,), "A try of the `job` failed: `code`, `detail`, `attempt`.",
                    "The [codes](http.md) say what helps. The broker's next line tells what follows."),
    "fetched": Event(INFO, (COURIER,), "The original of the `job` was fetched."),
    "lost": Event(WARNING, (BROKER,), "The `worker` (or courier) of the `job` is gone or silent: `why`. Its `lease` "
                  "ends, and the next line of the `job` tells what follows. `attempts` has this one only if its "
                  "decoder had begun. At most 20 a second of each `why`.",
                  "One: none. Many of one `worker`: why its process ended (`process_ended`), its memory, its network."),
    "delayed": Event(INFO, (BROKER,), "The `job` is tried again in `seconds`, because of `code`; `attempts` were "
                     "made. At most 20 a second."),
    "ended": Event(INFO, (BROKER,), "The `job` has its last `state`, with `code` and `detail` if it is not done. At "
                   "most 20 a second of each state."),
    "purged": Event(INFO, (BROKER,), "The `job` is removed with its files. At most 20 a second."),
    "webhook_told": Event(INFO, (COURIER,), "A receiver answered a `delivery` about the `job` or `batch`, with "
                          "`status`.", "A `status` other than 2xx is tried again ([schedule](webhooks.md))."),
    "call_failed": Event(WARNING, (COURIER,), "A receiver or a source gave no answer: `why`, for the `job` or the "
                         "`delivery`.", "It is tried again. If all fail: the network, DNS, `EGRESS_ALLOW`."),
    "call_broke": Event(ERROR, (COURIER,), "A call broke by a fault of pixmill, with a traceback.", "Report it."),
    "not_removed": Event(WARNING, (WEB,), "Files of a refused upload could not be deleted: `blobs`, `why`.",
                         "Nothing: the orphan scan deletes them. If often: the disk or the bucket."),
}  # fmt: skip
OF_REQUESTS = {
    "changed": Event(INFO, (WEB,), "A request that changes something was carried out; an upload is `uploaded`."),
    "refused": Event(INFO, (WEB,), "A request was refused, with `status` and `code`. At most 20 a second of each code.",
                     "Many of one `client`: a wrong key, a broken client, or an attack.", Pace(("code",), 20, 1.0)),
    "unanswered": Event(INFO, (WEB,), "The client of a change left before its answer. It may have been carried out.",
                        "", Pace((), 20, 1.0)),
    "answered": Event(INFO, (WEB,), "Any other answer. Only with `ACCESS_LOG=all`; at most 1,000 a second.",
                      "", Pace((), 1000, 1.0)),
    "not_sent_whole": Event(WARNING, (WEB,), "An answer was cut off, because the store or the ledger failed: `path`, "
                            "`why`.", "The disk, the bucket or the database.", WHY),
    "internal_error": Event(ERROR, (WEB,), "A request broke by a fault of pixmill: a 500, `request`, `path`, `why`.",
                            "Report it, with this line.", Pace(("path", "why"))),
    "clients_cut_off": Event(WARNING, (WEB,), "`clients` were cut off: they take too little of their answers.",
                             "None if rare. If often: an attack, or a slow proxy in front.", Pace()),
}  # fmt: skip
OF_PROCESSES = {
    "running": Event(INFO, (SUPERVISOR,), "All processes are ready, at `url`."),
    "process_started": Event(INFO, (SUPERVISOR,), "A process of the role `of` was started, as `pid`."),
    "process_start_failed": Event(ERROR, (SUPERVISOR,), "A process of the role `of` could not be started: `why`.",
                                  "Memory, process limits, or a Python that was removed.", Pace(("of", "why"))),
    "process_ended": Event(INFO, (SUPERVISOR,), "The process `pid` ended with `status` (below 0: the signal).",
                           "At 1 and 2 its own last line says why. At -9: often the kernel's out-of-memory killer."),
    "process_silent": Event(ERROR, (SUPERVISOR,), "The process `pid` hangs, and is killed. It wrote its stacks to "
                            "stderr before, if it could.", "A slow disk? Else report the stacks."),
    "sources_changed": Event(INFO, (SUPERVISOR,), "`make dev`: these `files` changed, and all restarts."),
    "command_done": Event(INFO, (SUPERVISOR,), "A `restart` or `stop` (`of`) ended; `complete`, or given up.",
                          "If not complete: the lines of the processes that did not become ready."),
    "draining": Event(INFO, (SUPERVISOR,), "A stop was asked for: running work may end first."),
    "serving": Event(INFO, (WEB,), "This web process takes requests."),
    "ready": Event(INFO, (BROKER,), "This broker has the ledger, of this `schema`, and takes work."),
    "stands_by": Event(INFO, (BROKER,), "Another broker is active; this one waits."),
    "stopped": Event(INFO, (BROKER,), "The broker ended in order. `dropped`: invalid frames in its life."),
    "started": Event(INFO, HOLDERS, "A worker or a courier began."),
    "left": Event(INFO, HOLDERS, "A worker or a courier ended in order."),
    "start_refused": Event(ERROR, ALL, "The process cannot run with these settings: `why`.",
                           "`why` ends with the fix."),
    "crashed": Event(CRITICAL, ALL, "A fault that nobody expected, with a traceback.", "Report it."),
    LIBRARY_SAID: Event(WARNING, ALL, "A library (`logger`) logged `said`, at its own level.", "",
                        Pace(("logger", "said"))),
    "log_unwritable": Event(WARNING, ALL, "The file of LOG_PATH cannot be written: `why`. Lines go to stderr "
                            "alone until it can.", "Its folder, its owner, the disk."),
}  # fmt: skip
OF_PARTS = {
    "follows": Event(INFO, HOLDERS, "This process takes work from the broker of this `epoch`."),
    "broker_silent": Event(WARNING, HOLDERS, "The broker said nothing for SILENCE_SECONDS: fresh connections.",
                           "Does a broker run? Its own lines, and the network.", Pace()),
    "frame_dropped": Event(WARNING, (WEB, BROKER, *HOLDERS), "A message that is invalid, or not its sender's to send: "
                           "`why`. The first of each peer is told.", "During an upgrade: none. Else find the `peer`."),
    "left_out": Event(WARNING, (BROKER, *HOLDERS), "A message was too long to be sent.", "Report it.", Pace()),
    "worker_not_heard": Event(WARNING, (BROKER,), "A worker or a key sends too much, or has too many workers: `why`.",
                              "A broken or hostile worker: remove its key."),
    "brokers_listed": Event(INFO, ALL, "The list of brokers changed: `addresses`."),
    "brokers_list_failing": Event(WARNING, ALL, "The list of brokers, or a name in it, cannot be read: `why`. The "
                                  "former list holds.", "The file of `BROKERS`, or DNS.", WHY),
    "key_allowed": Event(INFO, (BROKER,), "A CURVE key may connect from now on."),
    "key_taken_back": Event(WARNING, (BROKER,), "A CURVE key was removed; its connections are refused."),
    "key_unreadable": Event(WARNING, (BROKER,), "A `file` of `DATA/curve/allowed` lets nobody in: `why`.", _KEYS),
    "stranger_refused": Event(WARNING, (BROKER,), "A CURVE key that is not allowed wanted in, from `address`.", _KEYS),
    "other_role_refused": Event(WARNING, (BROKER,), "A CURVE key of web wanted in as a worker, or the reverse.", _KEYS),
    "connections_full": Event(WARNING, (BROKER,), "A CURVE key has too many connections; more are refused.",
                              "A process that connects again and again."),
    "refused_by_broker": Event(ERROR, (WEB, *HOLDERS), "The broker does not let this process in: `why`.", _KEYS),
    "durability": Event(INFO, (BROKER,), "What a 202 rests on from now on: `of`, `why`."),
    "durability_weak": Event(WARNING, (BROKER,), "A 202 rests on one server from now on: `why`.", _LEDGER),
    "ledger_awaited": Event(WARNING, (BROKER,), "The ledger's server does not answer: `why`. The broker waits.",
                            _LEDGER, WHY),
    "ledger_failed": Event(ERROR, (BROKER,), "A commit failed: `why`. The broker ends; a new one recovers.",
                           "A full disk, a broken disk, a database that is away."),
    "ledger_unreadable": Event(WARNING, (WEB,), "Reads of the `ledger` fail: `why`.", _LEDGER),
    "ledger_readable": Event(INFO, (WEB,), "Reads of the `ledger` succeed again."),
    "flight_recorder_off": Event(WARNING, (BROKER,), "The flight recorder stopped: `why`. Jobs are not affected.",
                                 "Room in DATA."),
    "bucket_unclaimed": Event(WARNING, (BROKER,), "Nobody can tell whether the bucket is ours: no orphan scan.",
                              "See [blobs in S3](machines.md#blobs-in-s3)."),
    "blobs_proven": Event(INFO, (WEB, *HOLDERS), "The bucket of BLOBS_URL answers: `store`."),
    "metrics_off": Event(WARNING, (WEB,), "This process counts nothing for `/metrics`: `why`.", "Room in RUN."),
    "tracing": Event(INFO, _TRACED, "This process exports spans by these `exporters`."),
    "tracing_off": Event(WARNING, _TRACED, "`OTEL_*` asks for spans, and none are made: `why`.", "`why` has the fix."),
    "spans_lost": Event(WARNING, _TRACED, "Spans cannot be exported: `why`. It is said once. Jobs are not affected.",
                        "The collector, and what lies between: [traces](traces.md#set-it-up)."),
    "spans_exported_again": Event(INFO, _TRACED, "Spans are exported again."),
    "secrets_made": Event(WARNING, (WEB,), "This host made secrets of its own.",
                          "Several web hosts need the same ones: copy them (`fix`)."),
    "presets_built_in": Event(INFO, (WEB,), "There is no recipes.toml: the presets that pixmill comes with."),
    "folder_closed": Event(WARNING, ALL, "Others could look into the `folder`; it is 700 now."),
    "cache_failing": Event(WARNING, (WORKER,), "The result cache fails: `why`. Images are processed anew.",
                           "The server of CACHE_URL, or the disk.", WHY),
    "cache_answering": Event(INFO, (WORKER,), "The result cache works again.", "", Pace()),
    "sweep_failed": Event(ERROR, (WORKER,), "Files of a purged `job` could not be deleted: `why`. It is repeated.",
                          "The disk or the bucket.", WHY),
    "incoming_swept": Event(INFO, (WORKER,), "`files` that dead uploads left were deleted."),
    "orphan_scan_failed": Event(ERROR, (WORKER,), "The scan for files without a job failed: `why`. It is repeated.",
                                "The disk or the bucket.", WHY),
    "decoder_died": Event(WARNING, (WORKER,), "A decoder ended by itself: `why`. Its job is tried again, or failed.",
                          "One: a hostile image. Many: memory.", WHY),
    "decoder_replaced": Event(INFO, (WORKER,), "A decoder was replaced: `why`.", "", Pace(("why",), 20)),
    "parked_decoder_ended": Event(WARNING, (WORKER,), "A decoder that waited for its tenant ended.", "", Pace()),
    "sandbox_lacks_layer": Event(WARNING, (WORKER,), "Decoders run without these `layers` of the sandbox.",
                                 "See [the decoder's walls](security.md#the-decoders-walls)."),
    "egress_by_proxy": Event(INFO, (COURIER,), "All calls go through the `proxy`, which judges addresses."),
    "thread_missing": Event(WARNING, (COURIER,), "The system gives no more threads: `why`. Calls take turns.",
                            "The limit of processes (`TasksMax`, `ulimit -u`)."),
}  # fmt: skip
EVENTS = OF_JOBS | OF_REQUESTS | OF_PROCESSES | OF_PARTS
"""All of them, in the order of docs/logs.md."""
