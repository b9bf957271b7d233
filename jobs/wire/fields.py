"""The types of a message's fields. Each text and each list has a bound here: so every decoded message can be stored,
and every answer to it can be sent.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobs.job import PRIORITIES, Count, Text
from jobs.limits import DELIVERY_BYTES_MAX

VERSION = 1
VERSIONS = frozenset({VERSION})
TIMES_EDITION, COURIERS_EDITION, BATCHES_EDITION, PAUSES_EDITION = 1, 2, 3, 4
"""The times in Where; SubmitForCouriers and Replay; SubmitToBatch, OpenBatch, CloseBatch, and Submits of many jobs; the
tenant in Pause and Resume."""
EDITION = PAUSES_EDITION
"""What of web's messages a broker knows, as its beat says. It rises with what no broker may ignore: a reader of an
earlier release leaves out the fields and drops the messages that it does not know."""
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""MAXMSGSIZE of every socket. libzmq disconnects a sender that passes it, so senders check first."""
ITEMS_MAX = 10_000
"""Items of a message's list: ten times the largest CAPACITY. A longer list goes out as several messages."""
VIEWS_MAX = 100_000
"""Items of a beat's lists of lanes and tenants: six lanes for each of KEYS_MAX tenants are 60,000."""
SPEC_BYTES_MAX = 32 * 1024
"""Bytes of a job's spec: its recipe has at most RECIPE_BYTES_MAX, the other texts 4 KB. FILES_PER_POST_MAX specs fit
into a frame."""
NAMES_MAX = 1000
"""Blob names of one job's sweep in one message, and of one step of the scan: at most half a megabyte."""
BLOB_CHARACTERS_MAX = 521
"""Characters of a blob's name in a file system: `processed/`, a folder and a file of 255 characters each."""
IMAGES, COURIER = "images", "courier"
"""The kinds of workers: those that make renditions, and those that speak with strangers."""
Priority = Annotated[int, Meta(ge=0, lt=len(PRIORITIES))]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
"""Finite: the broker computes with times and durations."""
Debt = Annotated[float, Meta(ge=-1e11, le=1e11)]
Weight = Annotated[float, Meta(ge=0.001, le=1000)]
"""Of a tenant. Never 0: forecasts divide by it."""
Capacity = Annotated[int, Meta(ge=0, le=1000)]
Detail = Annotated[str, Meta(max_length=1000)]
"""Why a try failed, in the worker's words; the worker cuts them at 300 characters."""
Blob = Annotated[str, Meta(max_length=BLOB_CHARACTERS_MAX)]
Digest = Annotated[bytes, Meta(max_length=64)]
"""A digest or an HMAC: ours have 32 bytes."""
Header = Annotated[str, Meta(max_length=1000)]
"""A header of a delivery: the longest is `webhook-signature`, with 48 characters for each secret."""
DeliveryBody = Annotated[bytes, Meta(max_length=DELIVERY_BYTES_MAX)]
SpecBytes = Annotated[bytes, Meta(max_length=SPEC_BYTES_MAX)]
Many = Meta(max_length=ITEMS_MAX)
Views = Meta(max_length=VIEWS_MAX)
Names = Annotated[list[Blob], Meta(max_length=NAMES_MAX)]
Counts = Annotated[dict[Text, Count], Meta(max_length=64)]
"""Counts of jobs, by state."""


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass
