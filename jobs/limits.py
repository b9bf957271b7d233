"""Every limit with its reason. Those in the first part are the defaults of settings (host/settings/settings.py)."""

UPLOAD_BYTES_MAX = 64 * 1024 * 1024
"""Of the images of one POST: a 100-megapixel JPEG from a camera has 30 to 50 MB."""
PIXELS_MAX = 100_000_000
"""Of one original (each frame): the largest cameras' pictures pass. As RGBA that is 400 MB, which with what
an encoder needs beside it is DECODER_BYTES_MAX. Asked of the head, before anything is decoded."""
FRAMES_MAX = 500
"""Of one animation: twenty seconds at 25 frames a second; each costs a decode and, for WebP and GIF, an encode."""
JOB_SECONDS = 60.0
"""From a decoder's start: a 100-megapixel picture in sixteen renditions ends well before. What passes the
other limits and still computes for ever ends here."""
DECODER_BYTES_MAX = 1024 * 1024 * 1024
"""Address space of one task, beyond that of the fresh decoder; a second try gets twice that."""
DECODER_TRY_SHARE_MAX = 2
"""So many times DECODER_BYTES_MAX is what a job can have at most."""
JPEG_SCANS_MAX = 500
"""Of one progressive JPEG: each scan walks all its blocks, for a handful of bytes. Encoders make about ten."""
WATERMARK_PIXELS_MAX = 16_000_000
"""Of a watermark, which is laid over every frame."""
FILES_PER_POST_MAX = 100
"""A batch is one transaction and one frame; 100 specs of a few KB stay far below FRAME_BYTES_MAX."""
RENDITIONS_MAX = 16
"""Per recipe: bounds one job's time and memory, and its Finished message."""
OUTPUT_PIXELS_MAX = 100_000_000
"""Of one rendition: a recipe must not ask for more memory than an original may."""
SIDE_MAX = 16_383
"""Of a rendition, in pixels: WebP's own limit, the smallest of the formats we write (JPEG 65,535)."""
REFERENCE_CHARACTERS_MAX = 200
METADATA_BYTES_MAX = 2048
METADATA_DEPTH_MAX = 32
"""Lists and objects within each other: what reads our answers need not hold more than what people write."""
RECIPE_BYTES_MAX = 16_384
"""Of a recipe's JSON text: 16 renditions with every key set take under 8 KB."""
FILENAME_CHARACTERS_MAX = 255
"""Longer names are cut, never refused: a name is only a label."""
FORM_PARTS_MAX = 1000
"""Of one multipart form, text parts included: a parser's loop must end."""
FORM_BYTES_MAX = 1024 * 1024
"""What a form may add to its files: boundaries, headers, text parts, and what is before and behind them all."""
BOUNDARY_BYTES_MAX = 200
"""Of a form's: RFC 2046 allows 70, and some senders do not know that."""
PART_HEADERS_BYTES_MAX = 16_384
"""Of one part, all together: a file name of 10 KB, which is cut, not refused. They are held in memory."""
PART_HEADERS_MAX = 8
"""Of one part: browsers send two, mail libraries five."""
PARAMETERS_MAX = 16
"""Of one header's value, or of a query: three and eight are in use."""
FIELD_BYTES_MAX = 65_536
"""Of one text part of a form: the largest that we read is a recipe."""
ROOM_ASKED_BYTES = 1024 * 1024
"""Of uploads that a process writes before it asks for the disk's free bytes again (3 us)."""
GATHERED_BYTES = 1024 * 1024
"""Of one upload, before it is handed to a thread, which takes some 0.1 ms: most uploads need that once. As much may be
on its way to the disk meanwhile."""
GATHERED_BYTES_MAX = 64 * GATHERED_BYTES
"""Of all uploads of one web process: beyond it each writes what has come."""
UPLOADS_AT_ONCE_MAX = 256
"""On their way in from one caller, in one web process: each holds a connection and a file. A browser sends six."""
STREAMS_AT_ONCE_MAX = WAITS_AT_ONCE_MAX = 2048
"""Event streams of one caller in one web process, and requests that wait for a job's end: each holds a connection and
some 30 KB, and is told of each change. No more than a quarter of the process's descriptors, whatever that is."""
VIEWERS_AT_ONCE_MAX = 256
"""Of those, of one job by grants: as many people look at it in one process."""
OVER_MANY_MAX = 8
"""Commands over many jobs at once in one web process, half of them of one caller: so many steps of theirs wait at the
broker at most."""
GRANT_UPLOADS_SPARE = 2
"""Uploads at once above the images that a grant allows: one whose connection was lost is on its way for 30 s more."""
LIST_MAX, LIST_DEFAULT = 500, 50
LIST_WALK_MAX = 10_000
"""Rows that one page of a filtered list reads at most, so that no filter can stall the ledger."""
LIST_BYTES_MAX = 1024 * 1024
"""Of one page, which ends before the job that would pass it: 500 usual jobs take some 500 KB, the largest 12 MB."""
UNSENT_BYTES_MAX = 64 * 1024 * 1024
"""Of all answers of one web process that wait for clients who take nothing of them; of what its streams hold, likewise.
Who holds most for the longest is cut off first."""
TAKEN_BYTES_MAX = 2 * UNSENT_BYTES_MAX
"""The same for clients who take what waits for them, however slowly: 2,700 phones fetch pictures so
(web/handlers/files.py)."""
WRITE_BUFFER_BYTES = 16 * 1024
"""Of a connection, beyond what the kernel holds (host/sockets/listener.py): with more, an answer waits before its next
part."""
UNRECEIPTED_MAX = 256
"""Submits without a receipt per web process: past it a 503 says so, instead of a queue in memory."""
IDEMPOTENCY_SECONDS = 24 * 3600
KEYS_MAX = 10_000
"""API keys: each session is looked for among all of them, and each beat tells of their tenants (1.3 MB)."""
SESSION_SECONDS = 12 * 3600
"""Of a log-in on the page: a day at work. It ends before with its key."""
SESSION_STREAM_SECONDS = 60.0
"""After which a stream of events that a session opened ends, so that the browser comes again with the cookie that it
has then: none, where its user has logged out. What it missed is replayed."""
GRANT_SECONDS, GRANT_SECONDS_MAX = 3600, 7 * 24 * 3600
"""Of a grant that `POST /grants` makes: an hour where none is asked (a form that is open), at most a week (a link in an
e-mail). It cannot be taken back singly, and what lives longer is a key."""
GRANT_COUNT_MAX = 10_000
"""Images under one grant: a large album. So many may be uploaded by whoever finds it."""
GRANT_CHARACTERS_MAX = 4096
"""Of a grant's text: a reference of 200 of JSON's longest characters takes 1,600 of it. URLs have room for that."""
SPENT_GRANTS_MAX = 10_000
"""Grants that a web process remembers as used up (1 MB), and refuses before the body. The count is the broker's."""
AUDIT_RECEIPTS_MAX = 1000
"""Of one request: one look-up of some milliseconds. The client asks in parts."""
AUDIT_BYTES_MAX = 1024 * 1024
"""Of its body: five times what so many receipts take."""
QUARANTINE_SECONDS = 30 * 86_400
"""For which what killed a decoder twice is not tried again by the same engine. A try costs two decoders."""
QUARANTINE_MAX = 10_000
"""Contents in quarantine, in memory and read by each start: the oldest is tried again."""
PURGED_SLACK_SECONDS = 3600
"""What a purge leaves behind stays longer than the retention by this, so that every receipt of the job is
older than the retention when it goes, whatever the clocks of web and broker differ by."""
GRANT_SLACK_SECONDS = 86_400
"""How often a grant was used is kept past its end by this: a clock put back makes it good again, not unused."""
STREAM_JOBS_MAX = FILES_PER_POST_MAX
"""Of one stream of events of some jobs: a whole batch. Their ids are 3 KB of a query, their grants some 17 KB."""
CHANGES_KEPT = 10_000
"""Recent changes that a web process can replay to a reader that reconnects."""
TIMELINE_MAX = 200
"""Lines of a timeline; past it the oldest but the first are dropped (a job requeued for ever)."""
HEAD_BYTES_MAX = 65_536
"""Of a request's line and headers, held in memory: eight times what nginx takes by default. Framing between two pieces
of a body, and what comes after it, likewise."""
HEAD_SECONDS = 10.0
"""From a connection, or a request's first byte, to the end of its head: a head is one or two packets, which come again
within 7 s where three in a row are lost."""
PIPELINED_MAX = 16
"""Requests of a connection that wait until the one before them is answered. Browsers send none so; one read of 256 KiB
holds 13,000, of 35 MB in memory."""
BODY_SILENCE_SECONDS = 30.0
"""A body of which nothing comes for so long is given up: a phone between two cells is back by then."""
BODY_BYTES_PER_SECOND_MIN = 4096
"""Of a body, in the long run: half of what EDGE sends. At a tenth, one connection would hold its file for days."""
REFUSED_SECONDS = 30.0
"""How long the rest of a body that was answered early is read and thrown away: a connection closed under its sender
may take the answer with it, and many senders read only when they have sent all."""
SEND_SECONDS = 30.0
"""Of an answer, in which the client takes nothing off a full buffer (16 KiB, and the kernel's). What it takes buys time
at BODY_BYTES_PER_SECOND_MIN, as what comes of a body does."""
KEEP_ALIVE_SECONDS = 65.0
"""Between two requests: longer than a proxy keeps its own side (nginx: 60 s), so that we never close under one."""
RETRY_SECONDS = 2
"""Retry-After where nothing better is known: past a restarted broker, soon enough for a person."""
