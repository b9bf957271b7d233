"""The Python client of pixmill and its command. Speaks HTTP only and imports nothing else of this repository.

with pixmill.Client() as client:
    job = client.upload("photo.jpg", preset="default", wait=30)
    client.download(job.rendition("thumb"), Path("thumb.jpg"))
"""

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:  # true for a type checker; the import of typing itself takes 10 ms
    from typing import Any

    from pixmill.names import *  # noqa: F403 - what its __all__ has


def __getattr__(name: str) -> "Any":
    """A name of pixmill/names.py. They are imported late, so that the command hears Ctrl-C before (command.py)."""
    try:
        value = getattr(import_module("pixmill.names"), name)
    except AttributeError:
        raise AttributeError(f"module 'pixmill' has no attribute {name!r}") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
