"""The judgement of an original by its head, while its bytes still come: an upload's, and that of an address. Pure."""

from jobs.errors import ClientFault, LimitExceeded
from jobs.images.filetypes import refusal
from jobs.images.head import Head, HeadReader


def judged(reader: HeadReader, formats: tuple[str, ...], pixels_max: int) -> Head:
    """The head of a file whose type is known. Raises ClientFault `unsupported_type`, LimitExceeded."""
    head = reader.head
    if head is None or head.format not in formats:
        raise ClientFault(refusal(reader.start, formats), code="unsupported_type")
    pixels = head.width * head.height
    if pixels > pixels_max:
        raise LimitExceeded("pixels_over_limit", "pixels_max", pixels_max, pixels)
    return head
