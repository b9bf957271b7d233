"""What a field of a message may hold: each text and each list has a bound here, so that what is decoded can be
kept, and what is made of it can be sent.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from jobs.job import PRIORITIES, Count, Text

VERSION = 1
VERSIONS = frozenset({VERSION})
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""MAXMSGSIZE of every socket. libzmq disconnects a sender that passes it, so senders check first."""
ITEMS_MAX = 10_000
"""Of a message's list: ten times the largest CAPACITY. What has more goes out as several messages."""
VIEWS_MAX = 100_000
"""Of a beat's lists of lanes and tenants: six lanes for each of KEYS_MAX tenants are 60,000."""
SPEC_BYTES_MAX = 32 * 1024
"""Of a job's spec: its recipe has RECIPE_BYTES_MAX at most, the texts beside it 4 KB. FILES_PER_POST_MAX of them fit
into a frame."""
NAMES_MAX = 1000
"""Blobs of one job's sweep in one message, and of one step of the walk: half a megabyte at their longest."""
BLOB_CHARACTERS_MAX = 521
"""Of a blob's name as a file system may have it: `processed/`, a folder and a file of 255 characters each."""
Priority = Annotated[int, Meta(ge=0, lt=len(PRIORITIES))]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
"""Finite, as times and durations of a broker that computes with them must be."""
Debt = Annotated[float, Meta(ge=-1e11, le=1e11)]
Capacity = Annotated[int, Meta(ge=0, le=1000)]
Detail = Annotated[str, Meta(max_length=1000)]
"""Why a try failed, in a worker's words: it cuts them at 300 characters."""
Blob = Annotated[str, Meta(max_length=BLOB_CHARACTERS_MAX)]
Digest = Annotated[bytes, Meta(max_length=64)]
"""Ours have 32 bytes."""
SpecBytes = Annotated[bytes, Meta(max_length=SPEC_BYTES_MAX)]
Many = Meta(max_length=ITEMS_MAX)
Views = Meta(max_length=VIEWS_MAX)
Names = Annotated[list[Blob], Meta(max_length=NAMES_MAX)]
Counts = Annotated[dict[Text, Count], Meta(max_length=64)]
"""Of jobs, by state."""


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass
