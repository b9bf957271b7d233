"""When the requests of an open loop go out, and the bytes of one. Pure: randomness is by a seed."""

import random

BOUNDARY = "pixmillpeers7f3a91c2"


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the beginning, up to `seconds`: `rate` a second on the average, as independent clients come
    (a Poisson process). The same for the same seed."""
    drawn = random.Random(seed)
    found, at = [], drawn.expovariate(rate)
    while at < seconds:
        found.append(at)
        at += drawn.expovariate(rate)
    return found


def form_ends(preset: str) -> tuple[bytes, bytes]:
    """What comes before and after the file's bytes in a form with `preset` and one file `image`."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="preset"\r\n\r\n{preset}\r\n--{BOUNDARY}\r\n'
    head += 'Content-Disposition: form-data; name="image"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head.encode(), f"\r\n--{BOUNDARY}--\r\n".encode()


def upload_head(host: str, length: int) -> bytes:
    """The head of a POST /upload with a form of `length` bytes, on a connection that ends after it."""
    return (
        f"POST /upload HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def live_head(host: str) -> bytes:
    """The head of a GET /health/live."""
    return f"GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def answered(answer: bytes) -> tuple[int, bytes]:
    """The status and the body of a whole answer; status 0 for one that was cut."""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return (int(words[1]), body) if len(words) > 1 and words[1].isdigit() else (0, b"")
