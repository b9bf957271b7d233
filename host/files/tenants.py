"""The file that PIXMILL_TENANTS names, as it is on disk at the start of broker and web.

Owns how it is read. Its syntax is jobs/tenants.py's.
"""

from jobs.errors import SetupFault
from jobs.tenants import FILE_BYTES_MAX, TenantLimits, parse_tenants


def read_tenants(path: str) -> dict[str, TenantLimits]:
    """What each tenant in the file at `path` may have; empty for no path. Raises SetupFault."""
    if not path:
        return {}
    name = f"the file of tenants {path}"
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SetupFault(
            f"{name} cannot be read ({error.strerror}): set PIXMILL_TENANTS to a file of tenants"
        ) from None
    if len(data) > FILE_BYTES_MAX:
        raise SetupFault(f"{name} has more than {FILE_BYTES_MAX} bytes, which are the most: make it smaller")
    try:
        return parse_tenants(data.decode(), name)
    except UnicodeDecodeError:
        raise SetupFault(f"{name} is not in UTF-8: save it so") from None
