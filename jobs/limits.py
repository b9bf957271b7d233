"""Every limit with its reason. Those in the first part are the defaults of settings (host/settings/settings.py)."""

UPLOAD_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of all images of one POST: a 100-megapixel JPEG from a camera has 30 to 50 MB."""
PIXELS_MAX = 100_000_000
"""Pixels of one original (of each frame): the largest cameras' pictures pass. As RGBA that is 400 MB; with the memory
of an encoder it is DECODER_BYTES_MAX. The head is judged by it, before anything is decoded."""
FRAMES_MAX = 500
"""Frames of one animation: twenty seconds at 25 frames a second. Each costs a decode and, for WebP and GIF, an
encode."""
JOB_SECONDS = 60.0
"""Seconds from a decoder's start: a 100-megapixel picture in sixteen renditions ends well before. A job that passes the
other limits and still computes for ever ends here."""
FETCH_SECONDS = 30.0
"""Seconds to fetch an original from its address: UPLOAD_BYTES_MAX at 2 MB a second."""
DECODER_BYTES_MAX = 1024 * 1024 * 1024
"""Address space of one task, beyond that of the fresh decoder; a second try gets twice that."""
DECODER_TRY_SHARE_MAX = 2
"""A job can have at most this many times DECODER_BYTES_MAX."""
JPEG_SCANS_MAX = 500
"""Scans of one progressive JPEG: each scan reads all blocks, for a handful of bytes. Encoders write about ten."""
WATERMARK_PIXELS_MAX = 16_000_000
"""Pixels of a watermark: it is laid over every frame."""
FILES_PER_POST_MAX = 100
"""A batch is one transaction and one frame; 100 specs of a few KB stay far below FRAME_BYTES_MAX."""
PARTIAL_SECONDS = 86_400.0
"""A batch that nobody closes ends so many seconds after the last POST to it: what a day's import needs."""
BATCH_JOBS_MAX = 1000
"""Jobs of one batch: `GET /batches/{batch}` lists them all in one answer."""
RENDITIONS_MAX = 16
"""Per recipe: bounds one job's time and memory, and its Finished message."""
OUTPUT_PIXELS_MAX = 100_000_000
"""Pixels of one rendition: a recipe must not need more memory than an original may."""
SIDE_MAX = 16_383
"""A side of a rendition, in pixels: WebP's own limit, the smallest of the formats we write (JPEG 65,535)."""
REFERENCE_CHARACTERS_MAX = 200
METADATA_BYTES_MAX = 2048
METADATA_DEPTH_MAX = 32
"""Depth of nested lists and objects: no parser of our answers needs more depth than people write."""
RECIPE_BYTES_MAX = 16_384
"""Bytes of a recipe's JSON text: 16 renditions with every key set to its longest value take some 12 KB."""
FILENAME_CHARACTERS_MAX = 255
"""Longer names are cut, never refused: a name is only a label."""
WEBHOOK_SECRETS_MAX = 10
"""With the secret in DATA an event is signed 11 times, in 527 characters of a header; a courier takes 1,000."""
WEBHOOK_CHARACTERS_MAX = 1000
"""Characters of a receiver's address: a grant that names one must fit into GRANT_CHARACTERS_MAX."""
DELIVERY_BYTES_MAX = 8192
"""Bytes of an event's body: the specification of Standard Webhooks asks for less than 20 KB."""
REDIRECT_CHARACTERS_MAX = 2000
"""Characters of a form's `redirect`: with what we add, a header and an address that every browser and proxy takes."""
FORM_PARTS_MAX = 1000
"""Parts of one multipart form, text parts included: a parser's loop must end."""
FORM_BYTES_MAX = 1024 * 1024
"""Bytes that a form may add to its files: boundaries, headers, text parts, preamble and epilogue."""
BOUNDARY_BYTES_MAX = 200
"""Characters of a form's boundary: RFC 2046 allows 70, but some senders do not know that."""
PART_HEADERS_BYTES_MAX = 16_384
"""Bytes of all headers of one part: enough for a file name of 10 KB, which is cut, not refused. They are in memory."""
PART_HEADERS_MAX = 8
"""Headers of one part: browsers send two, mail libraries five."""
PARAMETERS_MAX = 16
"""Parameters of one header's value, or of a query: three and eight are in use."""
FIELD_BYTES_MAX = 65_536
"""Bytes of one text part of a form: the largest that we read is a recipe."""
DISK_ASKED_BYTES = 1024 * 1024
"""A process asks for the disk's free bytes (3 us) again after it has written this many bytes of uploads."""
GATHERED_BYTES = 1024 * 1024
"""Bytes of one upload that are gathered before they go to a thread. That takes some 0.1 ms, and most uploads need it
once. The same number may be on its way to the disk meanwhile."""
GATHERED_BYTES_MAX = 64 * GATHERED_BYTES
"""Gathered bytes of all uploads of one web process: beyond it each upload writes what it has."""
UPLOADS_AT_ONCE_MAX = 256
"""Uploads of one caller on their way in, in one web process: each holds a connection and a file. A browser sends
six."""
STREAMS_AT_ONCE_MAX = WAITS_AT_ONCE_MAX = 2048
"""Event streams of one caller in one web process; and likewise requests that wait for a job's end. Each holds a
connection and some 30 KB, and hears each change. A quarter of the process's descriptors is a second bound."""
VIEWERS_AT_ONCE_MAX = 256
"""Those of one job by grants: this many people may look at it in one process."""
OVER_MANY_MAX = 8
"""Commands over many jobs at once in one web process, at most half of them of one caller. So at most this many of their
steps wait at the broker."""
GRANT_UPLOADS_SPARE = 2
"""Uploads at once beyond the images that a grant allows: after a lost connection an upload counts for 30 s more."""
LIST_MAX, LIST_DEFAULT = 500, 50
LIST_SCAN_MAX = 10_000
"""Rows that one page of a filtered list reads at most, so that no filter can stall the ledger."""
EXPORT_MAX = 1_000_000_000
"""Jobs of one export, if it has a bound: beyond all ledgers."""
EXPORTS_MAX = 8
"""Exports of lists at once in one web process, at most half of them of one caller. Each reads without pause, as fast as
its client takes it."""
LIST_BYTES_MAX = 1024 * 1024
"""Bytes of one page. A page ends before the job that would exceed it: 500 usual jobs take some 500 KB, the largest 12
MB."""
UNSENT_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of all answers, and of all streams, of one web process that wait for clients who take nothing. The client that
holds most for the longest is cut off first."""
TAKEN_BYTES_MAX = 2 * UNSENT_BYTES_MAX
"""The same for clients who do take their bytes, however slowly: 2,700 phones fetch pictures like this
(web/handlers/files.py)."""
WRITE_BUFFER_BYTES = 16 * 1024
"""Bytes of a connection, beyond those that the kernel holds (host/sockets/listener.py). With more, an answer waits
before its next part (back-pressure)."""
UNACKNOWLEDGED_MAX = 256
"""Submits without an acknowledgement per web process: beyond it the answer is a 503, instead of a queue in memory."""
OPEN_BATCHES_MAX, OPEN_BATCHES_ALL = 1000, 100_000
"""Open batches of one tenant, and of all. An open batch needs no job, so no other limit bounds them. Each start of a
broker counts all of them: 100,000 take a fifth of a second."""
IDEMPOTENCY_SECONDS = 24 * 3600
EXPIRES_IN_MIN, EXPIRES_IN_MAX = 1, 7 * 24 * 3600
"""Seconds that an upload may give its jobs to be begun: a job that may wait longer than a week needs no deadline."""
KEYS_MAX = 10_000
"""API keys: a session's key is searched among all of them, and each beat lists their tenants (1.3 MB)."""
SESSION_SECONDS = 12 * 3600
"""Seconds of a log-in on the page: a day at work. It ends earlier if its key is removed."""
SESSION_STREAM_SECONDS = 60.0
"""A stream of events that a session opened ends after this time. So the browser comes again with its present cookie, or
without one if its user has logged out. Missed events are replayed."""
GRANT_SECONDS, GRANT_SECONDS_MAX = 3600, 7 * 24 * 3600
"""Life of a grant that `POST /grants` makes: by default an hour (an open form), at most a week (a link in an e-mail). A
single grant cannot be revoked, so whatever must live longer is a key."""
GRANT_COUNT_MAX = 10_000
"""Images under one grant: a large album. Anyone who finds the grant may upload this many."""
GRANT_CHARACTERS_MAX = 4096
"""Characters of a grant's text: a reference of 200 of JSON's longest characters takes 1,600. URLs have that room."""
SPENT_GRANTS_MAX = 10_000
"""Used-up grants that a web process remembers (1 MB), to refuse them before the body. The broker counts the uses."""
AUDIT_RECEIPTS_MAX = 1000
"""Receipts of one request: one look-up of some milliseconds. The client asks in parts."""
AUDIT_BYTES_MAX = 1024 * 1024
"""Bytes of its body: five times the size of this many receipts."""
QUARANTINE_SECONDS = 30 * 86_400
"""Quarantine: content that killed a decoder twice is not tried again by the same engine for this long. A try costs two
decoders."""
QUARANTINE_MAX = 10_000
"""Contents in quarantine: they are in memory, and each start reads them. Beyond it the oldest one is released."""
PURGED_SLACK_SECONDS = 3600
"""The remains of a purge stay this much longer than the retention. So every receipt of the job is older than the
retention when they go, however much the clocks of web and broker differ."""
ACTIONS_MAX = 10_000
"""Actions that are kept: 1 MB of usual ones, 4 MB of those with long filters. The oldest go. So few need no index by
time."""
GRANT_SLACK_SECONDS = 86_400
"""The uses of a grant are kept for this long after its end: if a clock is put back, the grant is valid again, but not
unused."""
STREAM_JOBS_MAX = FILES_PER_POST_MAX
"""Jobs of one stream of events: a whole batch. Their ids take 3 KB of a query, their grants some 17 KB."""
CHANGES_KEPT = 10_000
"""Recent changes that a web process can replay to a reader that reconnects."""
TIMELINE_MAX = 200
"""Lines of a timeline. Beyond it the oldest lines except the first are dropped (a job that is requeued for ever)."""
HEAD_BYTES_MAX = 65_536
"""Bytes of a request's line and headers, held in memory: eight times nginx's default. The same bound holds for the
framing between two pieces of a body, and for the trailer."""
HEAD_SECONDS = 10.0
"""Seconds from a connection, or from a request's first byte, to the end of its head. A head is one or two packets; if
three in a row are lost, they come again within 7 s."""
PIPELINED_MAX = 16
"""Pipelined requests of a connection that wait for the answer to the one before. Browsers send none. One read of 256
KiB holds 13,000 requests, which take 35 MB of memory."""
BODY_SILENCE_SECONDS = 30.0
"""A body is given up if nothing comes for this long: a phone between two cells is back by then."""
BODY_BYTES_PER_SECOND_MIN = 4096
"""The least rate of a body in the long run: half of EDGE's. At a tenth of it, one connection would hold its file for
days."""
REFUSED_SECONDS = 30.0
"""For this long the rest of a body that was answered early is read and dropped. Many senders read only after they have
sent all; if the connection were closed before, they could lose the answer."""
SEND_SECONDS = 30.0
"""A client may take nothing from an answer's full buffer (16 KiB, and the kernel's) for this long. Each byte that it
takes buys time at BODY_BYTES_PER_SECOND_MIN, as each byte of a body does."""
KEEP_ALIVE_SECONDS = 65.0
"""Seconds between two requests: longer than a proxy keeps its side open (nginx: 60 s), so that we never close first."""
RETRY_SECONDS = 2
"""Retry-After if nothing better is known: a broker has restarted by then, and it is soon enough for a person."""
