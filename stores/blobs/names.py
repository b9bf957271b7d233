"""The allowed names of blobs."""

from jobs.errors import StoreFault
from jobs.ids import is_blob


def checked(name: str) -> str:
    """`name` itself. Raises StoreFault if it is not a valid name of a blob."""
    if not is_blob(name):
        raise StoreFault(f"{name!r} is not a valid blob name")
    return name
