"""The Python client of pixmill and its command. Speaks HTTP only and imports nothing else of this repository.

with pixmill.Client() as client:
    job = client.upload("photo.jpg", preset="default")
    job = client.wait(job["id"])
"""

from pixmill.client import Client
from pixmill.errors import PixmillError, Refused, Unreachable
from pixmill.grants import grant, view_grant

__all__ = ["Client", "PixmillError", "Refused", "Unreachable", "grant", "view_grant"]
