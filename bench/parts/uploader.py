"""A client in a process of its own, so that its CPU is counted apart: one upload after the other.

    python -m bench.parts.uploader HOST:PORT multipart|raw FILE PRESET COUNT

On one connection; no two bodies are equal. Prints the last job's id.
"""

import http.client
import json
import secrets
import sys
from pathlib import Path

UNIQUE_BYTES = 16
"""Bytes at the end of the file, after the picture, that make each upload unique."""


def form(preset: str, image: bytes) -> tuple[str, bytes]:
    """Content-Type and body of a form with one file, as a browser sends it."""
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="preset"\r\n\r\n{preset}\r\n--{boundary}\r\n'
    head += 'Content-Disposition: form-data; name="image"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = head.encode() + image + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def main(address: str, kind: str, path: str, preset: str, count: int) -> None:
    """Upload, print."""
    image, answer = Path(path).read_bytes()[:-UNIQUE_BYTES], {}
    web = http.client.HTTPConnection(address, timeout=60)
    for _ in range(count):
        unique = image + secrets.token_bytes(UNIQUE_BYTES)
        if kind == "raw":
            web.request("POST", f"/upload?preset={preset}", unique, {"Content-Type": "image/jpeg"})
        else:
            content_type, body = form(preset, unique)
            web.request("POST", "/upload", body, {"Content-Type": content_type})
        response = web.getresponse()
        answer = json.loads(response.read())
        assert response.status == 202, answer
    print(answer["id"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
